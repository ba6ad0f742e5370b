"""Runs are recorded with MLflow if an address is set, and run as well without it."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from kedro_guards.commands import run
from kedro_guards.receipts import read_receipt
from penstroke import cli
from penstroke.tracking import Tracking, TrackingHooks

from .conftest import DATA, copy_tree, known_to_kedro, run_kedro
from .guards.missing import missing
from .test_secrets import CATALOG, CREDENTIALS, found_below, found_in

FILE = "sqlite:///mlflow.db"
TRAIN = ("--from-nodes=rank_contenders", "--pipelines=data_science,reporting")
FOUR_FOLDS = "final_fit.folds=4"


@pytest.fixture(scope="module")
def mlflow():
    try:
        import mlflow  # noqa: PLC0415
    except ImportError:
        missing("MLflow is not installed; requirements-mlflow.txt has it")
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # as in a run, which imports it later
    return mlflow


@contextmanager
def commands(project):
    """Run commands in this process, in a project."""
    with known_to_kedro(project) as metadata:
        yield lambda command, *arguments: CliRunner().invoke(command, ["--env=test", *arguments], obj=metadata)


def client_of(mlflow, address):
    return mlflow.MlflowClient(address, address)


def runs_of(client):
    found = client.search_runs([client.get_experiment_by_name("penstroke").experiment_id])
    return {run.info.run_name: run for run in reversed(found)}  # the newest of each name


def files_of(client, run, tmp_path):
    """Download what was recorded of a run."""
    place = client.download_artifacts(run.info.run_id, "", str(tmp_path))
    return {os.path.relpath(os.path.join(way, name), place) for way, _, names in os.walk(place) for name in names}


@pytest.fixture(scope="module")
def recorded(mlflow, trained, tmp_path_factory):
    """A project whose champion was trained, refused and promoted while runs were recorded."""
    project = copy_tree(trained, tmp_path_factory.mktemp("recorded") / "project")
    options = f"--params=tracking.address={FILE}"
    with commands(project) as kedro:
        assert kedro(run, *TRAIN, options).exit_code == 0
        assert kedro(run, "--pipelines=promotion", f"{options},gate.size_mb=0.1").exit_code == 1
        refused = client_of(mlflow, f"sqlite:///{project}/mlflow.db")
        assert refused.get_registered_model("penstroke").aliases == {}
        assert kedro(run, "--pipelines=promotion", "--changed", options).exit_code == 0
    return project


@pytest.fixture
def client(mlflow, recorded):
    return client_of(mlflow, f"sqlite:///{recorded}/mlflow.db")


def test_scores_parameters_and_what_they_were_made_of_are_recorded(recorded, client):
    found = runs_of(client)["data_science, reporting"]
    scores = json.loads((recorded / DATA / "08_reporting/test_scores.json").read_text())
    leaderboard = pd.read_parquet(recorded / DATA / "06_models/leaderboard.parquet").set_index("contender")
    receipt = read_receipt(recorded / DATA / ".receipts/champion_model.json")

    assert found.info.status == "FINISHED"
    assert found.data.metrics["test_scores.accuracy"] == scores["accuracy"]
    assert found.data.metrics["leaderboard.logistic.accuracy_mean"] == leaderboard["accuracy_mean"]["logistic"]
    assert found.data.params["final_fit.folds"] == "3"
    assert found.data.params["features.deskew"] == "1.0"
    assert found.data.tags["receipt.champion_model"] == receipt.sha256
    assert found.data.tags["kedro.run_id"] == receipt.run_id
    assert found.data.tags["mlflow.source.git.commit"] == (receipt.commit or "unknown")
    assert found.data.tags["kedro.env"] == "test"


def test_cards_figures_and_the_model_are_recorded_as_the_run_stored_them(recorded, client, tmp_path):
    names = files_of(client, runs_of(client)["data_science, reporting"], tmp_path)

    kept = {
        "model/champion_model.skops",
        "model_card.md",
        "leaderboard.csv",
        "figures.html",
        "receipts/test_scores.json",
    }
    assert kept <= names
    assert {name for name in names - kept if not name.startswith("receipts/")} == set()  # no pickle, no MLmodel
    stored = recorded / DATA
    assert (tmp_path / "model/champion_model.skops").read_bytes() == (
        stored / "06_models/champion_model.skops"
    ).read_bytes()
    assert (tmp_path / "model_card.md").read_text() == (stored / "08_reporting/model_card.md").read_text()
    page = (tmp_path / "figures.html").read_text()
    assert page.count("plotly.js v") == 1
    assert all(f"<h2>{name}_plot</h2>" in page for name in ("calibration", "confusion", "leaderboard"))
    assert "src=" not in page.partition("<h2>")[0]


def test_a_refusal_is_recorded_as_a_failed_run_with_its_verdict(client):
    found = client.search_runs(
        [client.get_experiment_by_name("penstroke").experiment_id],
        "attributes.run_name = 'promotion'",
        order_by=["start_time"],
    )

    assert [run.info.status for run in found] == ["FAILED", "FINISHED"]
    assert [run.data.tags["verdict"] for run in found] == ["size_mb", "passed"]


def test_the_parts_of_a_changed_run_are_one_run_of_mlflow(client):
    """--changed judged and promoted, one after the other."""
    last = runs_of(client)["promotion"]

    assert {"receipt.verdict", "receipt.production_model"} <= set(last.data.tags)


def test_a_promotion_sets_the_alias_to_the_version_with_the_bytes_in_production(recorded, client):
    version = client.get_model_version_by_alias("penstroke", "champion")

    assert version.tags["sha256"] == read_receipt(recorded / DATA / ".receipts/production_model.json").sha256
    assert version.run_id == runs_of(client)["data_science, reporting"].info.run_id
    assert len(client.search_model_versions("name = 'penstroke'")) == 1  # the same bytes are not registered twice


@pytest.mark.slow
def test_a_rollback_moves_the_alias_back(recorded, mlflow, tmp_path):
    project = copy_tree(recorded, tmp_path / "project")
    client = client_of(mlflow, f"sqlite:///{project}/mlflow.db")
    first = client.get_model_version_by_alias("penstroke", "champion")
    (project / "conf/test/parameters_tracking.yml").write_text(f"tracking: {{address: '{FILE}'}}")

    with commands(project) as kedro:
        assert kedro(run, "--to-outputs=champion_model", f"--params={FOUR_FOLDS}").exit_code == 0
        assert kedro(run, "--pipelines=promotion", f"--params={FOUR_FOLDS}").exit_code == 0
        second = client.get_model_version_by_alias("penstroke", "champion")
        result = kedro(cli.rollback)

    assert result.exit_code == 0, result.output
    assert (first.version, second.version) == ("1", "2") or (first.version, second.version) == (1, 2)
    assert client.get_model_version_by_alias("penstroke", "champion").version == first.version


def test_a_model_that_was_trained_before_anything_was_recorded_is_registered_when_promoted(mlflow, trained, tmp_path):
    project = copy_tree(trained, tmp_path / "project")
    with commands(project) as kedro:
        assert kedro(run, "--pipelines=promotion", f"--params=tracking.address={FILE}").exit_code == 0

    client = client_of(mlflow, f"sqlite:///{project}/mlflow.db")
    version = client.get_model_version_by_alias("penstroke", "champion")
    names = files_of(client, runs_of(client)["promotion"], tmp_path)
    assert version.tags["sha256"] == read_receipt(project / DATA / ".receipts/production_model.json").sha256
    assert "model/production_model.skops" in names


def test_nothing_is_recorded_in_the_present_folder(mlflow, trained, tmp_path):
    project = copy_tree(trained, tmp_path / "project")
    with commands(project) as kedro:
        os.chdir(project / "conf")
        result = kedro(run, "--nodes=draw_confusion,rank_contenders", f"--params=tracking.address={FILE}")

    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert (project / "mlflow.db").exists()
    assert (project / "mlruns").is_dir()
    assert not (project / "conf/mlruns").exists()


def test_a_canary_is_recorded_nowhere(mlflow, trained, tmp_path):
    project = copy_tree(trained, tmp_path / "project")
    (project / "conf/test/credentials.yml").write_text(CREDENTIALS)
    (project / "conf/test/catalog.yml").write_text(CATALOG)
    options = ("--from-nodes=score_test_rows", f"--params=tracking.address={FILE}", "--allow-stale")

    result = run_kedro("run", "--env=test", *options, cwd=project, STORE_KEY="canaryenvironment")

    assert result.returncode == 0, result.stderr
    assert found_in(result.stdout + result.stderr) == []
    assert (project / "mlruns").exists()
    assert found_below(project / "mlruns") == {}
    assert found_in((project / "mlflow.db").read_bytes()) == []


@pytest.mark.parametrize("address", ["https://me:word@host", "databricks", "sqlite:///a@b", "file:///x"])
def test_an_address_with_a_secret_or_of_another_kind_is_refused_and_not_repeated(address):
    with pytest.raises(ValueError, match=r"address: must be sqlite:///FILE or http\(s\)://HOST") as refused:
        Tracking.model_validate({"address": address, "experiment": "shop"})

    assert address not in str(refused.value)


@contextmanager
def _silent_server():
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def _closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield port


@pytest.mark.parametrize("dead", [_closed_port, _silent_server])
def test_a_dead_server_costs_a_warning_less_than_ten_seconds_and_no_run(mlflow, trained, tmp_path, dead):
    project = copy_tree(trained, tmp_path / "project")
    card = project / DATA / "08_reporting/model_card.md"
    card.unlink()

    with dead() as port, commands(project) as kedro:
        began = time.monotonic()
        result = kedro(run, "--nodes=write_model_card", f"--params=tracking.address=http://127.0.0.1:{port}")
        took = time.monotonic() - began

    assert result.exit_code == 0, result.output
    assert card.exists()
    assert took < 10


def test_a_server_that_fails_is_one_warning(mlflow, trained, tmp_path, caplog):
    project = copy_tree(trained, tmp_path / "project")
    with _closed_port() as port, commands(project) as kedro:
        assert kedro(run, "--nodes=draw_confusion", f"--params=tracking.address=http://127.0.0.1:{port}").exit_code == 0

    told = [record.getMessage() for record in caplog.records if record.name.startswith("penstroke")]
    assert len(told) == 1
    assert told[0].startswith(f"MLflow at http://127.0.0.1:{port} did not record everything of this run: ")
    assert "\n" not in told[0]


def test_an_address_without_mlflow_is_refused_before_anything_runs(trained, tmp_path, monkeypatch):
    project = copy_tree(trained, tmp_path / "project")
    before = (project / DATA / ".receipts/confusion_plot.json").read_bytes()
    monkeypatch.setattr("penstroke.tracking.find_spec", lambda name: None)

    with commands(project) as kedro:
        result = kedro(run, "--nodes=draw_confusion", f"--params=tracking.address={FILE}")

    assert result.exit_code == 1
    assert "MLflow is not installed; install it by `pip install -r requirements-mlflow.txt`" in result.stderr
    assert (project / DATA / ".receipts/confusion_plot.json").read_bytes() == before


def test_without_an_address_nothing_is_imported_and_nothing_costs(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # an import would fail
    hooks = TrackingHooks()
    hooks._group, hooks._project = {"address": None, "experiment": "shop"}, None
    began = time.process_time()

    hooks.before_pipeline_run()
    hooks.after_pipeline_run({}, Pipeline([]), DataCatalog())
    hooks.on_pipeline_error({}, Pipeline([]), DataCatalog())
    hooks.after_rollback(DataCatalog())

    assert time.process_time() - began < 0.1


@contextmanager
def _mlflow_server(folder):
    """A real server of MLflow, with the whole package, which does not fit our locks, in an environment of its own."""
    program = os.environ.get("PENSTROKE_MLFLOW")
    if not program:
        missing("PENSTROKE_MLFLOW names no `mlflow` of an environment with the whole package")
    with _closed_port() as port:
        process = subprocess.Popen(
            [
                program,
                "server",
                "--host=127.0.0.1",
                f"--port={port}",
                "--workers=1",
                "--backend-store-uri=sqlite:///server.db",
            ],
            cwd=folder,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
        while True:
            try:
                urlopen(f"{address}/health", timeout=5).close()  # noqa: S310
                break
            except URLError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
def test_a_real_server_gets_the_same(mlflow, trained, tmp_path):
    project = copy_tree(trained, tmp_path / "project")
    (tmp_path / "server").mkdir()
    with _mlflow_server(tmp_path / "server") as address:
        with commands(project) as kedro:
            options = f"--params=tracking.address={address}"
            assert kedro(run, *TRAIN, options).exit_code == 0
            assert kedro(run, "--pipelines=promotion", options).exit_code == 0
        client = client_of(mlflow, address)
        found = runs_of(client)["data_science, reporting"]
        version = client.get_model_version_by_alias("penstroke", "champion")
        names = files_of(client, found, tmp_path / "recorded")

    assert found.info.status == "FINISHED"
    assert found.data.params["final_fit.folds"] == "3"
    assert version.tags["sha256"] == read_receipt(project / DATA / ".receipts/production_model.json").sha256
    assert {"model/champion_model.skops", "model_card.md", "figures.html", "leaderboard.csv"} <= names
    assert not list((project).rglob("mlruns"))
