"""Samples for tests of stages and service: see :mod:`tests.seam`."""

from typing import Any

import pandas as pd

from ..conftest import ROOT


def raw_rows() -> pd.DataFrame:
    """Return the labelled raw rows of the project."""
    return pd.read_parquet(ROOT / "data/01_raw/samples.parquet")


def as_json(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the JSON body of a prediction request for raw rows."""
    return {"rows": rows.drop(columns="label", errors="ignore").to_dict("records")}
