"""Shared by the benchmarks: run the project's pipelines in memory, print and store results."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results"


def mnist_folder() -> str:
    """Return the folder of MNIST's four files; without one, exit with a line that says how to name it."""
    if not os.environ.get("PENSTROKE_MNIST"):
        sys.exit("PENSTROKE_MNIST is not set; name the folder that holds the four files of MNIST")
    return os.environ["PENSTROKE_MNIST"]


def load_project(env: str = "base", **runtime_params: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the raw digits and the typed parameters of an environment; the default is ``conf/base``."""
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=env, runtime_params=runtime_params) as session:
        context = session.load_context()
        return context.catalog.load("raw_digits"), dict(context.params)


def run_in_memory(raw_digits: pd.DataFrame, parameters: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """Run the nodes of the main job that the ``wanted`` datasets need, store nothing, and return these datasets."""
    data = {f"params:{name}": value for name, value in parameters.items()} | {"raw_digits": raw_digits}
    data["feedback_digits"] = pd.DataFrame()
    data["champion_receipt"] = {"sha256": ""}  # nothing is stored, so nothing has a receipt
    for node in pipelines["__default__"].to_outputs(*wanted).nodes:
        data |= node.run({name: data[name] for name in node.inputs})
    return {name: data[name] for name in wanted}


def keep(name: str, table: pd.DataFrame, **facts: Any) -> None:
    """Print a table with its facts, and store both as ``benchmarks/results/<name>.json``."""
    print(table.to_string(index=False))
    for fact, value in facts.items():
        print(f"{fact}: {value}")
    RESULTS.mkdir(exist_ok=True)
    given = [re.sub("^/.*|(?<==)/.*", "PATH", argument) for argument in sys.argv[1:]]  # whose machine it is, is no fact
    content = {
        "command": " ".join(["python -m", f"benchmarks.{Path(sys.argv[0]).stem}", *given]),
        **facts,
        "rows": table.to_dict(orient="records"),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
