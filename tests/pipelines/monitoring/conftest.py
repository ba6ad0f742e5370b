"""Rows in two halves: those that a model came from, described, and those that come in."""

import numpy as np
import pandas as pd
import pytest

from penstroke.domain import accept, describe
from penstroke.pipelines.monitoring.nodes import gather_rows
from penstroke.pipelines.monitoring.parameters import Drift
from penstroke.tables import with_gaps

from ...conftest import base_parameters
from ...seam import ALL_ROWS, CLASSES, FORM, RAW_ROWS, identifiers

VERSION = "0123456789ab"
DESCRIBED = describe(accept(RAW_ROWS, FORM)[0])
COLUMN = str(DESCRIBED.nunique().idxmax())  # one that varies


@pytest.fixture(scope="session")
def drift():
    return Drift.model_validate(base_parameters("monitoring")["drift"] | {"least_rows": 100})


@pytest.fixture(scope="session")
def halves():
    shuffled = ALL_ROWS.sample(frac=1, random_state=3)
    return shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]


def answers_to(table, version=VERSION):
    """Right answers, of a confidence as a champion has it."""
    confidence = 1 - np.random.default_rng(len(table)).beta(0.1, 20, len(table))
    answers = {"prediction": table["label"], "confidence": confidence, "model_version": version}
    return pd.DataFrame(answers, table.index)


def profile_of(table, form=FORM, classes=CLASSES):
    """The profile of a model, of this form and these classes, that answered all its rows rightly."""
    known = answers_to(table)[["prediction", "confidence"]].assign(right=True).astype({"right": "boolean"})
    known["prediction"] = with_gaps(known["prediction"])
    profile = pd.concat([describe(accept(table, FORM)[0]), known], axis=1)
    profile.attrs = {"form": form.model_dump(mode="json"), "classes": classes}
    return profile


@pytest.fixture(scope="session")
def profile(halves):
    return profile_of(halves[0])


def joined(tables):
    """Join the tables of :func:`gather_rows`."""
    found = list(tables)
    table = pd.concat(found)
    table.attrs = found[0].attrs
    return table


@pytest.fixture(scope="session")
def gather(profile):
    """Gather rows, with right answers, or with others."""

    def gather(table, answers=None, inbox=(), profiles=None):
        answers = answers_to(table) if answers is None else answers
        profiles = {VERSION: lambda: profile} if profiles is None else profiles
        tables = iter([table[:90], table[90:]])
        return joined(gather_rows(tables, answers, profiles, dict.fromkeys(inbox)))

    return gather


def of_one_class(table, count=200):
    """So many rows like those of the table, but all of one class: their columns are distributed otherwise."""
    chosen = table[table["label"] == CLASSES[0]]
    repeated = chosen.iloc[np.arange(count) % len(chosen)]
    return repeated.set_axis(identifiers(f"one-{number}" for number in range(count)))
