from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import answer_rows, ask, look_at
from penstroke.domain import accept, extract_features
from penstroke.domain.layout import pixel_columns
from penstroke.domain.pixels import to_images, to_table
from penstroke.models import Answers, Costs, trained_on, version_of, view_of

from .domain.rows import FORM

ANSWERS = Answers(sure_from=0.9, chunk_rows=7)


@pytest.fixture(scope="module")
def rows():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    return pd.DataFrame(values, pd.Index([f"row-{row}" for row in range(50)], name="digit_id"), list("abc"))


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
def reader(raw_digits, features_of_base):
    """A model of digits that says how it sees them."""
    seen = extract_features(accept(raw_digits, FORM)[0], features_of_base)
    fitted = KNeighborsClassifier(5).fit(seen, raw_digits["label"])
    fitted.features_, fitted.form_ = features_of_base.model_dump(), FORM.model_dump()
    return fitted


def test_a_model_sees_rows_as_it_was_trained_to_and_one_that_does_not_say_so_is_refused(raw_digits, reader):
    other = deepcopy(reader)
    other.features_ = reader.features_ | {"grid": 3}
    with pytest.raises(ValueError, match="feature names"):
        answer_rows(raw_digits, other, ANSWERS)

    del other.features_
    with pytest.raises(ValueError, match="does not say which features it sees: .* `kedro run`"):
        answer_rows(raw_digits, other, ANSWERS)

    del other.form_
    with pytest.raises(ValueError, match="does not say in what form it takes rows: .* `kedro run`"):
        answer_rows(raw_digits, other, ANSWERS)


def test_the_view_of_a_model_is_what_its_file_says(raw_digits, reader, features_of_base):
    assert view_of(reader) == (FORM, features_of_base)
    accepted, _ = accept(raw_digits, FORM)
    pd.testing.assert_frame_equal(look_at(accepted, reader), extract_features(accepted, features_of_base))


def test_rows_of_another_size_are_refused_whichever_is_larger(raw_digits, reader):
    small, large = (to_table(to_images(raw_digits).repeat(3, 1).repeat(3, 2)[:, :side, :side]) for side in (7, 24))

    for rows, found in ((small, "7 x 7 pixels"), (large, "24 x 24 pixels")):
        with pytest.raises(ValueError, match=rf"takes rows of 8 x 8 pixels \(pixel_0_0 to pixel_7_7\), found {found}"):
            answer_rows(rows, reader, ANSWERS)


def test_a_row_that_would_not_be_accepted_is_unsure_whatever_the_model_says(raw_digits, reader):
    rows = raw_digits[pixel_columns(raw_digits)].head(4).copy()
    rows.iloc[1], rows.iloc[2] = 0, 16 - rows.iloc[2].astype(int)
    certain = ANSWERS.model_copy(update={"sure_from": 0.0})

    answered = answer_rows(rows, reader, certain)

    assert answered["unsure"].tolist() == [False, True, True, False]


@pytest.mark.parametrize(("wrong", "look"), [(20, 1), (3, 1), (1, 1), (1, 2), (5, 0)])
def test_an_answer_is_unsure_where_its_risk_costs_more_than_a_look(raw_digits, reader, wrong, look):
    rows = raw_digits[pixel_columns(raw_digits)]
    priced = ANSWERS.model_copy(update={"costs": Costs(wrong=wrong, look=look)})

    answered = answer_rows(rows, reader, priced)

    np.testing.assert_array_equal(answered["unsure"], (1 - answered["confidence"]) * wrong > look)
    pd.testing.assert_frame_equal(
        answered.drop(columns="unsure"), answer_rows(rows, reader, ANSWERS).drop(columns="unsure")
    )


def test_a_table_of_another_scale_is_refused(raw_digits, reader):
    pixels = pixel_columns(raw_digits)

    for factor, found in ((2, 32), (255 / 16, 255), (1 / 4, 4), (1 / 16, 1), (-1, -16)):
        other = (raw_digits[pixels].astype(float) * factor).round().astype(np.int16)
        with pytest.raises(
            ValueError, match=rf"takes pixels from 0 \(paper\) to 16 \(ink\), .*found (is )?{found}[; ]"
        ):
            answer_rows(other, reader, ANSWERS)


def test_a_model_of_before_answers_as_it_did(raw_digits, reader):
    """Its form says its classes, and not how dark the paper of its training rows was."""
    before = deepcopy(reader)
    before.form_ = FORM.model_dump(exclude={"paper"}) | {"classes": list(range(10))}

    pd.testing.assert_frame_equal(answer_rows(raw_digits, before, ANSWERS), answer_rows(raw_digits, reader, ANSWERS))


def test_the_rows_that_taught_a_model_are_read_from_files_of_before_too(reader):
    for name in ("row_ids_", "digit_ids_"):
        model = deepcopy(reader)
        setattr(model, name, np.array(["a", "b"]))
        assert list(trained_on(model)) == ["a", "b"]
    assert trained_on(reader) is None


def test_a_version_is_short():
    assert version_of("0123456789abcdef" * 4) == "0123456789ab"  # pragma: allowlist secret
