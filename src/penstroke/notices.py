"""Send a message about an alarm, a refusal or a failed run, if ``notices.address`` is set."""

import hashlib
import hmac
import json
import logging
import re
import socket
from datetime import UTC, datetime
from time import sleep
from typing import TYPE_CHECKING, Any

from kedro.config import MissingConfigException
from kedro.framework import project as framework
from pydantic import Field, field_validator

from kedro_guards.errors import in_short
from kedro_guards.parameters import Parameters
from kedro_guards.runs import GuardedSession
from kedro_guards.secrets import leaves, without_user

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE = "X-Signature-256"
SHORTEST_SECRET = 4  # characters
NO_SECRETS = ("host", "port", "user", "dbname")  # keys of credentials whose values a message may name
BUSY = 429
LOG = logging.getLogger(__name__)


class Notices(Parameters):
    """Where messages are sent (``params:notices``). The key is in the credentials: ``notices: {key: ...}``."""

    address: str | None = Field(description="HTTP address that takes JSON; null sends nothing")
    timeout_s: float = Field(gt=0, le=60, description="how long one try waits, in seconds")
    tries: int = Field(ge=1, le=10, description="how often a message is sent until it is taken")

    @field_validator("address")
    @classmethod
    def _holds_no_user(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"https?://[^@\s]+", address):
            raise ValueError("must be http(s)://HOST without user and password")  # which would be repeated otherwise
        return address


class NoticeSession(GuardedSession):
    """A session that sends a message if its run fails, whatever the reason.

    A message that cannot be sent costs one warning, and the run ends as it would without.
    """

    def run(self, pipeline_name: str | None = None, **choices: Any) -> dict[str, Any]:  # type: ignore[override]
        """Run, and send a message if that fails.

        Raises:
            ValueError: there is an address, and no key in the credentials.
        """
        loader = self._get_config_loader()
        notices = Notices.model_validate(loader["parameters"]["notices"])
        if notices.address is None:
            return super().run(pipeline_name, **choices)
        try:
            secrets = secrets_in(loader["credentials"])
        except MissingConfigException:
            secrets = {}
        if not secrets.get("notices.key"):
            raise ValueError(
                "notices.address is set, but the credentials of this environment have no key to sign messages; "
                "add `notices: {key: ...}` to its credentials.yml, or set notices.address to null"
            )
        try:
            return super().run(pipeline_name, **choices)
        except Exception as error:
            names = choices.get("pipeline_names") or [pipeline_name or "__default__"]
            document = describe(
                error, {"id": self.session_id, "pipelines": sorted(names), "env": self.store.get("env")}
            )
            send(without_secrets(document, secrets.values()), notices, secrets["notices.key"])
            raise


def describe(error: Exception, run: "Mapping[str, Any]") -> dict[str, Any]:
    """Return what a message says about an error.

    Returns:
        ``what`` ("alarm", "refusal" or "failure"), ``message``, ``figures`` and ``card`` (both empty for a failure),
        and the ``run``: what is given, and project, host and time.
    """
    return {
        "what": getattr(error, "kind", "failure"),
        "message": without_user(in_short(error)),
        "figures": getattr(error, "figures", {}),
        "card": getattr(error, "card", ""),
        "run": {
            **run,
            "project": framework.PACKAGE_NAME,
            "host": socket.gethostname(),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }


def secrets_in(credentials: "Mapping[str, Any]") -> dict[str, str]:
    """Return the secrets among credentials by their dotted keys.

    Examples:
        >>> secrets_in({"store": {"user": "me", "password": "canary"}})
        {'store.password': 'canary'}
    """
    found = {name: str(value) for name, value in leaves(credentials)}
    return {name: value for name, value in found.items() if name.rpartition(".")[2] not in NO_SECRETS}


def without_secrets(document: dict[str, Any], secrets: "Any") -> bytes:
    """Return a document as JSON in UTF-8, with ``***`` in place of every secret.

    Examples:
        >>> without_secrets({"message": "cannot log in as me with canary"}, ["canary"])
        b'{"message": "cannot log in as me with ***"}'
    """
    text = json.dumps(document, ensure_ascii=False, default=str)
    for secret in sorted(filter(lambda each: len(each) >= SHORTEST_SECRET, secrets), key=len, reverse=True):
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "***")
    return text.encode()


def send(body: bytes, notices: Notices, key: str) -> None:
    """Post a signed message, at most ``notices.tries`` times; log a warning if the receiver does not take it.

    The header ``X-Signature-256`` is ``sha256=`` and the HMAC of the body, in hexadecimal digits. A try that gets no
    answer, 429 or 5xx is repeated after 1, 2, 4, ... seconds; redirections are not followed.

    Args:
        body: a JSON document.
        notices: where to, and how often to try.
        key: secret that the receiver knows too.
    """
    from urllib.error import HTTPError  # noqa: PLC0415 # only failed runs need it
    from urllib.request import HTTPRedirectHandler, Request, build_opener  # noqa: PLC0415

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            """Do not follow: a redirected POST would become a GET without the message."""

    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", SIGNATURE: f"sha256={signature}"}
    fault = ""
    for attempt in range(notices.tries):
        if attempt:
            sleep(2 ** (attempt - 1))
        try:
            request = Request(str(notices.address), body, headers)  # noqa: S310 # http(s) alone, see Notices
            with build_opener(Stay).open(request, timeout=notices.timeout_s):
                return
        except HTTPError as error:
            fault = f"it answered {error.code}"
            if error.code < 500 and error.code != BUSY:
                break
        except Exception as error:  # a message fails no run
            fault = str(getattr(error, "reason", error)) or type(error).__name__
    host = re.sub(r"(?<=://)([^/]*).*", r"\1", str(notices.address))  # the path may be a secret
    LOG.warning("no message about this failure was sent to %s: %s", host, fault)
