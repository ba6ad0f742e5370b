"""Names of hosts, as requests, the configuration and people write them."""

import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(?::\d*)?")
UNSPECIFIED = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 # and what reaches them from here


@lru_cache(100)
def host_name(host: str) -> str:
    """Bring a host to the one form in which hosts compare: lower case, without port, brackets and final dot.

    Args:
        host: such as ``Answers.Example.ORG.:8000``, ``127.0.0.1`` or ``[::1]:8000``; an IPv6 address may lack brackets.

    Returns:
        The name or address, an international name as it is sent; empty where ``host`` is none.
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
    """Give the address of a service at this machine that a person can click."""
    name = UNSPECIFIED.get(host_name(host), host)
    with suppress(ValueError):
        name = f"[{IPv6Address(name)}]"
    return f"http://{name}:{port}"
