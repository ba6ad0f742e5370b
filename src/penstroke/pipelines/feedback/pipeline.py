"""inbox, digit_form, raw_digits -> labelled_drawings, rejected_feedback."""

from kedro.pipeline import Node, Pipeline


def create_pipeline() -> Pipeline:
    """Assemble the pipeline."""
    from .nodes import take_in_feedback  # noqa: PLC0415 # not every domain can read files

    return Pipeline(
        [
            Node(
                take_in_feedback,
                inputs=["inbox", "digit_form", "raw_digits", "params:drawings"],
                outputs=["labelled_drawings", "rejected_feedback"],
                name="take_in_feedback",
            ),
        ],
        tags="data_engineering",
    )
