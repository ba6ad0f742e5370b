import pytest

from penstroke.pipelines.data_science.parameters import Contenders, FinalFit, Search

from ...conftest import base_parameters

SVC = {"class": "sklearn.svm.SVC"}


def test_the_contenders_of_base_are_the_ones_that_the_search_names():
    parameters = base_parameters("data_science")

    assert (
        list(Contenders.model_validate(parameters["contenders"]).root)
        == Search.model_validate(parameters["search"]).contenders
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"steps": [{"class": "os.system"}], "grid": {}}, "svm.steps.0: class 'os.system' is not allowed"),
        (
            {"steps": [SVC], "grid": {"svc__D": [1]}},
            "svm: grid.svc__D is no argument of these steps; did you mean svc__",
        ),
        ({"steps": [SVC], "grid": {"svc__C": []}}, "svm.grid.svc__C .*at least 1 item"),
        ({"steps": [], "grid": {}}, "svm.steps .*at least 1 item"),
        ({"steps": [SVC]}, "svm.grid is missing"),
        ({"steps": [SVC | {"argument": {}}], "grid": {}}, "svm.steps.0.argument is not a known key"),
        ({"steps": [SVC | {"arguments": {"CC": 1}}], "grid": {}}, "svm.steps.0: arguments: .*'CC'"),
        (
            {
                "steps": [
                    {
                        "class": "sklearn.multiclass.OneVsRestClassifier",
                        "arguments": {"estimator": {"class": "os.system"}},
                    }
                ],
                "grid": {},
            },
            "'os.system' is not allowed",
        ),
    ],
)
def test_a_wrong_block_is_refused_with_its_key(block, message):
    with pytest.raises(ValueError, match=message):
        Contenders.model_validate({"svm": block})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folds": 1}, "folds should be greater than or equal to 2, found 1"),
        ({"contenders": []}, "contenders .*at least 1 item"),
        ({"contenders": ["Not A Name"]}, "contenders.0"),
        ({"jobs": 0}, "jobs should be greater than or equal to 1, found 0"),
        ({"backend": "ray"}, "backend should be 'threading' or 'loky', found 'ray'"),
        ({"cpies": 3}, "cpies is not a known key; did you mean copies?"),
    ],
)
def test_a_wrong_search_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Search.model_validate(base_parameters("data_science")["search"] | change)


def test_a_calibration_without_folds_is_refused():
    with pytest.raises(ValueError, match="folds should be greater than or equal to 2, found 1"):
        FinalFit.model_validate({"folds": 1, "held_back": None})


def test_one_contender_may_be_named_without_a_list():
    search = Search.model_validate(base_parameters("data_science")["search"] | {"contenders": "svm"})

    assert search.contenders == ["svm"]
