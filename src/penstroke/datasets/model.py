"""Model files in the catalog."""

from io import BytesIO
from typing import Any

from kedro.io.core import get_filepath_str
from kedro_datasets.pickle import PickleDataset

from penstroke import model_files


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
        with self._fs.open(get_filepath_str(self._get_save_path(), self._protocol), **self._fs_open_args_save) as file:
            file.write(content.getvalue())
        self._invalidate_cache()
