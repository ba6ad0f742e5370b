"""What all figures have in common."""

import plotly.graph_objects as go

TEMPLATE = "plotly_white"


def finish(figure: go.Figure, title: str, across: str | None = None, up: str | None = None) -> go.Figure:
    """Give a figure its title and those of its axes, which stay as they are where there are none."""
    figure.update_layout(template=TEMPLATE, title={"text": title, "font": {"size": 16}})
    if across is not None:
        figure.update_xaxes(title=across)
    if up is not None:
        figure.update_yaxes(title=up)
    return figure


def row_spacing(rows: int, wanted: float) -> float:
    """Give the space between two rows of a figure, a share of its height: less than is wanted where rows are many."""
    return min(wanted, 0.5 / max(rows, 1))
