"""raw_digits, feedback_digits -> digit_form, accepted_digits -> digits, labels."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain

from .nodes import screen_rows, split_rows, state_form


def create_pipeline() -> Pipeline:
    """Assemble the pipeline. It takes feedback rows if the domain can read files."""
    feedback = ["feedback_digits"] if hasattr(domain, "read") else []
    return Pipeline(
        [
            Node(
                state_form,
                inputs=["raw_digits", "params:cleaning"],
                outputs="digit_form",
                name="state_form",
            ),
            Node(
                screen_rows,
                inputs=["raw_digits", "digit_form", *feedback],
                outputs=["accepted_digits", "rejected_digits", "cleaning_scores"],
                name="screen_rows",
            ),
            Node(
                split_rows,
                inputs=["accepted_digits", "params:split"],
                outputs=["digits", "labels"],
                name="split_rows",
            ),
        ],
        tags="data_engineering",
    )
