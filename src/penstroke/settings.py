"""Kedro settings that differ from the defaults."""

import os

from kedro_guards.config import CheckedConfigLoader
from kedro_guards.hooks import GuardHooks
from penstroke.cluster import ClusterHooks
from penstroke.notices import Notices, NoticeSession
from penstroke.pools import PoolHooks
from penstroke.serving.parameters import Serving
from penstroke.summary import SummaryHooks
from penstroke.tracking import Tracking, TrackingHooks

# Arrow reads this when it is imported: its own default holds up to one more copy of a table that it has read
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")

SESSION_CLASS = NoticeSession
HOOKS = (  # before a run the last one is called first
    *(ClusterHooks(), PoolHooks(), GuardHooks(serving=Serving, tracking=Tracking, notices=Notices)),
    *(SummaryHooks(), TrackingHooks()),
)

DISABLE_HOOKS_FOR_PLUGINS = ("kedro_telemetry", "kedro-telemetry")  # .telemetry says so too, but is not in the package

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # an environment overrides single parameters; all others keep their values of base
    "merge_strategy": {"parameters": "soft"},
}

TRUSTED_TYPES = (  # classes of this project that model files may contain
    "penstroke.pipelines.data_science.calibration.TemperatureScaledClassifier",
    "penstroke.pipelines.data_science.estimators.AugmentedClassifier",
    "penstroke.pipelines.data_science.kernel_machines.NystroemRidgeClassifier",
    "penstroke.domain.patches.PatchDictionary",
)
FORMER_NAMES = {  # what configuration, and modules in stored model files, were called; empty: removed
    "answers.shown": "pictures.files",
    "drifted_digits_plot": "oddest_digits_plot",
    "final_fit.calibration": "",
    "former_model": "current_model",
    "penstroke.datasets.idx": "penstroke.domain.idx",
    "penstroke.datasets.model.FormerModelDataset": "kedro_guards.datasets.model.CurrentModelDataset",
    "penstroke.datasets.model.ProductionDataset": "kedro_guards.datasets.model.ReversibleModelDataset",
    "penstroke.datasets": "kedro_guards.datasets",
    "penstroke.pipelines.feature_engineering.patches": "penstroke.domain.patches",
    "serving.most_pixels": "drawings.most_pixels",
}
