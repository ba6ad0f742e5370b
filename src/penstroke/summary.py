"""The summary that a run prints at its end."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kedro_guards.files import shown
from kedro_guards.printing import say
from kedro_guards.receipts import path_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class SummaryHooks:
    """Print a summary when a run is over."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print of this run: rejected rows, leaderboard, accuracy, verdict, predictions, drift, files to open."""
        try:
            for part in _summary(pipeline.all_outputs(), catalog):
                say(part)
        except Exception as error:  # all results are stored
            logger.warning("the summary of this run cannot be printed: %s", error)


def _summary(made: set[str], catalog: DataCatalog) -> Iterator[RenderableType]:
    if "cleaning_scores" in made and (line := _rejected_line(catalog.load("cleaning_scores"))):
        yield line
    if made >= {"labelled_drawings", "rejected_feedback"}:
        yield _feedback_line(*map(len, map(catalog.load, ("labelled_drawings", "rejected_feedback"))))
    if "leaderboard" in made:
        yield "Cross-validation on the training rows"
        yield _ranking(catalog.load("leaderboard"))
    if "test_scores" in made:
        yield _test_line(catalog.load("test_scores"))
    if "verdict" in made:
        yield _verdict_line(catalog.load("verdict"))
    if made >= {"predictions", "rejected_drawings"}:
        yield _files_line(catalog.load("predictions"), catalog.load("rejected_drawings"))
    for name in sorted(name for name in made if name.endswith("drift_scores") and "silent" not in name):
        yield _drift_line(catalog.load(name))
    cards = {name for name in made if name.endswith("_card")}
    for name in sorted(cards | made & {"test_scores", "predictions", "table_predictions"}):
        if place := _shown_place(catalog, name):
            yield f"{name}: {place}"
    figures = sorted(name for name in made if name.endswith("_plot"))
    if figures and find_kedro_project(Path.cwd()):  # a package has no Kedro-Viz
        yield f"{', '.join(figures)}: see them by `kedro viz`"


def _rejected_line(scores: dict[str, int]) -> str:
    """Return how many raw rows were rejected, and why; empty if none were."""
    rejected = scores["rows_read"] - scores["rows_accepted"]
    fates = {name.removeprefix("rows_rejected_"): many for name, many in scores.items() if "_rejected_" in name}
    why = ", ".join(f"{many} {fate}" for fate, many in fates.items() if many)
    return f"{rejected} of {scores['rows_read']} raw rows rejected ({why}), see rejected_digits" if rejected else ""


def _feedback_line(taken: int, rejected: int) -> str:
    return f"{taken} labelled files taken, {rejected} rejected" + (", see rejected_feedback" if rejected else "")


def _ranking(leaderboard: "pd.DataFrame") -> Table:
    table = Table("contender", "accuracy", "spread")
    for name, mean, spread in leaderboard[["contender", "accuracy_mean", "accuracy_sd"]].to_numpy():
        table.add_row(str(name), f"{mean:.2%}", f"± {100 * spread:.2f}")
    return table


def _test_line(scores: dict[str, float]) -> Text:
    return Text.assemble(
        (f"Test accuracy {scores['accuracy']:.2%}", "bold"),
        f" ({scores['accuracy_low']:.2%} to {scores['accuracy_high']:.2%}), ",
        f"{scores['errors']} of {scores['rows']} wrong",
    )


def _verdict_line(verdict: dict[str, Any]) -> Text:
    checks = len(verdict["checks"])
    if verdict["passed"]:
        return Text.assemble(("The champion passes the gate", "bold"), f" of {checks} checks")
    return Text.assemble(("The champion is refused", "bold"), f" by {len(verdict['refused_by'])} of {checks} checks")


def _drift_line(scores: dict[str, Any]) -> str:
    compared = f"{scores['rows']} rows that model {scores['model_version']} answered"
    rejected = f", {scores['rows_rejected']} more were rejected" if scores.get("rows_rejected") else ""
    return f"{'No drift' if scores['judged'] else 'Too few to judge'}: {compared}{rejected}"


def _files_line(predictions: "pd.DataFrame", rejected: "pd.DataFrame") -> str:
    files = "file" if len(predictions) == 1 else "files"
    line = f"{len(predictions)} {files} answered, {predictions['unsure'].sum()} of them not sure"
    return f"{line}; {len(rejected)} rejected, see rejected_drawings" if len(rejected) else line


def _shown_place(catalog: DataCatalog, name: str) -> str | None:
    """Return a file's path relative to the current folder, or its address; None if it is no file."""
    place = path_of(catalog[name])
    return shown(place) if place else None
