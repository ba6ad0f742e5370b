from types import SimpleNamespace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from penstroke.pipelines.inference.figures import draw_predictions
from penstroke.pipelines.inference.nodes import frame_files
from penstroke.pipelines.inference.parameters import Answers, Drawings

from ..conftest import FORM, base_parameters, frame_of_base
from .hostile import JPEG, PNG, READ

NAMES = ["a.png", "<b>b</b>.jpg", f"{'c' * 200}.png", "d.jpg"]


@pytest.fixture(scope="module")
def frame():
    return Drawings.model_validate(base_parameters("inference")["drawings"])


@pytest.fixture(scope="module")
def sheet(frame, features_of_base):
    drawings = dict(zip(NAMES, [lambda: PNG, lambda: JPEG, READ["one bit"], READ["CMYK"]], strict=True))
    digits, _ = frame_files(drawings, frame_of_base())
    predictions = pd.DataFrame(
        {"prediction": [8, 3, 8, 1], "confidence": [0.99, 0.4, 0.7, 0.95], "unsure": [False, True, True, False]},
        digits.index,
    )

    def draw(shown, rows=slice(None)):
        answers = Answers(sure_from=0.9, chunk_rows=10, shown=shown)
        return draw_predictions(
            drawings,
            iter([digits[:2], digits[2:]]),
            predictions[rows],
            SimpleNamespace(features_=features_of_base.model_dump(), form_=FORM.model_dump()),
            frame=frame,
            answers=answers,
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
