from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from kedro.io import DatasetError
from sklearn.calibration import CalibratedClassifierCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from kedro_guards import model_files
from kedro_guards.datasets import model
from kedro_guards.datasets.model import FORMER, CurrentModelDataset, ModelDataset, ReversibleModelDataset
from kedro_guards.files import sweep
from kedro_guards.receipts import Receipt, pending, read_receipt, withdraw, write_receipt

RECEIPT = Receipt(
    dataset="production_model",
    call="Node(promote)",
    code={},
    parameters={},
    entries="",
    inputs={},
    stale={},
    project_version="1",
    commit=None,
    time="2026-01-01T00:00:00+00:00",
    run_id="one",
)
ROWS, LABELS = np.random.default_rng(0).uniform(size=(30, 4)), np.arange(30) % 3


def _fitted(cost):
    return SVC(C=cost).fit(ROWS, LABELS)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "production.skops"


@pytest.fixture
def former(place):
    return place.with_name(place.name + FORMER)


@pytest.fixture
def receipt(tmp_path):
    return tmp_path / "receipts/production.json"


@pytest.fixture
def dataset(place, receipt):
    return ReversibleModelDataset(filepath=str(place), receipt={"filepath": str(receipt)})


@pytest.fixture
def production(dataset, place, receipt):
    """The dataset as a run saves it: announced before, with a receipt afterwards."""
    return Promotions(dataset, place, receipt)


class Promotions:
    def __init__(self, dataset, place, receipt):
        self.dataset, self.place, self.receipt = dataset, place, receipt
        self.load, self.bring_back = dataset.load, dataset.bring_back

    def save(self, model):
        content = BytesIO()
        model_files.dump(model, content)
        champion = {"champion_model": sha256(content.getvalue()).hexdigest()}
        write_receipt(RECEIPT.model_copy(update={"inputs": champion}), pending(self.receipt))
        self.dataset.save(model)
        stored = sha256(self.place.read_bytes()).hexdigest()
        write_receipt(RECEIPT.model_copy(update={"inputs": champion, "sha256": stored}), str(self.receipt))
        withdraw(pending(self.receipt))


def _cost(place):
    return ModelDataset(filepath=str(place)).load().C


def test_a_model_comes_back_with_the_same_answers(tmp_path):
    dataset, model = ModelDataset(filepath=str(tmp_path / "a/model.skops")), SVC().fit(ROWS, LABELS)

    dataset.save(model)

    np.testing.assert_array_equal(dataset.load().predict(ROWS), model.predict(ROWS))


def test_a_file_is_read_again_only_when_it_has_changed_or_been_released(place, monkeypatch):
    dataset, read = ModelDataset(filepath=str(place)), []
    load = model_files.load
    monkeypatch.setattr(model_files, "load", lambda file: read.append(place) or load(file))
    dataset.save(_fitted(1))

    assert dataset.load() is dataset.load()
    assert len(read) == 1
    ModelDataset(filepath=str(place)).save(_fitted(2))
    assert dataset.load().C == 2
    dataset.release()
    assert dataset.load().C == 2
    assert len(read) == 3


@pytest.mark.parametrize("options", [{}, {"receipt": {"filepath": "nowhere.json"}}], ids=["plain", "production"])
def test_a_model_that_is_refused_costs_the_former_file_nothing(place, options):
    dataset = (ReversibleModelDataset if options else ModelDataset)(filepath=str(place), **options)
    dataset.save(SVC().fit(ROWS, LABELS))
    before = place.read_bytes()

    with pytest.raises(DatasetError, match="loadtxt"):
        dataset.save(FunctionTransformer(func=np.loadtxt))

    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]


def test_a_model_that_is_not_there_yet_is_none(place, receipt, production):
    dataset = CurrentModelDataset(filepath=str(place), receipt={"filepath": str(receipt)})

    assert dataset.load() is None
    production.save(_fitted(1))
    assert dataset.load().C == 1


def test_a_model_that_is_there_and_that_no_receipt_knows_is_an_error(place, receipt):
    place.write_bytes(b"half a model")

    with pytest.raises(DatasetError, match="has no receipt"):
        CurrentModelDataset(filepath=str(place), receipt={"filepath": str(receipt)}).load()


@pytest.fixture
def bygone(monkeypatch, production):
    """Have a model in production whose class the project has lost, and say how to have the class back."""
    model = CalibratedClassifierCV(_fitted(1), cv=2, ensemble=False).fit(ROWS, LABELS)
    production.save(model)
    known = model_files.trusted_types
    monkeypatch.setattr(model_files, "trusted_types", list)
    return lambda: monkeypatch.setattr(model_files, "trusted_types", known)


def test_a_model_in_production_that_can_no_longer_be_loaded_stands_for_itself(place, receipt, bygone):
    found = CurrentModelDataset(filepath=str(place), receipt={"filepath": str(receipt)}).load()

    assert found.sha256 == sha256(place.read_bytes()).hexdigest()
    assert "is not trusted" in found.reason
    assert "run the pipeline again that makes the model" in found.reason


def test_such_a_model_is_replaced_and_kept_and_comes_back_once_it_can_be_loaded(production, place, former, bygone):
    content = place.read_bytes()

    production.save(_fitted(2))

    assert (_cost(place), former.read_bytes()) == (2, content)
    with pytest.raises(ValueError, match="cannot be brought back, .* stays: the model holds [^\n]+$"):
        production.bring_back()
    assert (_cost(place), former.read_bytes()) == (2, content)
    bygone()
    production.bring_back()
    assert place.read_bytes() == content


def test_what_was_in_production_is_not_written_by_that_name(place, receipt):
    with pytest.raises(DatasetError, match="read only"):
        CurrentModelDataset(filepath=str(place), receipt={"filepath": str(receipt)}).save(_fitted(1))


def test_the_first_model_in_production_has_no_former_one(production, place, former):
    production.save(_fitted(1))

    assert _cost(place) == 1
    assert not former.exists()


def test_a_model_that_is_replaced_stays_beside_the_new_one(production, place, former):
    production.save(_fitted(1))
    bytes_of_first = place.read_bytes()

    production.save(_fitted(2))
    production.save(_fitted(3))
    production.save(_fitted(1))
    production.save(_fitted(2))

    assert (_cost(place), _cost(former)) == (2, 1)
    assert former.read_bytes() == bytes_of_first


def test_the_same_model_again_does_not_cost_the_former_one(production, place, former):
    production.save(_fitted(1))
    production.save(_fitted(2))

    production.save(ModelDataset(filepath=str(place)).load())

    assert (_cost(place), _cost(former)) == (2, 1)


def test_the_former_model_comes_back_with_its_bytes_and_once_only(production, place, former):
    production.save(_fitted(1))
    bytes_of_first = place.read_bytes()
    production.save(_fitted(2))

    assert production.bring_back() == str(place)

    assert place.read_bytes() == bytes_of_first
    assert not former.exists()
    with pytest.raises(ValueError, match="no former model to bring back: .*former does not exist"):
        production.bring_back()
    assert place.read_bytes() == bytes_of_first


def test_a_former_model_that_cannot_be_read_is_not_brought_back(production, place, former):
    production.save(_fitted(1))
    production.save(_fitted(2))
    former.write_bytes(b"half a model")

    with pytest.raises(ValueError, match="does not agree with its receipt; it was not read, .* stays"):
        production.bring_back()

    assert _cost(place) == 2


@pytest.mark.parametrize("writes", [0, 1])
def test_a_promotion_that_is_cut_off_leaves_production_as_it_was(production, place, former, monkeypatch, writes):
    production.save(_fitted(1))
    before = place.read_bytes()
    whole = ReversibleModelDataset._write
    done = []

    def cut_off(self, *arguments):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(whole(self, *arguments))

    with monkeypatch.context() as patch:
        patch.setattr(ReversibleModelDataset, "_write", cut_off)
        with pytest.raises(KeyboardInterrupt):
            production.save(_fitted(2))

    assert place.read_bytes() == before
    if writes:  # the present model was kept, and nothing replaced it
        with pytest.raises(ValueError, match="is the present one already"):
            production.bring_back()
    production.save(_fitted(2))
    assert (_cost(place), _cost(former)) == (2, 1)


class Killed(BaseException):
    """What no handler of the dataset catches."""


@pytest.fixture
def is_killed(dataset, monkeypatch):
    """Do something that is killed before its n-th change of the disk; tell whether it came so far."""

    def is_killed(act, after):
        done = []

        def counted(change):
            def try_to(*arguments):
                if len(done) == after:
                    raise Killed
                done.append(change(*arguments))

            return try_to

        with monkeypatch.context() as patch:
            for place, name in (
                (model, "write_receipt"),
                (model, "withdraw"),
                (ReversibleModelDataset, "_write"),
                (type(dataset._fs), "mv"),
            ):
                patch.setattr(place, name, counted(getattr(place, name)))
            try:
                act()
            except Killed:
                return True
        return False

    return is_killed


def test_production_can_be_read_whenever_a_promotion_is_killed(production, dataset, place, is_killed):
    production.save(_fitted(2))
    second, seen = sha256(place.read_bytes()).hexdigest(), []
    for after in range(4):
        production.save(_fitted(1))
        announced = RECEIPT.model_copy(update={"inputs": {"champion_model": second}})
        write_receipt(announced, pending(production.receipt))

        assert is_killed(lambda: dataset.save(_fitted(2)), after) is (after < 3)

        seen.append(dataset.load().C)
    assert seen == [1, 1, 1, 2]


def test_production_can_be_read_whenever_a_rollback_is_killed_and_the_next_one_ends_it(
    production, dataset, place, former, is_killed
):
    seen = []
    for after in range(4):
        production.save(_fitted(1))
        production.save(_fitted(2))

        assert is_killed(dataset.bring_back, after) is (after < 3)

        seen.append(dataset.load().C)
        if after < 3:
            dataset.bring_back()
        assert dataset.load().C == 1
        assert read_receipt(production.receipt).sha256 == sha256(place.read_bytes()).hexdigest()
        assert not former.exists()
    assert seen == [2, 1, 1, 1]


def test_a_model_that_was_altered_in_production_is_not_read(production, dataset, place):
    production.save(_fitted(1))
    content = BytesIO()
    model_files.dump(_fitted(9), content)
    place.write_bytes(content.getvalue())

    with pytest.raises(DatasetError, match="was altered"):
        dataset.load()


def test_what_a_killed_promotion_left_of_either_model_is_swept_with_production(place, former):
    left = [one.with_name(f".{one.name}.0123.partial") for one in (place, former)]
    for path in left:
        path.touch()

    assert sorted(sweep(place)) == sorted(left)
