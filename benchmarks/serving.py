"""How fast, stable and robust is the service? ``python -m benchmarks.serving [--env mnist] [--mlflow …]``.

Sends requests to ``kedro serve`` in an environment with a production model. The service uses one core and the caller
another. The shipped model also gets images of 28 x 28, which it has to frame first. With ``--mlflow`` and the Python
of an environment with MLflow, ``mlflow models serve`` is measured alternately: it has the same model, and receives
features. ``--steady`` sends 100,000 requests and measures the memory; ``--rubbish`` sends 10,000 faulty requests.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kedro_guards import model_files
from penstroke.answers import look_at
from penstroke.domain import accept
from penstroke.domain.images import enlarge
from penstroke.domain.layout import pixel_columns
from penstroke.domain.pixels import to_images
from penstroke.models import view_of

from .project import ROOT, keep, load_project

SERVICE_CORE, CALLER_CORE = 0, 1
KINDS = [("one image, one connection", 1, 1, 1000), ("one image, 16 connections", 16, 1, 4000)]
KINDS += [("1,000 images, one connection", 1, 1000, 8)]
LIBRARIES = "import fastapi, kedro.framework.cli, kedro.framework.session, pandas, pandera.pandas, skops.io, uvicorn"


class Caller:
    """Sends the same request over several connections.

    Args:
        port: of the service.
        path: of the request.
        body: of the request.
    """

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._port = port
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        self._request = head.encode() + b"\r\n\r\n" + body

    async def call(self, connections: int, requests: int) -> tuple[np.ndarray, float, Counter[int]]:
        """Return the milliseconds of each request, the seconds of all, and the statuses."""
        left, times, statuses = iter(range(requests)), [], Counter[int]()

        async def connection() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
            for _ in left:
                start = time.perf_counter()
                writer.write(self._request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))  # type: ignore[index]
                times.append(1000 * (time.perf_counter() - start))
                statuses[int(head[9:12])] += 1
            writer.close()

        start = time.perf_counter()
        await asyncio.gather(*(connection() for _ in range(connections)))
        return np.array(times), time.perf_counter() - start, statuses


@contextmanager
def process(command: list[str], port: int, path: str, **environment: str) -> Iterator[tuple[int, float]]:
    """Start a server on its core and wait for its first answer; yield its process and the seconds that this took."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            ["taskset", "-c", str(SERVICE_CORE), *command],  # noqa: S607
            cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            while asyncio.run(_status(port, path)) != 200:
                if server.poll() is not None or time.perf_counter() - start > 120:
                    log.seek(0)
                    sys.exit(f"{' '.join(command)} does not answer: {log.read()[-2000:]}")
                time.sleep(0.02)
            yield server.pid, time.perf_counter() - start
            log.seek(0)
            text = log.read()
            if "Traceback" in text or re.search(r'"fault": "(?!the caller left)', text):
                print("the service logged a fault")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


async def _status(port: int, path: str) -> int:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        head = await reader.read(100)
        writer.close()
    except OSError:
        return 0
    return int(head[9:12] or 0)


def measure(
    pid: int, port: int, path: str, bodies: dict[int, bytes], *, share: float = 1, form: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of load, after some warm-up requests; ``form`` names a special kind of image."""
    for kind, connections, images, most in KINDS:
        requests = max(connections, round(share * most))
        caller = Caller(port, path, bodies[images])
        asyncio.run(caller.call(connections, max(2, requests // 20)))
        before = cpu_s(pid)
        times, seconds, statuses = asyncio.run(caller.call(connections, requests))
        yield {
            "load": kind.replace(",", f"{form},", 1) if images == 1 else kind.replace("images", f"images{form}"),
            "p50_ms": round(float(np.percentile(times, 50)), 2),
            "p99_ms": round(float(np.percentile(times, 99)), 2),
            "images_per_s": round(requests * images / seconds),
            "cpu_ms_per_image": round(1000 * (cpu_s(pid) - before) / requests / images, 3),
            "statuses": dict(statuses),
        }


def importing_s() -> float:
    """Return the seconds that a plain script needs to import the service's libraries, on the service's core."""
    start = time.perf_counter()
    subprocess.run(["taskset", "-c", str(SERVICE_CORE), sys.executable, "-c", LIBRARIES], check=True)  # noqa: S607
    return round(time.perf_counter() - start, 2)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of its children."""
    found = subprocess.run(["ps", "-o", "pid=", "-g", str(pid)], capture_output=True, text=True, check=False).stdout  # noqa: S607
    total = 0
    for member in {str(pid), *found.split()}:
        place = Path(f"/proc/{member}/stat")
        if place.exists():
            fields = place.read_text(encoding="utf-8").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> int:
    """Return the resident memory of a process."""
    (size,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(size) // 1024


def steady(pid: int, port: int, body: bytes, requests: int) -> list[int]:
    """Send many requests and return the memory after each tenth of them, in MB."""
    caller, sizes = Caller(port, "/v1/predictions", body), []
    for _ in range(10):
        asyncio.run(caller.call(16, requests // 10))
        sizes.append(memory_mb(pid))
    return sizes


def rubbish(port: int, requests: int) -> dict[str, int]:
    """Send faulty requests, half from the OpenAPI document and half by changed bytes; count the statuses."""
    from hypothesis import HealthCheck, settings  # noqa: PLC0415 # of the tests
    from tests.serving.fuzzing import fuzz_api, fuzz_socket  # noqa: PLC0415

    address = f"http://127.0.0.1:{port}"
    effort = settings(max_examples=requests // 6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    statuses: Counter[int] = Counter()
    while statuses.total() < requests // 2:
        statuses += fuzz_api(address, effort)
    statuses += fuzz_socket(address, requests - requests // 2, seed=7)
    return {str(status): count for status, count in sorted(statuses.items())}


def mlflow_rows(python: str, model_path: Path, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows for ``mlflow models serve`` with the same model; its requests contain features."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        code = (
            "import sys; sys.path.insert(0, 'src'); import mlflow.sklearn; from kedro_guards import model_files;"
            "from kedro.framework.project import configure_project; configure_project('penstroke');"
            "model = model_files.load(open(sys.argv[1], 'rb'));"
            "mlflow.sklearn.save_model(model, sys.argv[2], pyfunc_predict_fn='predict_proba', pip_requirements=[],"
            "serialization_format='cloudpickle', code_paths=['src/penstroke', 'src/kedro_guards'])"
        )
        subprocess.run([python, "-c", code, str(model_path), str(saved)], cwd=ROOT, check=True, capture_output=True)
        bodies = {count: _split(rows.head(count)) for count in (1, 1000)}
        command = [python, "-m", "mlflow", "models", "serve", "-m", str(saved), "-p", "8124", "--env-manager=local"]
        path = f"{Path(python).parent}:{os.environ['PATH']}"
        with process(command, 8124, "/health", PATH=path, PYTHONPATH="src") as (pid, _):
            for row in measure(pid, 8124, "/invocations", bodies, share=0.1):
                yield {"server": "mlflow models serve"} | row


def _bodies(images: np.ndarray) -> dict[int, bytes]:
    given = images.tolist()
    return {count: json.dumps({"images": given[:count]}, separators=(",", ":")).encode() for count in (1, 1000)}


def _split(rows: pd.DataFrame) -> bytes:
    return json.dumps({"dataframe_split": {"columns": list(rows), "data": rows.to_numpy().tolist()}}).encode()


def main(chosen: argparse.Namespace) -> None:
    """Print and store a row for each kind of load."""
    os.sched_setaffinity(0, {CALLER_CORE})
    raw_digits, parameters = load_project(chosen.env, **({"source": chosen.source} if chosen.source else {}))
    digits = raw_digits[pixel_columns(raw_digits)].tail(1000)
    ink, images = parameters["cleaning"].full_ink, to_images(digits)
    bodies = _bodies(images)
    data = ROOT / ("data" if chosen.env == "base" else f"data/{chosen.env}")
    model_path = data / "06_models/production_model.skops"
    shutil.rmtree(data / "07_model_output/served_digits", ignore_errors=True)
    command = [sys.executable, "-m", "kedro", "serve", f"--env={chosen.env}", "--port=8125"]
    with process(command, 8125, "/ready") as (pid, _):
        rows = list(measure(pid, 8125, "/v1/predictions", bodies))
        if images.shape[1:] == (8, 8):
            larger = np.rint(np.pad(enlarge(images * (255 / ink), 3), ((0, 0), (2, 2), (2, 2)))).astype(int)
            rows += measure(pid, 8125, "/v1/predictions", _bodies(larger), form=" of 28 x 28")
    rows = [{"server": "kedro serve"} | row for row in rows]
    starts = []
    facts: dict[str, Any] = {"env": chosen.env, "bytes_of_the_model": model_path.stat().st_size}
    facts["importing_s"] = [importing_s() for _ in range(3)]
    for _ in range(3):
        with process(command, 8125, "/ready") as (pid, seconds):
            starts.append(round(seconds, 2))
    with process(command, 8125, "/ready") as (pid, _):
        if chosen.steady:
            facts["memory_mb_after_each_tenth"] = steady(pid, 8125, bodies[1], chosen.steady)
            facts["requests"] = chosen.steady
        if chosen.rubbish:
            facts["statuses_of_rubbish"] = rubbish(8125, chosen.rubbish)
    if chosen.mlflow:
        with model_path.open("rb") as file:
            model = model_files.load(file)
        accepted, _ = accept(digits, view_of(model).form)
        rows += mlflow_rows(chosen.mlflow, model_path, look_at(accepted, model))
    name = "serving" if chosen.env == "base" else f"serving_{chosen.env}"
    keep(name, pd.DataFrame(rows), starts_s=starts, load_average=[round(load, 2) for load in os.getloadavg()], **facts)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--env", default="base")
    arguments.add_argument("--source", help="of the environment's digits, where it asks for one")
    arguments.add_argument("--mlflow", help="Python of an environment that has MLflow and what the project requires")
    arguments.add_argument("--steady", type=int, default=0, help="requests by which the memory is watched")
    arguments.add_argument("--rubbish", type=int, default=0, help="requests that are at fault")
    main(arguments.parse_args())
