import json
from html import unescape

import numpy as np
import plotly.graph_objects as go
import pytest

from penstroke.pipelines.monitoring.figures import draw_drift, draw_drifted_digits, measure_oddness
from penstroke.pipelines.monitoring.nodes import measure_drift

from .conftest import CLEANING, answers_to, images_of, with_images


@pytest.fixture(scope="module")
def mixed(halves):
    """120 digits, of which ten are inverted, and one of these has a hostile name."""
    table = halves[1].head(120)
    images = images_of(table)
    images[40:50] = 255 - images[40:50]
    mixed = with_images(table, images)
    names = mixed.index.to_numpy(copy=True)
    names[40] = "<b>b</b>" * 20
    return mixed.set_axis(mixed.index.__class__(names, name="digit_id"))


def _draw(mixed, gather, drift, **answers):
    gathered = gather(mixed, answers_to(mixed).assign(**answers))
    scores = measure_drift(gathered, drift)
    few = drift.model_copy(update={"shown": 10})
    return draw_drifted_digits(gathered, iter([mixed[:60], mixed[60:]]), scores, CLEANING, few), gathered, scores


def test_the_most_drifted_digits_are_shown_with_answer_and_what_is_oddest(mixed, gather, drift):
    figure, _, _ = _draw(mixed, gather, drift)
    notes = figure.layout.annotations

    assert len(notes) == len(figure.data) == 10
    assert len({unescape(note.hovertext) for note in notes} & set(mixed.index[40:50])) >= 8
    assert all("<br><b>" in note.text and len(note.text.split("<br>")) == 3 for note in notes)
    assert figure.layout.title.text.startswith("The 10 of 120 digits")


def test_a_note_stands_above_its_digit(mixed, gather, drift):
    figure, _, _ = _draw(mixed, gather, drift)
    images = dict(zip(mixed.index, images_of(mixed), strict=True))

    for trace in figure.data:
        axes = [figure.layout[f"{name[0]}axis{name[1:]}"] for name in (trace.xaxis, trace.yaxis)]
        left, right = axes[0].domain
        (note,) = [note for note in figure.layout.annotations if left < note.x < right and note.y == axes[1].domain[1]]
        np.testing.assert_array_equal(trace.z, images[unescape(note.hovertext)])


def test_a_name_is_text_and_has_room(mixed, gather, drift):
    (note,) = [note for note in _draw(mixed, gather, drift)[0].layout.annotations if "&lt;" in note.text]

    assert note.text.startswith("&lt;b&gt;b&lt;/b&gt;&lt;b&gt;")
    assert "<b>b" not in note.text
    assert "…<br>" in note.text


def test_a_digit_in_the_middle_of_the_reference_is_not_odd_and_one_beyond_it_is_most(gather, halves, profile):
    incoming = halves[1].head(3)
    gathered = gather(incoming)
    places = gathered["source"].to_numpy() == "incoming"
    gathered.loc[places, "slant"] = [profile["slant"].median(), profile["slant"].max() + 1, profile["slant"].min() - 1]

    oddness = measure_oddness(gathered, ["slant"])["slant"].to_numpy()

    np.testing.assert_allclose(oddness, [0, 3, 3], atol=0.01)  # of 1000


def test_where_columns_raise_an_alarm_they_alone_count(gather, halves):
    gathered = gather(halves[1].head(3))

    assert list(measure_oddness(gathered, ["slant", "accuracy"])) == ["slant"]
    assert len(measure_oddness(gathered, [])) == len(measure_oddness(gathered, ["accuracy"])) == 3
    assert measure_oddness(gathered, ["prediction"]).shape[1] > 10


def test_every_column_is_drawn_then_and_now_and_alarms_in_red(mixed, gather, drift):
    _, gathered, scores = _draw(mixed, gather, drift, confidence=0.5)
    figure = draw_drift(gathered, scores)

    titles = {note.text.partition(":")[0]: note for note in figure.layout.annotations}
    assert set(titles) == {name[4:] for name in scores if name.startswith("psi_")}
    first = min(titles.values(), key=lambda note: (-note.y, note.x))
    assert first.text.startswith(f"{max(titles, key=lambda name: scores[f'psi_{name}'])}:")
    assert {name for name, note in titles.items() if note.font.color == "#c00000"} == set(scores["alarms"])
    assert len(figure.data) == 2 * len(titles)
    assert len(json.dumps(figure.to_plotly_json(), default=list)) < 500_000  # however many the rows


def test_a_line_ends_at_the_least_and_the_greatest_value(mixed, gather, drift):
    _, gathered, scores = _draw(mixed, gather, drift)
    drawn = [(min(trace.x), max(trace.x), trace.y[0], trace.y[-1]) for trace in draw_drift(gathered, scores).data]

    for _, rows in gathered.groupby("source"):
        assert (rows["slant"].min(), rows["slant"].max(), 0, 1) in drawn


def test_figures_without_rows_say_so(mixed, gather, drift):
    figure, gathered, scores = _draw(mixed.head(0), gather, drift)

    assert figure.layout.title.text.startswith("The 0 of 0 digits")
    assert isinstance(figure, go.Figure)
    assert "too few to judge" in draw_drift(gathered, scores).layout.title.text
