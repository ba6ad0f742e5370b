"""What each request passes before it reaches the service: limits, who may call, and the log of what came of it."""

import asyncio
import hmac
import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from traceback import extract_tb
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .parameters import Serving

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")  # without a token: nothing that was drawn is told
LONGEST_PATH, LONGEST_FAULT = 100, 300  # of what the log repeats
HEADERS = [
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
     b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]  # fmt: skip


class Figures:
    """What ``/metrics`` tells."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        name = "penstroke"
        self.requests = Counter(f"{name}_requests", "Requests.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            f"{name}_request_seconds", "Time of a request.", ["route"], registry=own,
            buckets=(0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )  # fmt: skip
        self.answers = Counter(f"{name}_answers", "Answers.", ["prediction"], registry=own)
        self.unsure = Counter(f"{name}_unsure_answers", "Answers that are not sure.", registry=own)
        self.calls = Histogram(
            f"{name}_call_images", "Images in one call of the model.", registry=own,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )  # fmt: skip
        self.waiting = Gauge(f"{name}_images_inside", "Images that wait or are being answered.", registry=own)
        self.model = Gauge(f"{name}_model", "1 for the model that answers.", ["version"], registry=own)
        self.refused = Counter(f"{name}_models_refused", "New models that could not be loaded.", registry=own)
        self.lost = Counter(f"{name}_rows_lost", "Answered rows that were not kept.", registry=own)


class Gate:
    """The application round the service's own.

    Args:
        app: the service.
        choices: the limits.
        token: what callers must name, if anything.
        figures: what is counted.
        routes: the paths that exist; others are counted as one.
    """

    def __init__(self, app: App, choices: Serving, token: str | None, figures: Figures, routes: set[str]) -> None:
        self._app, self._choices, self._token, self._figures, self._routes = app, choices, token, figures, routes
        self._hosts = set(choices.allowed_hosts)
        self._active = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Let a request through, or say why not; tell of it either way."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status, taken, fault = time.perf_counter(), 0, 0, ""
        until = asyncio.get_running_loop().time() + self._choices.body_timeout_s
        most = self._choices.body_bytes
        whole = False

        async def receive_in_time() -> Message:
            nonlocal taken, whole
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body did not arrive in time") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body")
            if taken > most:
                raise HTTPException(413, f"a request may hold {most} bytes")
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        self._active += 1
        try:
            refusal = self._refusal(scope)
            await (refusal or self._app)(scope, receive_in_time, send_with_headers)
        except ClientDisconnect:
            fault = "the caller left"
        except Exception as error:  # who called was told that it is a fault of ours; the log says which, in a line
            place = extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        finally:
            self._active -= 1
            self._tell(scope, status, time.perf_counter() - start, taken, fault)
        return None

    def _refusal(self, scope: Message) -> JSONResponse | None:
        """Refuse by what is known before the body."""
        headers = dict(scope["headers"])
        host = _name(headers.get(b"host", b"").decode("latin-1"))
        origin = headers.get(b"origin", b"").decode("latin-1")
        length = headers.get(b"content-length", b"0")
        if self._active > self._choices.requests:
            return refuse(503, "too many requests at once", {"Retry-After": str(self._choices.retry_after_s)})
        if host not in self._hosts:
            return refuse(421, "this host is not served here; name it in serving.allowed_hosts")
        if origin and _name(urlsplit(origin).netloc if "://" in origin else origin) not in self._hosts:
            return refuse(403, "a page of another site may not ask")
        if not length.isdigit() or int(length[:20]) > self._choices.body_bytes:
            return refuse(413, f"a request may hold {self._choices.body_bytes} bytes")
        path = scope["path"]
        if self._token and path not in OPEN and not path.startswith("/page/"):
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                return refuse(401, "name the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        return None

    def _tell(self, scope: Message, status: int, seconds: float, taken: int, fault: str) -> None:
        route = scope["path"] if scope["path"] in self._routes else "other"
        self._figures.requests.labels(route, str(status)).inc()
        self._figures.seconds.labels(route).observe(seconds)
        entry = {
            "time": round(time.time(), 3),
            "client": (scope.get("client") or ("",))[0],
            "method": scope["method"],
            "path": scope["path"][:LONGEST_PATH],
            "status": status,
            "ms": round(1000 * seconds, 2),
            "bytes": taken,
        }
        if fault:
            entry["fault"] = fault[:LONGEST_FAULT]
        sys.stdout.write(json.dumps(entry) + "\n")


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which leaves those who take too long for the head of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head from now on."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.timeout_keep_alive, transport.close)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head, if it is a further one."""
        super().on_message_begin()
        self._late.cancel()
        self._late = self.loop.call_later(self.timeout_keep_alive, self.transport.close)

    def on_headers_complete(self) -> None:
        """Go on, it is here."""
        self._late.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._late.cancel()
        super().connection_lost(exc)


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Say in one line why not."""
    return JSONResponse({"detail": detail}, status, headers)


def _name(host: str) -> str:
    """Take the port off a host."""
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
