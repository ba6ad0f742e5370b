"""What the command line says when something is wrong, and that it costs nothing that was stored."""

import hashlib

import pandas as pd
import pytest
from click.testing import CliRunner

from kedro_guards import commands

from .conftest import Kedro, copy_tree, known_to_kedro


@pytest.fixture
def run(project):
    """``kedro run --env=test …`` in this process, in a fresh copy of the project."""
    with known_to_kedro(project) as metadata:
        yield lambda *arguments: CliRunner().invoke(commands.run, ["--env=test", *arguments], obj=metadata)


def _stored(project):
    files = sorted(path for path in (project / "build").rglob("*") if path.is_file() and path.parent.name != ".locks")
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--params=split.seed=soon"], "Parameter 'split': seed should be a valid integer, found 'soon'"),
        (["--params=split.sed=3"], "Parameter 'split': sed is not a known key; did you mean seed?"),
        (["--params=splitt.seed=3"], "splitt is not a known group of parameters; did you mean split?"),
        (["--params=split.test_fraction=2"], "test_fraction should be less than 1, found 2"),
        (
            ["--params=cleaning.full_ink=255"],
            "darkest pixel of the raw rows is 16, but cleaning.full_ink says .* 255",
        ),
        (
            ["--params=search.backend=ray"],
            "backend should be 'threading' or 'loky', found 'ray'",
        ),
        (["--pipelines=reporting", "--params=split.seed=soon"], "seed should be a valid integer"),
        (["--pipelines=data_sciense"], "data_science"),
        (["--nodes=split"], "--nodes: there is no split; "),
        (["--env=nowhere"], "nowhere"),
        (["--pipelines=data_science"], "digit_features|copy_features|labels"),
    ],
)
def test_a_mistake_on_the_command_line_ends_in_three_lines_at_most(run, arguments, message):
    result = run(*arguments)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert pd.Series([result.stderr]).str.contains(message).all(), result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("parameters_split.yml", "split: {seed: soon}", "seed should be a valid integer, found 'soon'"),
        (
            "parameters_split.yml",
            "spilt: {seed: 3}",
            "spilt is not a known group of parameters; did you mean split?",
        ),
        ("parameters_split.yml", "split: {seed: 3", "parameters_split.yml cannot be read"),
        (
            "parameters_more.yml",
            "contenders: {svm: {steps: [{class: os.system}]}}",
            "svm.steps.0: class 'os.system' is not allowed",
        ),
        ("catalog.yml", "labels: {type: pandas.ParketDataset, filepath: labels.parquet}", "ParketDataset"),
    ],
)
def test_a_mistake_in_a_file_ends_in_three_lines_at_most(run, project, file, text, message):
    (project / "conf/test" / file).write_text(text)

    result = run()

    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr


def test_a_contender_that_has_no_block_is_named(run):
    result = run("--params=search.contenders=[svn]")

    assert result.exit_code == 1
    assert "svn" in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr


def test_a_spoilt_table_is_refused_in_three_lines_and_costs_nothing_that_is_stored(run, project):
    assert run("--pipelines=data_processing").exit_code == 0
    before = _stored(project)
    raw = project / "data/01_raw/digits.parquet"
    pd.read_parquet(raw).drop(columns="pixel_7_7").to_parquet(raw)

    result = run("--pipelines=data_processing")

    assert result.exit_code == 1
    assert "dataset raw_digits on load: " in result.stderr
    assert "1 of 64 pixels of a 8 x 8 image have no column, the first is pixel_7_7" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert _stored(project) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda table: table.assign(label=table["label"] + 0.5),
            "label must be text or whole numbers, found float64 0.5 in row optdigits-tes-0000, such in 1797 of 1797 "
            "rows; correct them, or convert them to whole numbers",
        ),
        (
            lambda table: table.drop(columns="label"),
            "column label is missing, found pixel_0_0, pixel_0_1, pixel_0_2, pixel_0_3, pixel_0_4 and 59 more; "
            "rename the one that holds it to label",
        ),
        (lambda table: table.head(0), "the table has no rows"),
        (
            lambda table: table.assign(pixel_0_0=0.5),
            "pixel_0_0 must be whole numbers, found float64 0.5 in row optdigits-tes-0000, such in 1797 of 1797 rows; "
            "correct them, or convert them to whole numbers",
        ),
    ],
)
def test_a_table_that_breaks_its_contract_is_told_so_in_words(run, project, spoil, message):
    raw = project / "data/01_raw/digits.parquet"
    spoil(pd.read_parquet(raw)).to_parquet(raw)

    what, how = run().stderr.splitlines()
    assert what == f"Error: dataset raw_digits on load: {message}"
    assert "go on by `kedro run --changed --env=test`" in how


def test_the_whole_traceback_is_there_for_who_asks(run):
    result = run("--verbose", "--params=split.seed=soon")

    assert result.exit_code == 1
    assert "ParameterValidationError" in repr(result.exception)


def _no_test_rows(project):
    raw = project / "data/01_raw/digits.parquet"
    pd.read_parquet(raw).assign(split="train").to_parquet(raw)


def _one_class(project):
    raw = project / "data/01_raw/digits.parquet"
    pd.read_parquet(raw).assign(label=12).to_parquet(raw)


def _no_place_for_local_settings(project):
    (project / "conf/local").rmdir()


def _misspelt_globals(project):
    (project / "conf/test/globals.yml").write_text("dta: build/test/data")


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (lambda _: None, ["--env=nowhere"], "nowhere"),
        (_no_place_for_local_settings, [], "conf/local"),
        (_no_test_rows, ["--env=test"], "no row is a test row among 1797"),
        (_one_class, ["--env=test"], "all rows are of class 12; a model needs rows of 2 classes or more"),
        (_misspelt_globals, ["--env=test"], "dta in globals.yml is not a known name; the known ones are raw, data"),
        (lambda _: None, ["--env=test", "--params=cleaning.full_ink=255"], "cleaning.full_ink"),
    ],
)
def test_a_process_that_fails_says_why_in_three_lines_with_all_its_warnings(
    project, kedro: Kedro, spoil, arguments, message
):
    spoil(project)

    result = kedro("run", *arguments)

    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr
    assert not (project / "data/02_intermediate").exists()


def test_a_champion_that_cannot_be_kept_costs_the_former_one_nothing(trained, tmp_path, monkeypatch):
    project = copy_tree(trained, tmp_path / "project")
    before = _stored(project)
    monkeypatch.setattr("kedro_guards.model_files.trusted_types", list)

    with known_to_kedro(project) as metadata:
        result = CliRunner().invoke(commands.run, ["--env=test", "--nodes=fit_champion"], obj=metadata)

    assert result.exit_code == 1
    assert "the model holds" in result.stderr
    assert _stored(project) == before


def test_the_command_line_itself_exits_with_one_and_without_a_traceback(kedro: Kedro):
    result = kedro("run", "--env=test", "--params=split.sed=3")

    assert result.returncode == 1
    assert result.stdout == ""
    assert (
        result.stderr
        == "Error: Parameter validation failed:\n- Parameter 'split': sed is not a known key; did you mean seed?\n"
    )
