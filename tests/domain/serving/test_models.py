"""The service in this process, with models of other sizes and classes than those of the shipped digits."""

import asyncio

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import answer_rows, look_at
from penstroke.domain import Cleaning, Reading, accept, measure_form
from penstroke.domain.pixels import to_images, to_table
from penstroke.models import Answers, view_of
from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.serving.model_store import ServedModel

from ...conftest import base_parameters
from ...serving.conftest import called_in_process
from ..rows import drawn

DIGIT_ID = f"{1:032x}.png"


@pytest.fixture(scope="module")
def make(raw_digits, features_of_base):
    """Make a model of some classes, of images that are so many times larger; its labels may have other names."""
    answers = Answers.model_validate(base_parameters("inference")["answers"])
    reading = Reading.model_validate(base_parameters("domain")["drawings"])

    def make(classes, times=1, name=int):
        known = raw_digits[raw_digits["label"].isin(classes)]
        rows = to_table(to_images(known).repeat(times, 1).repeat(times, 2)).set_axis(known.index)
        model = AugmentedClassifier(KNeighborsClassifier(3))
        model.features_ = features_of_base.model_copy(update={"enlarge": 3 // times}).model_dump()
        form = measure_form(rows, Cleaning(full_ink=16))
        model.form_ = form.model_dump()
        model.fit(look_at(accept(rows, form)[0], model), known["label"].map(name))
        return ServedModel(model, view_of(model), answers, reading, f"{times}" * 64, None, None)

    return make


@pytest.fixture
def asked(make, tmp_path):
    with called_in_process(make(range(8)), tmp_path) as found:
        yield found


@pytest.fixture
def service(asked):
    return asked[0]


@pytest.fixture
def call(asked):
    """Send a request to the application."""
    return asked[1]


def _feedback(call, label):
    return call(
        "POST", "/v1/feedback", files={"image": ("a", drawn())}, data={"label": str(label), "digit_id": DIGIT_ID}
    )


def test_feedback_names_a_class_that_the_model_holds(call, service, make, tmp_path):
    refused = _feedback(call, 9)

    assert refused.status_code == 422
    assert refused.json()["detail"] == "label: must be one of 0, 1, 2, 3, 4, 5, 6, 7, found 9"
    assert list(tmp_path.iterdir()) == []
    assert _feedback(call, 7).json() == {"stored": f"7_{DIGIT_ID}"}
    service.model = make(range(10))
    assert _feedback(call, 9).json() == {"stored": f"9_{DIGIT_ID}"}


def test_the_labels_that_are_offered_are_the_classes_of_the_model_that_serves(call, service, make):
    def offered():
        body = call("GET", "/openapi.json").json()["paths"]["/v1/feedback"]["post"]["requestBody"]
        return body["content"]["multipart/form-data"]["schema"]["properties"]["label"]["enum"]

    assert offered() == call("GET", "/v1/model").json()["classes"] == list(range(8))
    service.model = make(range(2, 10))
    assert offered() == call("GET", "/v1/model").json()["classes"] == list(range(2, 10))


def test_a_model_of_another_size_takes_over_with_its_own_frame(call, service, make, raw_digits):
    service.model = make(range(10), times=3)
    images = to_images(raw_digits.head(20)).repeat(3, 1).repeat(3, 2)

    told = call("GET", "/v1/model").json()
    found = call("POST", "/v1/predictions", json={"images": images.tolist()}).json()["predictions"]
    drawing = call("POST", "/v1/predictions", content=drawn(), headers={"Content-Type": "image/png"}).json()

    assert (told["rows"], told["columns"], told["full_ink"]) == (24, 24, 16)
    assert np.mean([answer["prediction"] for answer in found] == raw_digits["label"].head(20)) >= 0.9
    assert "seen" not in found[0]
    assert np.shape(drawing["predictions"][0]["seen"]) == (24, 24)
    assert drawing["predictions"][0]["prediction"] == 1


def test_a_request_keeps_the_model_that_it_began_with(service, make, raw_digits):
    """Requests before and after a promotion wait together; each is answered by its own model."""
    former, new = service.model, make(range(10), times=3)
    images = to_images(raw_digits.head(4))
    small, large = to_table(images), to_table(images.repeat(3, 1).repeat(3, 2))

    async def wait():
        return await asyncio.gather(
            *(
                service.answer(["a", "b", "c", "d"], rows.to_numpy(), model)
                for rows, model in ((small, former), (large, new)) * 3
            )
        )

    found = asyncio.run(wait())

    assert [probabilities.shape for probabilities in found] == [(4, 8), (4, 10)] * 3
    for probabilities, rows, model in zip(found, (small, large) * 3, (former, new) * 3, strict=True):
        expected = answer_rows(rows, model.model, model.answers).filter(regex="^probability_")
        np.testing.assert_array_equal(probabilities, expected)


@pytest.mark.parametrize("factor", [1 / 16, 255 / 16])
def test_numbers_of_another_scale_are_refused_and_not_answered(call, raw_digits, factor):
    image = (to_images(raw_digits.head(1)) * factor).round().astype(int)

    response = call("POST", "/v1/predictions", json={"images": image.tolist()})

    assert response.status_code == 422
    assert response.json()["detail"].startswith("the model takes pixels from 0 (paper) to 16 (ink), ")
    assert f"found is {image.max()} in row 0;" in response.json()["detail"]


def test_an_image_whose_ink_and_paper_are_exchanged_is_refused_alone_and_among_others(call, raw_digits):
    images = to_images(raw_digits.head(5))
    odd = images.copy()
    odd[2] = 16 - odd[2]

    among_others, alone, batch = (
        call("POST", "/v1/predictions", json={"images": sent.tolist()}) for sent in (odd, odd[2:3], 16 - images)
    )

    assert [response.status_code for response in (among_others, alone, batch)] == [422] * 3
    assert among_others.json() == {"detail": "images.2: inverted: its paper is as dark as ink"}
    assert alone.json() == batch.json() == {"detail": "images.0: inverted: its paper is as dark as ink"}


@pytest.fixture
def text_model(service, make):
    """The model that serves has two classes that are called by words."""
    service.model = make([0, 1], name={0: "benign", 1: "malignant"}.__getitem__)
    return service.model


def test_the_text_labels_of_a_model_are_offered_for_feedback(call, text_model):
    described = call("GET", "/openapi.json").json()["paths"]["/v1/feedback"]["post"]["requestBody"]

    form = described["content"]["multipart/form-data"]["schema"]["properties"]
    assert form["label"]["enum"] == ["benign", "malignant"]


def test_feedback_names_a_text_label_as_it_is_called(call, text_model, tmp_path):
    assert _feedback(call, "malignant").json() == {"stored": f"malignant_{DIGIT_ID}"}
    for unknown in ("Malignant", "1", "malignant.0.0", ""):
        refused = _feedback(call, unknown)
        assert (refused.status_code, refused.json()["detail"].partition(", found")[0]) == (
            422,
            "label: must be one of benign, malignant",
        )
    assert [path.name for path in tmp_path.iterdir()] == [f"malignant_{DIGIT_ID}"]
