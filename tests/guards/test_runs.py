import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from kedro_guards import runs
from kedro_guards.runs import RunLockError, lock

from .tiny import ROOT


@pytest.fixture
def place(tmp_path):
    return tmp_path / "locks" / "labels"


@pytest.fixture
def holder(place):
    """Another process that holds the lock."""
    command = "import sys, time; from kedro_guards.runs import lock\nwith lock(Path(sys.argv[1]), 0):\n    print(1)"
    command = f"from pathlib import Path; {command}; sys.stdout.flush(); time.sleep(60)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    holder = subprocess.Popen([sys.executable, "-c", command, place], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout.readline() == b"1\n"
    yield holder
    holder.kill()
    holder.wait()


def test_a_lock_that_another_process_holds_is_refused_after_the_stated_time_with_its_holder(place, holder):
    message = rf"labels is being written by process {holder.pid} on .* since 20\d\d-"

    with pytest.raises(RunLockError, match=message), lock(place, 0.1):
        pass


def test_a_lock_is_had_as_soon_as_its_holder_is_over(place, holder):
    with pytest.raises(RunLockError), lock(place, 0):
        pass
    holder.terminate()

    with lock(place, 10):
        assert f"process {os.getpid()}" in place.read_text()


def test_a_lock_left_by_a_killed_process_stops_nobody(place, holder):
    holder.kill()
    holder.wait()

    with lock(place, 0):
        pass


def test_a_lock_is_free_again_after_an_error(place):
    with pytest.raises(RuntimeError), lock(place, 0):
        raise RuntimeError

    with lock(place, 0):
        pass


def _refusing(number):
    def refuse(place, *_, **__):
        raise OSError(number, os.strerror(number), *([str(place)] if isinstance(place, Path) else []))

    return refuse


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_told_with_what_to_do_and_no_other_kind_of_lock_is_taken(place, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", _refusing(number))

    with pytest.raises(RunLockError, match="labels cannot be locked, and nothing was written: .* mount it with"):
        lock(place, 0).__enter__()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "locks: Permission denied; ask its owner for the right"),
        (errno.EROFS, "locks: Read-only file system; it may only be read: let `data` in globals.yml name a folder"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(place, monkeypatch, number, told):
    monkeypatch.setattr(Path, "mkdir", _refusing(number))

    with pytest.raises(RunLockError, match=told):
        lock(place, 0).__enter__()


@pytest.mark.slow
def test_where_nothing_can_be_written_a_run_of_what_changed_needs_to_write_nothing_if_nothing_has(tiny):
    def within():
        fcntl.flock, runs.write_stamp = _refusing(errno.EROFS), _refusing(errno.EROFS)

    assert tiny.ran()
    shutil.rmtree(tiny / "data/.receipts/.unchanged")

    assert tiny.kedro("run", "--changed", within=within).stdout == "nothing has changed\n"

    tiny.edit("conf/base/parameters.yml", "title: sums", "title: totals")
    before = tiny.contents()
    result = tiny.kedro("run", "--changed", within=within)
    assert result.returncode == 1
    assert re.fullmatch("Error: .* cannot be locked, and nothing was written: Read-only file .*\n", result.stderr)
    assert tiny.contents() == before


@pytest.fixture
def impatient(tiny):
    """The project of a few lines, whose runs wait for half a second."""
    tiny.write("conf/base/globals.yml", "raw: data/raw\ndata: data\nlock_timeout_s: 0.5\n")
    return tiny


def test_a_run_that_would_write_what_another_writes_leaves_in_one_line_and_writes_nothing(impatient):
    with lock(impatient.data / ".locks/small", 0):
        result = impatient.kedro("run", "--to-nodes=divide")

    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert re.search(rf"small is being written by process {os.getpid()} on .*; this run waited 0.5 s", line)
    assert {path.name for path in impatient.data.iterdir()} == {"raw", ".locks"}


def test_a_run_that_writes_other_datasets_goes_on(impatient):
    with lock(impatient.data / ".locks/report", 0):
        impatient.run("--pipelines=sums")

    assert (impatient.data / "sums.json").exists()


def test_the_locks_of_a_run_are_those_of_its_outputs_and_free_when_it_is_over(impatient):
    impatient.run("--pipelines=sums")

    locks = list((impatient.data / ".locks").iterdir())
    assert {path.name for path in locks} == {"scaled", "small", "great", "words", "negated", "sums"}
    for path in locks:
        FileLock(path).acquire(timeout=0)


def test_a_run_sweeps_what_a_killed_one_left_of_its_own_outputs_alone(impatient):
    left, other = (impatient.data / f".{name}.json.0123.partial" for name in ("small", "elsewhere"))
    left.touch()
    other.touch()

    impatient.run("--to-nodes=divide")

    assert not left.exists()
    assert other.exists()
