"""Names of files that hold a row and its right label."""

from collections.abc import Iterable
from urllib.parse import quote


def labelled_name(label: object, row_id: str) -> str:
    """Return the file name for a row and its right label: ``<label>_<identifier>``, label escaped as in URLs.

    Examples:
        >>> labelled_name(7, "scan12.png")
        '7_scan12.png'
        >>> labelled_name("a/b", "1.png")
        'a%2Fb_1.png'
    """
    return f"{quote(str(label), safe='')}_{row_id}"


def label_and_id(name: str, classes: Iterable[object]) -> tuple[str, str] | None:
    """Split a name made by :func:`labelled_name` into label (as text) and identifier.

    Returns:
        None if the name does not begin with one of the classes. If several fit, the longest class counts.

    Examples:
        >>> label_and_id("7_scan12.png", range(10))
        ('7', 'scan12.png')
        >>> label_and_id("scan12.png", range(10)) is None
        True
        >>> label_and_id("iris_setosa_1.png", ["iris", "iris_setosa"])
        ('iris_setosa', '1.png')
    """
    for class_ in sorted(map(str, classes), key=len, reverse=True):
        for written in (class_, quote(class_, safe="")):
            if name.startswith(f"{written}_") and len(name) > len(written) + 1:
                return class_, name[len(written) + 1 :]
    return None
