"""Host names in requests and in the configuration."""

import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d*)?")
UNSPECIFIED = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 # with their loopback addresses


@lru_cache(100)
def host_name(host: str) -> str:
    """Normalize a host for comparison: lower case, without port, brackets and final dot.

    Args:
        host: such as ``Answers.Example.ORG.:8000``, ``127.0.0.1`` or ``[::1]:8000``; an IPv6 address may lack brackets.

    Returns:
        The name or address; an international name in its ASCII form; an empty text if ``host`` is no host.

    Examples:
        >>> host_name("Answers.Example.ORG.:8000")
        'answers.example.org'
        >>> host_name("[::1]:8000")
        '::1'
        >>> host_name("no host")
        ''
    """
    host = host.lower()
    with suppress(ValueError):
        return ip_address(host).compressed
    found = AUTHORITY.fullmatch(host)
    name = found[1].removesuffix(".") if found else ""
    with suppress(ValueError):
        return ip_address(name.strip("[]")).compressed
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return ""


def link_to(host: str, port: int) -> str:
    """Return the URL of a service on this machine.

    Examples:
        >>> link_to("0.0.0.0", 8000)
        'http://127.0.0.1:8000'
    """
    name = UNSPECIFIED.get(host_name(host), host)
    with suppress(ValueError):
        name = f"[{IPv6Address(name)}]"
    return f"http://{name}:{port}"
