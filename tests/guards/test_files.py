import multiprocessing
import os
import pickle
import resource
import subprocess
import sys
import time
from contextlib import suppress

import fsspec
import fsspec.tests.abstract
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.local import LocalFileSystem
from kedro.io import DatasetError, Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.partitions import PartitionedDataset

from kedro_guards.files import PARTIAL, AtomicLocalFileSystem, located, names_in, sweep
from kedro_guards.hooks import GuardHooks

FILES = AtomicLocalFileSystem(auto_mkdir=True)


@pytest.fixture
def place(tmp_path):
    place = tmp_path / "file"
    place.write_text("former")
    return place


def _names(place):
    return [path.name for path in place.parent.iterdir()]


@pytest.mark.parametrize(("mode", "content"), [("w", "new"), ("wb", b"new"), ("wt", "new")])
def test_a_file_is_written_when_it_is_closed_and_not_before(place, mode, content):
    with FILES.open(str(place), mode) as file:
        file.write(content)
        file.flush()
        assert place.read_text() == "former"

    assert place.read_text() == "new"
    assert _names(place) == ["file"]


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+b"])
def test_an_error_while_writing_leaves_the_former_file(place, mode):
    def write():
        with FILES.open(str(place), mode) as file:
            file.write("new" if "b" not in mode else b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()

    assert place.read_text() == "former"
    assert _names(place) == ["file"]


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_file_that_no_longer_fits_is_forgotten_whoever_opened_it(place, size):
    def write():
        with fsspec.open(str(place), "wb") as file:
            file.write(b"x" * size)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert place.read_text() == "former"
    assert _names(place) == ["file"]


def test_appending_and_overwriting_begin_with_what_the_file_holds(place):
    with FILES.open(str(place), "a") as file:
        file.write(" and new")
    with FILES.open(str(place), "r+b") as file:
        file.write(b"F")

    assert place.read_text() == "Former and new"


def test_text_keeps_its_encoding_and_newlines(tmp_path):
    with FILES.open(str(tmp_path / "text"), "w", encoding="utf-16", newline="\r\n") as file:
        file.write("ä\n")

    assert (tmp_path / "text").read_bytes().decode("utf-16") == "ä\r\n"


def test_text_is_utf_8_whatever_the_locale_of_the_machine(tmp_path):
    code = """
import fsspec, pandas as pd, sys
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset
from kedro_guards.files import AtomicLocalFileSystem
fsspec.register_implementation("file", AtomicLocalFileSystem, clobber=True)
card, table = TextDataset(filepath=f"{sys.argv[1]}/card.md"), CSVDataset(filepath=f"{sys.argv[1]}/table.csv")
card.save("a \\u2192 b"), table.save(pd.DataFrame({"\\u2192": [1]}))
assert card.load() == "a \\u2192 b" and list(table.load()) == ["\\u2192"]
"""
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": os.pathsep.join(sys.path)}

    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=os.environ | ascii_only, capture_output=True, check=False
    )

    assert answer.returncode == 0, answer.stderr.decode()
    assert (tmp_path / "card.md").read_bytes() == "a → b".encode()
    assert "→".encode() in (tmp_path / "table.csv").read_bytes()


def test_the_permissions_of_a_file_stay_and_those_of_a_new_one_are_the_usual(place):
    place.chmod(0o640)

    for path in (place, place.with_name("other")):
        with FILES.open(str(path), "wb") as file:
            file.write(b"new")

    assert place.stat().st_mode & 0o777 == 0o640
    plain = place.with_name("plain")
    plain.touch()
    assert place.with_name("other").stat().st_mode == plain.stat().st_mode


def test_a_symbolic_link_stays_one(place):
    link = place.with_name("link")
    link.symlink_to(place)

    with FILES.open(str(link), "w") as file:
        file.write("new")

    assert link.is_symlink()
    assert place.read_text() == "new"


@pytest.mark.parametrize(
    ("mode", "name", "error"), [("xb", "file", FileExistsError), ("wb", ".", IsADirectoryError), ("r+b", "no", OSError)]
)
def test_what_open_refuses_is_refused(place, mode, name, error):
    with pytest.raises(error):
        FILES.open(str(place.parent / name), mode)

    assert _names(place) == ["file"]


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+b", "xb"])
def test_what_a_transaction_writes_is_there_at_its_end_and_not_before(place, mode):
    target = place.with_name("new") if "x" in mode else place
    with FILES.transaction:
        with FILES.open(str(target), mode) as file:
            file.write(b"more" if "b" in mode else "more")
        assert not target.exists() or target.read_text() == "former"
        FILES.cp_file(str(place), str(place.with_name("copy")))
        assert not place.with_name("copy").exists()

    assert target.read_text() == {"a": "formermore", "r+b": "moreer"}.get(mode, "more")
    assert place.with_name("copy").read_text() == "former"
    assert not list(place.parent.glob(f".*{PARTIAL}"))


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+b"])
def test_a_transaction_that_fails_writes_nothing(place, mode):
    def write():
        with FILES.transaction:
            for name in ("file", "other"):
                with FILES.open(str(place.with_name(name)), mode if name == "file" else "wb") as file:
                    file.write("new" if mode in ("w", "a") and name == "file" else b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()

    assert place.read_text() == "former"
    assert _names(place) == ["file"]


def test_a_file_that_failed_within_a_transaction_is_left_out_of_it_and_one_left_open_is_completed(place):
    with FILES.transaction:
        with suppress(RuntimeError), FILES.open(str(place), "wb") as file:
            file.write(b"half")
            raise RuntimeError
        FILES.open(str(place.with_name("other")), "wb").write(b"whole")

    assert place.read_text() == "former"
    assert place.with_name("other").read_text() == "whole"


@pytest.mark.parametrize("mode", ["ab", "r+b", "xb"])
def test_a_file_cannot_be_written_on_in_the_transaction_that_writes_it(place, mode):
    def write():
        with FILES.transaction:
            FILES.pipe_file(str(place.with_name("new")), b"new")
            FILES.open(str(place.with_name("new")), mode)

    if mode != "xb":
        place.with_name("new").write_text("old")
    with pytest.raises(FileExistsError, match="is being written in this transaction"):
        write()

    assert set(_names(place)) <= {"file", "new"}


def test_a_file_that_is_read_can_be_pickled_and_one_that_is_written_is_refused_with_its_name(place):
    with FILES.open(str(place), "rb") as file:
        file.seek(3)
        assert pickle.loads(pickle.dumps(file)).read() == b"mer"

    with pytest.raises(ValueError, match="file is being written"), FILES.open(str(place), "wb") as file:
        pickle.dumps(file)


def test_a_file_that_was_opened_and_forgotten_leaves_the_former_one(place):
    file = FILES.open(str(place), "wb")
    del file

    assert place.read_text() == "former"
    assert _names(place) == ["file"]


def test_reading_is_that_of_fsspec(place):
    assert FILES.cat(str(place)) == LocalFileSystem().cat(str(place)) == b"former"
    with FILES.open(str(place), "r") as file:
        assert file.read() == "former"


def test_what_is_being_written_is_no_part_of_its_folder(tmp_path):
    folder = PartitionedDataset(path=str(tmp_path), dataset="json.JSONDataset")
    folder.save({"a": [1]})

    with FILES.open(str(tmp_path / "b"), "w"):
        assert set(folder.load()) == {"a"}
        assert FILES.ls(str(tmp_path)) == FILES.find(str(tmp_path)) == [str(tmp_path / "a")]


@pytest.mark.parametrize("name", ["v[2]", "e[!a]", "st*r", "q?x", "plain"])
def test_a_folder_whose_name_reads_like_a_pattern_is_taken_by_its_name(tmp_path, name):
    for path in ("base/catalog.yml", "base/catalog_more/one.yml", "base/deep/catalog.yml", "base/other.yml"):
        FILES.pipe_file(str(tmp_path / name / path), b"")
    FILES.pipe_file(str(tmp_path / "v2/base/catalog.yml"), b"")

    def found(pattern, **options):
        names = FILES.glob(f"{tmp_path}/{name}/{pattern}", **options)
        return {each.removeprefix(f"{tmp_path}/{name}/") for each in names}

    assert found("base/catalog.yml") == {"base/catalog.yml"}
    assert found("base/catalog*") == {"base/catalog.yml", "base/catalog_more"}
    assert found("base/*/") == {"base/catalog_more", "base/deep"}
    assert found("base/catalog*/**") == {"base/catalog_more", "base/catalog_more/one.yml"}
    assert found("**/catalog.yml") == {"base/catalog.yml", "base/deep/catalog.yml"}
    assert found("**/*.yml", maxdepth=2) == {"base/catalog.yml", "base/other.yml"}
    assert found("base/[co]t*.yml") == {"base/other.yml"}
    assert found("absent/*") == set()
    assert FILES.glob(f"{tmp_path}/{name}") == [f"{tmp_path}/{name}"]
    assert FILES.glob(f"{tmp_path}/{name}/base/o*", detail=True).keys() == {f"{tmp_path}/{name}/base/other.yml"}


def test_a_local_path_is_no_chain_of_addresses(tmp_path):
    files, path = located(str(tmp_path / "a::b/file"), auto_mkdir=True)
    files.pipe_file(path, b"here")

    assert (tmp_path / "a::b/file").read_bytes() == b"here"
    assert names_in(str(tmp_path / "a::b")) == ["file"]
    assert names_in(str(tmp_path / "absent")) == []
    assert located("memory://a")[1] == "/a"


def test_what_a_killed_process_left_of_a_file_and_its_versions_is_swept_and_nothing_else(tmp_path):
    place = tmp_path / "table[1].csv"
    left = [tmp_path / f".table[1].csv.01{PARTIAL}", tmp_path / "table[1].csv/v1" / f".table[1].csv.23{PARTIAL}"]
    kept = [tmp_path / f".other.csv.01{PARTIAL}", tmp_path / "table[1].csv/v1/table[1].csv"]
    left[1].parent.mkdir(parents=True)
    for path in left + kept:
        path.touch()

    assert sweep(place) == left
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in left)


def test_the_hooks_of_a_project_register_it_for_all_datasets(tmp_path):
    fsspec.register_implementation("file", LocalFileSystem, clobber=True)
    GuardHooks()

    assert isinstance(fsspec.filesystem("file"), AtomicLocalFileSystem)

    dataset = JSONDataset(filepath=str(tmp_path / "scores.json"))
    dataset.save({"accuracy": 1})
    with pytest.raises(DatasetError):
        dataset.save({"accuracy": 2, "unserialisable": object()})

    assert dataset.load() == {"accuracy": 1}


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("kind", [ParquetDataset, CSVDataset, JSONDataset])
def test_a_save_that_is_killed_at_any_moment_leaves_a_whole_dataset(tmp_path, kind, versioned):
    """A process saves tables of one value throughout, again and again, and is killed; what loads has one value."""
    processes = multiprocessing.get_context("fork")
    for attempt in range(10):
        begun = processes.Event()
        saver = processes.Process(target=_save_for_ever, args=(kind, str(tmp_path / "table"), versioned, begun))
        saver.start()
        assert begun.wait(60)
        time.sleep(0.003 * attempt)
        saver.kill()
        saver.join()

        files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(PARTIAL)]
        for path in sorted(files, key=os.path.getmtime)[-2:]:
            loaded = kind(filepath=str(path)).load()
            assert len(loaded) == ROWS
            assert len(np.unique(pd.DataFrame(loaded).to_numpy())) == 1
    sweep(tmp_path / "table")
    assert not list(tmp_path.rglob(f"*{PARTIAL}"))


class AbstractFixtures(fsspec.tests.abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self):
        return FILES

    @pytest.fixture
    def fs_path(self, tmp_path):
        return str(tmp_path)


class TestAsFsspecCopies(AbstractFixtures, fsspec.tests.abstract.AbstractCopyTests):
    pass


class TestAsFsspecGets(AbstractFixtures, fsspec.tests.abstract.AbstractGetTests):
    pass


class TestAsFsspecPuts(AbstractFixtures, fsspec.tests.abstract.AbstractPutTests):
    pass


class TestAsFsspecOpens(AbstractFixtures, fsspec.tests.abstract.AbstractOpenTests):
    pass


class TestAsFsspecPipes(AbstractFixtures, fsspec.tests.abstract.AbstractPipeTests):
    pass


ROWS = 20_000


def _save_for_ever(kind, place, versioned, begun):
    for number in range(10_000):
        table = pd.DataFrame({"value": np.full(ROWS, number)})
        version = {"version": Version(None, f"{time.time_ns()}")} if versioned else {}
        kind(filepath=place, **version).save(table["value"].tolist() if kind is JSONDataset else table)
        if number == 1:
            begun.set()
