import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.form import form_of_rows
from penstroke.pipelines.data_processing.nodes import screen_digits, split_digits
from penstroke.pipelines.data_processing.parameters import Cleaning, Split
from penstroke.pipelines.feature_engineering.nodes import extract_features
from penstroke.pipelines.reporting.figures import (
    draw_calibration,
    draw_confusion,
    draw_evidence,
    draw_features,
    draw_leaderboard,
    draw_mistakes,
)
from penstroke.pipelines.reporting.nodes import predict_test_rows
from penstroke.pipelines.reporting.parameters import Pictures, Scoring
from penstroke.domain.pixels import to_images

from ...conftest import FORM

SCORING = Scoring(interval=0.95, calibration_bins=5, chunk_rows=1000)
PICTURES = Pictures(gallery=6, occluded_per_class=2, patch=0.25, positions=3)


@pytest.fixture(scope="module")
def stage(raw_digits, features_of_base):
    digits, labels = split_digits(screen_digits(raw_digits, Cleaning(full_ink=16))[0], Split(test_fraction=0.3, seed=1))
    table = extract_features(digits, features_of_base)
    training = labels.index[labels["split"] == "train"]
    # learns from few rows, so that there are mistakes to be shown
    model = KNeighborsClassifier(3).fit(table.loc[training[:40]], labels.loc[training[:40], "label"])
    model.form_ = FORM.model_dump()
    return digits, model, predict_test_rows(model, table, labels, SCORING)


def test_the_confusion_counts_every_test_row(stage):
    _, _, answers = stage
    counts = draw_confusion(answers).data[0].text

    assert np.sum(counts) == len(answers)
    assert np.trace(counts) == (answers["label"] == answers["prediction"]).sum()
    assert counts[3][8] == ((answers["label"] == 3) & (answers["prediction"] == 8)).sum()


def test_the_colour_of_the_confusion_shows_mistakes_alone(stage):
    drawn = draw_confusion(stage[2]).data[0]

    assert np.trace(drawn.z) == 0
    assert np.sum(drawn.z) == (stage[2]["label"] != stage[2]["prediction"]).sum() > 0


def test_the_calibration_shows_every_test_row_in_a_bin(stage):
    drawn = draw_calibration(stage[2], SCORING).data[0]

    assert sum(drawn.marker.size) == len(stage[2])
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


def test_the_gallery_shows_mistakes_first_and_then_the_least_sure(stage, features_of_base):
    digits, _, answers = stage
    wrong = answers[answers["label"] != answers["prediction"]]

    notes = draw_mistakes(
        answers, digits, features_of_base, PICTURES.model_copy(update={"gallery": len(wrong) + 3})
    ).layout.annotations

    assert {note.hovertext for note in notes[: len(wrong)]} == set(wrong.index)
    assert len(notes) == len(wrong) + 3
    first = answers.loc[notes[0].hovertext]
    assert notes[0].text == f"{first['label']:.0f} → {first['prediction']:.0f}, {first['confidence']:.0%}"


def test_a_gallery_can_be_larger_than_the_test(stage, features_of_base):
    digits, _, answers = stage

    figure = draw_mistakes(answers.head(3), digits, features_of_base, PICTURES)

    assert len(figure.layout.annotations) == 3


def test_evidence_lies_where_hiding_changes_the_answer(features_of_base):
    """Two classes that differ only in the lower half: nothing above it can be evidence."""
    generator = np.random.default_rng(0)
    images = np.zeros((40, 16, 16), np.uint8)
    images[:, 2:6, 2:14] = generator.integers(150, 255, (40, 4, 12))
    images[:20, 10:13, 2:14] = 255
    names = [f"pixel_{row}_{column}" for row in range(16) for column in range(16)]
    index = pd.Index([f"row-{place}" for place in range(40)], name="digit_id", dtype="str")
    digits = pd.DataFrame(images.reshape(40, -1), index, names).assign(
        label=np.int8([3] * 20 + [7] * 20), split="train"
    )
    plain = features_of_base.model_copy(update={"deskew": 0.0, "enlarge": 1})
    model = KNeighborsClassifier(1).fit(extract_features(digits, plain), digits["label"])
    model.form_ = form_of_rows(digits, 255).model_dump()

    figure = draw_evidence(model, digits, plain, PICTURES.model_copy(update={"patch": 0.9, "positions": 2}))

    three, seven = (np.array(trace.z) for trace in figure.data[:2])
    assert three.shape == (2, 2)
    assert three[1].mean() > 0.9  # without its lower stroke a three looks like a seven
    assert abs(seven[1]).max() < 1e-9  # a seven has nothing there to hide
    assert [note.text for note in figure.layout.annotations] == ["class 3", "class 7"]


def test_the_features_of_the_first_digit_of_each_class_are_shown(stage, features_of_base):
    figure = draw_features(stage[0], features_of_base)

    assert list(figure.layout.yaxis.ticktext) == list("0123456789")
    assert list(figure.layout.xaxis.ticktext)[:3] == ["digit", "seen", "0°"]
    assert figure.data[0].source.startswith("data:image/png;base64,")


def test_figures_do_not_change_what_they_are_given(stage, features_of_base):
    digits, model, answers = stage
    before = digits.copy(), answers.copy()

    draw_mistakes(answers, digits, features_of_base, PICTURES)
    draw_evidence(model, digits, features_of_base, PICTURES)

    pd.testing.assert_frame_equal(digits, before[0])
    pd.testing.assert_frame_equal(answers, before[1])
    assert to_images(digits).max() == 255
