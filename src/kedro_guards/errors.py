"""Errors of at most three lines, for commands alone: to import this module changes nothing."""

import os
import re
import shlex
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

import click
from kedro.io import DatasetError
from kedro.validation import DataValidationError
from kedro.validation.exceptions import CheckFailure

from .files import advice, is_of_store
from .printing import let_go_of_output

LINES_OF_AN_ERROR = 3
UNEXPECTED = (  # errors that a message alone does not explain
    *(ArithmeticError, AssertionError, AttributeError, ImportError),
    *(LookupError, NameError, SyntaxError, TypeError),
)
WORDS = {"field_uniqueness": "must be unique", "not_nullable": "must not be empty"}  # pandera's names for them


class ToldError(click.ClickException):
    """An error of any kind in short; click prints it and exits with 1."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        """Print what is wrong."""
        with suppress(OSError):  # nobody reads it, or the disk is full
            click.secho(f"Error: {self.message}", fg="red", err=True)


def _told(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def told(*arguments: Any, **options: Any) -> Any:
        try:
            return method(*arguments, **options)
        except (ToldError, click.Abort, click.exceptions.Exit, BrokenPipeError):  # click ends these quietly
            raise
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            more = f"; see `{context.command_path} --help`" if context else ""
            message = " ".join(error.format_message().split()).rstrip(".")
            raise ToldError(f"{as_called(message)}{more}") from error
        except Exception as error:
            context = click.get_current_context(silent=True)
            if "--verbose" in sys.argv or (context and context.params.get("verbose")):
                raise
            raise ToldError(as_called(in_short(error))) from error
        finally:
            let_go_of_output()

    return told


Kind = TypeVar("Kind", bound=type[click.Command])


def tells_in_short(kind: Kind) -> Kind:
    """Make a class of commands print every error in at most three lines and exit with 1.

    ``--verbose`` keeps the traceback, except for mistakes on the command line.
    """
    for name in ("make_context", "invoke"):
        setattr(kind, name, _told(getattr(kind, name)))
    return kind


@tells_in_short
class Command(click.Command):
    """A command whose errors have at most three lines."""


@tells_in_short
class Program(click.Group):
    """The commands of a project. A package without Kedro's project calls them by itself, not by ``kedro``."""


def as_called(text: str) -> str:
    """Replace ``kedro`` in the commands that a text advises by the program that runs, and add ``--conf-source``.

    Where only the package is installed, Kedro's own program knows no project.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return text
    root, source = context.find_root(), context.params.get("conf_source")
    program = root.info_name if isinstance(root.command, Program) else "kedro"
    option = f" --conf-source={shlex.quote(_shown(source))}" if source else ""
    return re.sub(r"\bkedro (?!viz|jupyter)([a-z]+)\b", lambda found: f"{program} {found[1]}{option}", text)


def _shown(place: str) -> str:
    return place if "://" in place or not Path(place).is_relative_to(Path.cwd()) else os.path.relpath(place)


def in_short(error: BaseException) -> str:
    """Say what is wrong in at most three lines.

    Examples:
        >>> in_short(ValueError("the table is empty; add a row"))
        'the table is empty; add a row'
    """
    notes, cause = getattr(error, "__notes__", []), error.__cause__
    while cause:  # of a save that failed while a chunk was made
        if isinstance(cause, DataValidationError | BrokenProcessPool):
            error = cause
        cause = cause.__cause__
    if isinstance(error, DataValidationError):
        faults = [_fault(failure) for failure in error.failures] or [error.message]
        more = f"; and {len(faults) - 2} more" if len(faults) > 2 else ""
        moment = f" on {error.mode}" if error.mode else ""
        text = f"dataset {error.dataset_name}{moment}: {'; '.join(faults[:2])}{more}"
    elif isinstance(error, BrokenProcessPool):
        text = (
            "a worker process was killed, perhaps because the memory was full; use fewer `processes` in "
            "globals.yml, or --runner=SequentialRunner"
        )
    elif (isinstance(error, OSError | DatasetError) or is_of_store(error)) and (told := advice(error)):
        text = told
    else:  # Kedro names the group before
        text = re.sub(r"Failed to instantiate \w+ for parameter '\w+': ", "", str(error))
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] not in sys.modules:
        text += "; install what this command needs"
    if isinstance(error, UNEXPECTED):
        frame = extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {text}\n({os.path.relpath(frame.filename)}:{frame.lineno}; see --verbose)"
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return "\n".join(lines[: LINES_OF_AN_ERROR - len(notes)] + notes)


def _fault(failure: CheckFailure) -> str:
    found = str(failure.failure_examples[0]) if failure.failure_examples else ""
    raised = re.fullmatch(r"ValueError\((?P<quote>['\"])(.*)(?P=quote)\)", found)
    if raised:  # the check says it all
        return raised[2]
    if failure.check == "column_in_dataframe":
        return f"column {found} is missing"
    rule = WORDS.get(failure.check or "", failure.check or failure.message)
    return f"{failure.column} {rule}, found {found}" if failure.column else rule
