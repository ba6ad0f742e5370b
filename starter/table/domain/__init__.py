"""The domain: everything that knows what a sample is. The columns are in ``columns.py``, their kinds in ``kinds.py``.

The rest of the project uses these names of the domain, and no others:

- ``ROW``, ``ROWS``, ``ROW_ID``: the words for one row and for many rows, and the name of their identifiers.
- ``INTENDED_USE``: what a model of such rows is for, in one or two sentences.
- ``RAW``, ``INCOMING``: contracts of the incoming tables, for training and for inference. ``ACCEPTED``: a check of
  accepted rows.
- ``Cleaning`` (``params:cleaning``), ``Form``, ``measure_form(raw_rows, cleaning)``: the form in which a model takes
  rows. It is stored in the model's file.
- ``accept(rows, form)``: all rows, and for each row the reason to reject it, or an empty text.
- ``Features`` (``params:features``), ``extract_features(rows, features)``: the features of accepted rows, float32.
- ``GAPS``: features may be missing; the models fill them in. ``REPEATS``: rows of the same values may all be right.
- ``Perturbations`` (``params:perturbations``), ``perturb(rows, perturbations)``: accepted rows made harder to predict,
  one table for each kind of perturbation, by its name.
- ``describe(rows)``: float32 columns that people understand, for reports and monitoring.
"""

from typing import Any

import numpy as np
import pandas as pd
from pandera.pandas import Check
from pydantic import Field

from kedro_guards.parameters import Parameters
from penstroke.row_form import RowForm
from penstroke.rows import incoming_schema
from penstroke.tables import refuse_missing_columns

from .columns import COLUMNS, NAMES, REPEATS
from .kinds import Number

__all__ = ["REPEATS"]  # and all that is defined here

ROW, ROWS = "sample", "samples"
ROW_ID = f"{ROW}_id"
INTENDED_USE = "Samples that were measured like the training samples."
GAPS = True


class Cleaning(Parameters):
    """When samples are rejected (``params:cleaning``). The limits of a column are in ``columns.py``."""

    most_missing: float = Field(ge=0, le=1, description="largest share of missing values in a sample")


class Features(Parameters):
    """How features are computed (``params:features``)."""

    seasons: bool = Field(description="whether dates give the season and the weekday, beside the year")


class Perturbations(Parameters):
    """How strongly test rows are perturbed (``params:perturbations``)."""

    rows: int = Field(ge=1, description="number of test rows")
    noise: float = Field(ge=0, description="standard deviation of the noise, as a share of that of each number")
    swaps: float = Field(ge=0, le=1, description="share of all values that are replaced by those of other rows")
    seed: int = Field(ge=0)


class Form(RowForm):
    """The form of samples: their columns, and the largest share of missing values."""

    most_missing: float


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Give columns the names that the project uses; rows without an identifier are numbered."""
    others = {name: ours for name, ours in NAMES.items() if ours not in table.columns or ours in NAMES}
    table = table.rename(columns=others)
    return table if ROW_ID in table.columns else table.rename_axis(ROW_ID)


def _standard(table: pd.DataFrame) -> pd.DataFrame:
    refuse_missing_columns(table, COLUMNS)
    others = table[[name for name in ("label", "split", "model_version") if name in table.columns]]
    return pd.concat([others, *(kind.read(table[name]) for name, kind in COLUMNS.items())], axis=1)


RAW = incoming_schema(ROW_ID, _standard, labelled=True, prepare=_named)
INCOMING = incoming_schema(ROW_ID, _standard, prepare=_named)
ACCEPTED = Check(
    lambda table: all(kind.holds(table[name]) for name, kind in COLUMNS.items()), error="must be as in columns.py"
)


def measure_form(raw_rows: pd.DataFrame, cleaning: Cleaning) -> Form:  # noqa: ARG001
    """Return the form of raw rows."""
    return Form(columns=list(COLUMNS), most_missing=cleaning.most_missing)


def accept(rows: pd.DataFrame, form: Form) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all rows in standard types, and for each why it is rejected: a value is missing, or outside its limits."""
    form.refuse_other_columns(rows)
    values = pd.concat([COLUMNS[name].read(rows[name]) for name in form.columns if name in COLUMNS], axis=1)
    reasons = np.full(len(rows), "", object)
    for name in map(str, values):
        reasons = np.where(reasons == "", COLUMNS[name].faults(values[name]), reasons)
    many = values.isna().mean(axis=1).to_numpy() > form.most_missing
    return values, np.where(many, "gaps: too many values are missing", reasons)


def extract_features(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Return the features of accepted rows; those of missing numbers and dates are missing."""
    parts = [kind.features(rows[name], features.seasons) for name, kind in COLUMNS.items()]
    return pd.concat(parts, axis=1).astype(np.float32)


def perturb(rows: pd.DataFrame, perturbations: Perturbations) -> dict[str, pd.DataFrame]:
    """Return accepted rows with noise in their numbers, and rows with some values of other rows."""
    values, random = rows[list(COLUMNS)], np.random.default_rng(perturbations.seed)
    numbers = [name for name, kind in COLUMNS.items() if isinstance(kind, Number)]
    spread = perturbations.noise * values[numbers].std().fillna(0).to_numpy()
    noise = values[numbers] + spread * random.standard_normal((len(values), len(numbers)))
    others = values.apply(lambda column: column.iloc[random.permutation(len(column))].set_axis(column.index))
    swapped = values.mask(random.random(values.shape) < perturbations.swaps, others)
    return {"noise": values.assign(**noise), "swaps": swapped}


def describe(rows: pd.DataFrame) -> pd.DataFrame:
    """Return columns for people; a missing value is 0, and a further column says so."""
    return pd.concat([kind.describe(rows[name]) for name, kind in COLUMNS.items()], axis=1).astype(np.float32)


def __getattr__(name: str) -> Any:
    """Say that an optional name is missing; so type checkers accept code that asks for it."""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
