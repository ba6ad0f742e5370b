"""The environment ``production``: the same project, with tables in PostgreSQL and all other data in an S3 store."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from kedro_guards.config import SCHEMAS
from kedro_guards.datasets.postgres import PostgresTableDataset
from kedro_guards.files import located
from kedro_guards.leases import leases

from .conftest import DATA, ROOT, copy_project, copy_tree, run_kedro
from .fork_server import server
from .guards.database import PASSWORD, postgres
from .guards.store import KEYS, Proxy, free_port, moto

pytestmark = pytest.mark.slow
BUCKET = "penstroke"


class Production:
    """A copy of the project whose environment ``production`` has the small search of ``test``."""

    def __init__(self, folder, proxy, database):
        self.project, self.proxy, self.database = copy_project(folder), proxy, database
        self.environment = KEYS | database.environment | {"AWS_ENDPOINT_URL": proxy.address, "COLUMNS": "100"}
        for path in (ROOT / "conf/test").glob("parameters*.yml"):
            shutil.copy(path, self.project / "conf/production")
        shutil.rmtree(self.project / "data")

    def kedro(self, *arguments, **environment):
        result = run_kedro(*arguments, "--env=production", cwd=self.project, **self.environment | environment)
        assert "canary" not in result.stdout + result.stderr
        return result

    def run(self, *arguments):
        result = self.kedro("run", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def refused(self, *arguments, **environment):
        result = self.kedro("run", *arguments, **environment)
        assert result.returncode == 1, result.stdout
        assert len(result.stderr.splitlines()) <= 3, result.stderr
        return result.stderr

    @property
    def files(self):
        return located(f"s3://{BUCKET}")[0]

    def table(self, name):
        return PostgresTableDataset(table=name, key="digit_id", credentials=self.database.credentials)

    def contents(self):
        """ETag of each stored object by its name, without receipts and leases, and the sum of each table."""
        found = self.files.find(f"{BUCKET}/data", detail=True)
        tables = {name: self.table(name).content_hash() for name in ("raw_digits", "predictions", "table_predictions")}
        return tables | {
            name: entry["ETag"] for name, entry in found.items() if ".receipts" not in name and ".locks" not in name
        }

    def read(self, name):
        return self.files.cat_file(f"{BUCKET}/data/{name}")


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """The same after the main job and a promotion. The raw digits that ship are in the database."""
    with (
        moto() as port,
        postgres() as database,
        Proxy(port) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        server().know("s3fs", "psycopg")
        made = Production(tmp_path_factory.mktemp("production") / "project", proxy, database)
        for name, value in made.environment.items():
            patch.setenv(name, value)
        made.files.clear_instance_cache()
        made.files.call_s3("create_bucket", Bucket=BUCKET)
        made.files.put(f"{ROOT}/data/01_raw/drawings", f"{BUCKET}/01_raw/drawings", recursive=True)
        raw = pd.read_parquet(ROOT / "data/01_raw/digits.parquet")
        made.table("raw_digits").save(raw)
        made.table("incoming_digits").save(raw.drop(columns="label").head(300))
        made.run("--pipelines=__default__,promotion")
        yield made


@pytest.fixture(autouse=True)
def no_fault(production):
    yield
    production.proxy.fault = lambda method, path: None


def _receipts(names, read):
    return {name: json.loads(read(name)) for name in names}


MEASURED = {"timings", "champion_costs", "verdict", "verdict_card"}  # how long something took


def test_production_holds_the_same_bytes_as_a_local_run(production, promoted):
    local = promoted / DATA / ".receipts"
    names = [name for name in os.listdir(local) if name.endswith(".json") and "pending" not in name]

    here = _receipts(names, lambda name: (local / name).read_bytes())
    there = _receipts(names, lambda name: production.read(f".receipts/{name}"))

    assert len(names) > 20
    differ = {here[name]["dataset"] for name in names if here[name]["sha256"] != there[name]["sha256"]}
    assert differ <= MEASURED
    assert here["production_model.json"]["sha256"] == there["production_model.json"]["sha256"]
    assert here["test_scores.json"]["sha256"] == there["test_scores.json"]["sha256"]
    code = {name: receipt["code"] for name, receipt in here.items()}
    for name, receipt in there.items():  # no line of the project's own code differs, and no version
        more = {key for key in receipt["code"].items() - code[name].items() if not key[0].startswith("kedro_guards")}
        assert {key for key, _ in more} <= {"psycopg", "psycopg-binary", "s3fs"}, name


def test_no_secret_is_stored(production):
    stored = production.files.cat(production.files.find(f"{BUCKET}/data"))
    stored |= {str(path): path.read_bytes() for path in production.project.rglob("*") if path.is_file()}

    assert len(stored) > 200
    for secret in (PASSWORD, KEYS["AWS_SECRET_ACCESS_KEY"]):
        assert [name for name, content in stored.items() if secret.encode() in content] == []


def test_nothing_is_written_into_the_folder_of_the_project(production):
    assert not [path for path in production.project.rglob("*") if path.suffix in {".parquet", ".skops"}]
    assert not (production.project / BUCKET).exists()
    assert not (production.project / "data").exists()


def test_a_copy_of_the_bucket_is_a_backup(production, tmp_path):
    restored = copy_tree(production.project, tmp_path / "restored")
    places = restored / "conf/production/globals.yml"
    places.write_text(places.read_text().replace(f"s3://{BUCKET}/", "s3://restored/"))
    production.files.call_s3("create_bucket", Bucket="restored")
    for name in production.files.find(BUCKET):
        production.files.copy(name, name.replace(BUCKET, "restored", 1))

    arguments = ("run", "--pipelines=__default__,promotion", "--changed", "--env=production")
    result = run_kedro(*arguments, cwd=restored, **production.environment)

    assert (result.returncode, result.stdout) == (0, "nothing has changed\n"), result.stderr


def test_what_changes_in_the_store_and_the_database_is_noticed_and_what_does_not_is_not_read(production):
    production.files.pipe_file(f"{BUCKET}/data/08_reporting/model_card.md", b"altered")
    production.database.ask("ALTER TABLE raw_digits ADD remark text")

    told = production.run("--changed")

    assert "write_model_card: model_card was altered" in told
    assert "state_form: digit_form was made with other data (raw_digits)" in told
    assert "split_rows" not in told  # the remark changes no row
    production.proxy.asked.clear()
    log = len(production.database.log)

    assert production.run("--changed") == "nothing has changed\n"

    assert len(production.proxy.asked) <= 4
    assert {method for method, path in production.proxy.asked} == {"GET"}
    assert all("list-type=2" in path for _, path in production.proxy.asked)
    asked = production.database.log[log:]
    assert "hashtextextended" in asked
    assert "CURSOR" not in asked


def test_a_receipt_is_printed(production):
    result = production.kedro("receipt", "test_scores")

    assert result.returncode == 0, result.stderr
    assert f"raw_digits {production.table('raw_digits').content_hash()[:12]} (made by no node)" in result.stdout


def test_the_service_keeps_rows_at_the_address_and_monitoring_finds_them(production):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", "serve", "--env=production", f"--port={port}"],
        cwd=production.project,
        # it needs no table, so it gets no right to any
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert "serves at" in process.stderr.readline()
        columns = json.loads(urlopen(f"http://127.0.0.1:{port}/v1/model", timeout=30).read())
        body = json.dumps({"images": [[[0] * 3 + [16] * 2 + [0] * 3] * 8]}).encode()
        for _ in range(3):
            request = Request(f"http://127.0.0.1:{port}/v1/predictions", body, {"Content-Type": "application/json"})
            assert urlopen(request, timeout=30).status == 200  # noqa: S310
        assert columns["version"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)

    assert production.files.find(f"{BUCKET}/data/07_model_output/served_predictions") != []
    assert "Too few to judge: 3 rows" in production.run("--pipelines=monitoring_service")
    assert not (production.project / BUCKET).exists()


def test_drawings_and_tables_are_predicted_into_the_database_and_watched(production):
    assert "files answered" in production.run("--pipelines=inference,inference_table")

    found = production.table("table_predictions").load()
    assert len(found) == 300
    right = production.table("raw_digits").load()["label"].reindex(found.index)
    assert (found["prediction"] == right).mean() > 0.95
    assert production.database.ask("SELECT count(*) FROM predictions") == [(14,)]
    result = production.kedro("run", "--pipelines=monitoring,monitoring_table")
    assert result.returncode in (0, 1)
    assert "Too few to judge" in result.stdout or "drift alarm" in result.stderr


def _fails(method, word, fault):
    return lambda asked, path: fault if asked == method and word in path else None


def test_saves_that_fail_leave_the_former_contents_and_a_rerun_completes(production):
    before = production.contents()
    scoring = ("--nodes=predict_test_rows,score_test_rows", "--params=scoring.chunk_rows=999")
    for name, fault, changed in (
        ("08_reporting/test_scores.json", "XMinioStorageFull", {"test_predictions.parquet"}),
        ("07_model_output/test_predictions.parquet", Proxy.DROP, set()),
    ):
        production.proxy.fault = _fails("PUT", name, fault)
        told = production.refused(*scoring)
        assert "the object store" in told
        assert "What was stored is whole." in told  # so the run had begun
        now = production.contents()
        assert {key.rpartition("/")[2] for key in now if before.get(key) != now[key]} <= changed
    production.proxy.fault = lambda method, path: None
    production.database.ask("REVOKE SELECT, INSERT ON table_predictions FROM owner")
    told = production.refused("--pipelines=inference_table", "--params=answers.chunk_rows=999")
    assert "table table_predictions: permission denied" in told
    production.database.ask("GRANT ALL ON table_predictions TO owner")

    told = production.run("--changed", "--pipelines=__default__,inference_table")

    assert "test_predictions was made with other parameters" in told
    assert production.contents() == before


def test_a_misspelt_bucket_is_told_in_one_line(production):
    place = production.project / "conf/production/globals.yml"
    text = place.read_text()
    place.write_text(text.replace("data: s3://penstroke/", "data: s3://penstrok/"))
    try:
        told = production.refused()
    finally:
        place.write_text(text)

    assert told.startswith("Error: penstrok does not exist in the object store; correct `raw` or `data` in globals.yml")
    assert not production.files.exists("penstrok")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "the object store http://127.0.0.1:9"),
        ({"PGPASSWORD": "canarytoo"}, 'password authentication failed for user "owner"'),
    ],
)
def test_a_server_that_is_away_or_refuses_is_told_within_seconds(production, wrong, words):
    began = time.monotonic()

    assert words in production.refused("--pipelines=data_processing", **wrong)
    assert time.monotonic() - began < 30


def test_a_run_waits_for_another_machine_that_writes_the_same_datasets(production):
    """Two checkouts share no locks of the operating system."""
    results = []
    run = threading.Thread(target=lambda: results.append(production.kedro("run", "--nodes=split_rows")))
    with leases(f"s3://{BUCKET}/data", ["labels"], 10):
        run.start()
        time.sleep(6)
        assert run.is_alive()
    run.join(60)

    assert results[0].returncode == 0, results[0].stderr
    assert "labels is being written by process" in results[0].stderr
    assert production.files.find(f"{BUCKET}/data/.locks") == []


def test_one_code_serves_every_environment(production, promoted):
    """Environments are configuration alone. The copies that ran in ``production`` and ``test`` have the same code."""
    for folder in (path for path in (ROOT / "conf").glob("*/") if path.name not in {"local", SCHEMAS}):
        assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".yml"}, folder
    for path in (path.relative_to(ROOT) for path in (ROOT / "src").rglob("*.py")):
        assert (production.project / path).read_bytes() == (ROOT / path).read_bytes() == (promoted / path).read_bytes()


def test_feedback_makes_another_champion_and_the_former_one_is_restored(production):
    first = production.read("06_models/production_model.skops")
    drawing = production.files.find(f"{BUCKET}/01_raw/drawings")[0]
    production.files.copy(drawing, f"{BUCKET}/data/01_raw/inbox/7_{drawing.rpartition('/')[2]}")
    assert "1 labelled files taken, 0 rejected" in production.run("--pipelines=feedback")
    production.run("--pipelines=__default__,promotion", "--to-outputs=production_model")
    assert production.read("06_models/production_model.skops") != first

    result = production.kedro("rollback")

    address = f"s3://{BUCKET}/data/06_models/production_model.skops"
    assert (result.returncode, result.stdout) == (0, f"production_model is the previous one again: {address}\n")
    assert production.read("06_models/production_model.skops") == first
