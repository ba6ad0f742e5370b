"""The project's commands."""

import click

from penstroke.commands import package, receipt, rollback, run, serve


@click.group(name="penstroke")
def cli() -> None:
    """Commands of this project."""


for command in (run, package, receipt, rollback, serve):
    cli.add_command(command)
