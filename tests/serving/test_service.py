"""The service over HTTP, in a process of its own."""

import codecs
import json
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import numpy as np
import pandas as pd
import pytest

from penstroke.contracts import PREDICTIONS
from penstroke.domain import ROW_ID, ROWS

from ..conftest import ROOT, copy_project, run_kedro
from ..domain.rows import as_json
from ..seam import CLASSES, FORM, RAW_ROWS, contract
from .conftest import ask, choose, fit_model, promote, running, some_rows, wait_for

JSON = {"Content-Type": "application/json"}


def test_rows_are_answered_as_inference_answers_them(client, inference):
    rows = some_rows(40)

    response = ask(client, rows)

    expected = inference(rows)
    found = pd.DataFrame(response.json()["predictions"])
    assert response.status_code == 200
    np.testing.assert_array_equal(found["prediction"], expected["prediction"])
    np.testing.assert_array_equal(found["confidence"], expected["confidence"])
    np.testing.assert_array_equal(found["unsure"], expected["unsure"])
    probabilities = pd.DataFrame(found["probabilities"].tolist())
    np.testing.assert_array_equal(probabilities, expected.filter(regex="^probability_"))
    assert found[ROW_ID].is_unique


@pytest.mark.parametrize("charset", ["; charset=utf-8", ';charset="UTF8"', "; charset=us-ascii"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_json_may_name_its_charset_and_have_a_mark_before_it(client, charset, mark):
    body = mark + json.dumps(as_json(some_rows(1))).encode()

    response = client.post("/v1/predictions", content=body, headers={"Content-Type": f"application/json{charset}"})

    assert response.status_code == 200, response.text


def test_head_gives_the_status_and_the_headers_of_get_without_a_body(client):
    paths = ["/", "/docs", "/health", "/ready", "/v1/model", "/openapi.json", "/page/docs.js", "/favicon.ico", "/docs/"]
    for path in (*paths, "/metrics", "/nothing", "/v1/predictions"):
        head, get = client.head(path), client.get(path)

        differing = {"date"} | (set() if path in paths else {"content-length"})  # the others tell of the time or HEAD
        headers = [{name: one.headers[name] for name in set(one.headers) - differing} for one in (head, get)]
        assert (head.status_code, head.content, headers[0]) == (get.status_code, b"", headers[1])


(FIELD,) = as_json(RAW_ROWS.head(1))


@pytest.mark.parametrize(
    ("content", "headers", "status", "told"),
    [
        (b"", JSON, 422, "body: Invalid JSON"),
        (b"{", JSON, 422, "body: Invalid JSON"),
        (b'{"%b": []}' % FIELD.encode(), JSON, 422, f"{FIELD}: List should have at least 1 item"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 415, "Content-Encoding: gzip is not read"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "JSON is read as utf-8, found utf-16"),
        (b"{}", {"Content-Type": "application/json; charset=no"}, 415, "JSON is read as utf-8, found no"),
        (json.dumps(as_json(some_rows(1)) | {"more": 1}).encode(), JSON, 422, "more: Extra inputs"),
        (json.dumps(as_json(some_rows(1001))).encode(), JSON, 413, f"1000 {FIELD}, found 1001"),
        (b"x" * 10_000_001, JSON, 413, "a request may hold 10000000 bytes"),
        (b"x", {"Content-Type": "text/plain"}, 415, "send application/json.*; found text/plain"),
        (b"x", {}, 415, "send application/json.*; found no Content-Type"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
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
        status = client.post("/v1/predictions", content=endless(), headers=JSON).status_code
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
    assert found["classes"] == CLASSES
    assert FORM.facts().items() <= found.items()
    assert client.get("/ready").json() == {"model_version": found["version"], "newer_model_refused": None}


def test_the_metrics_count_requests_answers_and_the_model(client):
    before = client.get("/metrics").text
    ask(client, some_rows(3))
    after = client.get("/metrics").text

    def total(text):
        return sum(float(count) for count in re.findall(r"^penstroke_answers_total\{.*?\} (\S+)", text, re.MULTILINE))

    assert total(after) == total(before) + 3
    assert 'penstroke_requests_total{route="/v1/predictions",status="200"}' in after
    assert 'penstroke_model{version="' in after


def test_the_log_has_a_line_of_json_for_each_request_and_nothing_of_its_content(client, service):
    client.post("/v1/predictions?secret=canary", content=b"canary", headers=JSON)

    def entries():
        return [json.loads(line) for line in service.lines if line.startswith("{")]

    wait_for(lambda: any(entry["status"] == 422 for entry in entries()))
    client.get("/last")
    wait_for(lambda: entries()[-1]["path"] == "/last")  # at once, not when more has been logged
    assert {"time", "method", "path", "status", "ms", "bytes", "client"} <= set(entries()[-1])
    assert "canary" not in "".join(service.lines)


def test_what_was_answered_is_kept_as_inference_would(client, service):
    sent = some_rows(5, seed=9)
    answered = ask(client, sent).json()["predictions"]
    names = [answer[ROW_ID] for answer in answered]

    def kept(kind):
        files = sorted((service.project / f"data/07_model_output/served_{kind}").glob("*.parquet"))
        tables = [pd.read_parquet(file) for file in files]
        return pd.concat(tables) if tables else pd.DataFrame()

    wait_for(lambda: set(names) <= set(kept("predictions").index))
    rows, predictions = kept(ROWS).loc[names], kept("predictions").loc[names]
    contract("SERVED_ROWS").validate(rows)
    PREDICTIONS.validate(predictions)
    np.testing.assert_array_equal(rows[FORM.columns], sent[FORM.columns])
    assert predictions["prediction"].tolist() == [answer["prediction"] for answer in answered]
    assert set(predictions["model_version"]) == {client.get("/v1/model").json()["version"]}


@pytest.fixture
def strict(tmp_path):
    """A project whose service has little room."""
    project = copy_project(tmp_path / "project")
    promote(project, fit_model(5))
    choose(project, batch_images=50, queue_images=100, picture_counts=50, kept_files=2)
    choose(project, body_timeout_s=0.5, flush_every_s=0.1, look_every_s=0.1)
    return project


@pytest.mark.slow
def test_a_full_queue_says_when_to_come_again_and_what_was_answered_is_kept_when_the_service_ends(strict):
    choose(strict, flush_every_s=1000.0)
    with running(strict) as service, service.client() as client, ThreadPoolExecutor(16) as callers:
        responses = list(callers.map(lambda seed: ask(client, some_rows(50, seed=seed)), range(80)))
        after = ask(client, some_rows(1)).status_code
        service.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert service.process.wait(20) == 0

    assert "Aborted" not in "".join(service.lines)
    full = [response for response in responses if response.status_code == 503]
    assert {response.status_code for response in responses} == {200, 503}
    assert {response.headers["Retry-After"] for response in full} == {"1"}
    assert after == 200
    (file,) = (strict / f"data/07_model_output/served_{ROWS}").iterdir()
    assert len(pd.read_parquet(file)) == 50 * (len(responses) - len(full)) + 1


@pytest.mark.slow
def test_who_sends_too_slowly_is_left(strict):
    post = b"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
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
def test_kept_files_are_bounded(strict):
    with running(strict) as service, service.client() as client:
        for _ in range(5):
            ask(client, some_rows(1))
            sleep(0.3)

    kept = [sorted((strict / f"data/07_model_output/served_{kind}").iterdir()) for kind in (ROWS, "predictions")]
    assert [len(files) for files in kept] == [2, 2]
    assert [file.name for file in kept[0]] == [file.name for file in kept[1]]


@pytest.mark.slow
def test_a_promotion_takes_over_without_a_failed_request_and_a_broken_one_does_not(strict):
    first = fit_model(5)
    choose(strict, queue_images=4000)
    with running(strict) as service, service.client() as client, ThreadPoolExecutor(4) as callers:
        former = client.get("/v1/model").json()["version"]
        busy, seen = True, []

        def call():
            with service.client() as own:
                while busy:
                    seen.append(ask(own, some_rows(2)))

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


@pytest.mark.slow
def test_a_token_is_asked_for_wherever_something_is_told(served_project):
    token = {"PENSTROKE_TOKEN": "of the test"}
    with running(served_project, "--host=0.0.0.0", **token) as service, service.client() as client:
        without = {path: client.get(path).status_code for path in ("/", "/health", "/ready", "/v1/model", "/metrics")}
        headers = [{"Authorization": "Bearer wrong"}, {"Authorization": "Bearer of the test"}]
        given = [client.post("/v1/predictions", json=as_json(some_rows(1)), headers=one) for one in headers]

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


def test_other_commands_pay_neither_for_the_service_nor_for_what_works_on_rows():
    slow = {"fastapi", "uvicorn", "joblib", "pandas", "psycopg", "s3fs", "sklearn"}
    code = f"import sys, penstroke.settings, penstroke.cli; print({slow} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}

    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"
