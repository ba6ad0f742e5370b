"""What a run finds that a person must know: a drift alarm, a refused champion."""

from typing import Any


class FindingError(ValueError):
    """A node did its work, and what it found ends the run.

    Args:
        message: what was found, and what to do.
        kind: ``alarm`` or ``refusal``.
        figures: the numbers behind it.
        card: the same for people, in Markdown.
    """

    def __init__(self, message: str, kind: str = "", figures: dict[str, Any] | None = None, card: str = "") -> None:
        super().__init__(message)  # all that pickle hands back: the rest is restored as attributes
        self.kind, self.figures, self.card = kind, figures or {}, card
