"""How good is the champion on unseen digits? ``python -m benchmarks.quality [--seeds 10]``.

For each seed the whole main job runs again: split, features, copies, search, final fit, one score. Then each of 13
blocks of consecutive rows is the test once, with training on the other twelve. The file comes from 13 writers, but
their order was not published: that blocks correspond to writers is an assumption.
"""

import argparse

import numpy as np
import pandas as pd

from .project import keep, load_project, run_in_memory

WRITERS = 13


def main(seeds: int) -> None:
    """Print and store a row for each seed and block, and the figures of both."""
    raw_digits, parameters = load_project()
    rows = []
    for seed in range(1, seeds + 1):
        split = parameters["split"].model_copy(update={"seed": seed})
        rows.append(_score("random split", seed, raw_digits, parameters | {"split": split}))
    blocks = np.arange(len(raw_digits)) * WRITERS // len(raw_digits)
    for block in range(WRITERS):
        left_out = raw_digits.assign(split=np.where(blocks == block, "test", "train"))
        rows.append(_score("block left out", block, left_out, parameters))
    table = pd.DataFrame(rows)
    summary = {}
    for name, part in table.groupby("test", sort=False):
        summary[str(name)] = {
            "accuracy_mean": round(float(part["accuracy"].mean()), 6),
            "accuracy_sd": round(float(part["accuracy"].std()), 6),
            "accuracy_worst": round(float(part["accuracy"].min()), 6),
            "accuracy_of_all_rows": round(1 - int(part["errors"].sum()) / int(part["rows"].sum()), 6),
        }
    keep("quality", table, summary=summary)


def _score(test: str, number: int, raw_digits: pd.DataFrame, parameters: dict) -> dict:
    made = run_in_memory(raw_digits, parameters, "test_scores", "champion_settings")
    scores, settings = made["test_scores"], made["champion_settings"]
    row = {"test": test, "number": number, "rows": scores["rows"], "errors": scores["errors"]}
    return (
        row
        | {key: round(scores[key], 6) for key in ("accuracy", "macro_f1", "calibration_error", "log_loss")}
        | {
            "champion": settings["contender"],
            "parameters": str(settings["parameters"]),
        }
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10, help="how many random splits")
    main(arguments.parse_args().seeds)
