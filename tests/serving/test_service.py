"""The service over HTTP, in a process of its own."""

import codecs
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from kedro_guards import model_files
from penstroke.answers import answer_rows
from penstroke.contracts import PREDICTIONS, SERVED_DIGITS
from penstroke.domain import Reading, read
from penstroke.domain.pixels import to_table
from penstroke.models import Answers

from ..conftest import ROOT, base_parameters, copy_project, run_kedro
from ..domain.rows import FORM
from .conftest import choose, drawn, numbers, promote, running

PNG, JPEG, NUMBERS = ({"Content-Type": kind} for kind in ("image/png", "image/jpeg", "application/json"))


@pytest.fixture(scope="module")
def client(service):
    with service.client() as found:
        yield found


@pytest.fixture
def inference(service):
    """What the pipeline answers to images."""
    with (service.project / "data/06_models/production_model.skops").open("rb") as file:
        model = model_files.load(file)
    answers = Answers.model_validate(base_parameters("inference")["answers"])

    def answer(images):
        return answer_rows(to_table(images), model, answers)

    return answer


def wait_for(condition, seconds=15):
    until = monotonic() + seconds
    while not condition():
        assert monotonic() < until, "it did not happen"
        sleep(0.05)


def ask(client, images):
    return client.post("/v1/predictions", json={"images": images})


def test_images_of_the_training_form_are_answered_as_inference_answers_them(client, inference):
    images = numbers(40)

    response = ask(client, images)

    expected = inference(np.array(images, np.uint8))
    found = pd.DataFrame(response.json()["predictions"])
    assert response.status_code == 200
    np.testing.assert_array_equal(found["prediction"], expected["prediction"])
    np.testing.assert_array_equal(found["confidence"], expected["confidence"])
    np.testing.assert_array_equal(found["unsure"], expected["unsure"])
    probabilities = pd.DataFrame(found["probabilities"].tolist())
    np.testing.assert_array_equal(probabilities, expected.filter(regex="^probability_"))
    assert found["digit_id"].is_unique


@pytest.mark.parametrize(("kind", "headers"), [("PNG", PNG), ("JPEG", JPEG)])
def test_a_picture_is_framed_as_inference_frames_it(client, inference, kind, headers):
    content = drawn(kind=kind)

    (found,) = client.post("/v1/predictions", content=content, headers=headers).json()["predictions"]

    framed = read(content, FORM, Reading.model_validate(base_parameters("domain")["drawings"])).reshape(8, 8)
    assert found["seen"] == framed.tolist()
    assert found["confidence"] == inference(framed[None])["confidence"].iloc[0]
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


@pytest.mark.parametrize("charset", ["; charset=utf-8", ';charset="UTF8"', "; charset=us-ascii"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_json_may_name_its_charset_and_have_a_mark_before_it(client, charset, mark):
    body = mark + json.dumps({"images": numbers(1)}).encode()

    response = client.post("/v1/predictions", content=body, headers={"Content-Type": f"application/json{charset}"})

    assert response.status_code == 200, response.text


def test_head_gives_the_status_and_the_headers_of_get_without_a_body(client):
    paths = ["/", "/docs", "/health", "/ready", "/v1/model", "/openapi.json", "/page/app.js", "/favicon.ico", "/docs/"]
    for path in (*paths, "/metrics", "/nothing", "/v1/predictions"):
        head, get = client.head(path), client.get(path)

        differing = {"date"} | (set() if path in paths else {"content-length"})  # the others tell of the time or HEAD
        headers = [{name: one.headers[name] for name in set(one.headers) - differing} for one in (head, get)]
        assert (head.status_code, head.content, headers[0]) == (get.status_code, b"", headers[1])


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
        (b"", NUMBERS, 422, "body: Invalid JSON"),
        (b"{", NUMBERS, 422, "body: Invalid JSON"),
        (b'{"images": []}', NUMBERS, 422, "images: List should have at least 1 item"),
        (b'{"images": [[[1.5]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found 1.5"),
        (b'{"images": [[[1, 2.0, NaN]]]}', NUMBERS, 422, "images.0.0.2: Input should be a valid integer, found NaN"),
        (b'{"images": [[[1e400]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found Infinity"),
        (b'{"images": [[[true]]]}', NUMBERS, 422, "images.0.0.0: Input should be a valid integer, found true"),
        (b'{"images": [[["3"]]]}', NUMBERS, 422, 'images.0.0.0: Input should be a valid integer, found "3"'),
        (b'{"images": [[[65536]]]}', NUMBERS, 422, "images.0.0.0: .* less than or equal to 65535, found 65536"),
        (b"{}", NUMBERS | {"Content-Encoding": "gzip"}, 415, "Content-Encoding: gzip is not read"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "JSON is read as utf-8, found utf-16"),
        (b"{}", {"Content-Type": "application/json; charset=no"}, 415, "JSON is read as utf-8, found no"),
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
        (b'{"images": [[[1]]], "more": 1}', NUMBERS, 422, "more: Extra inputs"),
        (b'{"images": [' + b"[[1]]," * 1000 + b"[[1]]]}", NUMBERS, 413, "1000 images, found 1001"),
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


def test_a_body_of_unknown_length_is_cut_off_where_it_gets_too_long(client):
    def endless():
        for _ in range(200):
            yield b"x" * 100_000

    try:
        status = client.post("/v1/predictions", content=endless(), headers=PNG).status_code
    except httpx.TransportError:  # the connection was closed while it was still sent
        status = 413
    assert status == 413


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "localhost:1", "127.0.0.1", "[::1]:80"])
def test_the_names_of_this_machine_are_served(client, host):
    assert client.get("/v1/model", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "elsewhere.example"}, 421),
        ({"Host": "elsewhere.example:8000"}, 421),
        ({"Host": "localhost.elsewhere.example"}, 421),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_other_hosts_and_pages_of_other_sites_are_refused(client, headers, status):
    assert client.post("/v1/predictions", headers=headers).status_code == status


def test_the_model_tells_of_itself(client, service):
    found = client.get("/v1/model").json()

    assert found["sha256"].startswith(found["version"])
    assert found["receipt"]["sha256"] == found["sha256"]
    assert found["classes"] == list(range(10))
    assert (found["rows"], found["columns"], found["full_ink"]) == (8, 8, 16)
    assert client.get("/ready").json() == {"model_version": found["version"], "newer_model_refused": None}


def test_the_metrics_count_requests_answers_and_the_model(client):
    before = client.get("/metrics").text
    ask(client, numbers(3))
    after = client.get("/metrics").text

    def total(text):
        return sum(float(count) for count in re.findall(r"^penstroke_answers_total\{.*?\} (\S+)", text, re.MULTILINE))

    assert total(after) == total(before) + 3
    assert 'penstroke_requests_total{route="/v1/predictions",status="200"}' in after
    assert 'penstroke_model{version="' in after


def test_the_log_has_a_line_of_json_for_each_request_and_nothing_of_its_content(client, service):
    client.post("/v1/predictions?secret=canary", content=b"canary", headers=PNG)

    def entries():
        return [json.loads(line) for line in service.lines if line.startswith("{")]

    wait_for(lambda: any(entry["status"] == 422 for entry in entries()))
    assert {"time", "method", "path", "status", "ms", "bytes", "client"} <= set(entries()[-1])
    assert "canary" not in "".join(service.lines)


def test_what_was_answered_is_kept_as_inference_would(client, service):
    answered = ask(client, numbers(5, seed=9)).json()["predictions"]
    names = [answer["digit_id"] for answer in answered]

    def kept(kind):
        files = sorted((service.project / f"data/07_model_output/served_{kind}").glob("*.parquet"))
        tables = [pd.read_parquet(file) for file in files]
        return pd.concat(tables) if tables else pd.DataFrame()

    wait_for(lambda: set(names) <= set(kept("predictions").index))
    digits, predictions = kept("digits").loc[names], kept("predictions").loc[names]
    SERVED_DIGITS.validate(digits)
    PREDICTIONS.validate(predictions)
    np.testing.assert_array_equal(digits.to_numpy().reshape(5, 8, 8), numbers(5, seed=9))
    assert predictions["prediction"].tolist() == [answer["prediction"] for answer in answered]
    assert set(predictions["model_version"]) == {client.get("/v1/model").json()["version"]}


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


@pytest.fixture
def strict(tmp_path, fit_model):
    """A project whose service has little room."""
    project = copy_project(tmp_path / "project")
    promote(project, fit_model(5))
    choose(project, batch_images=50, queue_images=100, picture_counts=50, inbox_files=2, kept_files=2)
    choose(project, body_timeout_s=0.5, flush_every_s=0.1, look_every_s=0.1)
    return project


def test_a_full_queue_says_when_to_come_again(strict):
    with running(strict) as service, service.client() as client, ThreadPoolExecutor(16) as callers:
        responses = list(callers.map(lambda seed: ask(client, numbers(50, seed=seed)), range(80)))
        after = ask(client, numbers(1)).status_code

    full = [response for response in responses if response.status_code == 503]
    assert {response.status_code for response in responses} == {200, 503}
    assert {response.headers["Retry-After"] for response in full} == {"1"}
    assert after == 200


def test_who_sends_too_slowly_is_left(strict):
    post = b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    heads = [b"", b"GET / HT", post, post + b"Content-Length: 9\r\n\r\nx"]
    choose(strict, head_timeout_s=0.5)
    with running(strict) as service:
        port = int(service.address.rpartition(":")[2])
        for head in heads:
            start = monotonic()
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.settimeout(10)
                connection.sendall(head)
                answer = b""
                while part := connection.recv(1000):
                    answer += part
            assert monotonic() - start < 5
            assert answer == b"" or b" 408 " in answer.splitlines()[0]


@pytest.mark.slow
def test_inbox_and_kept_files_are_bounded(strict):
    with running(strict) as service, service.client() as client:
        stored = [send_feedback(client, 1, f"{number:032x}.png") for number in (1, 2, 3, 1)]
        for _ in range(5):
            ask(client, numbers(1))
            sleep(0.3)

    assert [answer.status_code for answer in stored] == [200, 200, 507, 200]
    assert "raise serving.inbox_files" in stored[2].json()["detail"]
    kept = [sorted((strict / f"data/07_model_output/served_{kind}").iterdir()) for kind in ("digits", "predictions")]
    assert [len(files) for files in kept] == [2, 2]
    assert [file.name for file in kept[0]] == [file.name for file in kept[1]]


def test_what_was_answered_last_is_kept_when_the_service_ends(strict):
    choose(strict, flush_every_s=1000.0)
    with running(strict) as service, service.client() as client:
        ask(client, numbers(7))

    (file,) = (strict / "data/07_model_output/served_digits").iterdir()
    assert len(pd.read_parquet(file)) == 7


def test_nothing_is_kept_where_nobody_wants_it(strict):
    choose(strict, keep=False)
    with running(strict) as service, service.client() as client:
        ask(client, numbers(7))

    assert not (strict / "data/07_model_output").exists()


def test_a_promotion_takes_over_without_a_failed_request_and_a_broken_one_does_not(strict, fit_model):
    first = fit_model(5)
    choose(strict, queue_images=4000)
    with running(strict) as service, service.client() as client, ThreadPoolExecutor(4) as callers:
        former = client.get("/v1/model").json()["version"]
        busy, seen = True, []

        def call():
            with service.client() as own:
                while busy:
                    seen.append(own.post("/v1/predictions", json={"images": numbers(2)}))

        calls = [callers.submit(call) for _ in range(4)]
        newer = promote(strict, fit_model(1))
        wait_for(lambda: client.get("/ready").json()["model_version"] == newer)
        place = strict / "data/06_models/production_model.skops"
        whole = place.read_bytes()
        place.write_bytes(whole[:-100])
        wait_for(lambda: client.get("/ready").json()["newer_model_refused"])
        refused = client.get("/ready").json()
        count = client.get("/metrics").text
        promote(strict, first)
        wait_for(lambda: client.get("/ready").json() == {"model_version": former, "newer_model_refused": None})
        busy = False
        for done in calls:
            done.result()

    assert {response.status_code for response in seen} == {200}
    assert {response.json()["model_version"] for response in seen} == {former, newer}
    assert refused["model_version"] == newer
    assert "penstroke_models_refused_total 1.0" in count


def test_a_token_is_asked_for_wherever_something_is_told(served_project):
    token = {"PENSTROKE_TOKEN": "of the test"}
    with running(served_project, "--host=0.0.0.0", **token) as service, service.client() as client:
        without = {path: client.get(path).status_code for path in ("/", "/health", "/ready", "/v1/model", "/metrics")}
        headers = [{"Authorization": "Bearer wrong"}, {"Authorization": "Bearer of the test"}]
        given = [client.post("/v1/predictions", json={"images": numbers(1)}, headers=one) for one in headers]

    assert service.address.startswith("http://127.0.0.1:")  # which can be clicked
    assert without == {"/": 200, "/health": 200, "/ready": 200, "/v1/model": 401, "/metrics": 401}
    assert [response.status_code for response in given] == [401, 200]
    assert given[0].headers["WWW-Authenticate"] == "Bearer"


def test_beyond_this_machine_it_serves_with_a_token_only(served_project):
    result = run_kedro("serve", "--host=0.0.0.0", cwd=served_project)

    assert result.returncode == 1
    assert result.stderr == (
        "Error: 0.0.0.0 can be reached by others: set PENSTROKE_TOKEN, which callers must then send\n"
    )


def test_a_taken_port_is_told_in_one_line(service):
    port = service.address.rpartition(":")[2]

    result = run_kedro("serve", f"--port={port}", cwd=service.project)

    assert result.returncode == 1
    assert result.stderr == f"Error: port {port} of 127.0.0.1 is taken; name another by --port\n"


def test_a_missing_model_is_told_in_one_line(kedro):
    result = kedro("serve", "--port=0")

    assert result.returncode == 1
    assert result.stderr == (
        "Error: there is no production model at data/06_models/production_model.skops; "
        "make it by `kedro run --pipelines=__default__,promotion`\n"
    )


def test_a_wrong_choice_is_told_in_one_line(kedro, project):
    choose(project, queue_images=10)

    result = kedro("serve", "--port=0")

    assert result.returncode == 1
    assert "queue_images is 10, less than one request may need (1000); raise it" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_other_commands_do_not_pay_for_the_service():
    code = "import sys, penstroke.settings, penstroke.cli; print({'fastapi', 'uvicorn'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"
