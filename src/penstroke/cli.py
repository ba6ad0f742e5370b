"""The project's commands."""

import click

from penstroke.guards.commands import receipt, run


@click.group(name="penstroke")
def cli() -> None:
    """Commands of this project."""


cli.add_command(run)
cli.add_command(receipt)
