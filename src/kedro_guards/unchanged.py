"""Answer "nothing has changed" at once, before the project and its packages are imported.

``kedro run --changed`` leaves a stamp: one sum over all files that it read or wrote. As long as it is the same, the
same command has nothing to do. To ask the ledger instead takes seconds, most of them for imports.
"""

import hashlib
import json
import os
import posixpath
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kedro.utils import find_kedro_project

from .files import PARTIAL, files_below, located
from .receipts import hash_of

IMPORTED = re.compile(r"^\w+$|\.(py|so|pth|dist-info|egg-info|egg-link)$")
ENVIRONMENT = re.compile(rb"oc\.env:\s*(\w+)")
DATASET = "dataset://"  # before the name of a dataset that is no file, and sums up its own content
_NONE = dict[str, str]().get


def stamp_place(receipts: str, options: dict[str, Any]) -> Path:
    """Return the path of the stamp file of a command with these options; it is always a file of this machine."""
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    folder = project / ".locks" / quote(receipts, safe="") if "://" in receipts else Path(receipts)
    return folder / ".unchanged" / f"{hash_of(options)[:32]}.json"


def write_stamp(stamp: Path, roots: Iterable[str | Path], content_of: Callable[[str], str | None] = _NONE) -> None:
    """Write the stamp file.

    Args:
        stamp: a file.
        roots: the files and folders that the run reads or writes; of those in a store, its ETags count. And the
            datasets that are no files, as ``dataset://NAME``.
        content_of: returns the fingerprint of such a dataset.
    """
    names = {str(root) for root in roots}
    files = sorted(name for name in names if not name.startswith(DATASET))
    datasets = [name.removeprefix(DATASET) for name in names - {*files}]
    noted = {"roots": files, "sha256": _sum(files), "contents": {name: content_of(name) for name in datasets}}
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(json.dumps(noted), encoding="utf-8")


def is_unchanged(stamp: Path, content_of: Callable[[str], str | None] = _NONE) -> bool:
    """Whether all files and other datasets are as they were when the stamp was written."""
    try:
        noted = json.loads(stamp.read_text(encoding="utf-8"))
        contents = noted["contents"].items()  # asked for last: what makes a dataset is as it was then
        return noted["sha256"] == _sum(noted["roots"]) and all(content_of(name) == told for name, told in contents)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sum(roots: Iterable[str]) -> str:
    """Sum up names and bytes of all files, the search path of Python, and the variables that configuration reads."""
    found: list[Any] = [sys.version, *sys.path]
    for folder in map(Path, sys.path):
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        found += [name for name in names if IMPORTED.search(name)] + [_pointing(folder / name) for name in names]
    addresses = sorted(root for root in roots if "://" in root)
    found += _listed(addresses) if addresses else []
    for root in (Path(root) for root in roots if "://" not in root):
        for path in files_below(root) if root.is_dir() else [root]:
            if path.is_file() and not _passed_over(path):
                content = path.read_bytes()
                variables = [os.environ.get(name.decode(), "") for name in ENVIRONMENT.findall(content)]
                found += [str(path), hashlib.sha256(content).hexdigest(), *variables]
    return hash_of(found)


def _listed(addresses: list[str]) -> list[tuple[str, str]]:
    """List names and ETags of the objects at or below addresses of one store, without reading them."""
    files, _ = located(addresses[0])
    paths = [located(address)[1] for address in addresses]
    listing = files.find(posixpath.commonpath(paths), detail=True)
    wanted = tuple(f"{path}/" for path in paths)
    return [(name, entry["ETag"]) for name, entry in sorted(listing.items()) if f"{name}/".startswith(wanted)]


def _pointing(place: Path) -> bytes:
    """Read what points to code elsewhere, or the list of files of a distribution that came from no index."""
    if place.suffix in (".pth", ".egg-link") or (place.name.startswith("__editable__") and place.suffix == ".py"):
        return place.read_bytes()
    if place.suffix == ".dist-info" and (place / "direct_url.json").exists():
        return (place / "RECORD").read_bytes()
    return b""


def _passed_over(path: Path) -> bool:
    return path.suffix in {PARTIAL, ".pyc"} or ".unchanged" in path.parts or ".locks" in path.parts
