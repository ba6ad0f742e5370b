import sys
from collections.abc import Iterator

import pytest
from kedro.framework import project as framework
from kedro.framework.startup import bootstrap_project

from kedro_guards.hooks import GuardHooks

from .tiny import Tiny

GuardHooks()  # registers the file system, as it does in the settings of a project


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    """A project of a few lines; nothing has run."""
    return Tiny(tmp_path / "tiny")


@pytest.fixture
def known_tiny(tiny) -> Iterator[Tiny]:
    """The same, made known to Kedro in this process, whose present folder it is."""
    package = framework.PACKAGE_NAME
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])  # Kedro adds to both, and leaves it there
        patch.setenv("PYTHONPATH", "")
        patch.chdir(tiny.folder)
        bootstrap_project(tiny.folder)
        yield tiny
    framework.pipelines.set_requested(None)
    framework.configure_project(package)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny"]:
        del sys.modules[name]
