"""Who may call, and below which path, without a process or a model."""

import asyncio
import re
from types import SimpleNamespace
from urllib.parse import urljoin

import httpx
import pytest
from starlette.routing import Route

from penstroke.serving.app import build_app
from penstroke.serving.metrics import Metrics
from penstroke.serving.middleware import AccessMiddleware
from penstroke.serving.parameters import Serving

from ..conftest import base_parameters

PREFIX = "/answers"
FLAVOURS = {"stripped": {}, "stripped and told": {"root_path": PREFIX}, "told, not stripped": {"root_path": PREFIX}}


class Caller:
    """A caller on this machine of the routes behind the middleware, with some choices other than those of the base."""

    def __init__(
        self, *, scope_root: str = "", token: str | None = None, listening: str = "127.0.0.1", **choices: object
    ) -> None:
        own = Serving.model_validate(base_parameters("serving")["serving"] | choices).at(listening)
        model = SimpleNamespace(version="of the test", classes=[0, 1])
        app = build_app(SimpleNamespace(choices=own, metrics=Metrics(), model=model, refused=None))
        routes = {route.path for route in app.routes if isinstance(route, Route)}
        self._transport = httpx.ASGITransport(
            AccessMiddleware(app, own, token, Metrics(), routes), root_path=scope_root
        )

    def __call__(self, path: str, method: str = "GET", **more: object) -> httpx.Response:
        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost:8000") as client:
                return await client.request(method, path, **more)

        return asyncio.run(call())


@pytest.mark.parametrize("host", ["10.244.0.5:8000", "[fd00::7]:8000", "pod-7.cluster.local", ""])
def test_probes_are_answered_by_whatever_address_and_nothing_else_is(host):
    caller, headers = Caller(), {"Host": host}

    assert [caller(path, headers=headers).status_code for path in ("/health", "/ready")] == [200, 200]
    assert caller("/health", "HEAD", headers=headers).status_code == 200
    others = (
        "/",
        "/docs",
        "/metrics",
        "/v1/model",
        "/page/docs.js",
        "/openapi.json",
        "/health/",
        "/health/x",
        "//ready",
    )
    assert {caller(path, headers=headers).status_code for path in others} == {421}


@pytest.mark.parametrize(
    "named", ["answers.example.org", "Answers.Example.ORG", "answers.example.org.", "ANSWERS.example.org:443"]
)
@pytest.mark.parametrize("called", ["answers.example.org", "ANSWERS.EXAMPLE.ORG.:8000"])
def test_a_host_is_known_in_whatever_case_with_a_final_dot_or_a_port(named, called):
    caller = Caller(allowed_hosts=[named])

    assert caller("/docs", headers={"Host": called}).status_code == 200
    assert caller("/docs", headers={"Host": "localhost"}).status_code == 421
    for origin, status in ((f"HTTPS://{called}", 405), ("https://org", 403), (called, 403), ("null", 403)):
        assert caller("/docs", "POST", headers={"Host": called, "Origin": origin}).status_code == status


@pytest.mark.parametrize(("listening", "status"), [("192.0.2.7", 200), ("0.0.0.0", 421), ("::", 421), ("", 421)])  # noqa: S104
def test_the_host_at_which_it_listens_is_allowed_unless_it_stands_for_every_one(listening, status):
    caller = Caller(listening=listening, allowed_hosts=["answers.example.org"])

    assert caller("/docs", headers={"Host": "answers.example.org"}).status_code == 200
    assert (
        caller("/docs", headers={"Host": f"{listening}:8000" if "." in listening else listening}).status_code == status
    )


def test_who_is_refused_is_told_what_was_found():
    caller = Caller()

    detail = caller("/docs", headers={"Host": "elsewhere.example:1"}).json()["detail"]
    of_page = caller("/docs", headers={"Origin": "https://elsewhere.example"}).json()["detail"]
    twice = caller("/health", headers=[("Host", "localhost"), ("Host", "elsewhere.example")])

    assert detail == "the host elsewhere.example:1 is not served here; name the host in serving.allowed_hosts"
    assert of_page.startswith("a page of https://elsewhere.example may not ask")
    assert (twice.status_code, twice.json()["detail"]) == (400, "a request names one host, found 2")


@pytest.mark.parametrize("host", ["https://answers.example.org", "*", "*.example.org", "", "a b"])
def test_a_choice_that_is_no_host_is_refused(host):
    with pytest.raises(ValueError, match=re.escape(f"allowed_hosts.0: {host!r} is no name of a host; write one such")):
        Caller(allowed_hosts=[host])


@pytest.mark.parametrize("written", ["answers", "/answers", "/answers/"])
def test_the_path_below_which_a_proxy_offers_it_may_be_written_with_slashes_or_without(written):
    assert Caller(root_path=written)("/answers/health").status_code == 200


@pytest.mark.parametrize("written", ["https://answers.example.org/answers", "/a b", "/a//b", "/a?b"])
def test_a_choice_that_is_no_path_is_refused(written):
    with pytest.raises(ValueError, match=r"root_path: .* is no path; write one such as /answers"):
        Caller(root_path=written)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_behind_a_proxy_every_address_of_the_pages_leads_back_to_the_service(flavour):
    caller = Caller(**FLAVOURS[flavour])

    def get(address):
        place = address.removeprefix("http://localhost:8000")
        assert place.startswith(f"{PREFIX}/")
        return caller(place if flavour == "told, not stripped" else place.removeprefix(PREFIX))

    for page in ("/", "/docs"):
        start = f"http://localhost:8000{PREFIX}{page}"
        html = get(start).text
        (script,) = re.findall(r'src="([^"]+\.js)"', html)
        code = get(urljoin(start, script)).text
        addresses = re.findall(r'(?:href|src)="([^"]+)"', html) + re.findall(r'fetch\("([^"]+)"', code)
        assert len(addresses) >= 4
        assert {get(urljoin(start, address)).status_code for address in addresses} == {200}
        called = {urljoin(f"{PREFIX}/", address) for address in re.findall(r'call\("([^"]+)"', code)}
        assert called <= {f"{PREFIX}{path}" for path in caller("/openapi.json").json()["paths"]}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_behind_a_proxy_the_document_of_the_api_says_where_the_service_is(flavour):
    caller = Caller(**FLAVOURS[flavour])

    servers = caller("/openapi.json").json()["servers"]

    found = {urljoin(f"http://proxy{PREFIX}/openapi.json", server["url"]).rstrip("/") for server in servers}
    assert found == {f"http://proxy{PREFIX}"}


@pytest.mark.parametrize("path", ["/health", f"{PREFIX}/health"])
def test_the_path_may_be_told_by_the_server_too(path):
    assert Caller(scope_root=PREFIX)(path).status_code == 200


@pytest.mark.parametrize(
    ("asked", "place"),
    [("/docs/", "/docs"), ("/v1/model/?a=1&b=%20", "/v1/model?a=1&b=%20"), ("/v1/predictions/", "/v1/predictions")],
)
@pytest.mark.parametrize("root", ["", PREFIX])
def test_a_slash_too_many_leads_to_the_right_place_below_any_prefix(root, asked, place):
    response = Caller(root_path=root)(root + asked)

    assert response.status_code == 307
    assert urljoin(f"http://proxy{root}{asked}", response.headers["Location"]) == f"http://proxy{root}{place}"


def test_a_slash_too_few_after_the_prefix_leads_to_the_page():
    response = Caller(root_path=PREFIX)(PREFIX)

    assert response.status_code == 307
    assert urljoin(f"http://proxy{PREFIX}", response.headers["Location"]) == f"http://proxy{PREFIX}/"


def test_below_a_prefix_the_token_is_asked_for_as_without():
    caller = Caller(root_path=PREFIX, token="of the test")  # noqa: S106
    paths = ("/", "/health", "/docs", "/page/docs.js", "/favicon.ico", "/v1/model", "/metrics", "/page/../v1/model")

    for root in ("", PREFIX):
        statuses = [caller(root + path).status_code for path in paths]
        assert statuses == [200] * 5 + [401] * 3


def test_what_is_not_there_is_told_with_what_is():
    caller = Caller()

    missing, otherwise = caller("/v1/prediction"), caller("/health", "POST")

    assert (missing.status_code, otherwise.status_code) == (404, 405)
    assert missing.json() == {"detail": "there is no GET /v1/prediction; /openapi.json tells what there is"}
    assert otherwise.json() == {"detail": "there is no POST /health; it takes GET, HEAD"}
    assert otherwise.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Content-Encoding": "gzip"}, "Content-Encoding: gzip"),
        ({"Content-Encoding": "BR"}, "Content-Encoding: br"),
        ({"Content-Encoding": "identity, deflate"}, "Content-Encoding: identity, deflate"),
        ({"Transfer-Encoding": "gzip, chunked"}, "Transfer-Encoding: gzip, chunked"),
    ],
)
def test_a_coded_body_is_refused_by_what_is_wrong_with_it(headers, found):
    response = Caller()("/v1/predictions", "POST", content=b"x", headers=headers)

    assert response.status_code == 415
    assert response.json()["detail"] == f"{found} is not read; send the body uncompressed"
    assert response.headers["Accept-Encoding"] == "identity"
