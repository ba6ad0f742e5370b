"""A real Chromium for tests, to which no other machine exists."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from .guards.missing import missing

FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1800,1400",
    "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Start Chromium with a profile of its own, and end it."""
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not browser or not driver:
        missing("chromium and chromedriver are not installed")
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        # named, so that selenium does not look for another one and download it
        chrome = Chrome(options, Service(driver))
        try:
            yield chrome
        finally:
            chrome.quit()


def set_scheme(chrome: Chrome, scheme: str) -> None:
    """Make the pages believe that their reader prefers ``light`` or ``dark``."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def barriers(chrome: Chrome) -> list[str]:
    """Give what axe-core finds on the page against WCAG 2.2, A and AA: the rule and the element."""
    if not find_spec("selenium_axe_python"):
        missing("selenium-axe-python is not installed; it is in requirements-dev.txt")
    from selenium_axe_python import Axe  # noqa: PLC0415

    axe = Axe(chrome)
    axe.inject()
    found = axe.run(options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


def resources(chrome: Chrome) -> dict[str, int]:
    """Give what the page has asked for, by address, with the status of the response; 0 where none came."""
    entries = "performance.getEntriesByType('resource')"
    return dict(chrome.execute_script(f"return {entries}.map(entry => [entry.name, entry.responseStatus])"))


def hosts(chrome: Chrome) -> set[str]:
    """Give the hosts that the page has asked."""
    return {urlsplit(address).hostname or "" for address in resources(chrome)}
