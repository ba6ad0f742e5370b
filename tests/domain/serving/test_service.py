"""The service that reads images, over HTTP, in a process of its own."""

import json
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

from penstroke.domain import Reading, read
from penstroke.domain.pixels import to_table

from ...conftest import base_parameters, copy_project
from ...serving.conftest import choose, fit_model, promote, running
from ..rows import FORM, drawn
from .conftest import numbers

PNG, JPEG, NUMBERS = ({"Content-Type": kind} for kind in ("image/png", "image/jpeg", "application/json"))


def ask(client, images):
    return client.post("/v1/predictions", json={"images": images})


@pytest.mark.parametrize(("kind", "headers"), [("PNG", PNG), ("JPEG", JPEG)])
def test_a_picture_is_framed_as_inference_frames_it(client, inference, kind, headers):
    content = drawn(kind=kind)

    (found,) = client.post("/v1/predictions", content=content, headers=headers).json()["predictions"]

    framed = read(content, FORM, Reading.model_validate(base_parameters("domain")["drawings"])).reshape(8, 8)
    assert found["seen"] == framed.tolist()
    assert found["confidence"] == inference(to_table(framed[None]))["confidence"].iloc[0]
    assert found["digit_id"].endswith(".png" if kind == "PNG" else ".jpg")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("stated", ["application/octet-stream", "image/png", "image/webp", "application/json", None])
def test_a_picture_is_told_by_its_content_whatever_type_is_stated(client, kind, stated):
    content = drawn(kind=kind)

    response = client.post("/v1/predictions", content=content, headers={"Content-Type": stated} if stated else {})

    (found,) = response.json()["predictions"]
    assert found["prediction"] == 1
    assert found["digit_id"].endswith(".png" if kind == "PNG" else ".jpg")


def test_whole_numbers_may_be_written_with_a_point(client):
    images = load_digits().images[:20]
    rows = b"[0, 16, 1.6e1, 0, 0, 0, 16.0, -0.0]," * 8

    floats, integers = ask(client, images.tolist()), ask(client, images.astype(int).tolist())
    mixed = client.post("/v1/predictions", content=b'{"images": [[%b]]}' % rows[:-1], headers=NUMBERS)

    assert isinstance(images.tolist()[0][0][0], float)
    assert [response.status_code for response in (floats, integers, mixed)] == [200] * 3
    found, expected = (
        [one["probabilities"] for one in response.json()["predictions"]] for response in (floats, integers)
    )
    assert found == expected


def test_the_document_of_the_api_calls_pixels_integers_which_in_json_schema_may_have_a_point(client):
    predict = client.get("/openapi.json").json()["paths"]["/v1/predictions"]["post"]
    pixel = predict["requestBody"]["content"]["application/json"]["schema"]["properties"]["images"]

    for _ in range(3):
        assert pixel["type"] == "array"
        pixel = pixel["items"]

    assert pixel == {"type": "integer", "minimum": 0, "maximum": 65535}


def test_several_pictures_of_a_form_are_answered_in_their_order(client):
    pictures = [drawn(), drawn([(40, 40), (160, 40), (80, 170)])]

    found = client.post("/v1/predictions", files=[("image", ("any", picture)) for picture in pictures]).json()

    alone = [client.post("/v1/predictions", content=picture, headers=PNG).json() for picture in pictures]
    assert [place["seen"] for place in found["predictions"]] == [one["predictions"][0]["seen"] for one in alone]
    assert found["predictions"][0]["seen"] != found["predictions"][1]["seen"]


def test_numbers_of_another_size_are_framed_like_a_drawing(client):
    image = np.zeros((40, 40), int)
    image[6:34, 18:22] = 16

    (found,) = ask(client, [image.tolist()]).json()["predictions"]

    assert found["prediction"] == 1
    assert np.array(found["seen"]).shape == (8, 8)


@pytest.mark.parametrize("full", [16, 255, 65535])
@pytest.mark.parametrize("paper", [0, 1])
def test_numbers_of_another_size_may_have_a_larger_scale_and_be_negatives(client, full, paper):
    image = np.zeros((28, 28), int)
    image[4:24, 12:15] = 1
    image[[10, 20], 20] = 1  # specks
    plain = ask(client, [(16 * image).tolist()]).json()["predictions"][0]

    (found,) = ask(client, [(full * np.abs(paper - image)).tolist()]).json()["predictions"]

    assert found["prediction"] == 1
    assert found["seen"] == plain["seen"]


def test_a_whole_batch_may_be_of_another_size(client):
    images = np.pad(np.array(numbers(1000)), ((0, 0), (10, 10), (10, 10))).tolist()

    response = ask(client, images)

    assert response.status_code == 200
    assert len(response.json()["predictions"]) == 1000


def test_what_never_fits_the_queue_is_refused_at_once(client):
    response = client.post("/v1/predictions", files=[("image", ("any", drawn()))] * 81)

    long = ask(client, np.ones((1000, 4, 400), int).tolist())

    for refused in (response, long):
        assert refused.status_code == 413
        assert "send fewer at once" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "told"),
    [
        (b'{"images": [[[1.5]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found 1.5"),
        (b'{"images": [[[1, 2.0, NaN]]]}', NUMBERS, 422, "images.0.0.2: Input should be a valid integer, found NaN"),
        (b'{"images": [[[1e400]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found Infinity"),
        (b'{"images": [[[true]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found true"),
        (b'{"images": [[["3"]]]}', NUMBERS, 422, 'images.0.0.0: Input should be a valid integer, found "3"'),
        (b'{"images": [[[65536]]]}', NUMBERS, 422, "images.0.0.0: .* less than or equal to 65535, found 65536"),
        (b'{"images": [[[-1]]]}', NUMBERS, 422, "images.0.0.0: .* greater than or equal to 0"),
        (b'{"images": [[[1, 2], [3]]]}', NUMBERS, 422, "images.0: its rows differ in length"),
        (json.dumps({"images": [[[0] * 8] * 8]}).encode(), NUMBERS, 422, "images.0: blank: all pixels are equal"),
        (json.dumps({"images": [[[0] * 9] * 9]}).encode(), NUMBERS, 422, "images.0: there is no ink"),
        (b'{"images": [[]]}', NUMBERS, 422, "images.0: it is empty"),
        (
            json.dumps({"images": [[[17] * 8] * 8]}).encode(),
            NUMBERS,
            422,
            r"^the model takes pixels from 0 \(paper\) to 16 \(ink\), but the darkest found is 17 in row 0;",
        ),
        (b'{"images": [[[1]]]}', NUMBERS, 422, "images.0: it has 1 x 1 pixels"),
        (json.dumps({"images": np.zeros((1, 40, 40), int).tolist()}).encode(), NUMBERS, 422, "there is no ink"),
        (b"x" * 10_000_001, PNG, 413, "a request may hold 10000000 bytes"),
        (b"x", PNG, 422, "image 0: it is no JPEG or PNG file"),
        (drawn()[:200], PNG, 422, "image 0: it is damaged"),
        (b"x", {"Content-Type": "text/plain"}, 415, "send application/json, image/png.*; found text/plain"),
        (b"RIFF....WEBPVP8 ", {"Content-Type": "image/webp"}, 415, "send .*image/png, image/jpeg.*; found image/webp"),
        (b"x", {}, 415, "send application/json, image/png.*; found no Content-Type"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "boundary"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=a"}, 400, ""),
    ],
)
def test_what_cannot_be_answered_is_told_in_one_line(client, content, headers, status, told):
    response = client.post("/v1/predictions", content=content, headers=headers)

    assert response.status_code == status, response.text
    assert re.search(told, response.json()["detail"])
    assert "\n" not in response.json()["detail"]


def send_feedback(client, label, digit_id, content=None):
    files = {"image": ("drawing", content or drawn())}
    return client.post("/v1/feedback", files=files, data={"label": label, "digit_id": digit_id})


def test_feedback_is_idempotent_and_the_last_label_counts(client, service):
    inbox, digit_id = service.project / "data/01_raw/inbox", f"{7:032x}.png"

    answers = [send_feedback(client, label, digit_id) for label in (3, 3, 4)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert [place.name for place in inbox.glob(f"*{digit_id}")] == [f"4_{digit_id}"]
    assert (inbox / f"4_{digit_id}").read_bytes() == drawn()


def test_a_label_may_be_written_with_a_point_as_a_pixel_may(client):
    assert send_feedback(client, "3.0", f"{8:032x}.png").json() == {"stored": f"3_{8:032x}.png"}
    assert send_feedback(client, "3.5", f"{8:032x}.png").status_code == 422


@pytest.mark.parametrize(
    ("label", "digit_id", "content", "told"),
    [
        (10, f"{1:032x}.png", None, "label: must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, found 10"),
        ("x", f"{1:032x}.png", None, "label: must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, found x"),
        (1, "../../x.png", None, "digit_id: String should match pattern"),
        (1, f"{1:032x}.png\n", None, "digit_id: String should match pattern"),
        (1, f"{1:032x}.jpg", None, "image: is no JPG file"),
        (1, f"{1:032x}.png", drawn()[:100], "image: it is damaged"),
    ],
)
def test_feedback_that_cannot_teach_is_refused(client, label, digit_id, content, told):
    response = send_feedback(client, label, digit_id, content)

    assert response.status_code == 422
    assert told in response.json()["detail"]


@pytest.mark.slow
def test_the_inbox_is_bounded(tmp_path):
    project = copy_project(tmp_path / "project")
    promote(project, fit_model(5))
    choose(project, inbox_files=2)
    with running(project) as service, service.client() as client:
        stored = [send_feedback(client, 1, f"{number:032x}.png") for number in (1, 2, 3, 1)]

    assert [answer.status_code for answer in stored] == [200, 200, 507, 200]
    assert "raise serving.inbox_files" in stored[2].json()["detail"]


def test_the_model_tells_the_size_and_the_scale_of_images(client):
    found = client.get("/v1/model").json()

    assert found["classes"] == list(range(10))
    assert (found["rows"], found["columns"], found["full_ink"]) == (8, 8, 16)


def test_the_page_asks_for_predictions_and_gives_feedback(client):
    called = re.findall(r'call\("([^"]+)"', client.get("/page/app.js").text)

    assert set(called) == {f"v1/{name}" for name in ("model", "predictions", "feedback")}
