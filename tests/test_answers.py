from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke import answers
from penstroke.answers import answer_rows, ask, look_at
from penstroke.domain import accept, extract_features
from penstroke.models import Answers, Costs, trained_on, version_of, view_of

from .seam import FEATURES, FORM, RAW_ROWS, fit, identifiers, rows_with_split

ANSWERS = Answers(sure_from=0.9, chunk_rows=7)


@pytest.fixture(scope="module")
def rows():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    return pd.DataFrame(values, identifiers(f"row-{row}" for row in range(50)), list("abc"))


@pytest.fixture(scope="module")
def model(rows):
    return KNeighborsClassifier(7).fit(rows, np.where(rows["a"] > 0, 3, 8))


def test_the_answer_is_the_likeliest_class_and_its_probability(rows, model):
    answers = ask(model, rows, chunk_rows=50)

    assert list(answers) == ["prediction", "confidence", "probability_3", "probability_8"]
    np.testing.assert_array_equal(answers["prediction"], model.predict(rows))
    np.testing.assert_array_equal(answers["confidence"], answers[["probability_3", "probability_8"]].max(axis=1))
    assert list(answers.index) == list(rows.index)


@pytest.mark.parametrize("chunk_rows", [1, 7, 49, 50, 1000])
def test_how_many_are_asked_about_at_once_makes_no_difference(rows, model, chunk_rows):
    pd.testing.assert_frame_equal(ask(model, rows, chunk_rows), ask(model, rows, 50))


def test_no_rows_have_no_answers(rows, model):
    answers = ask(model, rows.head(0), chunk_rows=10)

    assert answers.shape == (0, 4)
    assert answers["prediction"].dtype == np.int64


@pytest.mark.parametrize("names", [["no", "yes"], [-300, 70_000]])
def test_predictions_of_no_rows_have_the_type_of_the_classes(rows, names):
    model = KNeighborsClassifier(7).fit(rows, pd.Series(names)[(rows["a"] > 0).astype(int)])

    none, some = (ask(model, table, chunk_rows=10)["prediction"] for table in (rows.head(0), rows))

    assert none.dtype == some.dtype


@pytest.mark.parametrize("names", [["no", "yes, it is"], ["0", "007"], [-300, 70_000]])
def test_classes_may_be_any_text_or_whole_numbers(rows, names):
    model = KNeighborsClassifier(7).fit(rows, np.where(rows["a"] > 0, names[1], names[0]))

    answers = ask(model, rows, chunk_rows=10)

    assert list(answers)[2:] == [f"probability_{name}" for name in names]
    assert set(answers["prediction"]) == set(names)
    assert answers["prediction"].dtype == (np.int64 if isinstance(names[0], int) else "str")


@pytest.fixture(scope="module")
def reader():
    """A model that says how it sees rows."""
    return fit(KNeighborsClassifier(5), rows_with_split(False))


def test_a_model_sees_rows_as_it_was_trained_to_and_one_that_does_not_say_so_is_refused(reader):
    other = deepcopy(reader)
    other.feature_names_in_ = reader.feature_names_in_[::-1]
    with pytest.raises(ValueError, match="feature names"):
        answer_rows(RAW_ROWS, other, ANSWERS)

    del other.features_
    with pytest.raises(ValueError, match="does not say which features it sees: .* `kedro run`"):
        answer_rows(RAW_ROWS, other, ANSWERS)

    del other.form_
    with pytest.raises(ValueError, match="does not say in what form it takes rows: .* `kedro run`"):
        answer_rows(RAW_ROWS, other, ANSWERS)


def test_the_view_of_a_model_is_what_its_file_says(reader):
    assert view_of(reader) == (FORM, FEATURES)
    accepted, _ = accept(RAW_ROWS, FORM)
    pd.testing.assert_frame_equal(look_at(accepted, reader), extract_features(accepted, FEATURES))


def test_a_row_that_would_not_be_accepted_is_unsure_whatever_the_model_says(reader, monkeypatch):
    monkeypatch.setattr(answers, "accept", lambda rows, form: (accept(rows, form)[0], np.array(["", "odd", "odd", ""])))
    certain = ANSWERS.model_copy(update={"sure_from": 0.0})

    assert answer_rows(RAW_ROWS.head(4), reader, certain)["unsure"].tolist() == [False, True, True, False]


def test_a_model_that_does_not_say_which_rows_taught_it_is_possible(reader):
    silent = deepcopy(reader)
    del silent.row_ids_

    assert list(trained_on(reader)) == list(RAW_ROWS.index)
    assert trained_on(silent) is None


@pytest.mark.parametrize(("wrong", "look"), [(20, 1), (3, 1), (1, 1), (1, 2), (5, 0)])
def test_an_answer_is_unsure_where_its_risk_costs_more_than_a_look(reader, wrong, look):
    rows = RAW_ROWS[FORM.columns]
    priced = ANSWERS.model_copy(update={"costs": Costs(wrong=wrong, look=look)})

    answered = answer_rows(rows, reader, priced)

    np.testing.assert_array_equal(answered["unsure"], (1 - answered["confidence"]) * wrong > look)
    pd.testing.assert_frame_equal(
        answered.drop(columns="unsure"), answer_rows(rows, reader, ANSWERS).drop(columns="unsure")
    )


def test_a_version_is_short():
    assert version_of("0123456789abcdef" * 4) == "0123456789ab"  # pragma: allowlist secret
