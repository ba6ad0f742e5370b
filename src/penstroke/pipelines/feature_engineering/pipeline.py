"""digits -> digit_features, copy_features."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain


def create_pipeline() -> Pipeline:
    """Assemble the pipeline. It has a node for copies if the domain makes copies."""
    nodes = [
        Node(
            domain.extract_features,
            inputs=["digits", "params:features"],
            outputs="digit_features",
            name="extract_features",
        )
    ]
    if hasattr(domain, "extract_copy_features"):
        nodes.append(
            Node(
                domain.extract_copy_features,
                inputs=["digits", "params:features", "params:augmentation"],
                outputs="copy_features",
                name="extract_copy_features",
            )
        )
    return Pipeline(nodes, tags="data_engineering")
