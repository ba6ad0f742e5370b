"""Leases: locks for runs of several machines, as objects in an S3 store, by its conditional writes.

A lease is an object that says who holds it. It is written only if there is none (``If-None-Match``), and its holder
writes it anew every few seconds. Who waits watches its ETag, so no clocks need to agree: if the ETag stays the same for
``EXPIRY_S``, the holder is dead, and the lease is replaced, if nobody else was faster (``If-Match``).
"""

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from .files import located

BEAT_S = 8.0
EXPIRY_S = 30.0
LOOK_EVERY_S = 1.0
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")  # S3's codes of a condition that fails
logger = logging.getLogger(__name__)


class RunLockError(RuntimeError):
    """Another run writes a dataset of this one."""


@contextmanager
def leases(data: str, names: list[str], patience_s: float) -> Iterator[None]:
    """Hold the leases of datasets, in ``<data>/.locks``.

    Args:
        data: an address, ``s3://...``.
        names: of the datasets, in the order in which all runs ask for them.
        patience_s: how long to wait for each.

    Raises:
        RunLockError: somebody else held one of them for that long, or took one over while this process could not reach
            the store.
    """
    holder = _Holder(data)
    try:
        for name in names:
            holder.acquire(name, patience_s)
        yield
    finally:
        lost = holder.release()
    if lost:
        raise RunLockError(
            f"{lost[0]} was taken over by another run, since this one could not renew its lease for {EXPIRY_S:g} s; "
            "what is stored may be of either: run again"
        )


class _Holder:
    def __init__(self, data: str) -> None:
        self._files, self._folder = located(f"{data}/.locks")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._told = f"process {os.getpid()} on {socket.gethostname()} since {now}"
        self._id, self._numbers = uuid4().hex, count()
        self._etags: dict[str, str] = {}
        self._lost: list[str] = []
        self._over = Event()
        self._beats = Thread(target=self._renew, daemon=True)

    def acquire(self, name: str, patience_s: float) -> None:
        began, since = monotonic(), monotonic()
        seen = warned = ""
        while (etag := self._put(name, IfNoneMatch="*")) is None:
            there, told = self._look(name)
            if there != seen:
                seen, since = there, monotonic()
            elif monotonic() - since > EXPIRY_S and (etag := self._put(name, IfMatch=seen)):
                logger.warning("the lease of %s was taken over from %s, which is dead", name, told)
                break
            if monotonic() - began > patience_s:
                raise RunLockError(
                    f"{name} is being written by {told}; this run waited {patience_s:g} s and wrote nothing: "
                    "start it again when that one is over"
                )
            if told != warned:
                logger.warning("%s is being written by %s; waiting up to %g s", name, told, patience_s)
                warned = told
            sleep(LOOK_EVERY_S)
        self._etags[name] = etag
        if not self._beats.is_alive():
            self._beats.start()

    def release(self) -> list[str]:
        """Delete what is still held; return what was lost."""
        self._over.set()
        if self._beats.is_alive():
            self._beats.join()
        for name, etag in self._etags.items():
            with suppress(OSError):  # then it expires
                if self._look(name)[0] == etag:
                    self._files.rm_file(f"{self._folder}/{name}.json")
        return self._lost

    def _renew(self) -> None:
        while not self._over.wait(BEAT_S):
            for name, etag in list(self._etags.items()):
                with suppress(Exception):  # the store cannot be reached: the next beat tries again
                    renewed = self._put(name, IfMatch=etag)
                    if renewed:
                        self._etags[name] = renewed
                    else:
                        self._lost.append(name)
                        del self._etags[name]

    def _put(self, name: str, **condition: str) -> str | None:
        """Write a lease on a condition; return its ETag, or None if the condition does not hold."""
        bucket, key, _ = self._files.split_path(f"{self._folder}/{name}.json")
        body = json.dumps({"holder": self._told, "id": self._id, "number": next(self._numbers)}).encode()
        try:
            answer: dict[str, Any] = self._files.call_s3("put_object", Bucket=bucket, Key=key, Body=body, **condition)
        except OSError as error:
            code = (getattr(error.__cause__, "response", None) or {}).get("Error", {}).get("Code")
            if code in TAKEN:
                return None
            raise
        return str(answer["ETag"])

    def _look(self, name: str) -> tuple[str, str]:
        """Return the ETag of a lease and what it says; empty if there is none."""
        place = f"{self._folder}/{name}.json"
        try:
            etag = str(self._files.info(place)["ETag"])
            return etag, str(json.loads(self._files.cat_file(place))["holder"])
        except FileNotFoundError:
            return "", "nobody"
