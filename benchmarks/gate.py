"""Which models pass the gate? ``python -m benchmarks.gate [--seeds 20]``.

For each seed the champion is trained again: with other folds, other estimators, other deformed copies, the same test
rows. Each is compared with the champion of ``conf/base`` in production, and none should be refused. The other models
should be refused, each by the check for its fault: they have too few training rows or wrong labels, miss a digit, are
badly calibrated, not robust, too large or too slow, or were trained on the test rows.
"""

import argparse
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.project import pipelines

from penstroke.domain import extract_features
from penstroke.pipelines.data_science.nodes import fit_champion

from .project import keep, load_project, run_in_memory

MADE = ("digits", "digit_features", "training_rows", "champion_settings", "champion_model", "digit_form")
SEEDS_OF_BAD_MODELS = 5
MACHINE = {"class": "sklearn.svm.SVC", "arguments": {"C": 10}}
SHARP = {"class": "sklearn.svm.SVC", "arguments": {"C": 5, "gamma": 0.1}}
SELECTOR = {"class": "sklearn.compose.make_column_selector", "arguments": {"pattern": "^pixel_"}}
PIXELS = {
    "class": "sklearn.compose.ColumnTransformer",
    "arguments": {"transformers": [["pixels", "passthrough", SELECTOR]]},
}
FOREST = {"class": "sklearn.ensemble.ExtraTreesClassifier", "arguments": {"n_estimators": 1500}}
MACHINES = {  # each of the sixty has a machine for each digit
    "class": "sklearn.ensemble.BaggingClassifier",
    "arguments": {
        "estimator": {"class": "sklearn.multiclass.OneVsRestClassifier", "arguments": {"estimator": SHARP}},
        "n_estimators": 60,
    },
}


def main(seeds: int) -> None:
    """Print and store a row for each model, a count for each kind, and the range of each figure of the good models."""
    raw_digits, parameters = load_project()
    made = run_in_memory(raw_digits, parameters, *MADE)
    verdicts, good = [], []
    for seed in range(1, seeds + 1):
        again = {name: parameters[name].model_copy(update={"seed": seed}) for name in ("search", "augmentation")}
        champion = run_in_memory(raw_digits, parameters | again, "champion_model")["champion_model"]
        verdict = _judge(champion, made, parameters)
        verdicts.append(_row("champion of another seed", "", verdict))
        good.append({check["check"]: check["figure"] for check in verdict["checks"]})
    for kind, fault, model in _bad_models(made, parameters):
        verdicts.append(_row(kind, fault, _judge(model, made, parameters)))
    table = pd.DataFrame(verdicts)
    kinds = table.groupby("model", sort=False)
    summary = kinds.agg(fault=("fault", "first"), models=("refused", "size"), refused=("refused", "sum"))
    ranges = pd.DataFrame(good).agg(["min", "max"]).round(4)
    keep(
        "gate",
        table,
        summary=summary.assign(by_name=kinds["by_name"].sum()).to_dict(orient="index"),
        good_models=ranges.to_dict(),
    )


def _judge(model: Any, made: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    data = {f"params:{group}": value for group, value in parameters.items()}
    data |= {"champion_model": model, "current_model": made["champion_model"], "digits": made["digits"]}
    for node in pipelines["promotion"].to_outputs("verdict").nodes:
        data |= node.run({key: data[key] for key in node.inputs})
    return data["verdict"]


def _row(kind: str, fault: str, verdict: dict[str, Any]) -> dict[str, Any]:
    """Count for each kind of model how many were refused, and how many by the check for their fault."""
    refused_by = verdict["refused_by"]
    row = {
        "model": kind,
        "fault": fault,
        "refused": bool(refused_by),
        "by_name": fault in refused_by,
        "refused_by": ", ".join(refused_by),
    }
    print(row, flush=True)
    return row


def _bad_models(made: dict[str, Any], parameters: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield what is wrong with each model, the check that should refuse it, and the model."""
    rows, features, settings = made["training_rows"], parameters["features"], made["champion_settings"]
    once = parameters["final_fit"].model_copy(update={"held_back": 0.1})
    own = rows.drop(columns=rows.filter(regex="^copy_"))
    label = rows["label"]

    def fit(rows: pd.DataFrame) -> Any:
        return fit_champion(rows, settings, parameters["final_fit"], features, made["digit_form"])

    def fit_other(steps: list[dict[str, Any]], rows: pd.DataFrame, seed: int = 0, seen: Any = features) -> Any:
        return fit_champion(rows, {"steps": steps, "parameters": {}, "seed": seed}, once, seen, made["digit_form"])

    for seed in range(SEEDS_OF_BAD_MODELS):
        random = np.random.default_rng(seed)
        yield "learned 5 rows of each digit", "accuracy_low", fit(_few(rows, 5, seed))
        yield "learned 10 rows of each digit", "loss_against_production", fit(_few(rows, 10, seed))
        wrong = label.where(random.random(len(label)) > 0.3, (label + random.integers(1, 10, len(label))) % 10)
        yield "learned 30% wrong labels", "calibration_error", fit(rows.assign(label=wrong.astype(np.int8)))
    for digit in sorted(set(label)):
        yield "forgot a digit", f"recall_{digit}", fit(rows[label != digit])
        taken = label.mask(label == digit, (digit + 1) % 10).astype(np.int8)
        yield "takes a digit for the next", f"recall_{digit}", fit(rows.assign(label=taken))
    for times in (5, 10, 20):
        yield "less sure than it may be", "calibration_error", _reheat(made["champion_model"], 1 / times)
        yield "surer than it may be", "perturbed_log_loss", _reheat(made["champion_model"], times)
    plain = features.model_copy(update={"pixels": True})
    pixels = extract_features(made["digits"].loc[rows.index], plain).assign(label=label)
    for seed in range(SEEDS_OF_BAD_MODELS):
        yield "sees plain pixels", "loss_shift", fit_other([PIXELS, MACHINE], pixels, seed, plain)
    yield "1,500 trees", "size_mb", fit_other([FOREST], own)
    yield "600 machines", "latency_ms", fit_other([MACHINES], own)
    learned = pd.concat([own, made["digit_features"].loc[made["digits"]["split"] == "test"]])
    yield "learned the test rows", "test_rows_learned", fit(learned.assign(label=made["digits"]["label"]))


def _few(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    return rows.groupby("label").sample(count, random_state=seed)


def _reheat(champion: Any, times: float) -> Any:
    """Multiply the logits of a calibrated model: above 1 its confidence grows, below 1 it shrinks."""
    model = deepcopy(champion)
    model.temperature_ /= times
    return model


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=20, help="how many retrainings")
    main(arguments.parse_args().seeds)
