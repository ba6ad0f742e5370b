import pytest
from kedro.io import DatasetError

from kedro_guards.datasets.receipt import ReceiptDataset
from kedro_guards.receipts import write_receipt

from ..test_receipts import RECEIPT


@pytest.fixture
def place(tmp_path):
    place = str(tmp_path / "receipts/rows.json")
    write_receipt(RECEIPT, place)
    return place


def test_what_is_cited_of_a_receipt_depends_on_no_clock(place):
    cited = ReceiptDataset(filepath=place)
    content = cited.content_hash()

    write_receipt(RECEIPT.model_copy(update={"time": "later", "run_id": "two", "commit": "abc"}), place)

    assert cited.load() == {"dataset": "rows", "sha256": RECEIPT.sha256, "rows": 3, "inputs": {"raw": "0123"}}
    assert cited.content_hash() == content
    write_receipt(RECEIPT.model_copy(update={"sha256": "new"}), place)
    assert cited.content_hash() != content


def test_a_receipt_that_is_not_there_cannot_be_cited(tmp_path):
    cited = ReceiptDataset(filepath=str(tmp_path / "rows.json"))

    assert cited.content_hash() is None
    with pytest.raises(DatasetError, match="there is no receipt"):
        cited.load()
    with pytest.raises(DatasetError, match="written when its dataset is saved"):
        cited.save({})
