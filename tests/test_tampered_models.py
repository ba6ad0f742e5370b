"""Files under the name of a model that would run code, take all memory or crash: refused in words, and nothing runs."""

import json
import pickle
import shlex
import subprocess
import sys
import zipfile
from io import BytesIO

import numpy as np
import pytest
import skops.io
from kedro.io import DatasetError
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from kedro_guards import model_files
from kedro_guards.datasets.model import ModelDataset

from .conftest import DATA, ROOT, copy_tree, run_kedro

ROWS, LABELS = np.random.default_rng(0).uniform(size=(60, 20)), np.arange(60) % 3


@pytest.fixture
def touched(tmp_path):
    """What the code in a file would make, if it ran."""
    touched = tmp_path / "touched"
    yield touched
    assert not touched.exists()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


def members_of_a_model():
    """The members of an honest file, by name."""
    file = BytesIO()
    model_files.dump(SVC().fit(ROWS, LABELS), file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members, kind=zipfile.ZIP_DEFLATED):
    file = BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_attribute(node):
    """An honest file whose model has one attribute more."""
    members = members_of_a_model()
    schema = json.loads(members["schema.json"])
    schema["content"]["content"]["mischief"] = node
    schema["content"]["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", **TYPE})
    return packed(members | {"schema.json": json.dumps(schema).encode()})


def refusal(content, path):
    """What the catalog's dataset says of a file."""
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        ModelDataset(filepath=str(path)).load()
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)


SYSTEM, TYPE = {"__class__": "system", "__module__": "os"}, {"__loader__": "TypeNode"}


def _text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def _list(*nodes, kind="list"):
    return {"__class__": kind, "__module__": "builtins", "__loader__": f"{kind.title()}Node", "content": nodes}


def _called_as_a_constructor(command):
    return SYSTEM | {"__loader__": "ConstructorFromReduceNode", "content": _list(_text(command), kind="tuple")}


def _called_as_a_loss(command):
    arguments = {"args": _list(_text(command), kind="tuple")}
    return SYSTEM | {"__loader__": "LossNode", "__reduce__": arguments, "content": _list(kind="tuple")}


def _called_on_a_key(command):
    keys = {"content": {command: _text(0)}, "key_types": _list(SYSTEM | TYPE)}
    return {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"} | keys


@pytest.mark.parametrize("node", [_called_as_a_constructor, _called_as_a_loss, _called_on_a_key])
def test_a_description_that_was_edited_to_call_a_command_is_refused_and_calls_nothing(node, touched, path):
    assert "the model holds os.system, which is not trusted" in refusal(
        with_attribute(node(f"touch {shlex.quote(str(touched))}")), path
    )


@pytest.mark.parametrize("node", [_called_as_a_constructor, _called_as_a_loss, _called_on_a_key])
def test_the_same_description_would_run_for_who_trusts_what_the_file_asks_for(node, tmp_path):
    content = with_attribute(node(f"touch {shlex.quote(str(tmp_path / 'ran'))}"))

    skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))

    assert (tmp_path / "ran").exists()


def test_a_module_that_a_file_names_is_not_even_imported(touched, path, tmp_path, monkeypatch):
    (tmp_path / "mischief.py").write_text(f"open({str(touched)!r}, 'w')\nclass Model: pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    content = with_attribute({"__class__": "Model", "__module__": "mischief", "__loader__": "ObjectNode"})

    assert "the model holds mischief.Model" in refusal(content, path)
    assert "mischief" not in sys.modules


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (FunctionTransformer(func=np.loadtxt), "numpy.loadtxt"),
        (GaussianProcessClassifier(RBF()), "sklearn.gaussian_process.kernels.RBF"),
    ],
)
def test_a_type_that_the_list_lacks_is_named_and_refused_whosever_it_is(model, named, path):
    assert f"the model holds {named}" in refusal(skops.io.dumps(model), path).replace("numpy.lib._npyio_impl", "numpy")


class Mischief:
    """Touches a file when it is unpickled."""

    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return (open, (str(self.touched), "w"))


def test_a_pickle_under_the_name_of_a_model_runs_no_code(touched, path):
    assert "this is no model file" in refusal(pickle.dumps(Mischief(touched)), path)


def test_a_pickle_in_the_place_of_an_array_runs_no_code(touched, path):
    members = members_of_a_model()
    array = next(name for name in members if name.endswith(".npy"))
    pickled = BytesIO()
    np.save(pickled, np.array([Mischief(touched)]))

    assert "the model file is damaged" in refusal(packed(members | {array: pickled.getvalue()}), path)


def test_half_a_file_is_refused(path):
    content = packed(members_of_a_model())

    assert "this is no model file" in refusal(content[: len(content) // 2], path)
    assert "this is no model file" in refusal(b"", path)


def test_a_byte_that_changed_on_the_way_is_noticed(path):
    content = bytearray(packed(members_of_a_model()))
    content[len(content) // 3] ^= 1

    assert "the model file is damaged" in refusal(bytes(content), path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda members: members | {"schema.json": b"{"},
        lambda members: members | {"schema.json": b"[" * 100_000 + b"]" * 100_000},
        lambda members: members | {"schema.json": b"{}"},
        lambda members: {name: content for name, content in members.items() if name == "schema.json"},
        lambda members: {name: content for name, content in members.items() if name != "schema.json"},
    ],
)
def test_a_file_that_is_no_whole_description_is_refused_in_words(spoil, path):
    assert "the model file is damaged" in refusal(packed(spoil(members_of_a_model())), path)


def test_a_file_that_unfolds_to_more_than_it_may_is_refused_before_it_does(path):
    members = members_of_a_model() | {"9999.npy": b"\0" * 2 * model_files.MOST_BYTES}

    assert f"but may to {model_files.MOST_BYTES}" in refusal(packed(members), path)


@pytest.mark.slow
def test_a_file_that_states_less_than_it_unfolds_to_costs_no_memory(tmp_path, path):
    """An archive states 16 bytes for a member of 256 MiB, with the right sum of these 16; a process reads it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members_of_a_model() | {"9999.npy": b"\0" * 2**28}).items():
            archive.writestr(name, content)
        entry = archive.getinfo("9999.npy")
        entry.file_size, entry.CRC = 16, zipfile.crc32(b"\0" * 16)
    command = (
        "import resource, sys; from kedro_guards import model_files; most = lambda: "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = most()\nwith open(sys.argv[1], 'rb') as file: model_files.load(file)\nprint(most() - before)"
    )

    result = subprocess.run(
        [sys.executable, "-c", command, path], cwd=ROOT / "src", capture_output=True, text=True, check=True
    )

    assert int(result.stdout.split()[-1]) < 100_000  # KiB


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_kinds_of_packing_that_cannot_be_bounded_are_refused(kind, path):
    assert "no plain array" in refusal(packed(members_of_a_model(), kind), path)


def test_an_archive_within_the_archive_is_refused(path):
    assert "holds 9999.npz, no plain array" in refusal(packed(members_of_a_model() | {"9999.npz": b""}), path)


@pytest.mark.slow
def test_a_run_on_a_tampered_champion_ends_in_three_lines_and_runs_nothing(trained, tmp_path, touched):
    project = copy_tree(trained, tmp_path / "project")
    champion = project / DATA / "06_models/champion_model.skops"
    for content in (
        with_attribute(_called_as_a_constructor(f"touch {shlex.quote(str(touched))}")),
        pickle.dumps(Mischief(touched)),
    ):
        champion.write_bytes(content)

        result = run_kedro("run", "--env=test", "--from-nodes=predict_test_rows", cwd=project)

        assert result.returncode == 1
        assert "model" in result.stderr
        assert len(result.stderr.splitlines()) <= 3, result.stderr
