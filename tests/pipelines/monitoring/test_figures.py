import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from penstroke.pipelines.monitoring.figures import draw_drift
from penstroke.pipelines.monitoring.nodes import measure_drift

from ...seam import CLASSES
from .conftest import COLUMN, VERSION, answers_to, profile_of


@pytest.fixture(scope="module")
def fresh(halves):
    return halves[1].head(120)


def _compared(fresh, gather, drift, **answers):
    gathered = gather(fresh, answers_to(fresh).assign(**answers))
    return gathered, measure_drift(gathered, drift)


def test_every_column_is_drawn_then_and_now_and_alarms_in_red(fresh, gather, drift):
    gathered, scores = _compared(fresh, gather, drift, confidence=0.5)
    figure = draw_drift(gathered, scores)

    titles = {note.text.partition(":")[0]: note for note in figure.layout.annotations}
    assert set(titles) == {name[4:] for name in scores if name.startswith("psi_")}
    first = min(titles.values(), key=lambda note: (-note.y, note.x))
    assert first.text.startswith(f"{max(titles, key=lambda name: scores[f'psi_{name}'])}:")
    assert {name for name, note in titles.items() if note.font.color == "#c00000"} == set(scores["alarms"])
    assert len(figure.data) == 2 * len(titles)
    assert len(json.dumps(figure.to_plotly_json(), default=list)) < 500_000  # however many the rows


def test_a_line_ends_at_the_least_and_the_greatest_value(fresh, gather, drift):
    gathered, scores = _compared(fresh, gather, drift)
    drawn = [(min(trace.x), max(trace.x), trace.y[0], trace.y[-1]) for trace in draw_drift(gathered, scores).data]

    for _, rows in gathered.groupby("source"):
        assert (rows[COLUMN].min(), rows[COLUMN].max(), 0, 1) in drawn


def test_a_figure_without_rows_says_so(fresh, gather, drift):
    figure = draw_drift(*_compared(fresh.head(0), gather, drift))

    assert isinstance(figure, go.Figure)
    assert "too few to judge" in figure.layout.title.text


def test_classes_of_text_are_drawn_by_their_places(halves, gather, drift):
    names = [f"{place} in/words" for place in range(len(CLASSES))]
    then = halves[0].assign(label=[names[CLASSES.index(label)] for label in halves[0]["label"]])
    now = halves[1].head(200).assign(label=names[1])

    gathered = gather(now, profiles={VERSION: lambda: profile_of(then, classes=names)})
    figure = draw_drift(gathered, measure_drift(gathered, drift))

    (place,) = [note for note in figure.layout.annotations if note.text.startswith("prediction")]
    assert place.font.color == "#c00000"
    ranges = [(min(trace.x), max(trace.x)) for trace in figure.data]
    assert (0, len(CLASSES) - 1) in ranges
    assert (1, 1) in ranges


def test_any_number_of_columns_is_drawn(fresh, gather, drift):
    gathered, _ = _compared(fresh, gather, drift)
    more = pd.DataFrame(np.random.default_rng(0).random((len(gathered), 60), np.float32), gathered.index)
    many = gathered.join(more.add_prefix("column_"))

    figure = draw_drift(many, measure_drift(many, drift))

    assert len(figure.layout.annotations) == gathered.shape[1] - 3 + 60
