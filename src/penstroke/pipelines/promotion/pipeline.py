"""champion_model, digits, current_model -> scores and costs -> verdict -> production_model."""

from kedro.pipeline import Node, Pipeline

from .measures import compare_models, measure_costs, score_champion, stress_champion
from .nodes import judge_champion, promote_champion


def create_pipeline() -> Pipeline:
    """Assemble the pipeline."""
    return Pipeline(
        [
            Node(
                score_champion,
                inputs=["champion_model", "digits", "params:scoring"],
                outputs="champion_scores",
                name="score_champion",
            ),
            Node(
                stress_champion,
                inputs=["champion_model", "digits", "params:scoring", "params:perturbations"],
                outputs="stress_scores",
                name="stress_champion",
            ),
            Node(
                measure_costs,
                inputs=["champion_model", "digits"],
                outputs="champion_costs",
                name="measure_costs",
            ),
            Node(
                compare_models,
                inputs=["champion_model", "current_model", "digits", "params:scoring"],
                outputs="comparison_scores",
                name="compare_models",
            ),
            Node(
                judge_champion,
                inputs=["champion_scores", "stress_scores", "champion_costs", "comparison_scores", "params:gate"],
                outputs=["verdict", "verdict_card"],
                name="judge_champion",
            ),
            Node(
                promote_champion,
                inputs=["champion_model", "verdict", "current_model"],
                outputs="production_model",
                name="promote_champion",
            ),
        ],
        tags="release",
    )
