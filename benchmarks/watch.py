"""Has anything become slower? ``python -m benchmarks.watch [--store]``.

Each operation is measured in units of a yardstick: a matrix product and a loop in Python, which cost about as much as
each other. Both are measured in turn, in one process with one thread, in CPU seconds. The minimum counts, since others
use the machine too, so the ratio depends little on the machine and its load.

The ratios are compared with those in ``benchmarks/results/watch.json``. An operation is slower if its ratio is above
``MARGIN`` times the stored one in each of ``TRIES`` measurements; then the command names it, and exits with 1, unless
the figures were stored under another version of Python, in which the loop costs something else.
``--store`` measures ``REPETITIONS`` times, and stores the median of each ratio, and by how much the highest one exceeds
it.
"""

import argparse
import gc
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.project import settings
from sklearn.base import ClassifierMixin
from threadpoolctl import threadpool_limits

from kedro_guards import model_files
from kedro_guards.datasets.chunks import ChunkedParquetDataset
from kedro_guards.fingerprints import Code
from kedro_guards.receipts import Receipt, content_of, read_receipt, write_receipt
from kedro_guards.unchanged import is_unchanged, write_stamp
from penstroke.answers import answer_rows, view_of
from penstroke.domain import Form, accept, describe, extract_features, read
from penstroke.pipelines.data_science.nodes import choose_champion, fit_champion
from penstroke.serving.model_store import ServedModel, load_model

from .project import RESULTS, ROOT, keep, load_project, run_in_memory

MARGIN = 1.5  # an operation that costs more than this many times its stored ratio is slower
TRIES, REPETITIONS = 3, 20
PYTHON = ".".join(platform.python_version_tuple()[:2])
SAMPLE_S, BUDGET_S = 0.01, 1.0  # CPU seconds: of a sample at least, and of an operation's samples together
LEAST_SAMPLES, MOST_SAMPLES = 3, 20
CHAMPION = "kernel_ridge"  # of the shipped digits
IMPORT = [sys.executable, "-c", "import sys; sys.path.append('src'); import penstroke.serving.app"]
Operations = Mapping[str, Callable[[], object]]


def main(store: bool) -> None:
    """Print the ratios, and store them or compare them with the stored ones."""
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        operations = make_operations(Path(folder))
        if store:
            found = pd.DataFrame([measure(operations) for _ in range(REPETITIONS)])
            table = pd.DataFrame({"ratio": found.median().round(4), "highest": (found.max() / found.median()).round(3)})
            facts = {"repetitions": REPETITIONS, "margin": MARGIN, "python": PYTHON}
            keep("watch", table.rename_axis("operation").reset_index(), **facts)
            return
        content = json.loads((RESULTS / "watch.json").read_text(encoding="utf-8"))
        stored = {row["operation"]: row["ratio"] for row in content["rows"]}
        if odd := sorted(stored.keys() ^ operations.keys()):
            sys.exit(f"no figure, or no operation: {', '.join(odd)}; store figures: python -m benchmarks.watch --store")
        slower = find_slower(operations, stored)
    if slower and content["python"] != PYTHON:
        print(f"the figures are of Python {content['python']}, and do not judge Python {PYTHON}")
    elif slower:
        sys.exit(
            f"slower than before: {', '.join(f'{name} ({factor:.2f} times)' for name, factor in slower.items())}; make "
            "it faster, or store why not with the new figures: python -m benchmarks.watch --store"
        )


def find_slower(operations: Operations, stored: Mapping[str, float]) -> dict[str, float]:
    """Measure operations, print how they compare with the stored ratios, and return those that became slower.

    Args:
        operations: by name.
        stored: ratio to the yardstick by name of the operation.

    Returns:
        By name, the lowest factor by which the ratio exceeded the stored one.
    """
    lowest, suspects = dict[str, float](), dict(operations)
    for _ in range(TRIES):
        for name, ratio in measure(suspects).items():
            lowest[name] = min(ratio / stored[name], lowest.get(name, float("inf")))
            print(f"{lowest[name]:6.2f} times the stored cost: {name}", flush=True)
        suspects = {name: suspects[name] for name in suspects if lowest[name] > MARGIN}
        if not suspects:
            break
    return {name: factor for name, factor in lowest.items() if factor > MARGIN}


def measure(operations: Operations) -> dict[str, float]:
    """Return the cost of each operation, in yardsticks. Samples of operations and yardstick alternate."""
    calls, samples = {}, {}
    gc.collect()
    gc.freeze()  # so that collecting before each sample is quick
    for name, operation in operations.items():
        spent = min(_cpu_seconds(operation), _cpu_seconds(operation))  # the first call fills the caches
        calls[name] = max(1, round(SAMPLE_S / max(spent, 1e-9)))
        samples[name] = int(np.clip(BUDGET_S / (spent * calls[name]), LEAST_SAMPLES, MOST_SAMPLES))
    lowest, yardsticks = dict.fromkeys(operations, float("inf")), dict.fromkeys(operations, float("inf"))
    for sample in range(MOST_SAMPLES):
        for name in (name for name in operations if sample < samples[name]):
            yardsticks[name] = min(yardsticks[name], _cpu_seconds(yardstick))
            lowest[name] = min(lowest[name], _cpu_seconds(operations[name], calls[name]))
    gc.unfreeze()
    return {name: lowest[name] / yardsticks[name] for name in operations}


def yardstick() -> float:
    """Multiply matrices, and count in a loop."""
    square = np.full((300, 300), 0.5)
    total = float((square @ square @ square @ square @ square)[0, 0])
    for number in range(80_000):
        total += number % 7
    return total


def _cpu_seconds(operation: Callable[[], object], calls: int = 1) -> float:
    """Return the CPU seconds of a call, with those of its child processes."""
    gc.collect()
    gc.disable()
    children, start = getrusage(RUSAGE_CHILDREN), time.process_time()
    for _ in range(calls):
        operation()
    own, ended = time.process_time() - start, getrusage(RUSAGE_CHILDREN)
    gc.enable()
    return (own + ended.ru_utime - children.ru_utime + ended.ru_stime - children.ru_stime) / calls


def make_operations(folder: Path) -> Operations:
    """Prepare what is measured.

    Args:
        folder: where they may write.
    """
    raw, parameters = load_project()
    made = run_in_memory(raw, parameters, "training_rows", "digit_form")
    form, features, answers = Form.model_validate(made["digit_form"]), parameters["features"], parameters["answers"]
    leaderboard = pd.DataFrame({"contender": [CHAMPION], "accuracy_mean": [0.0], "parameters": ["{}"]})
    champion = choose_champion(leaderboard, parameters["contenders"], parameters["search"])

    def fit(rows: pd.DataFrame) -> ClassifierMixin:
        return fit_champion(rows, champion, parameters["final_fit"], features, made["digit_form"])

    model, few = fit(made["training_rows"]), made["training_rows"].iloc[::6]
    model_file = BytesIO()
    model_files.dump(model, model_file)
    one, many = raw.head(1), raw.head(1000)
    accepted, accepted_one = accept(many, form)[0], accept(one, form)[0]
    plain, values = load_model(model_file.getvalue()), many[form.columns].to_numpy()
    served = ServedModel(plain, view_of(plain), answers, parameters["drawings"], sha256="", receipt=None, card=None)
    drawing = (ROOT / "data/01_raw/drawings/5_photo.jpg").read_bytes()
    table = ChunkedParquetDataset(filepath=(folder / "table.parquet").as_posix())
    stamp = folder / "stamp.json"
    write_stamp(stamp, [ROOT / "src", ROOT / "conf"])
    return {
        "features of 1 row": lambda: extract_features(accepted_one, features),
        "features of 1,000 rows": lambda: extract_features(accepted, features),
        "acceptance of 1,000 rows": lambda: accept(many, form),
        "description of 1,000 rows": lambda: describe(accepted),
        "row from a drawing": lambda: read(drawing, form, parameters["drawings"]),
        "answers to a table of 1,000 rows": lambda: answer_rows(many, model, answers),
        "the service's answer to 1 row": lambda: served.answer(served.accept(values[:1])[0]),
        "the service's answers to 1,000 rows": lambda: served.answer(served.accept(values)[0]),
        f"fit of the champion on {len(few)} rows": lambda: fit(few),
        "model file, read": lambda: model_files.load(BytesIO(model_file.getvalue())),
        "model file, read by the service": lambda: load_model(model_file.getvalue()),
        "table with its receipt, written and read": lambda: _keep_and_read(table, accepted, folder / "receipt.json"),
        "configuration": _load_configuration,
        "fingerprint of a node's code": lambda: Code("penstroke", ROOT).fingerprint(fit_champion, ()),
        "nothing has changed": lambda: is_unchanged(stamp),
        "import of the service": lambda: subprocess.run(IMPORT, check=True, cwd=ROOT),
    }


def _keep_and_read(dataset: ChunkedParquetDataset, table: pd.DataFrame, place: Path) -> None:
    dataset.save(table)
    sha256, files = content_of(dataset)
    made_of: dict[str, Any] = {"call": "", "code": {}, "parameters": {}, "entries": "", "inputs": {}, "stale": {}}
    when = {"project_version": "", "commit": None, "time": "", "run_id": ""}
    write_receipt(Receipt(dataset="table", sha256=sha256 or "", files=files, **made_of, **when), str(place))
    read_receipt(place)
    dataset.load()


def _load_configuration() -> None:
    options = settings.CONFIG_LOADER_ARGS
    loader = settings.CONFIG_LOADER_CLASS(conf_source=str(ROOT / "conf"), env="base", **options)
    for part in ("globals", "parameters", "catalog"):
        loader[part]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--store", action="store_true", help="measure 20 times and store the figures")
    main(arguments.parse_args().store)
