"""SIGKILL at any moment of a save or a run: what is stored is whole and known, and the next run mends the rest."""

import io
import os
import posix
import random
import signal
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from kedro.io import Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_datasets.text import TextDataset
from sklearn.neighbors import KNeighborsClassifier

from kedro_guards.datasets.model import ModelDataset
from kedro_guards.files import PARTIAL, sweep
from kedro_guards.receipts import hash_of

from ..guards.tiny import FORK, Tiny
from .conftest import FIGURES, at_change_of, some, times

pytestmark = pytest.mark.torture
ROWS, PARTS = 5_000, ("a", "b", "c")

CHANGES = {"open", "write", "flush", "fsync", "truncate", "close", "replace", "rename", "chmod"} | {
    *("mkdir", "rmdir", "remove", "unlink"),
}


def _table(number):
    return pd.DataFrame({"value": np.full(ROWS, number)})


def _model(number):
    return KNeighborsClassifier(algorithm="brute").fit(np.full((500, 10), float(number)), np.arange(500) % 2)


KINDS = {  # of dataset: what it holds of a number, and the number of what it holds
    ParquetDataset: (_table, lambda table: table["value"].iloc[0]),
    CSVDataset: (_table, lambda table: table["value"].iloc[0]),
    JSONDataset: (lambda number: [int(number)] * ROWS, lambda numbers: numbers[0]),
    TextDataset: (lambda number: f"{number}\n" * ROWS, lambda text: int(text.partition("\n")[0])),
    ModelDataset: (_model, lambda model: int(model._fit_X[0, 0])),
}


class Kept:
    """A dataset of numbers in a file, in the versions of a file or in a folder of files."""

    def __init__(self, kind, way: str, place: Path) -> None:
        self.kind, self.way, self.place = kind, way, str(place / "file")
        self.content, self.number = KINDS[kind]

    def save(self, number: int) -> None:
        content = self.content(number)
        if self.way == "folder":
            self._folder().save(dict.fromkeys(PARTS, content))
        else:
            version = {"version": Version(None, f"{time.time_ns():020d}")} if self.way == "versions" else {}
            self.kind(filepath=self.place, **version).save(content)

    def numbers(self) -> set[int]:
        """Load all, and return the numbers found.

        Raises:
            AssertionError: something that loads is not what was saved.
        """
        version = {"version": Version(None, None)} if self.way == "versions" else {}
        folder = self.way == "folder"
        parts = self._folder().load() if folder else {"": self.kind(filepath=self.place, **version).load}
        assert set(parts) == (set(PARTS) if folder else {""})
        return {self._number(load()) for load in parts.values()}

    def _number(self, loaded) -> int:
        number = self.number(loaded)
        assert joblib.hash(loaded) == joblib.hash(self.content(number))
        return int(number)

    def _folder(self) -> PartitionedDataset:
        kind = f"{self.kind.__module__}.{self.kind.__name__}"
        return PartitionedDataset(path=self.place, dataset=kind)


@pytest.fixture(params=["file", "versions", "folder"])
def way(request):
    return request.param


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kept(request, way, tmp_path):
    kept = Kept(request.param, way, tmp_path)
    kept.save(0)
    return kept


def _judge(kept: Kept) -> set[int]:
    """Count a save that was killed, and what it cost."""
    FIGURES["saves killed"] += 1
    for fault in ("damaged", "silent"):
        FIGURES[f"of them {fault}"] += 0
    try:
        return kept.numbers()
    except AssertionError:
        FIGURES["of them silent"] += 1
        raise
    except Exception:
        FIGURES["of them damaged"] += 1
        raise


def _next_save_mends(kept: Kept) -> None:
    folder = Path(kept.place).parent
    FIGURES["partial files swept"] += len(sweep(Path(kept.place)))
    kept.save(7)

    assert kept.numbers() == {7}
    assert not list(folder.rglob(f"*{PARTIAL}"))


def test_a_save_that_is_killed_at_any_moment_costs_nothing(kept):
    moments = random.Random(0)  # noqa: S311
    for _ in range(times(1, 80)):
        begun = FORK.Event()
        saver = FORK.Process(target=_save_for_ever, args=(kept, begun))
        saver.start()
        assert begun.wait(60)
        time.sleep(moments.uniform(0, 0.02))
        saver.kill()
        saver.join()

        _judge(kept)

    _next_save_mends(kept)


def _save_for_ever(kept, begun):
    for number in count(1):
        if number == 2:
            begun.set()
        kept.save(number)


def test_a_save_that_is_killed_at_any_call_of_the_system_costs_nothing(kept):
    """Before and after each: Python says of each call of C whom it calls."""
    step = times(23, 1)
    for call in count(1, step):
        kept.save(0)
        saver = FORK.Process(target=_save_until, args=(kept, call))
        saver.start()
        saver.join()

        if saver.exitcode == 0:
            break
        assert saver.exitcode == -signal.SIGKILL
        FIGURES["of them at a call of the system"] += 1
        assert _judge(kept) <= {0, 1}

    assert call > 1
    assert kept.numbers() == {1}
    _next_save_mends(kept)


def _save_until(kept, call):
    left = count(1 - call)

    def watch(frame, event, function):
        if event in ("c_call", "c_return") and _calls_the_system(function) and not next(left):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)
    kept.save(1)
    os._exit(0)


def _calls_the_system(function) -> bool:
    """Whether it may change what is on the disk; what lies in memory, as text does, changes nothing."""
    holder = getattr(function, "__self__", None)
    in_memory = isinstance(holder, io.BytesIO | io.TextIOBase) and function.__name__ != "close"
    return function.__name__ in CHANGES and (holder is posix or (isinstance(holder, io.IOBase) and not in_memory))


A, B = "--params=scaling.factor=3", "--params=scaling.factor=2"
NAMES = ("scaled", "small", "great", "sums", "report", "words")


class Victim:
    """The small project, run in turn with one factor and another, and killed on its way."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny
        self.clean = {}
        for factor in (B, A):
            tiny.run("--changed", factor)
            self.clean[factor] = tiny.contents()
        self.now, self.next = A, B

    def survives(self) -> None:
        """Judge what a killed run left, and let the next run go on.

        Each file is that of before or that of after, and what disagrees with its receipt is known to be unfinished.
        """
        FIGURES["runs killed"] += 1
        for fault in ("damaged", "silent", "recovered by the next run"):
            FIGURES[f"of these {fault}"] += 0
        whole = {(name, content) for contents in self.clean.values() for name, content in contents.items()}
        torn = self._files().items() - whole
        FIGURES["of these damaged"] += bool(torn)
        assert not torn
        unknown = [name for name in NAMES if not self._is_known(name)]
        FIGURES["of these silent"] += bool(unknown)
        assert not unknown

        self.tiny.run("--changed", self.next)

        assert self.tiny.contents() == self.clean[self.next]
        assert self.tiny.ran(self.next) == set()
        assert not list(self.tiny.data.rglob(f"*{PARTIAL}"))
        FIGURES["of these recovered by the next run"] += 1
        self.now, self.next = self.next, self.now

    def _files(self) -> dict[str, str]:
        return {name: content for name, content in self.tiny.contents().items() if not name.endswith(PARTIAL)}

    def _is_known(self, name: str) -> bool:
        """Whether a dataset agrees with its receipt, or is announced to be unfinished."""
        files = {path: content for path, content in self._files().items() if path.startswith((f"{name}.", f"{name}/"))}
        parts = {path.removeprefix("words/"): content for path, content in files.items()}
        sha256 = hash_of(parts) if name == "words" else next(iter(files.values()))
        pending = self.tiny.data / f".receipts/{name}.pending.json"
        return self.tiny.receipt(name)["sha256"] == sha256 or pending.exists()


@pytest.fixture
def victim(tiny):
    return Victim(tiny)


WAYS = {"in one process": ("SequentialRunner", times(2, 120)), "in many": ("ParallelRunner", times(1, 20))}


@pytest.mark.slow
@pytest.mark.parametrize(("runner", "kills"), some(WAYS, 2))
def test_a_run_that_is_killed_at_any_moment_with_all_its_processes_is_mended_by_the_next_one(tiny, runner, kills):
    more = 'negated: {type: json.JSONDataset, filepath: "${globals:data}/negated.json"}\n'
    tiny.write("conf/base/catalog_more.yml", more)  # for workers can hand over nothing that lies in memory
    victim = Victim(tiny)
    run = f"--runner={runner}"
    begun = time.monotonic()
    tiny.printed(tiny.fork("run", run, A))
    duration = time.monotonic() - begun
    moments = random.Random(0)  # noqa: S311
    for _ in range(kills):
        process = tiny.fork("run", run, victim.next, within=os.setsid)
        process.join(moments.uniform(0, duration))
        with suppress(ProcessLookupError):  # it has not come to be a group of its own, or is over
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()

        victim.survives()


@pytest.mark.slow
def test_a_run_that_is_killed_wherever_it_touches_the_disk_is_mended_by_the_next_one(victim):
    step = times(47, 1)
    for call in count(1, step):
        result = victim.tiny.kedro("run", victim.next, within=lambda call=call: _die_at(call, victim.tiny.data))
        if result.returncode == 0:
            break
        assert result.returncode == -signal.SIGKILL
        FIGURES["of these where they touched the disk"] += 1

        victim.survives()

    assert call > 1


def _die_at(call: int, data: Path) -> None:
    at_change_of(data, call, lambda: os.kill(os.getpid(), signal.SIGKILL))
