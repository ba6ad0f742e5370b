"""The command group of a project. Kedro's command line imports this, and nothing else does."""

from kedro.framework.cli.cli import KedroCLI

from .commands import package, receipt, run
from .errors import Program, tells_in_short

tells_in_short(KedroCLI)  # Kedro's other commands too
cli = Program("project", commands=[run, package, receipt], help="Commands of this project.")
