import re
from itertools import pairwise
from time import process_time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ks_2samp

from penstroke import contracts
from penstroke.file_names import labelled_name
from penstroke.pipelines.monitoring.figures import draw_drift
from penstroke.pipelines.monitoring.nodes import (
    find_oddest,
    gather_rows,
    measure_drift,
    measure_oddness,
    raise_alarm,
    split_sources,
    stability_index,
    write_drift_card,
)
from penstroke.pools import PoolHooks

from ...seam import CLASSES, FORM, OTHER, contract, identifiers
from .conftest import COLUMN, DESCRIBED, VERSION, answers_to, joined, of_one_class, profile_of


@pytest.fixture(scope="module")
def fresh(halves):
    return halves[1].head(200)


def test_a_table_costs_the_same_whatever_the_number_of_predictions(monkeypatch):
    """The predictions are hashed once, not for each table."""
    monkeypatch.setattr("penstroke.pipelines.monitoring.nodes._describe_accepted", lambda rows, form: rows[["x"]])
    rows = pd.DataFrame({"x": 0}, pd.Index([f"row-{row}" for row in range(200_000)], dtype="str"))
    rows = rows.assign(prediction=0, confidence=1.0, model_version=VERSION)
    profile = rows[["x", "prediction", "confidence"]].head(1).astype({"x": np.float32, "prediction": "Int64"})
    profile.attrs = {"form": FORM.model_dump(mode="json"), "classes": CLASSES}

    def cost(answers):
        tables, start = (rows[start : start + 200] for start in range(0, 10_000, 200)), process_time()
        gathered = list(gather_rows(tables, answers, {VERSION: lambda: profile}, {}))
        assert sum(table["x"].count() for table in gathered) == 10_001
        return process_time() - start

    start = process_time()
    rows.index[:200].isin(rows.index)
    hashed = process_time() - start

    assert cost(rows) - cost(rows[:10_000]) < 20 * hashed  # of 50 tables


def _card(gathered, scores, drift):
    return write_drift_card(gathered, scores, find_oddest(gathered, scores, drift), drift)


@pytest.fixture(scope="module")
def scores(gather, fresh, drift):
    return measure_drift(gather(fresh), drift)


def test_the_index_of_two_histograms_is_what_it_is_by_hand():
    by_hand = (0.5 - 0.25) * np.log(0.5 / 0.25) + (0.5 - 0.75) * np.log(0.5 / 0.75)

    assert stability_index(np.array([[500_000, 500_000], [250_000, 750_000]])) == pytest.approx(by_hand, abs=1e-4)


def test_the_index_does_not_ask_which_histogram_came_first():
    counts = np.random.default_rng(0).integers(1, 100, (2, 8))

    assert stability_index(counts) == pytest.approx(stability_index(counts[::-1]))


def test_the_index_of_one_source_is_nothing_on_average_however_few_the_rows():
    random = np.random.default_rng(0)
    for rows in (100, 1000):
        found = [
            stability_index(np.stack([random.multinomial(many, [0.1] * 10) for many in (2000, rows)]))
            for _ in range(400)
        ]
        assert np.mean(found) == pytest.approx(0, abs=0.05 * 200 / rows)


def test_bins_that_both_histograms_lack_do_not_count():
    counts = np.array([[30, 0, 20], [5, 0, 40]])

    assert stability_index(counts) == stability_index(counts[:, [0, 2]])


@pytest.mark.parametrize("value", [0.5, 1.5])
def test_a_column_that_never_varied_and_does_now_is_found_on_either_side(gather, fresh, drift, value):
    gathered = gather(fresh)
    gathered[COLUMN] = np.where(gathered["source"] == "reference", 1, value).astype(np.float32)

    assert COLUMN in measure_drift(gathered, drift)["alarms"]


def test_the_gap_is_that_of_scipy(gather, fresh, drift, scores):
    then, now = split_sources(gather(fresh))
    gap = ks_2samp(then[COLUMN], now[COLUMN], method="asymp")

    assert (scores[f"ks_{COLUMN}"], scores[f"p_{COLUMN}"]) == (gap.statistic, gap.pvalue)


def test_the_scores_are_flat_and_say_what_was_compared(scores, profile):
    assert all(isinstance(value, str | int | float | list) for value in scores.values())
    assert (scores["rows"], scores["reference_rows"], scores["model_version"]) == (200, len(profile), VERSION)
    assert scores["judged"]
    assert {f"{kind}_{name}" for kind in ("psi", "ks", "p") for name in (*DESCRIBED, "confidence")} < set(scores)
    assert {"psi_prediction", "p_prediction"} < set(scores)


def test_fresh_rows_of_the_same_source_raise_no_alarm(gather, halves, drift):
    for seed in range(20):
        scores = measure_drift(gather(halves[1].sample(200, random_state=seed)), drift)
        assert scores["alarms"] == []


def test_rows_of_another_source_raise_an_alarm_also_where_nobody_looks_at_the_answers(gather, halves, drift):
    rows = of_one_class(halves[1])
    answers = answers_to(rows).assign(prediction=np.resize(halves[0]["label"], len(rows)))

    alarms = measure_drift(gather(rows, answers), drift)["alarms"]

    assert set(alarms) & set(DESCRIBED)
    assert "prediction" not in alarms


def test_other_answers_and_less_confidence_raise_an_alarm(gather, fresh, drift):
    answers = answers_to(fresh)

    doubtful = measure_drift(gather(fresh, answers.assign(confidence=0.6)), drift)
    one_class = measure_drift(gather(fresh, answers.assign(prediction=CLASSES[-1])), drift)

    assert doubtful["alarms"] == ["confidence"]
    assert one_class["alarms"] == ["prediction"]


def test_alarms_come_in_the_order_of_their_size(gather, halves, drift):
    scores = measure_drift(gather(of_one_class(halves[1])), drift)
    sizes = [scores[f"psi_{name}"] for name in scores["alarms"]]

    assert len(sizes) > 1
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > drift.psi


def test_a_change_that_is_sure_but_small_raises_none(gather, halves, drift):
    slightly = halves[1].assign(label=halves[1]["label"])
    answers = answers_to(slightly)
    answers["confidence"] -= 1e-9 * (np.arange(len(answers)) % 3 == 0)

    assert measure_drift(gather(slightly, answers), drift)["alarms"] == []


def test_few_rows_are_not_judged_and_that_is_said(gather, halves, drift):
    gathered = gather(of_one_class(halves[1], drift.least_rows - 1))
    scores = measure_drift(gathered, drift)

    assert (scores["judged"], scores["alarms"], scores["rows"]) == (False, [], drift.least_rows - 1)
    assert not [name for name in scores if name.startswith("psi_")]
    assert "# Drift: too few rows to judge" in _card(gathered, scores, drift)


def test_nothing_that_came_in_is_too_few(gather, fresh, drift):
    scores = measure_drift(gather(fresh.head(0)), drift)

    assert (scores["rows"], scores["judged"], scores["alarms"]) == (0, False, [])


def test_answers_of_other_models_and_rows_without_one_are_left_out_and_counted(gather, fresh, drift):
    answers = answers_to(fresh).head(180)
    answers.iloc[:30, answers.columns.get_loc("model_version")] = "ba9876543210"  # pragma: allowlist secret

    scores = measure_drift(gather(fresh, answers), drift)

    counts = [scores[name] for name in ("rows", "rows_of_other_models", "rows_unanswered")]
    assert counts == [150, 30, 20]
    assert scores["model_version"] == VERSION


@pytest.mark.slow
def test_two_processes_describe_the_rows_as_one_does(gather, fresh, monkeypatch):
    answers = answers_to(fresh[:150])  # so that some rows have none
    found = []
    for processes in (1, 2):
        monkeypatch.setattr(PoolHooks, "processes", processes)
        found.append(gather(fresh, answers))

    pd.testing.assert_frame_equal(*found)


def test_answers_may_come_in_several_tables_and_the_last_one_to_a_row_counts(gather, fresh):
    former, now = answers_to(fresh).assign(prediction=CLASSES[1]), answers_to(fresh)

    gathered = gather(fresh, iter([former, now]))

    assert list(split_sources(gathered)[1]["prediction"]) == list(fresh["label"])


def _labelled(labels):
    """Names of files with the right labels of rows."""
    return [labelled_name(label, row_id) for row_id, label in labels.items()]


def test_of_rows_that_are_not_compared_it_is_not_said_whether_they_are_right(gather, fresh):
    answers = answers_to(fresh).head(150)
    answers.iloc[:50, answers.columns.get_loc("model_version")] = "ba9876543210"  # pragma: allowlist secret

    gathered = gather(fresh, answers, inbox=_labelled(fresh["label"]))

    known = gathered[gathered["source"] != "reference"].groupby("source")["right"].agg(["count", "sum"])
    assert known.to_dict("index") == {
        "incoming": {"count": 100, "sum": 100},
        "other model": {"count": 0, "sum": 0},
        "unanswered": {"count": 0, "sum": 0},
    }


def test_a_model_without_a_profile_is_named_and_what_to_do(gather, fresh, profile):
    with pytest.raises(ValueError, match="no reference profile of model 0123456789ab.*--pipelines=reporting"):
        gather(fresh, profiles={"ba9876543210": lambda: profile})  # pragma: allowlist secret


def test_labels_that_arrived_tell_the_accuracy_by_their_names_alone(gather, fresh, drift):
    labels = fresh["label"].head(50)
    labels = pd.concat([labels[:5].map(OTHER), labels[5:]])
    inbox = [*_labelled(labels), labelled_name(CLASSES[0], "unknown"), "README"]

    scores = measure_drift(gather(fresh, inbox=inbox), drift)

    assert (scores["rows_labelled"], scores["accuracy"], scores["accuracy_of_reference"]) == (50, 0.9, 1)
    assert scores["accuracy_low"] < 0.9 < scores["accuracy_high"]
    assert scores["alarms"] == []  # five of 200


@pytest.mark.parametrize("wrong", [2, 40])
@pytest.mark.parametrize("labelled", ["all", "what is wrong"])
def test_many_wrong_answers_raise_an_alarm_and_a_few_do_not_whoever_labels(gather, fresh, drift, wrong, labelled):
    labels = pd.concat([fresh["label"][:wrong].map(OTHER), fresh["label"][wrong:]])
    labels = labels if labelled == "all" else labels[:wrong]

    scores = measure_drift(gather(fresh, inbox=_labelled(labels)), drift)

    assert scores["alarms"] == ["accuracy"] * (wrong == 40)
    assert 1 - wrong / 200 < scores["accuracy_at_most"] < 1.06 - wrong / 200


def test_without_labels_nothing_is_said_of_the_accuracy(scores, gather, fresh, drift):
    assert scores["rows_labelled"] == 0
    assert "accuracy" not in scores
    assert "so the accuracy is unknown" in _card(gather(fresh), scores, drift)


def _rejects(count):
    return pd.DataFrame({"reason": ["it is blank"] * count}, identifiers(f"row {place}" for place in range(count)))


@pytest.mark.parametrize(
    ("rejected", "answered"),
    [
        (300, 0),
        (40, 160),
        (3, 0),  # all, but few
        (90, 9),
        (10, 190),  # a share of 5 %, as is allowed
        (0, 200),
        (0, 0),
    ],
)
def test_many_rejected_rows_raise_an_alarm_and_few_or_a_few_of_many_do_not(gather, fresh, drift, rejected, answered):
    scores = measure_drift(gather(fresh.head(answered)), drift, _rejects(rejected))

    assert scores["alarms"] == ["rejected_share"] * (rejected in {300, 40})
    assert scores["rows_rejected"] == rejected
    if rejected + answered:
        share = rejected / (rejected + answered)
        assert scores["rejected_share"] == share
        assert scores["rejected_share_low"] <= share <= scores["rejected_share_high"]


def test_the_card_and_the_alarm_say_how_many_of_all_were_rejected(gather, fresh, drift):
    gathered = gather(fresh.head(0))
    scores = measure_drift(gathered, drift, _rejects(300))

    card = _card(gathered, scores, drift)

    assert card.startswith("# Drift: alarm")
    assert "Rejected before prediction: 300 of 300 rows that came in, 100.00%, interval 98.74% to" in card
    with pytest.raises(ValueError, match=r"^drift alarm \(rejected_share\): 300 of 300 rows were rejected; read"):
        raise_alarm(scores, "card")
    with pytest.raises(ValueError, match=r"the 0 rows differ from .*, and 300 of 300 rows were rejected;"):
        raise_alarm(scores | {"alarms": [COLUMN, "rejected_share"]}, "card")


def test_where_nobody_knows_what_was_rejected_the_card_says_so(gather, fresh, drift, scores):
    assert "rows_rejected" not in scores
    assert "Rejected rows are not counted here" in _card(gather(fresh), scores, drift)


def test_rows_without_a_label_have_the_accuracy_that_their_confidences_promise(gather, fresh, drift, profile):
    answers = answers_to(fresh).assign(confidence=np.repeat([0.9, 0.7], 100))

    gathered = gather(fresh, answers)
    scores = measure_drift(gathered, drift)

    assert scores["promised_accuracy"] == pytest.approx(0.8)
    wilson = binomtest(160, 200).proportion_ci(drift.interval, method="wilson")
    found = scores["promised_accuracy_low"], scores["promised_accuracy_high"]
    assert found == pytest.approx((wilson.low, wilson.high))
    assert scores["promised_accuracy_of_reference"] == pytest.approx(profile["confidence"].mean())
    assert scores["accuracy_of_reference"] == 1
    card = _card(gathered, scores, drift)
    assert "By their confidences **80.00%** of the rows without a label are right, interval 73.9" in card
    promised = f"{profile['confidence'].mean():.2%}"
    assert f"on the test rows the confidences promised {promised}, and 100.00% were right" in card


def test_what_is_labelled_promises_nothing_more(gather, fresh, drift):
    labels = _labelled(fresh["label"])
    answers = answers_to(fresh).assign(confidence=np.repeat([0.9, 0.7], 100))

    half = measure_drift(gather(fresh, answers, labels[:100]), drift)
    whole = measure_drift(gather(fresh, answers, labels), drift)

    assert half["promised_accuracy"] == pytest.approx(0.7)
    assert not [name for name in whole if name.startswith("promised")]


def test_a_promise_of_certainty_stays_between_none_and_all(gather, fresh, drift):
    scores = measure_drift(gather(fresh, answers_to(fresh).assign(confidence=1.0)), drift)

    assert 0.97 < scores["promised_accuracy_low"] < scores["promised_accuracy_high"] == 1


def test_an_alarm_ends_the_run_in_a_line_and_silence_hands_the_scores_on(scores):
    alarms = ["width", "height", "depth", "confidence"]

    with pytest.raises(ValueError, match=r"^drift alarm \(width, height, depth and 1 more\): the 200 rows .*$"):
        raise_alarm(scores | {"alarms": alarms}, "card", "plots")
    assert raise_alarm(scores, "card", "plots") == scores


def test_the_card_lists_every_column_the_most_drifted_first(gather, halves, drift):
    gathered = gather(of_one_class(halves[1]))
    scores = measure_drift(gathered, drift)

    card = _card(gathered, scores, drift)

    columns, oddest = card.split("## The oddest rows")
    rows = [line.split(" | ") for line in columns.splitlines() if line.count(" | ") == 6]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == sorted(
        (name[4:] for name in scores if name.startswith("psi_")), key=lambda name: -scores[f"psi_{name}"]
    )
    assert card.startswith("# Drift: alarm")
    assert card.count("**alarm**") == len(scores["alarms"])
    shown = [line.split(" | ")[0].removeprefix("| ") for line in oddest.strip().splitlines()[2:]]
    assert shown == list(find_oddest(gathered, scores, drift).index[:5])


def test_what_is_gathered_keeps_its_contract(gather, fresh, profile):
    contract("COMPARED_ROWS").validate(gather(fresh, answers_to(fresh).head(150), inbox=_labelled(fresh["label"][:1])))
    contract("COMPARED_ROWS").validate(gather(fresh.head(0)))
    contracts.REFERENCE_PROFILES.validate({VERSION: profile})


def test_rows_in_several_tables_are_compared_as_in_one(gather, fresh, drift, profile):
    gathered = gather(fresh, answers_to(fresh).head(150), inbox=_labelled(fresh["label"][:5]))
    cuts = [0, len(profile) // 2, len(profile) + 50, len(gathered)]
    tables = [gathered[start:end] for start, end in pairwise(cuts)]
    scores, few = measure_drift(gathered, drift), drift.model_copy(update={"shown": 12})

    assert measure_drift(iter(tables), drift) == scores
    oddest = find_oddest(gathered, scores, few)
    pd.testing.assert_frame_equal(find_oddest(iter(tables), scores, few), oddest)
    assert draw_drift(iter(tables), scores) == draw_drift(gathered, scores)
    assert write_drift_card(iter(tables), scores, oddest, drift) == write_drift_card(gathered, scores, oddest, drift)


def test_tables_are_described_one_after_the_other(fresh, profile):
    read = []
    tables = (read.append(start) or fresh[start : start + 20] for start in range(0, 200, 20))

    gathered = gather_rows(tables, answers_to(fresh), {VERSION: lambda: profile}, {})

    assert len(next(gathered)) == len(profile)
    assert read == []
    assert len(next(gathered)) == 20
    assert read == [0]


def test_nothing_that_is_given_is_changed(gather, fresh, profile, drift):
    before = fresh.copy(), profile.copy()
    gathered = gather(fresh)
    kept = gathered.copy()

    _card(gathered, measure_drift(gathered, drift), drift)

    pd.testing.assert_frame_equal(fresh, before[0])
    pd.testing.assert_frame_equal(profile, before[1])
    pd.testing.assert_frame_equal(gathered, kept)


def test_a_profile_that_does_not_say_its_form_is_refused(gather, fresh, profile):
    silent = profile.copy()
    silent.attrs = {}

    with pytest.raises(ValueError, match=f"no reference profile of model {VERSION} says in what form it takes rows"):
        gather(fresh, profiles={VERSION: lambda: silent})


def test_rows_of_other_columns_that_a_former_model_answered_are_parted(gather, fresh, drift, profile):
    """As the service's files are after a promotion: 20 old ones beside new ones."""
    old = pd.DataFrame({"another": 1.0}, identifiers(f"old-{place}" for place in range(20)))
    answers = answers_to(fresh)
    before = answers_to(fresh.head(20), "ba9876543210").set_axis(old.index)  # pragma: allowlist secret
    tables, profiles = iter([old, fresh[:150], fresh[150:]]), {VERSION: lambda: profile}

    compared = joined(gather_rows(tables, pd.concat([before, answers]), profiles, {}))

    contract("COMPARED_ROWS").validate(compared)
    assert measure_drift(compared, drift) == measure_drift(gather(fresh), drift) | {"rows_of_other_models": 20}


def test_a_row_in_the_middle_of_the_reference_is_not_odd_and_one_beyond_it_is_most(gather, halves, profile):
    incoming = halves[1].head(3)
    gathered = gather(incoming)
    places = gathered["source"].to_numpy() == "incoming"
    known = profile[COLUMN]
    gathered.loc[places, COLUMN] = [known.median(), known.max() + 1, known.min() - 1]

    oddness = measure_oddness(gathered, [COLUMN])[COLUMN].to_numpy()

    np.testing.assert_allclose(oddness, [0, np.log10(len(known)), np.log10(len(known))], atol=0.01)


def test_where_columns_raise_an_alarm_they_alone_count(gather, halves):
    gathered = gather(halves[1].head(3))

    assert list(measure_oddness(gathered, [COLUMN, "accuracy"])) == [COLUMN]
    assert len(measure_oddness(gathered, [])) == len(measure_oddness(gathered, ["accuracy"])) == 3
    assert set(measure_oddness(gathered, ["prediction"])) == {*DESCRIBED, "confidence"}


def test_the_rows_least_like_the_reference_come_first_each_with_its_oddest_column(gather, fresh, drift, profile):
    gathered = gather(fresh)
    odd = fresh.index[40:50]
    gathered.loc[odd, list(DESCRIBED)] = profile[list(DESCRIBED)].max().to_numpy() + np.float32(1)
    few = drift.model_copy(update={"shown": 12})

    oddest = find_oddest(gathered, measure_drift(gathered, drift), few)

    contract("ODDEST_ROWS").validate(oddest)
    assert len(oddest) == 12
    assert set(oddest.index[:10]) == set(odd)
    mean = measure_oddness(gathered, []).mean(axis=1)
    assert list(oddest.index) == list(mean.sort_values(ascending=False, kind="stable").index[:12])
    assert list(oddest["prediction"]) == list(fresh.loc[oddest.index, "label"])
    for name, row in oddest.iterrows():
        odd = measure_oddness(gathered, []).loc[name]
        assert odd[row["column"]] == odd.max()
        assert row["value"] == np.float32(gathered.loc[name, row["column"]])


def test_the_columns_of_an_alarm_alone_say_what_is_odd(gather, fresh, drift):
    gathered = gather(fresh)

    oddest = find_oddest(gathered, {"alarms": [COLUMN]}, drift)

    assert set(oddest["column"]) == {COLUMN}
    np.testing.assert_array_equal(oddest["value"], gathered.loc[oddest.index, COLUMN])


def test_a_row_that_came_in_twice_is_odd_once(gather, fresh, drift):
    gathered = gather(fresh.head(3))
    twice = pd.concat([gathered, gathered.tail(3)])

    assert find_oddest(twice, {"alarms": []}, drift).index.is_unique


def test_where_nothing_came_in_nothing_is_odd_and_that_keeps_its_contract(gather, fresh, drift):
    gathered = gather(fresh.head(0))
    scores = measure_drift(gathered, drift)

    oddest = find_oddest(gathered, scores, drift)

    assert len(contract("ODDEST_ROWS").validate(oddest)) == 0
    assert _card(gathered, scores, drift).rstrip().endswith("| --- | --- | --- | --- | --- |")


TEXTS = ["a_b", "b/c", "a", "50%", "é", "7", "07", "ten", "x y", "3_"]
NAMES = [*TEXTS, *(f"another {place}" for place in range(len(CLASSES)))][: len(CLASSES)]


def _named(table):
    return table.assign(label=[NAMES[CLASSES.index(label)] for label in table["label"]])


def _numbered(table):
    return table.assign(label=[CLASSES.index(label) for label in table["label"]])


@pytest.fixture(scope="module")
def gather_names(gather, halves):
    """Gather rows whose classes are texts."""
    reference = profile_of(_named(halves[0]), classes=NAMES)
    return lambda table, **changes: gather(table, profiles={VERSION: lambda: reference}, **changes)


def test_rows_of_classes_of_text_are_gathered_and_measured(gather_names, fresh, drift):
    gathered = gather_names(_named(fresh))
    scores = measure_drift(gathered, drift)

    contract("COMPARED_ROWS").validate(gathered)
    assert scores["alarms"] == []
    numbers = gathered.assign(prediction=gathered["prediction"].map(NAMES.index))
    assert scores == measure_drift(numbers, drift)
    oddest = find_oddest(gathered, scores, drift)
    contract("ODDEST_ROWS").validate(oddest)
    assert list(oddest["prediction"]) == list(_named(fresh).loc[oddest.index, "label"])
    answered = [line.split(" | ")[1] for line in _card(gathered, scores, drift).splitlines()[-5:]]
    assert answered == list(oddest["prediction"][:5])


def test_classes_and_identifiers_with_line_breaks_and_bars_keep_their_rows_of_the_card(gather_names, fresh, drift):
    renamed = _named(fresh).set_axis("day|one\n" + fresh.index)
    gathered = gather_names(renamed, answers=answers_to(renamed).assign(prediction="b|c\nd"))

    card = _card(gathered, measure_drift(gathered, drift), drift)

    for line in card.splitlines()[-5:]:
        assert re.fullmatch(r"\| day\\\|one \S+ \| b\\\|c d \| \d+% \| [\w=() -]+ \| \S+ \|", line)


def test_one_class_of_text_alone_raises_an_alarm(gather_names, fresh, drift):
    one_class = answers_to(fresh).assign(prediction="b/c")

    assert measure_drift(gather_names(_named(fresh), answers=one_class), drift)["alarms"] == ["prediction"]


def test_labels_of_text_arrive_by_names_that_the_service_gives_files(gather_names, fresh, drift):
    named = _named(fresh)
    rarest = named["label"].value_counts().idxmin()

    right = measure_drift(gather_names(named, inbox=_labelled(named["label"])), drift)
    wrong = measure_drift(gather_names(named, inbox=_labelled(pd.Series(rarest, named.index[:50]))), drift)

    assert (right["rows_labelled"], right["accuracy"]) == (200, 1)
    assert wrong["rows_labelled"] == 50
    assert wrong["accuracy"] == (named["label"].head(50) == rarest).mean() < 0.5


@pytest.mark.parametrize("former_has_names", [False, True])
def test_answers_of_a_former_model_may_be_of_classes_of_another_kind(
    gather, gather_names, halves, drift, former_has_names
):
    """As after a promotion of a model whose classes are texts where they were numbers, or the other way round."""
    fresh = halves[1].head(200)
    number, text = answers_to(_numbered(fresh)), answers_to(_named(fresh))
    of_numbers = {VERSION: lambda: profile_of(_numbered(halves[0]), classes=[*range(len(CLASSES))])}
    former, now = (text, number) if former_has_names else (number, text)
    former = former.head(30).assign(model_version="ba9876543210")  # pragma: allowlist secret
    tables = [former, now.tail(170)]

    if former_has_names:
        gathered = gather(fresh, answers=iter(tables), profiles=of_numbers)
    else:
        gathered = gather_names(fresh, answers=iter(tables))
    scores = measure_drift(gathered, drift)

    contract("COMPARED_ROWS").validate(gathered)
    assert (scores["rows"], scores["rows_of_other_models"], scores["rows_unanswered"]) == (170, 30, 0)
    assert scores["alarms"] == []
    assert set(find_oddest(gathered, scores, drift)["prediction"]) <= set(now["prediction"])
