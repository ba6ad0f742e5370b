import errno
import io
import os
import sys

import pytest
from rich.table import Table
from rich.tree import Tree

from kedro_guards.printing import forgiving_output, say


@pytest.fixture
def printed(monkeypatch):
    """Say something to an output of an encoding, and return what arrived there."""

    def printed(*parts, encoding="utf-8", **options):
        output = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", output)
        say(*parts, **options)
        return output.buffer.getvalue().decode(encoding)

    return printed


@pytest.mark.parametrize(
    "text", ["build/team[a]/data", "a[/b]", "v[2]", "[bold]x[/bold]", ":cat: a::b", "x" * 300, "\\["]
)
def test_a_text_is_printed_as_it_is(printed, text):
    table = Table("name")
    table.add_row(text)

    assert printed(text) == f"{text}\n"
    assert text in printed(table, Tree(text), wide=True)


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-2", "cp1252"])
def test_what_a_terminal_has_no_character_for_is_printed_as_a_question_mark(printed, encoding):
    table = Table("spread")
    table.add_row("± 0.3 → é")

    shown = "± 0.3 → é".encode(encoding, "replace").decode(encoding)

    assert printed("± 0.3 → é", encoding=encoding) == f"{shown}\n"
    assert shown in printed(table, encoding=encoding)


class _Failing(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def flush(self):
        raise self.error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    "output",
    [_Failing(BrokenPipeError()), _Failing(OSError(errno.ENOSPC, "full")), _Failing(ValueError("closed")), None],
)
def test_an_output_that_takes_nothing_fails_nothing(monkeypatch, output):
    monkeypatch.setattr(sys, "stdout", output)

    say("a", Tree("b"))


def test_a_node_of_a_process_without_an_output_may_print_and_ask_for_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    with forgiving_output():
        print("± a")  # noqa: T201 # as a node may
        assert sys.stdout.isatty() is False
    assert sys.stdout is None


def _nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def _the_disk_is_full():
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _only_ascii():
    sys.stdout.reconfigure(encoding="ascii")


@pytest.mark.parametrize("output", [_nobody_reads, _the_disk_is_full, _only_ascii])
def test_a_run_whose_nodes_print_too_ends_well_whatever_becomes_of_its_output(tiny, output):
    tiny.edit("src/tiny/report.py", "    return", "    print('±' * 9000)\n    return")

    result = tiny.kedro("run", "--changed", within=output)

    assert (result.returncode, result.stderr) == (0, "")
    assert (tiny / "data/report.txt").exists()
    assert tiny.ran() == set()
