"""Rows as JSON."""

from typing import Annotated, Any

import pandas as pd
from pandera.errors import SchemaError
from pydantic import BaseModel, ConfigDict, Field

from penstroke import domain

Value = float | str | None


class Rows(BaseModel):
    """Rows by the names of their columns, which callers send to the service."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[
        list[dict[str, Value]],
        Field(min_length=1, description="each with a value for every column; GET /v1/model names the columns"),
    ]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def work(self, form: domain.Form) -> int:  # noqa: ARG002
        """Say how many rows could be answered in the time that it takes to read these."""
        return 0

    def rows_of(self, form: domain.Form, reading: Any) -> tuple[pd.DataFrame, set[int]]:  # noqa: ARG002
        """Bring the rows to standard types.

        Returns:
            The rows, and which of them are others than were sent: none.

        Raises:
            ValueError: a column is missing, or a value is of another type.
        """
        table = pd.DataFrame(self.rows, pd.Index([f"rows.{number}" for number in range(len(self))], name=domain.ROW_ID))
        form.refuse_other_columns(table)
        try:
            return domain.INCOMING.validate(table)[form.columns], set()
        except SchemaError as error:
            raise ValueError(str(error).splitlines()[0]) from None
