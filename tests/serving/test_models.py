"""The service in this process, with models of other classes than those of the rows."""

import asyncio
import dataclasses

import numpy as np
import pandas as pd
import pytest

from penstroke import domain
from penstroke.answers import answer_rows
from penstroke.contracts import PREDICTIONS
from penstroke.models import Answers, Costs, view_of
from penstroke.serving.model_store import HAS_ARRAYS, ServedModel
from penstroke.serving.storage import Answered
from penstroke.serving.tables import tables_of

from ..conftest import base_parameters
from ..domain.rows import as_json
from ..seam import CLASSES, FORM, RAW_ROWS, contract
from .conftest import called_in_process, fit_model

ROWS = RAW_ROWS.drop(columns="label").head(20)
NAMES = ["benign", "malignant"]


def _served(model, sha256):
    answers = Answers.model_validate(base_parameters("inference")["answers"])
    return ServedModel(model, view_of(model), answers, None, sha256, None, None)


def _as_sent(rows):
    """The rows as the service takes them: as an array, if the domain can do without tables."""
    return rows[FORM.columns].to_numpy() if HAS_ARRAYS else rows[FORM.columns]


@pytest.fixture(scope="module")
def model():
    return _served(fit_model(3), "1" * 64)


@pytest.fixture(scope="module")
def text_model():
    """A model of two classes that are called by words."""
    return _served(fit_model(5, lambda label: NAMES[label != CLASSES[0]]), "2" * 64)


@pytest.fixture
def asked(model, tmp_path):
    with called_in_process(model, tmp_path) as found:
        yield found


@pytest.mark.parametrize("keep", [True, False])
def test_rows_are_kept_only_where_that_is_wanted(model, tmp_path, keep):
    with called_in_process(model, tmp_path, keep=keep) as (service, call):
        assert call("POST", "/v1/predictions", json=as_json(ROWS)).status_code == 200
        service.log.flush()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "p"][: 2 * keep]


def test_a_request_keeps_the_model_that_it_began_with(asked, model, text_model):
    """Requests before and after a promotion wait together; each is answered by its own model."""
    service, _ = asked
    rows = ROWS.head(4)

    async def wait():
        return await asyncio.gather(
            *(service.answer(["a", "b", "c", "d"], _as_sent(rows), each) for each in (model, text_model) * 3)
        )

    found = asyncio.run(wait())

    assert [probabilities.shape for probabilities in found] == [(4, len(CLASSES)), (4, 2)] * 3
    for probabilities, each in zip(found, (model, text_model) * 3, strict=True):
        expected = answer_rows(rows, each.model, each.answers).filter(regex="^probability_")
        np.testing.assert_array_equal(probabilities, expected)


def test_a_model_of_text_labels_is_served_as_any_other(asked, text_model):
    service, call = asked
    service.model = text_model
    expected = answer_rows(ROWS, text_model.model, text_model.answers)

    found = call("POST", "/v1/predictions", json=as_json(ROWS)).json()["predictions"]

    assert [answer["prediction"] for answer in found] == expected["prediction"].tolist()
    assert {answer["prediction"] for answer in found} == set(NAMES)
    assert [answer["confidence"] for answer in found] == expected["confidence"].tolist()
    assert found[0]["probabilities"] == {name: expected[f"probability_{name}"].iloc[0] for name in NAMES}
    assert call("GET", "/v1/model").json()["classes"] == NAMES
    assert 'penstroke_answers_total{prediction="malignant"}' in call("GET", "/metrics").text


@pytest.mark.parametrize("wrong", [1, 10**9])
def test_the_costs_of_errors_choose_which_answers_of_the_service_are_unsure(asked, model, wrong):
    limit = 1 - 1 / wrong
    service, call = asked
    answers = model.answers.model_copy(update={"costs": Costs(wrong=wrong, look=1)})
    service.model = dataclasses.replace(model, answers=answers)

    found = call("POST", "/v1/predictions", json=as_json(ROWS)).json()["predictions"]
    probabilities = np.array([list(answer["probabilities"].values()) for answer in found])
    _, kept = tables_of(Answered(list(ROWS.index), _as_sent(ROWS), probabilities, service.model))

    unsure = [answer["confidence"] < limit for answer in found]
    assert any(unsure) == (wrong > 1)
    assert [answer["unsure"] for answer in found] == unsure == kept.to_pandas()["unsure"].tolist()
    assert call("GET", "/v1/model").json()["sure_from"] == limit


def test_a_row_that_the_domain_rejects_is_refused_alone_and_among_others(asked, monkeypatch):
    name = "accept_values" if HAS_ARRAYS else "accept"
    usual = getattr(domain, name)

    def reject_the_third(rows, form):
        accepted, _ = usual(rows, form)
        return accepted, np.where(np.arange(len(accepted)) == 2, "odd: it is the third", "")

    monkeypatch.setattr(domain, name, reject_the_third)
    response = asked[1]("POST", "/v1/predictions", json=as_json(ROWS))

    (field,) = as_json(ROWS)
    assert response.status_code == 422
    assert response.json() == {"detail": f"{field}.2: odd: it is the third"}


def test_what_a_model_of_text_labels_answered_is_kept_as_the_contracts_ask(asked, text_model):
    service, _ = asked
    rows = ROWS.head(6)

    probabilities = asyncio.run(service.answer(list(rows.index), _as_sent(rows), text_model))

    kept, answers = (
        table.to_pandas() for table in tables_of(Answered(list(rows.index), _as_sent(rows), probabilities, text_model))
    )
    pd.testing.assert_frame_equal(contract("SERVED_ROWS").validate(kept), rows[FORM.columns])
    assert set(PREDICTIONS.validate(answers)["prediction"]) <= set(NAMES)
