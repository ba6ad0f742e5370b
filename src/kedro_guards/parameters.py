"""Base classes for typed parameter groups."""

from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError


class OneLineErrors(BaseModel):
    """A pydantic model whose errors have one line, with each wrong key and the value found."""

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Validate ``obj`` as pydantic does.

        Raises:
            ValueError: a value is wrong, or a key is unknown or missing; one clause for each key.
        """
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            clauses = [
                _clause(fault["loc"], fault["type"], fault["msg"], fault["input"], cls) for fault in error.errors()
            ]
            raise ValueError("; ".join(clauses)) from None


class Parameters(OneLineErrors):
    """One top-level key of ``conf/*/parameters*.yml``: frozen, strictly typed, no unknown keys.

    Values live in YAML only, so a field has a type, limits and a description, and no default.

    Examples:
        >>> class Oven(Parameters):
        ...     degrees: int
        >>> Oven.model_validate({"degres": 180})
        Traceback (most recent call last):
        ...
        ValueError: degrees is missing; degres is not a known key; did you mean degrees?
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _clause(place: tuple[int | str, ...], kind: str, message: str, found: Any, group: type[BaseModel]) -> str:
    key = ".".join(map(str, place)) or "value"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        near = get_close_matches(str(place[-1]), group.model_fields, n=1)
        return f"{key} is not a known key" + (f"; did you mean {near[0]}?" if near else "")
    sentence = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{key} {sentence}, found {found!r}" if kind != "value_error" else f"{key}: {sentence}"
