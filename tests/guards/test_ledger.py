"""Stale results are refused, what changed is run and no more, and receipts say what is what."""

import hashlib
import json
import os
import random
import shutil
import subprocess

import pytest

from kedro_guards.commands import having_receipts

from .tiny import NODES, Project, Tiny


def _edit_factor(tiny):
    tiny.edit("conf/base/parameters.yml", "factor: 3", "factor: 4")


def _edit_data(tiny):
    tiny.write("data/raw/numbers.json", "[7, 8, 9]")


def _edit_function(tiny):
    tiny.edit("src/tiny/arithmetic.py", "OFFSET = 0", "OFFSET = 1")


def _edit_output(tiny):
    tiny.write("data/small.json", "[0]")


def _edit_entry(tiny):
    tiny.edit("conf/base/catalog.yml", '/small.json"}', '/small.json", save_args: {indent: 1}}')


def _edit_wiring(tiny):
    tiny.edit("src/tiny/pipeline_registry.py", '["negated", "great"]', '["great", "negated"]')


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    tiny = Tiny(tmp_path_factory.mktemp("finished") / "tiny")
    tiny.run()
    return tiny


@pytest.fixture
def done(finished, tmp_path):
    """The project after one run."""
    shutil.copytree(finished.folder, tmp_path / "done")
    return Project(tmp_path / "done")


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (_edit_factor, "scaled, from which sums was made, was made with other parameters (scaling)"),
        (_edit_data, "scaled, from which sums was made, was made with other data (numbers)"),
        (_edit_function, "scaled, from which sums was made, was made with other code (tiny.arithmetic)"),
        (_edit_output, "small, from which sums was made, was altered on disk"),
        (_edit_entry, "small, from which sums was made, was made with other entries of the catalog"),
        (_edit_wiring, "sums was made by another call"),
    ],
)
@pytest.mark.parametrize("part", ["--pipelines=words", "--from-nodes=write"])
def test_a_part_is_refused_whose_inputs_do_not_agree_with_what_is_now(done, edit, fault, part):
    before = done.contents()
    edit(done)
    edited = done.contents()

    error = done.refused(part)

    assert error.startswith(f"Error: {fault}; mend it by `kedro run --changed --to-outputs=sums`")
    assert "or go on with it as it is by --allow-stale" in error
    assert done.contents() == edited
    done.run("--changed", "--to-outputs=sums")
    done.run(part)
    assert done.contents().keys() == before.keys()


def test_results_stay_valid_if_they_are_moved_and_globals_names_the_new_folder(done):
    (done / "data").rename(done / "moved")
    done.edit("conf/base/globals.yml", "data/raw\ndata: data", "moved/raw\ndata: moved")

    assert done.run("--changed") == "nothing has changed\n"


@pytest.mark.parametrize("part", ["--only-missing-outputs", "--only-missing-outputs --to-outputs=report"])
def test_results_that_are_kept_must_agree_too(done, part):
    _edit_factor(done)
    (done / "data/report.txt").unlink()

    assert "was made with other parameters (scaling)" in done.refused(*part.split())


def test_only_what_is_missing_is_made_where_the_rest_agrees(done):
    before = done.contents()
    (done / "data/report.txt").unlink()

    done.run("--only-missing-outputs")

    assert done.contents() == before


@pytest.mark.parametrize("part", ["--to-outputs=small", "--from-nodes=spell", "--pipelines=words", "--nodes=divide"])
def test_a_part_runs_on_what_agrees(done, part):
    before = done.contents()

    done.run(part)

    assert done.contents() == before


def test_what_is_missing_is_named_with_the_command_that_makes_it(tiny):
    error = tiny.refused("--pipelines=words", "--env=local")

    assert error == "Error: sums is missing; mend it by `kedro run --changed --to-outputs=sums --env=local`\n"


def test_what_nobody_has_a_receipt_for_is_refused(done):
    (done / "data/.receipts/sums.json").unlink()

    assert "sums has no receipt" in done.refused("--pipelines=words")


def test_what_was_let_pass_is_written_into_the_receipts_of_all_that_is_made_of_it(done):
    _edit_output(done)

    done.run("--from-nodes=negate", "--allow-stale")

    why = {"small": "small was altered on disk"}
    assert done.receipt("sums")["stale"] == why
    assert done.receipt("report")["stale"] == why
    assert done.receipt("words")["stale"] == {}
    assert "small, from which sums was made, was altered on disk" in done.refused("--pipelines=words")


def test_parameters_of_the_command_line_count_and_are_not_repeated(done):
    error = done.refused("--pipelines=words", "--params=scaling.factor=31337")

    assert "was made with other parameters (scaling)" in error
    assert "`kedro run --changed --to-outputs=sums` and the same --params" in error
    assert "31337" not in error


@pytest.mark.parametrize(
    ("edit", "ran"),
    [
        (_edit_factor, {"scale", "divide", "spell", "negate", "add", "write"}),
        (_edit_output, {"divide"}),
        (_edit_entry, {"divide", "negate", "add"}),
        (_edit_wiring, {"add", "negate", "write"}),
        (lambda tiny: tiny.edit("conf/base/parameters.yml", "title: sums", "title: totals"), {"write"}),
        (lambda tiny: tiny.edit("conf/base/parameters.yml", "limit: 10", "limit: 11"), {"divide"}),
        (lambda tiny: tiny.edit("src/tiny/words.py", "upper", "lower"), {"write"}),
        (lambda tiny: (tiny / "data/sums.json").unlink(), {"add", "negate"}),
        (lambda tiny: (tiny / "data/words/n12.json").unlink(), {"spell"}),
        (lambda tiny: tiny.write("data/words/n99.json", "[9]"), {"spell"}),
        (lambda tiny: tiny.edit("src/tiny/report.py", "def write", "# words\n\n\ndef write"), set()),
        (lambda tiny: tiny.write("src/tiny/unused.py", "X = 1\n"), set()),
    ],
)
def test_what_changed_is_run_and_what_comes_out_as_it_was_asks_nobody_after_it_to_run(done, edit, ran):
    edit(done)

    assert done.ran() == ran
    assert done.ran() == set()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("src/second/offsets.py", "OFFSET = 0", "OFFSET = 1"),
        ("src/second/offset.txt", "0", "2"),
        ("elsewhere/third/__init__.py", "THIRD = 0", "THIRD = 3"),
    ],
)
def test_other_packages_of_the_project_count_by_their_content(done, name, old, new, monkeypatch):
    monkeypatch.syspath_prepend(done / "elsewhere")
    done.write("elsewhere/third/__init__.py", "THIRD = 0\n")
    done.write("src/second/offset.txt", "0")
    done.write(
        "src/second/offsets.py",
        "from pathlib import Path\nimport third\n\nOFFSET = 0\n"
        'OFFSET += third.THIRD + int(Path(__file__).with_name("offset.txt").read_text())\n',
    )
    done.edit("src/tiny/arithmetic.py", "OFFSET = 0", "from second.offsets import OFFSET")
    assert "scale" in done.ran()
    assert done.ran() == set()
    assert done.run("--changed") == "nothing has changed\n"

    done.edit(name, old, new)

    assert done.ran() >= {"scale", "divide"}
    assert json.loads((done / "data/scaled.json").read_text())[0] == 3 + int(new[-1])


def test_a_value_that_a_function_brings_along_counts(done):
    done.write("src/tiny/made.py", "def make(word):\n    return lambda sums, title: word + title\n")
    done.edit("src/tiny/pipeline_registry.py", "from tiny import", "from tiny.made import make\nfrom tiny import")
    done.edit("src/tiny/pipeline_registry.py", "Node(report.write", 'Node(make("a")')
    assert done.ran() == {"write"}
    assert done.ran() == set()

    done.edit("src/tiny/pipeline_registry.py", 'make("a")', 'make("b")')

    assert done.ran() == {"write"}
    assert (done / "data/report.txt").read_text() == "bsums"


def test_each_node_that_is_run_says_why(done):
    _edit_factor(done)

    lines = done.run("--changed").splitlines()

    assert lines[0] == "scale: scaled was made with other parameters (scaling)"
    assert "negate: negated is needed by add, and kept nowhere" in lines


def test_the_first_run_of_what_changed_runs_all_and_the_third_answers_before_it_imports_the_project(tiny):
    assert tiny.ran() == set(NODES)
    assert tiny.ran() == set()
    tiny.edit("src/tiny/pipeline_registry.py", "from tiny import", "print('imported')\nfrom tiny import")
    assert "imported" in tiny.run("--changed")
    assert tiny.run("--changed") == "nothing has changed\n"


def test_a_part_that_changed_is_refused_where_what_it_builds_on_is_not_part_of_it(done):
    _edit_factor(done)

    assert "was made with other parameters" in done.refused("--changed", "--pipelines=words")


def _random_edit(tiny, generator):
    """Change a value in a parameter, the raw data or a function; now and then one that changes no result."""
    number = generator.randrange(100)
    kind = generator.choice(["factor", "limit", "title", "data", "offset", "comment", "body", "output"])
    parameters = {"factor": f"scaling: {{factor: {number}}}", "limit": f"limit: {number}", "title": f"title: t{number}"}
    if kind in parameters:
        path = "conf/base/parameters.yml"
        lines = [line for line in (tiny / path).read_text().splitlines() if kind not in line]
        tiny.write(path, "\n".join([*lines, parameters[kind]]) + "\n")
    elif kind == "data":
        tiny.write("data/raw/numbers.json", json.dumps([generator.randrange(9) for _ in range(5)]))
    elif kind == "offset":
        tiny.write("src/tiny/arithmetic.py", f"def times(number, factor):\n    return number * factor + {number % 7}\n")
    elif kind == "comment":
        tiny.write("src/tiny/words.py", f"# {number}\n" + (tiny / "src/tiny/words.py").read_text())
    elif kind == "body":
        tiny.write("src/tiny/words.py", f"def headline(title):\n    return title + {str(number)!r}\n")
    else:
        name = generator.choice(["scaled", "small", "great", "sums"])
        tiny.write(f"data/{name}.json", "[1]")
    return kind


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(int(os.environ.get("PENSTROKE_EDITS", "2"))))
def test_after_any_edits_a_run_of_what_changed_leaves_what_a_full_run_makes(done, tmp_path, seed):
    generator = random.Random(seed)  # noqa: S311
    for step in range(3):
        edits = [_random_edit(done, generator) for _ in range(generator.randrange(1, 4))]
        fresh = Tiny(tmp_path / f"fresh-{step}")
        for name in ("conf", "src", "data/raw"):
            shutil.rmtree(fresh / name)
            shutil.copytree(done / name, fresh / name)

        done.ran()
        fresh.run()

        assert done.contents() == fresh.contents(), edits
        assert done.ran() == set(), edits


def test_a_receipt_says_what_a_dataset_holds_and_what_it_was_made_of(done):
    subprocess.run(["git", "init", "-q"], cwd=done.folder, check=True)
    subprocess.run(["git", "add", "."], cwd=done.folder, check=True)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"], cwd=done.folder, check=True
    )
    done.run("--nodes=divide")
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=done.folder, text=True).strip()

    receipt = done.receipt("small")

    assert receipt["sha256"] == hashlib.sha256((done / "data/small.json").read_bytes()).hexdigest()
    assert receipt["inputs"] == {"scaled": done.receipt("scaled")["sha256"]}
    assert receipt["parameters"] == {"params:limit": 10}
    assert {name for name in receipt["code"] if name.startswith("tiny")} == {"tiny", "tiny.numbers", "tiny.arithmetic"}
    assert receipt["code"]["kedro-datasets"]
    assert receipt["project_version"] == "0.1"
    assert receipt["commit"] in (commit, f"{commit}-dirty")
    assert receipt["time"] > done.receipt("scaled")["time"]
    assert receipt["run_id"] != done.receipt("scaled")["run_id"]


def test_the_receipt_of_a_folder_lists_the_files_that_belong_to_it(done):
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (done / "data/words").iterdir()}

    assert done.receipt("words")["files"] == files
    assert set(files) == {"n12.json", "n15.json", "n18.json"}


def test_each_version_has_its_receipt(tiny):
    tiny.run("--env=versioned")
    tiny.run("--env=versioned")

    versions = {path.name for path in (tiny / "data/versioned/scaled.json").iterdir()}
    receipts = {path.stem for path in (tiny / "data/versioned/.receipts/scaled").iterdir()}
    assert len(versions) == 2
    assert receipts == versions
    assert tiny.ran("--env=versioned") == set()


def test_what_moves_with_its_receipts_still_agrees(done, tmp_path):
    shutil.move(done.folder, tmp_path / "elsewhere")
    done.folder = tmp_path / "elsewhere"

    assert done.ran() == set()


@pytest.mark.parametrize(
    ("runner", "workers"),
    [
        ("ThreadRunner", ""),
        ("ParallelRunner", "fork"),
        pytest.param("ParallelRunner", "spawn", marks=pytest.mark.slow),
        pytest.param("ParallelRunner", "forkserver", marks=pytest.mark.slow),
    ],
)
def test_every_runner_writes_the_same_receipts_however_it_starts_its_workers(
    done, tmp_path, runner, workers, monkeypatch
):
    monkeypatch.setenv("KEDRO_MP_CONTEXT", workers)
    entry = 'negated: {type: json.JSONDataset, filepath: "${globals:data}/negated.json"}\n'
    other = Tiny(tmp_path / "other")
    other.write("conf/base/catalog_more.yml", entry)
    done.write("conf/base/catalog_more.yml", entry)

    done.run("--changed")
    other.run(f"--runner={runner}", *["--async"] * (workers == "spawn"))

    passing = {"time", "run_id", "commit"}
    for name in ("scaled", "small", "great", "words", "negated", "sums", "report"):
        ours, theirs = done.receipt(name), other.receipt(name)
        assert {key: value for key, value in ours.items() if key not in passing} == {
            key: value for key, value in theirs.items() if key not in passing
        }
    assert other.ran() == set()


UNHOOKED = """
from kedro.runner import SequentialRunner


class UnhookedRunner(SequentialRunner):
    def _run(self, pipeline, catalog, hook_manager=None, run_id=None):
        from kedro.framework.hooks.manager import _create_hook_manager

        super()._run(pipeline, catalog, _create_hook_manager(), run_id)
"""


def test_a_runner_that_calls_no_hooks_is_refused_though_an_older_run_left_receipts(done):
    done.write("src/tiny/runner.py", UNHOOKED)

    result = done.kedro("run", "--runner=tiny.runner.UnhookedRunner")

    assert result.returncode == 1
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert error.startswith("Error: great has no receipt of this run")
    assert error.endswith("run it again with --runner=SequentialRunner")


def test_a_save_that_was_interrupted_is_told_from_an_altered_file_and_mended_by_the_next_run(done):
    tiny = done
    receipt = tiny.receipt("sums")
    tiny.write("data/.receipts/sums.pending.json", json.dumps(receipt | {"sha256": ""}))
    tiny.run("--pipelines=words")  # nothing came of the save: the former file stands
    tiny.write("data/sums.json", "{}")

    error = tiny.refused("--pipelines=words")

    assert "sums was being saved when its run was interrupted" in error
    assert tiny.ran("--pipelines=sums") == {"add", "negate"}
    assert not (tiny / "data/.receipts/sums.pending.json").exists()
    tiny.run("--pipelines=words")


def test_a_dataset_that_stands_is_not_made_stale_by_later_parameters_but_must_be_unaltered(done):
    done.edit(
        "conf/base/catalog.yml",
        'sums: {type: json.JSONDataset, filepath: "${globals:data}/sums.json"}',
        'sums: {type: json.JSONDataset, filepath: "${globals:data}/sums.json", metadata: {guards: {stands: true}}}',
    )
    _edit_factor(done)

    done.run("--pipelines=words")
    done.write("data/sums.json", "{}")

    assert "sums was altered on disk" in done.refused("--pipelines=words")


REPLACING = """
from pathlib import Path

from kedro.framework.hooks import hook_impl


class Replacing:
    @hook_impl
    def after_dataset_loaded(self, dataset_name):
        if dataset_name == "sums":
            Path("data/sums.json").write_text("{}")


HOOKS = (*HOOKS, Replacing())
"""


def test_a_run_whose_input_another_one_replaces_while_it_is_read_stores_nothing(done):
    before = done.contents()["report.txt"]
    done.write("src/tiny/settings.py", (done / "src/tiny/settings.py").read_text() + REPLACING)

    assert "sums was replaced by another run while this one read it" in done.refused("--pipelines=words")
    assert done.contents()["report.txt"] == before


def test_what_a_killed_run_left_beside_the_receipts_is_swept_and_no_receipt(done):
    left = [done / f"data/.receipts/.sums{way}.json.0123.partial" for way in ("", ".pending")]
    for path in left:
        path.touch()

    assert having_receipts(str(done / "data/.receipts")) == ["great", "report", "scaled", "small", "sums", "words"]
    done.run()

    assert not any(path.exists() for path in left)


def test_a_save_that_failed_leaves_no_word_of_it_beside_what_is_whole(done):
    done.edit("src/tiny/report.py", "return f", "return 3, f")
    before = (done / "data/.receipts/report.json").read_bytes()

    done.refused()

    assert not (done / "data/.receipts/report.pending.json").exists()
    assert (done / "data/.receipts/report.json").read_bytes() == before


def test_a_run_of_what_changed_withdraws_the_word_of_a_save_that_was_killed_at_its_end(done):
    announced = done / "data/.receipts/report.pending.json"
    announced.write_bytes((done / "data/.receipts/report.json").read_bytes())

    assert done.ran() == set()
    assert not announced.exists()


def test_a_project_runs_wherever_it_lies(tmp_path):
    tiny = Tiny(tmp_path / "v[2] c{word} a::b %41#?*~ ü")
    tiny.edit("conf/base/catalog.yml", "report: {", '"{word}ort": {')
    tiny.edit("conf/base/catalog.yml", "/report.txt", "/{word}ort.txt")

    assert tiny.ran("--env=versioned") == set(NODES)
    assert tiny.ran("--env=versioned") == set()
    assert tiny.kedro("receipt", "report", "--env=versioned").stdout.startswith("report ")
    assert (tiny / "data/versioned/report.txt").read_text().startswith("SUMS")
    tiny.edit("conf/base/parameters.yml", "title: sums", "title: totals")
    assert tiny.ran("--env=versioned") == {"write"}
    assert [path.name for path in tmp_path.iterdir()] == [tiny.folder.name]


def test_a_version_of_what_keeps_none_cannot_be_asked_for(done):
    assert "sums keeps no versions" in done.refused("--load-versions=sums:2020-01-01T00.00.00.000Z")
