"""Answer "nothing has changed" at once, before the project and its packages are imported.

``kedro run --changed`` leaves a stamp: one sum over all files that it read or wrote. As long as it is the same, the
same command has nothing to do. To ask the ledger instead takes seconds, most of them for imports.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fsspec.config import conf
from kedro.utils import find_kedro_project

from .files import PARTIAL, files_below
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
    except (ImportError, OSError, ValueError, KeyError, TypeError):
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
    """List names and ETags of the objects at or below addresses of an S3 store, without reading them.

    botocore does so by itself: to import s3fs takes longer than all the rest.

    Raises:
        OSError: the store cannot be reached or refuses, or fsspec has options of its own for it.
    """
    from botocore.config import Config  # noqa: PLC0415 # an extra
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.session import get_session  # noqa: PLC0415

    if conf.get("s3"):  # then s3fs has another store, or other credentials, than the AWS_* variables name
        raise OSError("options of fsspec for S3 are not followed here")
    in_buckets: dict[str, list[str]] = {}
    for address in addresses:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        in_buckets.setdefault(bucket, []).append(key)
    settings = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
    found = []
    try:
        client = get_session().create_client("s3", config=settings)
        for bucket, keys in in_buckets.items():
            prefix = os.path.commonprefix(keys)  # noqa: RUF071 # S3's prefixes are characters, not folders
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            entries = [(f"{bucket}/{one['Key']}", one["ETag"]) for page in pages for one in page.get("Contents", ())]
            wanted = tuple(f"{bucket}/{key}".rstrip("/") + "/" for key in keys)
            found += [(name, etag) for name, etag in entries if f"{name}/".startswith(wanted)]
    except (BotoCoreError, ClientError) as error:
        raise OSError(str(error)) from error
    return sorted(found)


def _pointing(place: Path) -> bytes:
    """Read what points to code elsewhere, or the list of files of a distribution that came from no index."""
    if place.suffix in (".pth", ".egg-link") or (place.name.startswith("__editable__") and place.suffix == ".py"):
        return place.read_bytes()
    if place.suffix == ".dist-info" and (place / "direct_url.json").exists():
        return (place / "RECORD").read_bytes()
    return b""


def _passed_over(path: Path) -> bool:
    return path.suffix in {PARTIAL, ".pyc"} or ".unchanged" in path.parts or ".locks" in path.parts
