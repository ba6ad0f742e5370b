"""``kedro run`` that fails in three lines and says how to go on, ``kedro receipt`` and ``kedro rollback``.

Once this is imported, an error of any of Kedro's commands is printed in short; ``--verbose`` shows the whole of it.
"""

import copy
import json
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from difflib import get_close_matches
from functools import partial
from pathlib import Path, PurePath
from traceback import extract_tb
from typing import Any, cast

import click
import fsspec
from kedro.framework.cli.project import package as kedro_package
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError, env_option
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.framework.startup import ProjectMetadata
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline.node import Node
from kedro.utils import find_kedro_project
from kedro.validation import DataValidationError
from kedro.validation.exceptions import CheckFailure
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from penstroke.guards.ledger import ALLOW_STALE, go_on
from penstroke.guards.receipts import Receipt, hash_of, is_versioned, read_receipt, receipt_folder
from penstroke.guards.runs import ONLY_CHANGED
from penstroke.guards.unchanged import is_unchanged, stamp_place
from penstroke.secrets import refuse_packing_secrets

LINES_OF_AN_ERROR = 3
WIDE = 1000  # columns, where nobody looks
UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    SyntaxError,
    TypeError,
)
WORDS = {"field_uniqueness": "must be unique", "not_nullable": "must not be empty"}  # pandera's names for them


def _in_short(error: BaseException) -> str:
    """Say what is wrong in at most three lines."""
    if isinstance(error.__cause__, DataValidationError):  # of a chunk, in the middle of saving what is made of it
        error = error.__cause__
    if isinstance(error, DataValidationError) and error.failures:
        faults = [_fault(failure) for failure in error.failures]
        more = f"; and {len(faults) - 2} more" if len(faults) > 2 else ""
        moment = f" on {error.mode}" if error.mode else ""
        text = f"dataset {error.dataset_name}{moment}: {'; '.join(faults[:2])}{more}"
    elif isinstance(error, BrokenProcessPool):
        text = "a worker process was killed, perhaps because the memory was full; --runner=SequentialRunner takes less"
    else:  # Kedro names the group before
        text = re.sub(r"Failed to instantiate \w+ for parameter '\w+': ", "", str(error))
    if isinstance(error, UNEXPECTED):
        frame = extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {text}\n({os.path.relpath(frame.filename)}:{frame.lineno}; see --verbose)"
    notes = getattr(error, "__notes__", [])
    lines = [line for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return "\n".join(lines[: LINES_OF_AN_ERROR - len(notes)] + notes)


def _fault(failure: CheckFailure) -> str:
    found = str(failure.failure_examples[0]) if failure.failure_examples else ""
    raised = re.fullmatch(r"ValueError\((?P<quote>['\"])(.*)(?P=quote)\)", found)
    if raised:  # a check of ours says it all
        return raised[2]
    if failure.check == "column_in_dataframe":
        return f"column {found} is missing"
    rule = WORDS.get(failure.check or "", failure.check or failure.message)
    return f"{failure.column} {rule}, found {found}" if failure.column else rule


def _with_guards(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a run its options of ours, and say in short why it failed or how to go on."""

    def run(*, verbose: bool, changed: bool, allow_stale: bool, **options: Any) -> Any:
        # workers go quietly when a person interrupts the run; it is the main process that says so
        os.register_at_fork(after_in_child=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
        warnings.filterwarnings("ignore", "Parameters not found")  # the error that follows says so
        try:
            if changed:
                receipts = Path(_receipts(options["env"], options["conf_source"]))
                stamp = stamp_place(receipts, options | {"allow_stale": allow_stale})
                if is_unchanged(stamp):
                    return click.echo("nothing has changed")
                ONLY_CHANGED.set(stamp)
            ALLOW_STALE.set(allow_stale)
            return command(**options)
        except click.ClickException:
            raise
        except KeyboardInterrupt:
            way = go_on("", options["env"], bool(options["params"]))
            click.secho(f"Interrupted. What was stored is whole; go on by {way}", fg="red", err=True)
            sys.exit(130)
        except Exception as error:
            if verbose:
                raise
            _print_in_short(error)
            sys.exit(1)

    return run


class FailureHooks:
    """Say where a run failed, and how to go on."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Refuse to load a version of what keeps none, which Kedro passes over.

        Raises:
            DatasetError: with its name.
        """
        for name in run_params["load_versions"] or ():
            if not is_versioned(catalog[name]):
                raise DatasetError(f"{name} keeps no versions, so --load-versions can choose none of it; leave it out")

    @hook_impl
    def on_node_error(self, error: Exception, node: Node) -> None:
        """Say where."""
        error.add_note(f"This happened in the node {node.name}.")

    @hook_impl
    def on_pipeline_error(self, error: Exception, run_params: dict[str, Any]) -> None:
        """Say how to go on."""
        given = {"pipelines": run_params.get("pipeline_names")}
        given |= {name: run_params.get(name) for name in ("tags", "from_nodes", "to_nodes", "to_outputs")}
        options = "".join(f" --{name.replace('_', '-')}={','.join(asked)}" for name, asked in given.items() if asked)
        way = go_on(options, run_params["env"], bool(run_params["runtime_params"]))
        error.add_note(f"What was stored is whole. Once the fault is mended, go on by {way}")


def _receipts(env: str | None, conf_source: str | None) -> str:
    """Say where an environment keeps its receipts."""
    project = find_kedro_project(Path.cwd())
    source = conf_source or str(project / settings.CONF_SOURCE)
    loader = settings.CONFIG_LOADER_CLASS(conf_source=source, env=env, **settings.CONFIG_LOADER_ARGS)
    return receipt_folder(project, str(loader["globals"]["data"]))


def _print_in_short(error: BaseException) -> None:
    click.secho(f"Error: {_in_short(error)}", fg="red", err=True)


def _hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Print an error of any of Kedro's commands in short, unless the whole of it is asked for."""
    if "--verbose" in sys.argv or not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
    else:
        _print_in_short(error)


def _show(error: click.ClickException, file: Any = None) -> None:  # noqa: ARG001
    """Print what is wrong with a command line as shortly as any other error."""
    context = getattr(error, "ctx", None)
    more = f"; see `{context.command_path} --help`" if context else ""
    click.secho(f"Error: {' '.join(error.format_message().split()).rstrip('.')}{more}", fg="red", err=True)


sys.excepthook = _hook
for _kind in (click.ClickException, click.UsageError, KedroCliError):
    _kind.show = _show  # type: ignore[assignment, method-assign]
click.UsageError.exit_code = 1  # as that of all other errors


@click.command()
@click.argument("name")
@click.option("--env", "-e", help="Environment whose dataset is meant.")
def receipt(name: str, env: str | None) -> None:
    """Print what a dataset is made of, and what that is, down to the raw data."""
    folder = _receipts(env, None)
    if newest(name, folder) is None:
        near = get_close_matches(name, known := having_receipts(folder), n=1)
        raise click.ClickException(
            f"{name} has no receipt in {os.path.relpath(folder)}"
            + (f"; did you mean {near[0]}?" if near else f"; those that are there: {', '.join(known) or 'none'}")
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDE).print(ancestry(name, folder))


@click.command()
@click.option("--env", "-e", help="Environment whose production model is served.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 finds a free one."
)
@click.option("--verbose", is_flag=True, help="Show the whole traceback of an error.")
def serve(env: str | None, host: str, port: int, verbose: bool) -> None:  # noqa: ARG001
    """Answer digits over HTTP, and show a page to draw them."""
    from penstroke.serving.command import serve as serve_model  # noqa: PLC0415 # no other command pays for it

    serve_model(env, host, port)


def having_receipts(folder: str) -> list[str]:
    """Name the datasets that have a receipt in a folder."""
    files, path = fsspec.url_to_fs(folder)
    names = {PurePath(place).name.removesuffix(".json") for place in files.glob(f"{path}/*")}
    return sorted(name for name in names if not name.startswith(".") and not name.endswith(".pending"))


def newest(name: str, folder: str) -> Receipt | None:
    """Read the receipt of a dataset, that of its newest version where it keeps versions; or nothing."""
    files, path = fsspec.url_to_fs(f"{folder}/{name}")
    versions = sorted(PurePath(place).stem for place in files.glob(f"{path}/*.json") if ".pending." not in place)
    return read_receipt(f"{folder}/{name}/{versions[-1]}.json" if versions else f"{folder}/{name}.json")


def ancestry(name: str, folder: str) -> Tree:
    """Draw what a dataset is made of, down to what no node made; each dataset is told of once.

    Args:
        name: of a dataset.
        folder: of the receipts.
    """
    told: set[str] = set()

    def tell(name: str, cited: str) -> Tree:
        receipt = newest(name, folder)
        if receipt is None:
            return Tree(f"[bold]{name}[/bold] {cited[:12]} (made by no node)")
        differs = cited not in ("", receipt.sha256)
        tree = Tree(f"[bold]{name}[/bold] {receipt.sha256[:12]}" + (f" [red]now, was {cited[:12]}[/red]" * differs))
        if name in told:
            return tree
        told.add(name)
        rows = "" if receipt.rows is None else f", {receipt.rows} rows"
        tree.add(escape(f"{receipt.call}{rows}"))
        tree.add(f"made {receipt.time}, run {receipt.run_id}")
        version = f"version {receipt.project_version}, commit {receipt.commit or 'unknown'}"
        tree.add(f"{version}, code and packages {hash_of(receipt.code)[:12]}")
        for group, value in receipt.parameters.items():
            tree.add(escape(f"{group} {json.dumps(value)}"))
        for why in receipt.stale.values():
            tree.add(escape(f"let pass by --allow-stale: {why}"))
        for source, content in receipt.inputs.items():
            tree.add(tell(source, content))
        return tree

    return tell(name, "")


@click.command()
@env_option
def rollback(env: str | None) -> None:
    """Bring back the production model that the last promotion replaced."""
    with settings.SESSION_CLASS.create(env=env) as session, session.holding({"production_model"}):
        place = session.load_context().catalog.get("production_model").bring_back()
    click.echo(f"production_model is the former one again: {os.path.relpath(place)}")


run = copy.copy(kedro_run)
run.params = [
    *kedro_run.params,
    click.Option(["--changed"], is_flag=True, help="Run what changed since its results were stored, and no more."),
    click.Option(["--allow-stale"], is_flag=True, help="Build on stored results that do not agree with what is now."),
    click.Option(["--verbose"], is_flag=True, help="Show the whole traceback of an error."),
]
run.callback = _with_guards(cast("Callable[..., Any]", kedro_run.callback))


@click.pass_obj
def _package(metadata: ProjectMetadata) -> None:
    refuse_packing_secrets(metadata.project_path / settings.CONF_SOURCE)
    cast("Callable[..., Any]", kedro_package.callback)()


package = copy.copy(kedro_package)
package.callback = _package
