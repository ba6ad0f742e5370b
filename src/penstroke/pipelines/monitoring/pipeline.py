"""drawing_digits, rejected_drawings, predictions, reference_profiles -> drift_scores, drift_card, plots, an alarm."""

from kedro.pipeline import Node, Pipeline

from .figures import draw_drift, draw_drifted_digits
from .nodes import gather_digits, measure_drift, raise_alarm, write_drift_card


def create_pipeline(rejected: str | None = "rejected_drawings") -> Pipeline:
    """Assemble the stage.

    Args:
        rejected: the dataset of what was rejected before a model saw it; None where there is none.
    """
    return Pipeline(
        [
            Node(
                gather_digits,
                inputs=["drawing_digits", "predictions", "reference_profiles", "inbox", "params:cleaning"],
                outputs="compared_digits",
                name="gather_digits",
            ),
            Node(
                measure_drift,
                inputs=["compared_digits", "params:drift", *([rejected] if rejected else [])],
                outputs="drift_scores",
                name="measure_drift",
            ),
            Node(draw_drift, inputs=["compared_digits", "drift_scores"], outputs="drift_plot", name="draw_drift"),
            Node(
                draw_drifted_digits,
                inputs=["compared_digits", "drawing_digits", "drift_scores", "params:cleaning", "params:drift"],
                outputs="drifted_digits_plot",
                name="draw_drifted_digits",
            ),
            Node(
                write_drift_card,
                inputs=["compared_digits", "drift_scores", "params:drift"],
                outputs="drift_card",
                name="write_drift_card",
            ),
            Node(
                raise_alarm,
                inputs=["drift_scores", "drift_card", "drift_plot", "drifted_digits_plot"],
                outputs="silent_drift_scores",
                name="raise_alarm",
            ),
        ],
        tags="monitoring",
    )
