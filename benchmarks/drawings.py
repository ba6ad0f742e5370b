"""How well are drawings read, how often surely? ``PENSTROKE_MNIST=folder python -m benchmarks.drawings``.

Each champion predicts files: drawings of seeded hands (:mod:`benchmarks.hand`), MNIST's test images as they are and as
photographs of paper, and the shipped test digits drawn large. These seeds and rows were not used for any choice. The
second table was used to choose ``answers.sure_from``: out-of-fold predictions of training rows, in folds of
neighbouring rows.

``python -m benchmarks.drawings FOLDER`` draws the samples of ``data/01_raw/drawings`` into a folder.
"""

import sys
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.model_selection import KFold

from penstroke.answers import answer_rows, ask
from penstroke.domain.pixels import to_images
from penstroke.pipelines.data_science.nodes import fit_champion
from penstroke.pipelines.inference.reading import read_rows

from .hand import STYLES, draw, photograph
from .project import keep, load_project, mnist_folder, run_in_memory

HANDS = range(90_000, 90_003)  # seeds that nothing was chosen by, as are the rows below
MNIST_ROWS = slice(67_000, 69_000)  # of MNIST, among its test images
MADE = ("champion_model", "training_rows", "champion_settings", "digits", "digit_form")
SURE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
SAMPLES = (
    (0, "brush"),
    (1, "squared"),
    (2, "chalk"),
    (3, "pencil"),
    (4, "ballpoint"),
    (5, "photo"),
    (6, "deep"),
    (7, "marker"),
    (8, "transparent"),
    (9, "turned"),
    (2, "ballpoint"),
    (6, "pencil"),
    (7, "tiny"),
    (9, "chalk"),
)


def main(folder: str) -> None:
    """Print and store both tables."""
    (raw_digits, parameters), (raw_mnist, mnist_parameters) = load_project(), load_project("mnist", source=folder)
    made = run_in_memory(raw_digits, parameters, *MADE)
    made_of_mnist = run_in_memory(raw_mnist, mnist_parameters, *MADE)
    mnist = raw_mnist.iloc[MNIST_ROWS]
    shipped = made["digits"].query("split == 'test'")
    generator = np.random.default_rng(HANDS[0])
    sets = {
        "drawn by hands": [draw(digit, style, seed) for digit in range(10) for style in STYLES for seed in HANDS],
        "MNIST test images, as files": list(map(_file, mnist["label"], to_images(mnist))),
        "MNIST test images, photographed": [
            (label, photograph(_large(image, 300), generator)[1])
            for label, image in zip(mnist["label"], to_images(mnist), strict=True)
        ],
        "shipped test digits, drawn large": [
            _file(label, np.rint(255 * (1 - _large(image, 240))).astype(np.uint8))
            for label, image in zip(shipped["label"], to_images(shipped), strict=True)
        ],
    }
    rows = [
        {"champion of": name, "drawings": what} | _score(files, model["champion_model"], chosen)
        for name, model, chosen in (("digits", made, parameters), ("MNIST", made_of_mnist, mnist_parameters))
        for what, files in sets.items()
    ]
    keep("drawings", pd.DataFrame(rows))
    sure = _sure("digits", made, parameters, folds=13) + _sure("MNIST", made_of_mnist, mnist_parameters, folds=2)
    keep("sure", pd.DataFrame(sure))


def write_samples(folder: Path) -> None:
    """Draw the samples; their names begin with the digit."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (digit, style) in enumerate(SAMPLES):
        drawing = draw(digit, style, seed)
        (folder / f"{digit}_{style}.{drawing.suffix}").write_bytes(drawing.content)


def _file(label: int, image: np.ndarray) -> tuple[int, bytes]:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return label, file.getvalue()


def _large(image: np.ndarray, side: int) -> np.ndarray:
    """Enlarge a digit's image to half of a sheet, (side, side) from 0 (paper) to 1 (ink)."""
    large = Image.fromarray(image.astype(np.uint8)).resize((side // 2, side // 2), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(large, np.float32) / image.max(), side // 4)


def _score(files: Iterable[tuple[Any, ...]], model: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    labels = {str(place): file[0] for place, file in enumerate(files)}
    contents = {name: lambda content=file[-1]: content for name, file in zip(labels, files, strict=True)}
    digits, _ = read_rows(contents, model, parameters["drawings"])
    answered = answer_rows(digits, model, parameters["answers"]).reindex(labels)
    right = answered["prediction"] == pd.Series(labels)
    sure = answered["unsure"].eq(False)
    return {
        "files": len(labels),
        "rejected": int(answered["prediction"].isna().sum()),
        "right": round(100 * right.mean(), 2),
        "sure": round(100 * sure.mean(), 2),
        "right_of_sure": round(100 * right[sure].mean(), 2),
    }


def _sure(name: str, made: dict[str, Any], parameters: dict[str, Any], folds: int) -> list[dict[str, Any]]:
    rows, answers = made["training_rows"], []
    for taught, left_out in KFold(folds).split(rows):
        model = fit_champion(
            rows.iloc[taught],
            made["champion_settings"],
            parameters["final_fit"],
            parameters["features"],
            made["digit_form"],
        )
        answers.append(ask(model, rows.iloc[left_out].drop(columns="label"), parameters["answers"].chunk_rows))
    answered = pd.concat(answers)
    wrong = answered["prediction"] != rows["label"]
    return [
        {
            "champion of": name,
            "sure_from": least,
            "sure": round(100 * sure.mean(), 2),
            "wrong_of_sure": round(100 * wrong[sure].mean(), 3),
        }
        for least in SURE
        for sure in [answered["confidence"] >= least]
    ]


if __name__ == "__main__":
    write_samples(Path(sys.argv[1])) if sys.argv[1:] else main(mnist_folder())
