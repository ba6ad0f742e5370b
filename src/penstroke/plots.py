"""Layout shared by all figures."""

import plotly.graph_objects as go

TEMPLATE = "plotly_white"


def finish(figure: go.Figure, title: str, across: str | None = None, up: str | None = None) -> go.Figure:
    """Set the title and axis titles of a figure; an axis title of None keeps the present one."""
    figure.update_layout(template=TEMPLATE, title={"text": title, "font": {"size": 16}})
    if across is not None:
        figure.update_xaxes(title=across)
    if up is not None:
        figure.update_yaxes(title=up)
    return figure


def row_spacing(rows: int, wanted: float) -> float:
    """Return the spacing between subplot rows, as a share of the figure's height; smaller if there are many rows."""
    return min(wanted, 0.5 / max(rows, 1))
