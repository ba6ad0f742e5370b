"""Rows as JSON, for domains that need tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from penstroke import domain

if TYPE_CHECKING:
    import pandas as pd

Value = float | str | None


class Rows(BaseModel):
    """The JSON body of a prediction request: rows by column names."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[
        list[dict[str, Value]],
        Field(min_length=1, description="each row has a value for every column; GET /v1/model names the columns"),
    ]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def work(self, form: domain.Form) -> int:  # noqa: ARG002
        """Return the cost of reading the rows, in predictions that take as long: none."""
        return 0

    def rows_of(self, form: domain.Form, reading: Any) -> tuple[pd.DataFrame, set[int]]:  # noqa: ARG002
        """Convert the rows to standard types.

        Returns:
            The rows, and the numbers of rows that were changed by reading: none.

        Raises:
            ValueError: a column is missing, or a value has another type.
        """
        import pandas as pd  # noqa: PLC0415 # other domains do without, and start faster
        from pandera.errors import SchemaError  # noqa: PLC0415

        table = pd.DataFrame(self.rows, pd.Index([f"rows.{number}" for number in range(len(self))], name=domain.ROW_ID))
        form.refuse_other_columns(table)
        try:
            return domain.INCOMING.validate(table)[form.columns], set()
        except SchemaError as error:
            raise ValueError(str(error).splitlines()[0]) from None
