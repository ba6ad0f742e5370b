"""Kedro settings that differ from the defaults."""

from kedro_guards.config import CheckedConfigLoader
from kedro_guards.hooks import GuardHooks
from kedro_guards.runs import GuardedSession
from penstroke.serving.parameters import Serving
from penstroke.summary import SummaryHooks

SESSION_CLASS = GuardedSession
HOOKS = (GuardHooks(serving=Serving), SummaryHooks())

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
MOVED_MODULES = {"pipelines.feature_engineering.patches": "domain.patches"}  # old name in stored model files: new name
