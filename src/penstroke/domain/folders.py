"""Raw digits from image files in one folder per class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from pydantic import Field

from kedro_guards.datasets.files import readers_of, sums_of
from kedro_guards.files import located
from kedro_guards.parameters import Parameters
from kedro_guards.receipts import hash_of
from penstroke.rows import SPLITS
from penstroke.tables import with_labels

from . import ROW_ID
from .files import read
from .form import Form
from .frame import Drawings
from .layout import pixel_names


class Size(Parameters):
    """Size of the images that files are turned into, and their value of full ink."""

    rows: int = Field(ge=2, le=200)
    columns: int = Field(ge=2, le=200)
    full_ink: int = Field(ge=1, le=65535)


class ImageFoldersDataset(AbstractDataset[None, pd.DataFrame]):
    """Read PNG and JPEG files from one folder per class as one table of raw digits.

    The name of a folder is the label of its files. The folders lie directly in ``path``, or in ``path/train`` and
    ``path/test``, which then give the split. Training files are framed by the same function as drawings for
    inference. Hidden files are ignored.

    Args:
        path: path or address that holds the class folders; any protocol that fsspec knows.
        size: size of the images and value of full ink: ``{rows: 28, columns: 28, full_ink: 255}``.
        reading: how a drawing becomes an image, ``${params:drawings}``. It must set ``tall``, ``wide`` and
            ``centre_of_mass``: they cannot be measured before there are images.
        most_bytes: largest size of a file, in bytes.
        credentials: passed to fsspec's file system.
        metadata: ignored by Kedro; read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        size: dict[str, int],
        reading: dict[str, Any],
        most_bytes: int = 30_000_000,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = path.rstrip("/")
        self._size = Size.model_validate(size)
        self._reading = Drawings.model_validate(reading)
        if missing := [name for name in ("tall", "wide", "centre_of_mass") if getattr(self._reading, name) is None]:
            raise ValueError(f"drawings.{missing[0]} must be given if raw rows come from image files, found none")
        self._most_bytes = most_bytes
        self._credentials = credentials or {}
        self.metadata = metadata
        self._kept: tuple[str, pd.DataFrame] | None = None

    def load(self) -> pd.DataFrame:
        """Return one row per file. The index ``digit_id`` is the file's path below ``path``.

        Returns:
            ``label``; ``split`` if there are folders ``train`` and ``test``; ``unreadable`` why a file cannot be used,
            or an empty text; and ``pixel_<row>_<column>``, all 0 if there is a reason.

        Raises:
            DatasetError: there is no folder with files, or some files lie at another depth.
        """
        file_system, folder = located(self._path, **self._credentials)
        state = hash_of(file_system.find(folder, detail=True))  # names, sizes and times; no file is read for it
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self._frame_all()
        return self._kept[1].copy()

    def _frame_all(self) -> pd.DataFrame:
        files = self._files()
        names = pixel_names(self._size.rows, self._size.columns)
        reading = self._reading
        form = Form(
            columns=names,
            full_ink=self._size.full_ink,
            tall=reading.tall or 0,
            wide=reading.wide or 0,
            centre_of_mass=bool(reading.centre_of_mass),
            paper=None,
        )
        pixels = np.zeros((len(files), len(names)), np.min_scalar_type(self._size.full_ink))
        reasons = [""] * len(files)
        for place, content in enumerate(files.values()):
            try:
                pixels[place] = read(content(), form, reading)
            except ValueError as error:
                reasons[place] = str(error)
        parts = [name.split("/") for name in files]
        index = pd.Index(list(files), name=ROW_ID, dtype="str")
        table = pd.DataFrame({"label": [part[-2] for part in parts]}, index, dtype="str")
        if len(parts[0]) == 3:
            table["split"] = [part[0] for part in parts]
        table["unreadable"] = reasons
        return with_labels(pd.concat([table, pd.DataFrame(pixels, index, names)], axis=1), "label")

    def save(self, data: None) -> None:  # noqa: ARG002
        """Refuse to save: this dataset is read-only."""
        raise DatasetError("the files of a folder are read only")

    def content_hash(self) -> str | None:
        """Return a sha256 of the names and contents of all files; None if ``path`` does not exist."""
        if not self._exists():
            return None
        return hash_of([sums_of(self._files()), self._size.model_dump(), self._reading.model_dump()])

    def _files(self) -> dict[str, Callable[[], bytes]]:
        file_system, folder = located(self._path, **self._credentials)
        found = file_system.find(folder) if file_system.isdir(folder) else []
        whole = file_system._strip_protocol(folder)
        places = {place.removeprefix(whole).lstrip("/"): place for place in sorted(found)}
        shown = {
            name: place for name, place in places.items() if not any(part.startswith(".") for part in name.split("/"))
        }
        tops = {name.partition("/")[0] for name in shown if "/" in name}
        depth = 3 if tops == set(SPLITS) else 2
        files = {name: place for name, place in shown.items() if name.count("/") == depth - 1}
        if others := sorted(set(shown) - set(files)):
            wanted = "train/<class>/<file> and test/<class>/<file>" if depth == 3 else "<class>/<file>"
            raise DatasetError(f"{self._path}: files lie in {wanted}, found {others[0]}; move it, or remove it")
        if not files:
            raise DatasetError(
                f"{self._path} has no folders with files; put the files of each class into a folder of its own there"
            )
        return readers_of(file_system, files, self._most_bytes)

    def _exists(self) -> bool:
        file_system, folder = located(self._path, **self._credentials)
        return bool(file_system.isdir(folder))

    def _describe(self) -> dict[str, Any]:
        return {"path": self._path, "size": self._size.model_dump()}
