"""How well does a champion read digits of another source? ``PENSTROKE_MNIST=folder python -m benchmarks.transfer``.

The champion of the shipped digits predicts MNIST's test images, reduced to 8 x 8. The champion of ``conf/mnist``
predicts all shipped digits, enlarged to 28 x 28. These digits have other writers, another country and another frame
than the training rows. The conversions, like all defaults, were chosen on MNIST's training images and the look of the
shipped digits.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from penstroke.domain import extract_features
from penstroke.domain.layout import INK
from penstroke.domain.pixels import to_images, to_table

from .project import keep, load_project, mnist_folder, run_in_memory

BITMAP, BLOCK = 32, 4  # a shipped digit: 8 x 8 counts of the inked pixels of 4 x 4 blocks
SQUEEZE, MOST_COLUMNS = 0.85, 24  # the shipped digits fill all rows, and mostly at most the six inner columns
INKED = 0.3  # share of full ink from which a pixel of the bitmap counts
FRAME, BOX = 28, 20


def main(folder: str) -> None:
    """Print and store a row for each direction."""
    raw_digits, parameters = load_project()
    raw_mnist, mnist_parameters = load_project("mnist", source=folder)
    test = raw_mnist[raw_mnist["split"] == "test"]
    rows = [
        {"from": "digits", "to": "MNIST test images"}
        | _score(raw_digits, parameters, to_blocks(to_images(test)), test["label"]),
        {"from": "MNIST", "to": "digits"}
        | _score(raw_mnist, mnist_parameters, to_frame(to_images(raw_digits)), raw_digits["label"]),
    ]
    keep("transfer", pd.DataFrame(rows))


def to_blocks(images: np.ndarray) -> np.ndarray:
    """Convert images of any size to the form of the shipped digits.

    Each digit is cut out, stretched to all rows of a 32 x 32 bitmap, its width to 0.85 of what keeps its form, 24
    columns at most, in the middle; the inked pixels of each block are counted.

    Args:
        images: (n, height, width) uint8, paper 0, ink up to 255; none blank or paler than 0.3 of full ink.

    Returns:
        (n, 8, 8) uint8, 0 (paper) to 255 (all 16 pixels of the block inked).

    Source: the bitmaps and blocks, Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine
    Learning Repository, 1998; squeeze and threshold, comparison with the shipped digits.
    """
    bitmaps = np.zeros((len(images), BITMAP, BITMAP), bool)
    for bitmap, image in zip(bitmaps, images / np.float32(INK), strict=True):
        digit = _cut_out(image, INKED)
        columns = min(MOST_COLUMNS, max(1, round(BITMAP / digit.shape[0] * digit.shape[1] * SQUEEZE)))
        left = (BITMAP - columns) // 2
        bitmap[:, left : left + columns] = _resize(digit, BITMAP, columns, order=1) > INKED
    counts = bitmaps.reshape(len(images), BITMAP // BLOCK, BLOCK, BITMAP // BLOCK, BLOCK).sum((2, 4))
    return np.rint(counts * (INK / BLOCK**2)).astype(np.uint8)


def to_frame(images: np.ndarray) -> np.ndarray:
    """Convert shipped digits to the form of MNIST.

    Each digit is cut out, its width given back what the bitmap took, and enlarged by cubic splines until its longer
    side is 20 pixels; its centre of mass comes to the middle of 28 x 28 by a whole-pixel move.

    Args:
        images: (n, 8, 8) uint8, 0 (paper) to 16 (ink); none blank.

    Returns:
        (n, 28, 28) uint8, 0 (paper) to 255 (ink).

    Source: the frame, LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """
    framed = np.zeros((len(images), FRAME, FRAME), np.uint8)
    for frame, image in zip(framed, images / np.float32(BLOCK**2), strict=True):
        digit = _cut_out(image, 0)
        height, width = digit.shape[0], digit.shape[1] / SQUEEZE
        rows, columns = (max(1, round(side * BOX / max(height, width))) for side in (height, width))
        drawn = np.rint(INK * np.clip(_resize(digit, rows, columns, order=3), 0, 1))
        middle = np.floor((FRAME - 1) / 2 - np.array(ndimage.center_of_mass(drawn)) + 0.5).astype(int)
        top, left = np.clip(middle, 0, (FRAME - rows, FRAME - columns))
        frame[top : top + rows, left : left + columns] = drawn
    return framed


def _cut_out(image: np.ndarray, threshold: float) -> np.ndarray:
    down, across = (np.flatnonzero((image > threshold).any(axis=axis)) for axis in (1, 0))
    return image[down[0] : down[-1] + 1, across[0] : across[-1] + 1]


def _resize(image: np.ndarray, rows: int, columns: int, order: int) -> np.ndarray:
    factors = (rows / image.shape[0], columns / image.shape[1])
    return ndimage.zoom(image, factors, order=order, mode="nearest", grid_mode=True)


def _score(raw_digits: pd.DataFrame, parameters: dict[str, Any], images: np.ndarray, label: pd.Series) -> dict:
    made = run_in_memory(raw_digits, parameters, "champion_model", "champion_origin")
    model = made["champion_model"]
    probabilities = model.predict_proba(extract_features(to_table(images), parameters["features"]))
    right = pd.Series(model.classes_[probabilities.argmax(axis=1)] == label.to_numpy())
    surest = pd.Series(probabilities.max(axis=1)).nlargest(len(right) // 2).index
    recall = 100 * right.groupby(label.to_numpy()).mean()
    return {
        "origin": made["champion_origin"]["origin"],
        "rows": len(right),
        "accuracy": round(100 * right.mean(), 2),
        "accuracy_surer_half": round(100 * right[surest].mean(), 2),
        "lowest_recall": round(recall.min(), 2),
        "lowest_class": recall.idxmin(),
    }


if __name__ == "__main__":
    main(mnist_folder())
