"""Choose split, folds and thresholds of the gate that a table of so many rows can reach."""

import math
from collections.abc import Mapping
from typing import Any

FOLDS = 5
SMALL = 1000  # rows
SQUARED = 3.84  # squared quantile of an interval of 95 %: n right of n show an accuracy above n / (n + 3.84)
FEW = 10  # test rows of a class


def choose_thresholds(rows: int, classes: Mapping[Any, int]) -> tuple[dict[str, Any], list[str]]:
    """Choose them from the number of rows alone: how good a model must be, people have to say.

    The accuracy must lie halfway between that of always saying the commonest class, and what a model without an error
    shows on so many test rows. The log loss must be below that of always saying the shares of the classes.

    Args:
        rows: number of rows.
        classes: number of rows by class.

    Returns:
        Values by group and key, each with a comment; and what so few test rows cannot tell.

    Examples:
        >>> chosen, unknown = choose_thresholds(150, {"long": 100, "short": 50})
        >>> chosen["gate"]["accuracy_low"][0]
        0.79
        >>> unknown
        ['whether the accuracy is above 92%: 45 test rows show no more, even if all answers are right']
    """
    fraction = 0.3 if rows < SMALL else 0.2
    tested = {name: math.floor(count * fraction) for name, count in classes.items()}
    test, few, rarest = sum(tested.values()), min(tested.values()), min(classes, key=lambda name: classes[name])
    folds = min(FOLDS, classes[rarest] - few)
    shown, commonest = test / (test + SQUARED), max(classes.values()) / rows
    entropy = -sum(count / rows * math.log(count / rows) for count in classes.values())
    noise = 1 / math.sqrt(test)  # of a share of the test rows
    half = math.floor(50 * (shown + commonest)) / 100 if shown > commonest else math.floor(100 * shown) / 100
    gate = {
        "accuracy_low": (half, f"{commonest:.0%} are of one class; {test} test rows can show {shown:.0%}"),
        "recall": (math.floor(7 * (few - 1) / few) / 10, f"the rarest class has {few} test rows"),
        "calibration_error": (round(0.03 + noise, 2), f"{test} test rows"),
        "perturbed_loss": (round(0.05 + noise, 2), f"{test} test rows"),
        "perturbed_log_loss": (math.floor(100 * entropy) / 100, "always saying the shares of the classes has more"),
        "comparable_rows": (max(1, min(100, test // 2)), f"{test} test rows"),
    }
    chosen = {
        "split": {"test_fraction": (fraction, f"{test} of {rows} rows")},
        "search": {"folds": (folds, f"the rarest class has {classes[rarest] - few} training rows")},
        "final_fit": {"folds": folds},
        "gate": gate,
    }
    unknown = []
    if rows < SMALL:
        unknown.append(
            f"whether the accuracy is above {shown:.0%}: {test} test rows show no more, even if all answers are right"
        )
    if few < FEW:
        unknown.append(f"how well class {rarest} is found: {few} test row{'s are' if few > 1 else ' is'} of it")
    if shown <= commonest:
        unknown.append(f"whether a model beats always saying the commonest class, that of {commonest:.0%} of the rows")
    return chosen, unknown
