"""Drift of digits: other images, other sizes, other hands."""

import os

import numpy as np
import pandas as pd
import pytest
from benchmarks.hand import STYLES, draw
from benchmarks.transfer import to_blocks

from penstroke.contracts import COMPARED_DIGITS, ODDEST_DIGITS
from penstroke.domain import Form, Perturbations, accept, perturb
from penstroke.domain.idx import IdxDataset
from penstroke.domain.layout import INK
from penstroke.domain.pictures import draw_oddest
from penstroke.domain.pixels import to_images, to_table
from penstroke.file_names import labelled_name
from penstroke.files import read_files
from penstroke.pipelines.monitoring.nodes import find_oddest, gather_rows, measure_drift, measure_oddness

from ....conftest import base_parameters
from ....pipelines.monitoring.conftest import VERSION, answers_to, joined, profile_of
from ....seam import FORM
from ...rows import reading_of_base
from ...test_idx import FILES
from .conftest import images_of, with_images

PERTURBATIONS = Perturbations.model_validate(base_parameters("domain")["perturbations"])


def test_a_column_that_never_varied_and_does_now_is_found_on_either_side(gather, fresh, drift):
    for column, image in (("darkest_pixel", 0.6 * images_of(fresh)), ("palest_pixel", 60 + 0.7 * images_of(fresh))):
        scores = measure_drift(gather(with_images(fresh, image)), drift)
        assert column in scores["alarms"]


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


def _enlarged(table, names):
    images = to_images(table).repeat(3, 1).repeat(3, 2) * np.uint16(16)
    return to_table(images).set_axis(pd.Index(names, name="digit_id"))


def test_rows_of_another_size_and_scale_that_a_former_model_answered_are_parted(gather, fresh, drift, profile):
    """As the service's files are after a promotion: 20 old ones of 24 x 24 beside new ones."""
    old = _enlarged(fresh.head(20), [f"old-{place}" for place in range(20)])
    answers = answers_to(fresh)
    before = answers_to(fresh.head(20), "ba9876543210").set_axis(old.index)  # pragma: allowlist secret
    tables, profiles = [old, fresh[:150], fresh[150:]], {VERSION: lambda: profile}

    compared = joined(gather_rows(iter(tables), pd.concat([before, answers]), profiles, {}))
    scores = measure_drift(compared, drift)
    figure = draw_oddest(find_oddest(compared, scores, drift), iter(tables))

    COMPARED_DIGITS.validate(compared)
    alone = measure_drift(gather(fresh, answers), drift)
    assert scores == alone | {"rows_of_other_models": 20}
    assert len(figure.layout.annotations) == drift.shown


def test_rows_that_a_former_model_answered_are_compared_in_its_form(gather, halves, fresh, drift, profile):
    """As they are after a promotion, before any row of the new form came in."""
    sixteen_times = Form.model_validate(FORM.model_dump() | {"full_ink": 16 * FORM.full_ink})
    former = profile_of(halves[0], sixteen_times, classes=list("abcdefghij"))
    brighter = fresh.assign(**{name: fresh[name].astype(int) * 16 for name in FORM.columns})
    profiles = {VERSION: lambda: former, "ba9876543210": lambda: profile}  # pragma: allowlist secret
    labelled = labelled_name("c", fresh.index[0])

    compared = gather(brighter, answers_to(fresh), inbox=[labelled], profiles=profiles)
    figure = draw_oddest(find_oddest(compared, measure_drift(compared, drift), drift), iter([brighter]))

    assert measure_drift(compared, drift)["alarms"] == []
    assert compared["right"][compared["source"] == "incoming"].notna().sum() == 1  # "c" is one of its classes
    assert np.array(figure.data[0].z).max() == INK


def test_rows_of_two_sizes_that_one_model_answered_are_refused(fresh, profile):
    large = _enlarged(fresh.head(20) // 16, fresh.index[:20])
    answers = answers_to(fresh)

    with pytest.raises(ValueError, match="the model takes rows of 8 x 8 pixels .*, found 24 x 24 pixels"):
        list(gather_rows(iter([large, fresh[20:]]), answers, {VERSION: lambda: profile}, {}))


def test_inverted_rows_that_are_few_are_compared_and_most_of_a_table_are_refused(gather, fresh):
    images = images_of(fresh)

    assert len(gather(with_images(fresh, np.concatenate([255 - images[:20], images[20:]])))) == 1200
    with pytest.raises(ValueError, match="90 of 90 rows are inverted"):
        gather(with_images(fresh, 255 - images))


def test_inverted_rows_come_first_each_with_its_oddest_column(gather, fresh, drift):
    images = images_of(fresh).copy()
    images[40:50] = 255 - images[40:50]
    mixed = with_images(fresh, images)
    gathered = gather(mixed)
    few = drift.model_copy(update={"shown": 12})

    oddest = find_oddest(gathered, measure_drift(gathered, drift), few)

    ODDEST_DIGITS.validate(oddest)
    assert len(oddest) == 12
    assert len(set(oddest.index) & set(mixed.index[40:50])) >= 8
    mean = measure_oddness(gathered, []).mean(axis=1)
    assert list(oddest.index) == list(mean.sort_values(ascending=False, kind="stable").index[:12])
    assert list(oddest["prediction"]) == list(mixed.loc[oddest.index, "label"])
    for name, row in oddest.iterrows():
        odd = measure_oddness(gathered, []).loc[name]
        assert odd[row["column"]] == odd.max()
        assert row["value"] == gathered.loc[name, row["column"]]
