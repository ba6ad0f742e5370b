"""What does the search cost, and do threads help? ``python -m benchmarks.search``.

Run the node ``search_contenders`` on the shipped digits: each contender alone, then all together, with one thread and
with two. Times are the median of three runs. CPU seconds are those of the whole process while the node runs.
"""

import time
from typing import Any

import pandas as pd
from kedro.framework.project import pipelines

from .project import keep, load_project, run_in_memory

REPETITIONS = 3


def main() -> None:
    """Print and store a row for each contender, and for all with each number of threads."""
    raw_digits, parameters = load_project()
    training_rows = run_in_memory(raw_digits, parameters, "training_rows")["training_rows"]
    search = parameters["search"]
    rows = [_measure(training_rows, parameters, name, {"contenders": [name], "jobs": 1}) for name in search.contenders]
    rows += [_measure(training_rows, parameters, "all", {"jobs": jobs}) for jobs in (1, 2)]
    keep("search", pd.DataFrame(rows))


def _measure(training_rows: pd.DataFrame, parameters: dict[str, Any], name: str, change: dict[str, Any]) -> dict:
    (node,) = pipelines["__default__"].only_nodes("search_contenders").nodes
    inputs = {f"params:{key}": value for key, value in parameters.items()} | {"training_rows": training_rows}
    inputs["params:search"] = parameters["search"].model_copy(update=change)
    spent = []
    for _ in range(REPETITIONS):
        cpu, wall = time.process_time(), time.perf_counter()
        node.run({key: inputs[key] for key in node.inputs})
        spent.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu_s, wall_s = (sorted(values)[REPETITIONS // 2] for values in zip(*spent, strict=True))
    return {"contenders": name, "threads": change["jobs"], "cpu_s": round(cpu_s, 1), "wall_s": round(wall_s, 1)}


if __name__ == "__main__":
    main()
