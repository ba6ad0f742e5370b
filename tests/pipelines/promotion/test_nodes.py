import json

import pytest
from scipy.stats import binomtest
from sklearn.svm import SVC

from kedro_guards.model_files import UnreadableModel
from penstroke.pipelines.promotion.measures import fingerprint
from penstroke.pipelines.promotion.nodes import judge_champion, promote_champion
from penstroke.pipelines.promotion.parameters import Thresholds

GATE = Thresholds(
    accuracy_low=0.9,
    recall=0.8,
    calibration_error=0.05,
    perturbed_loss=0.1,
    perturbed_log_loss=0.3,
    size_mb=10,
    latency_ms=100,
    significance=0.05,
    comparable_rows=100,
)
SCORES = {"accuracy_low": 0.95, "recall_0": 0.9, "recall_1": 0.8, "calibration_error": 0.02, "test_rows_learned": 0}
CHAMPION = {"model_sha256": "c" * 64}
STRESS = {"rows": 50, "accuracy": 0.97, "accuracy_noise": 0.95, "accuracy_shift": 0.88, "log_loss": 0.2}
COSTS = {"size_mb": 5.0, "latency_ms": 12.5, "service_difference": 0.0, "service_note": ""}
COMPARISON = {
    "production": "p" * 64,
    "rows": 100,
    "only_champion": 2,
    "only_production": 3,
    "p_value": 0.5,
    "fault": "",
}


def _judge(scores=None, stress=None, costs=None, comparison=None, champion=CHAMPION):
    measures = (SCORES, scores), (STRESS, stress), (COSTS, costs), (COMPARISON, comparison)
    return judge_champion(*(usual | champion | (changed or {}) for usual, changed in measures), GATE)


def test_a_champion_that_meets_every_limit_passes():
    verdict, card = _judge()

    assert verdict["passed"]
    assert verdict["refused_by"] == []
    assert (verdict["champion"], verdict["production"], verdict["comparable_rows"]) == ("c" * 64, "p" * 64, 100)
    assert "# Verdict: passed" in card
    assert verdict == json.loads(json.dumps(verdict))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"scores": {"accuracy_low": 0.89}}, "accuracy_low"),
        ({"scores": {"recall_1": 0.79}}, "recall_1"),
        ({"scores": {"recall_1": None}}, "recall_1"),
        ({"scores": {"calibration_error": 0.051}}, "calibration_error"),
        ({"scores": {"test_rows_learned": 1}}, "test_rows_learned"),
        ({"scores": {"test_rows_learned": None}}, "test_rows_learned"),
        ({"stress": {"accuracy_shift": 0.86}}, "loss_shift"),
        ({"stress": {"accuracy_noise": 0.86}}, "loss_noise"),
        ({"stress": {"log_loss": 0.31}}, "perturbed_log_loss"),
        ({"stress": {"log_loss": float("nan")}}, "perturbed_log_loss"),
        ({"costs": {"size_mb": 10.1}}, "size_mb"),
        ({"costs": {"service_difference": 2e-6}}, "service_difference"),
        ({"costs": {"latency_ms": 101.0}}, "latency_ms"),
        ({"comparison": {"p_value": 0.04}}, "loss_against_production"),
    ],
)
def test_each_limit_refuses_by_its_name(changes, name):
    verdict, card = _judge(**changes)

    assert not verdict["passed"]
    assert verdict["refused_by"] == [name]
    assert f"refused by {name}" in card


@pytest.mark.parametrize("costs", [{"service_difference": None, "service_note": "LogisticRegression is not known"}, {}])
def test_a_champion_that_the_service_loads_with_scikit_learn_may_pass(costs):
    verdict, card = _judge(costs=costs)

    assert verdict["passed"]
    assert (
        not costs
        or "| service_difference | unknown | at most 1e-06 | left out | LogisticRegression is not known |" in card
    )


def test_figures_of_different_champions_make_no_verdict():
    with pytest.raises(ValueError, match="of different champions; .* kedro run --pipelines=promotion"):
        _judge(stress={"model_sha256": "d" * 64})


def test_the_card_gives_each_check_with_its_figure_and_what_is_asked():
    verdict, card = _judge(scores={"recall_1": 0.75})

    assert "| accuracy_low | 0.95 | at least 0.9 | passed |" in card
    assert "| recall_1 | 0.75 | at least 0.8 | **refused** |" in card
    assert "| loss_shift | 0.09 | at most 0.1 | passed |" in card
    assert all(f"| {check['check']} |" in card for check in verdict["checks"])


def _comparison(verdict):
    (check,) = [check for check in verdict["checks"] if check["check"] == "loss_against_production"]
    return check


def test_a_comparison_says_on_how_many_rows_and_what_it_counted():
    note = _comparison(_judge()[0])["note"]

    assert "of 100 rows that neither model was trained on, 3 only production reads right and 2 only the" in note


@pytest.mark.parametrize(
    ("comparison", "why"),
    [
        (
            {"rows": 99, "p_value": 0.001},
            "99 test rows are such that neither model was trained on them, 100 are needed",
        ),
        ({"rows": 0, "p_value": None, "production": None, "fault": "there is no production model"}, "no production"),
    ],
)
def test_on_too_few_rows_the_models_are_not_comparable_and_the_other_checks_decide(comparison, why):
    good, bad = _judge(comparison=comparison)[0], _judge({"recall_0": 0.0}, comparison=comparison)[0]

    check = _comparison(good)
    assert (check["figure"], check["passed"]) == (None, None)
    assert check["note"].startswith("not comparable: ")
    assert why in check["note"]
    assert check["note"].endswith("; the other checks decide")
    assert good["passed"]
    assert bad["refused_by"] == ["recall_0"]


def test_a_champion_that_failed_in_the_comparison_is_refused_by_it(model):
    fault = "the champion cannot answer these rows: no such column"
    comparison = {"rows": 0, "p_value": None, "champion_fault": fault}

    verdict, card = _judge(comparison=comparison, champion={"model_sha256": fingerprint(model)})

    assert verdict["refused_by"] == ["loss_against_production"]
    assert f"| **refused** | {fault} |" in card
    with pytest.raises(
        ValueError, match=r"loss_against_production is unknown, .* \(the champion cannot answer these rows"
    ):
        promote_champion(model, verdict, None)


def test_so_few_rows_that_no_loss_could_refuse_are_not_compared():
    gate = GATE.model_copy(update={"comparable_rows": 1})
    five, four = (
        judge_champion(
            SCORES | CHAMPION,
            STRESS | CHAMPION,
            COSTS | CHAMPION,
            COMPARISON | CHAMPION | {"rows": rows, "only_production": rows, "p_value": 0.5**rows},
            gate,
        )[0]
        for rows in (5, 4)
    )

    assert five["refused_by"] == ["loss_against_production"]  # 1 in 32 by chance
    assert _comparison(four)["passed"] is None
    assert "5 are needed" in _comparison(four)["note"]


def test_a_comparison_that_the_test_is_too_small_for_says_so():
    note = _comparison(_judge({"rows": 60}, comparison={"rows": 50, "p_value": 0.001})[0])["note"]

    assert (
        "50 test rows are such that neither model was trained on them, 100 are needed and there are 60 in all" in note
    )


def _notes(verdict):
    return {check["check"]: check["note"] for check in verdict["checks"]}


@pytest.mark.parametrize(
    ("asked", "interval", "needed"), [(0.96, 0.95, 93), (0.9, 0.95, 35), (0.99, 0.95, 381), (0.96, 0.99, 160)]
)
def test_a_gate_that_the_test_is_too_small_for_names_the_rows_that_it_needs(asked, interval, needed):
    gate = GATE.model_copy(update={"accuracy_low": asked})

    def judge(rows):
        found = binomtest(rows, rows).proportion_ci(interval, method="wilson").low
        scores = SCORES | {"accuracy_low": float(found), "rows": rows, "interval": interval}
        return judge_champion(scores | CHAMPION, STRESS | CHAMPION, COSTS | CHAMPION, COMPARISON | CHAMPION, gate)

    (enough, _), (few, card) = judge(needed), judge(needed - 1)

    assert enough["passed"]
    assert _notes(enough)["accuracy_low"] == f"without an error {needed} test rows would do, there are {needed}"
    assert few["refused_by"] == ["accuracy_low"]
    said = f"cannot be passed: even without an error {needed} test rows are needed, there are {needed - 1}"
    assert said in _notes(few)["accuracy_low"]
    assert said in card


def test_the_refusal_says_that_no_champion_could_pass(model):
    scores = {"accuracy_low": 0.86, "rows": 24, "interval": 0.95}
    verdict, _ = _judge(scores, champion={"model_sha256": fingerprint(model)})

    with pytest.raises(
        ValueError, match="cannot be passed: even without an error 35 test rows are needed, there are 24"
    ):
        promote_champion(model, verdict, None)


def test_an_accuracy_that_no_test_can_show_and_a_class_without_test_rows_cannot_be_passed():
    gate = GATE.model_copy(update={"accuracy_low": 1.0})
    scores = SCORES | CHAMPION | {"rows": 10_000, "interval": 0.95, "recall_1": None}

    notes = _notes(judge_champion(scores, STRESS | CHAMPION, COSTS | CHAMPION, COMPARISON | CHAMPION, gate)[0])

    assert notes["accuracy_low"].startswith("cannot be passed: no number of test rows")
    assert notes["recall_1"] == "cannot be passed: no test row is of this class"


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), None])
def test_a_figure_that_is_no_number_passes_no_check_and_is_unknown(figure):
    verdict, card = _judge(
        {"accuracy_low": figure, "recall_0": figure},
        {"accuracy_noise": figure} if figure is not None else {},
        {"size_mb": figure},
        {"p_value": figure},
    )

    assert {"accuracy_low", "recall_0", "size_mb", "loss_against_production"} <= set(verdict["refused_by"])
    assert "| accuracy_low | unknown |" in card
    json.dumps(verdict, allow_nan=False)


@pytest.fixture(scope="module")
def model():
    return SVC().fit([[0.0], [1.0]], [0, 1])


def test_a_champion_that_passed_is_handed_on(model):
    verdict, _ = _judge(champion={"model_sha256": fingerprint(model)})

    assert promote_champion(model, verdict, None) is model


def test_a_refusal_names_each_check_that_failed_in_one_line(model):
    verdict, _ = _judge({"recall_0": 0.0, "calibration_error": 0.3}, champion={"model_sha256": fingerprint(model)})

    with pytest.raises(ValueError, match="is refused, and production_model stays as it was") as refusal:
        promote_champion(model, verdict, None)

    assert "recall_0 is 0, must be at least 0.8; calibration_error is 0.3, must be at most 0.05" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_verdict_about_another_model_promotes_nothing(model):
    verdict, _ = _judge()

    with pytest.raises(ValueError, match="about another model .* kedro run --pipelines=promotion"):
        promote_champion(model, verdict, None)


def test_a_verdict_that_compares_with_another_production_promotes_nothing(model):
    other = SVC().fit([[0.0], [2.0]], [0, 1])
    verdict, _ = _judge(champion={"model_sha256": fingerprint(model)})

    with pytest.raises(ValueError, match="another model than that in production; check again"):
        promote_champion(model, verdict, other)

    assert promote_champion(model, verdict | {"production": fingerprint(other)}, other) is model
    assert promote_champion(model, verdict, model) is model


def test_a_production_that_can_no_longer_be_loaded_is_replaced_where_the_verdict_knew_it(model):
    verdict, _ = _judge(champion={"model_sha256": fingerprint(model)}, comparison={"production": "p" * 64})

    assert promote_champion(model, verdict, UnreadableModel("p" * 64, "its class is gone")) is model
    with pytest.raises(ValueError, match="another model than that in production"):
        promote_champion(model, verdict, UnreadableModel("q" * 64, "its class is gone"))


def test_the_recalls_are_those_of_the_classes_whatever_they_are():
    scores = {"recall_a/b": 0.75, "recall_007": 0.9, "recall_macro avg": 0.9}

    verdict, card = _judge(scores)

    assert verdict["refused_by"] == ["recall_a/b"]
    assert {check["check"] for check in verdict["checks"]} >= {"recall_007", "recall_macro avg"}
    assert "| recall_a/b | 0.75 | at least 0.8 | **refused** |" in card


def test_a_class_with_a_line_break_and_a_bar_keeps_its_row_of_the_card():
    _, card = _judge({"recall_a|b\nc": 0.75})

    assert r"| recall_a\|b c | 0.75 | at least 0.8 | **refused** |" in card
    assert r"It is refused by recall_a\|b c, and" in card
