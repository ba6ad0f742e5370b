"""Figures that show digits. :func:`picture_nodes` makes them nodes of the pipelines."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from kedro.pipeline import Node
from PIL import Image
from pydantic import Field
from sklearn.base import ClassifierMixin

from kedro_guards.parameters import Parameters
from penstroke.plots import TEMPLATE, finish, row_spacing

from .extraction import describe_images
from .features import Features, enlarge_images
from .form import Form
from .frame import Drawings
from .images import oriented_gradients, straighten
from .layout import INK, scale_ink
from .pixels import to_images
from .reading import read_picture

GAP = 6  # pixels between the images of a mosaic
TILE, SPACE, HEAD = 112, 12, 40  # in pixels: side of a picture, space between two, space above for the prediction
PAIRS = 5  # pairs of pictures in a row
BEHIND = 0.8  # grey behind transparent pictures: light and dark strokes both stand out from it
IN_A_ROW, FACETS = 8, 5  # pictures in a row, and maps in a row
LONGEST_NAME = 28
ALARM, CALM = "#c00000", "#4a4a4a"


class Pictures(Parameters):
    """How much the figures show (``params:pictures``)."""

    gallery: int = Field(ge=1, le=200, description="digits in the figure of mistakes")
    occluded_per_class: int = Field(ge=1, le=1000, description="training digits per class in the evidence maps")
    patch: float = Field(gt=0, lt=1, description="side of the patch that hides a part, as a share of the image's side")
    positions: int = Field(ge=2, le=28, description="positions of the patch along each side")
    files: int = Field(ge=1, le=200, description="files on the contact sheet of predictions")


def picture_nodes(stage: str) -> list[Node]:
    """Return the nodes that draw digits for a stage: ``reporting``, ``inference`` or ``monitoring``."""
    drawn: dict[str, list[tuple[Callable[..., go.Figure], Any, str]]] = {
        "reporting": [
            (draw_mistakes, ["test_predictions", "digits", "champion_model", "params:pictures"], "mistakes_plot"),
            (draw_evidence, ["champion_model", "digits", "params:pictures"], "evidence_plot"),
            (draw_features, ["digits", "champion_model"], "features_plot"),
        ],
        "inference": [
            (
                draw_predictions,
                {
                    "files": "drawings",
                    "rows": "drawing_digits",
                    "predictions": "predictions",
                    "production_model": "production_model",
                    "reading": "params:drawings",
                    "pictures": "params:pictures",
                },
                "predictions_plot",
            )
        ],
        "monitoring": [(draw_oddest, ["oddest_digits", "drawing_digits"], "oddest_digits_plot")],
    }
    return [Node(draw, inputs=inputs, outputs=plot, name=draw.__name__) for draw, inputs, plot in drawn[stage]]


def draw_mistakes(
    test_predictions: pd.DataFrame, rows: pd.DataFrame, champion_model: ClassifierMixin, pictures: Pictures
) -> go.Figure:
    """Show wrong test rows, then right ones with the lowest confidence: the digit above, the model's view below it."""
    wrong = test_predictions["label"] != test_predictions["prediction"]
    order = test_predictions.assign(right=~wrong).sort_values(["right", "confidence"], kind="stable")
    shown = order.head(pictures.gallery)
    pairs = np.stack(_seen(rows.loc[shown.index], champion_model))
    columns = min(len(shown), IN_A_ROW)
    missing = -len(shown) % columns
    pairs = np.pad(pairs, ((0, 0), (0, missing), (0, 0), (0, 0)))
    down = pairs.shape[1] // columns
    by_row = pairs.reshape(2, down, columns, *pairs.shape[2:]).swapaxes(0, 1)
    figure = _mosaic(by_row.reshape(2 * down, columns, *pairs.shape[2:]))
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
    return finish(figure, title, "", "").update_layout(height=140 + 230 * down, margin={"l": 20, "r": 20, "b": 20})


def draw_evidence(champion_model: ClassifierMixin, rows: pd.DataFrame, pictures: Pictures) -> go.Figure:
    """Hide one part of training digits after another and draw how much the probability of the right class falls.

    Bright areas hold the evidence. The line is the outline of the mean digit of the class.

    Source: occlusion, Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
    section 4.2.
    """
    form, features = _view(champion_model)
    form.refuse_other_columns(rows)
    training = rows[rows["split"] == "train"]
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
    down = -(-len(groups) // FACETS)
    centres = [start + (long - 1) / 2 for start, long in zip(starts, patch, strict=True)]
    figure = px.imshow(
        maps,
        x=centres[1],
        y=centres[0],
        facet_col=0,
        facet_col_wrap=FACETS,
        color_continuous_scale="Viridis",
        facet_row_spacing=row_spacing(down, 0.12),
    )
    for place, group in enumerate(groups):
        outline = images[group].mean(axis=0)
        row, facet = divmod(place, FACETS)
        figure.add_contour(
            z=outline,
            contours={"start": INK / 2, "end": INK / 2, "size": 1, "coloring": "none"},
            line={"color": "white", "width": 2},
            showscale=False,
            showlegend=False,
            hoverinfo="skip",
            row=down - row,
            col=facet + 1,
        )
    figure.for_each_annotation(
        lambda note: note.update(text=f"class {champion_model.classes_[int(note.text.partition('=')[2])]}")
    )
    figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(showgrid=False, zeroline=False)
    figure.update_layout(coloraxis_colorbar_title="fall of the<br>probability")
    title = "Where the evidence lies: fall of the right class's probability when the patch there is hidden"
    return finish(figure, title, None, None).update_layout(height=280 * max(2, down))


def draw_features(rows: pd.DataFrame, champion_model: ClassifierMixin) -> go.Figure:
    """Show the first training digit of each class, the model's view of it, and its edges by direction and cell."""
    _, features = _view(champion_model)
    first = rows[rows["split"] == "train"].groupby("label").head(1).sort_values("label")
    enlarged, straight = _seen(first, champion_model)
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
    return finish(figure, title, None, "label").update_layout(height=90 * max(10, len(first)))


def draw_predictions(
    files: Mapping[str, Callable[[], bytes]],
    rows: Iterable[pd.DataFrame],
    predictions: pd.DataFrame,
    production_model: ClassifierMixin,
    *,
    reading: Drawings,
    pictures: Pictures,
) -> go.Figure:
    """Show drawings with their predictions, lowest confidence first: the file on the left, the model's view beside it.

    Args:
        files: by file name, a function that returns the bytes.
        rows: tables of the rows that were made from the files.
        predictions: the predictions for the rows.
        production_model: the model that made the predictions.
        reading: the limits for reading a file.
        pictures: sets how many files are shown.
    """
    shown = predictions.sort_values("confidence", kind="stable").head(pictures.files)
    found = pd.concat([table[table.index.isin(shown.index)] for table in rows]).loc[shown.index]
    _, seen = _seen(_scaled(found, _view(production_model)[0]), production_model)
    down, cell = -(-len(shown) // PAIRS), (TILE + HEAD, 2 * TILE + 2 * SPACE)
    sheet = np.full((down * cell[0], PAIRS * cell[1], 3), INK, np.uint8)
    notes = []
    for place, (answer, image) in enumerate(zip(shown.itertuples(), seen, strict=True)):
        picture = read_picture(files[str(answer.Index)](), reading.most_pixels, TILE)
        top, left = place // PAIRS * cell[0] + HEAD, place % PAIRS * cell[1] + SPACE
        on_grey = picture[..., :3] + BEHIND * (1 - picture[..., 3:])
        sheet[top : top + TILE, left : left + 2 * TILE] = np.hstack([_tile(on_grey), _tile(1 - image[..., None])])
        notes.append(_note(answer, left + TILE, top))
    figure = px.imshow(sheet) if down else go.Figure()
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    title = f"{len(predictions)} drawings, {predictions['unsure'].sum()} not sure (red), the least sure first"
    return figure.update_layout(
        template=TEMPLATE,
        title={"text": f"{title}: as they are, and as the model sees them", "font": {"size": 16}},
        annotations=notes,
        height=120 + down * cell[0],
        margin={"l": 10, "r": 10, "b": 10},
    )


def _tile(picture: np.ndarray) -> np.ndarray:
    """Fit a picture, (height, width, 1 or 3) from 0 to 1, into a white square: (TILE, TILE, 3) uint8."""
    image = Image.fromarray(
        np.rint(INK * np.clip(np.broadcast_to(picture, (*picture.shape[:2], 3)), 0, 1)).astype(np.uint8)
    )
    factor = TILE / max(image.size)
    size = [max(1, round(factor * side)) for side in image.size]
    image = image.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (TILE, TILE), "white")
    tile.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    return np.asarray(tile)


def _note(answer: Any, across: int, down: int) -> dict[str, Any]:
    name = str(answer.Index)
    short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return {
        "x": across,
        "y": down,
        "yanchor": "bottom",
        "text": f"{escape(short)}<br><b>{answer.prediction}</b>, {answer.confidence:.0%}",
        "hovertext": escape(name),
        "showarrow": False,
        "font": {"size": 11, "color": ALARM if answer.unsure else CALM},
    }


def draw_oddest(oddest_rows: pd.DataFrame, rows: Iterable[pd.DataFrame]) -> go.Figure:
    """Show the digits that are least like the reference, each with its prediction and its oddest column.

    Args:
        oddest_rows: the oddest row first: ``prediction``, ``confidence``, ``column`` and its ``value``. Its ``attrs``
            hold the ``form`` of the rows.
        rows: tables of the incoming rows.
    """
    title = f"The {len(oddest_rows)} digits that are least like the reference: prediction, and oddest column"
    figure, down = go.Figure(), -(-len(oddest_rows) // IN_A_ROW)
    if len(oddest_rows):
        found = pd.concat([part for table in rows if len(part := table[table.index.isin(oddest_rows.index)])])
        shown = _scaled(
            found[~found.index.duplicated()].loc[oddest_rows.index], Form.model_validate(oddest_rows.attrs["form"])
        )
        figure = px.imshow(
            to_images(shown),
            facet_col=0,
            facet_col_wrap=min(IN_A_ROW, len(oddest_rows)),
            facet_row_spacing=row_spacing(down, 0.08),
            color_continuous_scale="gray_r",
            zmin=0,
            zmax=INK,
        )
        figure.update_traces(hoverinfo="skip", hovertemplate=None).update_coloraxes(showscale=False)
        for note in figure.layout.annotations:  # the lowest row comes first
            note.update(_odd_note(oddest_rows.iloc[int(note.text.partition("=")[2])]))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return finish(figure, title).update_layout(height=180 + 210 * down, margin={"l": 20, "r": 20, "t": 140, "b": 20})


def _view(model: ClassifierMixin) -> tuple[Form, Features]:
    return Form.model_validate(model.form_), Features.model_validate(model.features_)


def _scaled(rows: pd.DataFrame, form: Form) -> pd.DataFrame:
    """Scale raw rows to 0 to 255 without rejecting any: this is for showing odd rows."""
    form.refuse_other_columns(rows)
    return pd.DataFrame(scale_ink(rows[form.columns].to_numpy(), form.full_ink), rows.index, form.columns)


def _seen(rows: pd.DataFrame, model: ClassifierMixin) -> tuple[np.ndarray, np.ndarray]:
    """Return accepted rows as enlarged images, and as the model sees them; both (n, height, width) from 0 to 1."""
    _, features = _view(model)
    enlarged = enlarge_images(to_images(rows), features)
    return enlarged, straighten(enlarged, features.deskew, features.centre)


def _probability(model: ClassifierMixin, images: np.ndarray, column: np.ndarray, features: Features) -> np.ndarray:
    described = describe_images(enlarge_images(images, features), features)
    return model.predict_proba(described)[np.arange(len(images)), column]


def _mosaic(images: np.ndarray) -> go.Figure:
    """Arrange images, (rows, columns, height, width) from 0 to 1, in one picture with dark ink on white paper."""
    rows, columns, height, width = images.shape
    framed = np.pad(images, ((0, 0), (0, 0), (GAP, 0), (GAP, 0)))
    whole = framed.swapaxes(1, 2).reshape(rows * (height + GAP), columns * (width + GAP))
    paper = (INK - INK * np.clip(whole, 0, 1)).astype(np.uint8)
    figure = px.imshow(paper, binary_string=True)
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def _odd_note(row: pd.Series) -> dict[str, Any]:
    name = str(row.name)
    short = name if len(name) <= LONGEST_NAME / 2 else f"{name[: LONGEST_NAME // 2]}…"
    answer = f"<b>{row['prediction']}</b>, {row['confidence']:.0%}"
    return {
        "text": f"{escape(short)}<br>{answer}<br>{row['column']} {row['value']:.2f}",
        "hovertext": escape(name),
        "font": {"size": 11, "color": CALM},
    }
