"""Send rubbish to a service: by its own OpenAPI document, and as bytes."""

import json
import random
import socket
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from ..domain import rows
from ..seam import RAW_ROWS

MUTATIONS = 6
POST = b"POST /v1/%b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\n"
BODIES = [
    (b"predictions", b"application/json", json.dumps(rows.as_json(RAW_ROWS.head(1))).encode()),
    *getattr(rows, "BODIES", []),  # others that the domain takes
]
REQUESTS = [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
    POST % BODIES[0][:2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\n%b\r\n0\r\n\r\n" % BODIES[0][2][:5],
    *(POST % (path, kind) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for path, kind, body in BODIES),
]


def fuzz_api(address: str, effort: settings) -> Counter[int]:
    """Send what agrees with the OpenAPI document, and what does not; count the statuses."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    statuses: Counter[int] = Counter()
    for mode in schemathesis.GenerationMode:
        for operation in schema.get_all_operations():

            @effort
            @given(data=st.data(), case=operation.ok().as_strategy(generation_mode=mode))
            def send(data: st.DataObject, case: schemathesis.Case) -> None:
                statuses[case.call(base_url=address, timeout=30).status_code] += 1

            with suppress(Unsatisfiable):  # nothing can be wrong with what takes nothing
                send()
    return statuses


def fuzz_socket(address: str, count: int, seed: int) -> Counter[int]:
    """Send requests of which some bytes are others, lack or stand twice; count the statuses, 0 for none."""
    randomly = random.Random(seed)  # noqa: S311
    statuses: Counter[int] = Counter()
    place = urlsplit(address)
    for _ in range(count):
        request = bytearray(randomly.choice(REQUESTS))
        for _ in range(randomly.randrange(MUTATIONS)):
            start = randomly.randrange(len(request))
            part = request[start : start + randomly.randrange(1, 20)]
            request[start : start + randomly.randrange(20)] = randomly.choice(
                [b"", part + part, randomly.randbytes(5), b"\r\n", b"\x00", b"99999999999999999999"]
            )
            request = request or bytearray(b"\r\n")
        statuses[_status(place.hostname or "", place.port or 80, bytes(request))] += 1
    return statuses


def _status(host: str, port: int, request: bytes) -> int:
    try:
        with socket.create_connection((host, port), 5) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)  # nothing else comes
            answer = connection.recv(100)
    except OSError:
        return 0
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
