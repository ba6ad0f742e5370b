"""How fast, stable and robust is the service? ``python -m benchmarks.serving [--env mnist] [--peers …] [--before …]``.

Starts ``kedro serve`` in an environment with a production model, and lets ``wrk`` send requests for some seconds. The
service uses one core and the caller another. The shipped model also gets images of 28 x 28, which it has to frame
first. ``--before`` names a checkout of another commit with a production model, whose service is measured alternately.
``--peers`` names the Python of an environment with LitServe, BentoML and MLflow, beside what the project requires: they
serve the same model; ``mlflow models serve`` gets features instead of images. ``--steady`` sends 100,000 requests and
measures the memory; ``--rubbish`` sends 10,000 faulty requests.
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
from contextlib import ExitStack, contextmanager
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
KINDS = [("one image, one connection", 1, 1), ("one image, 16 connections", 16, 1)]
KINDS += [("1,000 images, one connection", 1, 1000)]
SECONDS, ROUNDS = 3, 3  # of each load; the median of the rounds counts
PAUSE_S = 1
SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local errors = summary.errors.status + summary.errors.timeout + summary.errors.read + summary.errors.connect
  print(string.format("found %d %d %d %f %f", summary.requests, summary.duration, errors,
    latency:percentile(50), latency:percentile(99)))
end
"""
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
def process(
    command: list[str], port: int, path: str, place: Path = ROOT, **environment: str
) -> Iterator[tuple[int, float]]:
    """Start a server on its core and wait for its first answer; yield its process and the seconds that this took."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            ["taskset", "-c", str(SERVICE_CORE), *command],  # noqa: S607
            cwd=place, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True,
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


def load(port: int, path: str, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Send a request again and again; return the number of answers, of seconds and of errors, and the latencies."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "body").write_bytes(body)
        (Path(folder) / "post.lua").write_text(SCRIPT.format(body=f"{folder}/body"), encoding="utf-8")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", "-s", f"{folder}/post.lua"]
        command = ["taskset", "-c", str(CALLER_CORE), *command, f"http://127.0.0.1:{port}{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    time.sleep(PAUSE_S)  # until the request is over that wrk gave up at the end
    answers, micros, errors, p50, p99 = map(float, re.findall(r"found (.*)", done.stdout)[0].split())
    if errors:
        sys.exit(f"{path} of port {port} gave {errors:.0f} errors")
    return {"answers": answers, "seconds": micros / 1e6, "p50_ms": p50 / 1000, "p99_ms": p99 / 1000}


def measure(servers: dict[str, tuple[int, int, str, dict[int, bytes]]], form: str = "") -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of load and each server; the servers take turns.

    Args:
        servers: process, port, path, and bodies by their number of images, by the name of the server.
        form: names a special kind of image.
    """
    for kind, connections, images in KINDS:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, (pid, port, path, bodies) in servers.items():
                load(port, path, bodies[images], connections, 1)
                before = cpu_s(pid)
                found[name].append(load(port, path, bodies[images], connections, SECONDS))
                found[name][-1]["cpu_s"] = cpu_s(pid) - before
        for name, rounds in found.items():
            yield {
                "server": name,
                "load": kind.replace(",", f"{form},", 1) if images == 1 else kind.replace("images", f"images{form}"),
                **{each: round(float(np.median([one[each] for one in rounds])), 2) for each in ("p50_ms", "p99_ms")},
                "images_per_s": round(np.median([images * one["answers"] / one["seconds"] for one in rounds])),
                "cpu_ms_per_image": round(
                    float(np.median([1000 * one["cpu_s"] / one["answers"] / images for one in rounds])), 3
                ),
            }


def importing_s() -> float:
    """Return the seconds that a plain script needs to import the service's libraries, on the service's core."""
    start = time.perf_counter()
    subprocess.run(["taskset", "-c", str(SERVICE_CORE), sys.executable, "-c", LIBRARIES], check=True)  # noqa: S607
    return round(time.perf_counter() - start, 2)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of all processes that it started."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    parents = dict(tuple(line.split()) for line in listed.splitlines())
    total = 0
    for member in parents:
        ancestor = member
        while ancestor not in (str(pid), "0", "1"):
            ancestor = parents.get(ancestor, "0")
        place = Path(f"/proc/{member}/stat")
        if ancestor == str(pid) and place.exists():
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


@contextmanager
def peers(
    python: str, model_path: Path, bodies: dict[int, bytes], features: pd.DataFrame
) -> Iterator[dict[str, tuple[int, int, str, dict[int, bytes]]]]:
    """Start other servers of the same model, one beside the other; yield them as :func:`measure` takes them."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        saved = Path(folder) / "model"
        code = (
            "import sys; sys.path.insert(0, 'src'); import mlflow.sklearn; from kedro_guards import model_files;"
            "from kedro.framework.project import configure_project; configure_project('penstroke');"
            "model = model_files.load(open(sys.argv[1], 'rb'));"
            "mlflow.sklearn.save_model(model, sys.argv[2], pyfunc_predict_fn='predict_proba', pip_requirements=[],"
            "serialization_format='cloudpickle', code_paths=['src/penstroke', 'src/kedro_guards'])"
        )
        subprocess.run([python, "-c", code, str(model_path), str(saved)], cwd=ROOT, check=True, capture_output=True)
        environment = {"PATH": f"{Path(python).parent}:{os.environ['PATH']}", "PYTHONPATH": "src"}
        environment["PENSTROKE_MODEL"] = str(model_path)
        bento = [python, "-m", "bentoml", "serve", "benchmarks.peers.bento:Digits", "--host=127.0.0.1", "--port"]
        commands = {
            "FastAPI, a constant": ([python, "-m", "benchmarks.peers.constant"], "/ready"),
            "LitServe": ([python, "-m", "benchmarks.peers.lit"], "/ready"),
            "BentoML": (bento, "/readyz"),
        }
        servers = {}
        for port, (name, (command, ready)) in enumerate(commands.items(), 8131):
            pid, _ = started.enter_context(process([*command, str(port)], port, ready, **environment))
            servers[name] = (pid, port, "/predict", bodies)
        command = [python, "-m", "mlflow", "models", "serve", "-m", str(saved), "-p", "8124", "--env-manager=local"]
        pid, _ = started.enter_context(process(command, 8124, "/health", **environment))
        split = {count: _split(features.head(count)) for count in (1, 1000)}
        yield servers | {"mlflow models serve": (pid, 8124, "/invocations", split)}


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
    command = [sys.executable, "-m", "kedro", "serve", f"--env={chosen.env}"]
    places = {"kedro serve": ROOT} | ({"kedro serve, before": Path(chosen.before)} if chosen.before else {})
    facts: dict[str, Any] = {"env": chosen.env, "bytes_of_the_model": model_path.stat().st_size}
    with ExitStack() as started:
        servers = {}
        for port, (name, place) in enumerate(places.items(), 8125):
            pid, _ = started.enter_context(process([*command, f"--port={port}"], port, "/ready", place))
            servers[name] = (pid, port, "/v1/predictions", bodies)
        own = dict(servers)
        if chosen.peers:
            with model_path.open("rb") as file:
                model = model_files.load(file)
            features = look_at(accept(digits, view_of(model).form)[0], model)
            servers |= started.enter_context(peers(chosen.peers, model_path, bodies, features))
        rows = list(measure(servers))
        if images.shape[1:] == (8, 8):
            larger = np.rint(np.pad(enlarge(images * (255 / ink), 3), ((0, 0), (2, 2), (2, 2)))).astype(int)
            framed = {name: (pid, port, path, _bodies(larger)) for name, (pid, port, path, _) in own.items()}
            rows += measure(framed, " of 28 x 28")
        facts["memory_mb"] = {name: memory_mb(pid) for name, (pid, *_) in servers.items()}
    facts["importing_s"] = [importing_s() for _ in range(3)]
    for name, place in places.items():
        starts = []
        for _ in range(3):
            with process([*command, "--port=8125"], 8125, "/ready", place) as (pid, seconds):
                asyncio.run(Caller(8125, "/v1/predictions", bodies[1]).call(1, 1))
                starts.append({"wall_s": round(seconds, 2), "cpu_s": round(cpu_s(pid), 2), "mb": memory_mb(pid)})
        facts[f"starts of {name}"] = starts
    with process([*command, "--port=8125"], 8125, "/ready") as (pid, _):
        if chosen.steady:
            facts["memory_mb_after_each_tenth"] = steady(pid, 8125, bodies[1], chosen.steady)
            facts["requests"] = chosen.steady
        if chosen.rubbish:
            facts["statuses_of_rubbish"] = rubbish(8125, chosen.rubbish)
    name = "serving" if chosen.env == "base" else f"serving_{chosen.env}"
    keep(name, pd.DataFrame(rows), load_average=[round(load, 2) for load in os.getloadavg()], **facts)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--env", default="base")
    arguments.add_argument("--source", help="of the environment's digits, where it asks for one")
    arguments.add_argument("--peers", help="Python of an environment with LitServe, BentoML, MLflow and the project's")
    arguments.add_argument("--before", help="checkout of another commit, with a production model")
    arguments.add_argument("--steady", type=int, default=0, help="requests by which the memory is watched")
    arguments.add_argument("--rubbish", type=int, default=0, help="requests that are at fault")
    main(arguments.parse_args())
