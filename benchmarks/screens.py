"""Photograph the service's page and the graph, light and dark: ``python -m benchmarks.screens``.

Before that, run ``kedro run --pipelines=__default__,promotion``: the screens show its results.
"""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tests.browser import chromium

from .project import ROOT

IMAGES, DRAWING = ROOT / "docs/images", ROOT / "data/01_raw/drawings/3_pencil.jpg"
LIES_ON_IT = ".pipeline-minimap-container, [class^=update-reminder]"  # on the graph
SCHEMES, SECONDS, EDGE = ("light", "dark"), 60, 12


def main() -> None:
    """Photograph both in both schemes."""
    with chromium() as chrome:
        for scheme in SCHEMES:
            feature = {"name": "prefers-color-scheme", "value": scheme}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            kept = f"localStorage.setItem('KedroViz', JSON.stringify({{showFeatureHints: false, theme: '{scheme}'}}))"
            script = chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": kept})
            with _served("serve") as address:
                chrome.set_window_size(900, 900)
                chrome.get(address)
                chrome.find_element(By.ID, "file").send_keys(str(DRAWING))
                _wait(chrome, lambda page: page.find_element(By.ID, "seen-part").is_displayed())
                _photograph(chrome, f"page-{scheme}", "body")
            with _served("viz", "run", "--no-browser", "--host=127.0.0.1") as address:
                chrome.set_window_size(1500, 1900)
                chrome.get(address)
                _wait(chrome, lambda page: page.find_elements(By.CSS_SELECTOR, ".pipeline-node"))
                time.sleep(3)  # the graph moves into place
                chrome.execute_script(f"document.querySelectorAll('{LIES_ON_IT}').forEach(one => one.remove())")
                _photograph(chrome, f"pipelines-{scheme}", ".pipeline-node, .pipeline-layer-name")
            chrome.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


@contextmanager
def _served(*command: str) -> Iterator[str]:
    """Start a command of Kedro that serves, and end it; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "kedro", *command, f"--port={port}"]
    process = subprocess.Popen(words, cwd=ROOT, start_new_session=True)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(SECONDS):
            try:
                urlopen(address).close()  # our own
                break
            except URLError:
                time.sleep(1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # Kedro-Viz serves in a child
        process.wait()


def _wait(chrome: Chrome, until: object) -> None:
    WebDriverWait(chrome, SECONDS).until(until)


def _photograph(chrome: Chrome, name: str, selector: str) -> None:
    """Photograph the rectangle round all elements of a selector, with an edge."""
    found = [element.rect for element in chrome.find_elements(By.CSS_SELECTOR, selector)]
    left, top = (min(place[side] for place in found) for side in "xy")
    width = max(place["x"] + place["width"] for place in found) - left
    height = max(place["y"] + place["height"] for place in found) - top
    clip = {"x": left - EDGE, "y": top - EDGE, "width": width + 2 * EDGE, "height": height + 2 * EDGE, "scale": 1}
    shot = chrome.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 80, "clip": clip})
    (IMAGES / f"{name}.webp").write_bytes(base64.b64decode(shot["data"]))
    print(f"wrote docs/images/{name}.webp")


if __name__ == "__main__":
    main()
