"""Made-up samples for tests of stages and service, as ``domain/columns.py`` asks for them: see :mod:`tests.seam`."""

import json
from typing import Any

import numpy as np
import pandas as pd
from penstroke.domain.columns import CLASSES, COLUMNS
from penstroke.domain.kinds import Category, Date, Kind, Number

from penstroke.domain import ROW_ID

ROWS_MADE = 600
MISTAKEN = 40  # one label in so many is wrong, so that no model is always right


def raw_rows() -> pd.DataFrame:
    """Return labelled raw rows, whose columns all depend on their class."""
    random = np.random.default_rng(7)
    place = random.permutation(np.arange(ROWS_MADE) % len(CLASSES))
    index = pd.Index([f"row-{number}" for number in range(ROWS_MADE)], name=ROW_ID)
    made = {name: _values(kind, place, random) for name, kind in COLUMNS.items()}
    labels = (place + (np.arange(ROWS_MADE) % MISTAKEN == 9)) % len(CLASSES)
    return pd.DataFrame({"label": np.array(CLASSES, dtype=object)[labels], **made}, index).infer_objects()


def as_json(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the JSON body of a prediction request for raw rows."""
    records = rows.drop(columns="label", errors="ignore").to_dict("records")
    return {"rows": json.loads(json.dumps(records, default=str))}  # dates as texts


def _values(kind: Kind, place: np.ndarray, random: np.random.Generator) -> Any:
    near = (place + 0.5 + 0.3 * random.standard_normal(len(place))) / len(CLASSES)
    match kind:
        case Number(low=low, high=high):
            low, high = (end if np.isfinite(end) else other for end, other in ((low, -1.0), (high, 1.0)))
            return low + (high - low) * (0.2 + 0.6 * near)
        case Category(values=values):
            drawn = np.where(random.random(len(place)) < 0.8, place, random.integers(99, size=len(place)))
            return [values[number % len(values)] for number in drawn]
        case Date():
            return pd.Timestamp("2025-01-01") + pd.to_timedelta((365 * near).round(), unit="D")
    raise TypeError(f"make values for {kind}")
