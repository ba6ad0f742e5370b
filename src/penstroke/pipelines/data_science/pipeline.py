"""digit_features, copy_features, labels -> training_rows -> search_results -> leaderboard -> champion_model."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain

from .nodes import assemble_training_rows, choose_champion, fit_champion, rank_contenders, search_contenders


def create_pipeline() -> Pipeline:
    """Assemble the pipeline. It takes features of copies if the domain makes copies."""
    makes_copies = hasattr(domain, "extract_copy_features")
    copies = ["copy_features"] if makes_copies else []
    copied = {"copied_rows": "digits", "augmentation": "params:augmentation"} if makes_copies else {}
    return Pipeline(
        [
            Node(
                assemble_training_rows,
                inputs=["digit_features", "labels", *copies],
                outputs="training_rows",
                name="assemble_training_rows",
            ),
            Node(
                search_contenders,
                inputs=["training_rows", "params:contenders", "params:search", "params:final_fit"],
                outputs=["search_results", "timings"],
                name="search_contenders",
            ),
            Node(rank_contenders, inputs="search_results", outputs="leaderboard", name="rank_contenders"),
            Node(
                choose_champion,
                inputs=["leaderboard", "params:contenders", "params:search"],
                outputs="champion_settings",
                name="choose_champion",
            ),
            Node(
                fit_champion,
                inputs={
                    "training_rows": "training_rows",
                    "champion_settings": "champion_settings",
                    "final_fit": "params:final_fit",
                    "features": "params:features",
                    "row_form": "digit_form",
                    **copied,
                },
                outputs="champion_model",
                name="fit_champion",
            ),
        ],
        tags="model_engineering",
    )
