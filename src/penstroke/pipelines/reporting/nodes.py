"""Score the test rows, once, and write the model card from what was measured."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pandas as pd
from scipy.stats import binomtest
from sklearn.base import ClassifierMixin
from sklearn.metrics import classification_report, log_loss

from penstroke.answers import ask
from penstroke.pipelines.data_science.parameters import FinalFit
from penstroke.pipelines.feature_engineering.parameters import Augmentation

from .parameters import Elsewhere, Scoring


def predict_test_rows(
    champion_model: ClassifierMixin, digit_features: pd.DataFrame, labels: pd.DataFrame, scoring: Scoring
) -> pd.DataFrame:
    """Ask the champion about the test rows, some of them at once.

    Args:
        champion_model: a fitted classifier with ``predict_proba``.
        digit_features: float32 features of all rows.
        labels: ``label`` and ``split`` of all rows.
        scoring: how many rows are asked about at once.

    Returns:
        The test rows: ``label``, ``prediction`` (the likeliest class), ``confidence`` (its probability, 0 to 1) and
        ``probability_<class>`` for each class.
    """
    label = labels.loc[labels["split"] == "test", "label"]
    rows = digit_features.loc[label.index]
    predictions = ask(champion_model, rows, scoring.chunk_rows)
    predictions.insert(0, "label", label)
    return predictions


def score_test_rows(
    test_predictions: pd.DataFrame, champion_receipt: dict[str, Any], scoring: Scoring
) -> dict[str, Any]:
    """Score the answers of the test rows; all figures but counts and ``log_loss`` lie between 0 and 1.

    Args:
        test_predictions: ``label``, ``prediction``, ``confidence`` and the probabilities of the test rows.
        champion_receipt: ``sha256`` of the model that gave the answers.
        scoring: the level of the interval, the bins of the calibration.

    Returns:
        ``accuracy`` with ``accuracy_low`` and ``accuracy_high`` (Wilson's interval, of level ``interval``),
        ``macro_f1``, ``rows``, ``errors``, ``confidence_mean``, ``calibration_error`` (see :func:`bin_by_confidence`),
        ``log_loss``, and ``precision_<class>``, ``recall_<class>`` and ``f1_<class>`` of the classes that occur among
        the test rows (their plain mean is ``macro_f1``); and ``model_sha256``, of which model they are.

    Source: the interval, Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22(158), 1927.
    """
    label, prediction = test_predictions["label"], test_predictions["prediction"]
    rows, right = len(label), int((label == prediction).sum())
    interval = binomtest(right, rows).proportion_ci(scoring.interval, method="wilson")
    probabilities = test_predictions.filter(regex="^probability_")
    occurring = sorted(set(label))
    classes = sorted({int(str(name).rpartition("_")[2]) for name in probabilities} | set(occurring))
    # a class that the model does not know gets no probability
    probabilities = probabilities.reindex(columns=[f"probability_{name}" for name in classes], fill_value=0.0)
    bins = bin_by_confidence(test_predictions, scoring.calibration_bins)
    report = classification_report(label, prediction, labels=occurring, output_dict=True, zero_division=0.0)
    return {
        "accuracy": right / rows,
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "interval": scoring.interval,
        "macro_f1": float(report["macro avg"]["f1-score"]),
        "rows": rows,
        "errors": rows - right,
        "confidence_mean": float(test_predictions["confidence"].mean()),
        "calibration_error": float((bins["rows"] * (bins["accuracy"] - bins["confidence"]).abs()).sum() / rows),
        "model_sha256": champion_receipt["sha256"],
        "log_loss": float(log_loss(label, probabilities.to_numpy(), labels=classes)),
        **{
            f"{name}_{class_}": float(report[str(class_)][key])
            for class_ in occurring
            for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score"))
        },
    }


def bin_by_confidence(predictions: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Compare confidence with accuracy in bins of equal width; the weighted mean gap is the calibration error.

    Returns:
        A row for each bin that is not empty: mean ``confidence``, ``accuracy`` (both 0 to 1) and number of ``rows``.

    Source: the expected calibration error, Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
    networks", ICML 2017, section 2.
    """
    right = predictions["label"] == predictions["prediction"]
    place = (predictions["confidence"] * bins).astype(int).clip(upper=bins - 1)
    answers = pd.DataFrame({"confidence": predictions["confidence"], "accuracy": right.astype(float)})
    grouped = answers.groupby(place.rename("bin"))
    return grouped.mean().assign(rows=grouped.size())


def state_origin(
    champion_model: ClassifierMixin,
    champion_settings: dict[str, Any],
    digits: pd.DataFrame,
    augmentation: Augmentation,
    final_fit: FinalFit,
) -> dict[str, Any]:
    """State what a champion came from, and what its calibration saw.

    Args:
        champion_model: a fitted classifier; ``features_`` and ``calibrated_on_``, if its file says so.
        champion_settings: its steps, the values that won, the seed.
        digits: all accepted rows, with ``split``.
        augmentation: the copies that it learned from.
        final_fit: how it was fitted.

    Returns:
        The settings, and ``origin``, 12 hexadecimal digits: equal for champions that learned the same training rows
        with the same settings, on whatever machine, and for no others; ``calibration_rows`` and
        ``calibration_errors``, how many rows the calibration learned from and how many of their answers were wrong,
        None where the file does not say.
    """
    training = digits[digits["split"] == "train"]
    settings = {name: champion_settings[name] for name in ("steps", "parameters", "seed")}
    settings |= {"features": getattr(champion_model, "features_", None)}
    settings |= {"augmentation": augmentation.model_dump(), "final_fit": final_fit.model_dump()}
    content = sha256(pd.util.hash_pandas_object(training).to_numpy("<u8").tobytes())
    content.update(json.dumps(settings, sort_keys=True).encode())
    calibrated_on = getattr(champion_model, "calibrated_on_", {})
    return champion_settings | {
        "origin": content.hexdigest()[:12],
        "calibration_rows": calibrated_on.get("rows"),
        "calibration_errors": calibrated_on.get("errors"),
    }


def write_model_card(
    champion_origin: dict[str, Any],
    leaderboard: pd.DataFrame,
    cleaning_scores: dict[str, int],
    test_scores: dict[str, Any],
    elsewhere: Elsewhere,
) -> str:
    """Write what the champion is, how it was chosen, how good it is, here and elsewhere, as Markdown.

    Figures from elsewhere are stated if they were measured of a champion of the same origin, and of no other.

    Source: the headings follow Mitchell et al., "Model cards for model reporting", FAT* 2019, section 4.
    """
    classes = [key.removeprefix("recall_") for key in test_scores if key.startswith("recall_")]
    worst = min(classes, key=lambda name: test_scores[f"recall_{name}"])
    rejected = cleaning_scores["rows_read"] - cleaning_scores["rows_accepted"]
    steps = [_short_name(step) for step in champion_origin["steps"]]
    chosen = ", ".join(f"{key} = {value}" for key, value in champion_origin["parameters"].items()) or "none searched"
    columns = ["contender", "accuracy_mean", "accuracy_sd", "combinations"]
    ranking = [
        (name, f"{mean:.2%}", f"{100 * spread:.2f}", str(combinations))
        for name, mean, spread, combinations in leaderboard[columns].to_numpy()
    ]
    by_class = [
        (name, *(f"{test_scores[f'{score}_{name}']:.3f}" for score in ("precision", "recall", "f1")))
        for name in classes
    ]
    return f"""# Model card: {champion_origin["contender"]}

## Model
- Steps: {" → ".join(steps)}, fitted on the training rows and on the copies of them, if any, that
  `augmentation` makes, then calibrated.
- Values that the search chose: {chosen}.
- Content (sha256): `{test_scores["model_sha256"]}`; `kedro receipt champion_model` prints what it was made of.
- Input: the features of the pipeline `feature_engineering`; output: a class, and a probability for each class.

## Intended use
Rows like those that it was trained on: from the same source, made and framed in the same way. It always answers with
one of its {len(classes)} classes, also where a row shows something else.

## Data
{cleaning_scores["rows_read"]} rows were read and {rejected} rejected (see `rejected_digits`);
{test_scores["rows"]} of the {cleaning_scores["rows_accepted"]} accepted rows were held back for the test.

## Selection, on training rows alone
The contender with the highest mean accuracy over the folds is the champion; ties go to the smaller spread.

{_table(("contender", "mean accuracy", "spread over folds (points)", "combinations"), ranking)}

## Measured on the test rows, once
- Accuracy **{test_scores["accuracy"]:.2%}**, \
interval {test_scores["accuracy_low"]:.2%} to {test_scores["accuracy_high"]:.2%}; \
{test_scores["errors"]} of {test_scores["rows"]} wrong; macro F1 {test_scores["macro_f1"]:.4f}.
- Mean confidence {test_scores["confidence_mean"]:.2%}; calibration error {test_scores["calibration_error"]:.4f}; \
log loss {test_scores["log_loss"]:.4f}.
- {_calibration(champion_origin)}
- The lowest recall is that of class {worst}: {test_scores[f"recall_{worst}"]:.3f}.

{_table(("class", "precision", "recall", "F1"), by_class)}

## Measured elsewhere
{_elsewhere(champion_origin, elsewhere)}

## Limits
- Test rows that were drawn from one table with the training rows share their source and its habits: rows from
  elsewhere are harder than these figures say.
- Confidence is calibrated for rows of this source. It does not tell whether a row belongs to any class at all.
"""


def _calibration(origin: dict[str, Any]) -> str:
    rows, errors = origin["calibration_rows"], origin["calibration_errors"]
    if rows is None:
        return "The champion's file does not say what its calibration saw."
    seen = f"Its confidence was calibrated on {rows} training rows, of whose answers {errors} were wrong."
    return seen if errors else f"{seen} One error is assumed, since none was seen: so it says little of how sure it is."


def _elsewhere(origin: dict[str, Any], elsewhere: Elsewhere) -> str:
    unknown = "Not measured: how well it reads digits from another source, nobody knows."
    if not elsewhere.figures:
        return unknown
    if elsewhere.origin != origin["origin"]:
        return (
            f"{unknown}\nThe figures in `elsewhere` are of the champion of origin `{elsewhere.origin}`; this one has "
            f"origin `{origin['origin']}`:\nit learned other rows, or with other settings."
        )
    lines = [f"- {figure.digits}: **{figure.accuracy:.2%}** of {figure.rows} right." for figure in elsewhere.figures]
    printed = f"`{elsewhere.command}` printed this of a champion of the same origin, `{elsewhere.origin}`: the same "
    return "\n".join([*lines, f"\n{printed}training rows and settings."])


def _short_name(block: dict[str, Any]) -> str:
    """Name the class of a block and, in brackets, those of the estimators within it."""
    within = re.findall(r"'class': '[\w.]*\.([A-Z]\w*)'", str(block.get("arguments", {})))
    return block["class"].rpartition(".")[2] + (f" ({', '.join(within)})" if within else "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))
