"""A service in a process of its own, with a small model in production."""

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

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from coverage import Coverage
from PIL import Image, ImageDraw
from sklearn.base import ClassifierMixin
from sklearn.neighbors import KNeighborsClassifier

from kedro_guards import model_files
from kedro_guards.receipts import write_receipt
from penstroke.answers import look_at
from penstroke.domain import Features, accept
from penstroke.pipelines.data_science.calibration import TemperatureScaledClassifier
from penstroke.pipelines.data_science.estimators import AugmentedClassifier

from ..conftest import ROOT, copy_project
from ..domain.rows import FORM
from ..guards.test_receipts import RECEIPT


@dataclass
class Running:
    """A service that runs."""

    process: subprocess.Popen[str]
    address: str
    project: Path
    lines: list[str]  # that it wrote

    def client(self, **options) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=30, **options)


def _watched() -> list[str]:
    """Let the coverage of the tests, where it is asked for, see what runs in the process of the service."""
    if not Coverage.current():
        return []
    places = f"--rcfile={ROOT}/pyproject.toml", f"--data-file={ROOT}/.coverage"
    return ["-m", "coverage", "run", "--parallel-mode", *places]


@contextmanager
def running(project: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Run ``kedro serve`` on a free port."""
    command = [sys.executable, *_watched(), "-m", "kedro", "serve", "--port=0", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=project, env=os.environ | environment, **pipes)
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


@pytest.fixture(scope="session")
def fit_model(raw_digits: pd.DataFrame, features_of_base: Features) -> Callable[..., ClassifierMixin]:
    """Fit a small model of the form that champions have, by the number of its neighbours and the names of classes."""
    accepted, _ = accept(raw_digits, FORM)

    def fit(neighbours: int, names: Callable[[int], int | str] = int) -> ClassifierMixin:
        classifier = AugmentedClassifier(KNeighborsClassifier(neighbours, algorithm="brute"))
        model = TemperatureScaledClassifier(classifier, folds=3)
        model.features_, model.form_ = features_of_base.model_dump(), FORM.model_dump()
        return model.fit(look_at(accepted, model), np.array([names(label) for label in raw_digits["label"]]))

    return fit


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
def served_project(tmp_path_factory: pytest.TempPathFactory, fit_model: Callable[..., ClassifierMixin]) -> Path:
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


def drawn(stroke: list[tuple[int, int]] | None = None, kind: str = "PNG") -> bytes:
    """Draw a one, or another stroke, on paper of 200 x 200."""
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).line(stroke or [(100, 30), (100, 170)], "black", 16)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def numbers(count: int, side: int = 8, ink: int = 16, seed: int = 0) -> list:
    """Give random images on light paper as numbers."""
    images = np.zeros((count, side, side), int)
    images[:, 1:-1, 1:-1] = np.random.default_rng(seed).integers(0, ink, (count, side - 2, side - 2), endpoint=True)
    return images.tolist()
