import numpy as np
import pytest
from kedro.io import DatasetError
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from penstroke.datasets.model import FORMER, FormerModelDataset, ModelDataset, ProductionDataset
from penstroke.guards.files import sweep

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
def production(place):
    return ProductionDataset(filepath=str(place))


def _cost(place):
    return ModelDataset(filepath=str(place)).load().C


def test_a_model_comes_back_with_the_same_answers(tmp_path):
    dataset, model = ModelDataset(filepath=str(tmp_path / "a/model.skops")), SVC().fit(ROWS, LABELS)

    dataset.save(model)

    np.testing.assert_array_equal(dataset.load().predict(ROWS), model.predict(ROWS))


@pytest.mark.parametrize("kind", [ModelDataset, ProductionDataset])
def test_a_model_that_is_refused_costs_the_former_file_nothing(place, kind):
    dataset = kind(filepath=str(place))
    dataset.save(SVC().fit(ROWS, LABELS))
    before = place.read_bytes()

    with pytest.raises(DatasetError, match="loadtxt"):
        dataset.save(FunctionTransformer(func=np.loadtxt))

    assert place.read_bytes() == before
    assert list(place.parent.iterdir()) == [place]


def test_a_model_that_is_not_there_yet_is_none(place):
    dataset = FormerModelDataset(filepath=str(place))

    assert dataset.load() is None
    ModelDataset(filepath=str(place)).save(_fitted(1))
    assert dataset.load().C == 1


def test_a_model_that_is_there_and_cannot_be_read_is_an_error(place):
    place.write_bytes(b"half a model")

    with pytest.raises(DatasetError, match="no model file"):
        FormerModelDataset(filepath=str(place)).load()


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

    with pytest.raises(ValueError, match="no model file"):
        production.bring_back()

    assert _cost(place) == 2


@pytest.mark.parametrize("writes", [0, 1])
def test_a_promotion_that_is_cut_off_leaves_production_as_it_was(production, place, former, monkeypatch, writes):
    production.save(_fitted(1))
    before = place.read_bytes()
    whole = ProductionDataset._write
    done = []

    def cut_off(self, *arguments):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(whole(self, *arguments))

    with monkeypatch.context() as patch:
        patch.setattr(ProductionDataset, "_write", cut_off)
        with pytest.raises(KeyboardInterrupt):
            production.save(_fitted(2))

    assert place.read_bytes() == before
    if writes:  # the present model was kept, and nothing replaced it
        with pytest.raises(ValueError, match="is the one in production already"):
            production.bring_back()
    production.save(_fitted(2))
    assert (_cost(place), _cost(former)) == (2, 1)


def test_what_a_killed_promotion_left_of_either_model_is_swept_with_production(place, former):
    left = [one.with_name(f".{one.name}.0123.partial") for one in (place, former)]
    for path in left:
        path.touch()

    assert sorted(sweep(place)) == sorted(left)
