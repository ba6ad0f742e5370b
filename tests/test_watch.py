import itertools
import json
from types import SimpleNamespace

import pytest
from benchmarks import watch

BUSY = (3.0, 1.0, 1.7, 2.2, 1.1)  # by how much others on the machine slow one call after another


class Clock:
    """A clock of CPU seconds that nothing but these operations moves."""

    def __init__(self):
        self.now = 0.0

    def operation(self, seconds, slowed=BUSY):
        factors = itertools.cycle(slowed)

        def operate():
            self.now += seconds * next(factors)

        return operate


@pytest.fixture(autouse=True)
def clock(monkeypatch, tmp_path):
    """Measure by a clock of our own, and store the figures elsewhere."""
    clock = Clock()
    monkeypatch.setattr(watch, "time", SimpleNamespace(process_time=lambda: clock.now))
    monkeypatch.setattr(watch, "yardstick", clock.operation(0.012))
    monkeypatch.setattr(watch, "REPETITIONS", 3)
    monkeypatch.setattr("benchmarks.project.RESULTS", tmp_path)
    monkeypatch.setattr(watch, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks/watch.py", "--store"])
    return clock


def test_costs_are_in_yardsticks_however_busy_the_machine_is(clock):
    ratios = watch.measure({name: clock.operation(0.012 * factor) for name, factor in (("one", 1), ("six", 6))})

    assert ratios == pytest.approx({"one": 1, "six": 6})


def test_an_operation_shorter_than_a_sample_is_called_more_than_once(clock):
    calls = []
    quick = clock.operation(0.0003, slowed=[1])

    ratios = watch.measure({"quick": lambda: (calls.append(1), quick())})

    assert ratios == pytest.approx({"quick": 0.025})
    assert len(calls) == 2 + watch.MOST_SAMPLES * round(watch.SAMPLE_S / 0.0003)


def test_an_operation_that_became_slower_by_more_than_the_margin_is_named_and_no_other(monkeypatch, clock, capsys):
    operations = {"steady": clock.operation(0.012), "slowed": clock.operation(0.012), "sped up": clock.operation(0.024)}
    monkeypatch.setattr(watch, "make_operations", lambda _folder: operations)
    watch.main(store=True)
    watch.main(store=False)  # nothing is slower

    operations |= {"slowed": clock.operation(0.024), "sped up": clock.operation(0.012)}
    with pytest.raises(SystemExit) as refused:
        watch.main(store=False)

    assert "slower than before: slowed (" in str(refused.value)
    assert "steady" not in str(refused.value)
    assert "sped up" not in str(refused.value)
    assert "python -m benchmarks.watch --store" in str(refused.value)
    assert "times the stored cost: steady" in capsys.readouterr().out


@pytest.mark.slow
def test_figures_of_another_python_are_compared_and_fail_nothing(monkeypatch, clock, capsys):
    operations = {"slowed": clock.operation(0.012)}
    monkeypatch.setattr(watch, "make_operations", lambda _folder: operations)
    watch.main(store=True)

    operations |= {"slowed": clock.operation(0.036)}
    monkeypatch.setattr(watch, "PYTHON", "4.0")
    watch.main(store=False)

    assert "do not judge Python 4.0" in capsys.readouterr().out


def test_what_is_stored_says_by_how_much_the_repetitions_vary(monkeypatch, clock, tmp_path):
    monkeypatch.setattr(watch, "make_operations", lambda _folder: {"loop": clock.operation(0.012)})

    watch.main(store=True)

    content = json.loads((tmp_path / "watch.json").read_text())
    (row,) = content["rows"]
    assert row["operation"] == "loop"
    assert row["ratio"] > 0
    assert 1 <= row["highest"] < watch.MARGIN
    assert (content["repetitions"], content["margin"]) == (3, watch.MARGIN)


def test_an_operation_without_a_stored_figure_and_a_figure_without_an_operation_are_named(monkeypatch, clock, tmp_path):
    (tmp_path / "watch.json").write_text('{"rows": [{"operation": "gone", "ratio": 1.0}]}')
    monkeypatch.setattr(watch, "make_operations", lambda _folder: {"new": clock.operation(0.012)})

    with pytest.raises(SystemExit, match="no figure, or no operation: gone, new; store figures"):
        watch.main(store=False)


def test_an_operation_is_measured_again_before_it_counts_as_slower(monkeypatch):
    found = iter([{"noisy": 2.0, "slow": 2.0}, {"noisy": 1.0, "slow": 3.0}, {"slow": 1.9}])
    monkeypatch.setattr(watch, "measure", lambda operations: dict(zip(operations, next(found).values(), strict=True)))

    assert watch.find_slower({"noisy": int, "slow": int}, {"noisy": 1.0, "slow": 1.0}) == {"slow": 1.9}
