"""The command group of a project. Kedro's command line imports this, and nothing else does."""

import os
import signal

from kedro.framework.cli.cli import KedroCLI

from .commands import package, receipt, run, schemas
from .errors import Program, tells_in_short

tells_in_short(KedroCLI)  # Kedro's other commands too
# on Ctrl-C forked workers end silently; the main process reports it
os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
cli = Program("project", commands=[run, package, receipt, schemas], help="Commands of this project.")
