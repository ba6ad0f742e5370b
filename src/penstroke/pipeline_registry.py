"""The project's pipelines, by name."""

from importlib import import_module
from pkgutil import iter_modules

from kedro.pipeline import Pipeline

from penstroke import pipelines

MAIN_JOB = ("data_processing", "feature_engineering", "data_science", "reporting")


def register_pipelines() -> dict[str, Pipeline]:
    """Find each package below ``pipelines``; ``__default__`` is the main job, the others run on their own clock.

    All are registered whichever were asked for (Kedro's ``find_pipelines`` would import only those), so that a
    parameter that belongs to no pipeline can be told from one of a pipeline that does not run now.
    """
    names = [module.name for module in iter_modules(pipelines.__path__)]
    found = {name: import_module(f"{pipelines.__name__}.{name}").create_pipeline() for name in names}
    # first, since Kedro-Viz describes a dataset as the first pipeline that has it does
    return {"__default__": sum((found[name] for name in MAIN_JOB), start=Pipeline([]))} | found
