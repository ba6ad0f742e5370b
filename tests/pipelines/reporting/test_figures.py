import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.pipelines.reporting.figures import draw_calibration, draw_confusion, draw_leaderboard
from penstroke.scoring import Scoring, answer_test_rows

from ...seam import CLASSES, RAW_ROWS, fit, rows_with_split

SCORING = Scoring(interval=0.95, calibration_bins=5, chunk_rows=1000)


@pytest.fixture(scope="module")
def predictions():
    rows = rows_with_split(np.arange(len(RAW_ROWS)) % 3 == 0)
    model = fit(KNeighborsClassifier(3), rows[rows["split"] == "train"].head(40))  # so few that there are mistakes
    return answer_test_rows(model, rows, SCORING)


def test_the_confusion_counts_every_test_row(predictions):
    counts = draw_confusion(predictions).data[0].text

    assert np.sum(counts) == len(predictions)
    assert np.trace(counts) == (predictions["label"] == predictions["prediction"]).sum()
    for row, label in enumerate(CLASSES):
        answers = predictions["prediction"][predictions["label"] == label]
        assert list(counts[row]) == [(answers == name).sum() for name in CLASSES]


def test_the_colour_of_the_confusion_shows_mistakes_alone(predictions):
    drawn = draw_confusion(predictions).data[0]

    assert np.trace(drawn.z) == 0
    assert np.sum(drawn.z) == (predictions["label"] != predictions["prediction"]).sum() > 0


def test_the_calibration_shows_every_test_row_in_a_bin(predictions):
    drawn = draw_calibration(predictions, SCORING).data[0]

    assert sum(drawn.marker.size) == len(predictions)
    assert all(0 <= value <= 1 for value in [*drawn.x, *drawn.y])


def test_the_leaderboard_shows_the_folds_of_the_best_combination_alone():
    results = pd.DataFrame(
        {
            "contender": "svm",
            "parameters": ["a", "a", "b", "b"],
            "fold": [0, 1, 0, 1],
            "accuracy": [0.1, 0.2, 0.8, 0.9],
        }
    )
    board = pd.DataFrame({"contender": ["svm"], "parameters": ["b"], "accuracy_mean": [0.85], "accuracy_sd": [0.07]})

    folds, mean = draw_leaderboard(results, board).data

    assert list(folds.x) == [0.8, 0.9]
    assert list(mean.x) == [0.85]


@pytest.mark.parametrize(
    ("names", "shown"),
    [(["iris/a", "b"], ["b", "iris/a"]), ([300, 7], ["7", "300"]), (["0", "007"], ["0", "007"])],
)
def test_classes_of_any_kind_label_the_confusion(names, shown):
    answers = pd.DataFrame({"label": [names[0], names[0], names[1]], "prediction": [names[0], names[1], names[1]]})

    drawn = draw_confusion(answers).data[0]

    assert list(drawn.x) == list(drawn.y) == shown
    counted = dict(zip(shown, drawn.text, strict=True))[str(names[0])]
    assert counted[shown.index(str(names[1]))] == 1


def test_the_axes_of_the_confusion_take_classes_that_look_like_numbers_for_names(predictions):
    """Or plotly puts 7 and 300 as far apart as they are."""
    figure = draw_confusion(pd.DataFrame({"label": [7, 300], "prediction": [7, 300]}))

    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "category"
