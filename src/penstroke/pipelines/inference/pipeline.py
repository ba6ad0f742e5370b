"""drawings -> drawing_digits, rejected_drawings -> predictions -> predictions_plot."""

from kedro.pipeline import Node, Pipeline

from .figures import draw_predictions
from .nodes import classify_digits, frame_drawings


def create_pipeline() -> Pipeline:
    """Assemble the stage."""
    return Pipeline(
        [
            Node(
                frame_drawings,
                inputs=["drawings", "production_model", "params:drawings"],
                outputs=["drawing_digits", "rejected_drawings"],
                name="frame_drawings",
            ),
            Node(
                classify_digits,
                inputs=[
                    "drawing_digits",
                    "production_model",
                    "production_receipt",
                    "params:answers",
                ],
                outputs="predictions",
                name="classify_digits",
            ),
            Node(
                draw_predictions,
                inputs={
                    "drawings": "drawings",
                    "drawing_digits": "drawing_digits",
                    "predictions": "predictions",
                    "frame": "params:drawings",
                    "production_model": "production_model",
                    "answers": "params:answers",
                },
                outputs="predictions_plot",
                name="draw_predictions",
            ),
        ],
        tags="inference",
    )
