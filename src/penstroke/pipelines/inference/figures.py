"""Draw what inference shows."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from PIL import Image
from sklearn.base import ClassifierMixin

from penstroke.answers import features_of, form_of
from penstroke.pipelines.feature_engineering.images import straighten
from penstroke.pipelines.feature_engineering.nodes import enlarge_images
from penstroke.pipelines.reporting.figures import TEMPLATE
from penstroke.pixels import INK, to_images

from .parameters import Answers, Drawings
from .reading import read_picture

TILE, GAP, HEAD = 112, 12, 40  # sides of a picture, space between two, and above for the answer, pixels
PAIRS = 5  # in a row
BEHIND = 0.8  # grey that shows through what is transparent: light strokes stand out from it, and dark ones
LONGEST_NAME = 28


def draw_predictions(
    drawings: Mapping[str, Callable[[], bytes]],
    drawing_digits: Iterable[pd.DataFrame],
    predictions: pd.DataFrame,
    production_model: ClassifierMixin,
    *,
    frame: Drawings,
    answers: Answers,
) -> go.Figure:
    """Show the drawings with the answers, the least sure first: on the left as they are, on the right what was seen.

    Args:
        drawings: what gives the bytes of each file, by name.
        drawing_digits: tables of the images that they became.
        predictions: the answers.
        production_model: whose answers they are.
        frame: the limits for reading a file.
        answers: how many are shown.
    """
    shown = predictions.sort_values("confidence", kind="stable").head(answers.shown)
    digits = pd.concat([table[table.index.isin(shown.index)] for table in drawing_digits]).loc[shown.index]
    features = features_of(production_model)
    images = enlarge_images(to_images(form_of(production_model).scale(digits)), features)
    seen = straighten(images, features.deskew, features.centre)
    rows, cell = -(-len(shown) // PAIRS), (TILE + HEAD, 2 * TILE + 2 * GAP)
    sheet = np.full((rows * cell[0], PAIRS * cell[1], 3), INK, np.uint8)
    notes = []
    for place, (answer, image) in enumerate(zip(shown.itertuples(), seen, strict=True)):
        picture = read_picture(drawings[str(answer.Index)](), frame.most_pixels, TILE)
        top, left = place // PAIRS * cell[0] + HEAD, place % PAIRS * cell[1] + GAP
        on_grey = picture[..., :3] + BEHIND * (1 - picture[..., 3:])
        sheet[top : top + TILE, left : left + 2 * TILE] = np.hstack([_tile(on_grey), _tile(1 - image[..., None])])
        notes.append(_note(answer, left + TILE, top))
    figure = px.imshow(sheet) if rows else go.Figure()
    figure.update_traces(hoverinfo="skip", hovertemplate=None)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    title = f"{len(predictions)} drawings, {predictions['unsure'].sum()} not sure (red), the least sure first"
    return figure.update_layout(
        template=TEMPLATE,
        title={"text": f"{title}: as they are, and as the model sees them", "font": {"size": 16}},
        annotations=notes,
        height=120 + rows * cell[0],
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
        "font": {"size": 11, "color": "#c00000" if answer.unsure else "#4a4a4a"},
    }
