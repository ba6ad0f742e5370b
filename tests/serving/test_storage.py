from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from penstroke.serving.store import InboxFullError, Keeper, Served, put_into_inbox

SHA256 = "0123456789ab" + 52 * "c"


def served(number, sha256=SHA256):
    answers = SimpleNamespace(sure_from=0.9)
    model = SimpleNamespace(
        model=SimpleNamespace(classes_=np.array([0, 1], np.int8)),
        choices=SimpleNamespace(answers=answers),
        version=sha256[:12],
        sha256=sha256,
    )
    return Served([f"{number}.png"], np.full((1, 4, 4), 3, np.uint8), np.array([[0.25, 0.75]]), model)


@pytest.fixture
def lost():
    return []


@pytest.fixture
def keeper(tmp_path, lost):
    return Keeper(str(tmp_path / "digits"), str(tmp_path / "predictions"), 5000, 3, lost.append)


def test_thousands_of_answers_cost_one_table(keeper, tmp_path, lost):
    for number in range(5000):
        keeper.add(served(number))

    start = perf_counter()
    keeper.flush()

    assert perf_counter() - start < 5
    (digits,), (predictions,) = ((tmp_path / name).iterdir() for name in ("digits", "predictions"))
    assert digits.name == predictions.name
    assert list(pd.read_parquet(digits).index) == list(pd.read_parquet(predictions).index)
    assert lost == []


def test_answers_of_two_models_go_to_files_of_their_own(keeper, tmp_path):
    keeper.add(served(1))
    keeper.add(served(2, 64 * "d"))
    keeper.flush()

    found = [pd.read_parquet(path)["model_receipt"].unique().tolist() for path in (tmp_path / "predictions").iterdir()]
    assert sorted(found) == [[SHA256], [64 * "d"]]


def test_what_finds_no_room_is_counted_and_the_newest_stay(keeper, tmp_path, lost):
    for number in range(5010):
        keeper.add(served(number))
    keeper.flush()

    (digits,) = (tmp_path / "digits").iterdir()
    assert pd.read_parquet(digits).index[0] == "10.png"
    assert sum(lost) == 10


def test_the_inbox_takes_a_second_word_on_a_drawing_when_it_is_full(tmp_path):
    inbox = str(tmp_path / "inbox")
    put_into_inbox(inbox, 1, 3, "a.png", b"drawing")

    assert put_into_inbox(inbox, 1, 4, "a.png", b"drawing") == "4_a.png"
    with pytest.raises(InboxFullError, match="holds 1 drawings"):
        put_into_inbox(inbox, 1, 4, "b.png", b"drawing")
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["4_a.png"]
