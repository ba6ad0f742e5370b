"""What differs from Kedro's defaults."""

from penstroke.hooks import ParameterHooks, SummaryHooks

HOOKS = (ParameterHooks(), SummaryHooks())

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # an environment overrides single parameters and keeps the rest of base
    "merge_strategy": {"parameters": "soft"},
}
