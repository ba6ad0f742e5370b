"""The first draft of the domain for tables of many kinds."""

import json

import pytest
from penstroke.drafting.columns import find_columns, write_columns
from penstroke.drafting.edits import edited, record, with_entry, with_values
from penstroke.drafting.thresholds import choose_thresholds

from penstroke.domain import ROW_ID

IRIS = "length,width,species\n" + "".join(f"{row},{row % 7},{'ab'[row % 2]}\n" for row in range(20))
REFUSED = {
    "no such column": (IRIS, "specie", "has no column 'specie', found length, width, species; did you mean 'species'?"),
    "empty": ("\n", "species", "is empty; it needs a line with the names of the columns"),
    "no rows": ("length,species\n", "species", "has names of columns, but no rows"),
    "no table": ("PK\0\1\2\3", "species", "is no CSV file; save it as CSV"),
    "longer line": (
        IRIS + "1,2,a,4\n",
        "species",
        "cannot be read: Error tokenizing data. C error: Expected 3 fields in l",
    ),
    "longer first line": ("a,b\n1,2,3\n", "b", "has 2 names in its first line, but a line with 3 values"),
    "twice": ("a,a,b\n1,2,3\n", "b", "has the column 'a' more than once; rename one of them"),
    "one class": (IRIS.replace(",b\n", ",a\n"), "species", "label 'species' is a in all 20 rows; a model needs"),
    "rare class": (IRIS + "3,4,c\n", "species", "label 'species' has classes of fewer than 4 rows: c (1); give more"),
    "no label": (
        IRIS + "3,4,\n",
        "species",
        "label 'species' is missing in 1 of 21 rows, the first is row 21; fill it in",
    ),
    "no column": ("species\n" + "a\nb\n" * 9, "species", "has no column to learn from beside 'species'"),
    "another id": (
        IRIS,
        "species",
        "column 'width' identifies no rows: some of its values are missing, or occur twice",
    ),
}


def _draft(folder, content, label, identifier=None):
    (folder / "table.csv").write_text(content, "utf-8")
    return write_columns(find_columns(folder / "table.csv", label, identifier, ROW_ID), "table.csv")


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_learned_is_refused_in_a_few_lines(tmp_path, name):
    content, label, told = REFUSED[name]

    with pytest.raises(ValueError) as caught:  # noqa: PT011 # its text is compared below
        _draft(tmp_path, content, label, "width" if name == "another id" else None)

    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_awkward_tables_are_drafted(tmp_path):
    """Names of columns that the project itself uses, question marks for gaps, labels that are numbers or flags."""
    rows = range(60)
    text = {
        "taken": "label,split,copy_1_x,species\n"
        + "".join(f"{row / 7},{row % 3},{row / 3},{'ab'[row % 2]}\n" for row in rows),
        "marks": "height,species\n" + "".join(f"{'?' if row < 9 else row / 3},{'ab'[row % 2]}\n" for row in rows),
        "numbers": "height,grade\n" + "".join(f"{row / 7},{row % 3}\n" for row in rows),
        "flags": "height,ill\n" + "".join(f"{row / 7},{row % 2 == 0}\n" for row in rows),
        "spaces": "height , kind\n" + "".join(f"{row / 7}, {'ab'[row % 2]}\n" for row in rows),
        "repeats": "cap,kind\n" + "".join(f"{'xyz'[row % 3]},{'ab'[row % 2]}\n" for row in rows),
        "month first": "day,kind\n" + "".join(f"{1 + row % 12}/{1 + row % 28}/2024,{'ab'[row % 2]}\n" for row in rows),
    }
    labels = {"taken": "species", "marks": "species", "numbers": "grade", "flags": "ill"}

    found = {name: _draft(tmp_path, content, labels.get(name, "kind")) for name, content in text.items()}

    assert "'species': 'label', 'label': 'column label', 'split': 'column split'" in found["taken"]
    assert "'column copy_1_x': Number(" in found["taken"]
    assert "'height': Number(0, 37, missing=True)," in found["marks"]
    assert "CLASSES = [0, 1, 2]" in found["numbers"]
    assert "CLASSES = ['False', 'True']" in found["flags"]
    assert "CLASSES = ['a', 'b']" in found["spaces"]
    assert "REPEATS = True" in found["repeats"]
    assert "'day': Date('%m/%d/%Y')," in found["month first"]


def test_thresholds_can_be_reached_by_so_many_rows_and_what_they_cannot_tell_is_said():
    few, unknown = choose_thresholds(40, {"a": 30, "b": 6, "c": 4})
    many, nothing = choose_thresholds(50_000, {"a": 30_000, "b": 20_000})

    assert few["search"]["folds"][0] == few["final_fit"]["folds"] == 3
    assert few["gate"]["recall"][0] == 0
    assert few["gate"]["accuracy_low"][0] <= 11 / (11 + 3.84)
    assert [told.partition(" ")[0] for told in unknown] == ["whether", "how", "whether"]
    assert nothing == []
    assert many["gate"]["accuracy_low"][0] == 0.79


def test_files_that_somebody_edited_are_known_and_values_are_set_in_their_text(tmp_path):
    catalog = (
        "raw: # ours\n  type: old\n  filepath: x\n  load_args:\n    sep: ','\n  validator: v\n\nother:\n  type: t\n"
    )
    (tmp_path / "catalog.yml").write_text(catalog, "utf-8")
    record(tmp_path, ["catalog.yml"])

    assert edited(tmp_path, ["catalog.yml"]) == []
    (tmp_path / "catalog.yml").write_text(catalog + "# ours\n", "utf-8")
    assert edited(tmp_path, ["catalog.yml"]) == ["catalog.yml"]
    assert json.loads((tmp_path / ".draft.json").read_text("utf-8")).keys() == {"catalog.yml"}
    changed = with_entry(catalog, "raw", "new", {"filepath": "y", "load_args": {"sep": ";"}})
    assert changed == "raw:\n  type: new\n  filepath: y\n  load_args: {sep: ;}\n  validator: v\n\nother:\n  type: t\n"
    with pytest.raises(ValueError, match="the catalog has no entry none of its own"):
        with_entry(catalog, "none", "new", {})
    assert with_values("gate:\n  recall: 0.9 # ours\n  size: 1\n", {"gate": {"recall": (0.5, "why")}}) == (
        "gate:\n  recall: 0.5 # why\n  size: 1\n"
    )
