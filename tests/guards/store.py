"""An S3 store for tests: moto's server as a stand-in, and a proxy before it that injects faults."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .missing import missing

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "canarysecret", "AWS_DEFAULT_REGION": "us-east-1"}
REFUSAL = b"<Error><Code>%s</Code><Message>told</Message><BucketName>shop</BucketName></Error>"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def moto() -> Iterator[int]:
    """Start moto's server; give its port."""
    program = os.environ.get("PENSTROKE_MOTO")
    if not program:
        missing("PENSTROKE_MOTO names no `moto_server` of an environment of its own")
    try:
        import s3fs  # noqa: F401, PLC0415
    except ImportError:
        missing("s3fs is not installed; requirements-s3.txt has it")
    port = free_port()
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


class Proxy:
    """A proxy before a store.

    ``fault`` is called with the method and path of each request, and returns what to do instead of passing it on: None
    (pass it on), a code of S3 to refuse with, or ``DROP`` to close the connection. ``asked`` has all requests.
    """

    DROP = "drop"
    STATUS = {"NoSuchBucket": 404, "SlowDown": 503, "InternalError": 500, "XMinioStorageFull": 507}  # noqa: RUF012

    def __init__(self, port: int) -> None:
        self.fault: Callable[[str, str], str | None] = lambda method, path: None
        self.asked: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.asked.append((self.command, self.path))
                fault = proxy.fault(self.command, self.path)
                if fault == Proxy.DROP:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if fault:
                    self._answer(Proxy.STATUS.get(fault, 403), {}, REFUSAL % fault.encode())
                    return
                store = HTTPConnection("127.0.0.1", port, timeout=60)
                store.request(self.command, self.path, body, dict(self.headers))
                answer = store.getresponse()
                self._answer(answer.status, dict(answer.headers), answer.read())
                store.close()

            def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in {"connection", "transfer-encoding", "date", "server"} and (
                        name.lower() != "content-length" or self.command == "HEAD"
                    ):
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
            setattr(Handler, f"do_{method}", Handler._pass_on)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
