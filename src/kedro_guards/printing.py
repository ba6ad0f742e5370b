"""Print for people: output that cannot be printed is lost, and fails no run."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from typing import Any, TextIO, cast

from rich.console import Console, RenderableType
from rich.text import Text

WIDE = 1000  # columns, if the output is no terminal


def say(*parts: RenderableType, wide: bool = False) -> None:
    """Print to standard output, whatever that is: a terminal without UTF-8, a closed pipe, a full disk.

    Args:
        *parts: a line each. Text is printed literally, without markup, and only the terminal wraps it.
        wide: whether tables and trees may have any width if the output is no terminal.
    """
    if sys.stdout is None:  # a process without it
        return
    paper: Any = _Paper(sys.stdout)
    width = WIDE if wide and not sys.stdout.isatty() else None
    console = Console(file=paper, width=width, highlight=False, markup=False, emoji=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str | Text))


@contextmanager
def forgiving_output() -> Iterator[None]:
    """Let nodes print to standard output as :func:`say` does.

    A process without that output gets one that nobody reads.
    """
    with redirect_stdout(cast("TextIO", _Paper(sys.stdout or StringIO()))):
        yield


def let_go_of_output() -> None:
    """Drop what could not be printed before a process ends, since Python would change its exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


class _Paper:
    """A stream that prints ``?`` for characters it lacks, and drops what it cannot print."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with suppress(OSError, ValueError):
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()
