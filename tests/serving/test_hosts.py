"""Hosts compare as people, browsers and proxies mean them."""

import pytest

from penstroke.serving.hosts import host_name, link_to


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost", "localhost"),
        ("localhost.", "localhost"),
        ("Answers.Example.ORG.:8000", "answers.example.org"),
        ("localhost:", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::1]:8000", "::1"),
        ("[0:0:0:0:0:0:0:1]:8000", "::1"),
        ("[FE80::00A]", "fe80::a"),
        ("Bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_has_one_form_however_it_is_written(written, name):
    assert host_name(written) == name


NO_HOSTS = ["", ".", ":80", "localhost:x", "localhost:80:80", "http://localhost", "localhost/", "me@localhost", "[::1"]
NO_HOSTS += ["[x]", "localhost, elsewhere.example", "local host", "localhost\n", "localhost#", "*", "ü..example"]


@pytest.mark.parametrize("written", NO_HOSTS)
def test_what_is_no_host_has_no_name(written):
    assert host_name(written) == ""


@pytest.mark.parametrize(
    ("host", "link"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("2001:db8::5", "http://[2001:db8::5]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://[::1]:8000"),
        ("", "http://127.0.0.1:8000"),
    ],
)
def test_the_address_that_is_printed_can_be_clicked(host, link):
    assert link_to(host, 8000) == link
