"""The page in a real Chromium."""

import io
import json
from itertools import pairwise
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from ...browser import barriers, chromium, hosts, resources, set_scheme
from ...conftest import copy_project
from ...serving.conftest import fit_model, promote, running
from ..rows import drawn
from .proxy import proxy

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


@pytest.mark.slow
def test_the_page_has_no_barriers_before_and_after_an_answer(page):
    for scheme in ("dark", "light"):
        set_scheme(page, scheme)
        page.refresh()
        assert barriers(page) == []
        draw_a_one(page)
        assert barriers(page) == []


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


def choose_file(page, folder, content, name="no ending"):
    """Clear the page, choose a file, and give what is answered."""
    page.find_element(By.ID, "clear").click()
    (folder / name).write_bytes(content)
    page.find_element(By.ID, "file").send_keys(str(folder / name))
    wait_for(lambda: answer(page) != "Nothing is drawn yet.")
    return answer(page)


@pytest.mark.parametrize(("kind", "name"), [("PNG", "no ending"), ("JPEG", "wrong.heic"), ("PNG", "wrong.txt")])
def test_an_image_can_be_chosen_whatever_its_name(page, tmp_path, kind, name):
    assert choose_file(page, tmp_path, drawn(kind=kind), name).startswith(("It is 1", "Not sure: perhaps 1"))
    assert page.find_element(By.ID, "seen").is_displayed()


HEIC, AVIF, MOVIE = (b"\0\0\0\x20ftyp" + brand + b"\0" * 40 for brand in (b"heic", b"avif", b"isom"))
CHOOSE = "Please choose a PNG or JPEG file."


OTHERS = {
    **{f"This is a {kind} image.": drawn(kind=kind) for kind in ("WebP", "BMP", "GIF", "TIFF")},
    "This is a HEIC image.": HEIC,
    "This is an AVIF image.": AVIF,
    "This is a video.": MOVIE,
    "This is a PDF document.": drawn(kind="PDF"),
    "This is an SVG drawing.": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "This is no image that can be read here.": b"no picture",
    "This file is empty.": b"",
}


def test_what_is_no_png_or_jpeg_file_is_told_to_people_by_its_content(page, tmp_path):
    for told, content in OTHERS.items():
        assert choose_file(page, tmp_path, content, "picture.png") == f"{told} {CHOOSE}"
        assert not page.find_element(By.ID, "seen").is_displayed()


def test_what_the_service_cannot_answer_is_told_to_people(page, tmp_path):
    blank = io.BytesIO()
    Image.new("L", (50, 50), 255).save(blank, "PNG")

    assert choose_file(page, tmp_path, blank.getvalue()).startswith("No answer: there is no ink:")
    assert choose_file(page, tmp_path, drawn()[:200]).startswith("No answer: it is damaged")
    too_large = "No answer: the file is too large; choose a smaller one"
    assert choose_file(page, tmp_path, drawn() + b"x" * 11_000_000) == too_large


def hand_over(page, kind, *contents):
    """Drop or paste files."""
    page.find_element(By.ID, "clear").click()
    events = {
        "drop": "new DragEvent('drop', {dataTransfer: given})",
        "paste": "new ClipboardEvent('paste', {clipboardData: given})",
    }
    page.execute_script(
        "const given = new DataTransfer();"
        "for (const content of arguments) given.items.add(new File([new Uint8Array(content)], 'any'));"
        f"document.dispatchEvent({events[kind]})",
        *map(list, contents),
    )


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_one_image_can_be_dropped_or_pasted(page, kind):
    hand_over(page, kind, drawn())
    wait_for(lambda: answer(page).startswith(("It is 1", "Not sure: perhaps 1")))

    hand_over(page, kind, drawn(), drawn())
    wait_for(lambda: answer(page) == "These are 2 files. Please choose one PNG or JPEG file.")


def test_a_folder_or_no_file_that_is_dropped_is_told(page, tmp_path):
    place = page.find_element(By.ID, "paper").location
    data = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    wait_for(lambda: answer(page) == f"This cannot be read; perhaps it is a folder. {CHOOSE}")

    hand_over(page, "drop")
    wait_for(lambda: answer(page) == f"This is no file. {CHOOSE}")


def test_what_has_nothing_to_show_is_not_shown(page):
    empty = [one.get_attribute("id") for one in page.find_elements(By.CSS_SELECTOR, "[hidden]") if one.is_displayed()]
    assert empty == []
    assert {one.get_attribute("id") for one in page.find_elements(By.CSS_SELECTOR, "[hidden]")} == {
        "likeliest", "seen-part", "feedback", "wrong"
    }  # fmt: skip

    draw_a_one(page)
    assert page.find_element(By.ID, "seen-part").is_displayed()
    page.find_element(By.ID, "clear").click()
    assert not page.find_element(By.ID, "seen-part").is_displayed()


FAULTS = {
    "Promise.reject(new TypeError('Failed to fetch'))": "the service cannot be reached; try again later",
    "new Response('<html>', {status: 502})": "the service cannot be reached; try again later",
    """new Response('{"detail": "full"}', {status: 503})""": "the service is busy; try again in a moment",
    "new Response('<html>', {status: 200})": "the service gave an unexpected answer (200)",
    "new Response('', {status: 500})": "the service gave an unexpected answer (500)",
}


@pytest.mark.slow
def test_what_keeps_the_service_from_answering_is_told_to_people(page):
    for response, told in FAULTS.items():
        page.execute_script(f"window.fetch = async () => {response}")

        draw(page, (0, -90), (0, 90))

        wait_for(lambda told=told: answer(page) == f"No answer: {told}")


@pytest.mark.parametrize("start", ["/digits", "/digits/docs/"])
def test_behind_a_proxy_with_a_prefix_the_page_works(chrome, service, start):
    with proxy(service.address, "/digits") as address:
        chrome.get(address + start)
        if "docs" in start:
            wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#calls h2")) >= 4)
            chrome.find_element(By.LINK_TEXT, "Try it").click()
        wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#labels input")) == 10)
        draw_a_one(chrome)

        assert chrome.current_url == f"{address}/digits/"
        assert set(resources(chrome).values()) == {200}
        assert chrome.execute_script("return getComputedStyle(document.querySelector('main')).maxWidth") != "none"


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
    set_scheme(page, "dark" if dark else "light")
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


@pytest.mark.slow
def test_a_service_with_a_token_asks_for_it_once(chrome, served_project):
    with running(served_project, PENSTROKE_TOKEN="a token of the test") as guarded:  # noqa: S106
        chrome.get(guarded.address)
        wait_for(lambda: chrome.find_element(By.ID, "token-dialog").get_attribute("open"))
        token, wrong = chrome.find_element(By.ID, "token"), chrome.find_element(By.ID, "wrong")
        assert not wrong.is_displayed()
        token.send_keys(Keys.ESCAPE)
        wait_for(lambda: answer(chrome) == "No answer: the service asks for its token")
        draw(chrome, (0, -90), (0, 90))
        wait_for(lambda: chrome.find_element(By.ID, "token-dialog").get_attribute("open"))
        token.send_keys("another", Keys.ENTER)
        wait_for(wrong.is_displayed)
        token.send_keys("a token of the test", Keys.ENTER)

        wait_for(lambda: answer(chrome).startswith(("It is", "Not sure")))
        wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#labels input")) == 10)


@pytest.mark.slow
def test_labels_of_text_are_offered_answered_and_stored_as_they_are_called(chrome, tmp_path):
    project = copy_project(tmp_path / "project")
    promote(project, fit_model(5, lambda label: "one" if label == 1 else "<b>other</b>"))
    with running(project) as service:
        chrome.get(service.address)
        wait_for(lambda: len(chrome.find_elements(By.CSS_SELECTOR, "#labels input")) == 2)
        draw(chrome, (0, -90), (0, -30), (0, 30), (0, 90))
        wait_for(lambda: answer(chrome).startswith(("It is one", "Not sure: perhaps one")))
        offered = [label.text for label in chrome.find_elements(By.CSS_SELECTOR, "#labels label")]
        ranked = [row.text for row in chrome.find_elements(By.CSS_SELECTOR, "#likeliest li")]
        chrome.find_element(By.CSS_SELECTOR, "#labels input[value='<b>other</b>']").click()
        chrome.find_element(By.CSS_SELECTOR, "#feedback button").click()
        wait_for(lambda: chrome.find_element(By.ID, "stored").text == "Stored as <b>other</b>. Thank you.")

    (stored,) = (project / "data/01_raw/inbox").iterdir()
    assert offered == ["<b>other</b>", "one"]
    assert [row.startswith(name) for row, name in zip(ranked, ("one", "<b>other</b>"), strict=True)] == [True, True]
    assert stored.name.startswith("%3Cb%3Eother%3C%2Fb%3E_")
