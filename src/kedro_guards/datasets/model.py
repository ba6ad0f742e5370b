"""Model files in the catalog."""

from hashlib import sha256
from io import BytesIO
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.pickle import PickleDataset

from .. import model_files
from ..receipts import pending, read_receipt, read_vouched_for, withdraw, write_receipt

FORMER = ".former"  # added to the name of a model file for the model that it replaced


class ModelDataset(PickleDataset):  # type: ignore[misc]
    """A fitted estimator in a skops file. The base class finds paths and versions; no pickle is read or written.

    Args:
        receipt: ``filepath`` of the file's receipt; if given, a file that does not agree with it is not read.
        **arguments: as those of the base.
    """

    def __init__(self, *, receipt: dict[str, str] | None = None, **arguments: Any) -> None:
        super().__init__(backend=model_files.__name__, **arguments)
        self._receipt = (receipt or {}).get("filepath", "")
        self._loaded: tuple[bytes, Any] = (b"", None)  # hash of a file, and its model

    def load(self) -> Any:
        """Read the model. As long as the file stays the same, the model is the same object, and must not be changed.

        Raises:
            ValueError: the file was altered, has no receipt, or holds a type that is not trusted; nothing of it has
                run.
        """
        content = self.content()
        digest = sha256(content).digest()
        if digest != self._loaded[0]:
            self._loaded = digest, model_files.load(BytesIO(content))
        return self._loaded[1]

    def _release(self) -> None:
        super()._release()
        self._loaded = b"", None

    def save(self, data: Any) -> None:
        """Write the model, unless it could not be read again: then the old file stays.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        self._write(get_filepath_str(self._get_save_path(), self._protocol), _content_of(data))

    def content(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            ValueError: the file was altered, or has no receipt.
        """
        path = get_filepath_str(self._get_load_path(), self._protocol)
        return self._read_vouched_for(path) if self._receipt else self._read(path)

    def _read(self, path: str) -> bytes:
        with self._fs.open(path, **self._fs_open_args_load) as file:
            return file.read()

    def _read_vouched_for(self, path: str) -> bytes:
        return read_vouched_for(lambda: self._read(path), self._receipt, path)

    def _write(self, path: str, content: bytes) -> None:
        with self._fs.open(path, **self._fs_open_args_save) as file:
            file.write(content)
        self._invalidate_cache()


class ReversibleModelDataset(ModelDataset):
    """A model file that keeps the model it replaced, in ``<filepath>.former``, so that it can be brought back.

    Each step replaces one file. So whenever a save is killed, the file holds the old model or the new one, and some
    receipt vouches for it: its own, that of the former model, or the pending one. The pending receipt cites the node's
    inputs, one of which is the very model that is saved.

    Args:
        receipt: ``filepath`` of the receipt of the file; that of the former model lies beside it.
        **arguments: as those of the base.
    """

    def __init__(self, *, receipt: dict[str, str], **arguments: Any) -> None:
        super().__init__(receipt=receipt, **arguments)
        self._former_receipt = f"{self._receipt.removesuffix('.json')}{FORMER}.json"

    def save(self, data: Any) -> None:
        """Keep the present model as the former one, then write the new one.

        If the new model is the present one, nothing changes: the former one stays.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        content = _content_of(data)
        place, present, _ = self._places()
        if present == content:
            return
        if present is not None:
            self._write(place + FORMER, present)
            if receipt := read_receipt(self._receipt):
                write_receipt(receipt, self._former_receipt)
        self._write(place, content)

    def bring_back(self) -> str:
        """Rename the former model to the present one, which is then gone; return the path.

        Raises:
            ValueError: there is no former model, it is the present one, or it may not be loaded.
        """
        place, present, former = self._places()
        receipt = read_receipt(self._former_receipt)
        vouched_for = receipt.sha256 if receipt else None
        if former is None and (present is None or sha256(present).hexdigest() != vouched_for):
            raise ValueError(f"there is no former model to bring back: {place}{FORMER} does not exist")
        if former is not None:
            if former == present:
                raise ValueError(f"the former model is the present one already: {place} stays as it is")
            if sha256(former).hexdigest() != vouched_for:
                raise ValueError(f"{place}{FORMER} does not agree with its receipt; it was not read, {place} stays")
            try:
                model_files.load(BytesIO(former))
            except model_files.ModelFileError as error:
                raise ValueError(f"the former model cannot be brought back, {place} stays: {error}") from error
            self._fs.mv(place + FORMER, place)
        if receipt:  # also where it was killed between the two steps
            write_receipt(receipt, self._receipt)
            withdraw(self._former_receipt)
        self._invalidate_cache()
        return place

    def _read_vouched_for(self, path: str) -> bytes:
        content = self._read(path)
        former, announced = read_receipt(self._former_receipt), read_receipt(pending(self._receipt))
        known = {former.sha256} if former else set()
        if announced:
            known |= set(announced.inputs.values())
        return content if sha256(content).hexdigest() in known else super()._read_vouched_for(path)

    def _places(self) -> tuple[str, bytes | None, bytes | None]:
        """Return the path, what it holds, and what the path of the former model holds."""
        place = get_filepath_str(self._filepath, self._protocol)
        return place, self._content(place), self._content(place + FORMER)

    def _content(self, place: str) -> bytes | None:
        try:
            return self._fs.cat_file(place)
        except FileNotFoundError:
            return None


class CurrentModelDataset(ReversibleModelDataset):
    """Read the present model of a :class:`ReversibleModelDataset` before a node replaces it; None if there is none."""

    def load(self) -> Any:
        """Read the model, if there is one.

        Returns:
            The model, None, or an :class:`UnreadableModel` if today's code cannot load it, because its class is gone,
            say. Such a model can be replaced, and is kept as the former one, but cannot be compared.

        Raises:
            ValueError: the file was altered, or has no receipt.
        """
        if self._places()[1] is None:
            return None
        content = self.content()
        try:
            return model_files.load(BytesIO(content))
        except model_files.ModelFileError as error:
            return model_files.UnreadableModel(sha256(content).hexdigest(), str(error))

    def save(self, data: Any) -> None:  # noqa: ARG002
        """Refuse: the dataset that writes this file has another name."""
        raise ValueError("the current model is read only; save it by the dataset that replaces it")

    def content_hash(self) -> str:
        """Return a constant, so that replacing the model does not make the decision to replace it stale."""
        return "whatever the current model is"


def _content_of(model: Any) -> bytes:
    file = BytesIO()
    model_files.dump(model, file)
    return file.getvalue()
