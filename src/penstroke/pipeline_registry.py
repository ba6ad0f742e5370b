"""The project's pipelines, by name."""

from kedro.pipeline import Pipeline

from penstroke import domain
from penstroke.pipelines import (
    data_processing,
    data_science,
    feature_engineering,
    feedback,
    inference,
    monitoring,
    promotion,
    reporting,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return all pipelines by name. ``__default__`` is the main job; the others run on their own schedules.

    All pipelines are registered, whichever one runs: only then can a parameter that no pipeline uses be detected.
    Pipelines that start from files exist only if the domain can read files.
    """
    main_job = {
        "data_processing": data_processing.create_pipeline(),
        "feature_engineering": feature_engineering.create_pipeline(),
        "data_science": data_science.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    others = {
        "promotion": promotion.create_pipeline(),
        "inference_table": inference.create_table_pipeline(),
        "monitoring_table": monitoring.create_table_pipeline(),
        "monitoring_service": monitoring.create_service_pipeline(),
    }
    if hasattr(domain, "read"):
        others |= {
            "inference": inference.create_pipeline(),
            "feedback": feedback.create_pipeline(),
            "monitoring": monitoring.create_pipeline(),
        }
    # __default__ comes first: Kedro-Viz takes a dataset's description from the first pipeline that contains it
    return {"__default__": sum(main_job.values(), start=Pipeline([])), **main_job, **others}
