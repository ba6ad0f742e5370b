"""A full disk at every touch of it, and one that may only be read: what was stored stays, and the next run goes on."""

import os
import subprocess
from functools import partial
from itertools import cycle

import pytest

from kedro_guards.files import PARTIAL

from ..guards.missing import missing
from ..guards.tiny import Tiny
from .conftest import FIGURES, at_change_of, times

pytestmark = pytest.mark.torture
A, B = "--params=scaling.factor=3", "--params=scaling.factor=2"
AS_ROOT = () if os.geteuid() == 0 else ("sudo", "-n")


def _mount(*arguments) -> None:
    result = subprocess.run([*AS_ROOT, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        missing(f"a small disk cannot be had here: {result.stderr.strip()}")


@pytest.fixture
def disk(tiny: Tiny):
    """The small project, whose data lie on a disk of their own of 512 KiB, and have been made with ``A``."""
    tiny.data = tiny / "disk"
    tiny.data.mkdir()
    tiny.edit("conf/base/globals.yml", "data: data\n", "data: disk\n")
    _mount("mount", "-t", "tmpfs", "-o", "size=512k,mode=0777", "torture", str(tiny.data))
    try:
        tiny.run(A)
        yield tiny
    finally:
        subprocess.run([*AS_ROOT, "umount", "--lazy", str(tiny.data)], check=True)


def _fill(tiny: Tiny) -> None:
    """Leave no byte on the disk."""
    with open(tiny.data / "filling", "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_change_of_it_costs_nothing_and_the_next_run_goes_on(disk: Tiny):
    clean = {A: disk.contents()}
    disk.run(B)
    clean[B] = disk.contents()
    whole = {file for contents in clean.values() for file in contents.items()}
    change, step = 1, times(43, 1)
    refused = 0
    for factor in cycle((A, B)):
        fill = partial(at_change_of, disk.data, change, partial(_fill, disk))
        result = disk.kedro("run", factor, within=fill)
        if not (disk.data / "filling").exists():
            break
        (disk.data / "filling").unlink()
        FIGURES["disks filled"] += 1
        FIGURES["of them with a loss"] += bool(lost := disk.contents().items() - whole)
        assert not lost
        if result.returncode:
            refused += 1
            assert result.returncode == 1
            assert "No space left on device" in result.stderr
            assert len(result.stderr.splitlines()) <= 3, result.stderr

        disk.run("--changed", factor)

        assert disk.contents() == clean[factor]
        assert not list(disk.data.rglob(f"*{PARTIAL}"))
        change += step
    assert refused
    FIGURES["of them told in three lines at most"] += refused


def test_a_disk_that_may_only_be_read_refuses_a_run_and_keeps_all(disk: Tiny):
    before = disk.contents()
    _mount("mount", "-o", "remount,ro", str(disk.data))

    error = disk.refused(B)
    changed = disk.refused("--changed", B)

    _mount("mount", "-o", "remount,rw", str(disk.data))
    assert "Read-only file system" in error
    assert "Read-only file system" in changed
    assert disk.contents() == before
    assert disk.ran(B) >= {"scale", "divide", "write"}
    FIGURES["folders that may only be read, and were"] += 2
