"""Model files in the catalog."""

from hashlib import sha256
from io import BytesIO
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.pickle import PickleDataset

from .. import model_files
from ..receipts import pending, read_receipt, read_vouched_for, withdraw, write_receipt

FORMER = ".former"  # what is added to the name of the file in production for the one that it replaced


class ModelDataset(PickleDataset):  # type: ignore[misc]
    """A fitted estimator in a skops file; only paths and versions are those of its base, no pickle is involved.

    Args:
        receipt: ``filepath`` of the file's receipt; where it is given, a file that does not agree with it is not read.
        **arguments: as those of the base.
    """

    def __init__(self, *, receipt: dict[str, str] | None = None, **arguments: Any) -> None:
        super().__init__(backend=model_files.__name__, **arguments)
        self._receipt = receipt

    def load(self) -> Any:
        """Read the model.

        Raises:
            ValueError: the file was altered, nobody knows who made it, or it holds a type that is not trusted; nothing
                of it has run.
        """
        return model_files.load(BytesIO(self._content_to_load()))

    def save(self, data: Any) -> None:
        """Write the model, after it was found that it can be read again: a refusal costs the former file nothing.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        content = BytesIO()
        model_files.dump(data, content)
        self._write(get_filepath_str(self._get_save_path(), self._protocol), content.getvalue())

    def _content_to_load(self) -> bytes:
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return self._read(path) if self._receipt is None else self._read_vouched_for(path)

    def _read(self, path: str) -> bytes:
        with self._fs.open(path, **self._fs_open_args_load) as file:
            return file.read()

    def _read_vouched_for(self, path: str) -> bytes:
        return read_vouched_for(lambda: self._read(path), self._receipt["filepath"], path)  # type: ignore[index]

    def _write(self, path: str, content: bytes) -> None:
        with self._fs.open(path, **self._fs_open_args_save) as file:
            file.write(content)
        self._invalidate_cache()


class ProductionDataset(ModelDataset):
    """The model that people use; the one that it replaced stays beside it, in ``<filepath>.former``.

    Each step takes one file's place, so whatever is killed, production is the model before or the one after, and some
    receipt vouches for it: its own, that of the former model, or the announcement, which cites the champion whose very
    bytes are promoted.

    Args:
        receipt: ``filepath`` of the receipt of the model in production; that of the former one lies beside it.
        **arguments: as those of the base.
    """

    def __init__(self, *, receipt: dict[str, str], **arguments: Any) -> None:
        super().__init__(receipt=receipt, **arguments)
        self._former_receipt = f"{receipt['filepath'].removesuffix('.json')}{FORMER}.json"

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
            if receipt := read_receipt(self._receipt["filepath"]):  # type: ignore[index]
                write_receipt(receipt, self._former_receipt)
        self._write(place, content.getvalue())

    def bring_back(self) -> str:
        """Rename the former model to the present one, which is then gone; return the place.

        Raises:
            ValueError: no former model is kept, it is the present one, or it may not be loaded.
        """
        place, present, former = self._places()
        receipt = read_receipt(self._former_receipt)
        vouched_for = receipt.sha256 if receipt else None
        if former is None and (present is None or sha256(present).hexdigest() != vouched_for):
            raise ValueError(f"there is no former model to bring back: {place}{FORMER} does not exist")
        if former is not None:
            if former == present:
                raise ValueError(f"the former model is the one in production already: {place} stays as it is")
            if sha256(former).hexdigest() != vouched_for:
                raise ValueError(f"{place}{FORMER} does not agree with its receipt; it was not read, production stays")
            try:
                model_files.load(BytesIO(former))
            except model_files.ModelFileError as error:
                raise ValueError(f"the former model cannot be brought back, production stays: {error}") from error
            self._fs.mv(place + FORMER, place)
        if receipt:  # also where a rollback was killed between the two steps
            write_receipt(receipt, self._receipt["filepath"])  # type: ignore[index]
            withdraw(self._former_receipt)
        self._invalidate_cache()
        return place

    def _read_vouched_for(self, path: str) -> bytes:
        content = self._read(path)
        former, announced = read_receipt(self._former_receipt), read_receipt(pending(self._receipt["filepath"]))  # type: ignore[index]
        known = {former.sha256} if former else set()
        if announced:
            known |= set(announced.inputs.values())
        return content if sha256(content).hexdigest() in known else super()._read_vouched_for(path)

    def _places(self) -> tuple[str, bytes | None, bytes | None]:
        """Return the place of production, and what lies there and in the place of the former one."""
        place = get_filepath_str(self._filepath, self._protocol)
        return place, self._content(place), self._content(place + FORMER)

    def _content(self, place: str) -> bytes | None:
        try:
            return self._fs.cat_file(place)
        except FileNotFoundError:
            return None


class FormerModelDataset(ProductionDataset):
    """What is in production before a promotion: where no file is there, and only then, it loads as None."""

    def load(self) -> Any:
        """Read the model, if there is one.

        Returns:
            The model, None, or an :class:`UnreadableModel`, whose class was removed for instance: it can be replaced,
            and stays beside its successor as any former model does, but nothing can be compared with it.

        Raises:
            ValueError: the file was altered, or nobody knows who made it.
        """
        if self._places()[1] is None:
            return None
        content = self._content_to_load()
        try:
            return model_files.load(BytesIO(content))
        except model_files.ModelFileError as error:
            return model_files.UnreadableModel(sha256(content).hexdigest(), str(error))

    def save(self, data: Any) -> None:  # noqa: ARG002
        """Refuse: it is the file of the model in production, which only a promotion writes."""
        raise ValueError("what was in production is read only; promote a champion instead")

    def content_hash(self) -> str:
        """Return what stands for any content: a verdict is of its day, and the promotion after it makes it no other."""
        return "whatever is in production"
