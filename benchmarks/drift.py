"""How often does monitoring raise an alarm? ``PENSTROKE_MNIST=folder python -m benchmarks.drift``.

Champion and profile come from training rows only. Then there are 50 samples of 200 rows that were used neither for them
nor for any choice: for the shipped digits, from the test rows of ``split.seed: 7``, which are fewer than two samples;
for MNIST, its test images in 50 parts. Each sample is compared as it is, with every third row inverted (inference
refuses a table with more than half inverted), and with each of the ``perturbations``
(:func:`penstroke.domain.perturb`). In addition, samples of another source are compared. The thresholds were chosen on
samples of training rows.
"""

from typing import Any

import numpy as np
import pandas as pd

from penstroke.domain import perturb
from penstroke.domain.layout import INK, scale_ink
from penstroke.domain.pixels import to_images, to_table
from penstroke.pipelines.inference.nodes import classify_rows
from penstroke.pipelines.inference.reading import read_rows
from penstroke.pipelines.monitoring.nodes import gather_rows, measure_drift

from .hand import STYLES, draw
from .project import keep, load_project, mnist_folder, run_in_memory
from .transfer import to_blocks, to_frame

DRAWS, ROWS = 50, 200
DRAWS_OF_HANDS = 10  # which take their time
HAND = 95_000  # first seed of the drawings
TAUGHT, TESTED = 10_000, 2_500  # of MNIST's training images, which are enough for a profile and soon learned


def main(folder: str) -> None:
    """Print and store how many samples of each kind raised an alarm, and by which columns."""
    raw_digits, parameters = load_project()
    raw_mnist, mnist_parameters = load_project("mnist", source=folder)
    digits = run_in_memory(raw_digits, parameters, "digits")["digits"]
    is_fresh = digits["split"].eq("test").reindex(raw_digits.index, fill_value=False)
    shipped, mnist = to_images(digits[digits["split"] == "test"]), to_images(raw_mnist[raw_mnist["split"] == "test"])
    few = raw_mnist[raw_mnist["split"] == "train"].sample(TAUGHT + TESTED, random_state=0)
    few = few.assign(split=["train"] * TAUGHT + ["test"] * TESTED)
    random = np.random.default_rng(0)
    from_shipped = [shipped[random.choice(len(shipped), ROWS, replace=False)] for _ in range(DRAWS)]
    from_mnist = np.split(mnist[random.permutation(len(mnist))], DRAWS)
    as_blocks = [to_blocks(images) for images in from_mnist]
    as_frames = [to_frame(np.rint(images / INK * parameters["cleaning"].full_ink)) for images in from_shipped]
    rows = [
        {"champion of": name, "what came in": kind} | _count_alarms(draws, made, chosen)
        for name, raw, chosen, fresh, other, others in (
            ("digits", raw_digits[~is_fresh], parameters, from_shipped, "MNIST", as_blocks),
            ("MNIST", few, mnist_parameters, from_mnist, "shipped digits", as_frames),
        )
        for made in [run_in_memory(raw, chosen, "champion_model", "reference_profiles")]
        for kind, draws in _kinds(fresh, made["champion_model"], chosen, {f"other source: {other}": others}).items()
    ]
    keep("drift", pd.DataFrame(rows))


def _kinds(
    fresh: list[np.ndarray], model: Any, parameters: dict[str, Any], others: dict[str, Any]
) -> dict[str, list[np.ndarray]]:
    changed = [
        perturb(to_table(images), parameters["perturbations"].model_copy(update={"seed": seed}))
        for seed, images in enumerate(fresh)
    ]
    drawn = [_drawn(place, model, parameters) for place in range(DRAWS_OF_HANDS)]
    return (
        {"fresh rows": fresh, "a third inverted": [_third_inverted(images) for images in fresh]}
        | {name: [to_images(ways[name]) for ways in changed] for name in changed[0]}
        | others
        | {"other source: drawings by hands": drawn}
    )


def _third_inverted(images: np.ndarray) -> np.ndarray:
    inverted = images.copy()
    inverted[::3] = INK - inverted[::3]
    return inverted


def _drawn(place: int, model: Any, parameters: dict[str, Any]) -> np.ndarray:
    files = {
        str(seed): lambda seed=seed: draw(seed % 10, list(STYLES)[seed % len(STYLES)], seed).content
        for seed in range(HAND + place * ROWS, HAND + (place + 1) * ROWS)
    }
    digits, _ = read_rows(files, model, parameters["drawings"])
    return scale_ink(to_images(digits), parameters["cleaning"].full_ink)


def _count_alarms(draws: list[np.ndarray], made: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    scores = [_compare(images, made, parameters) for images in draws]
    alarms = pd.Series([name for found in scores for name in found["alarms"]], dtype="str").value_counts()
    psi = pd.DataFrame(scores).filter(regex="^psi_").max(axis=1)
    print(len(scores), alarms.to_dict(), flush=True)
    return {
        "draws": len(scores),
        "alarms": sum(bool(found["alarms"]) for found in scores),
        "lowest_psi": round(psi.min(), 3),
        "highest_psi": round(psi.max(), 3),
        "columns": ", ".join(f"{name} {count}" for name, count in alarms.head(3).items()),
    }


def _compare(images: np.ndarray, made: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    full_ink = parameters["cleaning"].full_ink
    table = to_table(np.rint(images * (full_ink / INK)).astype(np.min_scalar_type(full_ink)))
    table.index = pd.Index([f"row-{row}" for row in table.index], name="digit_id", dtype="str")
    model, profiles = made["champion_model"], {"": lambda: made["reference_profiles"][""]}
    answers = classify_rows(table, model, {"sha256": ""}, parameters["answers"])
    return measure_drift(gather_rows([table], answers, profiles, {}), parameters["drift"])


if __name__ == "__main__":
    main(mnist_folder())
