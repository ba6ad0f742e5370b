import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from penstroke.pipelines.monitoring.figures import draw_drift
from penstroke.pipelines.monitoring.nodes import measure_drift

from .conftest import VERSION, answers_to, images_of, profile_of, with_images


@pytest.fixture(scope="module")
def mixed(halves):
    """120 digits, of which ten are inverted."""
    table = halves[1].head(120)
    images = images_of(table)
    images[40:50] = 255 - images[40:50]
    return with_images(table, images)


def _compared(mixed, gather, drift, **answers):
    gathered = gather(mixed, answers_to(mixed).assign(**answers))
    return gathered, measure_drift(gathered, drift)


def test_every_column_is_drawn_then_and_now_and_alarms_in_red(mixed, gather, drift):
    gathered, scores = _compared(mixed, gather, drift, confidence=0.5)
    figure = draw_drift(gathered, scores)

    titles = {note.text.partition(":")[0]: note for note in figure.layout.annotations}
    assert set(titles) == {name[4:] for name in scores if name.startswith("psi_")}
    first = min(titles.values(), key=lambda note: (-note.y, note.x))
    assert first.text.startswith(f"{max(titles, key=lambda name: scores[f'psi_{name}'])}:")
    assert {name for name, note in titles.items() if note.font.color == "#c00000"} == set(scores["alarms"])
    assert len(figure.data) == 2 * len(titles)
    assert len(json.dumps(figure.to_plotly_json(), default=list)) < 500_000  # however many the rows


def test_a_line_ends_at_the_least_and_the_greatest_value(mixed, gather, drift):
    gathered, scores = _compared(mixed, gather, drift)
    drawn = [(min(trace.x), max(trace.x), trace.y[0], trace.y[-1]) for trace in draw_drift(gathered, scores).data]

    for _, rows in gathered.groupby("source"):
        assert (rows["slant"].min(), rows["slant"].max(), 0, 1) in drawn


def test_a_figure_without_rows_says_so(mixed, gather, drift):
    figure = draw_drift(*_compared(mixed.head(0), gather, drift))

    assert isinstance(figure, go.Figure)
    assert "too few to judge" in figure.layout.title.text


def test_classes_of_text_are_drawn_by_their_places(halves, gather, drift):
    names = [f"{digit} in/words" for digit in range(10)]
    then, now = (half.assign(label=[names[digit] for digit in half["label"]]) for half in halves)
    now = now.head(200).assign(label=names[7])

    gathered = gather(now, profiles={VERSION: lambda: profile_of(then, classes=names)})
    figure = draw_drift(gathered, measure_drift(gathered, drift))

    (place,) = [note for note in figure.layout.annotations if note.text.startswith("prediction")]
    assert place.font.color == "#c00000"
    ranges = [(min(trace.x), max(trace.x)) for trace in figure.data]
    assert (0, 9) in ranges
    assert (7, 7) in ranges


def test_any_number_of_columns_is_drawn(mixed, gather, drift):
    gathered, _ = _compared(mixed, gather, drift)
    more = pd.DataFrame(np.random.default_rng(0).random((len(gathered), 60), np.float32), gathered.index)
    many = gathered.join(more.add_prefix("column_"))

    figure = draw_drift(many, measure_drift(many, drift))

    assert len(figure.layout.annotations) == gathered.shape[1] - 3 + 60
