"""Shipped digits in two halves: those that a model came from, described, and those that come in."""

import numpy as np
import pandas as pd
import pytest

from penstroke.domain import accept, describe
from penstroke.domain.layout import scale_ink
from penstroke.domain.pixels import to_images, to_table
from penstroke.pipelines.monitoring.nodes import gather_rows
from penstroke.pipelines.monitoring.parameters import Drift
from penstroke.tables import with_gaps

from ...conftest import ROOT, base_parameters
from ...domain.rows import FORM

FULL_INK = FORM.full_ink
VERSION = "0123456789ab"
DIGITS = list(range(10))


@pytest.fixture(scope="session")
def drift():
    return Drift.model_validate(base_parameters("monitoring")["drift"])


@pytest.fixture(scope="session")
def halves():
    shuffled = pd.read_parquet(ROOT / "data/01_raw/digits.parquet").sample(frac=1, random_state=3)
    return shuffled[:1000], shuffled[1000:]


def answers_to(table, version=VERSION):
    """Right answers, of a confidence as a champion has it."""
    confidence = 1 - np.random.default_rng(len(table)).beta(0.1, 20, len(table))
    answers = {"prediction": table["label"], "confidence": confidence, "model_version": version}
    return pd.DataFrame(answers, table.index)


def profile_of(table, form=FORM, classes=DIGITS):
    """The profile of a model, of this form and these classes, that answered all its rows rightly."""
    known = answers_to(table)[["prediction", "confidence"]].assign(right=True).astype({"right": "boolean"})
    known["prediction"] = with_gaps(known["prediction"])
    profile = pd.concat([describe(accept(table, FORM)[0]), known], axis=1)
    profile.attrs = {"form": form.model_dump(mode="json"), "classes": classes}
    return profile


@pytest.fixture(scope="session")
def profile(halves):
    return profile_of(halves[0])


@pytest.fixture(scope="session")
def unchecked(halves):
    """The profiles of a model of an earlier version, which answers inverted rows too."""
    profile = profile_of(halves[0], FORM.model_copy(update={"paper": None}))
    return {VERSION: lambda: profile}


@pytest.fixture(scope="session")
def gather(profile):
    """Gather rows, with right answers, or with others."""

    def gather(table, answers=None, inbox=(), profiles=None):
        answers = answers_to(table) if answers is None else answers
        profiles = {VERSION: lambda: profile} if profiles is None else profiles
        tables = iter([table[:90], table[90:]])
        return gather_rows(tables, answers, profiles, dict.fromkeys(inbox))

    return gather


def with_images(table, images):
    """The same rows, of other images, (n, height, width) uint8 from 0 to 255."""
    sixteenths = np.rint(images / 255 * FULL_INK).astype(np.uint8)
    return pd.concat([table[["label"]], to_table(sixteenths).set_axis(table.index)], axis=1)


def images_of(table):
    return scale_ink(to_images(table), FULL_INK)
