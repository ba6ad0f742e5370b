"""The project as an installed package: no project's folder, only the configuration that was packed with it."""

import shutil

import pytest
from kedro.framework.project import pipelines

from kedro_guards.errors import ToldError
from penstroke.__main__ import main

from .conftest import DATA, ROOT, run_new_python


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with the packed configuration and the raw digits, and nothing else."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "data/01_raw").mkdir(parents=True)
    shutil.copy(ROOT / "data/01_raw/digits.parquet", folder / "data/01_raw")
    shutil.make_archive(str(folder / "conf-penstroke"), "gztar", tmp_path, "conf")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def package(elsewhere):
    """``python -m penstroke …`` in this process; errors are raised."""
    given = ("--env=test", "--conf-source=conf-penstroke.tar.gz")
    yield lambda *arguments: main([*arguments, *given], standalone_mode=False)
    pipelines.set_requested(None)


@pytest.mark.slow
def test_a_package_runs_what_changed_and_tells_what_a_result_was_made_of(package, elsewhere, capsys):
    package("--pipelines=data_processing", "--changed")
    assert "split_rows: labels is missing" in capsys.readouterr().out
    assert (elsewhere / DATA / "03_primary/labels.parquet").exists()

    package("run", "--pipelines=data_processing", "--changed")
    assert capsys.readouterr().out == "nothing has changed\n"

    package("receipt", "labels")
    assert "split_rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--pipelines=reporting"],
            "is missing; mend it by `python -m penstroke run --conf-source=conf-penstroke.tar.gz --changed ",
        ),
        (["serve", "--port=0"], "make it by `python -m penstroke run --conf-source=conf-penstroke.tar.gz --pipelines="),
        (["rollback"], "there is no former model to bring back"),
        (["--nope"], "see `python -m penstroke run --help`"),
    ],
)
def test_the_errors_of_a_package_advise_what_it_has(package, arguments, told):
    with pytest.raises(ToldError) as caught:
        package(*arguments)

    assert told in caught.value.message
    assert "kedro run" not in caught.value.message


QUIET = {"KEDRO_DISABLE_TELEMETRY": "", "DO_NOT_TRACK": "", "GITHUB_REPOSITORY_OWNER": ""}  # nobody opts out


def test_a_package_runs_as_quietly_as_the_project_and_reports_to_nobody(elsewhere):
    arguments = ("--env=test", "--conf-source=conf-penstroke.tar.gz", "--pipelines=data_processing")

    result = run_new_python("-m", "penstroke", *arguments, cwd=elsewhere, PYTHONPATH=str(ROOT / "src"), **QUIET)

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.slow
def test_a_run_from_a_folder_within_the_project_is_as_quiet_once_kedro_knows_the_project(project):
    arguments = ("run", "--env=test", "--pipelines=data_processing")

    result = run_new_python("-m", "kedro", *arguments, cwd=project / "src", **QUIET)

    assert (result.returncode, result.stderr) == (0, "")
    assert " ".join(result.stdout.split()).endswith("as logging configuration.")  # of its own, which it says at once
    assert result.stdout.count("INFO") == 1
