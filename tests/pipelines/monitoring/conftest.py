"""Shipped digits in two halves: those that a model came from, described, and those that come in."""

import numpy as np
import pandas as pd
import pytest
from penstroke.pipelines.reporting.profiles import describe_digits

from penstroke.domain.pixels import scale_ink, to_images, to_table
from penstroke.pipelines.data_processing.parameters import Cleaning
from penstroke.pipelines.monitoring.nodes import gather_digits
from penstroke.pipelines.monitoring.parameters import Drift

from ...conftest import ROOT, base_parameters

CLEANING = Cleaning(full_ink=16)
VERSION = "0123456789ab"


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


@pytest.fixture(scope="session")
def profile(halves):
    known = answers_to(halves[0])[["prediction", "confidence"]].assign(right=True)
    known = known.astype({"prediction": "Int8", "right": "boolean"})
    return pd.concat([describe_digits(halves[0], CLEANING.full_ink), known], axis=1)


@pytest.fixture(scope="session")
def gather(profile):
    """Gather digits, with right answers, or with others."""

    def gather(table, answers=None, inbox=(), profiles=None):
        answers = answers_to(table) if answers is None else answers
        profiles = {VERSION: lambda: profile} if profiles is None else profiles
        return gather_digits(iter([table[:90], table[90:]]), answers, profiles, dict.fromkeys(inbox), CLEANING)

    return gather


def with_images(table, images):
    """The same rows, of other images, (n, height, width) uint8 from 0 to 255."""
    sixteenths = np.rint(images / 255 * CLEANING.full_ink).astype(np.uint8)
    return pd.concat([table[["label"]], to_table(sixteenths).set_axis(table.index)], axis=1)


def images_of(table):
    return scale_ink(to_images(table), CLEANING.full_ink)
