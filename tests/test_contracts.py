import numpy as np
import pandas as pd
import pytest
from kedro.validation import DataValidationError
from pandera.errors import SchemaError

from penstroke import contracts

from .seam import RAW_ROWS, contract, identifiers, rows_with_split


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["iris setosa", "a/b"], ["iris setosa", "a/b"]),
        (["no", "yes"], ["no", "yes"]),
        ([300, -70_000], [300, -70_000]),
        (["3", "4"], [3, 4]),
        ([3.0, 4.0], [3, 4]),
        (["007", "4"], ["007", "4"]),
        (["3", "four"], ["3", "four"]),
    ],
)
def test_labels_are_text_or_whole_numbers_of_any_size_in_any_number_of_classes(given, kept):
    table = contract("RAW_ROWS").validate(RAW_ROWS.assign(label=given * 100))

    assert table["label"].tolist() == kept * 100
    assert table["label"].dtype == ("str" if isinstance(kept[0], str) else np.int64)
    rows = rows_with_split(False, table)
    contract("ACCEPTED_ROWS").validate(rows)
    contract("ROWS").validate(rows)
    contracts.LABELS.validate(table[["label"]].assign(split="train"))


def test_labels_of_both_kinds_are_text():
    label = contract("RAW_ROWS").validate(RAW_ROWS.assign(label=[3, "three"] * 100))["label"]

    assert label.tolist() == ["3", "three"] * 100


@pytest.mark.parametrize(
    ("values", "message"),
    [([[1.0, np.nan]], "1 values are not"), ([[1.0, np.inf]], "finite")],
)
def test_features_must_be_finite(values, message):
    features = pd.DataFrame(np.float32(values), identifiers(["a"]), ["x", "y"])

    with pytest.raises(SchemaError, match=message):
        contracts.FEATURES.validate(features)


def test_features_must_be_float32():
    features = pd.DataFrame({"x": [1.0]}, identifiers(["a"]))

    with pytest.raises(SchemaError, match="x is float64"):
        contracts.FEATURES.validate(features)


def test_the_probabilities_of_an_answer_must_sum_to_one():
    answers = pd.DataFrame(
        {
            "label": [1],
            "prediction": [1],
            "confidence": [0.9],
            "probability_0": [0.1],
            "probability_1": [0.9],
        },
        identifiers(["a"]),
    )
    contracts.TEST_PREDICTIONS.validate(answers)

    with pytest.raises(SchemaError, match="sum to 1"):
        contracts.TEST_PREDICTIONS.validate(answers.assign(probability_0=0.2))
    with pytest.raises(SchemaError, match="0 or more"):
        contracts.TEST_PREDICTIONS.validate(answers.assign(probability_0=-0.1, probability_1=1.1))
    with pytest.raises(SchemaError, match="each class"):
        contracts.TEST_PREDICTIONS.validate(answers.drop(columns=["probability_0", "probability_1"]))


def test_answers_may_be_of_classes_of_text():
    answers = pd.DataFrame(
        {
            "label": ["a/b"],
            "prediction": ["no"],
            "confidence": [0.9],
            "probability_a/b": [0.1],
            "probability_no": [0.9],
        },
        identifiers(["a"]),
    )

    contracts.TEST_PREDICTIONS.validate(answers)
    with pytest.raises(SchemaError, match="prediction|must be whole numbers, or texts"):
        contracts.TEST_PREDICTIONS.validate(answers.assign(prediction=0.5))


def test_the_oddest_rows_have_an_answer_and_a_column_each():
    oddest = pd.DataFrame(
        {"prediction": ["a/b"], "confidence": [0.9], "column": ["width"], "value": np.float32([0.1])},
        identifiers(["a"]),
    )

    contract("ODDEST_ROWS").validate(oddest)
    contract("ODDEST_ROWS").validate(oddest.assign(prediction=3))
    with pytest.raises(SchemaError, match="confidence"):
        contract("ODDEST_ROWS").validate(oddest.assign(confidence=1.5))


def test_a_table_without_rows_breaks_no_contract_of_what_is_to_be_answered():
    assert len(contract("INCOMING_ROWS").validate(RAW_ROWS.head(0))) == 0


def test_a_raw_table_has_rows_and_every_row_that_can_be_used_has_a_split():
    with pytest.raises(SchemaError, match="the table has no rows"):
        contract("RAW_ROWS").validate(RAW_ROWS.head(0))
    with pytest.raises(SchemaError, match="split"):
        contract("ROWS").validate(rows_with_split(False).drop(columns="split"))


@pytest.fixture
def profile():
    index = identifiers(["a", "b"])
    table = pd.DataFrame({"width": np.float32([0, 1]), "confidence": [0.5, np.nan]}, index)
    return table.assign(prediction=pd.array([3, None], "Int64"), right=pd.array([True, None], "boolean"))


def test_a_profile_is_held_against_its_contract_when_it_is_saved(profile):
    contracts.REFERENCE_PROFILES.validate({"0123456789ab": profile})

    for spoilt in (profile.head(0), profile.astype({"width": float}), profile.drop(columns="right")):
        with pytest.raises(DataValidationError) as refusal:
            contracts.REFERENCE_PROFILES.validate({"0123456789ab": spoilt})
        assert refusal.value.dataset_name == "reference_profiles"


def test_profiles_that_are_not_read_are_not_checked_and_the_others_are_when_they_are(profile):
    parts = contracts.REFERENCE_PROFILES.validate({"good": lambda: profile, "bad": lambda: profile.head(0)})

    pd.testing.assert_frame_equal(parts["good"](), profile)
    with pytest.raises(DataValidationError):
        parts["bad"]()


def test_a_profile_may_be_of_classes_of_text(profile):
    contracts.REFERENCE_PROFILES.validate({"0123456789ab": profile.assign(prediction=["a/b", None])})
