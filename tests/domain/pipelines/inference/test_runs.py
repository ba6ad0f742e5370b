"""Whole runs on drawings: the samples, drawings of real digits, files that nobody means well with."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from penstroke.domain.pixels import to_images

from ....conftest import DATA, copy_project, run_kedro, run_well
from ....pipelines.conftest import lend_model, run_measured
from ...hostile import PNG, READ, REFUSED, saved


def _results(project):
    predictions = pd.read_parquet(project / DATA / "07_model_output/predictions.parquet")
    rejected = pd.read_parquet(project / DATA / "02_intermediate/rejected_drawings.parquet")
    return predictions, rejected


@pytest.fixture
def lent(test_run, project):
    return lend_model(test_run, project)


@pytest.fixture(scope="module")
def answered(test_run, tmp_path_factory):
    """A copy of the project that has answered the samples, and what the run said."""
    project = lend_model(test_run, copy_project(tmp_path_factory.mktemp("answered") / "project"))
    return project, run_well(project, "--pipelines=inference")


def test_every_sample_is_read_right_but_one_that_is_unsure(answered):
    project, said = answered
    predictions, rejected = _results(project)

    assert len(rejected) == 0
    assert sorted(predictions.index) == sorted(path.name for path in (project / "data/01_raw/drawings").iterdir())
    wrong = predictions[predictions["prediction"].astype(str) != predictions.index.str[0]]
    assert list(wrong.index) == ["1_squared.png"]  # a one with flag and foot, which nobody writes in the shipped digits
    assert wrong["unsure"].all()
    assert set(predictions.index.str[0]) == set("0123456789")
    assert f"{len(predictions)} files answered" in said


def test_the_predictions_have_the_columns_that_people_rely_on(answered):
    predictions, _ = _results(answered[0])

    assert predictions.index.name == "digit_id"
    probabilities = [f"probability_{name}" for name in range(10)]
    made_by = ["model_version", "model_receipt"]
    assert list(predictions) == ["prediction", "confidence", "unsure", *probabilities, *made_by]
    receipt = json.loads((answered[0] / DATA / ".receipts/production_model.json").read_text())
    assert set(predictions["model_receipt"]) == {receipt["sha256"]}
    assert set(predictions["model_version"]) == {receipt["sha256"][:12]}
    assert (answered[0] / DATA / "08_reporting/predictions_plot.json").exists()


@pytest.mark.slow
def test_the_same_drawings_have_the_same_answers(answered):
    project, _ = answered
    before = _results(project)[0]

    run_well(project, "--pipelines=inference")

    pd.testing.assert_frame_equal(_results(project)[0], before)


@pytest.mark.slow
def test_the_digits_of_the_test_are_read_when_they_are_drawn_large(lent, test_run):
    """Dark on light, with a margin, some 200 pixels: nearly what they were when they were scanned."""
    digits = pd.read_parquet(test_run / "03_primary/digits.parquet").query("split == 'test'")
    folder = lent / "data/01_raw/drawings"
    shutil.rmtree(folder)
    folder.mkdir()
    for name, image in zip(digits.index, to_images(digits), strict=True):
        large = Image.fromarray(255 - np.pad(image, 2)).resize((192, 192), Image.Resampling.BICUBIC)
        large.save(folder / f"{name}.png")

    run_well(lent, "--pipelines=inference")

    predictions, _ = _results(lent)
    assert (predictions["prediction"].to_numpy() == digits["label"].to_numpy()).mean() > 0.97


@pytest.mark.slow
def test_hostile_files_are_refused_or_read_and_cost_little_memory(lent):
    folder = lent / "data/01_raw/drawings"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "good.png").write_bytes(PNG)
    _, alone = run_measured(lent, "--pipelines=inference")
    for name, (make, _) in REFUSED.items():
        (folder / f"{name}.png").write_bytes(make())
    for name, make in READ.items():
        (folder / f"{name}.jpg").write_bytes(make())
    (folder / "large.png").write_bytes(PNG + bytes(40_000_000))
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "nowhere.png").symlink_to("nothing")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / os.fsdecode(b"\xff<script>\n.png")).write_bytes(PNG)
    (folder / ".hidden.png").write_bytes(b"")

    said, together = run_measured(lent, "--pipelines=inference")

    predictions, rejected = _results(lent)
    assert set(predictions.index) == {"good.png", "\\udcff<script>\n.png", *(f"{name}.jpg" for name in READ)}
    assert (predictions["prediction"] == 8).all()
    others = {f"{name}.png" for name in ("large", "folder", "pipe", "device", "nowhere", "loop")}
    assert set(rejected.index) == {f"{name}.png" for name in REFUSED} | others
    for name, (_, reason) in REFUSED.items():
        assert pd.Series([rejected.loc[f"{name}.png", "reason"]]).str.contains(reason).all(), name
    assert not rejected["reason"].str.contains("\n").any()
    assert f"{len(rejected)} rejected, see rejected_drawings" in said
    assert "Warning" not in said
    assert together - alone < 150


def test_a_picture_of_noise_alone_does_not_end_the_run(lent):
    folder = lent / "data/01_raw/drawings"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "noise.png").write_bytes(saved(np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)))

    run_well(lent, "--pipelines=inference")

    predictions, rejected = _results(lent)
    assert (len(predictions), len(rejected)) == (0, 1)


def test_a_folder_that_is_missing_is_said_in_three_lines(lent):
    shutil.rmtree(lent / "data/01_raw/drawings")

    result = run_kedro("run", "--env=test", "--pipelines=inference", cwd=lent)

    assert result.returncode == 1
    assert "data/01_raw/drawings is no folder; make it and put your files there" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
