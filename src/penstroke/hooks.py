"""What happens round a run: parameters are checked before it, a summary is printed after it."""

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.validation.exceptions import ParameterValidationError
from rich.console import Console
from rich.table import Table

from penstroke.serving.parameters import Serving

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "params:"
OF_THE_SERVICE = {"serving": Serving}  # groups that no pipeline reads


class ParameterHooks:
    """Refuse a group of parameters that no pipeline knows; Kedro itself passes over it in silence."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check every group, from files and from ``--params``, before anything is loaded.

        Raises:
            ParameterValidationError: no pipeline has such a group, or (by Kedro) a value in a group is wrong.
        """
        _refuse_unknown_globals(context)
        inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
        known = {name.removeprefix(PREFIX).partition(".")[0] for name in inputs if name.startswith(PREFIX)}
        known |= set(OF_THE_SERVICE)
        unknown = sorted(set(context.params) - known - _asked_for_by_the_catalog(context))
        if unknown:
            near = get_close_matches(unknown[0], known, n=1)
            raise ParameterValidationError(
                f"{unknown[0]} is not a known group of parameters"
                + (f"; did you mean {near[0]}?" if near else f"; the known ones are {', '.join(sorted(known))}")
            )
        for name, group in OF_THE_SERVICE.items():
            try:
                group.model_validate(context.params[name])
            except ValueError as error:
                raise ParameterValidationError(f"{name}: {error}") from None


class SummaryHooks:
    """Print what a person wants to know when a run is over."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Show leaderboard, test accuracy, verdict, answers, drift and files to open, as far as this run made them."""
        made = pipeline.all_outputs()
        console = Console(highlight=False)
        if "leaderboard" in made:
            console.print("Cross-validation on the training rows", _ranking(catalog.load("leaderboard")), sep="\n")
        if "test_scores" in made:
            console.print(_test_line(catalog.load("test_scores")))
        if "verdict" in made:
            console.print(_verdict_line(catalog.load("verdict")))
        if made >= {"predictions", "rejected_drawings"}:
            console.print(_drawings_line(catalog.load("predictions"), catalog.load("rejected_drawings")))
        for name in sorted(made & {"drift_scores", "service_drift_scores"}):
            console.print(_drift_line(catalog.load(name)))
        cards = {name for name in made if name.endswith("_card")}
        for name in sorted(cards | made & {"test_scores", "predictions", "table_predictions"}):
            console.print(f"{name}: {_relative_path(catalog, name)}", soft_wrap=True)
        figures = sorted(name for name in made if name.endswith("_plot"))
        if figures:
            console.print(f"{', '.join(figures)}: see them by `kedro viz`", soft_wrap=True)


def _refuse_unknown_globals(context: KedroContext) -> None:
    """Refuse a name that ``globals.yml`` of the base lacks: misspelt, it would leave the data where they were."""
    loader = cast("OmegaConfigLoader", context.config_loader)
    base = Path(loader.conf_source) / loader.base_env / "globals.yml"
    if not base.is_file():  # packed configuration, which nobody edits
        return
    known = yaml.safe_load(base.read_text(encoding="utf-8"))
    unknown = sorted(set(loader["globals"]) - set(known))
    if unknown:
        raise ParameterValidationError(
            f"{unknown[0]} in globals.yml is not a known name; the known ones are {', '.join(known)}"
        )


def _asked_for_by_the_catalog(context: KedroContext) -> set[str]:
    """Find the names that entries take from ``--params`` by themselves: ``${runtime_params:NAME,…}``."""
    loader = cast("OmegaConfigLoader", context.config_loader)
    folders = [Path(loader.conf_source) / name for name in (loader.base_env, context.env or loader.default_run_env)]
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.glob("**/catalog*.yml"))]
    return {name for text in texts for name in re.findall(r"\$\{runtime_params:\s*(\w+)", text)}


def _ranking(leaderboard: "pd.DataFrame") -> Table:
    table = Table("contender", "accuracy", "spread")
    for name, mean, spread in leaderboard[["contender", "accuracy_mean", "accuracy_sd"]].to_numpy():
        table.add_row(name, f"{mean:.2%}", f"± {100 * spread:.2f}")
    return table


def _test_line(scores: dict[str, float]) -> str:
    return (
        f"[bold]Test accuracy {scores['accuracy']:.2%}[/bold] "
        f"({scores['accuracy_low']:.2%} to {scores['accuracy_high']:.2%}), {scores['errors']} of {scores['rows']} wrong"
    )


def _verdict_line(verdict: dict[str, Any]) -> str:
    checks = len(verdict["checks"])
    if verdict["passed"]:
        return f"[bold]The champion passes the gate[/bold] of {checks} checks"
    return f"[bold]The champion is refused[/bold] by {len(verdict['refused_by'])} of {checks} checks"


def _drift_line(scores: dict[str, Any]) -> str:
    compared = f"{scores['rows']} rows that model {scores['model_version']} answered"
    return f"{'No drift' if scores['judged'] else 'Too few to judge'}: {compared}"


def _drawings_line(predictions: "pd.DataFrame", rejected: "pd.DataFrame") -> str:
    line = f"{len(predictions)} drawings answered, {predictions['unsure'].sum()} of them not sure"
    return f"{line}; {len(rejected)} rejected, see rejected_drawings" if len(rejected) else line


def _relative_path(catalog: DataCatalog, name: str) -> str:
    return os.path.relpath(catalog[name]._describe()["filepath"])
