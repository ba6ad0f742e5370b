"""A service in a process of its own, with a small model in production."""

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from coverage import Coverage
from sklearn.base import ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier

from kedro_guards import model_files
from kedro_guards.receipts import write_receipt
from penstroke.answers import answer_rows
from penstroke.models import Answers
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.serving.app import Service, build_app
from penstroke.serving.model_store import ServedModel
from penstroke.serving.parameters import Serving

from ..conftest import ROOT, base_parameters, copy_project
from ..domain.rows import as_json
from ..guards.test_receipts import RECEIPT
from ..seam import RAW_ROWS, fit, rows_with_split


@dataclass
class Running:
    """A service that runs."""

    process: subprocess.Popen[str]
    address: str
    project: Path
    lines: list[str]  # that it wrote

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=30, **options)


def _watched(project: Path) -> list[str]:
    """Let the coverage of the tests, where it is asked for, see what of this package runs in the service's process."""
    if not Coverage.current() or not (project / "src/penstroke").exists():
        return []
    places = f"--rcfile={ROOT}/pyproject.toml", f"--data-file={ROOT}/.coverage"
    return ["-m", "coverage", "run", "--parallel-mode", *places]


@contextmanager
def running(project: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Run ``kedro serve`` on a free port."""
    command = [sys.executable, *_watched(project), "-m", "kedro", "serve", "--port=0", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    variables = os.environ | environment
    variables.pop("PYTHONUNBUFFERED", None)  # which few people set
    process = subprocess.Popen(command, cwd=project, env=variables, **pipes)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"serves at (http://\S+)", line):
            break
    else:
        pytest.fail("".join(lines))
    reader = Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    service = Running(process, found[1], project, lines)
    try:
        yield service
    finally:
        process.terminate()
        process.wait(20)
        reader.join(5)


def fit_model(neighbours: int, name: Callable[[Any], int | str] = lambda label: label) -> ClassifierMixin:
    """Fit a small model of the form that champions have, by the number of its neighbours and the names of classes."""
    rows = rows_with_split(False)
    classifier = AugmentedClassifier(KNeighborsClassifier(neighbours, algorithm="brute"))
    return fit(TemperatureScaledClassifier(classifier, folds=3), rows.assign(label=rows["label"].map(name)))


def promote(project: Path, model: ClassifierMixin) -> str:
    """Put a model into production, with its receipt; return its version."""
    content = io.BytesIO()
    model_files.dump(model, content)
    found = sha256(content.getvalue()).hexdigest()
    place = project / "data/06_models/production_model.skops"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".new").write_bytes(content.getvalue())
    write_receipt(
        RECEIPT.model_copy(update={"dataset": "production_model", "sha256": found}),
        str(project / "data/.receipts/production_model.json"),
    )
    place.with_suffix(".new").rename(place)
    return found[:12]


@pytest.fixture(scope="module")
def served_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a production model."""
    project = copy_project(tmp_path_factory.mktemp("service") / "project")
    promote(project, fit_model(5))
    choose(project, flush_every_s=0.5, look_every_s=0.2)
    return project


def choose(project: Path, **choices: object) -> None:
    """Give the service other choices than those of the base."""
    place = project / "conf/local/parameters_serving.yml"
    before = yaml.safe_load(place.read_text())["serving"] if place.exists() else {}
    place.write_text(yaml.safe_dump({"serving": before | choices}))


@pytest.fixture(scope="module")
def service(served_project: Path) -> Iterator[Running]:
    """The service, with the choices of the base but for times."""
    with running(served_project) as found:
        yield found


@pytest.fixture(scope="module")
def client(service: Running) -> Iterator[httpx.Client]:
    """Sends requests to the service."""
    with service.client() as found:
        yield found


@pytest.fixture
def inference(service: Running) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """What the pipeline answers to rows."""
    with (service.project / "data/06_models/production_model.skops").open("rb") as file:
        model = model_files.load(file)
    answers = Answers.model_validate(base_parameters("inference")["answers"])
    return lambda rows: answer_rows(rows, model, answers)


def some_rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Return raw rows without labels, some of them perhaps several times."""
    return RAW_ROWS.drop(columns="label").sample(count, replace=True, random_state=seed)


def ask(client: httpx.Client, rows: pd.DataFrame) -> httpx.Response:
    """Ask for predictions of raw rows."""
    return client.post("/v1/predictions", json=as_json(rows))


def wait_for(condition: Callable[[], Any], seconds: float = 15) -> None:
    """Wait until something holds."""
    until = monotonic() + seconds
    while not condition():
        assert monotonic() < until, "it did not happen"
        sleep(0.05)


@contextmanager
def called_in_process(
    model: ServedModel, folder: Path, keep: bool = False
) -> Iterator[tuple[Service, Callable[..., httpx.Response]]]:
    """Have a service in this process; give it, and what sends it a request."""
    store = SimpleNamespace(inbox=str(folder), rows=str(folder / "d"), predictions=str(folder / "p"))
    choices = Serving.model_validate(base_parameters("serving")["serving"] | {"keep": keep})
    service = Service(store, model, choices)
    app = build_app(service)

    def call(method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    yield service, call
    service.queue.close()
