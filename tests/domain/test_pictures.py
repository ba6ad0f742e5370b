from html import unescape
from types import SimpleNamespace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from sklearn.neighbors import KNeighborsClassifier

from penstroke.domain import Cleaning, Features, accept, extract_features, measure_form, picture_nodes
from penstroke.domain.layout import scale_ink
from penstroke.domain.pictures import (
    Pictures,
    draw_evidence,
    draw_features,
    draw_mistakes,
    draw_oddest,
    draw_predictions,
)
from penstroke.domain.pixels import to_images
from penstroke.files import read_files
from penstroke.scoring import Scoring, answer_test_rows

from .hostile import JPEG, PNG, READ
from .rows import FORM, reading_of_base

SCORING = Scoring(interval=0.95, calibration_bins=5, chunk_rows=1000)
PICTURES = Pictures(gallery=6, occluded_per_class=2, patch=0.25, positions=3, files=40)
NAMES = ["a.png", "<b>b</b>.jpg", f"{'c' * 200}.png", "d.jpg"]


@pytest.fixture(scope="module")
def stage(raw_digits, features_of_base):
    digits = accept(raw_digits, FORM)[0].assign(split=np.where(np.arange(len(raw_digits)) % 3, "train", "test"))
    digits.insert(0, "label", raw_digits["label"])
    training = digits[digits["split"] == "train"].head(40)  # so few that there are mistakes to be shown
    model = KNeighborsClassifier(3).fit(extract_features(training, features_of_base), training["label"])
    model.form_, model.features_ = FORM.model_dump(), features_of_base.model_dump()
    return digits, model, answer_test_rows(model, digits, SCORING)


def test_the_gallery_shows_mistakes_first_and_then_the_least_sure(stage):
    digits, model, answers = stage
    wrong = answers[answers["label"] != answers["prediction"]]

    notes = draw_mistakes(
        answers, digits, model, PICTURES.model_copy(update={"gallery": len(wrong) + 3})
    ).layout.annotations

    assert {note.hovertext for note in notes[: len(wrong)]} == set(wrong.index)
    assert len(notes) == len(wrong) + 3
    first = answers.loc[notes[0].hovertext]
    assert notes[0].text == f"{first['label']:.0f} → {first['prediction']:.0f}, {first['confidence']:.0%}"


def test_a_gallery_can_be_larger_than_the_test(stage):
    digits, model, answers = stage

    figure = draw_mistakes(answers.head(3), digits, model, PICTURES)

    assert len(figure.layout.annotations) == 3


@pytest.mark.parametrize(("first", "second"), [(3, 7), ("barred", "plain")])
def test_evidence_lies_where_hiding_changes_the_answer(features_of_base, first, second):
    """Two classes that differ only in the lower half: nothing above it can be evidence."""
    generator = np.random.default_rng(0)
    images = np.zeros((40, 16, 16), np.uint8)
    images[:, 2:6, 2:14] = generator.integers(150, 255, (40, 4, 12))
    images[:20, 10:13, 2:14] = 255
    names = [f"pixel_{row}_{column}" for row in range(16) for column in range(16)]
    index = pd.Index([f"row-{place}" for place in range(40)], name="digit_id", dtype="str")
    digits = pd.DataFrame(images.reshape(40, -1), index, names).assign(
        label=[first] * 20 + [second] * 20, split="train"
    )
    plain = features_of_base.model_copy(update={"deskew": 0.0, "enlarge": 1})
    model = KNeighborsClassifier(1).fit(extract_features(digits, plain), digits["label"])
    model.form_ = measure_form(digits, Cleaning(full_ink=255)).model_dump()
    model.features_ = plain.model_dump()

    figure = draw_evidence(model, digits, PICTURES.model_copy(update={"patch": 0.9, "positions": 2}))

    three, seven = (np.array(trace.z) for trace in figure.data[:2])
    assert three.shape == (2, 2)
    assert three[1].mean() > 0.9  # without its lower stroke a three looks like a seven
    assert abs(seven[1]).max() < 1e-9  # a seven has nothing there to hide
    assert [note.text for note in figure.layout.annotations] == [f"class {first}", f"class {second}"]


def test_evidence_is_drawn_of_any_number_of_classes(stage):
    digits, model, _ = stage
    many = digits.head(52).assign(label=[f"class {place}" for place in range(52)], split="train")
    named = KNeighborsClassifier(1).fit(extract_features(many, Features.model_validate(model.features_)), many["label"])
    named.form_, named.features_ = model.form_, model.features_

    figure = draw_evidence(named, many, PICTURES.model_copy(update={"positions": 2}))

    assert len(figure.layout.annotations) == 52


def test_the_features_of_the_first_digit_of_each_class_are_shown(stage):
    figure = draw_features(stage[0], stage[1])

    assert list(figure.layout.yaxis.ticktext) == list("0123456789")
    assert list(figure.layout.xaxis.ticktext)[:3] == ["digit", "seen", "0°"]
    assert figure.data[0].source.startswith("data:image/png;base64,")


def test_figures_do_not_change_what_they_are_given(stage):
    digits, model, answers = stage
    before = digits.copy(), answers.copy()

    draw_mistakes(answers, digits, model, PICTURES)
    draw_evidence(model, digits, PICTURES)
    draw_features(digits, model)

    pd.testing.assert_frame_equal(digits, before[0])
    pd.testing.assert_frame_equal(answers, before[1])
    assert to_images(digits).max() == 255


@pytest.fixture(scope="module")
def sheet(features_of_base):
    drawings = dict(zip(NAMES, [lambda: PNG, lambda: JPEG, READ["one bit"], READ["CMYK"]], strict=True))
    digits, _ = read_files(drawings, FORM, reading_of_base())
    predictions = pd.DataFrame(
        {"prediction": [8, 3, 8, 1], "confidence": [0.99, 0.4, 0.7, 0.95], "unsure": [False, True, True, False]},
        digits.index,
    )

    def draw(shown, rows=slice(None)):
        return draw_predictions(
            drawings,
            iter([digits[:2], digits[2:]]),
            predictions[rows],
            SimpleNamespace(features_=features_of_base.model_dump(), form_=FORM.model_dump()),
            reading=reading_of_base(),
            pictures=PICTURES.model_copy(update={"files": shown}),
        )

    return draw


def test_the_sheet_shows_every_drawing_with_its_answer_the_least_sure_first(sheet):
    notes = sheet(40).layout.annotations

    assert [note.text.partition("<b>")[2] for note in notes] == ["3</b>, 40%", "8</b>, 70%", "1</b>, 95%", "8</b>, 99%"]
    assert [note.font.color for note in notes] == ["#c00000", "#c00000", "#4a4a4a", "#4a4a4a"]
    assert sheet(40).layout.title.text.startswith("4 drawings, 2 not sure")


def test_a_name_is_text_and_nothing_else_and_has_room(sheet):
    notes = sheet(40).layout.annotations

    assert notes[0].text.startswith("&lt;b&gt;b&lt;/b&gt;.jpg<br>")
    assert len(notes[1].text.partition("<br>")[0]) < 40
    assert notes[1].hovertext == NAMES[2]


def test_the_least_sure_are_shown_where_not_all_are(sheet):
    assert [note.hovertext for note in sheet(2).layout.annotations] == ["&lt;b&gt;b&lt;/b&gt;.jpg", NAMES[2]]


def test_the_pictures_stand_side_by_side(sheet, monkeypatch):
    figure = go.Figure()
    monkeypatch.setattr("plotly.express.imshow", lambda picture: figure.add_image(z=picture))

    picture = sheet(40).data[0].z

    drawing, seen = picture[40:152, 12:124], picture[40:152, 124:236]
    assert drawing.mean() > 200  # black on white
    assert seen.mean() < drawing.mean()  # the same, filling its frame
    assert np.ptp(seen) > 200


def test_a_sheet_without_drawings_says_so(sheet):
    figure = sheet(40, rows=slice(0, 0))

    assert figure.layout.title.text.startswith("0 drawings")


@pytest.fixture(scope="module")
def odd(raw_digits):
    """20 raw digits, inverted but for the first, one of a hostile name; the answers that they had, the oddest first."""
    pixels = raw_digits.drop(columns="label").head(20).astype(int)
    pixels[1:] = 16 - pixels[1:]
    names = pixels.index.to_numpy(copy=True)
    names[3] = "<b>b</b>" * 20
    rows = pixels.set_axis(pd.Index(names, name="digit_id"))
    table = pd.DataFrame({"prediction": 8, "confidence": 0.75, "column": "slant", "value": 1.5}, rows.index[::-1])
    return rows, table.astype({"value": np.float32})


def _oddest(odd, shown=10):
    rows, table = odd
    oddest = table.head(shown)
    oddest.attrs = {"form": FORM.model_dump(mode="json")}
    return draw_oddest(oddest, iter([rows[:9], rows[9:], rows[:5]]))


def test_the_oddest_digits_are_shown_with_answer_and_what_is_oddest(odd):
    figure = _oddest(odd)
    notes = figure.layout.annotations

    assert len(notes) == len(figure.data) == 10
    assert {unescape(note.hovertext) for note in notes} == set(odd[1].index[:10])
    assert all(note.text.endswith("<br><b>8</b>, 75%<br>slant 1.50") for note in notes)
    assert figure.layout.title.text.startswith("The 10 digits that are least like")


def test_a_note_stands_above_its_digit(odd):
    figure = _oddest(odd)
    pixels = pd.DataFrame(scale_ink(odd[0].to_numpy(), 16), odd[0].index, odd[0].columns)
    images = dict(zip(odd[0].index, to_images(pixels), strict=True))

    for trace in figure.data:
        axes = [figure.layout[f"{name[0]}axis{name[1:]}"] for name in (trace.xaxis, trace.yaxis)]
        left, right = axes[0].domain
        (note,) = [note for note in figure.layout.annotations if left < note.x < right and note.y == axes[1].domain[1]]
        np.testing.assert_array_equal(trace.z, images[unescape(note.hovertext)])


def test_a_name_of_an_odd_digit_is_text_and_has_room(odd):
    (note,) = [note for note in _oddest(odd, shown=20).layout.annotations if "&lt;" in note.text]

    assert note.text.startswith("&lt;b&gt;b&lt;/b&gt;&lt;b&gt;")
    assert "<b>b" not in note.text
    assert "…<br>" in note.text


@pytest.mark.parametrize("change", [lambda pixels: 16 - pixels, lambda pixels: pixels // 4, lambda pixels: 0 * pixels])
def test_digits_that_would_be_refused_are_shown_since_they_are_the_oddest(odd, change):
    rows = change(16 - odd[0][1:])

    figure = _oddest((rows, odd[1].loc[rows.index]))

    np.testing.assert_array_equal(np.array(figure.data[0].z).max(), scale_ink(rows.to_numpy(), 16)[-8:].max())


def test_no_odd_digit_makes_a_figure_that_says_so(odd):
    assert _oddest(odd, shown=0).layout.title.text.startswith("The 0 digits")


def test_as_many_odd_digits_as_may_be_asked_for_are_drawn(raw_digits):
    rows = raw_digits.drop(columns="label")
    table = pd.DataFrame({"prediction": 8, "confidence": 0.75, "column": "slant", "value": 1.5}, rows.index)

    assert len(_oddest((rows, table), shown=200).data) == 200


@pytest.mark.parametrize("stage", ["reporting", "inference", "monitoring"])
def test_each_stage_that_has_pictures_is_given_them(stage):
    assert {output for node in picture_nodes(stage) for output in node.outputs} == {
        "reporting": {"mistakes_plot", "evidence_plot", "features_plot"},
        "inference": {"predictions_plot"},
        "monitoring": {"oddest_digits_plot"},
    }[stage]
