"""A domain that knows no images: a table of numbers goes the whole way, from its contract to the service."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from benchmarks.lines import lines_of_code
from sklearn.datasets import load_breast_cancer, load_wine

from .conftest import ROOT, copy_project, run_kedro
from .serving.conftest import running

OVERLAY = ROOT / "tests/table_domain"
HOW_TO = ROOT / "docs/how-to/start-your-own.md"
WORDS = {"digits": "samples", "digit_": "sample_", "DIGITS": "SAMPLES"}  # in the names of datasets
FORBIDDEN = re.compile(r"digit(?!s_per)|pixel|drawing", re.IGNORECASE)
PIPELINES = "__default__,promotion,inference_table,monitoring_table"
HELD_BACK = 40  # rows that come in later, without their labels


def _lay_over(project: Path) -> None:
    """Give a copy of the project another domain, and its datasets the names of that."""
    shutil.rmtree(project / "src/penstroke/domain")
    shutil.copy(OVERLAY / "domain.py", project / "src/penstroke/domain.py")
    shutil.rmtree(project / "conf/mnist")
    for place in (project / "conf/test").glob("parameters_*.yml"):
        place.unlink()
    shutil.copy(OVERLAY / "conf/parameters_domain.yml", project / "conf/base")
    chosen = yaml.safe_load((OVERLAY / "conf/parameters.yml").read_text(encoding="utf-8"))
    for place in (project / "conf/base").glob("parameters_*.yml"):
        groups = yaml.safe_load(place.read_text(encoding="utf-8"))
        for name in groups.keys() & chosen.keys():
            groups[name] = chosen[name] if name == "contenders" else groups[name] | chosen[name]
        place.write_text(yaml.safe_dump(groups), encoding="utf-8")
    named = [*(project / "conf/base").glob("catalog*.yml"), project / "src/penstroke/contracts.py"]
    for place in (*named, *(project / "src/penstroke/pipelines").rglob("pipeline.py")):
        text = place.read_text(encoding="utf-8")
        for before, now in WORDS.items():
            text = text.replace(before, now)
        place.write_text(text, encoding="utf-8")


def _tables(load) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the rows to learn from, and others."""
    data = load(as_frame=True)
    table = data.data.rename(columns=lambda name: name.replace(" ", "_"))
    label = np.array(data.target_names, dtype=object)[data.target] if load is load_breast_cancer else data.target
    table.insert(0, "label", label)
    table.insert(0, "sample_id", [f"sample-{row}" for row in range(len(table))])
    table = table.sample(frac=1, random_state=0)
    return table[HELD_BACK:], table[:HELD_BACK].drop(columns="label")


@pytest.fixture(scope="module", params=[load_wine, load_breast_cancer], ids=["wine", "breast_cancer"])
def found(request, tmp_path_factory):
    """A project for such a table after a whole run, the rows that came in, and what the run printed."""
    project = copy_project(tmp_path_factory.mktemp(request.param.__name__) / "project")
    _lay_over(project)
    raw, incoming = _tables(request.param)
    shutil.rmtree(project / "data/01_raw")
    (project / "data/01_raw").mkdir()
    raw.to_parquet(project / "data/01_raw/samples.parquet", index=False)
    incoming.to_parquet(project / "data/01_raw/incoming_samples.parquet", index=False)
    result = run_kedro("run", f"--pipelines={PIPELINES}", cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr
    return project, incoming, result.stdout + result.stderr


@pytest.fixture(scope="module")
def asked(found):
    """What the service said: of its model, of itself, of a page and of rows; and what Kedro said of its monitoring."""
    project, incoming, _ = found
    rows = incoming.drop(columns="sample_id")
    with running(project) as service, service.client() as client:
        said = {path: client.get(path) for path in ("/v1/model", "/openapi.json", "/", "/docs", "/page/docs.js")}
        said["rows"] = client.post("/v1/predictions", json={"rows": rows.to_dict("records")})
        said["less"] = client.post("/v1/predictions", json={"rows": rows.iloc[:, 1:].to_dict("records")})
        wrong = rows.astype(object)
        wrong.iloc[0, 0] = "x"
        said["list"] = client.post("/v1/predictions", json={"rows": [{rows.columns[0]: [1]}]})
        said["text"] = client.post("/v1/predictions", json={"rows": wrong.to_dict("records")})
    return said, run_kedro("run", "--pipelines=monitoring_service", cwd=project)


def test_the_domain_of_a_table_takes_few_lines_as_the_how_to_says():
    code = (OVERLAY / "domain.py").read_text(encoding="utf-8")
    configuration = "".join(file.read_text(encoding="utf-8") for file in (OVERLAY / "conf").glob("*.yml"))
    lines = lines_of_code(code), len(configuration.splitlines())

    assert "{} lines of code, {} of configuration".format(*lines) in HOW_TO.read_text(encoding="utf-8")
    assert len([line for line in code.splitlines() if line.strip()]) <= 70
    assert lines[1] <= 20


@pytest.mark.slow
def test_the_tests_that_the_how_to_keeps_pass_with_the_domain_of_a_table(tmp_path):
    for name in ("src", "conf", "tests", "benchmarks", "notebooks", "pyproject.toml", ".telemetry"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    _lay_over(tmp_path)
    (tmp_path / "data/01_raw").mkdir(parents=True)
    _tables(load_breast_cancer)[0].to_parquet(tmp_path / "data/01_raw/samples.parquet", index=False)
    _, block, _ = HOW_TO.read_text(encoding="utf-8").partition("Delete the tests")[2].split("```", 2)
    *commands, last = textwrap.dedent(block.removeprefix("sh\n")).splitlines()
    python = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    subprocess.run(["sh", "-e", "-c", "\n".join(commands)], cwd=tmp_path, check=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    # imported, but run elsewhere: the tests of the guards, the checks of scikit-learn, which ask no domain, and those
    # of a running service, which the tests below ask
    elsewhere = [f"--deselect=tests/{name}" for name in ("guards", "serving/test_service.py")]
    left_out = [*elsewhere, "-k", "not as_scikit_learn_wants_them"]
    run = subprocess.run(
        [*python, "-n0", *left_out], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )

    assert last.strip() == "pytest"
    assert run.returncode == 0, run.stdout
    passed, deselected = (int(re.search(rf"(\d+) {fate}", run.stdout)[1]) for fate in ("passed", "deselected"))
    assert passed > 450
    assert deselected > 700


@pytest.mark.slow
def test_a_table_is_learned_judged_answered_and_watched(found):
    project, incoming, printed = found
    data = project / "data"

    scores = pd.read_json(data / "08_reporting/test_scores.json", typ="series")
    predictions = pd.read_parquet(data / "07_model_output/table_predictions.parquet")
    drift = pd.read_json(data / "08_reporting/table_drift_scores.json", typ="series")

    assert scores["accuracy"] > 0.9
    assert list(predictions.index) == list(incoming["sample_id"])
    assert set(predictions["prediction"]) == set(pd.read_parquet(data / "03_primary/labels.parquet")["label"])
    assert drift["rows"] == HELD_BACK
    assert drift["judged"]
    assert "The champion passes the gate" in printed


@pytest.mark.slow
def test_the_service_answers_rows_by_the_names_of_their_columns_as_inference_does(found, asked):
    project, incoming, _ = found
    said, monitored = asked
    predictions = pd.read_parquet(project / "data/07_model_output/table_predictions.parquet")

    answers = said["rows"].json()["predictions"]

    assert [answer["prediction"] for answer in answers] == list(predictions["prediction"])
    np.testing.assert_array_equal([answer["confidence"] for answer in answers], predictions["confidence"])
    assert said["/v1/model"].json()["classes"] == sorted(set(predictions["prediction"]))
    assert said["/v1/model"].json()["columns"] == list(incoming.columns[1:])
    assert said["less"].status_code == said["text"].status_code == 422
    assert incoming.columns[1] in said["less"].json()["detail"]
    assert said["list"].json()["detail"] == f"rows.0.{incoming.columns[1]}.float: Input should be a valid number"
    assert f"{incoming.columns[1]} must be finite numbers, found 'x'" in said["text"].json()["detail"]
    assert monitored.returncode == 0, monitored.stderr


@pytest.mark.slow
def test_nothing_says_a_word_of_images(found, asked):
    project, _, printed = found
    said, monitored = asked
    texts = {"printed": printed + monitored.stdout + monitored.stderr}
    texts |= {path: response.text for path, response in said.items() if isinstance(response, httpx.Response)}
    for file in (project / "data").rglob("*"):
        if file.suffix in {".json", ".md", ".html"}:
            texts[str(file)] = f"{file.name} {file.read_text(encoding='utf-8')}"
        elif file.suffix == ".parquet":
            texts[str(file)] = f"{file.name} {pq.read_schema(file).names}"
    described = run_kedro("registry", "list", cwd=project)
    texts["registry"] = described.stdout

    found_words = {place: word[0] for place, text in texts.items() if (word := FORBIDDEN.search(text))}

    assert len(texts) > 30
    assert found_words == {}
