import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import ask


@pytest.fixture(scope="module")
def rows():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    return pd.DataFrame(values, pd.Index([f"row-{row}" for row in range(50)], name="digit_id"), list("abc"))


@pytest.fixture(scope="module")
def model(rows):
    return KNeighborsClassifier(7).fit(rows, np.where(rows["a"] > 0, 3, 8).astype(np.int8))


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
    assert answers["prediction"].dtype == np.int8
