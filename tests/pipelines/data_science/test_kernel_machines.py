import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

from penstroke.pipelines.data_science.kernel_machines import (
    JITTER,
    NystroemRidgeClassifier,
    margins_of,
    rbf_kernel,
)

ROWS, CLASSES = make_classification(300, 8, n_informative=6, n_classes=3, class_sep=1.5, random_state=1)


def test_it_answers_as_a_ridge_after_the_same_approximation_of_the_kernel():
    ours = NystroemRidgeClassifier(n_components=40, gamma=0.1, alpha=0.5, random_state=3).fit(ROWS, CLASSES)
    approximation = Nystroem(n_components=40, gamma=0.1, random_state=3)
    theirs = make_pipeline(approximation, RidgeClassifier(alpha=0.5, fit_intercept=False)).fit(ROWS, CLASSES)

    np.testing.assert_array_equal(ours.components_, approximation.components_)
    np.testing.assert_allclose(ours.decision_function(ROWS), theirs.decision_function(ROWS), atol=2e-3)


@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_the_size_of_the_chunks_changes_nothing(chunk_rows):
    whole = NystroemRidgeClassifier(50, gamma=0.1, random_state=0).fit(ROWS, CLASSES)
    chunked = NystroemRidgeClassifier(50, gamma=0.1, chunk_rows=chunk_rows, random_state=0).fit(ROWS, CLASSES)

    np.testing.assert_allclose(chunked.decision_function(ROWS), whole.decision_function(ROWS), atol=1e-6)


def test_all_rows_stand_for_themselves_where_there_are_fewer_than_components():
    model = NystroemRidgeClassifier(10_000, gamma=0.1, random_state=0).fit(ROWS, CLASSES)

    assert len(model.components_) == len(ROWS)
    assert model.score(ROWS, CLASSES) > 0.95


def test_float32_rows_stay_float32_and_are_answered_alike():
    wide = NystroemRidgeClassifier(50, gamma=0.1, random_state=0).fit(ROWS, CLASSES)
    narrow = NystroemRidgeClassifier(50, gamma=0.1, random_state=0).fit(ROWS.astype(np.float32), CLASSES)

    assert narrow.components_.dtype == narrow.coef_.dtype == np.float32
    np.testing.assert_allclose(
        narrow.decision_function(ROWS.astype(np.float32)), wide.decision_function(ROWS), atol=1e-2
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_the_scores_out_of_fold_are_those_of_a_machine_fitted_on_the_other_folds(classes):
    rows, label, fold = ROWS, CLASSES % classes, np.arange(len(ROWS)) % 4

    machine = NystroemRidgeClassifier(len(rows), gamma=0.1, random_state=0)
    scores = machine.fit_out_of_fold(rows, label, fold)

    for number in range(4):
        own = fold == number
        other = NystroemRidgeClassifier(len(rows), gamma=0.1, random_state=0).fit(rows[~own], label[~own])
        np.testing.assert_allclose(scores[own], other.decision_function(rows[own]), atol=1e-6)
    whole = NystroemRidgeClassifier(len(rows), gamma=0.1, random_state=0).fit(rows, label)
    np.testing.assert_allclose(machine.decision_function(rows), whole.decision_function(rows), atol=1e-6)


def test_neither_label_nor_place_of_a_row_has_a_part_in_its_score_out_of_fold():
    fold = np.arange(len(ROWS)) % 4
    other, moved = np.where(fold == 1, (CLASSES + 1) % 3, CLASSES), np.where(fold[:, None] == 1, ROWS[::-1], ROWS)
    machine = NystroemRidgeClassifier(100, gamma=0.1, random_state=0)

    scores = machine.fit_out_of_fold(ROWS, CLASSES, fold)[fold == 1]

    np.testing.assert_allclose(machine.fit_out_of_fold(ROWS, other, fold)[fold == 1], scores, atol=1e-6)
    one = np.flatnonzero(fold == 1)[0]
    moved[one] = ROWS[one]
    np.testing.assert_allclose(machine.fit_out_of_fold(moved, CLASSES, fold)[one], scores[0], atol=1e-6)


def test_where_the_sample_depends_on_labels_there_are_no_scores_out_of_fold():
    assert not hasattr(NystroemRidgeClassifier(near_margin=0.5), "fit_out_of_fold")


@pytest.mark.parametrize("classes", [2, 3])
def test_a_part_of_the_sample_can_be_the_rows_nearest_to_the_margin(classes):
    angle = np.linspace(0, 2 * np.pi, 600, endpoint=False)
    rows, label = np.column_stack([np.cos(angle), np.sin(angle)]), (angle * classes / (2 * np.pi)).astype(int)

    model = NystroemRidgeClassifier(30, gamma=5, near_margin=0.5, random_state=0).fit(rows, label)

    nearest = np.abs(
        np.arctan2(*model.components_.T[::-1])[:, None] % (2 * np.pi) - np.arange(classes + 1) * 2 * np.pi / classes
    ).min(axis=1)
    assert np.unique(model.components_, axis=0).shape == (30, 2)
    assert nearest[15:].max() < 0.1 < nearest[:15].max()


def test_rows_near_the_margin_make_a_better_sample_of_the_same_size():
    """Where two classes meet at a winding border, and most rows lie far from it."""
    rows = np.random.default_rng(0).uniform(-6, 6, (1800, 2))
    label = (rows[:, 1] > np.sin(3 * rows[:, 0])).astype(int)

    def errors(near_margin):
        machines = (
            NystroemRidgeClassifier(100, gamma=1, near_margin=near_margin, random_state=seed) for seed in range(4)
        )
        return [
            (machine.fit(rows[:1200], label[:1200]).predict(rows[1200:]) != label[1200:]).sum() for machine in machines
        ]

    assert np.mean(errors(0.5)) < np.mean(errors(0.0)) / 2


def test_copies_of_the_rows_nearest_to_the_margin_are_learned_too():
    asked_for = []

    def copies_of(places):
        asked_for.extend(places)
        return ROWS[places] + 0.1

    machine = NystroemRidgeClassifier(60, gamma=0.1, near_copies=40, random_state=0).fit(ROWS, CLASSES, copies_of)

    first = NystroemRidgeClassifier(60, gamma=0.1, random_state=0).fit(ROWS, CLASSES)
    margin = margins_of(first.decision_function(ROWS), np.where(CLASSES[:, None] == first.classes_, 1, -1))
    assert len(asked_for) == 40
    assert margin[asked_for].max() <= np.delete(margin, asked_for).min()
    rows, classes = np.vstack([ROWS, ROWS[asked_for] + 0.1]), np.append(CLASSES, CLASSES[asked_for])
    gram = rbf_kernel(rows, machine.components_, machine.lengths_, 0.1)
    penalty = 0.01 * rbf_kernel(machine.components_, machine.components_, machine.lengths_, 0.1) + JITTER * np.eye(60)
    expected = np.linalg.solve(gram.T @ gram + penalty, gram.T @ np.where(classes[:, None] == first.classes_, 1, -1))
    np.testing.assert_allclose(machine.decision_function(ROWS), gram[: len(ROWS)] @ expected, atol=1e-5)


def test_without_a_maker_of_copies_none_are_learned():
    with_copies = NystroemRidgeClassifier(60, gamma=0.1, near_copies=40, random_state=0).fit(ROWS, CLASSES)
    without = NystroemRidgeClassifier(60, gamma=0.1, random_state=0).fit(ROWS, CLASSES)

    np.testing.assert_array_equal(with_copies.decision_function(ROWS), without.decision_function(ROWS))


def test_where_all_rows_are_components_none_is_nearer_than_others():
    near, random = (
        NystroemRidgeClassifier(200, near_margin=share, random_state=0).fit(ROWS[:90], CLASSES[:90])
        for share in (0.5, 0)
    )

    np.testing.assert_array_equal(near.components_, random.components_)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="needs two classes at least; found one class, 4"):
        NystroemRidgeClassifier().fit(ROWS, np.full(len(ROWS), 4))


@pytest.mark.parametrize("offset", [100, 1e3, 1e6])
def test_features_whose_distances_rounding_would_lose_are_refused_instead_of_learned_wrong(offset):
    rows = (ROWS + offset).astype(np.float32)

    with pytest.raises(ValueError, match="too large for a kernel of gamma 0.05: .*StandardScaler"):
        NystroemRidgeClassifier(50, random_state=0).fit(rows, CLASSES)


def test_features_that_are_large_in_float64_keep_their_distances():
    near, far = (NystroemRidgeClassifier(50, random_state=0).fit(rows, CLASSES) for rows in (ROWS, ROWS + 1e3))

    np.testing.assert_allclose(far.decision_function(ROWS + 1e3), near.decision_function(ROWS), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_that_are_as_they_should_be_are_answered_as_those_that_are_brought_to_it(dtype):
    rows = ROWS.astype(dtype)
    model = NystroemRidgeClassifier(50, gamma=0.1, random_state=0).fit(rows, CLASSES)

    expected = model.decision_function(rows)

    np.testing.assert_array_equal(model.decision_function(np.asfortranarray(rows)), expected)
    np.testing.assert_array_equal(model.decision_function(rows.tolist() if dtype is float else rows[:]), expected)


def test_a_file_of_before_has_no_lengths_and_answers_alike():
    model = NystroemRidgeClassifier(50, gamma=0.1, random_state=0).fit(ROWS, CLASSES)
    expected = model.decision_function(ROWS)

    del model.lengths_

    np.testing.assert_array_equal(model.decision_function(ROWS), expected)
