"""The kinds of columns: how each is read, checked, seen by a model, and described.

Where a column allows missing values, they are NaN, and ``missing`` is true.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from penstroke.tables import with_numbers

OTHER = "another"  # category that the contract does not list


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the columns of every kind have.

    Args:
        missing: whether a row may have no value.
    """

    missing: bool = False

    def read(self, column: pd.Series) -> pd.Series:
        """Convert a column to the type of its kind.

        Raises:
            ValueError: a value cannot be converted. The message names it.
        """
        raise NotImplementedError

    def holds(self, column: pd.Series) -> bool:
        """Whether a column has the type of its kind."""
        raise NotImplementedError

    def is_outside(self, column: pd.Series) -> pd.Series:
        """Whether each value lies outside the limits of the column; a missing one does not."""
        return pd.Series(data=False, index=column.index)

    def features(self, column: pd.Series, seasons: bool) -> pd.DataFrame:
        """Return what a model sees of a column."""
        raise NotImplementedError

    def describe(self, column: pd.Series) -> pd.DataFrame:
        """Return what people see of a column: numbers, without gaps."""
        raise NotImplementedError

    def faults(self, column: pd.Series) -> np.ndarray:
        """Return for each value why its row is rejected, or an empty text."""
        reasons, outside = np.full(len(column), "", object), self.is_outside(column).to_numpy()
        reasons[outside] = [f"range: {column.name} is {value:g}" for value in column[outside]]
        if not self.missing:
            reasons[column.isna()] = f"gap: {column.name} is missing"
        return reasons

    def _with_gaps(self, column: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{f"{column.name} missing": column.isna()}) if self.missing else table


@dataclass(frozen=True)
class Number(Kind):
    """A number; true and false are 1 and 0.

    Args:
        low: smallest value of an accepted row.
        high: largest value of an accepted row.

    Examples:
        >>> width = pd.Series(["2.5", None], name="width")
        >>> Number(0, 9, missing=True).describe(Number().read(width))
           width  width missing
        0    2.5          False
        1    0.0           True
    """

    low: float = -math.inf
    high: float = math.inf

    def read(self, column: pd.Series) -> pd.Series:
        """Convert a column to float64."""
        return with_numbers(column.to_frame(), [str(column.name)])[column.name]

    def holds(self, column: pd.Series) -> bool:
        """Whether a column is float64."""
        return column.dtype == np.float64

    def is_outside(self, column: pd.Series) -> pd.Series:
        """Whether each value is below ``low`` or above ``high``."""
        return (column < self.low) | (column > self.high)

    def features(self, column: pd.Series, seasons: bool) -> pd.DataFrame:  # noqa: ARG002
        """Return the number."""
        return column.to_frame()

    def describe(self, column: pd.Series) -> pd.DataFrame:
        """Return the number."""
        return self._with_gaps(column, column.fillna(0).to_frame())


@dataclass(frozen=True)
class Category(Kind):
    """A text, or a whole number that stands for one. A value that ``values`` does not list is allowed.

    Args:
        values: the values that have a feature of their own.

    Examples:
        >>> colour = Category(["green", "red"])
        >>> colour.describe(colour.read(pd.Series(["red", "blue"], name="colour")))
           colour=green  colour=red  colour=another
        0         False        True           False
        1         False       False            True
    """

    values: Sequence[str] = ()

    def read(self, column: pd.Series) -> pd.Series:
        """Convert a column to text; 3.0 is 3."""
        if column.dtype == "str":
            return column
        text = column.astype(object).where(column.notna(), None).map(_as_text, na_action="ignore")
        return text.astype("str")

    def holds(self, column: pd.Series) -> bool:
        """Whether a column is text."""
        return column.dtype == "str"

    def features(self, column: pd.Series, seasons: bool) -> pd.DataFrame:  # noqa: ARG002
        """Return for each of the values whether it is that."""
        return self._with_gaps(column, self._flags(column))

    def describe(self, column: pd.Series) -> pd.DataFrame:
        """Return for each of the values whether it is that, and whether it is another."""
        other = column.notna() & ~column.isin(self.values)
        return self._with_gaps(column, self._flags(column).assign(**{f"{column.name}={OTHER}": other}))

    def _flags(self, column: pd.Series) -> pd.DataFrame:
        return pd.DataFrame({f"{column.name}={value}": column == value for value in self.values}, column.index)


@dataclass(frozen=True)
class Date(Kind):
    """A date, with or without a time.

    Args:
        written: how texts write it, by the codes of ``strftime``; ISO 8601 is always read.

    Examples:
        >>> Date("%d.%m.%Y").read(pd.Series(["31.12.2025", "2026-01-01"], name="picked")).dt.year.tolist()
        [2025, 2026]
    """

    written: str = "ISO8601"

    def read(self, column: pd.Series) -> pd.Series:
        """Convert a column to dates without a time zone."""
        found = as_dates(column, self.written)
        wrong = found.isna() & column.notna()
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            shown = f"found {str(column.iloc[row])[:40]!r} in row {column.index[row]}"
            raise ValueError(f"{column.name} must be dates like {self.written}, {shown}; correct it, or leave it empty")
        return found

    def holds(self, column: pd.Series) -> bool:
        """Whether a column has dates."""
        return column.dtype.kind == "M"

    def features(self, column: pd.Series, seasons: bool) -> pd.DataFrame:
        """Return the years since 2000 and, if ``seasons``, the season as a circle, and the weekday (0 is Monday)."""
        year, part = self._years(column)
        found = {f"{column.name} years since 2000": year - 2000}
        if seasons:
            turn = 2 * np.pi * part
            found |= {f"{column.name} season sin": np.sin(turn), f"{column.name} season cos": np.cos(turn)}
            found |= {f"{column.name} weekday": column.dt.day_of_week.astype(float)}
        return pd.DataFrame(found)

    def describe(self, column: pd.Series) -> pd.DataFrame:
        """Return the year with its part, the month (1 to 12) and the weekday (1 is Monday)."""
        found = {"year": self._years(column)[0], "month": column.dt.month, "weekday": column.dt.day_of_week + 1}
        named = {f"{column.name} {part}": values.fillna(0) for part, values in found.items()}
        return self._with_gaps(column, pd.DataFrame(named))

    @staticmethod
    def _years(column: pd.Series) -> tuple[pd.Series, pd.Series]:
        part = (column.dt.day_of_year - 1) / 365.25
        return column.dt.year + part, part


def _as_text(value: Any) -> str:
    is_whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if is_whole else str(value)


def as_dates(column: pd.Series, written: str) -> pd.Series:
    """Convert what can be converted to dates without a time zone, of the day or second; the rest is missing."""
    if column.dtype.kind == "M" and column.dt.tz is None:
        return column.astype("datetime64[us]")
    texts = column.astype(object).where(column.notna(), None).astype("str")
    found = pd.to_datetime(texts, format=written, errors="coerce", utc=True)
    if written != "ISO8601":
        found = found.fillna(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True))
    return found.dt.tz_localize(None).astype("datetime64[us]")
