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
    """Name the pipelines; ``__default__`` is the main job, the others run on their own clock.

    All are registered whichever were asked for, so that a parameter that belongs to no pipeline can be told from one of
    a pipeline that does not run now. What begins with files is there if the domain can read files.
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
    # first, since Kedro-Viz describes a dataset as the first pipeline that has it does
    return {"__default__": sum(main_job.values(), start=Pipeline([])), **main_job, **others}
