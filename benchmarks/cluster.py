"""What do processes and a Dask cluster bring? ``python -m benchmarks.cluster [--rows 1000000]``, on Linux.

In a copy of the project with a trained model: predict and describe a folder of tables (``inference_table``,
``monitoring_table``), and run the search, with one and two processes and with one and two Dask workers. Rows are the
shipped digits, repeated, with every pixel that has ink one step lighter, darker or neither, at random. CPU seconds and
the peak of the memory are those of each process: ``kedro run``, the processes of its pool, scheduler and workers.
``cores_free`` says how many cores other programs left to a run. Needs ``requirements-cluster.txt``.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from kedro_guards.receipts import read_receipt
from penstroke import cluster

from .overhead import NOT_COPIED
from .project import ROOT, keep

ROWS, ROWS_OF_A_FILE, ROWS_OF_A_TASK, FEW, SEED = 1_000_000, 50_000, 5_000, 5_000, 7
WAYS = {"one process": (1, 0), "two processes": (2, 0), "one worker": (1, 1), "two workers": (1, 2)}
WORK = {
    "predict": ["--pipelines=inference_table"],
    "describe": ["--pipelines=monitoring_table"],
    "search": ["--from-nodes=assemble_training_rows", "--to-nodes=search_contenders"],
}
MADE = {"predict": "table_predictions", "describe": "table_compared_digits", "search": "search_results"}
ROLES = ("kedro", "pool", "workers", "scheduler")
FEW_COSTS = ("few_rows_wall_s", *(f"few_rows_{role}_cpu_s" for role in ROLES))
ADVISED = {  # by the docs
    "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": "{'MALLOC_TRIM_THRESHOLD_': None}",
    "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "10",
}
PATIENCE_S = 120
EMPTY_TASKS = 2_000
POLL_S = 0.1
BILLION = 10**9


def main(rows: int) -> None:
    """Print and store a row for each kind of work and each way to share it, and what follows for a billion rows."""
    table, overhead_ms = [], 0.0
    with tempfile.TemporaryDirectory() as scratch:
        project = _trained_project(Path(scratch) / "project")
        small, large = (_write_rows(project, count) for count in (FEW, rows))
        for way, (processes, workers) in WAYS.items():
            with _cluster(project, workers) as (address, servers):
                settings = f"processes: {processes}\nscheduler: {address or 'null'}\n"
                (project / "conf/local/globals.yml").write_text(settings, encoding="utf-8")
                if workers:  # they have imported the project then
                    overhead_ms = _overhead_ms(address)
                measure = partial(_measure, project, servers, has_pool=processes > 1)
                _use(project, small)
                few = {f"few_rows_{name}": value for name, value in measure(WORK["predict"]).items()}
                _use(project, large)
                for work, options in WORK.items():
                    if work == "search" and processes > 1:  # it has a parameter of its own
                        continue
                    found = {"work": work, "way": way} | measure(options)
                    found |= {name: few[name] if work == "predict" else None for name in FEW_COSTS}
                    receipt = read_receipt(f"{project}/data/.receipts/{MADE[work]}.json")
                    table.append(found | {"sha256": receipt.sha256 if receipt else ""})
                    print(table[-1], flush=True)
        stored = {"read": _bytes_of(large), "written": _bytes_of(project / "data/07_model_output")}
    found = pd.DataFrame(table, dtype=object)
    if len(found.drop_duplicates(["work", "sha256"])) > len(WORK):
        sys.exit("the ways have different results")
    keep(
        "cluster",
        found.drop(columns="sha256"),
        count=rows,
        cores=os.cpu_count(),
        same_bytes=True,
        empty_task_ms=round(overhead_ms, 2),
        **_extrapolate(found, rows, stored),
    )


def _extrapolate(found: pd.DataFrame, rows: int, stored: dict[str, int]) -> dict[str, Any]:
    """Compute what a billion rows take, and where which part is the limit, from the figures of the predictions."""
    ways = found[found["work"] == "predict"].set_index("way")
    one, two, pool = ways.loc["one process"], ways.loc["two workers"], ways.loc["two processes"]
    more = rows - FEW
    alone_us = 1e6 * (one["wall_s"] - one["few_rows_wall_s"]) / more
    driver_us, worker_us, scheduler_us = (
        1e6 * max(two[f"{role}_cpu_s"] - two[f"few_rows_{role}_cpu_s"], 0.1) / more
        for role in ("kedro", "workers", "scheduler")
    )
    start_s = two["few_rows_wall_s"] - one["few_rows_wall_s"]
    saved_us = alone_us - 1e6 * (two["wall_s"] - two["few_rows_wall_s"]) / more
    describe = found[found["work"] == "describe"].set_index("way")["wall_s"]
    return {
        "predict_gain_of_two_processes": round(one["wall_s"] / pool["wall_s"], 2),
        "predict_gain_of_two_workers": round(one["wall_s"] / two["wall_s"], 2),
        "predict_gain_of_two_processes_after_start": _gain_after_start(one, pool),
        "predict_gain_of_two_workers_after_start": _gain_after_start(one, two),
        "describe_gain_of_two_processes": round(describe["one process"] / describe["two processes"], 2),
        "describe_gain_of_two_workers": round(describe["one process"] / describe["two workers"], 2),
        "worker_us_per_row": round(worker_us, 1),
        "kedro_us_per_row": round(driver_us, 1),
        "scheduler_us_per_row": round(scheduler_us, 2),
        "scheduler_ms_per_task": round(scheduler_us * ROWS_OF_A_TASK / 1e3, 2),
        "bytes_read_per_row": round(stored["read"] / rows, 1),
        "bytes_written_per_row": round(stored["written"] / rows, 1),
        "cluster_start_s": round(start_s, 1),
        "pays_from_rows": round(1e6 * start_s / saved_us) if saved_us > 0 else None,
        "workers_that_one_run_feeds": round(worker_us / driver_us, 1),
        "workers_that_one_scheduler_feeds": round(worker_us / scheduler_us),
        "billion_rows_h_one_process": round(BILLION * alone_us / 3.6e9, 1),
        "billion_rows_h_at_most_workers": round(BILLION * driver_us / 3.6e9, 1),
        "store_mb_per_s_at_most_workers": round((stored["read"] + stored["written"]) / rows / driver_us, 1),
        "peak_mb": max(value or 0 for name in found if name.endswith("_peak_mb") for value in found[name]),
    }


def _gain_after_start(one: pd.Series, shared: pd.Series) -> float:
    """Return how many times faster than one process a way is once both have started, as with ever more rows."""
    alone_s, shared_s = (way["wall_s"] - way["few_rows_wall_s"] for way in (one, shared))
    return round(alone_s / shared_s, 2)


def _trained_project(project: Path) -> Path:
    """Copy the project, train its champion and promote it."""
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (project / "conf/local").mkdir(exist_ok=True)
    for options in ([], ["--pipelines=promotion"]):
        subprocess.run([sys.executable, "-m", "kedro", "run", *options], cwd=project, check=True, capture_output=True)
    return project


def _write_rows(project: Path, count: int) -> Path:
    """Write a folder of tables, and return its path."""
    digits = pd.read_parquet(project / "data/01_raw/digits.parquet").drop(columns="label")
    random, folder = np.random.default_rng(SEED), project / f"data/rows_{count}"
    folder.mkdir()
    for number, start in enumerate(range(0, count, ROWS_OF_A_FILE)):
        rows = np.arange(start, min(start + ROWS_OF_A_FILE, count))
        pixels = digits.to_numpy()[rows % len(digits)].astype(np.int8)
        noisy = np.clip(pixels + (pixels > 0) * random.integers(-1, 2, pixels.shape, np.int8), 0, 16)
        index = pd.Index([f"row-{row}" for row in rows], name=digits.index.name, dtype="str")
        pd.DataFrame(noisy.astype(np.uint8), index, digits.columns).to_parquet(folder / f"part.{number}.parquet")
    return folder


def _use(project: Path, folder: Path) -> None:
    place = project / "data/01_raw/incoming_digits.parquet"
    place.unlink(missing_ok=True)
    place.symlink_to(folder)


@contextmanager
def _cluster(project: Path, workers: int) -> Iterator[tuple[str, dict[str, list[psutil.Process]]]]:
    """Start a scheduler and workers; give its address, and the processes by their role. Nothing, for no workers."""
    if not workers:
        yield "", {}
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as started:

        def start(*arguments: str) -> psutil.Process:
            command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
            environment = os.environ | {"PYTHONPATH": str(project / "src")} | ADVISED
            process = psutil.Popen(command, cwd=project, env=environment, **quiet)
            started.callback(_end, process)
            return process

        scheduler = start("scheduler", "--host=127.0.0.1", f"--port={port}")
        nanny = start(
            "worker", address, f"--nworkers={workers}", "--nthreads=1", f"--local-directory={project / 'build'}"
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                cluster.join(address).close()
                break
            except cluster.ClusterError:  # they are starting
                if time.monotonic() > deadline:
                    raise
        yield address, {"scheduler": [scheduler], "workers": [nanny, *nanny.children(recursive=True)]}


def _end(process: psutil.Process) -> None:
    for each in [*process.children(recursive=True), process]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait(20)


def _overhead_ms(address: str) -> float:
    """Measure the time of a task that does nothing."""
    client = cluster.join(address)
    try:
        start = time.perf_counter()
        list(cluster.map_on_workers(client, abs, range(EMPTY_TASKS)))
        return 1e3 * (time.perf_counter() - start) / EMPTY_TASKS
    finally:
        client.close()


def _measure(
    project: Path, servers: dict[str, list[psutil.Process]], options: list[str], *, has_pool: bool
) -> dict[str, Any]:
    """Run Kedro; return the seconds of the clock, and by role the CPU seconds and the highest peak of a process."""
    known = {process: role for role, processes in servers.items() for process in processes}
    before, peaks, spent = {process: _cpu_s(process) for process in known}, {}, {}
    for process in known:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="utf-8")  # lets the peak begin anew
    busy, start = _busy_s(), time.perf_counter()
    with (project / "log.txt").open("wb") as log:
        kedro = psutil.Popen([sys.executable, "-m", "kedro", "run", *options], cwd=project, stdout=log, stderr=log)
        while kedro.poll() is None:
            with suppress(psutil.NoSuchProcess):
                pool = dict.fromkeys(kedro.children(recursive=True) if has_pool else (), "pool")
                for process, role in (known | {kedro: "kedro"} | pool).items():
                    with suppress(psutil.NoSuchProcess, OSError, IndexError):  # it has just ended
                        cpu_s, peak_mb = _cpu_s(process) - before.get(process, 0.0), _peak_mb(process)
                        spent[process, role] = cpu_s
                        peaks[process, role] = max(peaks.get((process, role), 0), peak_mb)
            time.sleep(POLL_S)
    wall_s, told = time.perf_counter() - start, (project / "log.txt").read_text(encoding="utf-8")
    if kedro.returncode and "drift alarm" not in told:
        sys.exit(told)
    others = (_busy_s() - busy - sum(spent.values())) / wall_s
    found: dict[str, Any] = {"wall_s": round(wall_s, 1), "cores_free": round((os.cpu_count() or 1) - max(others, 0), 2)}
    for role in ROLES:
        own = [key for key in spent if key[1] == role]
        found[f"{role}_cpu_s"] = round(sum(spent[key] for key in own), 1) if own else None
        found[f"{role}_peak_mb"] = round(max(peaks[key] for key in own)) if own else None
    return found


def _cpu_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _busy_s() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=ROWS, help="how many rows are predicted and described")
    main(arguments.parse_args().rows)
