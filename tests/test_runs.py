"""Whole runs, as a user starts them: in parts, again, by other runners, on labels that mean nothing."""

import hashlib
import json
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import DATA, PRINTED, Kedro, copy_project, copy_tree, run_kedro, run_new_python


def _run(project: Path, *arguments: str, **environment: str) -> Path:
    result = run_kedro("run", "--env=test", *arguments, cwd=project, **environment)
    assert result.returncode == 0, result.stderr
    return project / DATA


def _contents(data: Path) -> dict[str, str]:
    files = sorted(path for path in data.rglob("*") if path.is_file() and not {".locks", ".receipts"} & set(path.parts))
    return {str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _comparable(data: Path) -> dict[str, str]:
    """Leave out timings, which tell of the clock, and the profiles that are kept of champions before this one."""
    champion = hashlib.sha256((data / "06_models/champion_model.skops").read_bytes()).hexdigest()[:12]
    contents = {name: sum_ for name, sum_ in _contents(data).items() if "timings" not in name}
    return {name: sum_ for name, sum_ in contents.items() if "reference_profiles" not in name or champion in name}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--runner=SequentialRunner"], {"PYTHONHASHSEED": "1"}),
        (["--runner=ThreadRunner"], {"PYTHONHASHSEED": "2"}),
        (["--runner=ParallelRunner"], {"PYTHONHASHSEED": "3"}),
    ],
)
def test_another_run_makes_the_same_bytes(trained, project, arguments, environment):
    again = _run(project, *arguments, **environment)

    assert _comparable(again) == _comparable(trained / DATA)
    assert len(_comparable(again)) == 24


@pytest.mark.slow
def test_each_pipeline_runs_alone_on_what_the_one_before_has_stored(trained, project):
    for name in ("data_processing", "feature_engineering", "data_science", "reporting"):
        _run(project, f"--pipelines={name}")

    assert _comparable(project / DATA) == _comparable(trained / DATA)


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["--nodes=split_rows"], {"digits", "labels"}),
        (["--tags=report", "--to-nodes=score_test_rows"], {"test_predictions", "test_scores"}),
        (["--from-nodes=draw_confusion"], {"confusion_plot"}),
        (
            ["--from-nodes=rank_contenders", "--to-outputs=champion_settings"],
            {"leaderboard", "champion_settings"},
        ),
        (["--tags=data_engineering", "--from-inputs=digits"], {"digit_features", "copy_features"}),
    ],
)
def test_a_part_of_the_story_can_be_told_again(trained, project, arguments, made):
    copied = copy_tree(trained / DATA, project / DATA)
    old = {path: path.stat().st_mtime_ns for path in copied.rglob("*") if path.is_file()}

    _run(project, *arguments)

    assert {path.stem for path, time in old.items() if path.stat().st_mtime_ns != time} == made
    assert _comparable(copied) == _comparable(trained / DATA)


def test_the_scores_stand_where_people_look_for_them(trained):
    scores = json.loads((trained / DATA / "08_reporting/test_scores.json").read_text())

    assert 0.97 < scores["accuracy_low"] < scores["accuracy"] <= scores["accuracy_high"] <= 1
    assert 0.97 < scores["macro_f1"] <= 1
    assert list(scores) == sorted(scores)


def test_another_seed_makes_another_split(trained, project):
    data = _run(project, "--pipelines=data_processing", "--params=split.seed=3")

    ours, theirs = (pd.read_parquet(folder / "03_primary/labels.parquet")["split"] for folder in (data, trained / DATA))
    assert 0.2 < (ours != theirs).mean() < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("change", ["--params=features.deskew=0.5", "--params=pictures.gallery=9"])
def test_a_run_of_what_changed_leaves_what_a_full_run_makes(trained, project, tmp_path, change):
    full = _run(copy_project(tmp_path / "full"), change)
    copy_tree(trained / DATA, project / DATA)

    changed = _run(project, "--changed", change)

    assert _comparable(changed) == _comparable(full) != _comparable(trained / DATA)


@pytest.mark.slow
def test_labels_that_mean_nothing_cannot_be_learned(project):
    """Training labels are shuffled, the test rows keep theirs: any better answer than chance would be a leak."""
    raw = project / "data/01_raw/digits.parquet"
    table = pd.read_parquet(raw)
    generator = np.random.default_rng(0)
    labels = pd.read_parquet(_run(project, "--pipelines=data_processing") / "03_primary/labels.parquet")
    train = labels["split"] == "train"
    shuffled = table["label"].mask(train, pd.Series(generator.permutation(table["label"][train]), table.index[train]))
    table.assign(label=shuffled.astype(np.int8), split=labels["split"]).to_parquet(raw)

    data = _run(project)

    scores = json.loads((data / "08_reporting/test_scores.json").read_text())
    leaderboard = pd.read_parquet(data / "06_models/leaderboard.parquet")
    chance = 0.1 + 4 * np.sqrt(0.1 * 0.9 / scores["rows"])
    assert scores["accuracy"] < chance
    assert leaderboard["accuracy_mean"].max() < 0.1 + 4 * np.sqrt(0.1 * 0.9 / train.sum())
    assert scores["confidence_mean"] < 0.3


def test_a_test_run_writes_below_build_and_nowhere_else(trained, project):
    before, after = _contents(project), _contents(trained)

    assert {name: after.get(name) for name in before} == before
    # beside the data, Kedro-Viz notes what it will show of the run, and Python what it has compiled
    written = {name.split("/")[0] for name in set(after) - set(before) if "__pycache__" not in name}
    assert written == {"build", ".viz", *PRINTED}


@pytest.mark.slow
def test_a_terminal_shows_the_progress_of_the_search(trained, project):
    copy_tree(trained / "build", project / "build")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kedro", "run", "--env=test", "--nodes=search_contenders"]
    with subprocess.Popen(
        command, cwd=project, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | {"TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)

    assert process.returncode == 0
    assert b"fits of the search" in shown
    assert b"100%" in shown


@pytest.mark.slow
def test_the_project_runs_as_a_package(project, tmp_path):
    """The module is run as an installed package runs, from a folder that is no project."""
    arguments = ("--env=test", "--pipelines=data_processing", f"--conf-source={project / 'conf'}")
    result = run_new_python("-m", "penstroke", *arguments, cwd=project, PYTHONPATH=str(project / "src"))

    assert result.returncode == 0, result.stderr
    assert (project / DATA / "03_primary/digits.parquet").exists()


def test_packed_configuration_serves_as_well_as_a_folder(kedro: Kedro, project):
    packed = project / "conf.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(project / "conf", "conf")

    result = kedro("run", "--env=test", "--pipelines=data_processing", f"--conf-source={packed}")

    assert result.returncode == 0, result.stderr
    assert (project / DATA / "03_primary/digits.parquet").exists()


def test_kedro_itself_sees_the_project(kedro: Kedro):
    assert "data_science" in kedro("registry", "list").stdout
