"""Kedro's command line in forks of a process that has imported the libraries already.

A new Python spends two seconds of CPU on imports before a command begins, a fork of this process a tenth of that.
The process imports libraries and nothing of Kedro's framework or of the project, and computes nothing, so that a
command runs in a fork of it as in a new Python.
"""

import atexit
import inspect
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

LIBRARIES = (
    *("click", "dynaconf", "filelock", "fsspec.implementations.local", "hypothesis.extra.pandas", "joblib", "kedro.io"),
    *("multiprocessing.managers", "omegaconf", "orjson", "packaging.requirements", "PIL.ImageOps"),
    *("kedro_datasets.json", "kedro_datasets.pandas.parquet_dataset", "kedro_datasets.partitions.partitioned_dataset"),
    *("kedro_datasets.plotly.json_dataset", "kedro_datasets.text.text_dataset", "pandera.pandas", "plotly.express"),
    *("pyarrow.parquet", "pydantic", "requests", "rich.progress", "rich.tree", "scipy.ndimage", "scipy.stats"),
    *("sklearn.calibration", "sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection", "sklearn.svm"),
    *("skops.io",),
)


class ForkServer:
    """Runs a command at a time, each in a fork."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", __name__]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[1], **pipes)
        self.free = Lock()
        atexit.register(self.process.communicate)

    def run(
        self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``kedro <arguments>`` in a folder, and wait for its end.

        Raises:
            subprocess.TimeoutExpired: it took longer, and was killed.
        """
        with self.free, TemporaryDirectory() as printed:
            self._say({"arguments": arguments, "folder": str(folder), "environment": environment, "printed": printed})
            process = self._hear()
            ended, _, _ = select.select([self.process.stdout], [], [], timeout_s)
            if not ended:
                os.kill(process, 9)
            status = self._hear()
            out, err = ((Path(printed) / name).read_bytes().decode() for name in ("out", "err"))
        if not ended:
            raise subprocess.TimeoutExpired(["kedro", *arguments], timeout_s, out, err)
        return subprocess.CompletedProcess(["kedro", *arguments], status, out, err)

    def know(self, *libraries: str) -> None:
        """Import more libraries, for later commands."""
        with self.free:
            self._say({"libraries": libraries})
            self._hear()

    def _say(self, request: dict[str, object]) -> None:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def _hear(self) -> int:
        return int(self.process.stdout.readline())


server = cache(ForkServer)  # of this process, from its first command on


def _serve() -> dict | None:
    """Fork for each request; return the request in the fork, and nothing at the end of all."""
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # is meant for the command, as in a terminal
    for line in sys.stdin:
        request = json.loads(line)
        if "libraries" in request:
            for library in request["libraries"]:
                import_module(library)
            print(0, flush=True)  # noqa: T201
            continue
        process = os.fork()
        if not process:
            signal.signal(signal.SIGINT, interrupted)
            return request
        print(process, flush=True)  # noqa: T201
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
    return None


def _become_kedro(request: dict) -> None:
    """Run the command as ``python -m kedro`` does."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    printed = [os.open(f"{request['printed']}/{name}", os.O_WRONLY | os.O_CREAT, 0o600) for name in ("out", "err")]
    for number, file in enumerate((nothing, *printed)):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    sys.argv = ["kedro", *request["arguments"]]
    runpy.run_module("kedro", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for library in LIBRARIES:
        import_module(library)
    inspect.stack()  # as dynaconf does for each command: the first time, Python looks for the file of every module
    if asked := _serve():
        _become_kedro(asked)
