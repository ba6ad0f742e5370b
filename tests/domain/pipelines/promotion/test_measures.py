"""The champion's measures on digits: perturbations, sizes of images, files of earlier versions."""

from copy import deepcopy

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from penstroke.domain import Perturbations
from penstroke.domain.layout import pixel_names
from penstroke.domain.pixels import to_images, to_table
from penstroke.pipelines.promotion.measures import compare_models, score_champion, stress_champion
from penstroke.scoring import Scoring

from ....conftest import base_parameters
from ....pipelines.promotion.test_measures import Answers, wrong_about
from ....seam import FEATURES, FORM, fit, rows_with_split

SCORING = Scoring.model_validate(base_parameters("reporting")["scoring"])
PERTURBATIONS = Perturbations.model_validate(base_parameters("domain")["perturbations"])


@pytest.fixture(scope="module")
def digits():
    """200 digits, the last 80 of them test rows."""
    return rows_with_split(np.arange(200) >= 120)


@pytest.fixture(scope="module")
def champion(digits):
    return _fitted(digits)


def _fitted(digits, features=FEATURES):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return fit(model, digits[digits["split"] == "train"], features=features)


def test_perturbations_that_change_nothing_cost_nothing(digits, champion):
    none = {"shift": 0.0, "rotation_degrees": 0.0, "noise": 0.0, "thickening": 0.0, "contrast": 0.0}

    scores = stress_champion(champion, digits, SCORING, PERTURBATIONS.model_copy(update=none))

    clean = score_champion(champion, digits, SCORING)
    assert {value for name, value in scores.items() if name.startswith("accuracy")} == {clean["accuracy"]}
    assert scores["log_loss"] == pytest.approx(clean["log_loss"])
    assert scores["rows"] == 80


@pytest.mark.parametrize(
    "change",
    [{"shift": 0.4}, {"rotation_degrees": 45.0}, {"noise": 0.6}, {"thickening": 0.3}, {"contrast": 0.99}],
    ids=lambda change: next(iter(change)),
)
def test_each_perturbation_is_scored_by_its_name(digits, champion, change):
    (name,) = change
    usual, hard = (
        stress_champion(champion, digits, SCORING, perturbations)
        for perturbations in (PERTURBATIONS, PERTURBATIONS.model_copy(update=change))
    )

    name = f"accuracy_{name.removesuffix('_degrees')}"
    assert hard[name] < usual[name] - 0.2
    assert {key for key in usual if key.startswith("accuracy") and usual[key] != hard[key]} == {name}
    assert hard["log_loss"] > usual["log_loss"]


def test_production_of_other_features_is_compared_by_its_own(digits, champion):
    others = FEATURES.model_copy(update={"grid": 3, "deskew": 0.0})
    former = _fitted(digits, others)

    found = compare_models(champion, former, digits, SCORING)

    assert (found["rows"], found["fault"]) == (80, "")
    scores = [score_champion(model, digits, SCORING) for model in (champion, former)]
    assert found["only_champion"] - found["only_production"] == scores[1]["errors"] - scores[0]["errors"]


def test_production_that_takes_images_of_another_size_is_not_compared(digits, champion):
    former = deepcopy(champion)
    former.form_ = FORM.model_copy(update={"columns": pixel_names(28, 28)}).model_dump()

    found = compare_models(champion, former, digits, SCORING)

    assert found["rows"] == 0
    assert found["fault"].startswith(
        "production cannot answer these rows: the model takes rows of 28 x 28 pixels (pixel_0_0 to pixel_27_27), "
        "found 8 x 8 pixels"
    )


def test_a_champion_is_not_scored_on_images_of_another_size(digits, champion):
    larger = to_table(to_images(digits).repeat(2, 1).repeat(2, 2)).set_axis(digits.index)

    with pytest.raises(ValueError, match="takes rows of 8 x 8 pixels .*, found 16 x 16 pixels"):
        score_champion(champion, digits[["label", "split"]].join(larger), SCORING)


def test_a_model_of_before_says_under_another_name_what_taught_it(digits, monkeypatch):
    monkeypatch.setattr("penstroke.pipelines.promotion.measures.fingerprint", lambda model: "")
    test = digits.index[digits["split"] == "test"]
    champion = Answers(wrong_about(digits, 5), learned=test[:2])
    former = Answers(digits["label"])
    del former.row_ids_
    former.digit_ids_ = test[1:4].to_numpy(str)
    former.form_ = FORM.model_dump(exclude={"paper"}) | {"classes": list(range(10))}

    found = compare_models(champion, former, digits, SCORING)

    assert (found["rows"], found["only_production"], found["fault"]) == (76, 1, "")
