"""Receipts in the catalog."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from ..receipts import hash_of, read_receipt


class ReceiptDataset(AbstractDataset[None, dict[str, Any]]):
    """The part of a receipt that depends on the content alone, not on time, run or person.

    A node that reads it must also depend on the dataset, or on what was made of it, so that it runs afterwards.

    Args:
        filepath: of the receipt.
        metadata: ignored by Kedro.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Return ``dataset``, ``sha256``, ``rows`` and ``inputs`` (the sha256 of each by name).

        Raises:
            DatasetError: there is no receipt.
        """
        receipt = read_receipt(self._filepath)
        if receipt is None:
            raise DatasetError(f"there is no receipt {self._filepath}; run the pipeline that makes its dataset")
        return receipt.model_dump(include={"dataset", "sha256", "rows", "inputs"})

    def content_hash(self) -> str | None:
        """Return the sha256 of what ``load`` returns, or None where there is no receipt."""
        return hash_of(self.load()) if self._exists() else None

    def save(self, data: None) -> None:  # noqa: ARG002
        """Refuse: a receipt is written when its dataset is saved."""
        raise DatasetError(f"{self._filepath} is written when its dataset is saved, and not otherwise")

    def _exists(self) -> bool:
        return read_receipt(self._filepath) is not None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
