"""The form in which a model takes rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro_guards.parameters import Parameters

if TYPE_CHECKING:
    import pandas as pd

SOME = 3  # columns that an error names


class RowForm(Parameters):
    """The form in which a model takes rows: its input columns, in order."""

    columns: list[str]

    def refuse_other_columns(self, rows: pd.DataFrame) -> None:
        """Refuse rows that lack an input column. Further columns are allowed.

        Raises:
            ValueError: columns are missing. The message names the first ones.

        Examples:
            >>> import pandas as pd
            >>> form = RowForm(columns=["height", "width"])
            >>> form.refuse_other_columns(pd.DataFrame({"width": [1.0], "height": [2.0], "note": ["x"]}))
        """
        if missing := [name for name in self.columns if name not in rows.columns]:
            more = f" and {len(missing) - SOME} more" if len(missing) > SOME else ""
            raise ValueError(
                f"the model takes rows with {', '.join(missing[:SOME])}{more}, found none; convert them to that form, "
                "or train and promote a model for them"
            )

    def show(self, values: Any) -> Any:
        """Return the values of one row that was read from a file, (n,), as JSON."""
        return values.tolist()

    def facts(self) -> dict[str, Any]:
        """Return what the service's ``/v1/model`` says about the form."""
        return {"columns": self.columns}
