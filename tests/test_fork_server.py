"""A command of Kedro in a fork says what it says in a Python of its own, and ends as there."""

import os
import subprocess

import pytest

from .conftest import run_kedro, run_new_python
from .fork_server import server

PLUGIN = "src/penstroke/cli.py"  # is imported before any command


@pytest.fixture
def do(project):
    """Have a line of Python run before a command of a copy of the project."""

    def do(line, *arguments, run=run_kedro, **environment):
        text = (project / PLUGIN).read_text(encoding="utf-8")
        (project / PLUGIN).write_text(f"{text}\nimport os, signal, sys\n{line}\n", encoding="utf-8")
        return run(*arguments, cwd=project, **environment)

    return do


def _ended(result):
    return result.returncode, result.stdout, result.stderr


@pytest.mark.slow
def test_an_error_is_said_as_by_a_new_python(project):
    arguments = ("run", "--env=test", "--params=split.sed=3")

    forked = run_kedro(*arguments, cwd=project)

    assert _ended(forked) == _ended(run_new_python("-m", "kedro", *arguments, cwd=project))
    assert (forked.returncode, len(forked.stderr.splitlines())) == (1, 2)


def test_the_code_is_that_of_the_project_and_the_environment_that_of_the_call(do, project):
    told = do("print(__file__, os.getcwd(), os.environ['COLOUR'], sys.argv)", "registry", "list", COLOUR="green")

    assert told.stdout.startswith(f"{project / PLUGIN} {project} green ['")
    assert "- data_science" in told.stdout
    assert "COLOUR" not in os.environ


def test_the_signal_that_ended_a_command_is_told(do):
    assert do("os.kill(os.getpid(), signal.SIGTERM)", "registry", "list").returncode == -15


def test_a_command_that_takes_too_long_is_killed_and_the_next_one_runs(do, tmp_path):
    def hasty(*arguments, cwd):
        return server().run(arguments, cwd, dict(os.environ), timeout_s=1.5)

    with pytest.raises(subprocess.TimeoutExpired):
        do("import time; time.sleep(60)", "registry", "list", run=hasty)

    assert run_kedro("--version", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_what_python_reads_at_its_start_is_read(do):
    line = "print(sys.flags.hash_randomization, sys.stdout.encoding)"

    said = do(line, "registry", "list", PYTHONHASHSEED="0", PYTHONIOENCODING="latin-1").stdout

    assert said.startswith("0 iso8859-1\n")
