import os
import subprocess
import sys
from textwrap import dedent

import click
import pytest
from click.testing import CliRunner

from kedro_guards.errors import Command

from .tiny import ROOT

EMBEDDED = """
    import signal
    import sys

    import click
    from kedro.framework.cli.cli import KedroCLI
    from kedro.framework.cli.utils import KedroCliError
    from kedro.framework.project import pipelines
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    KINDS = (click.ClickException, click.UsageError, KedroCliError, click.Command, KedroCLI)


    def state():
        ways = [getattr(kind, way, None) for kind in KINDS for way in ("show", "exit_code", "make_context", "invoke")]
        return sys.excepthook, signal.getsignal(signal.SIGINT), *ways


    before = state()
    bootstrap_project(".")
    with KedroSession.create() as session:
        assert session.load_context().catalog.load("numbers") == [1, 2, 3, 4, 5, 6]
    assert len(pipelines) == 3
    assert state() == before
    import kedro_guards.commands

    assert state() == before
"""


def test_an_application_that_embeds_the_project_keeps_its_own_ways_with_errors(tiny):
    command, environment = [sys.executable, "-c", dedent(EMBEDDED)], os.environ | {"PYTHONPATH": str(ROOT / "src")}

    result = subprocess.run(command, cwd=tiny.folder, env=environment, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr


@click.command(cls=Command)
@click.option("--verbose", is_flag=True)
@click.argument("error")
def failing(error, verbose):
    """Fail in the way that is asked for."""
    lack = ModuleNotFoundError("No module named 'lacking'", name="lacking.part")
    kinds = {"many lines": ValueError("a\n" * 9), "unexpected": KeyError("b"), "click": click.UsageError("c.")}
    raise (kinds | {"lack": lack})[error]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["many lines"], "Error: a\na\na\n"),
        (["unexpected"], "Error: KeyError: 'b'\n"),
        (["lack"], "Error: ModuleNotFoundError: No module named 'lacking'; install what this command needs\n"),
        (["click"], "Error: c; see `failing --help`\n"),
        (["--no"], "Error: No such option '--no'; see `failing --help`\n"),
        ([], "Error: Missing argument 'ERROR'; see `failing --help`\n"),
    ],
)
def test_a_command_says_any_error_in_three_lines_at_most_and_exits_with_one(arguments, told):
    result = CliRunner().invoke(failing, arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith(told)
    assert len(result.stderr.splitlines()) <= 3


def test_a_command_keeps_the_traceback_for_who_asks():
    assert isinstance(CliRunner().invoke(failing, ["--verbose", "unexpected"]).exception, KeyError)


def test_a_foreign_command_of_click_is_told_as_click_tells_it():
    result = CliRunner().invoke(click.Command("foreign"), ["--no"])

    assert result.exit_code == 2
    assert "Usage: foreign" in result.stderr
