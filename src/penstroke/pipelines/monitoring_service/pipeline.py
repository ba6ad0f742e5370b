"""served_digits, served_predictions -> service_drift_scores, …, by the nodes of monitoring."""

from kedro.pipeline import Pipeline

from penstroke.pipelines import monitoring


def create_pipeline() -> Pipeline:
    """Take monitoring under a namespace of its own, for what the service was asked and answered.

    What the service refuses it tells the caller and counts in its metrics; it keeps none of it.
    """
    compared = monitoring.create_pipeline(rejected=None)
    return Pipeline(
        compared,
        inputs={
            "drawing_digits": "served_digits",
            "predictions": "served_predictions",
            "reference_profiles": "reference_profiles",
            "inbox": "inbox",
        },
        outputs={name: f"service_{name}" for name in compared.all_outputs()},
        parameters={"cleaning", "drift"},
        namespace="service",
    )
