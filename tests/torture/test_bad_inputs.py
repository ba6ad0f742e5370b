"""Rubbish of all kinds: refused in three lines that say why, or read as what it is, and nothing stored changes."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from ..conftest import copy_project
from ..domain.test_idx import FILES, SPOILT, IdxDataset, idx_bytes
from ..guards.tiny import Project
from ..test_tampered_models import ModelDataset, members_of_a_model, packed
from .conftest import FIGURES, some

pytestmark = pytest.mark.torture
READ = ""  # what must be read, for there is nothing wrong with it
RAW = "data/01_raw/digits.parquet"
DATA = "build/test/data"
STAGE = "--pipelines=data_processing"


def _table(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    return lambda project: change(pd.read_parquet(project / RAW)).to_parquet(project / RAW)


def _bytes(change: Callable[[bytes], bytes], name: str = RAW) -> Callable[[Path], None]:
    return lambda project: (project / name).write_bytes(change((project / name).read_bytes())) and None


def _file(name: str, text: str) -> Callable[[Path], None]:
    def write(project: Path) -> None:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)

    return write


def _relabelled(table: pd.DataFrame, labels: dict[int, object]) -> pd.DataFrame:
    changed = table["label"].astype(object)
    changed.iloc[list(labels)] = list(labels.values())
    return table.assign(label=changed.infer_objects())


def _first(table: pd.DataFrame, value: object, kind: str) -> pd.DataFrame:
    changed = table["pixel_0_0"].astype(kind)
    changed.iloc[0] = value
    return table.assign(pixel_0_0=changed)


def _conflicting(table: pd.DataFrame) -> pd.DataFrame:
    twin = table.head(1).rename(index=lambda name: f"{name}-twin")
    return pd.concat([table, twin.assign(label=((twin["label"] + 1) % 10).astype(np.int8))])


TABLES = {
    "a column missing": (_table(lambda t: t.drop(columns="pixel_7_7")), "the first is pixel_7_7"),
    "a middle column missing": (_table(lambda t: t.drop(columns="pixel_3_3")), "the first is pixel_3_3"),
    "a pixel too many": (_table(lambda t: t.assign(pixel_9_9=0)), "have no column"),
    "no pixels": (_table(lambda t: t[["label"]]), "no pixel columns"),
    "no label": (_table(lambda t: t.drop(columns="label")), "column label is missing"),
    "another name of the label": (_table(lambda t: t.rename(columns={"label": "Label"})), "column label is missing"),
    "label beyond nine": (_table(lambda t: _relabelled(t, {5: 10})), READ),
    "label below zero": (_table(lambda t: _relabelled(t, {5: -1})), READ),
    "label of text": (_table(lambda t: t.assign(label="class " + t["label"].astype("str"))), READ),
    "label of dates": (_table(lambda t: t.assign(label=pd.Timestamp("2020"))), "label must be text or whole numbers"),
    "label that is one for all": (_table(lambda t: t.assign(label="seven")), "all rows are of class seven"),
    "label of a half": (_table(lambda t: t.assign(label=t["label"] + 0.5)), "label must be"),
    "label without a value": (
        _table(lambda t: _relabelled(t, {3: None})),
        "label must be text or whole numbers without gaps",
    ),
    "label that is true": (
        _table(lambda t: t.assign(label=True)),
        "label must be text or whole numbers, found bool True",
    ),
    "pixels of fractions": (_table(lambda t: _first(t, 0.5, "float64")), "found float64 0.5"),
    "pixels with a gap": (_table(lambda t: _first(t, np.nan, "float64")), "without gaps, found float64"),
    "pixels without end": (_table(lambda t: _first(t, np.inf, "float64")), "found float64 inf"),
    "pixels of text": (_table(lambda t: _first(t, "x", "object").astype({"pixel_0_0": "str"})), "whole numbers"),
    "pixels below zero": (_table(lambda t: _first(t, -1, "int16")), "the lowest is -1"),
    "pixels above full ink": (_table(lambda t: _first(t, 17, "int16")), "the darkest pixel of the raw rows is 17"),
    "pixels beyond all scales": (_table(lambda t: _first(t, 2**62, "int64")), "the darkest pixel of the raw rows"),
    "pixels of no sign that are huge": (_table(lambda t: _first(t, 2**63, "uint64")), "the darkest pixel"),
    "pixels that are all blank": (_table(lambda t: t * 0), "the darkest pixel of the raw rows is 0"),
    "pixels of dates": (_table(lambda t: t.assign(pixel_0_0=pd.Timestamp("2020"))), "whole numbers"),
    "no rows": (_table(lambda t: t.head(0)), "the table has no rows"),
    "one row": (_table(lambda t: t.head(1)), "no row is a test row"),
    "a few rows": (_table(lambda t: t.head(4)), "no row is a test row"),
    "an identifier twice": (_table(lambda t: t.set_axis([*t.index[:-1], t.index[0]]).rename_axis("digit_id")), "uniq"),
    "no identifiers": (_table(lambda t: t.reset_index(drop=True)), "digit_id"),
    "identifiers of numbers": (_table(lambda t: t.set_axis(range(len(t))).rename_axis("digit_id")), READ),
    "another index": (_table(lambda t: t.rename_axis("number")), "digit_id"),
    "an identifier missing": (_table(lambda t: t.set_axis([None, *t.index[1:]]).rename_axis("digit_id")), "digit_id"),
    "another split": (_table(lambda t: t.assign(split="validation")), "split must be train or test"),
    "a split without a test row": (_table(lambda t: t.assign(split="train")), "no row is a test row"),
    "a split without a training row": (_table(lambda t: t.assign(split="test")), "has no training row"),
    "a split with gaps": (_table(lambda t: t.assign(split=["train", None] * (len(t) // 2))), "split must"),
    "an empty file": (_bytes(lambda _: b""), "raw_digits"),
    "half a file": (_bytes(lambda content: content[: len(content) // 2]), "raw_digits"),
    "a file without its end": (_bytes(lambda content: content[:-1]), "raw_digits"),
    "a file of zeros": (_bytes(lambda content: bytes(len(content))), "raw_digits"),
    "text": (_bytes(lambda _: b"label,pixel_0_0\n1,0\n"), "raw_digits"),
    "a byte that changed": (_bytes(lambda content: content[:3000] + b"\xff" * 64 + content[3064:]), "raw_digits"),
    "a footer of rubbish": (_bytes(lambda content: content[:-300] + b"\x7f" * 292 + content[-8:]), "raw_digits"),
    "no file": (lambda project: (project / RAW).unlink(), "digits.parquet"),
    "a folder for a file": (lambda project: (project / RAW).unlink() or (project / RAW).mkdir(), "raw_digits"),
    "the same image with another label": (_table(_conflicting), READ),
    "columns shuffled": (_table(lambda t: t[sorted(t.columns, reverse=True)]), READ),
    "identifiers in a column": (_table(lambda t: t.reset_index()), READ),
    "wider whole numbers": (_table(lambda t: t.astype("int64")), READ),
    "a column that nobody asked for": (_table(lambda t: t.assign(note="x")), READ),
}


def _base(pipeline: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(project: Path) -> None:
        path = project / f"conf/base/{pipeline}.yml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return edit


def _test(text: str, name: str = "parameters_more.yml") -> Callable[[Path], None]:
    return _file(f"conf/test/{name}", text)


PATH = 'filepath: "${globals:data}/03_primary/labels.parquet"'
CONFIGURATION = {
    "YAML cut short": (_test("split: {seed: 3"), "parameters_more.yml"),
    "YAML with a tab": (_test("split:\n\tseed: 3"), "parameters_more.yml"),
    "YAML that is a list": (_test("- split"), "parameters_more.yml"),
    "YAML that is a word": (_test("split"), "split"),
    "YAML of bytes": (_bytes(lambda content: content + b"\xff\xfe\x00", "conf/test/globals.yml"), "globals.yml"),
    "YAML that would build an object": (_test("split: !!python/object/apply:os.system [ls]"), "parameters_more.yml"),
    "a key twice": (_test("split: {seed: 3, seed: 4}"), "duplicate key seed"),
    "a group twice": (_test("split: {seed: 3}\nsplit: {seed: 4}"), "duplicate key split"),
    "a group in two files": (_file("conf/base/parameters_twice.yml", "split: {seed: 3}"), "split"),
    "an unknown group": (_test("spilt: {seed: 3}"), "did you mean split?"),
    "an unknown key": (_test("split: {sed: 3}"), "sed is not a known key; did you mean seed?"),
    "a number of text": (_test("split: {seed: soon}"), "seed should be a valid integer, found 'soon'"),
    "a number in quotes": (_test("split: {seed: '3'}"), "seed should be a valid integer, found '3'"),
    "a fraction for a whole number": (_test("split: {seed: 3.5}"), "seed should be a valid integer"),
    "true for a number": (_test("split: {seed: true}"), "seed should be a valid integer"),
    "nothing for a number": (_test("split: {seed: null}"), "seed should be a valid integer"),
    "a list for a number": (_test("split: {seed: [1]}"), "seed should be a valid integer"),
    "a number below its limit": (_test("split: {seed: -1}"), "seed should be greater than or equal to 0"),
    "a number at its limit": (_test("split: {test_fraction: 1}"), "test_fraction should be less than 1"),
    "a number that is none": (_test("split: {test_fraction: .nan}"), "test_fraction should be"),
    "a number without end": (_test("split: {test_fraction: .inf}"), "test_fraction should be less than 1"),
    "a share that leaves no row": (_test("split: {test_fraction: 0.0001}"), "no row is a test row"),
    "a group that is a list": (_test("split: [1, 2]"), "split"),
    "a group that is a word": (_test("split: soon"), "split"),
    "a group of nothing": (_test("split: null"), "split"),
    "a group missing": (lambda p: (p / "conf/base/parameters_data_processing.yml").unlink(), "split"),
    "a value missing": (_base("parameters_data_processing", "  seed: 7", "  # seed: 7"), "seed is missing"),
    "ink of zero": (_test("cleaning: {full_ink: 0}"), "full_ink should be greater than or equal to 1"),
    "ink of another source": (_test("cleaning: {full_ink: 255}"), "cleaning.full_ink says"),
    "an unknown interpolation": (_test("split: {seed: '${globals:sead}'}"), "sead"),
    "an unknown resolver": (_test("split: {seed: '${nothing:seed}'}"), "nothing"),
    "an interpolation cut short": (_test("split: {seed: '${globals:raw'}"), "split.seed"),
    "a variable that is not set": (_test("split: {seed: '${oc.env:PENSTROKE_NO}'}"), "oc.env"),
    "an unknown global": (_test("dta: build", "globals.yml"), "dta in globals.yml is not a known name"),
    "globals that are a list": (_test("- data", "globals.yml"), "globals.yml"),
    "a patience of text": (_test("data: build/test/data\nlock_timeout_s: soon", "globals.yml"), "lock_timeout_s"),
    "data that are a number": (_test("data: 7\nlock_timeout_s: {}", "globals.yml"), "lock_timeout_s"),
    "an entry of an unknown class": (
        _test(f"labels: {{type: pandas.Parket, {PATH}}}", "catalog.yml"),
        "Par",
    ),
    "an entry of an unknown module": (
        _test(f"labels: {{type: panda.X, {PATH}}}", "catalog.yml"),
        "panda.X",
    ),
    "an entry that runs code": (
        _test(f"labels: {{type: pickle.PickleDataset, {PATH}}}", "catalog.yml"),
        "code",
    ),
    "an entry without a type": (_test(f"labels: {{{PATH}}}", "catalog.yml"), "labels"),
    "an entry without a path": (_test("labels: {type: pandas.ParquetDataset}", "catalog.yml"), "filepath"),
    "an entry with a word too many": (
        _test(f"labels: {{type: pandas.ParquetDataset, {PATH}, colour: red}}", "catalog.yml"),
        "colour",
    ),
    "an entry that is a list": (_test("labels: [1]", "catalog.yml"), "labels"),
    "an entry that is a word": (_test("labels: soon", "catalog.yml"), "labels"),
    "a catalog that is a list": (_test("- labels", "catalog.yml"), "catalog.yml"),
    "a validator that is none": (
        _base("catalog_data_processing", "contracts.LABELS", "contracts.LABLES"),
        "LABLES",
    ),
    "a validator from elsewhere": (
        _base("catalog_data_processing", "penstroke.contracts.LABELS", "os.system"),
        "'os.system' is not allowed",
    ),
    "a validator of a module": (_base("catalog_data_processing", "contracts.LABELS", "nowhere.LABELS"), "nowhere"),
    "a contender from elsewhere": (
        _test("contenders: {svm: {steps: [{class: os.system}]}}"),
        "class 'os.system' is not allowed",
    ),
    "a contender without steps": (_test("contenders: {new: {grid: {}}}"), "new.steps is missing"),
    "credentials that are a list": (_test("- secret", "credentials.yml"), "credentials.yml"),
}

COMMANDS = {
    "run --nope": "No such option",
    "run surplus": "unexpected extra argument",
    "nope": "No such command",
    "receipt": "Missing argument",
    "receipt labls": "did you mean labels?",
    "receipt labels --nope": "No such option",
    "run --env=nowhere": "nowhere",
    "run --env=../..": "../..",
    "run --pipelines=data_sciense": "data_sciense",
    "run --pipelines=data_processing,nothing": "nothing",
    "run --pipeline=nothing --pipelines=nothing": "cannot be used together",
    "run --nodes=split": "split",
    "run --nodes=split_rows,nothing": "nothing",
    "run --tags=nothing": "--tags: there is no nothing",
    "run --from-nodes=nothing": "nothing",
    "run --to-nodes=nothing": "nothing",
    "run --from-inputs=nothing": "nothing",
    "run --to-outputs=nothing": "nothing",
    "run --namespaces=nothing": "nothing",
    "run --from-nodes=split_rows --to-nodes=screen_rows": "no nodes",
    "run --nodes=split_rows --tags=report": "no nodes",
    "run --runner=Nothing": "Nothing",
    "run --runner=os.system": "system",
    "run --runner=no.module.Runner": "no",
    "run --params=split": "a part has no value; write NAME=VALUE",
    "run --params==3": "a part has no name; write NAME=VALUE",
    "run --params=split=soon": "split",
    "run --params=split.seed=soon": "seed should be a valid integer, found 'soon'",
    "run --params=split.seed.deeper=3": "seed",
    "run --params=split.sed=3": "sed is not a known key",
    "run --params=seed=3": "seed is not a known group",
    "run --params=search.contenders=svn": "contenders",
    "run --params=search.contenders=[svn]": "svn",
    "run --load-versions=labels": "Expected the form",
    "run --load-versions=labels:yesterday": "labels keeps no versions",
    "run --load-versions=nothing:2020-01-01T00.00.00.000Z": "nothing",
    "run --conf-source=nowhere": "nowhere",
    "run --conf-source=pyproject.toml": "pyproject.toml",
    "run --config=nowhere.yml": "nowhere.yml",
    "run --only-missing-outputs=3": "does not take a value",
    "run --changed --nodes=nothing": "nothing",
    "run --changed --env=nowhere": "nowhere",
    "run --pipelines=data_science": "is missing",
    "registry describe nothing": "nothing",
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Project:
    """A copy of the project with fewer digits, after a run of its first stage."""
    project = Project(copy_project(tmp_path_factory.mktemp("bad") / "project"), DATA)
    pd.read_parquet(project / RAW).head(400).to_parquet(project / RAW)
    project.run("--env=test", STAGE)
    return project


@pytest.fixture
def project(stored: Project, tmp_path):
    """The same, which forgets what a test does to it.

    Nothing that it stores may change, or else by a node that had no reason to refuse, whose receipt says so.
    """
    shutil.copytree(stored.folder, tmp_path / "kept")
    before = stored.contents()
    yield stored
    changed = dict(stored.contents().items() - before.items())
    known = {name for name, content in changed.items() if stored.receipt(Path(name).stem)["sha256"] == content}
    gone = before.keys() - stored.contents().keys()
    shutil.rmtree(stored.folder)
    shutil.copytree(tmp_path / "kept", stored.folder)
    FIGURES["of them refused after an earlier node had stored its part"] += bool(changed)
    FIGURES["stored files lost or altered"] += len(changed.keys() - known) + len(gone)
    assert changed.keys() == known
    assert not gone


def _refused_or_read(project: Project, arguments: list[str], words: str) -> None:
    result = project.kedro(*arguments)

    FIGURES["bad inputs"] += 1
    FIGURES["of them refused in three lines at most"] += 0
    lines = result.stderr.strip().splitlines()
    if words == READ:
        FIGURES["of them read for what they are"] += 1
        assert (result.returncode, lines) == (0, [])
    else:
        assert result.returncode == 1, result
        assert 1 <= len(lines) <= 3, result.stderr
        assert words in result.stderr
        assert "Traceback" not in result.stderr
        FIGURES["of them refused in three lines at most"] += 1


@pytest.mark.parametrize(("spoil", "words"), some(TABLES, 16))
def test_a_table_of_rubbish(project, spoil, words):
    spoil(project.folder)

    _refused_or_read(project, ["run", "--env=test", STAGE], words)


@pytest.mark.parametrize(("spoil", "words"), some(CONFIGURATION, 16))
def test_configuration_of_rubbish(project, spoil, words):
    spoil(project.folder)

    _refused_or_read(project, ["run", "--env=test", STAGE], words)


@pytest.mark.parametrize(("command", "words"), some({line: (line, words) for line, words in COMMANDS.items()}, 16))
def test_a_command_line_of_rubbish(project, command, words):
    arguments = command.split()
    if arguments[0] in ("run", "receipt") and "--env" not in command:
        arguments.append("--env=test")

    _refused_or_read(project, arguments, words)


RECEIPTS = {
    "empty": (lambda text: "",),
    "cut short": (lambda text: text[: len(text) // 2],),
    "a list": (lambda text: "[]",),
    "another sum": (lambda text: text.replace('"sha256": "', '"sha256": "0'),),
    "an unknown key": (lambda text: text.replace('"rows"', '"lines"'),),
    "another parameter": (lambda text: text.replace('"parameters": {', '"parameters": {"params:more": 1, '),),
    "another input": (lambda text: text.replace('"inputs": {', '"inputs": {"raw": "0", '),),
}


@pytest.mark.parametrize("spoil", some(RECEIPTS, 7))
def test_a_receipt_that_somebody_spoilt_is_not_believed_and_mended(stored: Project, spoil):
    receipt = stored.data / ".receipts/accepted_digits.json"
    before, text = stored.contents(), receipt.read_text()
    receipt.write_text(spoil(text))
    FIGURES["receipts spoilt"] += 1

    assert "accepted_digits" in stored.refused("--env=test", "--nodes=split_rows")
    assert stored.ran("--env=test", STAGE) == {"screen_rows"}
    assert stored.contents() == before


def test_idx_files_and_models_of_rubbish(tmp_path):
    """In this process; what is said of each is told in their own tests."""
    more = {
        "one byte": b"\0",
        "floats": b"\x00\x00\x0d\x03" + struct.pack(">3I", 12, 5, 6) + bytes(4 * 360),
        "two dimensions": idx_bytes(np.zeros((12, 30))),
        "four dimensions": idx_bytes(np.zeros((12, 5, 6, 1))),
        "images of no pixels": idx_bytes(np.zeros((12, 0, 6))),
        "a gzip file in another": b"\x1f\x8b\x08" + bytes(100),
        "a zip archive": packed({"images": b""}),
    }
    for name, shape in zip(FILES.values(), ((12, 5, 6), (12,), (4, 5, 6), (4,)), strict=True):
        (tmp_path / name).write_bytes(idx_bytes(np.zeros(shape)))
    images = tmp_path / FILES["train_images"]
    for content in (*(content for content, _ in SPOILT.values()), *more.values()):
        images.write_bytes(content)
        _refused(IdxDataset(path=str(tmp_path), files=FILES, filepath=str(tmp_path)))
    honest = packed(members_of_a_model())
    cut = [honest[: len(honest) * part // 8] for part in range(8)]
    for content in (*cut, honest[:-1], honest[::-1], packed({}), packed({"schema.json": b"[]"}), images.read_bytes()):
        (tmp_path / "model.skops").write_bytes(content)
        _refused(ModelDataset(filepath=str(tmp_path / "model.skops")))


def _refused(dataset) -> None:
    FIGURES["bad inputs"] += 1
    with pytest.raises(DatasetError) as refusal:
        dataset.load()
    assert len(str(refusal.value).splitlines()) <= 3
    FIGURES["of them refused in three lines at most"] += 1
