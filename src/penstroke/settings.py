"""What differs from Kedro's defaults."""

import fsspec

from penstroke.config import CheckedConfigLoader
from penstroke.errors import FailureHooks
from penstroke.guards.files import AtomicLocalFileSystem
from penstroke.guards.ledger import ReceiptHooks
from penstroke.guards.runs import GuardedSession, SweepHooks
from penstroke.hooks import ParameterHooks, SummaryHooks

fsspec.register_implementation("file", AtomicLocalFileSystem, clobber=True)  # a killed save costs nothing stored

SESSION_CLASS = GuardedSession
HOOKS = (ParameterHooks(), ReceiptHooks(), SweepHooks(), FailureHooks(), SummaryHooks())

DISABLE_HOOKS_FOR_PLUGINS = ("kedro_telemetry", "kedro-telemetry")  # as .telemetry says, which a package leaves behind

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # an environment overrides single parameters and keeps the rest of base
    "merge_strategy": {"parameters": "soft"},
}
