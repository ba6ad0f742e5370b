"""The service in this process, with models of other sizes and classes than those of the shipped digits."""

import asyncio
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import features_of, look_at
from penstroke.form import form_of_rows
from penstroke.pipelines.data_science.estimators import AugmentedClassifier
from penstroke.pipelines.inference.parameters import Answers, Drawings, frame_of
from penstroke.pixels import to_images, to_table
from penstroke.serving.app import Service, build_app
from penstroke.serving.parameters import Serving
from penstroke.serving.production import Choices, Production

from ..conftest import base_parameters
from .conftest import drawn

DIGIT_ID = f"{1:032x}.png"


@pytest.fixture(scope="module")
def make(raw_digits, features_of_base):
    """Make a model of some classes, of images that are so many times larger."""
    parameters = base_parameters("inference")
    choices = Choices(Drawings.model_validate(parameters["drawings"]), Answers.model_validate(parameters["answers"]))

    def make(classes, times=1):
        known = raw_digits[raw_digits["label"].isin(classes)]
        rows = to_table(to_images(known).repeat(times, 1).repeat(times, 2)).set_axis(known.index)
        model = AugmentedClassifier(KNeighborsClassifier(3))
        model.features_ = features_of_base.model_copy(update={"enlarge": 3 // times}).model_dump()
        form = form_of_rows(rows.assign(label=known["label"]), 16)
        model.form_ = form.model_dump()
        model.fit(look_at(form.scale(rows), model), known["label"])
        frame = frame_of(form, choices.drawings)
        return Production(model, form, frame, features_of(model), choices, f"{times}" * 64, None, None)

    return make


@pytest.fixture
def service(make, tmp_path):
    shelf = SimpleNamespace(inbox=str(tmp_path), digits=str(tmp_path / "d"), predictions=str(tmp_path / "p"))
    choices = Serving.model_validate(base_parameters("serving")["serving"] | {"keep": False})
    service = Service(shelf, make(range(8)), choices)
    yield service
    service.desk.close()


@pytest.fixture
def call(service):
    """Send a request to the application."""
    app = build_app(service)

    def call(method, path, **options):
        async def send():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    return call


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


def test_a_request_keeps_the_model_that_it_was_framed_for(service, make, raw_digits):
    """Requests before and after a promotion wait together; each is answered by its own model."""
    former, new = service.model, make(range(10), times=3)
    small = to_images(raw_digits.head(4))
    large = small.repeat(3, 1).repeat(3, 2)

    async def wait():
        return await asyncio.gather(
            *(service.answer(["a"] * 4, images, model) for images, model in ((small, former), (large, new)) * 3)
        )

    answers = asyncio.run(wait())

    assert [answer.shape for answer in answers] == [(4, 8), (4, 10)] * 3
    np.testing.assert_array_equal(answers[0], former.answer(small))
    np.testing.assert_array_equal(answers[1], new.answer(large))


@pytest.mark.parametrize("factor", [1 / 16, 255 / 16])
def test_numbers_of_another_scale_are_refused_and_not_answered(call, raw_digits, factor):
    image = (to_images(raw_digits.head(1)) * factor).round().astype(int)

    response = call("POST", "/v1/predictions", json={"images": image.tolist()})

    assert response.status_code == 422
    assert response.json()["detail"].startswith("images.0: the model takes pixels from 0 (paper) to 16 (ink), ")
    assert f"found is {image.max()};" in response.json()["detail"]
