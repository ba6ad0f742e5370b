"""Tables of what the service answered. They import pyarrow, which the first answer need not wait for."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kedro_guards.files import located
from penstroke import domain

from .storage import Answered


def tables_of(answered: Answered) -> tuple[pa.Table, pa.Table]:
    """Return the rows, and the predictions in the form of the inference pipelines; identifiers are the index."""
    model, index, names = answered.model, domain.ROW_ID, np.array(answered.names, dtype=object)
    best, confidence = answered.probabilities.argmax(axis=1), answered.probabilities.max(axis=1)
    answers = {
        index: names,
        "prediction": model.model.classes_[best],
        "confidence": confidence,
        "unsure": confidence < model.answers.least_confidence,
        **{f"probability_{name}": answered.probabilities[:, place] for place, name in enumerate(model.model.classes_)},
        "model_version": np.full(len(best), model.version, object),
        "model_receipt": np.full(len(best), model.sha256, object),
    }
    if not isinstance(answered.rows, np.ndarray):
        rows = pa.Table.from_pandas(answered.rows.set_axis(names).rename_axis(index))
        return rows, as_arrow(answers, index)
    columns = dict(zip(model.view.form.columns, answered.rows.T, strict=True))
    return as_arrow({index: names, **columns}, index), as_arrow(answers, index)


def write_table(table: pa.Table, place: str) -> None:
    """Write a Parquet file."""
    files, path = located(place, auto_mkdir=True)
    with files.open(path, "wb") as file:
        pq.write_table(table, file)


def as_arrow(columns: dict[str, np.ndarray], index: str) -> pa.Table:
    """Make a table of arrays, whose index pandas will find.

    The columns are made of their buffers: any other way, pyarrow imports pandas, which the service can do without.

    Args:
        columns: numbers, booleans or texts, each (n,).
        index: name of the column that is the index.
    """
    entry = {"name": index, "field_name": index, "pandas_type": "unicode", "numpy_type": "str", "metadata": None}
    facts = {"index_columns": [index], "column_indexes": [], "columns": [entry]}
    table = pa.Table.from_arrays([_column(values) for values in columns.values()], names=list(columns))
    return table.replace_schema_metadata({"pandas": json.dumps(facts)})


def _column(values: np.ndarray) -> pa.Array:
    if values.dtype == bool:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    if values.dtype.kind in "iuf":
        numbers = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, numbers])
    texts = [str(value).encode() for value in values]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
