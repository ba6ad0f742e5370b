"""The commands ``receipt`` and ``schemas``, and Kedro's commands ``run`` and ``package`` with guards."""

import json
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import chdir
from contextvars import copy_context
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
from kedro.framework.cli.project import CONF_SOURCE_HELP
from kedro.framework.cli.project import package as kedro_package
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import validate_conf_source
from kedro.framework.project import settings
from kedro.framework.startup import ProjectMetadata
from rich.text import Text
from rich.tree import Tree

from .config import SCHEMAS, configuration_of, content_now
from .errors import Command, as_called
from .files import names_in, shown
from .ledger import ALLOW_STALE, go_on
from .options import refuse_unknown_names, with_readers
from .printing import forgiving_output, say
from .receipts import Receipt, hash_of, read_receipt, receipt_folder
from .runs import ONLY_CHANGED
from .secrets import refuse_packing_secrets
from .unchanged import is_unchanged, stamp_place


def _with_guards(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the guards to a run, and say how to go on after Ctrl-C."""

    def run(*, verbose: bool, changed: bool, allow_stale: bool, **options: Any) -> Any:  # noqa: ARG001
        options["env"] = options["env"] or os.environ.get("KEDRO_ENV")  # as the session will read it
        stamp = None
        if changed:
            loader, project = configuration_of(options["env"], options["conf_source"])
            receipts = receipt_folder(project, str(loader["globals"]["data"]))
            stamp = stamp_place(receipts, options | {"allow_stale": allow_stale})
            if is_unchanged(stamp, partial(content_now, loader=loader, project=project)):
                return say("nothing has changed")
        refuse_unknown_names(options)
        warnings.filterwarnings("ignore", "Parameters not found")  # the error that follows says so
        context = copy_context()  # so that nothing is left to the next run of this process
        context.run(ONLY_CHANGED.set, stamp)
        context.run(ALLOW_STALE.set, allow_stale)
        with forgiving_output():
            try:
                return context.run(command, **options)
            except KeyboardInterrupt:
                way = as_called(go_on("", options["env"], bool(options["params"])))
                click.secho(f"Interrupted. What was stored is whole; go on by {way}", fg="red", err=True)
                sys.exit(130)

    return run


conf_source_option = click.option("--conf-source", callback=validate_conf_source, help=CONF_SOURCE_HELP)


def _receipts(env: str | None, conf_source: str | None) -> str:
    """Return the folder of an environment's receipts."""
    loader, project = configuration_of(env, conf_source)
    return receipt_folder(project, str(loader["globals"]["data"]))


@click.command(cls=Command)
@click.argument("name")
@click.option("--env", "-e", help="Environment whose dataset is meant.")
@conf_source_option
def receipt(name: str, env: str | None, conf_source: str | None) -> None:
    """Print what a dataset was made of, and what that was made of, down to the raw data."""
    folder = _receipts(env, conf_source)
    if newest(name, folder) is None:
        near = get_close_matches(name, known := having_receipts(folder), n=1)
        raise click.ClickException(
            f"{name} has no receipt in {shown(folder)}"
            + (f"; did you mean {near[0]}?" if near else f"; those that are there: {', '.join(known) or 'none'}")
        )
    say(ancestry(name, folder), wide=True)


def having_receipts(folder: str) -> list[str]:
    """List the datasets that have a receipt in a folder."""
    names = {name.removesuffix(".json") for name in names_in(folder)}
    return sorted(name for name in names if not name.startswith(".") and not name.endswith(".pending"))


def newest(name: str, folder: str) -> Receipt | None:
    """Read the receipt of a dataset, or of its newest version; None if there is none."""
    versions = [each for each in names_in(f"{folder}/{name}") if each.endswith(".json") and ".pending." not in each]
    return read_receipt(f"{folder}/{name}/{versions[-1]}" if versions else f"{folder}/{name}.json")


def ancestry(name: str, folder: str) -> Tree:
    """Draw what a dataset was made of, down to what no node made. Each dataset is described once.

    Args:
        name: of a dataset.
        folder: of the receipts.
    """
    told: set[str] = set()

    def tell(name: str, cited: str) -> Tree:
        receipt = newest(name, folder)
        if receipt is None:
            return Tree(Text.assemble((name, "bold"), f" {cited[:12]} (made by no node)"))
        differs = cited not in ("", receipt.sha256)
        label = Text.assemble((name, "bold"), f" {receipt.sha256[:12]}")
        tree = Tree(label.append(f" now, was {cited[:12]}", "red") if differs else label)
        if name in told:
            return tree
        told.add(name)
        rows = "" if receipt.rows is None else f", {receipt.rows} rows"
        tree.add(f"{receipt.call}{rows}")
        tree.add(f"made {receipt.time}, run {receipt.run_id}")
        version = f"version {receipt.project_version}, commit {receipt.commit or 'unknown'}"
        tree.add(f"{version}, code and packages {hash_of(receipt.code)[:12]}")
        for group, value in receipt.parameters.items():
            tree.add(f"{group} {json.dumps(value)}")
        for why in receipt.stale.values():
            tree.add(f"let pass by --allow-stale: {why}")
        for source, content in receipt.inputs.items():
            tree.add(tell(source, content))
        return tree

    return tell(name, "")


@click.command(cls=Command)
@conf_source_option
def schemas(conf_source: str | None) -> None:
    """Write JSON schemas of the configuration, so that an editor completes and checks it."""
    from .schemas import schemas_of  # noqa: PLC0415 # imports all datasets

    loader, _ = configuration_of(None, conf_source)
    folder = Path(loader.conf_source) / SCHEMAS
    folder.mkdir(exist_ok=True)
    for name, schema in schemas_of(loader).items():
        place = folder / f"{name}.json"
        place.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        say(f"wrote {shown(str(place))}")


run = Command(
    "run",
    help=kedro_run.help,
    params=[
        *with_readers(kedro_run.params),
        click.Option(["--changed"], is_flag=True, help="Run only what changed since its results were stored."),
        click.Option(["--allow-stale"], is_flag=True, help="Use stored results of other parameters, code or data."),
        click.Option(["--verbose"], is_flag=True, help="Show the whole traceback of an error."),
    ],
    callback=_with_guards(cast("Callable[..., Any]", kedro_run.callback)),
)


@click.command("package", cls=Command, help=kedro_package.help)
@click.pass_obj
def package(metadata: ProjectMetadata) -> None:
    """Package the project as Kedro does, unless its configuration holds secrets."""
    refuse_packing_secrets(metadata.project_path / settings.CONF_SOURCE)
    with chdir(metadata.project_path):  # Kedro writes into dist of the present folder
        cast("Callable[..., Any]", kedro_package.callback)()
