"""The project's commands: Kedro's own, with errors that a person can read."""

import copy
import os
import re
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import env_option
from kedro.framework.project import settings
from kedro.validation import DataValidationError
from kedro.validation.exceptions import CheckFailure

LINES_OF_AN_ERROR = 3
VERBOSE = "Show the whole traceback of an error."
WORDS = {"field_uniqueness": "must be unique", "not_nullable": "must not be empty"}  # pandera's names for them


@click.group(name="penstroke")
def cli() -> None:
    """Commands of this project."""


def _in_short(error: Exception) -> str:
    """Say what is wrong in at most three lines."""
    if isinstance(error, DataValidationError) and error.failures:
        faults = [_fault(failure) for failure in error.failures]
        more = f"; and {len(faults) - 2} more" if len(faults) > 2 else ""
        return f"dataset {error.dataset_name} on {error.mode}: {'; '.join(faults[:2])}{more}"
    text = re.sub(r"Failed to instantiate \w+ for parameter '\w+': ", "", str(error))  # Kedro names the group before
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return "\n".join(lines[:LINES_OF_AN_ERROR])


def _fault(failure: CheckFailure) -> str:
    found = str(failure.failure_examples[0]) if failure.failure_examples else ""
    raised = re.fullmatch(r"ValueError\((?P<quote>['\"])(.*)(?P=quote)\)", found)
    if raised:  # a check of ours says it all
        return raised[2]
    if failure.check == "column_in_dataframe":
        return f"column {found} is missing"
    rule = WORDS.get(failure.check or "", failure.check or failure.message)
    return f"{failure.column} {rule}, found {found}" if failure.column else rule


def _with_short_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def run(*arguments: Any, verbose: bool, **options: Any) -> Any:
        warnings.filterwarnings("ignore", "Parameters not found")  # the error that follows says so
        try:
            return command(*arguments, **options)
        except click.ClickException:
            raise
        except Exception as error:
            if verbose:
                raise
            click.secho(f"Error: {_in_short(error)}", fg="red", err=True)
            sys.exit(1)

    return run


run = copy.copy(kedro_run)
run.params = [*kedro_run.params, click.Option(["--verbose"], is_flag=True, help=VERBOSE)]
run.callback = _with_short_errors(cast("Callable[..., Any]", kedro_run.callback))
cli.add_command(run)


@cli.command()
@env_option
@click.option("--verbose", is_flag=True, help=VERBOSE)
@_with_short_errors
def rollback(env: str | None) -> None:
    """Bring back the production model that the last promotion replaced."""
    with settings.SESSION_CLASS.create(env=env) as session, session.holding(["production_model"]):
        place = session.load_context().catalog.get("production_model").bring_back()
    click.echo(f"production_model is the former one again: {os.path.relpath(place)}")
