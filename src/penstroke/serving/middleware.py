"""The service's middleware: limits, access, and the log."""

import asyncio
import hmac
import re
import sys
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from pathlib import Path
from traceback import extract_tb
from typing import Any

from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .hosts import host_name
from .metrics import Metrics
from .parameters import Serving

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
PROBES = ("/health", "/ready")  # allowed for any host: the addresses that probes use are not known beforehand
OPEN = (*PROBES, "/", "/docs", "/openapi.json", "/favicon.ico")  # need no token: they reveal nothing about requests
LONGEST_PATH, LONGEST_FAULT = 100, 300  # characters in the log
LONGEST_FOUND = 60  # characters of the request that a refusal repeats
PLAIN = {b"content-encoding": ("", "identity"), b"transfer-encoding": ("", "chunked")}  # supported encodings
PAGE = Path(__file__).parent / "page"
PAGES = b"".join(page.read_bytes() for page in sorted(PAGE.glob("*.html")))
INLINE = re.findall(rb"<script>(.*?)</script>", PAGES)  # the only inline scripts allowed
HEADERS = [
    (b"content-security-policy", b"default-src 'none'; script-src 'self'%b; style-src 'self'; "
     b"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
     % b"".join(b" 'sha256-%b'" % b64encode(sha256(script).digest()) for script in INLINE)),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]  # fmt: skip


class AccessMiddleware:
    """Refuses requests that are too many, too large, too slow or not allowed, and logs all requests.

    Args:
        app: the service.
        choices: the service's parameters.
        token: token that callers must send; None for no token.
        metrics: the service's metrics.
        routes: the existing paths; all other paths count as one route in the metrics.
    """

    def __init__(self, app: App, choices: Serving, token: str | None, metrics: Metrics, routes: set[str]) -> None:
        self._app, self._choices, self._token, self._metrics, self._routes = app, choices, token, metrics, routes
        self._hosts = set(choices.allowed_hosts)
        self._active = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass a request on or refuse it; log it in both cases."""
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

        root, path = self._place(scope)
        inner = {**scope, "root_path": root, "path": root + path}
        if scope["method"] == "HEAD":  # handled like GET; the server leaves out the body
            inner["method"] = "GET"
        self._active += 1
        try:
            answer = self._refusal(scope, path) or self._redirection(scope, path) or self._app
            await answer(inner, receive_in_time, send_with_headers)
        except ClientDisconnect:
            fault = "the caller left"
        except Exception as error:  # the caller got a 500; the log has the details in one line
            place = extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
        finally:
            self._active -= 1
            self._log(scope, path, status=status, seconds=time.perf_counter() - start, taken=taken, fault=fault)
        return None

    def _place(self, scope: Message) -> tuple[str, str]:
        """Return the proxy's path prefix and the path after it, whether or not the proxy removed the prefix."""
        root, path = scope.get("root_path") or self._choices.root_path, scope["path"]
        return root, path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path

    def _refusal(self, scope: Message, path: str) -> Response | None:
        """Return a refusal if the head of the request is enough to refuse it."""
        headers = dict(scope["headers"])
        if self._active > self._choices.requests:
            return refuse(503, "too many requests at once", {"Retry-After": str(self._choices.retry_after_s)})
        refusal = self._stranger(scope, headers, path) or self._unreadable(headers)
        if self._token and not refusal and path not in OPEN and not path.startswith("/page/"):
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
                return refuse(401, "name the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        return refusal

    def _stranger(self, scope: Message, headers: dict[bytes, bytes], path: str) -> Response | None:
        """Return a refusal for requests to other hosts, and from pages of other sites."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origin = headers.get(b"origin", b"").decode("latin-1")
        if len(hosts) > 1:
            return refuse(400, f"a request names one host, found {len(hosts)}")
        if path not in PROBES and host_name(host := "".join(hosts)) not in self._hosts:
            found = f"the host {host[:LONGEST_FOUND]}" if host else "a request without a host"
            return refuse(421, f"{found} is not served here; name the host in serving.allowed_hosts")
        if origin and host_name(origin.partition("://")[2]) not in self._hosts:
            found = f"a page of {origin[:LONGEST_FOUND]} may not ask"
            return refuse(403, f"{found}; name its host in serving.allowed_hosts if it is yours")
        return None

    def _unreadable(self, headers: dict[bytes, bytes]) -> Response | None:
        """Return a refusal if the body is too long or encoded."""
        length = headers.get(b"content-length", b"0")
        if not re.fullmatch(rb"[0-9]+", length) or int(length[:20]) > self._choices.body_bytes:
            return refuse(413, f"a request may hold {self._choices.body_bytes} bytes")
        for header, plain in PLAIN.items():
            coding = headers.get(header, b"").decode("latin-1").strip().lower()
            if coding not in plain:
                found = f"{header.decode().title()}: {coding[:LONGEST_FOUND]}"
                return refuse(415, f"{found} is not read; send the body uncompressed", {"Accept-Encoding": "identity"})
        return None

    def _redirection(self, scope: Message, path: str) -> Response | None:
        """Redirect paths with a superfluous final slash, and a proxy's prefix without its final slash.

        The address is relative, because only the proxy knows the address that the caller uses.
        """
        if not path:
            place = f"{scope['path'].rpartition('/')[2]}/"
        elif path.endswith("/") and path[:-1] in self._routes:
            place = f"../{path[:-1].rpartition('/')[2]}"
        else:
            return None
        query = scope.get("query_string", b"").decode("latin-1")
        return Response(status_code=307, headers={"Location": f"{place}?{query}" if query else place})

    def _log(self, scope: Message, path: str, *, status: int, seconds: float, taken: int, fault: str) -> None:
        route = path if path in self._routes else "other"
        self._metrics.count_request(route, str(status), seconds)
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
        sys.stdout.write(to_json(entry).decode() + "\n")


class HeadTimeoutProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit: it closes connections that take too long to send the head of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit of the first head."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.timeout_keep_alive, transport.close)

    def on_message_begin(self) -> None:
        """Start the time limit of a further head."""
        super().on_message_begin()
        self._late.cancel()
        self._late = self.loop.call_later(self.timeout_keep_alive, self.transport.close)

    def on_headers_complete(self) -> None:
        """Stop the time limit: the head has arrived."""
        self._late.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._late.cancel()
        super().connection_lost(exc)


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error response with a one-line reason."""
    return JSONResponse({"detail": detail}, status, headers)
