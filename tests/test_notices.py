"""An alarm, a refusal or a failed run reaches a person by one signed message, and costs no run."""

import hashlib
import hmac
import json
import logging
import pickle
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from kedro.framework.session import KedroSession

from kedro_guards.commands import run
from kedro_guards.ledger import StaleError
from penstroke.findings import FindingError
from penstroke.notices import Notices, NoticeSession, describe, send, without_secrets

from .conftest import DATA, copy_tree, known_to_kedro

SIGNER = "canarykey"
CREDENTIALS = "notices: {key: canarykey}\nstore: {word: canaryfile}\n"


class Receiver:
    """An HTTP server that keeps what is posted, and answers as it is told."""

    def __init__(self, *answers):
        self.got, answers = [], [*answers]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):  # noqa: N805
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.got.append((handler.headers, body))
                status = answers.pop(0) if answers else 204
                handler.send_response(status)
                if status == 302:
                    handler.send_header("Location", "/elsewhere")
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def do_GET(handler):  # noqa: N805
                self.got.append((handler.headers, b""))
                handler.send_response(200)
                handler.end_headers()

            def log_message(handler, *_):  # noqa: N805
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook/of-secret-path"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def documents(self):
        return [json.loads(body) for _, body in self.got]


def _notices(address, **changes):
    return Notices.model_validate({"address": address, "timeout_s": 0.5, "tries": 3} | changes)


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The waits between tries, which tests do not wait."""
    found = []
    monkeypatch.setattr("penstroke.notices.sleep", found.append)
    return found


@contextmanager
def project_that_tells(source, tmp_path, address):
    """Commands in a copy of a project whose messages go to an address."""
    project = copy_tree(source, tmp_path / "project")
    (project / "conf/test/parameters_notices.yml").write_text(f"notices: {{address: '{address}', timeout_s: 2.0}}")
    (project / "conf/test/credentials.yml").write_text(CREDENTIALS)
    with known_to_kedro(project) as metadata:
        yield project, lambda *arguments: CliRunner().invoke(run, ["--env=test", *arguments], obj=metadata)


def test_a_refusal_is_sent_with_verdict_card_and_run_and_is_signed(promoted, tmp_path):
    with Receiver() as receiver, project_that_tells(promoted, tmp_path, receiver.address) as (project, kedro):
        result = kedro("--pipelines=promotion", "--params=gate.size_mb=0.1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: champion_model is refused")
    (document,) = receiver.documents
    assert document["what"] == "refusal"
    assert document["message"].startswith("champion_model is refused, and production_model stays as it was: size_mb is")
    assert document["figures"] == json.loads((project / DATA / "08_reporting/verdict.json").read_text())
    assert document["card"] == (project / DATA / "08_reporting/verdict_card.md").read_text()
    assert document["run"]["pipelines"] == ["promotion"]
    assert document["run"]["env"] == "test"
    assert document["run"]["id"] == json.loads((project / DATA / ".receipts/verdict.json").read_text())["run_id"]
    headers, body = receiver.got[0]
    assert headers["X-Signature-256"] == "sha256=" + hmac.new(SIGNER.encode(), body, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/json"
    assert b"canary" not in body


def test_a_run_on_stale_data_is_sent_as_a_failure_although_no_node_ran(promoted, tmp_path):
    with Receiver() as receiver, project_that_tells(promoted, tmp_path, receiver.address) as (_, kedro):
        result = kedro("--pipelines=reporting", "--params=split.seed=3")

    assert result.exit_code == 1
    (document,) = receiver.documents
    assert document["what"] == "failure"
    assert "was made with other parameters" in document["message"]
    assert (document["figures"], document["card"]) == ({}, "")


def test_a_good_run_sends_nothing(promoted, tmp_path):
    with Receiver() as receiver, project_that_tells(promoted, tmp_path, receiver.address) as (_, kedro):
        assert kedro("--nodes=draw_confusion").exit_code == 0

    assert receiver.got == []


def test_an_alarm_says_its_figures_and_its_card():
    alarm = FindingError("drift alarm (slant)", "alarm", {"alarms": ["slant"]}, "# Drift")

    document = describe(pickle.loads(pickle.dumps(alarm)), {"id": "now"})  # as from a worker process

    assert {name: document[name] for name in ("what", "message", "figures", "card")} == {
        "what": "alarm",
        "message": "drift alarm (slant)",
        "figures": {"alarms": ["slant"]},
        "card": "# Drift",
    }
    assert document["run"]["id"] == "now"
    assert {"project", "host", "time"} <= set(document["run"])


def test_no_secret_and_no_user_of_an_address_is_in_a_message():
    document = describe(ValueError('cannot read https://me:word@host/x with "canary\\key" or 5432'), {})

    body = without_secrets(document, ['"canary\\key"', "canary", "432", ""])

    assert json.loads(body)["message"] == "cannot read https://host/x with *** or 5432"
    assert b"canary" not in body


@pytest.mark.parametrize("answers", [(503, 500), (429,), ()])
def test_a_busy_receiver_is_asked_again(answers, waits, caplog):
    with Receiver(*answers) as receiver:
        send(b"{}", _notices(receiver.address), SIGNER)

    assert len(receiver.got) == len(answers) + 1
    assert waits == [1, 2][: len(answers)]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("answers", "asked", "told"),
    [((500, 500, 500), 3, "it answered 500"), ((403,), 1, "it answered 403"), ((302,), 1, "it answered 302")],
)
def test_a_message_that_is_not_taken_costs_one_warning_that_names_no_path(answers, asked, told, caplog):
    with Receiver(*answers) as receiver, caplog.at_level(logging.WARNING):
        send(b"{}", _notices(receiver.address), SIGNER)

    assert len(receiver.got) == asked
    (record,) = caplog.records
    assert record.getMessage().endswith(told)
    assert "secret-path" not in record.getMessage()


def test_a_receiver_that_accepts_and_never_answers_costs_its_timeouts(caplog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        send(b"{}", _notices(f"http://127.0.0.1:{silent.getsockname()[1]}", tries=2), SIGNER)

    assert 0.9 < time.monotonic() - began < 5
    assert "timed out" in caplog.records[0].getMessage()


def test_a_run_fails_with_its_own_error_when_nobody_takes_the_message(promoted, tmp_path, caplog):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with project_that_tells(promoted, tmp_path, address) as (_, kedro):
        result = kedro("--pipelines=promotion", "--params=gate.size_mb=0.1")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: champion_model is refused")
    assert "Connection refused" in caplog.records[-1].getMessage()


def test_an_address_without_a_key_is_refused_before_the_run(promoted, tmp_path):
    with project_that_tells(promoted, tmp_path, "http://127.0.0.1:9") as (project, kedro):
        (project / "conf/test/credentials.yml").unlink()
        result = kedro("--nodes=draw_confusion")

    assert result.exit_code == 1
    assert "notices.address is set, but the credentials of this environment have no key" in result.stderr


@pytest.mark.parametrize("address", ["http://me:word@host", "file:///etc/passwd", "host"])
def test_an_address_with_a_user_or_of_another_kind_is_refused_and_not_repeated(address):
    with pytest.raises(ValueError, match="address: must be http") as refused:
        _notices(address)

    assert address not in str(refused.value)


def test_without_an_address_a_failure_is_only_raised(monkeypatch):
    session = NoticeSession.__new__(NoticeSession)
    group = {"address": None, "timeout_s": 1.0, "tries": 1}
    monkeypatch.setattr(KedroSession, "_get_config_loader", lambda _: {"parameters": {"notices": group}})
    monkeypatch.setattr("kedro_guards.runs.GuardedSession.run", lambda *_, **__: (_ for _ in ()).throw(StaleError("x")))
    monkeypatch.setattr("penstroke.notices.send", lambda *_: pytest.fail("sent"))

    with pytest.raises(StaleError):
        session.run()
