"""digits -> digit_features, copy_features."""

from kedro.pipeline import Node, Pipeline

from .nodes import extract_copy_features, extract_features


def create_pipeline() -> Pipeline:
    """Assemble the stage."""
    return Pipeline(
        [
            Node(
                extract_features,
                inputs=["digits", "params:features"],
                outputs="digit_features",
                name="extract_features",
            ),
            Node(
                extract_copy_features,
                inputs=["digits", "params:features", "params:augmentation"],
                outputs="copy_features",
                name="extract_copy_features",
            ),
        ],
        tags="data_engineering",
    )
