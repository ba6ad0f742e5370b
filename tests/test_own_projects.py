"""Whole runs of projects that others make of this one: under another name, and with digits of another size."""

import json
import shutil

import pandas as pd
import pytest
from benchmarks.transfer import to_frame

from penstroke.domain.pixels import to_images, to_table

from .conftest import DATA, copy_tree, run_kedro, run_new_python

PRODUCTION, MADE = "06_models/production_model.skops", "--pipelines=__default__,promotion"
OWN_DIGITS = """
cleaning: {full_ink: 255}
features: {enlarge: 1, centre: true}
augmentation: {copies: 1}
search: {contenders: [kernel_ridge], folds: 2}
contenders:
  kernel_ridge: {grid: {nystroemridgeclassifier__gamma: [0.05]}}
"""


@pytest.fixture
def renamed(promoted, tmp_path):
    """A project with a model in production, renamed by search and replace; what is stored stays as it is."""
    project = copy_tree(promoted, tmp_path / "project")
    for place in [project / "pyproject.toml", *(project / "src").rglob("*"), *(project / "conf").rglob("*")]:
        if place.suffix in (".toml", ".py", ".yml"):
            place.write_text(place.read_text("utf-8").replace("penstroke", "theirs"), "utf-8")
    (project / "src/penstroke").rename(project / "src/theirs")
    return project


@pytest.mark.slow
def test_a_renamed_project_goes_on_with_the_models_that_it_has(renamed):
    data = renamed / DATA
    before = (data / PRODUCTION).read_bytes()

    for arguments in (("run", MADE), ("rollback",), ("run", "--pipelines=inference")):
        result = run_new_python("-m", "kedro", *arguments, "--env=test", cwd=renamed)
        assert result.returncode == 0, result.stderr
        if MADE in arguments:
            assert (data / f"{PRODUCTION}.former").read_bytes() == before
            assert (data / PRODUCTION).read_bytes() != before

    assert (data / PRODUCTION).read_bytes() == before
    assert json.loads((data / "08_reporting/verdict.json").read_text("utf-8"))["comparable_rows"] > 300
    predictions = pd.read_parquet(data / "07_model_output/predictions.parquet")
    wrong = predictions[predictions["prediction"].astype(str).to_numpy() != predictions.index.str[0]]
    assert list(wrong.index[~wrong["unsure"]]) == []
    assert len(wrong) <= 1


@pytest.fixture
def own(project):
    """An environment with digits of 28 x 28 that says nothing of drawings."""
    shipped = pd.read_parquet(project / "data/01_raw/digits.parquet")
    table = to_table(to_frame(to_images(shipped))).set_axis(shipped.index)
    (project / "conf/mine").mkdir()
    (project / "conf/mine/globals.yml").write_text("raw: data/mine/01_raw\ndata: data/mine\n")
    (project / "conf/mine/parameters.yml").write_text(OWN_DIGITS)
    shutil.copytree(project / "data/01_raw/drawings", project / "data/mine/01_raw/drawings")
    shipped[["label"]].join(table).to_parquet(project / "data/mine/01_raw/digits.parquet")
    shipped.tail(20).drop(columns="label").to_parquet(project / "data/mine/01_raw/incoming_digits.parquet")
    (project / "data/mine/01_raw/inbox").mkdir()
    shutil.copy(project / "data/01_raw/drawings/6_deep.png", project / "data/mine/01_raw/inbox/6_deep.png")
    shutil.copy(project / "data/01_raw/drawings/6_deep.png", project / "data/mine/01_raw/inbox/x_deep.png")
    return project


@pytest.mark.slow
def test_digits_of_another_size_need_no_word_about_drawings(own):
    data = own / "data/mine"

    for pipelines in (MADE, "--pipelines=inference", "--pipelines=feedback", "--pipelines=data_processing"):
        result = run_kedro("run", "--env=mine", pipelines, cwd=own)
        assert result.returncode == 0, result.stderr
    small = run_kedro("run", "--env=mine", "--pipelines=inference_table", cwd=own)

    predictions = pd.read_parquet(data / "07_model_output/predictions.parquet")
    assert (predictions["prediction"].astype(str) == predictions.index.str[0]).sum() >= len(predictions) - 2
    assert to_images(pd.read_parquet(data / "03_primary/drawing_digits.parquet")).shape[1:] == (28, 28)
    assert pd.read_parquet(data / "03_primary/digits.parquet").loc["6_deep.png", ["label", "split"]].tolist() == [
        6,
        "train",
    ]
    assert small.returncode == 1
    assert "the model takes rows of 28 x 28 pixels (pixel_0_0 to pixel_27_27), found 8 x 8 pixels" in small.stderr
    assert len(small.stderr.splitlines()) <= 3
    assert not (data / "07_model_output/table_predictions.parquet").exists()
