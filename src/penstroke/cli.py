"""The project's commands. Kedro's command line imports this, and nothing else does."""

import click
from kedro.framework.cli.cli import KedroCLI

from penstroke.commands import package, receipt, rollback, run, serve
from penstroke.errors import Program, tells_in_short

tells_in_short(KedroCLI)  # its other commands too


@click.group(cls=Program, name="penstroke")
def cli() -> None:
    """Commands of this project."""


for command in (run, package, receipt, rollback, serve):
    cli.add_command(command)
