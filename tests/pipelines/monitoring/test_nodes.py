import os
import re

import numpy as np
import pandas as pd
import pytest
from benchmarks.hand import STYLES, draw
from benchmarks.transfer import to_blocks
from scipy.stats import binomtest, ks_2samp

from penstroke import contracts
from penstroke.contracts import COMPARED_DIGITS
from penstroke.domain import Form, Perturbations, accept, perturb
from penstroke.domain.idx import IdxDataset
from penstroke.domain.layout import INK
from penstroke.domain.pictures import draw_oddest
from penstroke.domain.pixels import to_images, to_table
from penstroke.file_names import labelled_name
from penstroke.files import read_files
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

from ...conftest import base_parameters
from ...domain.rows import FORM, reading_of_base
from ...domain.test_idx import FILES
from .conftest import VERSION, answers_to, images_of, profile_of, with_images

PERTURBATIONS = Perturbations.model_validate(base_parameters("domain")["perturbations"])


@pytest.fixture(scope="module")
def fresh(halves):
    return halves[1].head(200)


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


def test_a_column_that_never_varied_and_does_now_is_found_on_either_side(gather, fresh, drift):
    for column, image in (("darkest_pixel", 0.6 * images_of(fresh)), ("palest_pixel", 60 + 0.7 * images_of(fresh))):
        scores = measure_drift(gather(with_images(fresh, image)), drift)
        assert column in scores["alarms"]


def test_the_gap_is_that_of_scipy(gather, fresh, drift, scores):
    then, now = split_sources(gather(fresh))
    gap = ks_2samp(then["slant"], now["slant"], method="asymp")

    assert (scores["ks_slant"], scores["p_slant"]) == (gap.statistic, gap.pvalue)


def test_the_scores_are_flat_and_say_what_was_compared(scores):
    assert all(isinstance(value, str | int | float | list) for value in scores.values())
    assert (scores["rows"], scores["reference_rows"], scores["model_version"]) == (200, 1000, VERSION)
    assert scores["judged"]
    assert {f"{kind}_{name}" for kind in ("psi", "ks", "p") for name in ("ink_amount", "confidence")} < set(scores)
    assert {"psi_prediction", "p_prediction"} < set(scores)


def test_fresh_digits_of_the_same_source_raise_no_alarm(gather, halves, drift):
    for seed in range(20):
        scores = measure_drift(gather(halves[1].sample(200, random_state=seed)), drift)
        assert scores["alarms"] == []


@pytest.mark.parametrize("change", ["inverted", "shift", "rotation", "noise", "thickening", "contrast"])
def test_changed_digits_raise_an_alarm(gather, unchecked, fresh, drift, change):
    changed = {name: to_images(rows) for name, rows in perturb(accept(fresh, FORM)[0], PERTURBATIONS).items()}
    changed["inverted"] = 255 - images_of(fresh)

    gathered = gather(with_images(fresh, changed[change]), profiles=unchecked if change == "inverted" else None)

    assert len(measure_drift(gathered, drift)["alarms"]) >= 3


@pytest.mark.slow
def test_drawings_by_other_hands_raise_an_alarm(gather, fresh, drift):
    styles = list(STYLES)
    files = {name: draw(row % 10, styles[row % len(styles)], row).content for row, name in enumerate(fresh.index)}
    digits, _ = read_files({name: lambda name=name: files[name] for name in files}, FORM, reading_of_base())
    labels = [row % 10 for row in range(len(digits))]

    scores = measure_drift(gather(digits.assign(label=labels)), drift)

    assert {"slant", "edges_rising"} <= set(scores["alarms"])


def test_mnist_raises_an_alarm(gather, fresh, drift):
    if not os.environ.get("PENSTROKE_MNIST"):
        pytest.skip("PENSTROKE_MNIST names no folder with the four files of MNIST")
    mnist = IdxDataset(path=os.environ["PENSTROKE_MNIST"], files=FILES, filepath="nothing is kept").load().head(200)
    blocks = with_images(fresh.assign(label=mnist["label"].to_numpy()), to_blocks(to_images(mnist)))

    assert "ink_amount" in measure_drift(gather(blocks), drift)["alarms"]


def test_other_answers_and_less_confidence_raise_an_alarm(gather, fresh, drift):
    answers = answers_to(fresh)

    doubtful = measure_drift(gather(fresh, answers.assign(confidence=0.6)), drift)
    one_class = measure_drift(gather(fresh, answers.assign(prediction=8)), drift)

    assert doubtful["alarms"] == ["confidence"]
    assert one_class["alarms"] == ["prediction"]


def test_alarms_come_in_the_order_of_their_size(gather, unchecked, fresh, drift):
    scores = measure_drift(gather(with_images(fresh, 255 - images_of(fresh)), profiles=unchecked), drift)
    sizes = [scores[f"psi_{name}"] for name in scores["alarms"]]

    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > drift.psi


def test_a_change_that_is_sure_but_small_raises_none(gather, halves, drift):
    slightly = halves[1].assign(label=halves[1]["label"])
    answers = answers_to(slightly)
    answers["confidence"] -= 1e-9 * (np.arange(len(answers)) % 3 == 0)

    assert measure_drift(gather(slightly, answers), drift)["alarms"] == []


def test_few_rows_are_not_judged_and_that_is_said(gather, unchecked, fresh, drift):
    gathered = gather(with_images(fresh, 255 - images_of(fresh)).head(drift.least_rows - 1), profiles=unchecked)
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


def test_two_processes_describe_the_rows_as_one_does(gather, fresh, monkeypatch):
    answers = answers_to(fresh[:150])  # so that some rows have none
    found = []
    for processes in (1, 2):
        monkeypatch.setattr(PoolHooks, "processes", processes)
        found.append(gather(fresh, answers))

    pd.testing.assert_frame_equal(*found)


def test_answers_may_come_in_several_tables_and_the_last_one_to_a_digit_counts(gather, fresh):
    former, now = answers_to(fresh).assign(prediction=1), answers_to(fresh)

    gathered = gather(fresh, iter([former, now]))

    assert list(split_sources(gathered)[1]["prediction"]) == list(fresh["label"])


def test_of_rows_that_are_not_compared_it_is_not_said_whether_they_are_right(gather, fresh):
    answers = answers_to(fresh).head(150)
    answers.iloc[:50, answers.columns.get_loc("model_version")] = "ba9876543210"  # pragma: allowlist secret

    gathered = gather(fresh, answers, inbox=[f"{label}_{name}" for name, label in fresh["label"].items()])

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
    labels = fresh["label"].head(50).to_numpy(copy=True)
    labels[:5] = 9 - labels[:5]
    inbox = [*(f"{label}_{name}" for label, name in zip(labels, fresh.index, strict=False)), "7_unknown.png", "README"]

    scores = measure_drift(gather(fresh, inbox=inbox), drift)

    assert (scores["rows_labelled"], scores["accuracy"], scores["accuracy_of_reference"]) == (50, 0.9, 1)
    assert scores["accuracy_low"] < 0.9 < scores["accuracy_high"]
    assert scores["alarms"] == []  # five of 200


@pytest.mark.parametrize("wrong", [2, 40])
@pytest.mark.parametrize("labelled", ["all", "what is wrong"])
def test_many_wrong_answers_raise_an_alarm_and_a_few_do_not_whoever_labels(gather, fresh, drift, wrong, labelled):
    labels = (fresh["label"] + (np.arange(len(fresh)) < wrong)) % 10
    labels = labels if labelled == "all" else labels[:wrong]

    scores = measure_drift(gather(fresh, inbox=[f"{label}_{name}" for name, label in labels.items()]), drift)

    assert scores["alarms"] == ["accuracy"] * (wrong == 40)
    assert 1 - wrong / 200 < scores["accuracy_at_most"] < 1.06 - wrong / 200


def test_without_labels_nothing_is_said_of_the_accuracy(scores, gather, fresh, drift):
    assert scores["rows_labelled"] == 0
    assert "accuracy" not in scores
    assert "so the accuracy is unknown" in _card(gather(fresh), scores, drift)


def _rejects(count):
    index = pd.Index([f"{place}.png" for place in range(count)], name="digit_id", dtype="str")
    return pd.DataFrame({"reason": ["the picture is blank"] * count}, index)


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
def test_many_rejected_drawings_raise_an_alarm_and_few_or_a_few_of_many_do_not(
    gather, fresh, drift, rejected, answered
):
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
        raise_alarm(scores | {"alarms": ["slant", "rejected_share"]}, "card")


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
    labels = [f"{label}_{name}" for name, label in fresh["label"].items()]
    answers = answers_to(fresh).assign(confidence=np.repeat([0.9, 0.7], 100))

    half = measure_drift(gather(fresh, answers, labels[:100]), drift)
    whole = measure_drift(gather(fresh, answers, labels), drift)

    assert half["promised_accuracy"] == pytest.approx(0.7)
    assert not [name for name in whole if name.startswith("promised")]


def test_a_promise_of_certainty_stays_between_none_and_all(gather, fresh, drift):
    scores = measure_drift(gather(fresh, answers_to(fresh).assign(confidence=1.0)), drift)

    assert 0.97 < scores["promised_accuracy_low"] < scores["promised_accuracy_high"] == 1


def test_an_alarm_ends_the_run_in_a_line_and_silence_hands_the_scores_on(scores):
    alarms = ["slant", "ink_amount", "pieces", "confidence"]

    with pytest.raises(ValueError, match=r"^drift alarm \(slant, ink_amount, pieces and 1 more\): the 200 rows .*$"):
        raise_alarm(scores | {"alarms": alarms}, "card", "plots")
    assert raise_alarm(scores, "card", "plots") == scores


def test_the_card_lists_every_column_the_most_drifted_first(gather, unchecked, fresh, drift):
    gathered = gather(with_images(fresh, 255 - images_of(fresh)), profiles=unchecked)
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
    contracts.COMPARED_DIGITS.validate(gather(fresh, answers_to(fresh).head(150), inbox=[f"3_{fresh.index[0]}"]))
    contracts.COMPARED_DIGITS.validate(gather(fresh.head(0)))
    contracts.REFERENCE_PROFILES.validate({VERSION: profile})


def test_nothing_that_is_given_is_changed(gather, fresh, profile, drift):
    before = fresh.copy(), profile.copy()
    gathered = gather(fresh)
    kept = gathered.copy()

    _card(gathered, measure_drift(gathered, drift), drift)

    pd.testing.assert_frame_equal(fresh, before[0])
    pd.testing.assert_frame_equal(profile, before[1])
    pd.testing.assert_frame_equal(gathered, kept)


def _enlarged(table, names):
    images = to_images(table).repeat(3, 1).repeat(3, 2) * np.uint16(16)
    return to_table(images).set_axis(pd.Index(names, name="digit_id"))


def test_rows_of_another_size_and_scale_that_a_former_model_answered_are_parted(gather, fresh, drift, profile):
    """As the service's files are after a promotion: 20 old ones of 24 x 24 beside new ones."""
    old = _enlarged(fresh.head(20), [f"old-{place}" for place in range(20)])
    answers = answers_to(fresh)
    before = answers_to(fresh.head(20), "ba9876543210").set_axis(old.index)  # pragma: allowlist secret
    tables, profiles = [old, fresh[:150], fresh[150:]], {VERSION: lambda: profile}

    compared = gather_rows(iter(tables), pd.concat([before, answers]), profiles, {})
    scores = measure_drift(compared, drift)
    figure = draw_oddest(find_oddest(compared, scores, drift), iter(tables))

    COMPARED_DIGITS.validate(compared)
    alone = measure_drift(gather(fresh, answers), drift)
    assert scores == alone | {"rows_of_other_models": 20}
    assert len(figure.layout.annotations) == drift.shown


def test_rows_that_a_former_model_answered_are_compared_in_its_form(gather, halves, fresh, drift, profile):
    """As they are after a promotion, before any row of the new form came in."""
    sixteen_times = Form.model_validate(FORM.model_dump() | {"full_ink": 16 * FORM.full_ink})
    former = profile_of(halves[0], sixteen_times, classes=NAMES)
    brighter = fresh.assign(**{name: fresh[name].astype(int) * 16 for name in FORM.columns})
    profiles = {VERSION: lambda: former, "ba9876543210": lambda: profile}  # pragma: allowlist secret
    labelled = labelled_name("b/c", fresh.index[0])

    compared = gather(brighter, answers_to(fresh), inbox=[labelled], profiles=profiles)
    figure = draw_oddest(find_oddest(compared, measure_drift(compared, drift), drift), iter([brighter]))

    assert measure_drift(compared, drift)["alarms"] == []
    assert compared["right"][compared["source"] == "incoming"].notna().sum() == 1  # "b/c" is one of its classes
    assert np.array(figure.data[0].z).max() == INK


def test_a_profile_that_does_not_say_its_form_is_refused(gather, fresh, profile):
    silent = profile.copy()
    silent.attrs = {}

    with pytest.raises(ValueError, match=f"no reference profile of model {VERSION} says in what form it takes rows"):
        gather(fresh, profiles={VERSION: lambda: silent})


def test_rows_of_two_sizes_that_one_model_answered_are_refused(fresh, profile):
    large = _enlarged(fresh.head(20) // 16, fresh.index[:20])
    answers = answers_to(fresh)

    with pytest.raises(ValueError, match="the model takes rows of 8 x 8 pixels .*, found 24 x 24 pixels"):
        gather_rows(iter([large, fresh[20:]]), answers, {VERSION: lambda: profile}, {})


def test_a_digit_in_the_middle_of_the_reference_is_not_odd_and_one_beyond_it_is_most(gather, halves, profile):
    incoming = halves[1].head(3)
    gathered = gather(incoming)
    places = gathered["source"].to_numpy() == "incoming"
    gathered.loc[places, "slant"] = [profile["slant"].median(), profile["slant"].max() + 1, profile["slant"].min() - 1]

    oddness = measure_oddness(gathered, ["slant"])["slant"].to_numpy()

    np.testing.assert_allclose(oddness, [0, 3, 3], atol=0.01)  # of 1000


def test_where_columns_raise_an_alarm_they_alone_count(gather, halves):
    gathered = gather(halves[1].head(3))

    assert list(measure_oddness(gathered, ["slant", "accuracy"])) == ["slant"]
    assert len(measure_oddness(gathered, [])) == len(measure_oddness(gathered, ["accuracy"])) == 3
    assert measure_oddness(gathered, ["prediction"]).shape[1] > 10


def test_the_rows_least_like_the_reference_come_first_each_with_its_oddest_column(gather, fresh, drift):
    images = images_of(fresh).copy()
    images[40:50] = 255 - images[40:50]
    mixed = with_images(fresh, images)
    gathered = gather(mixed)
    few = drift.model_copy(update={"shown": 12})

    oddest = find_oddest(gathered, measure_drift(gathered, drift), few)

    contracts.ODDEST_DIGITS.validate(oddest)
    assert len(oddest) == 12
    assert len(set(oddest.index) & set(mixed.index[40:50])) >= 8
    mean = measure_oddness(gathered, []).mean(axis=1)
    assert list(oddest.index) == list(mean.sort_values(ascending=False, kind="stable").index[:12])
    assert list(oddest["prediction"]) == list(mixed.loc[oddest.index, "label"])
    for name, row in oddest.iterrows():
        odd = measure_oddness(gathered, []).loc[name]
        assert odd[row["column"]] == odd.max()
        assert row["value"] == gathered.loc[name, row["column"]]


def test_the_columns_of_an_alarm_alone_say_what_is_odd(gather, fresh, drift):
    gathered = gather(fresh)

    oddest = find_oddest(gathered, {"alarms": ["slant"]}, drift)

    assert set(oddest["column"]) == {"slant"}
    np.testing.assert_array_equal(oddest["value"], gathered.loc[oddest.index, "slant"])


def test_a_row_that_came_in_twice_is_odd_once(gather, fresh, drift):
    gathered = gather(fresh.head(3))
    twice = pd.concat([gathered, gathered.tail(3)])

    assert find_oddest(twice, {"alarms": []}, drift).index.is_unique


def test_where_nothing_came_in_nothing_is_odd_and_that_keeps_its_contract(gather, fresh, drift):
    gathered = gather(fresh.head(0))
    scores = measure_drift(gathered, drift)

    oddest = find_oddest(gathered, scores, drift)

    assert len(contracts.ODDEST_DIGITS.validate(oddest)) == 0
    assert _card(gathered, scores, drift).rstrip().endswith("| --- | --- | --- | --- | --- |")


def test_inverted_rows_that_are_few_are_compared_and_most_of_a_table_are_refused(gather, fresh):
    images = images_of(fresh)

    assert len(gather(with_images(fresh, np.concatenate([255 - images[:20], images[20:]])))) == 1200
    with pytest.raises(ValueError, match="90 of 90 rows are inverted"):
        gather(with_images(fresh, 255 - images))


NAMES = ["a_b", "a", "b/c", "50%", "é", "7", "07", "ten", "x y", "3_"]  # of ten classes


def _named(table):
    return table.assign(label=[NAMES[digit] for digit in table["label"]])


@pytest.fixture(scope="module")
def gather_names(gather, halves):
    """Gather rows whose classes are texts."""
    reference = profile_of(_named(halves[0]), classes=NAMES)
    return lambda table, **changes: gather(table, profiles={VERSION: lambda: reference}, **changes)


def test_rows_of_classes_of_text_are_gathered_and_measured(gather_names, fresh, drift):
    gathered = gather_names(_named(fresh))
    scores = measure_drift(gathered, drift)

    contracts.COMPARED_DIGITS.validate(gathered)
    assert scores["alarms"] == []
    numbers = gathered.assign(prediction=gathered["prediction"].map(NAMES.index))
    assert scores == measure_drift(numbers, drift)
    oddest = find_oddest(gathered, scores, drift)
    contracts.ODDEST_DIGITS.validate(oddest)
    assert list(oddest["prediction"]) == list(_named(fresh).loc[oddest.index, "label"])
    answered = [line.split(" | ")[1] for line in _card(gathered, scores, drift).splitlines()[-5:]]
    assert answered == list(oddest["prediction"][:5])


def test_classes_and_identifiers_with_line_breaks_and_bars_keep_their_rows_of_the_card(gather_names, fresh, drift):
    renamed = _named(fresh).set_axis("day|one\n" + fresh.index)
    gathered = gather_names(renamed, answers=answers_to(renamed).assign(prediction="b|c\nd"))

    card = _card(gathered, measure_drift(gathered, drift), drift)

    for line in card.splitlines()[-5:]:
        assert re.fullmatch(r"\| day\\\|one \S+ \| b\\\|c d \| \d+% \| \w+ \| \S+ \|", line)


def test_one_class_of_text_alone_raises_an_alarm(gather_names, fresh, drift):
    one_class = answers_to(fresh).assign(prediction="b/c")

    assert measure_drift(gather_names(_named(fresh), answers=one_class), drift)["alarms"] == ["prediction"]


def test_labels_of_text_arrive_by_names_that_the_service_gives_files(gather_names, fresh, drift):
    named = _named(fresh)
    inbox = [labelled_name(label, row_id) for row_id, label in named["label"].items()]

    right = measure_drift(gather_names(named, inbox=inbox), drift)
    wrong = measure_drift(gather_names(named, inbox=[labelled_name("é", row_id) for row_id in named.index[:50]]), drift)

    assert (right["rows_labelled"], right["accuracy"]) == (200, 1)
    assert wrong["rows_labelled"] == 50
    assert wrong["accuracy"] == (named["label"].head(50) == "é").mean() < 0.5


@pytest.mark.parametrize("former_has_names", [False, True])
def test_answers_of_a_former_model_may_be_of_classes_of_another_kind(
    gather, gather_names, fresh, drift, former_has_names
):
    """As after a promotion of a model whose classes are texts where they were numbers, or the other way round."""
    number, text = answers_to(fresh), answers_to(_named(fresh))
    former, now = (text, number) if former_has_names else (number, text)
    former = former.head(30).assign(model_version="ba9876543210")  # pragma: allowlist secret
    tables = [former, now.tail(170)]

    gathered = (gather if former_has_names else gather_names)(fresh, answers=iter(tables))
    scores = measure_drift(gathered, drift)

    contracts.COMPARED_DIGITS.validate(gathered)
    assert (scores["rows"], scores["rows_of_other_models"], scores["rows_unanswered"]) == (170, 30, 0)
    assert scores["alarms"] == []
    assert set(find_oddest(gathered, scores, drift)["prediction"]) <= set(now["prediction"])
