"""Kedro-Viz shows the project in a browser, as a server and as static files, and asks nobody else."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.request import urlopen

import pandas as pd
import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from ..browser import chromium, hosts, resources
from ..conftest import copy_tree, run_kedro

LAYERS = ["raw", "intermediate", "primary", "feature", "model_input", "models", "model_output", "reporting"]
SECONDS = 120
# Kedro-Viz asks the package index for the newest version of itself, its page for a font; it does without both
INDEX, FONT = "pypi", "fonts.googleapis.com"


@contextmanager
def _serving(handler):
    """Serve on a free port of this machine; give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Stay quiet."""


class _Refusal(_Files):
    """A proxy that lets nothing through and notes who was asked for."""

    asked: ClassVar[list[str]] = []

    def do_CONNECT(self):
        self.asked.append(self.path)
        self.send_error(403)


def _json(address):
    with urlopen(address, timeout=SECONDS) as response:  # noqa: S310
        return json.load(response)


def _wait_until_it_runs(process, log):
    deadline = time.monotonic() + SECONDS
    while "Kedro Viz is running at" not in log.read_text():
        if time.monotonic() > deadline or process.poll() is not None:
            pytest.fail(f"kedro viz run does not start:\n{log.read_text()}")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def browser():
    with chromium() as chrome:
        # without the tour of Kedro-Viz, which lies on the graph until a person has closed it
        closed = "localStorage.setItem('KedroViz', JSON.stringify({showFeatureHints: false}))"
        chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": closed})
        yield chrome


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("viz") / "log.txt"


@pytest.fixture(scope="module")
def viz(trained, log):
    """The address of ``kedro viz run``."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--no-browser", "--host", "127.0.0.1", "--port", str(port), "--env", "test"]
    with _serving(_Refusal) as proxy, log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kedro", "viz", "run", *options],
            cwd=trained,
            env=os.environ | {"https_proxy": proxy, "no_proxy": "127.0.0.1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_it_runs(process, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(SECONDS)


@pytest.fixture(scope="module")
def site(trained, tmp_path_factory):
    """The address of what ``kedro viz build`` makes, in a copy: it writes among what lies in ``build``."""
    project = copy_tree(trained, tmp_path_factory.mktemp("site") / "project")
    result = run_kedro("viz", "build", "--include-previews", cwd=project, KEDRO_ENV="test")
    # it exits with 0 even where it fails
    assert (project / "build/index.html").exists(), result.stdout + result.stderr
    with _serving(partial(_Files, directory=project / "build")) as address:
        yield address


@pytest.fixture(scope="module")
def scores(test_run):
    return json.loads((test_run / "08_reporting/test_scores.json").read_text())


@pytest.fixture(scope="module")
def nodes(viz):
    return {node["name"]: node for node in _json(f"{viz}api/main")["nodes"]}


def _graph(browser, address):
    """Open the page; give the names of the nodes and of the layers once they are drawn."""
    browser.get(address)
    wait = WebDriverWait(browser, SECONDS)
    nodes, layers = (
        wait.until(lambda page, kind=kind: page.find_elements(By.CSS_SELECTOR, kind))
        for kind in (".pipeline-node", ".pipeline-layer-name")
    )
    return {node.get_attribute("data-node-fullname") for node in nodes}, [layer.text for layer in layers]


def _preview(browser, address, name, selector):
    """Click a dataset of the graph; give what its panel shows of it."""
    browser.get(address)
    dataset = (By.CSS_SELECTOR, f".pipeline-node[data-node-fullname={name}]")
    panel = ".pipeline-metadata--visible"

    def drawn(page):
        if not page.find_elements(By.CSS_SELECTOR, panel):
            page.find_element(*dataset).click()
        return page.find_elements(By.CSS_SELECTOR, f"{panel} {selector}")

    # while the graph moves into place a click is refused, and tried again
    return WebDriverWait(browser, SECONDS, ignored_exceptions=[WebDriverException]).until(drawn)


def _steps(nodes):
    return {name for name, node in nodes.items() if node["type"] in {"task", "data"}}


def test_the_server_knows_every_pipeline_and_layer(viz, nodes):
    found = _json(f"{viz}api/main")
    layers = {name: node["layer"] for name, node in nodes.items() if node["type"] == "data"}

    stages = {"data_processing", "feature_engineering", "data_science", "reporting"}
    assert {pipeline["id"] for pipeline in found["pipelines"]} >= {"__default__"} | stages
    assert found["layers"] == LAYERS
    assert (layers["raw_digits"], layers["digits"], layers["champion_model"]) == ("raw", "primary", "models")
    assert None not in layers.values()


def test_the_server_previews_tables_scores_and_figures(viz, nodes, scores, test_run):
    shown = {
        name: _json(f"{viz}api/nodes/{nodes[name]['id']}")["preview"]
        for name in ("leaderboard", "test_scores", "confusion_plot")
    }

    leaderboard = pd.read_parquet(test_run / "06_models/leaderboard.parquet")
    assert shown["leaderboard"]["columns"] == list(leaderboard)
    assert shown["leaderboard"]["data"] == leaderboard.to_numpy().tolist()
    assert json.loads(shown["test_scores"]) == scores
    assert shown["confusion_plot"] == json.loads((test_run / "08_reporting/confusion_plot.json").read_text())


def test_the_graph_shows_every_stage_and_layer(browser, viz, nodes):
    drawn, layers = _graph(browser, viz)

    assert drawn == _steps(nodes)
    assert drawn >= {"screen_rows", "extract_features", "search_contenders", "write_model_card"}
    assert layers == LAYERS
    assert hosts(browser) <= {"127.0.0.1", FONT}


def test_a_click_on_the_leaderboard_shows_its_table(browser, viz, test_run):
    shown = _preview(browser, viz, "leaderboard", ".preview-table tr")
    # columns beyond the panel's width are there to be scrolled to, and have no visible text before
    rows = [
        [cell.get_attribute("textContent") for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in shown
    ]

    leaderboard = pd.read_parquet(test_run / "06_models/leaderboard.parquet")
    assert rows[0] == list(leaderboard)
    assert [row[0] for row in rows[1:]] == list(leaderboard["contender"])


def test_a_click_on_the_scores_shows_each_by_name(browser, viz, scores):
    keys = _preview(browser, viz, "test_scores", ".object-key")

    assert [key.text.strip('"') for key in keys] == sorted(scores)


@pytest.mark.parametrize("place", ["viz", pytest.param("site", marks=pytest.mark.slow)])
def test_a_click_on_the_confusion_draws_its_counts(browser, place, request, scores):
    cells = _preview(browser, request.getfixturevalue(place), "confusion_plot", ".heatmap-label text")

    assert len(cells) == 100
    assert sum(int(cell.text) for cell in cells) == scores["rows"]


@pytest.mark.slow
def test_the_static_files_show_the_same_graph_and_ask_nobody(browser, site, nodes):
    drawn, layers = _graph(browser, site)

    assert drawn == _steps(nodes)
    assert layers == LAYERS
    assert hosts(browser) <= {"127.0.0.1", FONT}
    own = {address: status for address, status in resources(browser).items() if address.startswith(site)}
    assert own[f"{site}api/main"] == 200
    # the one file that the page asks for and the build does not make
    assert {address for address, status in own.items() if status != 200} == {f"{site}api/metadata"}
    assert [entry["message"] for entry in browser.get_log("browser") if "Uncaught" in entry["message"]] == []


def test_the_server_starts_without_alarm_and_without_telemetry(viz, log):
    assert not {"Traceback", "ERROR"} & set(re.findall(r"\w+", log.read_text()))
    assert {host.partition(".")[0] for host in _Refusal.asked} == {INDEX}
