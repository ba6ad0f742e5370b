"""drawings -> drawing_digits -> predictions -> predictions_plot; incoming_digits -> table_predictions."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain
from penstroke.pools import IN_PROCESSES

from .nodes import classify_rows


def create_pipeline() -> Pipeline:
    """Assemble the pipeline for files: read them into rows, and predict the rows."""
    from .reading import read_rows  # noqa: PLC0415 # not every domain can read files

    pictures = domain.picture_nodes("inference") if hasattr(domain, "picture_nodes") else []
    read = Node(
        read_rows,
        inputs=["drawings", "production_model", "params:drawings"],
        outputs=["drawing_digits", "rejected_drawings"],
        name="read_rows",
    )
    return Pipeline([read, _classify("drawing_digits", "predictions"), *pictures], tags="inference")


def create_table_pipeline() -> Pipeline:
    """Assemble the pipeline for a table of any size."""
    return Pipeline([_classify("incoming_digits", "table_predictions", "table")], tags="inference")


def _classify(rows: str, predictions: str, namespace: str | None = None) -> Node:
    return Node(
        classify_rows,
        inputs=[rows, "production_model", "production_receipt", "params:answers"],
        outputs=predictions,
        name="classify_rows",
        tags=IN_PROCESSES,
        namespace=namespace,
    )
