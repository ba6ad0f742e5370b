"""The notebooks run as they are kept, in a kernel of their own, and write nothing."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ..conftest import DATA, ROOT, copy_tree

NOTEBOOKS = ROOT / "notebooks"
FIGURE = "application/vnd.plotly.v1+json"
# what a test wants to know of the variables that a notebook leaves behind
QUESTIONS = {
    "explore_digits": """{
        "digits": int(counts.to_numpy().sum()) + len(rejected),
        "test_rows_projected": int((labels.loc[projection.index, "split"] == "test").sum()),
        "rows_projected": len(projection),
        "classes_shown": mosaic.shape[0] // height,
        "least_ink": float(ink.min()),
        "most_ink": float(ink.max()),
    }""",
    "inspect_champion": """{
        "label": int(digits.loc[digit_id, "label"]),
        "answer": answer.tolist(),
        "on_file": test_predictions.loc[digit_id].filter(like="probability_").tolist(),
        "written": answers["as written"].tolist(),
        "moved": answers["moved"].tolist(),
        "moved_alone": ask(pair[1:]).loc[0].tolist(),
        "ink_before": pair[0].tolist(),
        "ink_after": pair[1].tolist(),
        "features": [features.directions, features.grid, features.grid],
        "changes_shown": list((moved - as_written).shape),
    }""",
}


def _files(*folders: Path) -> dict[Path, tuple[int, int]]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


@pytest.fixture(scope="module")
def executed(trained, tmp_path_factory):
    """Each notebook with its outputs, the last one answering its question; and the data before and after."""
    project = copy_tree(trained, tmp_path_factory.mktemp("notebooks") / "project")
    notebooks = shutil.copytree(NOTEBOOKS, project / "notebooks")
    before = _files(project / "data", project / DATA)
    found = {}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEDRO_ENV", "test")
        environment.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        for name, question in QUESTIONS.items():
            notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
            notebook.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({question}))"))
            client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(notebooks)}})
            found[name] = client.execute()
    return found | {"before": before, "after": _files(project / "data", project / DATA)}


def _answer(notebook) -> dict:
    return json.loads(notebook.cells[-1].outputs[0].text)


def _figures(notebook) -> list[dict]:
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[FIGURE] for output in outputs if FIGURE in output.get("data", {})]


def test_every_notebook_is_executed_here():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(QUESTIONS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_notebook_is_kept_without_what_it_said(name):
    code = [cell for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]

    assert code[0].source == "%load_ext kedro.ipython"
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}


@pytest.mark.slow
def test_the_exploration_accounts_for_every_digit(executed):
    found = _answer(executed["explore_digits"])

    assert found["digits"] == 1797
    assert found["classes_shown"] == 10
    assert 0 < found["least_ink"] < found["most_ink"] < 1


@pytest.mark.slow
def test_the_exploration_projects_no_test_row(executed):
    found = _answer(executed["explore_digits"])

    assert found["test_rows_projected"] == 0
    assert found["rows_projected"] > 1400
    assert len(_figures(executed["explore_digits"])) == 4


@pytest.mark.slow
def test_the_inspection_gets_the_answer_that_the_run_got(executed):
    found = _answer(executed["inspect_champion"])

    assert sum(found["answer"]) == pytest.approx(1)
    # alone or among other rows, float32 sums round differently
    assert found["answer"] == pytest.approx(found["on_file"], abs=1e-3)
    assert found["written"] == pytest.approx(found["answer"], abs=1e-3)
    assert len(_figures(executed["inspect_champion"])) == 10


@pytest.mark.slow
def test_the_inspection_moves_the_digit_one_pixel_to_the_right(executed):
    found = _answer(executed["inspect_champion"])

    assert found["ink_after"] == [[0, *row[:-1]] for row in found["ink_before"]]
    assert found["moved"] == pytest.approx(found["moved_alone"], abs=1e-3)
    assert found["changes_shown"] == found["features"]


@pytest.mark.slow
def test_executing_the_notebooks_leaves_the_data_alone(executed):
    assert {"digits.parquet", "champion_model.skops"} <= {path.name for path in executed["before"]}
    assert executed["after"] == executed["before"]
