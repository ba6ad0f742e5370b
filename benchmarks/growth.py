"""How do CPU and memory grow with rows? ``PENSTROKE_MNIST=folder python -m benchmarks.growth``, on Linux.

Deformed copies of MNIST's training images (limits of ``augmentation``) make sets of any size; nine tenths are training
rows. Each stage of ``--env=mnist`` runs on each set with the champion ``patches``, and an exact support vector machine
for comparison. CPU time is the user time of the process; system time, mostly for memory allocation, varies with the
machine and is listed separately. Short stages run three times, and the smallest CPU time counts, since others use the
machine too. Memory is the peak above the memory of the process before the stage. The exponent is the slope of a line
through the logarithms, without values under 0.05 s or 5 MB: 1 means that cost doubles when the rows double.
"""

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from penstroke.domain.deformation import deform
from penstroke.domain.idx import UNSIGNED_BYTE, IdxDataset
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_science.nodes import choose_champion

from .project import ROOT, keep, load_project, mnist_folder

SIZES, SEED = (10_000, 30_000, 100_000, 300_000), 7
FEW_SECONDS, LEAST = 5, {"user_s": 0.05, "system_s": 0.05, "peak_mb": 5.0}


def main(folder: str) -> None:
    """Print and store a row for each stage."""
    raw_digits, parameters = load_project("mnist", source=folder)
    pool = os.environ["ARROW_DEFAULT_MEMORY_POOL"]  # by settings.py, which Kedro reads before Arrow is imported
    pyarrow.set_memory_pool(getattr(pyarrow, f"{pool}_memory_pool")())
    leaderboard = pd.DataFrame({"contender": ["patches"], "accuracy_mean": [0.0], "parameters": ["{}"]})
    settings = choose_champion(leaderboard, parameters["contenders"], parameters["search"])
    inputs = {f"params:{name}": value for name, value in parameters.items()} | {"champion_settings": settings}
    training = raw_digits[raw_digits["split"] == "train"]
    which = np.arange(max(SIZES)) % len(training)
    limits = parameters["augmentation"].model_dump(exclude={"copies", "seed"})
    images, labels = _deform(to_images(training), which, limits), training["label"].to_numpy(np.uint8)[which]
    spent = {}
    for rows in SIZES:
        with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
            _write_set(Path(scratch), images[:rows], labels[:rows])
            for name, stage in _stages(Path(scratch), inputs.copy(), rows):
                spent[name, rows] = _measure(stage)
    stages = pd.DataFrame(spent).T.groupby(level=0, sort=False)
    table = pd.DataFrame([{"stage": name} | _growth(costs.droplevel(0)) for name, costs in stages])
    keep("growth", table.astype(object).where(table.notna(), None))


def _deform(images: np.ndarray, which: np.ndarray, limits: dict[str, float]) -> np.ndarray:
    random, deformed = np.random.default_rng(SEED), []
    for chunk in np.array_split(which, 100):
        draws = random.uniform(-1, 1, (1, len(chunk), 6))
        deformed.append(np.rint(deform(images[chunk], draws, **limits)[0]).astype(np.uint8))
    return np.concatenate(deformed)


def _write_set(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for kind, values in (("images", images), ("labels", labels)):
        for part, rows in zip(("train", "test"), np.split(values, [len(values) * 9 // 10]), strict=True):
            header = bytes([0, 0, UNSIGNED_BYTE, rows.ndim]) + np.array(rows.shape, ">u4").tobytes()
            (folder / f"{part}_{kind}").write_bytes(header + rows.tobytes())


def _stages(folder: Path, data: dict[str, Any], rows: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    source = IdxDataset(path=str(folder), files={path.name: path.name for path in folder.iterdir()}, filepath="")
    entry = OmegaConfigLoader(str(ROOT / "conf"), base_env="base", default_run_env="mnist")["catalog"]["digit_features"]
    stored = DataCatalog.from_config({"digit_features": entry | {"filepath": str(folder / "digit_features.parquet")}})
    yield "reading", lambda: data.update(raw_digits=source.load())
    data |= {"feedback_digits": pd.DataFrame(), "champion_receipt": {"sha256": ""}}
    yield "processing", lambda: _run(data, "state_form", "screen_rows", "split_rows")
    yield "features", lambda: _run(data, "extract_features")
    yield "storing features", lambda: stored.save("digit_features", data["digit_features"])
    yield "loading features", lambda: data.update(digit_features=stored.load("digit_features"))
    yield "training rows", lambda: _run(data, "extract_copy_features", "assemble_training_rows")
    yield "fitting", lambda: _run(data, "fit_champion")
    yield "scoring", lambda: _run(data, "predict_test_rows", "score_test_rows")
    if rows < SIZES[-1]:
        gradients, split = data["digit_features"].filter(regex="^gradient_"), data["labels"]["split"]
        machine = make_pipeline(PCA(60, random_state=SEED), SVC(C=10, gamma=0.08))
        yield "exact SVM, fitting", lambda: machine.fit(gradients[split == "train"], data["training_rows"]["label"])
        yield "exact SVM, scoring", lambda: machine.predict(gradients[split == "test"])


def _run(data: dict[str, Any], *names: str) -> None:
    for node in pipelines["__default__"].only_nodes(*names).nodes:
        data |= node.run({name: data[name] for name in node.inputs})


def _measure(stage: Callable[[], Any]) -> dict[str, float]:
    tries: list[dict[str, float]] = []
    while len(tries) < 3 and sum(one["user_s"] for one in tries) < FEW_SECONDS:
        ctypes.CDLL(None).malloc_trim(0)  # memory kept for reuse would hide what the stage needs
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # lets the peak begin anew
        before, start = _megabytes("VmRSS"), os.times()
        stage()
        end, peak_mb = os.times(), _megabytes("VmHWM") - before
        tries.append({"user_s": end.user - start.user, "system_s": end.system - start.system, "peak_mb": peak_mb})
    costs = pd.DataFrame(tries)
    return costs.min().to_dict() | {"peak_mb": float(costs["peak_mb"].max())}


def _megabytes(name: str) -> float:
    return int(Path("/proc/self/status").read_text(encoding="utf-8").partition(f"{name}:")[2].split()[0]) / 1024


def _growth(costs: pd.DataFrame) -> dict[str, float]:
    row: dict[str, float] = {}
    for cost, least in LEAST.items():
        row |= {f"{cost}_{rows // 1000}k": round(value, 2) for rows, value in zip(SIZES, costs[cost], strict=False)}
        counted = costs.loc[costs[cost] >= least, cost]
        if len(counted) > 1:
            row[f"{cost}_exponent"] = round(float(np.polyfit(np.log(counted.index), np.log(counted), 1)[0]), 2)
    return row


if __name__ == "__main__":
    main(mnist_folder())
