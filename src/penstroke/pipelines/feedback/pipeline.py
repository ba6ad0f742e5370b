"""inbox, digit_form -> labelled_drawings, rejected_feedback."""

from kedro.pipeline import Node, Pipeline

from .nodes import take_in_feedback


def create_pipeline() -> Pipeline:
    """Assemble the stage."""
    return Pipeline(
        [
            Node(
                take_in_feedback,
                inputs=["inbox", "digit_form", "params:drawings"],
                outputs=["labelled_drawings", "rejected_feedback"],
                name="take_in_feedback",
            ),
        ],
        tags="data_engineering",
    )
