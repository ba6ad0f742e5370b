"""The page in a real Chromium."""

import json
from itertools import pairwise
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from ..browser import chromium, hosts
from .conftest import drawn, running

PATIENCE_S = 10


@pytest.fixture(scope="module")
def chrome():
    with chromium() as found:
        yield found


@pytest.fixture
def page(chrome, service):
    chrome.set_window_size(1000, 1000)
    chrome.get(service.address)
    wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#labels input")) == 10)
    return chrome


def wait_for(condition):
    until = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < until, "it did not happen"
        sleep(0.05)


def answer(page):
    return page.find_element(By.ID, "answer").text


def draw(page, *points):
    """Draw one stroke, in places from the middle of the paper."""
    chain = ActionChains(page, duration=20)
    paper = page.find_element(By.ID, "paper")
    chain.move_to_element_with_offset(paper, *points[0]).click_and_hold()
    for before, after in pairwise(points):
        chain.move_by_offset(after[0] - before[0], after[1] - before[1])
    chain.release().perform()


def draw_a_one(page):
    draw(page, (0, -90), (0, -30), (0, 30), (0, 90))
    wait_for(lambda: answer(page).startswith(("It is", "Not sure")))


def test_a_stroke_is_answered_with_the_three_likeliest_and_what_the_model_sees(page, service):
    draw_a_one(page)

    rows = page.find_elements(By.CSS_SELECTOR, "#likeliest li")
    shares = [float(bar.get_attribute("value")) for bar in page.find_elements(By.CSS_SELECTOR, "#likeliest progress")]
    assert len(rows) == 3
    assert shares == sorted(shares, reverse=True)
    assert rows[0].text.startswith("1")
    seen = page.find_element(By.ID, "seen")
    assert (seen.get_attribute("width"), seen.get_attribute("height")) == ("8", "8")
    assert seen.is_displayed()


def test_what_was_wrong_lands_in_the_inbox_with_its_right_label(page, service):
    inbox = service.project / "data/01_raw/inbox"
    before = set(inbox.glob("*")) if inbox.exists() else set()
    draw_a_one(page)

    page.find_element(By.CSS_SELECTOR, "#labels input[value='7']").click()
    page.find_element(By.CSS_SELECTOR, "#feedback button").click()
    wait_for(lambda: page.find_element(By.ID, "stored").text.startswith("Stored as 7"))

    (stored,) = set(inbox.glob("*")) - before
    assert stored.name.startswith("7_")
    assert stored.read_bytes().startswith(b"\x89PNG")


def test_only_the_drawing_that_was_answered_can_be_corrected(page, service):
    inbox = service.project / "data/01_raw/inbox"
    before = set(inbox.glob("*")) if inbox.exists() else set()
    draw_a_one(page)
    seven = page.find_element(By.CSS_SELECTOR, "#labels input[value='7']")
    paper = page.find_element(By.ID, "paper")

    ActionChains(page).move_to_element_with_offset(paper, -60, 0).click_and_hold().move_by_offset(120, 0).perform()
    sleep(0.5)
    could_correct_half = seven.is_enabled()
    ActionChains(page).release().perform()
    wait_for(seven.is_enabled)
    seven.click()
    page.find_element(By.CSS_SELECTOR, "#feedback button").click()
    wait_for(lambda: page.find_element(By.ID, "stored").text.startswith("Stored as 7"))

    assert not could_correct_half
    (stored,) = set(inbox.glob("*")) - before
    ink = np.asarray(Image.open(stored))[..., 3] > 0
    shown = page.execute_script(
        "const {width, height} = paper, image = paper.getContext('2d').getImageData(0, 0, width, height);"
        "return [...image.data].filter((_, place) => place % 4 === 3)"
    )
    np.testing.assert_array_equal(ink.ravel(), np.array(shown) > 0)


def test_a_digit_can_be_drawn_by_keyboard_alone(page):
    paper = page.find_element(By.ID, "paper")
    paper.send_keys(Keys.SPACE, *[Keys.ARROW_DOWN] * 22, Keys.SPACE)

    wait_for(lambda: answer(page).startswith(("It is 1", "Not sure: perhaps 1")))
    paper.send_keys(Keys.DELETE)
    assert answer(page) == "Nothing is drawn yet."


def test_an_image_can_be_chosen_and_what_is_none_is_told(page, tmp_path):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.png"
    good.write_bytes(drawn(kind="JPEG"))
    bad.write_bytes(b"no picture")
    chooser = page.find_element(By.ID, "file")

    chooser.send_keys(str(good))
    wait_for(lambda: answer(page).startswith(("It is", "Not sure")))
    chooser.send_keys(str(bad))
    wait_for(lambda: answer(page).startswith("No answer: image 0: it is no JPEG or PNG file"))


def test_every_control_has_a_name_and_the_answer_is_announced(page):
    draw_a_one(page)
    controls = page.find_elements(By.CSS_SELECTOR, "main :is(button, input, canvas, progress, a)")

    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name] == []
    assert page.find_element(By.ID, "answer").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(360, 740), (1000, 900)])
def test_the_page_fits_a_phone_and_follows_light_and_dark(page, tmp_path, dark, width, height):
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    draw_a_one(page)

    page.save_screenshot(str(tmp_path / f"page_{width}_{'dark' if dark else 'light'}.png"))
    overflow = page.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert overflow <= 0
    assert (sum(json.loads(f"[{ground.partition('(')[2][:-1]}]")) < 200) == dark


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_nothing_is_asked_of_another_host_and_nothing_is_wrong_on_the_console(page, service, path):
    page.get_log("browser")
    page.get(service.address + path)
    wait_for(lambda: page.find_elements(By.CSS_SELECTOR, "#labels input, #calls h2"))

    assert hosts(page) == {"127.0.0.1"}
    assert page.get_log("browser") == []


def test_a_finger_draws(page):
    paper = page.find_element(By.ID, "paper").rect
    x, y = paper["x"] + paper["width"] / 2, paper["y"]

    def touch(kind, *at):
        page.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y + d} for d in at]}
        )

    touch("touchStart", 50)
    for down in range(60, 240, 20):
        touch("touchMove", down)
    touch("touchEnd")

    wait_for(lambda: answer(page).startswith(("It is 1", "Not sure: perhaps 1")))


def test_a_service_with_a_token_asks_for_it_once(chrome, served_project):
    with running(served_project, PENSTROKE_TOKEN="a token of the test") as guarded:  # noqa: S106
        chrome.get(guarded.address)
        wait_for(lambda: chrome.find_element(By.ID, "gate").get_attribute("open"))
        chrome.find_element(By.ID, "token").send_keys("a token of the test", Keys.ENTER)

        wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#labels input")) == 10)
