import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from penstroke import settings
from penstroke.domain.patches import PatchDictionary

ESTIMATORS = [PatchDictionary(grid=3, atoms=4, pooled=2, components=4, images=50)]


@pytest.mark.filterwarnings("ignore")  # of data that the checks make
@parametrize_with_checks(ESTIMATORS)
def test_every_estimator_of_the_domain_is_one_as_scikit_learn_wants_them(estimator, check):
    check(estimator)


def test_every_estimator_of_the_domain_that_a_model_file_may_hold_is_checked():
    checked = {f"{type(estimator).__module__}.{type(estimator).__name__}" for estimator in ESTIMATORS}

    assert checked == {name for name in settings.TRUSTED_TYPES if ".domain." in name}
