from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from penstroke.contracts import PREDICTIONS
from penstroke.models import Answers
from penstroke.serving.storage import Answered, AnswerLog, InboxFullError, put_into_inbox

from ..seam import FORM, RAW_ROWS, contract

SHA256 = "0123456789ab" + 52 * "c"
ROW = RAW_ROWS[FORM.columns].head(1)


def answered(number, sha256=SHA256, classes=(0, 1)):
    """One row and its answer, the second class."""
    fitted = SimpleNamespace(classes_=np.array(classes))
    answers = Answers(sure_from=0.9, chunk_rows=10)
    model = SimpleNamespace(answers=answers, model=fitted, version=sha256[:12], sha256=sha256)
    return Answered([f"{number}.png"], ROW, np.array([[0.25, 0.75]]), model)


@pytest.fixture
def lost():
    return []


@pytest.fixture
def log(tmp_path, lost):
    return AnswerLog(str(tmp_path / "rows"), str(tmp_path / "predictions"), 5000, 3, lost.append)


def test_thousands_of_answers_cost_one_table(log, tmp_path, lost):
    for number in range(5000):
        log.add(answered(number))

    start = perf_counter()
    log.flush()

    assert perf_counter() - start < 5
    (rows,), (predictions,) = ((tmp_path / name).iterdir() for name in ("rows", "predictions"))
    assert rows.name == predictions.name
    assert list(pd.read_parquet(rows).index) == list(pd.read_parquet(predictions).index)
    assert lost == []


def test_answers_of_two_models_go_to_files_of_their_own(log, tmp_path):
    log.add(answered(1))
    log.add(answered(2, 64 * "d"))
    log.flush()

    found = [pd.read_parquet(path)["model_receipt"].unique().tolist() for path in (tmp_path / "predictions").iterdir()]
    assert sorted(found) == [[SHA256], [64 * "d"]]


@pytest.mark.parametrize("classes", [(0, 1), ("benign", "malignant")])
def test_what_is_stored_satisfies_the_contracts_whatever_the_labels_are(log, tmp_path, classes):
    log.add(answered(1, classes=classes))
    log.add(answered(2, classes=classes))
    log.flush()

    (rows,), (predictions,) = (list((tmp_path / name).iterdir()) for name in ("rows", "predictions"))
    assert len(contract("SERVED_ROWS").validate(pd.read_parquet(rows))) == 2
    found = PREDICTIONS.validate(pd.read_parquet(predictions))
    assert found["prediction"].tolist() == [classes[1]] * 2
    assert found["unsure"].all()


def test_what_finds_no_room_is_counted_and_the_newest_stay(log, tmp_path, lost):
    for number in range(5010):
        log.add(answered(number))
    log.flush()

    (rows,) = (tmp_path / "rows").iterdir()
    assert pd.read_parquet(rows).index[0] == "10.png"
    assert sum(lost) == 10


def test_the_inbox_takes_a_second_label_of_a_file_when_it_is_full(tmp_path):
    inbox = str(tmp_path / "inbox")
    put_into_inbox(inbox, 1, 3, "a.png", b"content")

    assert put_into_inbox(inbox, 1, 4, "a.png", b"content") == "4_a.png"
    with pytest.raises(InboxFullError, match="holds 1 files"):
        put_into_inbox(inbox, 1, 4, "b.png", b"content")
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["4_a.png"]


@pytest.mark.parametrize(("label", "name"), [("malignant", "malignant_a.png"), ("a/b", "a%2Fb_a.png"), (3, "3_a.png")])
def test_a_file_lies_in_the_inbox_under_its_label_whatever_that_is(tmp_path, label, name):
    assert put_into_inbox(str(tmp_path), 1, label, "a.png", b"content") == name
    assert [path.name for path in tmp_path.iterdir()] == [name]
