"""The notebooks run as they are kept, in a kernel of their own, and write nothing."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml
from benchmarks.notebooks import FIGURE, page_of
from nbclient import NotebookClient

from penstroke.pipelines.data_science.parameters import Contenders

from ..conftest import DATA, ROOT, copy_tree

NOTEBOOKS = ROOT / "notebooks"
TABLE = '<div><style>x</style><table border="1"><tr style="y"><th></th>\n  <th>a</th></tr></table></div>'
# what a test wants to know of the variables that a notebook leaves behind
QUESTIONS = {
    "explore_digits": """{
        "digits": int(counts.to_numpy().sum()) + len(rejected),
        "test_rows_projected": int((labels.loc[projection.index, "split"] == "test").sum()),
        "rows_projected": len(projection),
        "classes_shown": mosaic.shape[0] // height,
        "twice": int(twice.sum()),
        "test_rows_compared": [len(nearest), int(nearest["distance"].is_monotonic_increasing)],
        "closest": [
            float(nearest["distance"].iloc[0]),
            float(((features - all_features.loc[nearest.index[0]]) ** 2).sum(axis=1).min() ** 0.5),
        ],
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
        "wrong_without_a_look": [float(wrong.iloc[-1]), float(test_scores["accuracy"])],
        "least_sure": least_sure["confidence"].tolist(),
        "second_choices": (least_sure["second"] == least_sure["prediction"].astype(str)).tolist(),
        "features": [features.directions, features.grid, features.grid],
        "changes_shown": list((moved - as_written).shape),
    }""",
    "try_an_idea": """{
        "block": yaml.safe_dump({"contenders": block}),
        "results": len(results),
        "folds": search.folds,
        "known_again": search_contenders(
            catalog.load("training_rows"),
            Contenders.model_validate({"logistic": context.config_loader["parameters"]["contenders"]["logistic"]}),
            search.model_copy(update={"contenders": ["logistic"]}),
            final_fit,
        )[0]["accuracy"].tolist(),
        "known": catalog.load("search_results").query("contender == 'logistic'")["accuracy"].tolist(),
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


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_documentation_shows_the_notebook_as_it_is(name):
    """If this fails, run ``kedro run``, then ``python -m benchmarks.notebooks``."""
    page = (ROOT / f"docs/notebooks/{name}.md").read_text(encoding="utf-8")
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
    code, text = ([cell.source for cell in cells if cell.cell_type == kind] for kind in ("code", "markdown"))

    assert re.findall(r"^```python\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL) == code
    assert [source for source in text if source not in page] == []


def test_an_output_becomes_a_picture_a_table_or_text():
    outputs = [
        {"output_type": "display_data", "data": {FIGURE: {"layout": {"title": {"text": "Ink"}}}}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/html": TABLE, "text/plain": "a 1"}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/html": "<pre>INFO</pre>", "text/plain": "INFO"}, "metadata": {}},
        {"output_type": "display_data", "data": {"text/plain": "\x1b[1m7\x1b[0m"}, "metadata": {}},
        {"output_type": "stream", "name": "stderr", "text": "warned"},
    ]
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.from_dict(output) for output in outputs])

    page, figures = page_of(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell]), "x")

    table = "<table><tr><td></td><th>a</th></tr></table>"
    assert list(figures) == ["x_1.webp"]
    assert page.endswith(f"```python\n1\n```\n\n![Ink](x_1.webp)\n\n{table}\n\n```text\n7\n```\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_documentation_shows_every_figure_of_a_notebook(name, executed):
    pictures = re.findall(r"!\[.+?\]\((.*)\)", (ROOT / f"docs/notebooks/{name}.md").read_text(encoding="utf-8"))

    assert len(pictures) == len(_figures(executed[name]))


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
    assert len(_figures(executed["explore_digits"])) == 7


@pytest.mark.slow
def test_the_exploration_finds_the_training_digit_that_is_nearest_to_each_test_digit(executed):
    found = _answer(executed["explore_digits"])

    assert found["twice"] == 0
    assert found["test_rows_compared"] == [355, 1]
    assert found["closest"][0] == pytest.approx(found["closest"][1], abs=1e-3)
    assert found["closest"][0] > 0


@pytest.mark.slow
def test_the_inspection_gets_the_answer_that_the_run_got(executed):
    found = _answer(executed["inspect_champion"])

    assert sum(found["answer"]) == pytest.approx(1)
    # alone or among other rows, float32 sums round differently
    assert found["answer"] == pytest.approx(found["on_file"], abs=1e-3)
    assert found["written"] == pytest.approx(found["answer"], abs=1e-3)
    assert len(_figures(executed["inspect_champion"])) == 12


@pytest.mark.slow
def test_the_inspection_shows_the_least_sure_answers_first_and_what_a_look_at_them_would_mend(executed):
    found = _answer(executed["inspect_champion"])

    assert found["wrong_without_a_look"][0] == pytest.approx(1 - found["wrong_without_a_look"][1])
    assert found["least_sure"] == sorted(found["least_sure"])
    assert not any(found["second_choices"])


@pytest.mark.slow
def test_an_idea_is_compared_on_the_folds_of_the_contenders_and_ends_as_a_block_that_can_be_one(executed):
    found = _answer(executed["try_an_idea"])
    (idea,) = Contenders.model_validate(yaml.safe_load(found["block"])["contenders"]).root.values()

    assert found["results"] == len(idea.grid["lineardiscriminantanalysis__shrinkage"]) * found["folds"]
    assert found["known_again"] == found["known"]
    assert "contenders:\n  idea:\n    steps:" in executed["try_an_idea"].cells[-2].outputs[-1].text


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
