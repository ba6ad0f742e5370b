"""Score the test rows, once, and write the model card from what was measured."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pandas as pd
from pydantic_core import to_jsonable_python
from sklearn.base import ClassifierMixin

from penstroke.answers import version_of
from penstroke.domain import INTENDED_USE, ROWS, describe
from penstroke.scoring import Scoring, answer_test_rows, score_answers
from penstroke.tables import with_gaps

from .parameters import Elsewhere, Profile


def predict_test_rows(champion_model: ClassifierMixin, rows: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """Ask the champion about the test rows; see :func:`penstroke.scoring.answer_test_rows`."""
    return answer_test_rows(champion_model, rows, scoring)


def score_test_rows(
    test_predictions: pd.DataFrame, champion_receipt: dict[str, Any], scoring: Scoring
) -> dict[str, Any]:
    """Score the answers of the test rows; see :func:`penstroke.scoring.score_answers`.

    Args:
        test_predictions: ``label``, ``prediction``, ``confidence`` and the probabilities of the test rows.
        champion_receipt: ``sha256`` of the model that gave the answers.
        scoring: the level of the interval, the bins of the calibration.
    """
    return score_answers(test_predictions, champion_receipt["sha256"], scoring)


def profile_rows(
    rows: pd.DataFrame, test_predictions: pd.DataFrame, champion_receipt: dict[str, Any], profile: Profile
) -> dict[str, pd.DataFrame]:
    """Describe the rows that a champion came from, so that what comes in later can be compared with them.

    The test rows come first, then training rows, either in an order that the seed draws: all of them say how rows
    look, but only of the test rows it is known how sure the champion is of rows that it has not learned.

    Args:
        rows: all accepted rows, with ``split``.
        test_predictions: the champion's answers to the test rows.
        champion_receipt: ``sha256`` of the champion's file.
        profile: how many rows, and the seed.

    Returns:
        Under the champion's version one table: the columns of :func:`penstroke.domain.describe`, and of the test rows
        ``prediction``, ``confidence`` and whether they were ``right``; these are missing in the other rows.
    """
    parts = [rows[rows["split"] == split] for split in ("test", "train")]
    chosen = pd.concat([part.sample(frac=1, random_state=profile.seed) for part in parts]).head(profile.rows)
    answers = test_predictions[["prediction", "confidence"]].assign(
        right=test_predictions["prediction"] == test_predictions["label"]
    )
    answers["prediction"] = with_gaps(answers["prediction"])
    answers = answers.astype({"right": "boolean"}).reindex(chosen.index)
    return {version_of(champion_receipt["sha256"]): pd.concat([describe(chosen), answers], axis=1)}


def state_origin(
    champion_model: ClassifierMixin,
    champion_settings: dict[str, Any],
    rows: pd.DataFrame,
    final_fit: Any,
    augmentation: Any = None,
) -> dict[str, Any]:
    """State what a champion came from, and what its calibration saw.

    Args:
        champion_model: a fitted classifier; ``features_`` and ``calibrated_on_``, if its file says so.
        champion_settings: its steps, the values that won, the seed.
        rows: all accepted rows, with ``split``.
        final_fit: how it was fitted.
        augmentation: the copies that it learned from, if there are copies.

    Returns:
        The settings, and ``origin``, 12 hexadecimal characters: equal for champions that learned the same training rows
        with the same settings, on whatever machine, and for no others; ``calibration_rows`` and
        ``calibration_errors``, how many rows the calibration learned from and how many of their answers were wrong,
        None where the file does not say.
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
{INTENDED_USE} Rows like those that it was trained on: from the same source, made in the same way. It always
answers with one of its {len(classes)} classes, also where a row is something else.

## Data
{cleaning_scores["rows_read"]} rows were read and {rejected} rejected (see `rejected_{ROWS}`);
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
    unknown = f"Not measured: how well it answers {ROWS} from another source, nobody knows."
    if not elsewhere.figures:
        return unknown
    if elsewhere.origin != origin["origin"]:
        return (
            f"{unknown}\nThe figures in `elsewhere` are of the champion of origin `{elsewhere.origin}`; this one has "
            f"origin `{origin['origin']}`:\nit learned other rows, or with other settings."
        )
    lines = [f"- {figure.of}: **{figure.accuracy:.2%}** of {figure.rows} right." for figure in elsewhere.figures]
    printed = f"`{elsewhere.command}` printed this of a champion of the same origin, `{elsewhere.origin}`: the same "
    return "\n".join([*lines, f"\n{printed}training rows and settings."])


def _short_name(block: dict[str, Any]) -> str:
    """Name the class of a block and, in brackets, those of the estimators within it."""
    within = re.findall(r"'class': '[\w.]*\.([A-Z]\w*)'", str(block.get("arguments", {})))
    return block["class"].rpartition(".")[2] + (f" ({', '.join(within)})" if within else "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))
