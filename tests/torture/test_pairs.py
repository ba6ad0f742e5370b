"""Two runs at once: they take turns or do not touch, and what is stored is that of one of them."""

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations

import pytest

from kedro_guards.files import PARTIAL

from ..guards.tiny import Tiny
from .conftest import FIGURES, times

pytestmark = pytest.mark.torture
FACTORS = [f"--params=scaling.factor={factor}" for factor in (2, 3, 5, 7)[: times(2, 4)]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Tiny:
    """A project of a few lines, for all of the tests."""
    return Tiny(tmp_path_factory.mktemp("pairs") / "tiny")


@pytest.fixture(scope="module")
def clean(tiny: Tiny) -> dict[str, dict[str, str]]:
    """What a run leaves, by its parameters."""
    contents = {}
    for factor in FACTORS:
        tiny.run(factor)
        contents[factor] = tiny.contents()
    return contents


def _both(tiny: Tiny, *runs: tuple[str, ...], meanwhile: Callable[[], None] = lambda: None) -> list:
    processes = [tiny.fork("run", *arguments, name=f"run{place}") for place, arguments in enumerate(runs)]
    while any(process.is_alive() for process in processes):
        meanwhile()
        time.sleep(0.02)
    return [tiny.printed(process, f"run{place}") for place, process in enumerate(processes)]


def test_of_two_runs_that_write_the_same_one_comes_after_the_other(tiny: Tiny, clean):
    whole = {file for contents in clean.values() for file in contents.items()}
    torn = []

    def read():
        FIGURES["readings meanwhile"] += 1
        with suppress(FileNotFoundError):  # a folder is being replaced
            torn.extend(file for file in tiny.contents().items() - whole if not file[0].endswith(PARTIAL))

    pairs = list(permutations(FACTORS, 2))
    for number in range(times(1, 60)):
        pair = pairs[number % len(pairs)]
        results = _both(tiny, *([factor] for factor in pair), meanwhile=read)

        FIGURES["pairs of runs at once"] += 1
        assert [result.returncode for result in results] == [0, 0], results
        winners = [factor for factor in pair if tiny.contents() == clean[factor]]
        FIGURES["of them mixed or torn"] += len(winners) != 1 or bool(torn)
        assert len(winners) == 1
        assert not torn
        assert tiny.ran(*winners) == set()


def test_runs_that_write_other_datasets_go_on_side_by_side(tiny: Tiny, clean):
    factor = FACTORS[-1]
    tiny.run("--changed", factor)
    for _ in range(times(1, 10)):
        results = _both(tiny, ["--pipelines=sums", factor], ["--pipelines=words", factor])

        FIGURES["pairs of runs at once"] += 1
        assert [result.returncode for result in results] == [0, 0], results
        assert not any("waiting" in result.stderr for result in results)
        assert tiny.contents() == clean[factor]


def test_a_run_that_builds_on_what_another_one_is_making_mixes_nothing(tiny: Tiny, clean):
    """What was read may be that of before or of after; the receipt says which, or the run is refused."""
    now = FACTORS[-1]
    tiny.run("--changed", now)
    for number in range(times(1, 30)):
        factor = FACTORS[number % (len(FACTORS) - 1)]
        first, second = _both(tiny, ["--pipelines=sums", factor], ["--pipelines=words", now])

        FIGURES["pairs of runs at once"] += 1
        assert first.returncode == 0, first
        assert second.returncode == 0 or len(second.stderr.splitlines()) <= 3, second
        tiny.run("--changed", factor)
        FIGURES["of them mixed or torn"] += tiny.contents() != clean[factor]
        assert tiny.contents() == clean[factor]
        now = factor
