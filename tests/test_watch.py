import json

import pytest
from benchmarks import watch


def _loop(turns):
    def loop():
        total = 0
        for number in range(turns):
            total += number % 7
        return total

    return loop


@pytest.fixture(autouse=True)
def _short(monkeypatch, tmp_path):
    """Measure in a fraction of a second, and store the figures elsewhere."""
    monkeypatch.setattr(watch, "SAMPLE_S", 0.003)
    monkeypatch.setattr(watch, "MOST_SAMPLES", 8)
    monkeypatch.setattr(watch, "REPETITIONS", 3)
    monkeypatch.setattr("benchmarks.project.RESULTS", tmp_path)
    monkeypatch.setattr(watch, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmarks/watch.py", "--store"])


def test_an_operation_that_does_three_times_as_much_costs_three_times_as_many_yardsticks():
    ratios = watch.measure({"once": _loop(30_000), "thrice": _loop(90_000)})

    assert ratios["thrice"] / ratios["once"] == pytest.approx(3, rel=0.3)


def test_the_yardstick_costs_one_yardstick():
    assert watch.measure({"yardstick": watch.yardstick})["yardstick"] == pytest.approx(1, rel=0.2)


def test_an_operation_that_became_slower_by_more_than_the_margin_is_named_and_no_other(monkeypatch, capsys):
    operations = {"steady": _loop(30_000), "slowed": _loop(30_000), "sped up": _loop(60_000)}
    monkeypatch.setattr(watch, "make_operations", lambda _folder: operations)
    watch.main(store=True)
    watch.main(store=False)  # nothing is slower

    operations |= {"slowed": _loop(60_000), "sped up": _loop(30_000)}
    with pytest.raises(SystemExit) as refused:
        watch.main(store=False)

    assert "slower than before: slowed (" in str(refused.value)
    assert "steady" not in str(refused.value)
    assert "sped up" not in str(refused.value)
    assert "python -m benchmarks.watch --store" in str(refused.value)
    assert "times the stored cost: steady" in capsys.readouterr().out


def test_figures_of_another_python_are_compared_and_fail_nothing(monkeypatch, capsys):
    operations = {"slowed": _loop(30_000)}
    monkeypatch.setattr(watch, "make_operations", lambda _folder: operations)
    watch.main(store=True)

    operations |= {"slowed": _loop(90_000)}
    monkeypatch.setattr(watch, "PYTHON", "4.0")
    watch.main(store=False)

    assert "do not judge Python 4.0" in capsys.readouterr().out


def test_what_is_stored_says_by_how_much_the_repetitions_vary(monkeypatch, tmp_path):
    monkeypatch.setattr(watch, "make_operations", lambda _folder: {"loop": _loop(30_000)})

    watch.main(store=True)

    content = json.loads((tmp_path / "watch.json").read_text())
    (row,) = content["rows"]
    assert row["operation"] == "loop"
    assert row["ratio"] > 0
    assert 1 <= row["highest"] < watch.MARGIN
    assert (content["repetitions"], content["margin"]) == (3, watch.MARGIN)


def test_an_operation_without_a_stored_figure_and_a_figure_without_an_operation_are_named(monkeypatch, tmp_path):
    (tmp_path / "watch.json").write_text('{"rows": [{"operation": "gone", "ratio": 1.0}]}')
    monkeypatch.setattr(watch, "make_operations", lambda _folder: {"new": _loop(10)})

    with pytest.raises(SystemExit, match="no figure, or no operation: gone, new; store figures"):
        watch.main(store=False)


def test_an_operation_is_measured_again_before_it_counts_as_slower(monkeypatch):
    found = iter([{"noisy": 2.0, "slow": 2.0}, {"noisy": 1.0, "slow": 3.0}, {"slow": 1.9}])
    monkeypatch.setattr(watch, "measure", lambda operations: dict(zip(operations, next(found).values(), strict=True)))

    assert watch.find_slower({"noisy": int, "slow": int}, {"noisy": 1.0, "slow": 1.0}) == {"slow": 1.9}
