"""The torture bench: a bounded part runs with all tests, the whole where ``PENSTROKE_TORTURE`` is ``full``."""

import os
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from ..guards.tiny import Tiny

FULL = os.environ.get("PENSTROKE_TORTURE") == "full"
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}
FIGURES: Counter[str] = Counter()  # what the bench found, by name; printed at its end


def times(bounded: int, full: int) -> int:
    """Return how often to do a thing."""
    return full if FULL else bounded


def some(cases: dict, share: int) -> list:
    """Return all cases, or one of each ``share`` of them, as parameters of a test."""
    return [pytest.param(*case, id=name) for name, case in list(cases.items())[:: 1 if FULL else share]]


def at_change_of(folder: Path, number: int, act: Callable[[], None]) -> None:
    """Act once, right before this process writes, renames or removes what lies in a folder for the n-th time."""
    left = count(1 - number)
    writing = os.O_WRONLY | os.O_RDWR

    def watch(event: str, arguments: tuple) -> None:
        changes = event in CHANGES or (event == "open" and arguments[2] & writing)
        if changes and f"{folder}/" in f"{arguments[0]}/" and not next(left):
            act()

    sys.addaudithook(watch)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section(f"torture: {'all of it' if FULL else 'a part'}")
        for name, figure in FIGURES.items():
            terminalreporter.line(f"{figure:7,}  {name}")


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    """A project of a few lines; nothing has run."""
    return Tiny(tmp_path / "tiny")
