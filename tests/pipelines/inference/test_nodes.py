import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from penstroke.answers import answer_rows
from penstroke.contracts import PREDICTIONS
from penstroke.models import Answers
from penstroke.pipelines.inference.nodes import classify_rows

from ...seam import CLASSES, RAW_ROWS, fit, rows_with_split

RECEIPT = {"dataset": "production_model", "sha256": "0123456789abcdef" * 4}
ANSWERS = Answers(sure_from=0.9, chunk_rows=7)


@pytest.fixture(scope="module")
def model():
    return _fitted(rows_with_split(False))


def _fitted(rows):
    return fit(make_pipeline(StandardScaler(), KNeighborsClassifier(5)), rows)


def test_no_rows_have_no_answers(model):
    (answers,) = classify_rows([RAW_ROWS.head(0)], model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert len(answers) == 0


def test_each_row_has_an_answer_and_is_unsure_below_the_threshold(model):
    table = RAW_ROWS.drop(columns="label")

    (answers,) = classify_rows([table], model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert list(answers.index) == list(table.index)
    probabilities = answers.filter(like="probability_")
    np.testing.assert_array_equal(answers["confidence"], probabilities.max(axis=1))
    np.testing.assert_array_equal(answers["prediction"], np.array(CLASSES)[probabilities.to_numpy().argmax(axis=1)])
    np.testing.assert_array_equal(answers["unsure"], answers["confidence"] < 0.9)
    assert 0 < answers["unsure"].sum() < len(answers) / 2
    assert (answers["prediction"] == RAW_ROWS["label"]).mean() > 0.95


def test_the_answer_to_a_row_does_not_hang_on_its_neighbours(model):
    whole = answer_rows(RAW_ROWS, model, ANSWERS)

    parts = pd.concat(classify_rows([RAW_ROWS[:33], RAW_ROWS[33:33], RAW_ROWS[33:]], model, RECEIPT, ANSWERS))

    pd.testing.assert_frame_equal(parts[whole.columns], whole)
    (one_table,) = classify_rows(RAW_ROWS, model, RECEIPT, ANSWERS)  # a CSV file is read whole
    pd.testing.assert_frame_equal(one_table, parts)
    assert set(parts["model_version"]) == {"0123456789ab"}
    assert set(parts["model_receipt"]) == {RECEIPT["sha256"]}


def test_tables_are_answered_when_they_are_asked_for(model):
    asked = []
    tables = (asked.append(start) or RAW_ROWS[start : start + 10] for start in range(0, 50, 10))

    answers = classify_rows(tables, model, RECEIPT, ANSWERS)

    assert asked == []
    next(answers)
    assert asked == [0]


@pytest.mark.parametrize("names", [["in_words", "a/b"], [300, -7]])
def test_the_answers_are_in_the_classes_of_the_model_whatever_they_are(names):
    label = RAW_ROWS["label"].map(lambda label: names[label == CLASSES[0]])
    model = _fitted(rows_with_split(False).assign(label=label))

    (answers,) = classify_rows(RAW_ROWS, model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert set(answers["prediction"]) == set(names)
    assert {f"probability_{name}" for name in names} < set(answers)
    assert (answers["prediction"] == label).mean() > 0.95
