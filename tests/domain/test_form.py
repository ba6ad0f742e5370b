import numpy as np
import pandas as pd
import pytest
from benchmarks.transfer import to_frame
from sklearn.neighbors import KNeighborsClassifier

from penstroke.answers import look_at
from penstroke.form import form_of_rows
from penstroke.pipelines.inference.nodes import answer_digits, frame_drawings
from penstroke.pipelines.inference.parameters import Answers, Drawings, frame_of
from penstroke.domain.pixels import to_images, to_table

from ..conftest import FORM, ROOT, base_parameters, frame_of_base

DRAWINGS = Drawings.model_validate(base_parameters("inference")["drawings"])


@pytest.fixture(scope="module")
def shipped():
    return pd.read_parquet(ROOT / "data/01_raw/digits.parquet")


def _table(images, like):
    return like[["label"]].join(to_table(images).set_axis(like.index))


def _place(form):
    return form.size, form.tall, form.wide, form.centre_of_mass


def test_the_form_of_the_shipped_digits_is_that_which_was_chosen_for_drawings(shipped):
    """All rows, the six columns inside, the box in the middle: so the frame needs no numbers in ``conf``."""
    assert form_of_rows(shipped, 16) == FORM
    frame = frame_of_base()
    assert (frame.tall, frame.wide, frame.thinnest, frame.thickest) == (8, 6, 1.2, 1.5)


def test_digits_that_are_framed_as_mnist_are_found_to_be(shipped):
    digits = _table(to_frame(to_images(shipped)), shipped)

    assert _place(form_of_rows(digits, 255)) == ((28, 28), 20, 18, True)


def test_a_margin_is_not_part_of_the_digit(shipped):
    images = np.pad(to_images(shipped).repeat(3, 1).repeat(3, 2), ((0, 0), (4, 4), (2, 2)))

    assert _place(form_of_rows(_table(images, shipped), 16)) == ((32, 28), 24, 18, False)


def test_a_source_that_is_sorted_by_class_has_the_same_form(shipped):
    many = pd.concat([shipped] * 6).sort_values("label", kind="stable")

    assert form_of_rows(many, 16) == FORM


def test_rows_without_ink_fill_their_image_and_the_classes_are_those_of_the_rows(raw_digits):
    blank = _table(np.zeros((len(raw_digits), 5, 7), np.uint8), raw_digits.assign(label=raw_digits["label"] % 3))

    form = form_of_rows(blank, 16)

    assert _place(form) == ((5, 7), 5, 7, False)
    assert form.classes == [0, 1, 2]


def test_a_blank_row_is_on_any_scale(raw_digits):
    blank = _table(np.zeros((3, 8, 8), np.uint8), raw_digits.head(3))

    assert FORM.scale(blank).to_numpy().max() == 0


def test_what_is_chosen_for_drawings_must_fit_the_image():
    with pytest.raises(ValueError, match="a digit of 20 x 6 does not fit an image of 8 x 8, .* leave them null"):
        frame_of(FORM, DRAWINGS.model_copy(update={"tall": 20}))


@pytest.mark.parametrize("frame", [to_frame, lambda images: np.rint(images.repeat(3, 1).repeat(3, 2) * (255 / 16))])
def test_drawings_are_read_by_a_model_of_another_size_without_a_word_in_conf(shipped, features_of_base, frame):
    digits = shipped.head(500)
    digits = _table(frame(to_images(digits)).astype(np.uint8), digits)
    form = form_of_rows(digits, 255)
    model = KNeighborsClassifier(3)
    model.form_ = form.model_dump()
    model.features_ = features_of_base.model_copy(update={"enlarge": 1, "centre": True}).model_dump()
    model.fit(look_at(form.scale(digits), model), digits["label"])
    samples = {path.name: path.read_bytes for path in sorted((ROOT / "data/01_raw/drawings").iterdir())[::3]}

    framed, rejected = frame_drawings(samples, model, DRAWINGS)
    answers = answer_digits(framed, model, Answers(sure_from=0.9, chunk_rows=100, shown=1))

    assert len(rejected) == 0
    assert to_images(framed).shape[1:] == form.size
    right = answers["prediction"].astype(str) == answers.index.str[0]
    assert right.sum() >= len(samples) - 1
