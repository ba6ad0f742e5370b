"""From a champion to production and back, by the commands that a person types."""

import hashlib
import json
import re
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from kedro_guards import model_files
from kedro_guards.commands import run
from kedro_guards.receipts import read_receipt, write_receipt
from kedro_guards.runs import lock
from penstroke import cli
from penstroke.domain import Features
from penstroke.pipelines.data_science.nodes import fit_champion
from penstroke.pipelines.data_science.parameters import FinalFit

from .conftest import DATA, ROOT, base_parameters, copy_tree, known_to_kedro, run_kedro

CHAMPION, PRODUCTION = (f"{DATA}/06_models/{name}_model.skops" for name in ("champion", "production"))
PROMOTE = ("run", "--env=test", "--pipelines=promotion")


@pytest.fixture
def project(promoted, tmp_path) -> Path:
    """A copy of a project whose champion is in production, to write in."""
    return copy_tree(promoted, tmp_path / "project")


@pytest.fixture
def kedro_here(project):
    """``kedro <command> --env=test …`` in this process, in that copy."""
    with known_to_kedro(project) as metadata:
        yield lambda command, *arguments: CliRunner().invoke(command, ["--env=test", *arguments], obj=metadata)


def _verdict(project):
    return json.loads((project / DATA / "08_reporting/verdict.json").read_text())


def _model(project, place=CHAMPION):
    with (project / place).open("rb") as file:
        return model_files.load(file)


def _replace_champion(project, model):
    """Put another champion in place, with a receipt, as if a run had made it."""
    with (project / CHAMPION).open("wb") as file:
        model_files.dump(model, file)
    place = str(project / DATA / ".receipts/champion_model.json")
    sha256 = hashlib.sha256((project / CHAMPION).read_bytes()).hexdigest()
    write_receipt(read_receipt(place).model_copy(update={"sha256": sha256}), place)


def _trained_on(project, change):
    """A champion like that of the project, but of no copies, and whose training rows were changed."""
    data = project / DATA
    rows = pd.read_parquet(data / "05_model_input/training_rows.parquet")
    rows = rows.drop(columns=rows.filter(regex="^copy_"))
    settings = json.loads((data / "06_models/champion_settings.json").read_text())
    final_fit = FinalFit.model_validate(base_parameters("data_science")["final_fit"] | {"folds": 2})
    features = Features.model_validate(base_parameters("domain")["features"])
    form = json.loads((data / "02_intermediate/digit_form.json").read_text())
    return fit_champion(change(rows), settings, final_fit, features, form)


def _worse(project):
    """One that learned ten rows of each digit."""
    return _trained_on(project, lambda rows: rows.groupby("label").sample(10, random_state=0))


def _unsure(project):
    """One that says half of what it knows, in logits."""
    model = deepcopy(_model(project))
    model.temperature_ *= 10
    return model


def _without_threes(project):
    return _trained_on(project, lambda rows: rows[rows["label"] != 3])


def _taught_the_test_rows(project):
    model = _model(project)
    model.row_ids_ = np.array(pd.read_parquet(project / DATA / "03_primary/labels.parquet").index, dtype=str)
    return model


def test_the_champion_goes_into_production_as_it_is(promoted):
    assert "passes the gate" in (promoted / "stdout").read_text()
    assert (promoted / PRODUCTION).read_bytes() == (promoted / CHAMPION).read_bytes()
    verdict = _verdict(promoted)
    assert verdict["passed"]
    assert verdict["production"] is None
    assert {check["check"] for check in verdict["checks"]} >= {"accuracy_low", "recall_3", "loss_shift", "latency_ms"}
    card = (promoted / DATA / "08_reporting/verdict_card.md").read_text()
    assert all(f"| {check['check']} |" in card for check in verdict["checks"])


@pytest.mark.parametrize(
    ("make", "check"),
    [
        pytest.param(_worse, "loss_against_production", marks=pytest.mark.slow),
        (_unsure, "calibration_error"),
        pytest.param(_without_threes, "recall_3", marks=pytest.mark.slow),
        pytest.param(_taught_the_test_rows, "test_rows_learned", marks=pytest.mark.slow),
    ],
)
def test_a_bad_model_is_refused_by_name_and_production_stays_as_it_was(project, kedro_here, make, check):
    _replace_champion(project, make(project))
    before = (project / PRODUCTION).read_bytes()

    result = kedro_here(run, "--pipelines=promotion")

    assert result.exit_code == 1
    assert "champion_model is refused, and production_model stays as it was: " in result.stderr
    assert f"{check} is " in result.stderr
    assert len(result.stderr.splitlines()) <= 3, result.stderr
    assert (project / PRODUCTION).read_bytes() == before
    assert not (project / f"{PRODUCTION}.former").exists()
    verdict = _verdict(project)
    assert not verdict["passed"]
    assert check in verdict["refused_by"]
    assert verdict["production"] != verdict["champion"]
    labels = pd.read_parquet(project / DATA / "03_primary/labels.parquet").query("split == 'test'")["label"]
    comparable = {"test_rows_learned": 0, "recall_3": int((labels != 3).sum())}  # of the classes that both know
    assert verdict["comparable_rows"] == comparable.get(check, 355)


def test_a_refusal_ends_the_process_with_1_and_three_lines(project):
    before = (project / PRODUCTION).read_bytes()

    result = run_kedro(*PROMOTE, "--params=gate.size_mb=0.1", cwd=project)

    assert result.returncode == 1
    assert result.stderr.startswith("Error: champion_model is refused, and production_model stays as it was: size_mb")
    assert re.search(r"size_mb is \d\.\d+, must be at most 0.1", result.stderr)
    assert len(result.stderr.splitlines()) == 3, result.stderr
    assert _verdict(project)["refused_by"] == ["size_mb"]
    assert (project / PRODUCTION).read_bytes() == before


@pytest.mark.slow
def test_another_champion_is_promoted_and_the_former_one_can_be_brought_back_once(project, kedro_here):
    first = (project / PRODUCTION).read_bytes()
    other = "--params=final_fit.folds=4"
    assert kedro_here(run, "--to-outputs=champion_model", other).exit_code == 0

    assert kedro_here(run, "--pipelines=promotion", other).exit_code == 0
    assert kedro_here(run, "--pipelines=promotion", other).exit_code == 0  # and forgets no former one

    assert (project / PRODUCTION).read_bytes() == (project / CHAMPION).read_bytes() != first
    assert (project / f"{PRODUCTION}.former").read_bytes() == first

    result = run_kedro("rollback", "--env=test", cwd=project)

    said = f"production_model is the previous one again: {PRODUCTION}\n"
    assert (result.returncode, result.stdout, result.stderr) == (0, said, "")
    assert (project / PRODUCTION).read_bytes() == first
    again = run_kedro("rollback", "--env=test", cwd=project)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: there is no former model to bring back")
    assert len(again.stderr.splitlines()) == 1
    assert (project / PRODUCTION).read_bytes() == first


@pytest.mark.slow
def test_another_split_leaves_too_few_rows_to_compare_and_the_verdict_says_what_decides(project, kedro_here):
    assert kedro_here(run, "--params=split.seed=3").exit_code == 0

    result = kedro_here(run, "--pipelines=promotion", "--params=split.seed=3")

    assert result.exit_code == 0, result.stderr
    verdict = _verdict(project)
    former = set(_model(project, f"{PRODUCTION}.former").row_ids_)
    labels = pd.read_parquet(project / DATA / "03_primary/labels.parquet")
    untouched = set(labels.index[labels["split"] == "test"]) - former
    assert 0 < verdict["comparable_rows"] == len(untouched) < 100
    (check,) = [check for check in verdict["checks"] if check["check"] == "loss_against_production"]
    assert check["note"] == (
        f"not comparable: {len(untouched)} test rows are such that neither model was trained on them, 100 are needed; "
        "the other checks decide"
    )


@pytest.mark.slow
def test_production_that_cannot_be_read_is_no_reason_to_replace_it_unseen(project, kedro_here):
    (project / PRODUCTION).write_bytes(b"half a model")

    result = kedro_here(run, "--pipelines=promotion")

    assert result.exit_code == 1
    assert "current_model" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert (project / PRODUCTION).read_bytes() == b"half a model"


def test_a_verdict_of_before_promotes_no_champion_of_after(project, kedro_here):
    _replace_champion(project, _unsure(project))

    result = kedro_here(run, "--pipelines=promotion", "--nodes=promote_champion", "--allow-stale")

    assert result.exit_code == 1
    assert "verdict is about another model than champion_model" in result.stderr


@pytest.mark.slow
def test_what_was_promoted_is_not_promoted_again_by_changed_but_what_was_brought_back_gives_way(project, kedro_here):
    promote = "--pipelines=promotion", "--changed"
    assert kedro_here(run, *promote).stdout.endswith("nothing has changed\n")
    other = "--params=final_fit.folds=4"
    assert kedro_here(run, "--to-outputs=champion_model", other).exit_code == 0
    champion = (project / CHAMPION).read_bytes()

    assert "promote_champion: production_model was made with other data" in kedro_here(run, *promote, other).stdout
    assert (project / PRODUCTION).read_bytes() == champion
    assert kedro_here(run, *promote, other).stdout == "nothing has changed\n"

    assert kedro_here(cli.rollback).exit_code == 0
    assert (project / PRODUCTION).read_bytes() != champion
    assert kedro_here(run, *promote, other).exit_code == 0
    assert (project / PRODUCTION).read_bytes() == champion


def test_judging_again_what_is_stored_makes_the_same_bytes(project, kedro_here):
    verdicts = [project / DATA / f"08_reporting/{name}" for name in ("verdict.json", "verdict_card.md")]
    before = [path.read_bytes() for path in verdicts]

    assert kedro_here(run, "--pipelines=promotion", "--nodes=judge_champion").exit_code == 0

    assert [path.read_bytes() for path in verdicts] == before


def test_a_champion_can_be_judged_without_being_promoted(project, kedro_here):
    result = kedro_here(run, "--pipelines=promotion", "--nodes=judge_champion", "--params=gate.accuracy_low=1")

    assert result.exit_code == 0
    assert "The champion is refused by 1 of 23 checks" in result.stdout
    assert _verdict(project)["refused_by"] == ["accuracy_low"]


def test_a_rollback_waits_for_a_run_that_writes_production(project, kedro_here):
    (project / "conf/test/globals.yml").write_text("data: build/test/data\nlock_timeout_s: 0.5\n")
    with lock(project / DATA / ".locks/production_model", 0):
        result = kedro_here(cli.rollback)

    assert result.exit_code == 1
    assert "production_model is being written by process" in result.stderr


def test_the_first_model_in_production_has_no_former_one(kedro_here):
    result = kedro_here(cli.rollback)

    assert result.exit_code == 1
    assert "there is no former model to bring back" in result.stderr


def test_the_help_tells_of_the_command():
    assert (
        "Restore the production model that the last promotion replaced."
        in run_kedro("rollback", "--help", cwd=ROOT).stdout
    )
