"""Model files in the catalog."""

from io import BytesIO
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.pickle import PickleDataset

from penstroke import model_files

FORMER = ".former"  # what is added to the name of the file in production for the one that it replaced


class ModelDataset(PickleDataset):  # type: ignore[misc]
    """A fitted estimator in a skops file; only paths and versions are those of its base, no pickle is involved."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(backend=model_files.__name__, **arguments)

    def save(self, data: Any) -> None:
        """Write the model, after it was found that it can be read again: a refusal costs the former file nothing.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        content = BytesIO()
        model_files.dump(data, content)
        self._write(get_filepath_str(self._get_save_path(), self._protocol), content.getvalue())

    def _write(self, place: str, content: bytes) -> None:
        with self._fs.open(place, **self._fs_open_args_save) as file:
            file.write(content)
        self._invalidate_cache()


class FormerModelDataset(ModelDataset):
    """A model that may not be there yet: where its file is absent, and only then, it loads as None."""

    def load(self) -> Any:
        """Read the model, if there is one; one that cannot be read is an error."""
        try:
            self._fs.info(get_filepath_str(self._filepath, self._protocol))
        except FileNotFoundError:
            return None
        return super().load()


class ProductionDataset(ModelDataset):
    """The model that people use; the one that it replaced stays beside it, in ``<filepath>.former``.

    Each step takes one file's place, so whatever is killed, production is the model before or the one after.
    """

    def save(self, data: Any) -> None:
        """Keep the present model as the former one, then put the new one in its place.

        Where the new one is the present one nothing changes: the former one stays.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        content = BytesIO()
        model_files.dump(data, content)
        place, present, _ = self._places()
        if present == content.getvalue():
            return
        if present is not None:
            self._write(place + FORMER, present)
        self._write(place, content.getvalue())

    def bring_back(self) -> str:
        """Rename the former model to the present one, which is then gone; return the place.

        Raises:
            ValueError: no former model is kept, it is the present one, or it may not be loaded.
        """
        place, present, former = self._places()
        if former is None:
            raise ValueError(f"there is no former model to bring back: {place}{FORMER} does not exist")
        if former == present:
            raise ValueError(f"the former model is the one in production already: {place} stays as it is")
        model_files.load(BytesIO(former))
        self._fs.mv(place + FORMER, place)
        self._invalidate_cache()
        return place

    def _places(self) -> tuple[str, bytes | None, bytes | None]:
        """Return the place of production, and what lies there and in the place of the former one."""
        place = get_filepath_str(self._filepath, self._protocol)
        return place, self._content(place), self._content(place + FORMER)

    def _content(self, place: str) -> bytes | None:
        try:
            return self._fs.cat_file(place)
        except FileNotFoundError:
            return None
