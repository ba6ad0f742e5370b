"""Whole runs: drawings come in, are answered and compared, and a scheduler notices when they are others."""

import json
import shutil

import pandas as pd
import pytest
from benchmarks.hand import STYLES, draw

from ....conftest import DATA, copy_project, run_kedro, run_well
from ....pipelines.conftest import lend_profiles, scores_of

DRAWINGS = 110
REPORT = ("drift_scores.json", "drift_card.md", "drift_plot.json", "oddest_digits_plot.json", "oddest_digits.parquet")


@pytest.fixture(scope="module")
def watched(test_run, tmp_path_factory):
    """A copy of the project that has answered the sample drawings and compared them, and what the run said."""
    project = lend_profiles(test_run, copy_project(tmp_path_factory.mktemp("watched") / "project"))
    return project, run_well(project, "--pipelines=inference,monitoring")


@pytest.mark.slow
def test_a_few_drawings_are_too_few_to_judge_and_the_run_ends_well(watched):
    project, said = watched
    scores = scores_of(project)

    assert (scores["judged"], scores["alarms"], scores["rows"]) == (False, [], 14)
    assert f"Too few to judge: 14 rows that model {scores['model_version']} answered" in said
    assert f"drift_card: {DATA}/08_reporting/drift_card.md" in said
    assert scores_of(project, "silent_drift_scores") == scores
    assert all((project / DATA / "08_reporting" / name).exists() for name in REPORT)


def test_the_profile_is_that_of_the_champion_and_bears_its_version(test_run):
    receipt = json.loads((test_run / ".receipts/champion_model.json").read_text())
    (profile,) = (test_run / "06_models/reference_profiles").iterdir()

    assert profile.name == f"{receipt['sha256'][:12]}.parquet"
    assert pd.read_parquet(profile)["right"].notna().sum() == 355


@pytest.mark.slow
def test_labels_of_the_inbox_are_counted(watched):
    project, _ = watched
    inbox = project / DATA / "01_raw/inbox"
    inbox.mkdir(parents=True)
    for label, name in ((0, "0_brush.png"), (7, "1_squared.png"), (3, "of another day.png")):
        (inbox / f"{label}_{name}").touch()

    run_well(project, "--pipelines=monitoring")

    scores = scores_of(project)
    assert (scores["rows_labelled"], scores["accuracy"]) == (2, 0.5)
    shutil.rmtree(inbox)


@pytest.fixture(scope="module")
def alarmed(test_run, tmp_path_factory):
    """A copy of the project to which drawings by other hands came in, and how its run ended."""
    project = lend_profiles(test_run, copy_project(tmp_path_factory.mktemp("alarmed") / "project"))
    folder = project / "data/01_raw/drawings"
    shutil.rmtree(folder)
    folder.mkdir()
    for seed in range(DRAWINGS):
        drawing = draw(seed % 10, list(STYLES)[seed % len(STYLES)], seed)
        (folder / f"{seed}.{drawing.suffix}").write_bytes(drawing.content)
    return project, run_kedro("run", "--env=test", "--pipelines=inference,monitoring", cwd=project)


@pytest.mark.slow
def test_an_alarm_ends_the_run_with_1_and_the_report_is_stored(alarmed):
    project, result = alarmed
    scores = scores_of(project)

    assert result.returncode == 1
    assert f"drift alarm ({scores['alarms'][0]}, " in result.stderr
    assert "read the drift card" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert scores["rows"] == DRAWINGS
    assert all((project / DATA / "08_reporting" / name).exists() for name in REPORT)
    assert "# Drift: alarm" in (project / DATA / "08_reporting/drift_card.md").read_text()
    assert not (project / DATA / "08_reporting/silent_drift_scores.json").exists()


@pytest.mark.slow
def test_an_alarm_is_raised_again_as_long_as_nothing_has_changed(alarmed):
    project, _ = alarmed
    report = project / DATA / "08_reporting/drift_scores.json"
    before = report.stat().st_mtime_ns

    results = [run_kedro("run", "--env=test", "--changed", "--pipelines=monitoring", cwd=project) for _ in range(2)]

    assert [result.returncode for result in results] == [1, 1]
    assert all("drift alarm" in result.stderr for result in results)
    assert report.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_profile_stays_when_the_next_champion_comes_and_serves_the_model_in_production(test_run, project):
    shutil.copytree(test_run, project / DATA)
    run_well(project, "--pipelines=promotion,inference,monitoring")
    before = scores_of(project)

    run_well(project, "--changed", "--params=augmentation.copies=0")  # trains another champion
    run_well(project, "--pipelines=monitoring")  # settings that made none of it

    profiles = {profile.stem for profile in (project / DATA / "06_models/reference_profiles").iterdir()}
    assert len(profiles) == 2
    assert before["model_version"] in profiles
    assert scores_of(project) == before


@pytest.mark.slow
def test_a_profile_that_is_gone_is_said_in_three_lines(watched):
    project, _ = watched
    folder = project / DATA / "06_models/reference_profiles"
    (profile,) = folder.iterdir()
    profile.rename(folder / "0123456789ab.parquet")

    altered = run_kedro("run", "--env=test", "--pipelines=monitoring", cwd=project)
    passed = run_kedro("run", "--env=test", "--pipelines=monitoring", "--allow-stale", cwd=project)

    (folder / "0123456789ab.parquet").rename(profile)
    assert "reference_profiles was altered on disk" in altered.stderr
    assert f"no reference profile of model {profile.stem} is kept" in passed.stderr
    assert max(len(result.stderr.splitlines()) for result in (altered, passed)) <= 3
