"""Score the test rows and write the model card."""

import json
import re
from hashlib import sha256
from typing import Any

import pandas as pd
from pydantic_core import to_jsonable_python
from sklearn.base import ClassifierMixin

from penstroke import domain
from penstroke.cards import in_line, markdown_table
from penstroke.domain import INTENDED_USE, ROWS, describe
from penstroke.models import version_of, view_of
from penstroke.scoring import Scoring, answer_test_rows, score_answers
from penstroke.tables import with_gaps

from .parameters import Elsewhere, Profile

AUGMENTATION: Any = getattr(domain, "Augmentation", Any)  # its class, or 25 in a file would not be the 25.0 of a run


def predict_test_rows(champion_model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """Predict the test rows with the champion; see :func:`penstroke.scoring.answer_test_rows`."""
    return answer_test_rows(champion_model, rows, scoring)


def score_test_rows(
    test_predictions: pd.DataFrame, champion_receipt: dict[str, Any], scoring: Scoring
) -> dict[str, Any]:
    """Score the predictions of the test rows; see :func:`penstroke.scoring.score_answers`.

    Args:
        test_predictions: ``label``, ``prediction``, ``confidence`` and the probabilities of the test rows.
        champion_receipt: the champion's receipt, with ``sha256``.
        scoring: the level of the interval and the number of calibration bins.
    """
    return score_answers(test_predictions, champion_receipt["sha256"], scoring)


def profile_rows(
    rows: pd.DataFrame,
    test_predictions: pd.DataFrame,
    champion_model: ClassifierMixin,
    champion_receipt: dict[str, Any],
    profile: Profile,
) -> dict[str, pd.DataFrame]:
    """Describe the champion's rows, as the reference for monitoring.

    Test rows come first, then training rows, both shuffled by the seed. All of them show what rows look like. Only
    test rows show how confident the champion is about rows it was not trained on.

    Args:
        rows: all accepted rows, with ``split``.
        test_predictions: the champion's predictions of the test rows.
        champion_model: its file gives the form of the rows, and the classes.
        champion_receipt: the champion's receipt, with ``sha256``.
        profile: number of rows, and seed.

    Returns:
        One table under the champion's version: the columns of :func:`penstroke.domain.describe`, and for test rows
        ``prediction``, ``confidence`` and ``right``; for training rows these are missing. ``attrs``, which Parquet
        keeps, hold the ``form`` of the champion's rows and its ``classes``.
    """
    parts = [rows[rows["split"] == split] for split in ("test", "train")]
    chosen = pd.concat([part.sample(frac=1, random_state=profile.seed) for part in parts]).head(profile.rows)
    answers = test_predictions[["prediction", "confidence"]].assign(
        right=test_predictions["prediction"] == test_predictions["label"]
    )
    answers["prediction"] = with_gaps(answers["prediction"])
    answers = answers.astype({"right": "boolean"}).reindex(chosen.index)
    described = pd.concat([describe(chosen), answers], axis=1)
    form, classes = view_of(champion_model).form, champion_model.classes_.tolist()
    described.attrs = {"form": form.model_dump(mode="json"), "classes": classes}
    return {version_of(champion_receipt["sha256"]): described}


def state_origin(
    champion_model: ClassifierMixin,
    champion_settings: dict[str, Any],
    rows: pd.DataFrame,
    final_fit: Any,
    augmentation: AUGMENTATION = None,
) -> dict[str, Any]:
    """State the origin of a champion, a hash of its training rows and settings, and the data of its calibration.

    Args:
        champion_model: a fitted classifier, with ``features_`` and ``calibrated_on_`` if its file has them.
        champion_settings: its steps, best parameters and seed.
        rows: all accepted rows, with ``split``.
        final_fit: how it was fitted.
        augmentation: how copies of the training rows were made, if there are copies.

    Returns:
        The settings, with three more keys. ``origin`` has 12 hexadecimal characters: the same for all champions that
        were trained on the same rows with the same settings, on any machine, and different for all others.
        ``calibration_rows`` and ``calibration_errors`` are the numbers of rows and of wrong predictions in the
        calibration; None if the file does not say.
    """
    training = rows[rows["split"] == "train"]
    settings = {name: champion_settings[name] for name in ("steps", "parameters", "seed")}
    settings |= {"features": getattr(champion_model, "features_", None)}
    settings |= {"augmentation": to_jsonable_python(augmentation), "final_fit": to_jsonable_python(final_fit)}
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
    """Write the model card as Markdown: what the champion is, how it was chosen, how good it is, here and elsewhere.

    Figures from elsewhere are stated only if they were measured with a champion of the same origin.

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
- Steps: {" → ".join(steps)}, fitted on the training rows and on their copies from `augmentation`,
  if there are any, then calibrated.
- Values that the search chose: {chosen}.
- Content (sha256): `{test_scores["model_sha256"]}`; `kedro receipt champion_model` prints what it was made from.
- Input: the features of the pipeline `feature_engineering`; output: a class, and a probability for each class.

## Intended use
{INTENDED_USE} Use it for rows like its training rows: from the same source, made in the same way. It always
predicts one of its {len(classes)} classes, even if a row is something else.

## Data
{cleaning_scores["rows_read"]} rows were read and {rejected} rejected (see `rejected_{ROWS}`);
{test_scores["rows"]} of the {cleaning_scores["rows_accepted"]} accepted rows were held back for the test.

## Selection, on training rows alone
The contender with the highest mean accuracy over the folds is the champion; in a tie, the one with the smaller spread.

{markdown_table(("contender", "mean accuracy", "spread over folds (points)", "combinations"), ranking)}

## Measured on the test rows, once
- Accuracy **{test_scores["accuracy"]:.2%}**, \
interval {test_scores["accuracy_low"]:.2%} to {test_scores["accuracy_high"]:.2%}; \
{test_scores["errors"]} of {test_scores["rows"]} wrong; macro F1 {test_scores["macro_f1"]:.4f}.
- Mean confidence {test_scores["confidence_mean"]:.2%}; calibration error {test_scores["calibration_error"]:.4f}; \
log loss {test_scores["log_loss"]:.4f}.
- {_calibration(champion_origin)}
- The lowest recall is that of class {in_line(worst)}: {test_scores[f"recall_{worst}"]:.3f}.

{markdown_table(("class", "precision", "recall", "F1"), by_class)}

## Measured elsewhere
{_elsewhere(champion_origin, elsewhere)}

## Limits
- Test rows that come from the same table as the training rows have the same source and its peculiarities. Expect a
  lower accuracy on rows of other sources.
- Confidence is calibrated for rows of this source. It does not say whether a row belongs to any class at all.
"""


def _calibration(origin: dict[str, Any]) -> str:
    rows, errors = origin["calibration_rows"], origin["calibration_errors"]
    if rows is None:
        return "The champion's file does not say which rows it was calibrated on."
    seen = f"Its confidence was calibrated on {rows} training rows; {errors} of these predictions were wrong."
    return seen if errors else f"{seen} The calibration assumes one error, since there was none: rely little on it."


def _elsewhere(origin: dict[str, Any], elsewhere: Elsewhere) -> str:
    unknown = f"Not measured: the accuracy on {ROWS} of another source is unknown."
    if not elsewhere.figures:
        return unknown
    if elsewhere.origin != origin["origin"]:
        return (
            f"{unknown}\nThe figures in `elsewhere` belong to a champion of origin `{elsewhere.origin}`; this one has "
            f"origin `{origin['origin']}`:\nit was trained on other rows, or with other settings."
        )
    lines = [f"- {figure.of}: **{figure.accuracy:.2%}** of {figure.rows} right." for figure in elsewhere.figures]
    printed = f"`{elsewhere.command}` printed this of a champion of the same origin, `{elsewhere.origin}`: the same "
    return "\n".join([*lines, f"\n{printed}training rows and settings."])


def _short_name(block: dict[str, Any]) -> str:
    """Return the class name of a block and, in brackets, those of the estimators inside it."""
    within = re.findall(r"'class': '[\w.]*\.([A-Z]\w*)'", str(block.get("arguments", {})))
    return block["class"].rpartition(".")[2] + (f" ({', '.join(within)})" if within else "")
