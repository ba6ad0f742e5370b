from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import answer_rows
from penstroke.contracts import PREDICTIONS
from penstroke.domain import accept, extract_features
from penstroke.models import Answers
from penstroke.pipelines.inference.nodes import classify_rows
from penstroke.pipelines.inference.reading import read_rows

from ...domain.hostile import PNG
from ...domain.rows import FORM, reading_of_base

RECEIPT = {"dataset": "production_model", "sha256": "0123456789abcdef" * 4}
ANSWERS = Answers(sure_from=0.9, chunk_rows=7)


@pytest.fixture(scope="module")
def model(raw_digits, features_of_base):
    return _fitted(raw_digits, raw_digits["label"], features_of_base)


def _fitted(rows, label, features):
    fitted = KNeighborsClassifier(5).fit(extract_features(accept(rows, FORM)[0], features), label)
    fitted.features_, fitted.form_ = features.model_dump(), FORM.model_dump()
    return fitted


def test_files_become_rows_of_the_form_that_the_model_takes(model):
    rows, rejected = read_rows({"a.png": lambda: PNG, "b.png": lambda: b""}, model, reading_of_base())

    assert list(rows) == FORM.columns
    assert list(rows.index) == ["a.png"]
    assert list(rejected.index) == ["b.png"]


def test_a_model_that_does_not_say_in_what_form_it_takes_rows_reads_no_file(model):
    other = deepcopy(model)
    del other.form_

    with pytest.raises(ValueError, match="does not say in what form it takes rows: .* `kedro run`"):
        read_rows({"a.png": lambda: PNG}, other, reading_of_base())


def test_no_rows_have_no_answers(raw_digits, model):
    (answers,) = classify_rows([raw_digits.head(0)], model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert len(answers) == 0


def test_each_row_has_an_answer_and_is_unsure_below_the_threshold(raw_digits, model):
    table = raw_digits.drop(columns="label")

    (answers,) = classify_rows([table], model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert list(answers.index) == list(table.index)
    probabilities = answers.filter(like="probability_")
    np.testing.assert_array_equal(answers["confidence"], probabilities.max(axis=1))
    np.testing.assert_array_equal(answers["prediction"], probabilities.to_numpy().argmax(axis=1))
    np.testing.assert_array_equal(answers["unsure"], answers["confidence"] < 0.9)
    assert 0 < answers["unsure"].sum() < len(answers) / 2
    assert (answers["prediction"] == raw_digits["label"]).mean() > 0.95


def test_the_answer_to_a_row_does_not_hang_on_its_neighbours(raw_digits, model):
    whole = answer_rows(raw_digits, model, ANSWERS)

    parts = pd.concat(classify_rows([raw_digits[:33], raw_digits[33:33], raw_digits[33:]], model, RECEIPT, ANSWERS))

    pd.testing.assert_frame_equal(parts[whole.columns], whole)
    (one_table,) = classify_rows(raw_digits, model, RECEIPT, ANSWERS)  # a CSV file is read whole
    pd.testing.assert_frame_equal(one_table, parts)
    assert set(parts["model_version"]) == {"0123456789ab"}
    assert set(parts["model_receipt"]) == {RECEIPT["sha256"]}


def test_tables_are_answered_when_they_are_asked_for(raw_digits, model):
    asked = []
    tables = (asked.append(start) or raw_digits[start : start + 10] for start in range(0, 50, 10))

    answers = classify_rows(tables, model, RECEIPT, ANSWERS)

    assert asked == []
    next(answers)
    assert asked == [0]


@pytest.mark.parametrize("names", [["in_words", "a/b"], [300, -7]])
def test_the_answers_are_in_the_classes_of_the_model_whatever_they_are(raw_digits, features_of_base, names):
    label = raw_digits["label"].map(lambda digit: names[digit % 2])
    model = _fitted(raw_digits, label, features_of_base)

    (answers,) = classify_rows(raw_digits, model, RECEIPT, ANSWERS)

    PREDICTIONS.validate(answers)
    assert set(answers["prediction"]) == set(names)
    assert {f"probability_{name}" for name in names} < set(answers)
    assert (answers["prediction"] == label).mean() > 0.95
