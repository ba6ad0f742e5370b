"""Rows of the domain that is installed, for the tests of stages and service.

These tests use only the names that :mod:`penstroke.domain` lists, and two functions that each domain gives its tests in
``tests/domain/rows.py``: ``raw_rows()``, at least 400 labelled raw rows in no order of their classes, and
``as_json(rows)``, the JSON body of a prediction request for raw rows. Labels and columns can be of any kind, but a
simple model must be right about nine in ten of the rows.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin

from penstroke import contracts
from penstroke.domain import RAW, ROW_ID, ROWS, Cleaning, Features, accept, extract_features, measure_form

from .conftest import base_parameters
from .domain.rows import raw_rows

LEAST_ROWS = 400
ALL_ROWS = RAW.validate(raw_rows())
if len(ALL_ROWS) < LEAST_ROWS:
    raise ValueError(f"the tests need {LEAST_ROWS} raw rows, found {len(ALL_ROWS)}; have raw_rows repeat some, changed")
RAW_ROWS = ALL_ROWS.head(200)
CLASSES = sorted(set(RAW_ROWS["label"].tolist()))
OTHER = dict(pairwise([*CLASSES, CLASSES[0]]))  # for each class, another one
FORM = measure_form(ALL_ROWS, Cleaning.model_validate(base_parameters("domain")["cleaning"]))
FEATURES = Features.model_validate(base_parameters("domain")["features"])


def contract(name: str) -> Any:
    """Return a contract of :mod:`penstroke.contracts`, in whose name ROWS stands for the word for rows."""
    return getattr(contracts, name.replace("ROWS", ROWS.upper()))


def identifiers(names: Iterable[str]) -> pd.Index:
    """Return the index of rows with these identifiers."""
    return pd.Index(list(names), name=ROW_ID, dtype="str")


def rows_with_split(is_test: np.ndarray | bool, raw: pd.DataFrame = RAW_ROWS) -> pd.DataFrame:
    """Return accepted rows with ``label`` and ``split``."""
    accepted, _ = accept(raw, FORM)
    accepted.insert(0, "label", raw["label"])
    accepted.insert(1, "split", np.where(is_test, "test", "train"))
    return accepted


def fit(model: ClassifierMixin, rows: pd.DataFrame, features: Features = FEATURES) -> ClassifierMixin:
    """Fit a model to accepted rows, and have it say its form, its features and its rows as a champion does."""
    model.fit(extract_features(rows, features), rows["label"])
    model.features_, model.form_ = features.model_dump(), FORM.model_dump()
    model.row_ids_ = rows.index.to_numpy(str)
    return model
