"""Tables of a PostgreSQL database.

psycopg is imported when a table is used, pandas and Arrow when its rows are: the sum of a table needs neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from kedro.io import AbstractDataset, DatasetError

from ..receipts import hash_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KINDS = {  # PostgreSQL's type for each of Arrow's; of several, the last is what a column is read as
    "bool": "boolean",
    **dict.fromkeys(("int8", "uint8", "int16"), "smallint"),
    **dict.fromkeys(("uint16", "int32"), "integer"),
    **dict.fromkeys(("uint32", "int64"), "bigint"),
    "float": "real",
    "double": "double precision",
    "string": "text",
}
READ_AS = {theirs: ours for ours, theirs in KINDS.items()} | {"numeric": "double"}
FETCHED = 10_000  # rows at a time, for a whole table
CONNECTION = {  # a server that answers no more is given up
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
SETTINGS = {  # of a session: a row has the same text for everybody, and no lock is waited for in vain
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "lock_timeout": "60s",
}
REMEDIES = {  # by the beginning of an error's SQLSTATE
    "23": "correct those rows",
    "42501": "ask its owner for the right",
    "42P01": "make the table, or correct `table` in its catalog entry",
    "42703": "correct `key` in its catalog entry",
    "53": "make room there, and run again",
    "55P03": "run again when the other session ends, or raise `settings: {lock_timeout: …}` in its catalog entry",
    "57014": "see what slows the server down, or raise `settings: {statement_timeout: …}` in its catalog entry",
    "": "check the server, the network and the credentials of its catalog entry, and run again",
}


class PostgresTableDataset(AbstractDataset[Any, Any]):
    """A table of a PostgreSQL database, read in the order of a key and replaced in one transaction.

    Columns have the types of the frame that was saved, which the table's comment says. Without such a comment
    ``smallint`` is int16, ``real`` float32, ``numeric`` float64 and so on, and types without a counterpart are text.
    An empty value is NULL.

    A table that this class made is made anew when columns or types change. Of all others, only the rows are replaced.
    Other sessions read the former rows until the new ones are complete. Saves of the same table take turns.

    Args:
        table: its name, or ``schema.name``.
        key: the column that becomes the index: unique, without gaps. Text is ordered by its bytes.
        credentials: connection parameters of libpq: ``host``, ``port``, ``user``, ``password``, ``dbname`` and others.
            What is not given, libpq takes from its environment variables, such as ``PGHOST``.
        chunk_rows: rows that are loaded at once; None loads the whole table.
        settings: of the server for the session, such as ``statement_timeout``.
        metadata: ignored by Kedro; read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        table: str,
        key: str,
        credentials: Mapping[str, Any] | None = None,
        chunk_rows: int | None = None,
        settings: Mapping[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._table, self._key, self._chunk_rows = table, key, chunk_rows
        self._credentials, self._settings = dict(credentials or {}), SETTINGS | dict(settings or {})
        self.metadata = metadata

    def load(self) -> pd.DataFrame | Iterator[pd.DataFrame]:
        """Return the table, or an iterator over its chunks. A table without rows is one chunk.

        Raises:
            DatasetError: the server cannot be reached or refuses, or there is no such table or key (of chunks, when
                the first one is read).
        """
        if self._chunk_rows is None:
            from pyarrow import concat_tables  # noqa: PLC0415 # slow to import

            return self._frame(concat_tables(self._read(FETCHED)))
        return map(self._frame, self._read(self._chunk_rows))

    def save(self, data: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
        """Replace the rows by those of a table, or of one chunk after another. After an error the former ones stay.

        Raises:
            DatasetError: the server cannot be reached or refuses, a column has a type that cannot be stored, a chunk
                has other columns than the first, or a table that somebody else made has other columns.
        """
        from pyarrow.csv import WriteOptions, write_csv  # noqa: PLC0415 # slow to import

        chunks = map(_arrow, cast("Iterable[pd.DataFrame]", [data] if hasattr(data, "columns") else data))
        with self._connected() as connection:
            first = next(chunks)
            kinds = {field.name: str(field.type) for field in first.schema}
            if odd := [name for name, kind in kinds.items() if kind not in KINDS]:
                raise ValueError(f"{odd[0]} is {kinds[odd[0]]}; convert it to numbers or text")
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [self._table])
            found, is_own = self._columns(connection)
            if found.keys() == kinds.keys() and (found == kinds or not is_own):
                connection.execute(self._sql("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; DELETE FROM {table}"))
            elif found and not is_own:
                raise ValueError(
                    f"it has the columns {', '.join(found)}, but the rows to save have {', '.join(kinds)}; "
                    "name another table in the catalog entry, or drop this one"
                )
            else:
                columns = ", ".join(f"{{}} {KINDS[kind]}" for kind in kinds.values())
                connection.execute(self._sql("DROP TABLE IF EXISTS {table}"))
                connection.execute(self._sql(f"CREATE TABLE {{table}} ({columns}, PRIMARY KEY ({{key}}))", *kinds))
                connection.execute(self._sql("COMMENT ON TABLE {table} IS {comment}", comment=json.dumps(kinds)))
            names = ", ".join("{}" for _ in kinds)
            rows = self._sql(f"COPY {{table}} ({names}) FROM STDIN (FORMAT csv)", *kinds)
            with connection.cursor() as cursor, cursor.copy(rows) as copy:
                for chunk in chain([first], chunks):
                    write_csv(chunk.cast(first.schema), buffer := BytesIO(), WriteOptions(include_header=False))
                    copy.write(buffer.getvalue())

    def content_hash(self) -> str | None:
        """Return a sum of the rows, which the server computes; None if there is no table."""
        with self._connected() as connection:
            columns = self._columns(connection)
            asked = self._sql('SELECT count(*), sum(hashtextextended("a row"::text, 0)) FROM {table} AS "a row"')
            return hash_of([columns, connection.execute(asked).fetchone()]) if columns[0] else None

    def _read(self, rows: int) -> Iterator[pa.Table]:
        import pyarrow as pa  # noqa: PLC0415 # slow to import

        with self._connected() as connection:
            kinds, _ = self._columns(connection)
            columns = ", ".join(f"{{}}::{KINDS[kind]}" for kind in kinds.values())
            order = 'COLLATE "C"' if kinds.get(self._key) == "string" else ""
            asked = f"SELECT {columns} FROM {{table}} ORDER BY {{key}} {order}"  # noqa: S608  # nosec B608 # no names
            with connection.cursor("rows") as cursor:
                cursor.execute(self._sql(asked, *kinds))
                found: list[tuple[Any, ...]] = cursor.fetchmany(rows)
                while True:
                    values = zip(*found, strict=True) if found else ([] for _ in kinds)
                    yield pa.table(dict(zip(kinds, values, strict=True)), schema=pa.schema(list(kinds.items())))
                    if not (found := cursor.fetchmany(rows)):
                        return

    def _frame(self, rows: pa.Table) -> pd.DataFrame:
        return rows.to_pandas().set_index(self._key)

    def _columns(self, connection: Any) -> tuple[dict[str, str], bool]:
        """Return Arrow's type by column, nothing if there is no table; and whether this class made the table."""
        asked = (
            "SELECT attname, format_type(atttypid, NULL), obj_description(attrelid, 'pg_class') FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        found = connection.execute(asked, [self._sql("{table}").as_string(connection)]).fetchall()
        kinds = {name: READ_AS.get(kind, "string") for name, kind, _ in found}
        noted: Any = None
        with suppress(IndexError, TypeError, ValueError):  # no table, no comment, or that of somebody else
            noted = json.loads(found[0][2])
        is_own = isinstance(noted, dict) and noted.keys() == kinds.keys()
        return (noted if is_own else kinds), is_own

    def _sql(self, text: str, *columns: str, comment: str = "") -> Any:
        from psycopg import sql  # noqa: PLC0415 # an extra

        places = {"table": sql.Identifier(*self._table.split(".")), "key": sql.Identifier(self._key)}
        return sql.SQL(text).format(*map(sql.Identifier, columns), comment=sql.Literal(comment), **places)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Begin a transaction, which an error rolls back; tell errors in one line."""
        try:
            import psycopg  # noqa: PLC0415 # an extra
        except ImportError:
            raise DatasetError("a PostgreSQL table needs psycopg: `pip install -r requirements-postgres.txt`") from None
        try:
            with psycopg.connect(**CONNECTION | self._credentials) as connection:
                connection.execute(
                    "SELECT set_config(key, value, false) FROM json_each_text(%s)", [json.dumps(self._settings)]
                )
                yield connection
        except psycopg.Error as error:
            told = [error.diag.message_primary, error.diag.message_detail]
            said = ": ".join(filter(None, told)) or " ".join(str(error).split())
            remedy = next(remedy for start, remedy in REMEDIES.items() if (error.sqlstate or "").startswith(start))
            raise DatasetError(f"table {self._table}: {said}; {remedy}") from error
        except ValueError as error:  # of a column, or of what makes the chunks
            raise DatasetError(f"table {self._table}: {error}") from error

    def _exists(self) -> bool:
        with self._connected() as connection:
            return bool(self._columns(connection)[0])

    def _describe(self) -> dict[str, Any]:
        return {"table": self._table, "key": self._key, "chunk_rows": self._chunk_rows}


def _arrow(rows: pd.DataFrame) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 # slow to import

    table = pa.Table.from_pandas(rows.reset_index(drop=rows.index.name is None), preserve_index=False)
    texts = {"large_string": pa.string()}
    return table.cast(pa.schema([(field.name, texts.get(str(field.type), field.type)) for field in table.schema]))
