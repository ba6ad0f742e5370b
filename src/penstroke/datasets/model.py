"""Model files in the catalog."""

from io import BytesIO
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.pickle import PickleDataset

from penstroke import model_files
from penstroke.guards.receipts import read_vouched_for


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
        path = get_filepath_str(self._get_load_path(), self._protocol)

        def read() -> bytes:
            with self._fs.open(path, **self._fs_open_args_load) as file:
                return file.read()

        content = read_vouched_for(read, self._receipt["filepath"], path) if self._receipt else read()
        return model_files.load(BytesIO(content))

    def save(self, data: Any) -> None:
        """Write the model, after it was found that it can be read again: a refusal costs the former file nothing.

        Raises:
            ValueError: it holds a type that is not trusted.
        """
        content = BytesIO()
        model_files.dump(data, content)
        with self._fs.open(get_filepath_str(self._get_save_path(), self._protocol), **self._fs_open_args_save) as file:
            file.write(content.getvalue())
        self._invalidate_cache()
