"""Draw the figures of ``docs/figures.md`` as pictures: ``python -m benchmarks.pictures``.

They show what the benchmarks stored in ``benchmarks/results``. A picture's name ends with a sum of the rows that it
shows, so that a test finds an old one. Chromium draws on a transparent ground, which suits light and dark pages.
"""

import base64
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import plotly
import plotly.express as px
import plotly.graph_objects as go
from tests.browser import chromium

from .project import RESULTS, ROOT

PAGE, PICTURES = ROOT / "docs/figures.md", ROOT / "docs/images/figures"
WIDTH, HEIGHT = 760, 420
DRAW = """
const [figure, width, height, answer] = arguments;
const axis = {gridcolor: "#80808040", zerolinecolor: "#80808080", linecolor: "#80808080", automargin: true};
const clear = {paper_bgcolor: "#0000", plot_bgcolor: "#0000", font: {color: "#7f7f7f", size: 14}, autosize: false};
Object.assign(figure.layout, clear, {width, height: figure.layout.height || height});
Object.assign((figure.layout.template ||= {}).layout ||= {}, {xaxis: axis, yaxis: axis});
Plotly.toImage(figure, {format: "webp", width, height: figure.layout.height, scale: 1.5}).then(answer, answer);
"""


def main() -> None:
    """Draw all pictures, and have the page show them."""
    shown = {picture_of(name): draw(_rows(name)) for name, draw in PICTURED.items()}
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.iterdir():
        old.unlink()
    write_pictures({PICTURES / picture: json.loads(figure.to_json()) for picture, figure in shown.items()})
    page = PAGE.read_text(encoding="utf-8")
    for picture in shown:
        page = re.sub(rf"{picture.partition('-')[0]}-[0-9a-f]+\.webp", picture, page)
    PAGE.write_text(page, encoding="utf-8")


def write_pictures(figures: Mapping[Path, Any]) -> None:
    """Write each Plotly figure, given as JSON, to a file in the format WebP."""
    with chromium() as chrome:
        chrome.get("about:blank")
        chrome.execute_script((Path(plotly.__file__).parent / "package_data/plotly.min.js").read_text(encoding="utf-8"))
        for place, figure in figures.items():
            image = chrome.execute_async_script(DRAW, figure, WIDTH, HEIGHT)
            place.write_bytes(base64.b64decode(image.partition("base64,")[2]))
            print(f"wrote {place.relative_to(ROOT)}")


def picture_of(name: str) -> str:
    """Return the name of the picture that shows the present rows of a benchmark."""
    return f"{name}-{sha256(_rows(name).to_json().encode()).hexdigest()[:8]}.webp"


def _rows(name: str) -> pd.DataFrame:
    return pd.DataFrame(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"])


def draw_growth(rows: pd.DataFrame) -> go.Figure:
    """Draw the CPU seconds of each stage against the rows, on scales where a straight line is a power."""
    sizes = {f"user_s_{size}k": size * 1000 for size in (10, 30, 100, 300)}
    long = rows.melt("stage", list(sizes), "rows", "CPU seconds").replace({"rows": sizes}).dropna()
    figure = px.line(long, x="rows", y="CPU seconds", color="stage", log_x=True, log_y=True, markers=True)
    return figure.update_yaxes(dtick=1).update_xaxes(tickvals=list(sizes.values()))


def draw_table(rows: pd.DataFrame) -> go.Figure:
    """Draw errors against the cost of fitting."""
    names = {"fit_cpu_s": "CPU seconds to fit", "error_percent": "errors, %", "input": "sees"}
    figure = px.scatter(rows, x="fit_cpu_s", y="error_percent", text="method", color="input", log_x=True, labels=names)
    sides = ["middle right" if cost < 1 else "middle left" for cost in rows[rows["input"] == "pixels"]["fit_cpu_s"]]
    figure.update_traces(textposition="top center", cliponaxis=False)
    return figure.update_traces(textposition=sides, selector={"name": "pixels"}).update_xaxes(dtick=1)


def draw_sure(rows: pd.DataFrame) -> go.Figure:
    """Draw how many sure answers are wrong against how many are sure."""
    names = {"sure": "sure, %", "wrong_of_sure": "wrong of the sure, %"}
    figure = px.line(rows, x="sure", y="wrong_of_sure", color="champion of", text="sure_from", labels=names)
    return figure.update_traces(mode="lines+markers+text", textposition="top left", cliponaxis=False)


def draw_drift(rows: pd.DataFrame) -> go.Figure:
    """Draw the range of the largest stability index for each kind of incoming rows, and the limit of an alarm."""
    width, kind = rows["highest_psi"] - rows["lowest_psi"], rows["champion of"] + ": " + rows["what came in"]
    known = {"x": "highest_psi", "y": kind, "color": "champion of", "error_x": 0 * width, "error_x_minus": width}
    figure = px.scatter(rows, **known, log_x=True)
    figure.add_vline(0.25, line={"dash": "dot", "color": "grey"}, annotation_text="alarm above")
    figure.update_xaxes(dtick=1, title="largest PSI of any column").update_yaxes(title="", autorange="reversed")
    return figure.update_layout(height=560, showlegend=False)


def draw_serving(rows: pd.DataFrame) -> go.Figure:
    """Draw the latency of each server under the loads that all servers had."""
    loads = rows.groupby("load")["server"].nunique()
    rows = rows[rows["load"].isin(loads.index[loads == loads.max()])]
    rows = rows.rename(columns={"p50_ms": "median", "p99_ms": "99 of 100"})
    long = rows.melt(["server", "load"], ["median", "99 of 100"], "answers", "ms")
    shape = {"facet_col": "load", "facet_col_wrap": 1, "facet_row_spacing": 0.1}
    figure = px.scatter(long, x="ms", y="server", symbol="answers", color="answers", log_x=True, **shape)
    figure.for_each_annotation(lambda note: note.update(text=note.text.partition("=")[2]))
    figure.update_xaxes(dtick=1).update_yaxes(title="", autorange="reversed")
    return figure.update_traces(marker_size=10).update_layout(height=700)


PICTURED = {
    "growth": draw_growth,
    "table": draw_table,
    "sure": draw_sure,
    "drift": draw_drift,
    "serving": draw_serving,
}

if __name__ == "__main__":
    main()
