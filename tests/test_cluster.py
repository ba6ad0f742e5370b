"""The workers of a Dask cluster share the fits of the search and the tables of a folder."""

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from kedro_guards.commands import run
from penstroke import cluster
from penstroke.cluster import ClusterError, ClusterHooks, identity, join
from penstroke.pools import PoolHooks, map_in_order

from .conftest import DATA, ROOT, copy_tree, known_to_kedro, run_new_python
from .guards.missing import missing
from .guards.store import free_port

SEARCH = ("--from-nodes=assemble_training_rows", "--to-nodes=search_contenders")
SCORE = ("--pipelines=inference_table",)
TABLES = 12


def hooks_of(address):
    hooks = ClusterHooks()
    hooks.after_context_created(SimpleNamespace(config_loader={"globals": {"scheduler": address}}))
    return hooks


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1:8786", "http://host:8786", "tcp://me:canary@host:1", "tcp://host", 8786, ""]
)
def test_an_address_of_another_form_is_refused_and_not_repeated(wrong):
    with pytest.raises(ValueError, match=r"scheduler in globals\.yml must be tcp://HOST:PORT") as caught:
        hooks_of(wrong)

    assert "canary" not in str(caught.value)


@pytest.mark.slow
def test_without_an_address_a_run_uses_no_cluster_and_imports_no_dask(tmp_path):
    hooks_of(None).before_pipeline_run({"runner": "SequentialRunner()"})
    assert PoolHooks.cluster is None

    code = "import sys, penstroke.settings, penstroke.pipeline_registry; sys.exit('distributed' in sys.modules)"
    assert run_new_python("-c", code, cwd=tmp_path, PYTHONPATH=str(ROOT / "src")).returncode == 0


def test_an_address_without_the_extra_is_refused(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)

    with pytest.raises(ClusterError, match="Dask is not installed; install it by `pip install -r requirements-cluster"):
        hooks_of("tcp://127.0.0.1:8786").before_pipeline_run({"runner": "SequentialRunner()"})


def test_processes_that_cannot_share_a_connection_are_refused(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: True)

    with pytest.raises(ClusterError, match="ParallelRunner cannot share a cluster"):
        hooks_of("tcp://127.0.0.1:8786").before_pipeline_run({"runner": "ParallelRunner()"})


def asked(monkeypatch, answers, threads=1):
    """Have scheduler and workers give these answers."""
    pytest.importorskip("distributed") if not os.environ.get("PENSTROKE_STRICT") else None

    async def ask(address):
        return {"tcp://a": threads}, {"the scheduler s": identity(), "the worker tcp://a": answers}

    monkeypatch.setattr(cluster, "_ask", ask)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"penstroke.answers": "0" * 64}, r"penstroke\.answers 000000000000, here [0-9a-f]{12}\)"),
        ({"numpy": "1.0"}, r"numpy 1\.0, here 2"),
        (
            {"penstroke.a": "1", "penstroke.b": "2", "penstroke.c": "3"},
            r"\(penstroke.a 1, here missing; penstroke.b 2, here missing; …\)",
        ),
    ],
)
def test_other_code_and_other_packages_are_named(monkeypatch, change, told):
    asked(monkeypatch, identity() | change)

    with pytest.raises(ClusterError, match=f"the worker tcp://a has other code or packages \\(?{told}") as caught:
        join("tcp://127.0.0.1:1")

    assert len(str(caught.value).splitlines()) == 1


def test_a_worker_with_several_threads_is_refused(monkeypatch):
    asked(monkeypatch, identity(), threads=2)

    with pytest.raises(ClusterError, match="the worker tcp://a has 2 threads; start it again"):
        join("tcp://127.0.0.1:1")


def test_the_identity_counts_every_module_and_the_packages_behind_it():
    modules = {path.relative_to(ROOT / "src") for path in (ROOT / "src/penstroke").rglob("*.py")}
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in modules}

    assert names - {"penstroke.__main__"} <= set(identity())
    assert {"python", "numpy", "scikit-learn", "pandas", "pyarrow"} <= set(identity())


class Cluster:
    """A scheduler and two workers, each a process on 127.0.0.1."""

    def __init__(self, folder):
        self.folder, self.address, self.processes = folder, f"tcp://127.0.0.1:{free_port()}", []
        host, _, port = self.address.removeprefix("tcp://").partition(":")
        self.start("scheduler", f"--host={host}", f"--port={port}")

    def start(self, kind, *arguments, path=ROOT / "src"):
        command = [sys.executable, "-m", "dask", kind, *arguments, "--no-dashboard"]
        if kind == "worker":
            command += ["--nthreads=1", f"--local-directory={self.folder}", self.address]
        self.processes.append(
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(path)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        return self.processes[-1]

    def ask(self, question):
        """Ask all workers at once; wait until there are two."""
        from distributed import Client  # noqa: PLC0415

        with Client(self.address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            return list(client.run(question).values())

    def kill_worker(self):
        os.kill(self.ask(os.getpid)[0], signal.SIGKILL)

    def stop(self, process):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    try:
        import distributed  # noqa: F401, PLC0415
    except ImportError:
        missing("Dask is not installed; requirements-cluster.txt has it")
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    for process in reversed(found.processes):
        found.stop(process)


def refused(address):
    """Return the one line by which a cluster is refused, which must take only seconds."""
    start = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        join(address)
    assert time.monotonic() - start < 40  # ten times what a quiet machine takes
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.slow
def test_an_absent_scheduler_a_lonely_one_and_foreign_workers_are_refused(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    assert "no Dask scheduler answers at tcp://127.0.0.1:" in refused(f"tcp://127.0.0.1:{free_port()}")
    monkeypatch.setattr(cluster, "ANSWER_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and says nothing
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert f"the cluster at {address} did not answer within 3 s; start again" in refused(address)
    monkeypatch.undo()
    assert "has no workers; start one by `dask worker tcp://127.0.0.1:" in refused(scheduler.address)

    other = scheduler.start("worker", path=tmp_path)  # which has no project
    found = refused(scheduler.address)
    assert "cannot import this project" in found
    assert "No module named" in found
    scheduler.stop(other)

    shutil.copytree(ROOT / "src", tmp_path / "src")
    with (tmp_path / "src/penstroke/answers.py").open("a") as module:
        module.write("\nCHANGED = True\n")
    other = scheduler.start("worker", path=tmp_path / "src")
    assert "has other code or packages (penstroke.answers " in refused(scheduler.address)
    scheduler.stop(other)


@pytest.fixture(scope="module")
def workers(scheduler):
    scheduler.start("worker", "--nworkers=2")
    return scheduler


@pytest.fixture
def joined(workers):
    """Have ``map_in_order`` use the cluster, in this process."""
    workers.ask(os.getpid)
    hooks = hooks_of(workers.address)
    hooks.before_pipeline_run({"runner": "SequentialRunner()"})
    yield
    hooks.after_pipeline_run()
    assert PoolHooks.cluster is None


@pytest.mark.slow
def test_results_of_workers_come_in_order_and_few_items_are_read_ahead(joined):
    read = []
    items = (read.append(number) or number for number in range(200))

    results = map_in_order(math.factorial, items)

    assert next(results) == 1
    assert len(read) <= 4
    assert list(results) == [math.factorial(number) for number in range(1, 200)]


@pytest.mark.slow
def test_tables_that_were_sent_are_not_kept(joined):
    tables = (pd.DataFrame(np.full((5_000, 64), number % 17, np.uint8)) for number in range(410))
    results = map_in_order(len, tables)
    found = [next(results) for _ in range(10)]
    before_mb = _memory_mb()

    found += results

    assert found == [5_000] * 410
    assert _memory_mb() - before_mb < 40  # 400 tables have 128


def _memory_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_an_error_of_a_worker_keeps_its_type_and_its_words(joined):
    with pytest.raises(ValueError, match="^math domain error$"):
        list(map_in_order(math.sqrt, [4, -1, 9]))


@pytest.fixture(scope="module")
def project(promoted, tmp_path_factory):
    """A project with a model in production and a folder of tables; no cluster yet."""
    project = copy_tree(promoted, tmp_path_factory.mktemp("shared") / "project")
    folder = project / "data/01_raw/incoming_digits.parquet"
    folder.mkdir()
    digits = pd.read_parquet(project / "data/01_raw/digits.parquet").drop(columns="label")
    for number in range(TABLES):
        digits[number * 100 : (number + 1) * 100].to_parquet(folder / f"part.{number}.parquet")
    return project


@contextmanager
def commands(project, address=None):
    """Run commands in this process, on a cluster if it has an address."""
    settings = project / "conf/test/globals.yml"
    kept = settings.read_text()
    settings.write_text(kept + (f"\nscheduler: {address}\n" if address else ""))
    try:
        with known_to_kedro(project) as metadata:
            yield lambda *arguments: CliRunner().invoke(run, ["--env=test", *arguments], obj=metadata)
    finally:
        settings.write_text(kept)


def after_results(monkeypatch, number, fault):
    """Inject a fault when a run has so many results; return the list of the results' numbers."""
    counted, result = [], cluster._result

    def counting(client, future):
        counted.append(len(counted))
        if len(counted) == number:
            fault()
        return result(client, future)

    monkeypatch.setattr(cluster, "_result", counting)
    return counted


@pytest.mark.slow
def test_a_search_that_loses_a_worker_has_the_bytes_of_one_machine(workers, project, monkeypatch):
    place = project / DATA / "06_models/search_results.parquet"
    alone = place.read_bytes()
    place.unlink()
    counted = after_results(monkeypatch, 5, workers.kill_worker)

    with commands(project, workers.address) as kedro:
        assert (found := kedro(*SEARCH)).exit_code == 0, found.output

    assert place.read_bytes() == alone
    assert len(counted) == len(pd.read_parquet(place))  # a task for each combination and fold


@pytest.mark.slow
def test_predictions_that_lose_a_worker_have_the_bytes_and_receipts_of_one_machine(workers, project, monkeypatch):
    place = project / DATA / "07_model_output/table_predictions.parquet"
    with commands(project) as kedro:
        assert kedro(*SCORE).exit_code == 0
    alone = place.read_bytes()
    place.unlink()
    counted = after_results(monkeypatch, 3, workers.kill_worker)

    with commands(project, workers.address) as kedro:
        assert (found := kedro(*SCORE)).exit_code == 0, found.output

    assert place.read_bytes() == alone
    assert len(counted) == TABLES
    assert len(pd.read_parquet(place)) == TABLES * 100
    receipt = json.loads((project / DATA / ".receipts/table_predictions.json").read_text())
    assert {name for name in receipt["code"] if name.startswith(("dask", "distributed", "penstroke.cluster"))} == set()
    with commands(project) as kedro:  # on one machine again
        assert kedro(*SCORE, "--changed").output == "nothing has changed\n"


@pytest.mark.slow
def test_monitoring_describes_the_same_rows_on_a_cluster(workers, project):
    places = [
        project / DATA / "08_reporting" / name for name in ("table_drift_scores.json", "table_compared_digits.parquet")
    ]
    found = []
    for address in (None, workers.address):
        workers.ask(os.getpid)
        with commands(project, address) as kedro:
            kedro(*SCORE, "--changed")
            kedro("--pipelines=monitoring_table")
        found.append([place.read_bytes() for place in places])
        for place in places:
            place.unlink()

    assert found[0] == found[1]


@pytest.mark.slow
def test_a_scheduler_that_hangs_during_a_run_is_told_in_time_and_leaves_the_former_predictions(
    workers, project, monkeypatch
):
    place, scheduler = project / DATA / "07_model_output/table_predictions.parquet", workers.processes[0]
    with commands(project) as kedro:
        kedro(*SCORE, "--changed")
    former = place.read_bytes()
    workers.ask(os.getpid)
    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    hung = []

    def hang():
        scheduler.send_signal(signal.SIGSTOP)
        hung.append(time.monotonic())
        monkeypatch.setattr(cluster, "ANSWER_S", 2)

    after_results(monkeypatch, 3, hang)
    try:
        with commands(project, workers.address) as kedro:
            found = kedro(*SCORE)
    finally:
        scheduler.send_signal(signal.SIGCONT)

    assert found.exit_code == 1
    assert "the Dask scheduler has not answered for 2 s; start it again, and run again" in found.stderr
    assert len(found.stderr.splitlines()) <= 3
    assert time.monotonic() - hung[0] < 30
    assert place.read_bytes() == former
    assert list(place.parent.glob(".*.partial")) == []


@pytest.mark.slow
def test_ctrl_c_during_a_run_on_a_cluster_ends_it_and_leaves_the_former_predictions(workers, project):
    place = project / DATA / "07_model_output/table_predictions.parquet"
    with commands(project) as kedro:
        kedro(*SCORE, "--changed")
    former = place.read_bytes()
    workers.ask(os.getpid)
    folder = project / "data/01_raw/incoming_digits.parquet"
    links = [folder / f"link.{number}.parquet" for number in range(1_000)]  # so that it takes a while
    for link in links:
        link.symlink_to("part.0.parquet")
    try:
        with commands(project, workers.address):
            command = [sys.executable, "-m", "kedro", "run", "--env=test", *SCORE]
            process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
            while not list(place.parent.glob(".table_predictions.parquet.*.partial")):
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, told = process.communicate(timeout=60)
    finally:
        for link in links:
            link.unlink()

    assert process.returncode == 130, told
    assert told.splitlines()[-1].startswith("Interrupted. What was stored is whole; go on by `kedro run --changed")
    assert len(told.splitlines()) == 1
    assert time.monotonic() - began < 30
    assert place.read_bytes() == former
    assert list(place.parent.glob(".*.partial")) == []


@pytest.mark.slow
def test_a_table_against_its_contract_and_a_lost_scheduler_leave_the_former_predictions(workers, project, monkeypatch):
    place = project / DATA / "07_model_output/table_predictions.parquet"
    with commands(project) as kedro:
        kedro(*SCORE, "--changed")
    former = place.read_bytes()
    part = project / "data/01_raw/incoming_digits.parquet/part.10.parquet"
    whole = part.read_bytes()
    pd.read_parquet(part).assign(pixel_0_0=0.5).to_parquet(part)

    workers.ask(os.getpid)
    with commands(project, workers.address) as kedro:
        found = kedro(*SCORE)

        assert found.exit_code == 1
        assert "dataset incoming_digits" in found.stderr
        assert len(found.stderr.splitlines()) <= 3
        assert place.read_bytes() == former

        part.write_bytes(whole)
        lost = []
        after_results(monkeypatch, 3, lambda: (workers.stop(workers.processes[0]), lost.append(time.monotonic())))
        found = kedro(*SCORE)

    assert found.exit_code == 1
    assert "the connection to the Dask scheduler was lost; start it, and run again" in found.stderr
    assert len(found.stderr.splitlines()) <= 3
    assert time.monotonic() - lost[0] < 30
    assert place.read_bytes() == former
    with commands(project) as kedro:
        assert kedro(*SCORE).exit_code == 0
    assert place.read_bytes() == former
