"""A domain for labelled tables of numbers with any columns."""

import numpy as np
import pandas as pd
from pandera.pandas import Check
from pydantic import Field

from kedro_guards.parameters import Parameters
from penstroke.row_form import RowForm
from penstroke.rows import incoming_schema
from penstroke.tables import with_numbers

ROW, ROWS = "sample", "samples"
ROW_ID = f"{ROW}_id"
INTENDED_USE = "Samples that were measured like the training samples."
OTHERS = ("label", "split", "reason")


class Cleaning(Parameters):
    """When samples are rejected (``params:cleaning``)."""

    most_missing: float = Field(ge=0, lt=1, description="largest share of missing values in a sample")


class Features(Parameters):
    """How features are computed (``params:features``)."""

    missing: float = Field(description="replaces missing values")


class Perturbations(Parameters):
    """How strongly test rows are perturbed (``params:perturbations``)."""

    rows: int = Field(ge=1, description="number of test rows")
    noise: float = Field(ge=0, description="standard deviation of the noise, as a share of that of each column")
    seed: int = Field(ge=0)


class Form(RowForm):
    """The form of samples: their columns, and the largest share of missing values."""

    most_missing: float


def _values(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name not in OTHERS]


def _standard(table: pd.DataFrame) -> pd.DataFrame:
    return with_numbers(table, _values(table))


RAW, INCOMING = incoming_schema(ROW_ID, _standard, labelled=True), incoming_schema(ROW_ID, _standard)
ACCEPTED = Check(
    lambda table: all(kind == np.float64 for kind in table[_values(table)].dtypes), error="must be numbers"
)


def measure_form(raw_rows: pd.DataFrame, cleaning: Cleaning) -> Form:
    """Return the form of raw rows."""
    return Form(columns=_values(raw_rows), most_missing=cleaning.most_missing)


def accept(rows: pd.DataFrame, form: Form) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all rows as numbers, and for each the reason to reject it."""
    form.refuse_other_columns(rows)
    values = rows[form.columns].astype(float)
    gaps = values.isna().mean(axis=1) > form.most_missing
    return values, np.where(gaps, "gaps: too many values are missing", "")


def extract_features(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Return the features of accepted rows."""
    return rows[_values(rows)].fillna(features.missing).astype(np.float32)


def perturb(rows: pd.DataFrame, perturbations: Perturbations) -> dict[str, pd.DataFrame]:
    """Return accepted rows with noise."""
    values, random = rows[_values(rows)], np.random.default_rng(perturbations.seed)
    spread = perturbations.noise * values.std().to_numpy()
    return {"noise": values + spread * random.standard_normal(values.shape)}


def describe(rows: pd.DataFrame) -> pd.DataFrame:
    """Return columns for people."""
    return rows[_values(rows)].fillna(0).astype(np.float32)
