"""incoming rows, rejected rows, predictions, reference_profiles -> drift_scores, drift_card, plots, an alarm."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain
from penstroke.pools import IN_PROCESSES

from .figures import draw_drift
from .nodes import find_oddest, gather_rows, measure_drift, raise_alarm, write_drift_card

SHARED = ("reference_profiles", "inbox")


def create_pipeline() -> Pipeline:
    """Assemble the pipeline for files and their predictions."""
    return _assemble("rejected_drawings")


def create_table_pipeline() -> Pipeline:
    """Assemble the pipeline for a table and its predictions."""
    return _of("table", "incoming_digits", "table_predictions")


def create_service_pipeline() -> Pipeline:
    """Assemble the pipeline for the rows that the service received, and its predictions.

    The service counts rejected requests in its metrics, but does not store them.
    """
    return _of("service", "served_digits", "served_predictions")


def _of(namespace: str, rows: str, predictions: str) -> Pipeline:
    nodes = _assemble()
    return Pipeline(
        nodes,
        inputs={"drawing_digits": rows, "predictions": predictions} | {name: name for name in SHARED},
        outputs={name: f"{namespace}_{name}" for name in nodes.all_outputs()},
        parameters={"drift"},
        namespace=namespace,
    )


def _assemble(*rejected: str) -> Pipeline:
    pictures = domain.picture_nodes("monitoring") if hasattr(domain, "picture_nodes") else []
    return Pipeline(
        [
            Node(
                gather_rows,
                inputs=["drawing_digits", "predictions", "reference_profiles", "inbox"],
                outputs="compared_digits",
                name="gather_rows",
                tags=IN_PROCESSES,
            ),
            Node(
                measure_drift,
                inputs=["compared_digits", "params:drift", *rejected],
                outputs="drift_scores",
                name="measure_drift",
            ),
            Node(
                find_oddest,
                inputs=["compared_digits", "drift_scores", "params:drift"],
                outputs="oddest_digits",
                name="find_oddest",
            ),
            Node(draw_drift, inputs=["compared_digits", "drift_scores"], outputs="drift_plot", name="draw_drift"),
            *pictures,
            Node(
                write_drift_card,
                inputs=["compared_digits", "drift_scores", "oddest_digits", "params:drift"],
                outputs="drift_card",
                name="write_drift_card",
            ),
            Node(
                raise_alarm,
                inputs=[
                    "drift_scores",
                    "drift_card",
                    "drift_plot",
                    *(name for node in pictures for name in node.outputs),
                ],
                outputs="silent_drift_scores",
                name="raise_alarm",
            ),
        ],
        tags="monitoring",
    )
