"""The tests pass however they are started, and no more of them are run, and no more often, than is asked for."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from .conftest import MOST_PROCESSES, ROOT, once, pytest_cmdline_main, pytest_collection_modifyitems

CHILD = """
import os, shutil, signal
print(signal.getsignal(signal.SIGINT).__name__, shutil.which('detect-secrets-hook'), os.environ.get('GIT_DIR'))
"""
PARENT = f"""
import subprocess, sys, tests.conftest
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


@pytest.mark.slow
def test_a_process_that_a_test_starts_can_be_interrupted_and_finds_the_tools_whatever_shell_started_the_tests():
    command = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, PARENT]
    environment = os.environ | {"PATH": os.defpath, "GIT_DIR": "/nowhere", "PYTHONPATH": f"{ROOT / 'src'}"}

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    handler, tool, repository = result.stdout.split()
    assert handler == "default_int_handler"
    assert tool.endswith("/detect-secrets-hook")
    assert repository == "None"


@pytest.fixture
def divided(monkeypatch):
    """Say among how many processes a command line divides the tests, and how."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)

    def divided(*arguments, **options):
        plain = {"numprocesses": None, "usepdb": False, "dist": "no", "cov_source": []}
        config = SimpleNamespace(args=list(arguments), option=SimpleNamespace(**plain | options))
        pytest_cmdline_main(config)
        return config.option.numprocesses, config.option.dist

    return divided


def test_all_tests_are_divided_among_processes_by_file(divided):
    assert divided(str(ROOT / "tests")) == (MOST_PROCESSES, "loadfile")
    assert divided("tests/test_cli.py", "tests/test_hooks.py") == (MOST_PROCESSES, "loadfile")


@pytest.mark.parametrize(
    ("arguments", "options", "processes"),
    [
        (["tests/test_cli.py"], {}, 0),
        (["tests/test_cli.py::test_one", "tests/test_cli.py::test_two"], {}, 0),
        (["tests"], {"numprocesses": 0}, 0),
        (["tests"], {"numprocesses": 3}, 3),
        (["tests"], {"usepdb": True}, None),
        (["tests"], {"cov_source": [True]}, None),
    ],
    ids=["a file", "two tests of a file", "none asked for", "three asked for", "a debugger", "coverage"],
)
def test_one_file_a_debugger_and_whoever_asks_for_it_have_one_process(divided, arguments, options, processes):
    assert divided(*arguments, **options)[0] == processes


def test_files_that_run_whole_projects_come_first_and_each_keeps_its_order():
    places = [ROOT / "tests" / name for name in ("guards/test_a.py", "test_b.py", "test_b.py", "viz/test_c.py")]
    items = [SimpleNamespace(path=place, number=number) for number, place in enumerate(places)]

    pytest_collection_modifyitems(items)

    assert [item.number for item in items] == [1, 2, 0, 3]


def test_slow_tests_and_coverage_are_left_to_the_script_that_runs_everything(request):
    usual = request.config.getini("addopts")
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")

    assert usual[usual.index("-m") + 1] == "not slow"
    assert not [option for option in usual if option.startswith("--cov")]
    assert "-m '' --cov " in script


def test_a_folder_that_tests_share_is_made_once_and_whole(tmp_path):
    def fail(folder):
        folder.mkdir()
        raise RuntimeError

    made = []
    with pytest.raises(RuntimeError):
        once(tmp_path / "broken", fail)
    for _ in range(2):
        once(tmp_path / "shared", lambda folder: made.append(folder.mkdir()))

    assert not (tmp_path / "broken").exists()
    assert (tmp_path / "shared").is_dir()
    assert len(made) == 1
