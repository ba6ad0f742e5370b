"""champion_model, test rows -> test_predictions -> test_scores, *_plot, model_card, reference_profiles."""

from kedro.pipeline import Node, Pipeline

from .figures import (
    draw_calibration,
    draw_confusion,
    draw_evidence,
    draw_features,
    draw_leaderboard,
    draw_mistakes,
)
from .nodes import predict_test_rows, score_test_rows, state_origin, write_model_card
from .profiles import profile_digits


def create_pipeline() -> Pipeline:
    """Assemble the stage."""
    return Pipeline(
        [
            Node(
                predict_test_rows,
                inputs=["champion_model", "digit_features", "labels", "params:scoring"],
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
                draw_mistakes,
                inputs=["test_predictions", "digits", "params:features", "params:pictures"],
                outputs="mistakes_plot",
                name="draw_mistakes",
            ),
            Node(
                draw_evidence,
                inputs=["champion_model", "digits", "params:features", "params:pictures"],
                outputs="evidence_plot",
                name="draw_evidence",
            ),
            Node(
                draw_features,
                inputs=["digits", "params:features"],
                outputs="features_plot",
                name="draw_features",
            ),
            Node(
                state_origin,
                inputs=["champion_model", "champion_settings", "digits", "params:augmentation", "params:final_fit"],
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
                profile_digits,
                inputs=["digits", "test_predictions", "champion_receipt", "params:profile"],
                outputs="reference_profiles",
                name="profile_digits",
            ),
        ],
        tags="report",
    )
