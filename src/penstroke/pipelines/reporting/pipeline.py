"""champion_model, test rows -> test_predictions -> test_scores, *_plot, model_card, reference_profiles."""

from kedro.pipeline import Node, Pipeline

from penstroke import domain

from .figures import draw_calibration, draw_confusion, draw_leaderboard
from .nodes import predict_test_rows, profile_rows, score_test_rows, state_origin, write_model_card


def create_pipeline() -> Pipeline:
    """Assemble the pipeline, with the figures that the domain draws."""
    pictures = domain.picture_nodes("reporting") if hasattr(domain, "picture_nodes") else []
    augmentation = ["params:augmentation"] if hasattr(domain, "Augmentation") else []
    return Pipeline(
        [
            Node(
                predict_test_rows,
                inputs=["champion_model", "digits", "params:scoring"],
                outputs="test_predictions",
                name="predict_test_rows",
            ),
            Node(
                score_test_rows,
                inputs=["test_predictions", "champion_receipt", "params:scoring"],
                outputs="test_scores",
                name="score_test_rows",
            ),
            Node(draw_confusion, inputs="test_predictions", outputs="confusion_plot", name="draw_confusion"),
            Node(
                draw_calibration,
                inputs=["test_predictions", "params:scoring"],
                outputs="calibration_plot",
                name="draw_calibration",
            ),
            Node(
                draw_leaderboard,
                inputs=["search_results", "leaderboard"],
                outputs="leaderboard_plot",
                name="draw_leaderboard",
            ),
            Node(
                state_origin,
                inputs=["champion_model", "champion_settings", "digits", "params:final_fit", *augmentation],
                outputs="champion_origin",
                name="state_origin",
            ),
            Node(
                write_model_card,
                inputs=["champion_origin", "leaderboard", "cleaning_scores", "test_scores", "params:elsewhere"],
                outputs="model_card",
                name="write_model_card",
            ),
            Node(
                profile_rows,
                inputs=["digits", "test_predictions", "champion_model", "champion_receipt", "params:profile"],
                outputs="reference_profiles",
                name="profile_rows",
            ),
            *pictures,
        ],
        tags="report",
    )
