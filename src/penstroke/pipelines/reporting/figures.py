"""Draw what the report shows, as Plotly figures: they open in Kedro-Viz, in a notebook and in a browser."""

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from sklearn.base import ClassifierMixin
from sklearn.metrics import confusion_matrix

from penstroke.answers import form_of
from penstroke.pipelines.feature_engineering.images import oriented_gradients, straighten
from penstroke.pipelines.feature_engineering.nodes import describe_images, enlarge_images
from penstroke.pipelines.feature_engineering.parameters import Features
from penstroke.pixels import INK, to_images

from .nodes import bin_by_confidence
from .parameters import Pictures, Scoring

TEMPLATE = "plotly_white"


def draw_confusion(test_predictions: pd.DataFrame) -> go.Figure:
    """Count the test rows by label and answer; the colour leaves out the right ones, so that mistakes can be seen."""
    classes = sorted(set(test_predictions["label"]) | set(test_predictions["prediction"]))
    counts = confusion_matrix(test_predictions["label"], test_predictions["prediction"], labels=classes)
    mistakes = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    figure = px.imshow(
        mistakes,
        x=list(map(str, classes)),
        y=list(map(str, classes)),
        color_continuous_scale="Reds",
        zmin=0,
        zmax=max(1, mistakes.max()),
    )
    figure.update_traces(
        text=counts,
        texttemplate="%{text}",
        hovertemplate="label %{y}, answer %{x}: %{text} rows<extra></extra>",
    )
    figure.update_coloraxes(showscale=False).update_xaxes(dtick=1).update_yaxes(dtick=1)
    return _finish(figure, "Labels and answers of the test rows", "answer", "label")


def draw_calibration(test_predictions: pd.DataFrame, scoring: Scoring) -> go.Figure:
    """Draw accuracy against confidence; a calibrated model lies on the diagonal, the size of a point is its rows."""
    bins = bin_by_confidence(test_predictions, scoring.calibration_bins)
    figure = px.scatter(bins, x="confidence", y="accuracy", size="rows", text="rows", size_max=40)
    figure.update_traces(textposition="bottom center")
    figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot", "color": "grey"})
    figure.update_xaxes(range=[0, 1.05]).update_yaxes(range=[0, 1.1])
    return _finish(
        figure,
        "Confidence and accuracy of the test rows",
        "mean confidence of the bin",
        "share that is right",
    )


def draw_leaderboard(search_results: pd.DataFrame, leaderboard: pd.DataFrame) -> go.Figure:
    """Draw the accuracy of each contender's best combination in every fold, and its mean."""
    folds = leaderboard[["contender", "parameters"]].merge(search_results, on=["contender", "parameters"])
    figure = px.scatter(folds, x="accuracy", y="contender", hover_data=["fold", "parameters"], opacity=0.5)
    figure.add_scatter(
        x=leaderboard["accuracy_mean"],
        y=leaderboard["contender"],
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 24, "color": "grey", "line": {"width": 3}},
        hovertemplate="mean %{x:.4f}<extra></extra>",
    )
    figure.update_layout(showlegend=False).update_yaxes(autorange="reversed").update_xaxes(tickformat=".1%")
    return _finish(
        figure,
        "Contenders in cross-validation: folds (dots) and mean (bar)",
        "accuracy on the left-out fold",
        "",
    )


def draw_mistakes(
    test_predictions: pd.DataFrame, digits: pd.DataFrame, features: Features, pictures: Pictures
) -> go.Figure:
    """Show the wrong test rows, then the least sure right ones: above the digit, below what the model saw of it."""
    wrong = test_predictions["label"] != test_predictions["prediction"]
    order = test_predictions.assign(right=~wrong).sort_values(["right", "confidence"], kind="stable")
    shown = order.head(pictures.gallery)
    enlarged = enlarge_images(to_images(digits.loc[shown.index]), features)
    pairs = np.stack([enlarged, straighten(enlarged, features.deskew, features.centre)])
    columns = min(len(shown), 8)
    missing = -len(shown) % columns
    pairs = np.pad(pairs, ((0, 0), (0, missing), (0, 0), (0, 0)))
    rows = pairs.shape[1] // columns
    by_row = (
        pairs.reshape(2, rows, columns, *pairs.shape[2:]).swapaxes(0, 1).reshape(2 * rows, columns, *pairs.shape[2:])
    )
    figure = _mosaic(by_row)
    height, width = pairs.shape[2] + GAP, pairs.shape[3] + GAP
    for place, answer in enumerate(shown.itertuples()):
        row, column = divmod(place, columns)
        figure.add_annotation(
            x=(column + 0.5) * width,
            y=2 * row * height + GAP / 2,
            text=f"{answer.label} → {answer.prediction}, {answer.confidence:.0%}",
            hovertext=str(answer.Index),
            showarrow=False,
            font={"size": 11, "color": "#7a7a7a" if answer.right else "#c00000"},
        )
    title = f"{wrong.sum()} mistakes (red), then the least sure: label → answer, confidence; below, what the model saw"
    return _finish(figure, title, "", "").update_layout(height=140 + 230 * rows, margin={"l": 20, "r": 20, "b": 20})


def draw_evidence(
    champion_model: ClassifierMixin, digits: pd.DataFrame, features: Features, pictures: Pictures
) -> go.Figure:
    """Hide one part of training digits after the other and draw how far the right class's probability falls.

    Bright is where the evidence lies; the line goes round the ink of the mean digit of that class.

    Source: occlusion, Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
    section 4.2.
    """
    form_of(champion_model).refuse_other_columns(digits)
    training = digits[digits["split"] == "train"]
    shown = training.groupby("label").head(pictures.occluded_per_class).sort_values("label", kind="stable")
    images = to_images(shown)
    height, width = images.shape[1:]
    patch = [max(1, round(pictures.patch * side)) for side in (height, width)]
    starts = [
        np.linspace(0, side - long, pictures.positions).round().astype(int)
        for side, long in zip((height, width), patch, strict=True)
    ]
    places = [(top, left) for top in starts[0] for left in starts[1]]
    hidden = np.repeat(images[:, None], len(places), axis=1)
    for place, (top, left) in enumerate(places):
        hidden[:, place, top : top + patch[0], left : left + patch[1]] = 0
    column = np.searchsorted(champion_model.classes_, shown["label"])
    whole = _probability(champion_model, images, column, features)
    part = _probability(champion_model, hidden.reshape(-1, height, width), np.repeat(column, len(places)), features)
    fall = (whole[:, None] - part.reshape(len(images), -1)).reshape(-1, pictures.positions, pictures.positions)
    groups = [np.flatnonzero(shown["label"] == name) for name in champion_model.classes_]
    maps = np.stack([fall[group].mean(axis=0) for group in groups])
    centres = [start + (long - 1) / 2 for start, long in zip(starts, patch, strict=True)]
    figure = px.imshow(
        maps,
        x=centres[1],
        y=centres[0],
        facet_col=0,
        facet_col_wrap=5,
        color_continuous_scale="Viridis",
        facet_row_spacing=0.12,
    )
    for place, group in enumerate(groups):
        outline = images[group].mean(axis=0)
        row, facet = divmod(place, 5)
        figure.add_contour(
            z=outline,
            contours={"start": INK / 2, "end": INK / 2, "size": 1, "coloring": "none"},
            line={"color": "white", "width": 2},
            showscale=False,
            showlegend=False,
            hoverinfo="skip",
            row=-(-len(groups) // 5) - row,
            col=facet + 1,
        )
    figure.for_each_annotation(
        lambda note: note.update(text=f"class {champion_model.classes_[int(note.text.partition('=')[2])]}")
    )
    figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(showgrid=False, zeroline=False)
    figure.update_layout(coloraxis_colorbar_title="fall of the<br>probability")
    title = "Where the evidence lies: fall of the right class's probability when the patch there is hidden"
    return _finish(figure, title, None, None).update_layout(height=560)


def draw_features(digits: pd.DataFrame, features: Features) -> go.Figure:
    """Show the first training digit of each class, what the model sees of it, and its edges by direction and cell."""
    first = digits[digits["split"] == "train"].groupby("label").head(1).sort_values("label")
    enlarged = enlarge_images(to_images(first), features)
    straight = straighten(enlarged, features.deskew, features.centre)
    gradients = oriented_gradients(straight, features.directions, features.grid, features.pooling_width)
    fine = np.kron(
        gradients / gradients.max(),
        np.ones((1, 1, -(-straight.shape[1] // features.grid), -(-straight.shape[2] // features.grid))),
    )
    maps = fine[:, :, : straight.shape[1], : straight.shape[2]]
    figure = _mosaic(np.concatenate([enlarged[:, None], straight[:, None], maps], axis=1))
    height, width = straight.shape[1] + GAP, straight.shape[2] + GAP
    degrees = [f"{round(360 * direction / features.directions)}°" for direction in range(features.directions)]
    names = ["digit", "seen", *degrees]
    figure.update_xaxes(
        visible=True,
        tickvals=[(place + 0.5) * width for place in range(len(names))],
        ticktext=names,
    )
    figure.update_yaxes(
        visible=True,
        tickvals=[(place + 0.5) * height for place in range(len(first))],
        ticktext=first["label"].astype(str),
    )
    title = "A digit of each class, what the model sees of it, and how much edge of each direction lies in each cell"
    return _finish(figure, title, None, "label").update_layout(height=900)


GAP = 6  # pixels between the images of a mosaic


def _probability(model: ClassifierMixin, images: np.ndarray, column: np.ndarray, features: Features) -> np.ndarray:
    described = describe_images(enlarge_images(images, features), features)
    return model.predict_proba(described)[np.arange(len(images)), column]


def _mosaic(images: np.ndarray) -> go.Figure:
    """Lay images, (rows, columns, height, width) from 0 to 1, out as one picture with dark ink on white paper."""
    rows, columns, height, width = images.shape
    framed = np.pad(images, ((0, 0), (0, 0), (GAP, 0), (GAP, 0)))
    whole = framed.swapaxes(1, 2).reshape(rows * (height + GAP), columns * (width + GAP))
    paper = (INK - INK * np.clip(whole, 0, 1)).astype(np.uint8)
    figure = px.imshow(paper, binary_string=True)
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _finish(figure: go.Figure, title: str, across: str | None, up: str | None) -> go.Figure:
    figure.update_layout(template=TEMPLATE, title={"text": title, "font": {"size": 16}})
    if across is not None:
        figure.update_xaxes(title=across)
    if up is not None:
        figure.update_yaxes(title=up)
    return figure
