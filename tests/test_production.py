"""The environment ``production``: the same project, with all data in an S3 store."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.request import Request, urlopen

import pytest

from kedro_guards.files import located

from .conftest import DATA, ROOT, copy_project, run_kedro
from .guards.store import KEYS, Proxy, free_port, moto

pytestmark = pytest.mark.slow
BUCKET = "penstroke"


class Production:
    """A copy of the project whose environment ``production`` has the small search of ``test``."""

    def __init__(self, folder, proxy):
        self.project, self.proxy = copy_project(folder), proxy
        self.environment = KEYS | {"AWS_ENDPOINT_URL": proxy.address, "COLUMNS": "100"}
        for path in (ROOT / "conf/test").glob("parameters*.yml"):
            shutil.copy(path, self.project / "conf/production")
        shutil.rmtree(self.project / "data")

    def kedro(self, *arguments):
        return run_kedro(*arguments, "--env=production", cwd=self.project, **self.environment)

    def run(self, *arguments):
        result = self.kedro("run", *arguments)
        assert result.returncode == 0, result.stderr
        assert "canary" not in result.stdout + result.stderr
        return result.stdout

    def refused(self, *arguments):
        result = self.kedro("run", *arguments)
        assert result.returncode == 1, result.stdout
        assert len(result.stderr.splitlines()) <= 3, result.stderr
        assert "canary" not in result.stdout + result.stderr
        return result.stderr

    @property
    def files(self):
        return located(f"s3://{BUCKET}")[0]

    def objects(self):
        """ETag of each stored object by its name, without receipts and leases."""
        found = self.files.find(f"{BUCKET}/data", detail=True)
        return {
            name: entry["ETag"] for name, entry in found.items() if ".receipts" not in name and ".locks" not in name
        }

    def read(self, name):
        return self.files.cat_file(f"{BUCKET}/data/{name}")


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """The same after the main job and a promotion."""
    with moto() as port, Proxy(port) as proxy, pytest.MonkeyPatch.context() as patch:
        made = Production(tmp_path_factory.mktemp("production") / "project", proxy)
        for name, value in made.environment.items():
            patch.setenv(name, value)
        made.files.clear_instance_cache()
        made.files.call_s3("create_bucket", Bucket=BUCKET)
        made.files.put(f"{ROOT}/data/01_raw", f"{BUCKET}/01_raw", recursive=True)
        made.run()
        made.run("--pipelines=promotion")
        yield made


@pytest.fixture(autouse=True)
def no_fault(production):
    yield
    production.proxy.fault = lambda method, path: None


def _receipts(folder, read):
    return {
        name: json.loads(read(name))["sha256"] for name in folder if name.endswith(".json") and "pending" not in name
    }


def test_the_store_holds_the_same_bytes_as_a_local_run(production, promoted):
    local = promoted / DATA / ".receipts"
    names = [name for name in os.listdir(local) if name.endswith(".json")]
    measured = {"timings.json", "champion_costs.json", "verdict.json", "verdict_card.json"}  # how long something took

    here = _receipts(names, lambda name: (local / name).read_bytes())
    there = _receipts(names, lambda name: production.read(f".receipts/{name}"))

    assert len(names) > 20
    differ = {name for name in names if here[name] != there[name]}
    assert differ <= measured
    assert here["production_model.json"] == there["production_model.json"]


def test_nothing_is_written_into_the_folder_of_the_project(production):
    assert not [path for path in production.project.rglob("*") if path.suffix in {".parquet", ".skops"}]
    assert not (production.project / BUCKET).exists()
    assert not (production.project / "data").exists()


def test_when_nothing_has_changed_few_requests_say_so_and_nothing_is_read(production):
    production.run("--changed")
    production.proxy.asked.clear()

    assert production.run("--changed") == "nothing has changed\n"

    assert len(production.proxy.asked) <= 4
    assert {method for method, path in production.proxy.asked} == {"GET"}
    assert all("list-type=2" in path for _, path in production.proxy.asked)


def test_a_change_in_the_store_is_noticed(production):
    production.files.pipe_file(f"{BUCKET}/data/08_reporting/model_card.md", b"altered")

    assert "write_model_card: model_card was altered" in production.run("--changed")


def test_a_receipt_is_printed(production):
    result = production.kedro("receipt", "test_scores")

    assert result.returncode == 0, result.stderr
    assert "raw_digits" in result.stdout


def test_a_champion_is_promoted_and_the_former_one_restored(production):
    first = production.read("06_models/production_model.skops")
    other = "--params=final_fit.folds=4"
    production.run("--to-outputs=champion_model", other)
    production.run("--pipelines=promotion", other)
    assert production.read("06_models/production_model.skops") != first

    result = production.kedro("rollback")

    address = f"s3://{BUCKET}/data/06_models/production_model.skops"
    assert (result.returncode, result.stdout) == (0, f"production_model is the previous one again: {address}\n")
    assert production.read("06_models/production_model.skops") == first


def test_the_service_keeps_rows_and_feedback_at_the_address_and_monitoring_finds_them(production):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", "serve", "--env=production", f"--port={port}"],
        cwd=production.project,
        env=os.environ | production.environment,
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


def test_drawings_are_predicted_and_watched(production):
    assert "files answered" in production.run("--pipelines=inference")
    result = production.kedro("run", "--pipelines=monitoring")

    assert result.returncode in (0, 1)
    assert "Too few to judge" in result.stdout or "drift alarm" in result.stderr


def _fails(method, word, fault):
    return lambda asked, path: fault if asked == method and word in path else None


@pytest.mark.parametrize(
    ("name", "fault", "due"),
    [
        ("08_reporting/test_scores.json", "XMinioStorageFull", "test_predictions was made with other parameters"),
        ("07_model_output/test_predictions.parquet", Proxy.DROP, "nothing has changed"),
    ],
)
def test_a_save_that_fails_leaves_the_former_objects_and_a_rerun_completes(production, name, fault, due):
    production.run("--changed")  # other tests leave results of other parameters
    before = production.objects()
    production.proxy.fault = _fails("PUT", name, fault)

    told = production.refused("--nodes=predict_test_rows,score_test_rows", "--params=scoring.chunk_rows=999")

    assert "the object store" in told
    assert "What was stored is whole." in told  # so the run had begun
    changed = {key for key, etag in production.objects().items() if before.get(key) != etag}
    assert changed <= {f"{BUCKET}/data/07_model_output/test_predictions.parquet"} - {f"{BUCKET}/data/{name}"}
    production.proxy.fault = lambda method, path: None
    assert due in production.run("--changed")
    assert production.objects() == before


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


def test_a_store_that_is_away_is_told_in_one_line_within_seconds(production):
    began = time.monotonic()

    result = run_kedro(
        "run",
        "--env=production",
        cwd=production.project,
        **production.environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
    )

    assert result.returncode == 1
    assert "the object store http://127.0.0.1:9" in result.stderr
    assert len(result.stderr.splitlines()) <= 3
    assert time.monotonic() - began < 30


def test_two_machines_take_turns(production, tmp_path):
    """Two checkouts share no locks of the operating system."""
    other = shutil.copytree(production.project, tmp_path / "other")
    runs = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "kedro",
                "run",
                "--env=production",
                "--pipelines=data_processing",
                f"--params=split.seed={seed}",
            ],
            cwd=place,
            env=os.environ | production.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for place, seed in ((production.project, 3), (other, 4))
    ]
    told = [run.communicate(timeout=200)[1] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], told
    assert sum("is being written by process" in text for text in told) == 1
    seeds = {
        json.loads(production.read(f".receipts/{name}.json"))["parameters"]["params:split"]["seed"]
        for name in ("digits", "labels")
    }
    assert len(seeds) == 1
    assert production.files.find(f"{BUCKET}/data/.locks") == []
