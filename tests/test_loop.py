"""From pixels to people and back: train, promote, serve, draw, correct, retrain, refuse, promote, monitor."""

import json
from itertools import pairwise
from time import monotonic, sleep

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from kedro_guards import model_files
from penstroke.domain.layout import INK, scale_ink
from penstroke.domain.pixels import to_images

from .browser import chromium
from .conftest import DATA, copy_tree, run_kedro
from .serving.conftest import running

FULL_INK = 16
PATIENCE_S = 20


@pytest.mark.slow
def test_the_loop_closes(promoted, tmp_path):
    project = copy_tree(promoted, tmp_path / "project")
    first = version_in_production(project)
    tested = rows_of_test(project)

    with running(project, "--env=test") as service, chromium() as browser, service.client() as client:
        assert client.get("/ready").json()["model_version"] == first

        # a person draws a seven with a bar, which is not what the model learned, and says what it is
        browser.get(service.address)
        draw(browser, (-60, -80), (60, -80), (-20, 90))
        draw(browser, (-50, 10), (50, 10))
        seven = "#labels input[value='7']"
        wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, f"{seven}:enabled"))
        assert text(browser, "answer").startswith(("It is", "Not sure"))
        browser.find_element(By.CSS_SELECTOR, seven).click()
        browser.find_element(By.CSS_SELECTOR, "#feedback button").click()
        wait_for(lambda: text(browser, "stored").startswith("Stored as 7"))
        (corrected,) = (project / DATA / "01_raw/inbox").iterdir()

        # it teaches the next champion, and moves no test row
        kedro(project, "run", "--changed", "--pipelines=feedback")
        assert "screen_rows" in kedro(project, "run", "--changed").stdout
        assert "nothing has changed" in kedro(project, "run", "--changed", "--pipelines=feedback").stdout
        assert corrected.name in learned_by_champion(project)
        assert rows_of_test(project) == tested

        # a gate that asks for more refuses it, and nobody notices; the usual gate lets it in, and people get it at once
        refused = kedro(project, "run", "--pipelines=promotion", "--params=gate.accuracy_low=1", status=1)
        assert "accuracy_low is " in refused.stderr
        assert client.get("/ready").json()["model_version"] == version_in_production(project) == first
        kedro(project, "run", "--pipelines=promotion")
        second = version_in_production(project)
        assert verdict(project)["comparable_rows"] == len(tested)
        wait_for(lambda: client.get("/ready").json()["model_version"] == second != first)

        # digits like those that it knows raise no alarm
        images = images_of_test_rows(project)
        ask(client, images)
        wait_for(lambda: served(project, second) >= len(images))
        assert "alarm" not in kedro(project, "run", "--pipelines=monitoring_service").stderr

        # negatives are refused, and somebody sends pale ones
        refused = client.post("/v1/predictions", json={"images": (FULL_INK - images).tolist()})
        assert refused.status_code == 422
        assert "rows are inverted" in refused.text
        ask(client, images // 2)
        wait_for(lambda: served(project, second) >= 2 * len(images))
    alarmed = kedro(project, "run", "--pipelines=monitoring_service", status=1)
    assert "drift alarm" in alarmed.stderr
    assert second in alarmed.stderr

    # what was promoted last is taken back
    kedro(project, "rollback")
    assert version_in_production(project) == first


def kedro(project, *arguments, status=0):
    """Run one of Kedro's commands in the environment of the tests, to the end that is expected."""
    result = run_kedro(*arguments, "--env=test", cwd=project)
    assert result.returncode == status, result.stdout + result.stderr
    return result


def version_in_production(project):
    return json.loads((project / DATA / ".receipts/production_model.json").read_text())["sha256"][:12]


def verdict(project):
    return json.loads((project / DATA / "08_reporting/verdict.json").read_text())


def rows_of_test(project):
    split = pd.read_parquet(project / DATA / "03_primary/labels.parquet")["split"]
    return set(split.index[split == "test"])


def learned_by_champion(project):
    with (project / DATA / "06_models/champion_model.skops").open("rb") as file:
        return set(model_files.load(file).row_ids_)


def images_of_test_rows(project):
    """Give the digits that no model has learned, as numbers of the raw scale."""
    digits = pd.read_parquet(project / DATA / "03_primary/digits.parquet")
    grey = to_images(digits[digits["split"] == "test"])
    return np.searchsorted(scale_ink(np.arange(FULL_INK + 1), FULL_INK), grey.astype(int) * 255 // INK)


def served(project, version):
    """Count the answers of a model that the service has kept."""
    folder = project / DATA / "07_model_output/served_predictions"
    tables = [pd.read_parquet(path) for path in folder.glob("*.parquet")]
    return sum((table["model_version"] == version).sum() for table in tables)


def ask(client, images):
    answered = client.post("/v1/predictions", json={"images": images.tolist()})
    assert answered.status_code == 200, answered.text


def draw(browser, *points):
    """Draw one stroke on the page, in places from the middle of the paper."""
    paper = browser.find_element(By.ID, "paper")
    chain = ActionChains(browser, duration=20).move_to_element_with_offset(paper, *points[0]).click_and_hold()
    for before, after in pairwise(points):
        chain.move_by_offset(after[0] - before[0], after[1] - before[1])
    chain.release().perform()


def text(browser, name):
    return browser.find_element(By.ID, name).text


def wait_for(condition):
    until = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < until, "it did not happen"
        sleep(0.1)
