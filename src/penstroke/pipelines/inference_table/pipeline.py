"""incoming_digits -> table_predictions, by the node that answers drawings."""

from kedro.pipeline import Pipeline

from penstroke.pipelines import inference


def create_pipeline() -> Pipeline:
    """Take the part of inference that begins with digits, under a namespace of its own."""
    return Pipeline(
        inference.create_pipeline().only_nodes("classify_digits"),
        inputs={
            "drawing_digits": "incoming_digits",
            "production_model": "production_model",
            "production_receipt": "production_receipt",
        },
        outputs={"predictions": "table_predictions"},
        parameters={"answers"},
        namespace="table",
    )
