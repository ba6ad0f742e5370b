"""Draw how the distributions of columns have changed."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from pandas.api.types import is_string_dtype

from penstroke.plots import finish, row_spacing

from .nodes import NOT_COMPARED, each_column, tables_of

SHARES = np.linspace(0, 1, 101)
COLUMNS = 4  # subplots in a row
ALARM, CALM = "#c00000", "#4a4a4a"


def draw_drift(compared_rows: pd.DataFrame | Iterable[pd.DataFrame], drift_scores: dict[str, Any]) -> go.Figure:
    """Draw the cumulative distribution of each column in the reference and now, the most drifted column first.

    The largest vertical gap between the two lines is the Kolmogorov-Smirnov statistic.
    """
    scores, alarms, tables = drift_scores, drift_scores["alarms"], tables_of(compared_rows)
    names = [str(name) for name in tables[0] if name not in NOT_COMPARED]
    order = sorted(names, key=lambda name: -scores.get(f"psi_{name}", 0))
    down = -(-len(order) // COLUMNS)
    lines = [
        pd.DataFrame(
            {"value": np.quantile(values, SHARES, method="inverted_cdf"), "share": SHARES, "rows": when, "column": name}
        )
        for name, then, now in each_column(tables, order)
        for when, values in zip(("then", "now"), _as_numbers(then, now), strict=True)
        if len(values)
    ]
    figure = px.line(
        pd.concat(lines),
        x="value",
        y="share",
        color="rows",
        facet_col="column",
        facet_col_wrap=COLUMNS,
        facet_row_spacing=row_spacing(down, 0.09),
        line_shape="hv",
        color_discrete_map={"then": "#9a9a9a", "now": "#1f77b4"},
    )
    for note in figure.layout.annotations:
        name = note.text.partition("=")[2]
        psi = f": PSI {round(scores[f'psi_{name}'], 2) + 0:.2f}" if scores["judged"] else ""
        note.update(text=f"{name}{psi}", font={"size": 12, "color": ALARM if name in alarms else CALM})
    figure.update_xaxes(matches=None, showticklabels=True, title="").update_yaxes(title="")
    judgement = f"{len(alarms)} alarms (red)" if scores["judged"] else "too few to judge"
    title = f"{scores['rows']} rows and {scores['reference_rows']} reference rows: {judgement}"
    return finish(figure, f"{title}; share of rows up to each value").update_layout(
        height=140 + 190 * down, legend_title=""
    )


def _as_numbers(then: pd.Series, now: pd.Series) -> list[np.ndarray]:
    """Return values as numbers; classes of text are replaced by their positions."""
    if is_string_dtype(then):
        known = pd.Index(sorted({*then, *now}))
        return [known.get_indexer(values) for values in (then, now)]
    return [values.to_numpy(float) for values in (then, now)]
