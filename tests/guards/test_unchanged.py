import sys

import pytest

from kedro_guards.unchanged import is_unchanged, stamp_place, write_stamp


@pytest.fixture
def roots(tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/a.yml").write_text("secret: ${oc.env:WORD}")
    (tmp_path / "rows.csv").write_text("1")
    return [tmp_path / "conf", tmp_path / "rows.csv", tmp_path / "absent"]


@pytest.fixture
def stamp(tmp_path, roots, monkeypatch):
    monkeypatch.setenv("WORD", "one")
    stamp = stamp_place(str(tmp_path / ".receipts"), {"env": None})
    write_stamp(stamp, roots)
    return stamp


def test_a_stamp_holds_as_long_as_nothing_changes(stamp):
    assert is_unchanged(stamp)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "rows.csv").write_text("2"),
        lambda folder: (folder / "rows.csv").unlink(),
        lambda folder: (folder / "conf/b.yml").write_text(""),
        lambda folder: (folder / "conf/a.yml").rename(folder / "conf/c.yml"),
        lambda folder: (folder / "absent").write_text(""),
    ],
)
def test_a_file_that_came_went_or_changed_ends_it(stamp, tmp_path, change):
    change(tmp_path)

    assert not is_unchanged(stamp)


def test_the_content_of_a_dataset_that_is_no_file_counts(tmp_path, roots):
    contents = {"sums": "one"}
    write_stamp(tmp_path / "stamp.json", [*roots, "dataset://sums"], contents.get)
    assert is_unchanged(tmp_path / "stamp.json", contents.get)

    contents["sums"] = "two"
    assert not is_unchanged(tmp_path / "stamp.json", contents.get)
    roots[1].write_text("2")  # then what makes the dataset may have changed, and it is not asked

    assert not is_unchanged(tmp_path / "stamp.json", pytest.fail)


def test_a_variable_that_configuration_asks_for_counts(stamp, monkeypatch):
    monkeypatch.setenv("WORD", "two")

    assert not is_unchanged(stamp)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "more/numpy.py").write_text(""),
        lambda folder: (folder / "more/fruit.pth").write_text("/elsewhere"),
        lambda folder: (folder / "more/__editable___fruit_finder.py").write_text("MAPPING = {'fruit': '/elsewhere'}"),
        lambda folder: (folder / "more/fruit-1.dist-info/RECORD").write_text("fruit.py,sha256=2,1"),
        lambda folder: sys.path.insert(0, str(folder)),
    ],
)
def test_what_leads_python_to_other_code_ends_it(tmp_path, roots, monkeypatch, change):
    (tmp_path / "more/fruit-1.dist-info").mkdir(parents=True)
    (tmp_path / "more/fruit-1.dist-info/direct_url.json").write_text("{}")
    for name in ("fruit-1.dist-info/RECORD", "fruit.pth", "__editable___fruit_finder.py"):
        (tmp_path / "more" / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path / "more")
    stamp = tmp_path / "stamp.json"
    write_stamp(stamp, roots)
    assert is_unchanged(stamp)

    change(tmp_path)

    assert not is_unchanged(stamp)


def test_a_folder_that_a_link_leads_to_counts_and_one_that_leads_in_a_circle_is_read_once(tmp_path, roots):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "conf/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "conf/again").symlink_to(tmp_path / "conf")
    write_stamp(tmp_path / "stamp.json", roots)
    assert is_unchanged(tmp_path / "stamp.json")

    (tmp_path / "elsewhere/b.yml").write_text("")

    assert not is_unchanged(tmp_path / "stamp.json")


def test_what_is_being_written_and_bytecode_do_not_count(stamp, tmp_path):
    (tmp_path / "conf/.a.yml.01.partial").write_text("half")
    (tmp_path / "conf/a.pyc").write_text("")

    assert is_unchanged(stamp)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"roots": 3, "sha256": ""}'])
def test_a_spoilt_stamp_holds_for_nothing(stamp, text):
    stamp.write_text(text)

    assert not is_unchanged(stamp)


def test_each_command_has_its_own_stamp(tmp_path):
    assert stamp_place(str(tmp_path), {"env": "a"}) != stamp_place(str(tmp_path), {"env": "b"})
