"""Receipts: what each stored dataset holds, and what it was made of.

A folder beside the data holds a receipt for each dataset that a node saved. A receipt cites the fingerprints of the
inputs, so that a run which begins in the middle can tell whether all of them are up to date.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path, PurePath
from time import monotonic, sleep
from typing import Any, TypeGuard

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, AbstractVersionedDataset, CachedDataset
from pydantic import BaseModel, ConfigDict

from .files import PARTIAL, located

FOLDER = ".receipts"
PATIENCE_S = 2.0  # a file and its receipt are renamed milliseconds apart


class Receipt(BaseModel):
    """What a dataset holds and what it was made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    sha256: str = ""  # of the content; empty in a pending receipt
    files: dict[str, str] = {}  # the sha256 of each file of a folder
    rows: int | None = None
    call: str  # the node: its function, inputs and outputs
    code: dict[str, str]  # sha256 by own module, version by installed package
    parameters: dict[str, Any]  # by group
    entries: str  # sha256 of the catalog's entries of inputs and outputs
    inputs: dict[str, str]  # sha256 of each by name
    stale: dict[str, str]  # by name, why --allow-stale had to let it pass
    project_version: str
    commit: str | None
    time: str
    run_id: str


def read_receipt(place: str | PurePath) -> Receipt | None:
    """Read a receipt; None if there is none that this version can read."""
    try:
        files, path = located(str(place))
        with files.open(path, "rb") as file:
            return Receipt.model_validate_json(file.read())
    except (FileNotFoundError, ValueError):
        return None


def write_receipt(receipt: Receipt, place: str) -> None:
    """Write a receipt."""
    files, path = located(place, auto_mkdir=True)
    with files.open(path, "wb") as file:
        file.write((json.dumps(receipt.model_dump(), indent=2, sort_keys=True) + "\n").encode())


def withdraw(place: str) -> None:
    """Delete a receipt."""
    files, path = located(place)
    files.rm_file(path)


def pending(place: str | PurePath) -> str:
    """Return the path of a pending receipt, which exists from before a save until the receipt is written.

    Examples:
        >>> pending("data/.receipts/sums.json")
        'data/.receipts/sums.pending.json'
    """
    return f"{str(place).removesuffix('.json')}.pending.json"


def read_vouched_for(read: Callable[[], bytes], place: str | PurePath, name: str) -> bytes:
    """Read a file that agrees with its receipt.

    Args:
        read: returns the bytes; called again while a run replaces the file.
        place: where the receipt lies.
        name: what to call the file in an error.

    Raises:
        ValueError: it has no receipt, or another content than its receipt says; it was not parsed.
    """
    until = monotonic() + PATIENCE_S
    while True:
        receipt, sha256 = read_receipt(place), hashlib.sha256(content := read()).hexdigest()
        if receipt and receipt.sha256 == sha256:
            return content
        if monotonic() > until:
            break
        sleep(PATIENCE_S / 40)
    if read_receipt(pending(place)):
        fault = "was being saved when its run was interrupted"
    elif receipt is None:
        fault = f"has no receipt ({place}), so nobody knows who made it"
    else:
        fault = f"was altered: its sha256 begins with {sha256[:12]}, that of its receipt with {receipt.sha256[:12]}"
    raise ValueError(f"{name} {fault}; it was not read: run the pipeline that makes it again")


def content_of(dataset: AbstractDataset[Any, Any], version: str | None = None) -> tuple[str | None, dict[str, str]]:
    """Fingerprint what a dataset holds.

    Args:
        dataset: any of Kedro's. Its method ``content_hash`` counts, if it has one; else the bytes of its file or
            folder; else what it loads. A method ``members`` says which files of a folder it reads.
        version: of a versioned dataset; by default the one that would be loaded.

    Returns:
        The sha256 (or what ``content_hash`` says), None if there is nothing; and that of each file of a folder.
    """
    if isinstance(dataset, CachedDataset):
        dataset = dataset._dataset
    if hasattr(dataset, "content_hash"):
        return dataset.content_hash(), {}
    if not dataset.exists():
        return None, {}
    path: Any = path_of(dataset)
    if path is None:
        from joblib import hash as hash_object  # noqa: PLC0415 # slow to import; few datasets need it

        return hash_object(dataset.load()), {}
    if is_versioned(dataset):
        path = dataset._get_versioned_path(version) if version else dataset._get_load_path()
    files = getattr(dataset, "_fs", None) or getattr(dataset, "_filesystem", None) or LocalFileSystem()
    files.invalidate_cache()
    if not files.isdir(str(path)):
        return sha256_of(files, str(path)), {}
    folder = files._strip_protocol(str(path))
    there = dataset.members(folder) if hasattr(dataset, "members") else files.find(folder)
    members = {
        member.removeprefix(folder).lstrip("/"): sha256_of(files, member)
        for member in sorted(there)
        if not member.endswith(PARTIAL)
    }
    return hash_of(members), members


def path_of(dataset: Any) -> str | None:
    """Return the path or address of a dataset's file or folder; None where it has none."""
    place = getattr(dataset, "_filepath", None) or getattr(dataset, "_path", None)
    protocol = getattr(dataset, "_protocol", "file")  # Kedro's datasets keep it apart from the path
    is_local = protocol in ("file", "local") or "://" in str(place)
    return place and (str(place) if is_local else f"{protocol}://{place}")


def is_versioned(dataset: AbstractDataset[Any, Any]) -> TypeGuard[AbstractVersionedDataset[Any, Any]]:
    """Whether a dataset keeps its versions."""
    return getattr(dataset, "_version", None) is not None


def sha256_of(files: fsspec.AbstractFileSystem, path: str) -> str:
    """Return the sha256 of a file."""
    with files.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of(value: Any) -> str:
    """Return the sha256 of a value as JSON, so that the order of keys does not count.

    Examples:
        >>> hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def receipt_folder(project: Path, data: str) -> str:
    """Return the folder of an environment's receipts.

    Args:
        project: the project's folder.
        data: what ``globals.yml`` calls ``data``: a folder below it, or an address.

    Examples:
        >>> receipt_folder(Path("/shop"), "data/test"), receipt_folder(Path("/shop"), "s3://shop")
        ('/shop/data/test/.receipts', 's3://shop/.receipts')
    """
    return f"{data if '://' in data else project / data}/{FOLDER}"
