"""Draw what monitoring shows: how columns have moved, and the digits that moved most."""

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from penstroke.pipelines.data_processing.parameters import Cleaning
from penstroke.pipelines.reporting.figures import TEMPLATE
from penstroke.pixels import INK, scale_ink, to_images

from .nodes import NOT_COMPARED, split_sources
from .parameters import Drift

SHARES = np.linspace(0, 1, 101)
COLUMNS, PICTURES = 4, 8  # in a row
LONGEST_NAME = 16
ALARM, CALM = "#c00000", "#4a4a4a"


def draw_drift(compared_digits: pd.DataFrame, drift_scores: dict[str, Any]) -> go.Figure:
    """Draw for each column the share of rows up to each value, then and now, the most drifted first.

    The largest gap between two lines, up or down, is the statistic of Kolmogorov and Smirnov.
    """
    scores, alarms = drift_scores, drift_scores["alarms"]
    names = [str(name) for name in compared_digits if name not in NOT_COMPARED]
    order = sorted(names, key=lambda name: -scores.get(f"psi_{name}", 0))
    parts = dict(zip(("then", "now"), split_sources(compared_digits), strict=True))
    lines = [
        pd.DataFrame(
            {"value": np.quantile(values, SHARES, method="inverted_cdf"), "share": SHARES, "rows": when, "column": name}
        )
        for name in order
        for when, part in parts.items()
        if len(values := part[name].dropna().to_numpy(float))
    ]
    figure = px.line(
        pd.concat(lines),
        x="value",
        y="share",
        color="rows",
        facet_col="column",
        facet_col_wrap=COLUMNS,
        facet_row_spacing=0.09,
        line_shape="hv",
        color_discrete_map={"then": "#9a9a9a", "now": "#1f77b4"},
    )
    for note in figure.layout.annotations:
        name = note.text.partition("=")[2]
        psi = f": PSI {round(scores[f'psi_{name}'], 2) + 0:.2f}" if scores["judged"] else ""
        note.update(text=f"{name}{psi}", font={"size": 12, "color": ALARM if name in alarms else CALM})
    figure.update_xaxes(matches=None, showticklabels=True, title="").update_yaxes(title="")
    judgement = f"{len(alarms)} alarms (red)" if scores["judged"] else "too few to judge"
    title = f"{scores['rows']} rows and {scores['reference_rows']} that the model came from: {judgement}"
    return figure.update_layout(
        template=TEMPLATE,
        title={"text": f"{title}; share of rows up to each value", "font": {"size": 16}},
        height=140 + 190 * -(-len(order) // COLUMNS),
        legend_title="",
    )


def draw_drifted_digits(
    compared_digits: pd.DataFrame,
    drawing_digits: Iterable[pd.DataFrame],
    drift_scores: dict[str, Any],
    cleaning: Cleaning,
    drift: Drift,
) -> go.Figure:
    """Show the digits that are least like the reference, each with its answer and its oddest column.

    Args:
        compared_digits: the reference, and what came in.
        drawing_digits: tables of what came in, pixels from 0 to ``cleaning.full_ink``.
        drift_scores: with ``alarms``; where there are some, their columns alone count.
        cleaning: the value of full ink.
        drift: how many are shown.
    """
    oddness = measure_oddness(compared_digits, drift_scores["alarms"])
    order = oddness.mean(axis=1).sort_values(ascending=False, kind="stable")
    order = order[~order.index.duplicated()].head(drift.shown)
    found = [table[table.index.isin(order.index)] for table in drawing_digits]
    digits = pd.concat([table for table in found if len(table)] or found[:1])  # others may have another form
    images = scale_ink(to_images(digits[~digits.index.duplicated()].loc[order.index]), cleaning.full_ink)
    title = f"The {len(order)} of {drift_scores['rows']} digits that are least like those the model came from"
    figure = go.Figure()
    if len(order):
        figure = px.imshow(
            images,
            facet_col=0,
            facet_col_wrap=min(PICTURES, len(order)),
            facet_row_spacing=0.08,
            color_continuous_scale="gray_r",
            zmin=0,
            zmax=INK,
        )
        figure.update_traces(hoverinfo="skip", hovertemplate=None).update_coloraxes(showscale=False)
        _, incoming = split_sources(compared_digits)
        shown = incoming[~incoming.index.duplicated()].loc[order.index]
        for note in figure.layout.annotations:  # the lowest row comes first
            row = shown.iloc[int(note.text.partition("=")[2])]
            note.update(_note(row, str(oddness.loc[[row.name]].iloc[0].idxmax())))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.update_layout(
        template=TEMPLATE,
        title={"text": f"{title}: answer, and what is oddest", "font": {"size": 16}},
        height=180 + 210 * -(-len(order) // PICTURES),
        margin={"l": 20, "r": 20, "t": 140, "b": 20},
    )


def measure_oddness(compared_digits: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Say of each row that came in how odd its values are among the reference.

    Args:
        compared_digits: the reference, and what came in.
        columns: which count; where none is of what was compared, all do.

    Returns:
        A row for each row that came in: minus the decimal logarithm of the share of reference digits that lie as far
        out or further, on either side; 0 in the middle, at most the logarithm of their number.
    """
    names = [name for name in compared_digits if name not in (*NOT_COMPARED, "prediction")]
    reference, incoming = split_sources(compared_digits)
    odd = {}
    for name in [name for name in names if name in columns] or names:
        known, values = np.sort(reference[name].dropna()), incoming[name].to_numpy()
        below, above = np.searchsorted(known, values, "right"), len(known) - np.searchsorted(known, values, "left")
        odd[name] = -np.log10(np.clip(2 * np.minimum(below, above) / len(known), 1 / len(known), 1))
    return pd.DataFrame(odd, incoming.index)


def _note(row: pd.Series, oddest: str) -> dict[str, Any]:
    name = str(row.name)
    short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return {
        "text": f"{escape(short)}<br><b>{row['prediction']}</b>, {row['confidence']:.0%}<br>{oddest} {row[oddest]:.2f}",
        "hovertext": escape(name),
        "font": {"size": 11, "color": CALM},
    }
