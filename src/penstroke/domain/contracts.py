"""Contracts of tables of digits. Pixels are checked as one matrix, not column by column."""

import numpy as np
import pandas as pd
from pandera.pandas import Check

from penstroke.rows import incoming_schema
from penstroke.tables import refuse_repeated_columns, with_whole_numbers

from . import ROW_ID
from .layout import is_pixel, pixel_columns
from .pixels import pixel_matrix


def _standard(table: pd.DataFrame) -> pd.DataFrame:
    refuse_repeated_columns(table, filter(is_pixel, table.columns))
    return with_whole_numbers(table, pixel_columns(table), flags=True)


def _pixels_are_whole_numbers(table: pd.DataFrame) -> bool:
    names = pixel_columns(table)
    pixels = table[names].to_numpy()
    if pixels.dtype.kind not in "iu":
        raise ValueError(f"pixels must be whole numbers without gaps; found {pixels.dtype}")
    if len(pixels) and pixels.min() < 0:
        row, column = divmod(int(pixels.argmin()), len(names))
        raise ValueError(
            f"pixels must be 0 (paper) or more; the lowest is {pixels[row, column]}, {names[column]} of "
            f"{table.index[row]}; shift them to 0 or more"
        )
    return True


def _pixels_are_bytes(table: pd.DataFrame) -> bool:
    pixels = pixel_matrix(table)
    if pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be uint8, 0 (paper) to 255 (ink); found {pixels.dtype}")
    return True


RAW = incoming_schema(ROW_ID, _standard, Check(_pixels_are_whole_numbers), labelled=True)
INCOMING = incoming_schema(ROW_ID, _standard, Check(_pixels_are_whole_numbers))
ACCEPTED = Check(_pixels_are_bytes)
