"""Set values in the text of YAML files, whose comments stay; and know which files somebody has edited since."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import yaml

RECORD = ".draft.json"  # in the project's folder: the files of the last draft, and their checksums
WHOLE = ("contenders", "elsewhere")  # groups that are replaced whole


def with_values(text: str, groups: Mapping[str, Any]) -> str:
    r"""Set values in the text of a YAML file of parameters.

    Args:
        text: the file. A group or key that it does not have is left out.
        groups: values by group and key. A value can be a pair: the value, and a comment that explains it.

    Examples:
        >>> with_values("gate:\n  recall: 0.9 # high\n  size_mb: 25\n", {"gate": {"recall": (0.5, "of 9 rows")}})
        'gate:\n  recall: 0.5 # of 9 rows\n  size_mb: 25\n'
    """
    for group, values in groups.items():
        block = re.search(rf"(?m)^{group}:.*\n((?:[ ].*\n|\n)*)", text)
        if block and group in WHOLE:
            text = text.replace(block[0], yaml.safe_dump({group: values}, sort_keys=False) + "\n")
        elif block and isinstance(values, dict):
            changed = block[0]
            for key, value in values.items():
                chosen, why = value if isinstance(value, tuple) else (value, "")
                shown = _shown(chosen) + (f" # {why}" if why else "")
                line = f"  {key}: {shown}".replace("\\", r"\\")
                changed = re.sub(rf"(?m)^  {key}: [^#\n]*?(?:\s+#.*)?$", line, changed)
            text = text.replace(block[0], changed)
    return text


def with_entry(text: str, name: str, type_: str, keys: Mapping[str, Any]) -> str:
    """Set type, path and arguments of an entry of a catalog's text; its other keys stay.

    Raises:
        ValueError: the text has no such entry.
    """
    block = re.search(rf"(?m)^{name}:.*\n((?:[ ].*\n)+)", text)
    if not block:
        raise ValueError(f"the catalog has no entry {name} of its own; write one, then draft again")
    kept = re.sub(r"(?m)^  (?:type|filepath|chunk_rows|load_args|save_args):.*\n(?:    .*\n)*", "", block[1])
    lines = [
        f"{name}:\n",
        f"  type: {type_}\n",
        *(f"  {key}: {_shown(value)}\n" for key, value in keys.items() if value),
    ]
    return text.replace(block[0], "".join(lines) + kept)


def _shown(value: Any) -> str:
    shown = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return shown.removesuffix("\n").removesuffix("...").strip()


def record(project: Path, names: Iterable[str]) -> None:
    """Keep the checksums of the files that a draft wrote."""
    sums = {name: _checksum(project / name) for name in sorted(names)}
    (project / RECORD).write_text(json.dumps(sums, indent=2) + "\n", encoding="utf-8")


def edited(project: Path, names: Iterable[str]) -> list[str]:
    """List the files that have changed since the last draft, or were never drafted."""
    place = project / RECORD
    known = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    return [name for name in names if (project / name).exists() and known.get(name) != _checksum(project / name)]


def _checksum(place: Path) -> int:
    return crc32(place.read_bytes())
