import os
import shutil

import pytest
from kedro.io import DatasetError

from kedro_guards.datasets.files import FilesDataset


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "b.png").write_bytes(b"second")
    (folder / "a.png").write_bytes(b"first")
    return folder


def _load(folder, most_bytes=100):
    return FilesDataset(filepath=str(folder), most_bytes=most_bytes).load()


def test_files_come_in_the_order_of_their_names_and_are_read_when_they_are_wanted(folder):
    files = _load(folder)
    (folder / "a.png").write_bytes(b"changed")

    assert list(files) == ["a.png", "b.png"]
    assert files["a.png"]() == b"changed"


def test_hidden_files_are_passed_over(folder):
    (folder / ".DS_Store").write_bytes(b"")

    assert list(_load(folder)) == ["a.png", "b.png"]


def test_a_link_is_followed(folder):
    (folder / "c.png").symlink_to("a.png")

    assert _load(folder)["c.png"]() == b"first"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda place: place.mkdir(), "it is no file"),
        (os.mkfifo, "it is no file"),
        (lambda place: place.symlink_to("/dev/zero"), "it is no file"),
        (lambda place: place.symlink_to("nowhere"), "it cannot be read: No such file or directory"),
        (lambda place: place.symlink_to(place), "it cannot be read: Too many levels of symbolic links"),
        (lambda place: place.write_bytes(bytes(101)), "it holds more than 100 bytes"),
    ],
    ids=["folder", "pipe", "device", "link to nowhere", "link to itself", "too large"],
)
def test_what_cannot_be_read_says_why_and_the_others_are_read(folder, make, reason):
    make(folder / "c.png")

    files = _load(folder)

    with pytest.raises(ValueError, match=reason):
        files["c.png"]()
    assert files["b.png"]() == b"second"


def test_a_file_that_goes_away_says_so(folder):
    files = _load(folder)
    (folder / "a.png").unlink()

    with pytest.raises(ValueError, match="it cannot be read: No such file or directory"):
        files["a.png"]()


def test_a_name_may_hold_anything(folder):
    names = [b"\xff\xfe.png", b"new\nline.png", "\N{FULLWIDTH QUESTION MARK}.png".encode(), b"x" * 255]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes(b"odd")

    files = _load(folder)

    assert "\\udcff\\udcfe.png" in files
    assert all(files[name]() == b"odd" for name in files if name not in {"a.png", "b.png"})
    assert all(name.encode() for name in files)


def test_a_folder_that_is_not_there_or_empty_is_said(tmp_path, folder):
    (tmp_path / "empty").mkdir()

    with pytest.raises(DatasetError, match="nowhere is no folder; make it and put your files there"):
        _load(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="a.png is no folder"):
        _load(folder / "a.png")
    with pytest.raises(DatasetError, match="empty holds no files; put yours there"):
        _load(tmp_path / "empty")


def test_a_folder_that_may_be_absent_holds_nothing_where_it_is(tmp_path, folder):
    def load(name):
        return FilesDataset(filepath=str(tmp_path / name), most_bytes=100, may_be_absent=True).load()

    (tmp_path / "empty").mkdir()
    assert load("nowhere") == load("empty") == {}
    assert list(load("pictures")) == ["a.png", "b.png"]
    with pytest.raises(DatasetError, match="a.png is no folder"):
        load("pictures/a.png")


def test_nothing_is_written_to_what_comes_in(folder):
    with pytest.raises(DatasetError, match="read only"):
        FilesDataset(filepath=str(folder), most_bytes=1).save({})


def test_what_a_folder_holds_is_known_by_names_and_bytes_and_by_what_cannot_be_read(folder):
    def content():
        return FilesDataset(filepath=str(folder), most_bytes=100).content_hash()

    before = content()
    (folder / ".hidden").touch()
    assert content() == before
    seen = {before}
    for change in (
        lambda: (folder / "a.png").write_bytes(b"other"),
        lambda: (folder / "a.png").rename(folder / "c.png"),
        lambda: os.mkfifo(folder / "d.png"),
        (folder / "d.png").unlink,
    ):
        change()
        seen.add(content())
    assert len(seen) == 4
    shutil.rmtree(folder)
    assert content() is None
    folder.mkdir()
    assert content() is None
