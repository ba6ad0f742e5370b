"""Text of the cards, which are Markdown."""

from collections.abc import Iterable, Sequence


def in_line(text: object) -> str:
    r"""Return a label, name or number as one line that a cell of a table can hold.

    Line breaks become spaces. Backslashes and vertical bars are escaped.

    Examples:
        >>> print(in_line("a|b\nc"))
        a\|b c
    """
    return " ".join(str(text).splitlines()).replace("\\", "\\\\").replace("|", "\\|")


def markdown_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table.

    Examples:
        >>> print(markdown_table(("class", "rows"), [("zero", 3)]))
        | class | rows |
        | --- | --- |
        | zero | 3 |
    """
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(map(in_line, cells))} |" for cells in lines)
