"""The project's commands."""

import click

from penstroke.commands import package, receipt, run, serve


@click.group(name="penstroke")
def cli() -> None:
    """Commands of this project."""


for command in (run, package, receipt, serve):
    cli.add_command(command)
