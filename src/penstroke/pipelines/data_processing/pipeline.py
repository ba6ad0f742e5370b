"""raw_digits, feedback_digits -> digit_form, accepted_digits -> digits, labels."""

from kedro.pipeline import Node, Pipeline

from .nodes import describe_form, screen_digits, split_digits


def create_pipeline() -> Pipeline:
    """Assemble the stage."""
    return Pipeline(
        [
            Node(
                describe_form,
                inputs=["raw_digits", "params:cleaning"],
                outputs="digit_form",
                name="describe_form",
            ),
            Node(
                screen_digits,
                inputs=["raw_digits", "params:cleaning", "feedback_digits"],
                outputs=["accepted_digits", "rejected_digits", "cleaning_scores"],
                name="screen_digits",
            ),
            Node(
                split_digits,
                inputs=["accepted_digits", "params:split"],
                outputs=["digits", "labels"],
                name="split_digits",
            ),
        ],
        tags="data_engineering",
    )
