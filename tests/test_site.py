"""Pages of the documentation in a real Chromium."""

import shutil
from importlib.util import find_spec

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from .browser import barriers, chromium, set_scheme
from .conftest import ROOT
from .guards.missing import missing

PAGES = ("index", "tutorial", "problem")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, of three pages."""
    if not find_spec("material"):
        missing("mkdocs-material is not installed; it is in requirements-dev.txt")
    folder = tmp_path_factory.mktemp("site")
    for name in ("images", "javascripts", "stylesheets"):
        shutil.copytree(ROOT / "docs" / name, folder / "docs" / name)
    for name in PAGES:
        shutil.copy(ROOT / f"docs/{name}.md", folder / "docs")
    changed = {"nav": None, "plugins": ["search"], "docs_dir": str(folder / "docs"), "site_dir": str(folder / "site")}
    build(load_config(str(ROOT / "mkdocs.yml"), **changed, use_directory_urls=False))
    return folder / "site"


@pytest.fixture(scope="module")
def chrome():
    with chromium() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_barriers(site, chrome, page, scheme):
    set_scheme(chrome, scheme)
    chrome.get((site / f"{page}.html").as_uri())

    assert barriers(chrome) == []


def test_a_barrier_would_be_found(chrome):
    chrome.get("data:text/html,<html lang=en><title>t</title><h1>h</h1><p style='color:silver'>pale<img src='x.png'>")

    assert {found.partition(":")[0] for found in barriers(chrome)} == {"color-contrast", "image-alt"}
