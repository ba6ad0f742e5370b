"""Compare the receipts of a project with its data, code and parameters."""

import json
import signal
import subprocess  # nosec B404
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from importlib import import_module
from pathlib import Path
from types import MethodType
from typing import Any, cast

from kedro.config import AbstractConfigLoader
from kedro.framework import project as framework
from kedro.framework.project import pipelines
from kedro.io import CatalogConfigResolver, DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic_core import to_jsonable_python

from .files import sweep
from .fingerprints import Code, mentioned_names
from .receipts import (
    Receipt,
    content_of,
    hash_of,
    is_versioned,
    path_of,
    pending,
    read_receipt,
    withdraw,
    write_receipt,
)
from .unchanged import DATASET

PARAMETER = "params:"
NOTHING = "nothing"  # fingerprint of a folder without files
ALLOW_STALE: ContextVar[bool] = ContextVar("allow_stale", default=False)


class StaleError(RuntimeError):
    """A run would use stored data that do not agree with today's code, parameters or data."""


@dataclass
class Ledger:
    """The receipts of a catalog, and how its datasets differ from them now."""

    _catalog: DataCatalog  # of the run
    _entries: dict[str, Any]  # the catalog's configuration, without credentials
    _parameters: dict[str, Any]  # as configured, without types
    _folder: str  # path or address of the receipts
    _project: Path  # the project's folder; paths below it count relative to it
    # the name that globals.yml gives each folder or address; paths below one count relative to it, so that results stay
    # valid if they are moved to another folder or bucket
    _places: dict[str, str]

    def __post_init__(self) -> None:
        self._code = Code(cast("str", framework.PACKAGE_NAME), self._project)
        self._accepted: dict[str, str] = {}
        self._built_on: dict[str, str | None] = {}  # fingerprints of the run's inputs when it began
        self.look_again()

    def __getstate__(self) -> dict[str, Any]:
        """Add the project's logging to what another process gets."""
        return vars(self) | {"logging": dict(framework.LOGGING)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Configure the project in a spawned worker process, where Kedro runs no hooks otherwise."""
        logging = state.pop("logging")
        vars(self).update(state)
        if framework.PACKAGE_NAME is None:
            _configure_worker(self._code.package)
            framework.configure_logging(logging)

    def look_again(self) -> None:
        """Forget all fingerprints that were computed."""
        self._contents: dict[str, str | None] = {}
        self._faults: dict[str, tuple[str, str] | None] = {}

    @cached_property
    def makers(self) -> dict[str, Node]:
        """The node that makes each dataset."""
        return {output: node for pipeline in pipelines.values() for node in pipeline.nodes for output in node.outputs}

    @cached_property
    def _commit(self) -> str | None:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        with suppress(FileNotFoundError):  # where there is no git
            answer = subprocess.run(  # noqa: S603  # nosec B603
                command, cwd=self._project, capture_output=True, encoding="utf-8", errors="replace", check=False
            )
            return answer.stdout.strip() or None
        return None

    def receipt(self, name: str) -> Receipt | None:
        """Read the receipt of the version that a dataset would load now."""
        return read_receipt(self._place(name))

    def content(self, name: str) -> str | None:
        """Return the fingerprint of what a dataset holds now; None if it holds nothing.

        In-memory datasets are identified by their recipe.
        """
        if not self._is_stored(name):
            return hash_of(self._recipe(self.makers[name])) if name in self.makers else None
        if name not in self._contents:
            content = content_of(self._catalog[name])[0]
            receipt = self.receipt(name) if content is None and name in self.makers else None
            self._contents[name] = NOTHING if receipt and receipt.sha256 == NOTHING else content
        return self._contents[name]

    def fault(self, name: str) -> tuple[str, str] | None:
        """Find out why a dataset may not be used.

        Returns:
            The dataset at fault, which may be one that it was made from, and what is wrong with it; or None.
        """
        if name not in self.makers:
            return None
        if name not in self._faults:
            sources = [] if self._is_pinned(name) else self.makers[name].inputs
            deeper = next((fault for source in sources if (fault := self.fault(source))), None)
            own = self._own_fault(name, as_input=True)
            self._faults[name] = deeper or ((name, own) if own else None)
        return self._faults[name]

    def due(self, pipeline: Pipeline) -> dict[str, str]:
        """Find the nodes to run next: those whose stored outputs differ from what they would make now.

        Returns:
            The reason by the node's name. A node that depends on another one of them waits for a later call.
        """
        found = ((node, name, self._own_fault(name)) for node in pipeline.nodes for name in node.outputs)
        reasons = {node: f"{name} {fault}" for node, name, fault in found if fault}
        waiting = {later for node in reasons for later in pipeline.from_nodes(node.name).nodes if later != node}
        ready = {node: reason for node, reason in reasons.items() if node not in waiting}
        for node in reversed(pipeline.nodes):
            for name in (name for name in node.inputs if node in ready and not self._is_stored(name)):
                if self.makers.get(name) in pipeline.nodes:
                    ready.setdefault(self.makers[name], f"{name} is needed by {node.name}, and kept nowhere")
        return {node.name: reason for node, reason in ready.items()}

    def places(self, pipeline: Pipeline) -> list[str]:
        """List the files and folders of code and data that a pipeline reads or writes, and its ``dataset://NAME``.

        Returns:
            An empty list if some are neither on this machine nor in one S3 store, whose listings tell what changed, and
            have no ``content_hash`` either.
        """
        names = sum(pipelines.values(), start=Pipeline([])).to_outputs(*pipeline.all_outputs()).datasets()
        found = [self._folder, *map(str, self._code.places())]
        for name in (name for name in names if not _is_parameter(name) and self._is_stored(name)):
            dataset = self._catalog[name]
            second = str(getattr(dataset, "_path", None) or "")  # of a copy, where it comes from
            own = f"{DATASET}{name}" if hasattr(dataset, "content_hash") else "memory://"
            found += [path_of(dataset) or own, *([second] if second and "://" not in second else [])]
        stores = {place.partition("://")[0] for place in found if "://" in place}
        return found if stores <= {"s3", "dataset"} else []

    def refuse_stale(self, pipeline: Pipeline, keeps: set[str], env: str | None, overridden: bool) -> None:
        """Refuse a run that would use stale data; with ``--allow-stale``, note that it does.

        Args:
            pipeline: what is to be run.
            keeps: outputs that the run keeps as they are.
            env: environment of the run.
            overridden: whether parameters come from the command line.

        Raises:
            StaleError: one line that names the dataset and the command.
        """
        self.look_again()
        for name in sorted(name for name in pipeline.inputs() | keeps if name in self.makers):
            if name in pipeline.inputs():
                self._built_on[name] = self.content(name)
            gone = self._is_stored(name) and self.content(name) is None
            culprit, why = (name, "is missing") if gone else self.fault(name) or (name, "")
            if not why:
                continue
            what = culprit if culprit == name else f"{culprit}, from which {name} was made,"
            if gone or not ALLOW_STALE.get():
                makers = [key for key in ("__default__", *pipelines) if name in pipelines[key].all_outputs()]
                options = "" if makers[0] == "__default__" else f" --pipelines=__default__,{makers[0]}"
                raise StaleError(
                    f"{what} {why}; mend it by "
                    + go_on(f" --to-outputs={name}{options}", env, overridden)
                    + ("" if gone else ", or go on with it as it is by --allow-stale")
                )
            self._accepted[name] = f"{what} {why}"
        self.look_again()

    def announce(self, node: Node, run_id: str) -> dict[str, Receipt]:
        """Make the receipts of a node's outputs, before they have any content.

        Raises:
            StaleError: another run has replaced an input since this one began; nobody knows which one was loaded.
        """
        recipe = self._recipe(node)
        for name in self._built_on.keys() & recipe["inputs"].keys():
            if self._is_stored(name) and self._built_on[name] != self.content(name):
                raise StaleError(f"{name} was replaced by another run while this one read it; start this run again")
        stale = self._let_pass(node)
        return {
            name: Receipt(
                dataset=name,
                stale=stale,
                project_version=getattr(import_module(self._code.package), "__version__", ""),
                commit=self._commit,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                run_id=run_id,
                **recipe,
            )
            for name in node.outputs
            if self._is_stored(name)
        }

    def before_save(self, receipt: Receipt) -> None:
        """Write the pending receipt of a save."""
        write_receipt(receipt, pending(self._place(receipt.dataset, saved=True)))

    def after_save(self, receipt: Receipt, data: Any) -> None:
        """Write the receipt of a save that is over, and delete the pending one."""
        dataset, place = self._catalog[receipt.dataset], self._place(receipt.dataset, saved=True)
        version = dataset.resolve_save_version() if is_versioned(dataset) else None
        sha256, files = content_of(dataset, version)
        shape = getattr(data, "shape", None)
        done = {"sha256": sha256 or NOTHING, "files": files, "rows": shape[0] if shape else None}
        write_receipt(receipt.model_copy(update=done), place)
        withdraw(pending(place))
        self._contents[receipt.dataset] = sha256 or NOTHING

    def sweep(self, pipeline: Pipeline) -> None:
        """Delete half-written files and receipts that killed runs left of a pipeline's outputs."""
        for name in pipeline.all_outputs():
            for place in (path_of(self._catalog.get(name)), f"{self._folder}/{name}"):
                if place and "://" not in place:
                    sweep(Path(place))

    def settle(self, pipeline: Pipeline) -> None:
        """Delete pending receipts of finished saves, and of failed saves that changed nothing."""
        self.look_again()
        for name in (name for name in pipeline.all_outputs() if self._is_stored(name)):
            receipt, announced = self.receipt(name), pending(self._place(name))
            if receipt and receipt.sha256 == self.content(name) and read_receipt(announced):
                withdraw(announced)

    def refuse_unreceipted(self, pipeline: Pipeline, run_id: str) -> None:
        """Refuse to end a run whose runner called no hooks, so that its outputs have no receipts.

        Raises:
            StaleError: one line that names a dataset and what to do.
        """
        for name in sorted(name for name in pipeline.all_outputs() if self._is_stored(name)):
            receipt = read_receipt(self._place(name, saved=True))
            if receipt is None or receipt.run_id != run_id:
                raise StaleError(
                    f"{name} has no receipt of this run: the workers of its runner called no hooks of the project; "
                    "run it again with --runner=SequentialRunner"
                )

    def _let_pass(self, node: Node) -> dict[str, str]:
        """Collect the stale data that a node's outputs will be made of, by ``--allow-stale``."""
        stale = {name: why for name, why in self._accepted.items() if name in node.inputs}
        for name in (name for name in node.inputs if name in self.makers and name not in stale):
            if not self._is_stored(name):
                stale |= self._let_pass(self.makers[name])
            elif receipt := self.receipt(name):
                stale |= receipt.stale
        return stale

    def _own_fault(self, name: str, as_input: bool = False) -> str | None:
        """Say why a dataset is not what its node would make of its inputs now, or None.

        Args:
            name: of the dataset.
            as_input: True when checking another dataset's input: it may be missing, and pinned datasets pass.
        """
        if not self._is_stored(name):
            return None
        receipt, content = self.receipt(name), self.content(name)
        if content is None and not as_input:
            return "is missing"
        if receipt is None or content not in (None, receipt.sha256):
            if read_receipt(pending(self._place(name))):
                return "was being saved when its run was interrupted"
            return "was altered on disk" if receipt else "has no receipt"
        return None if as_input and self._is_pinned(name) else self._made_otherwise(name, receipt)

    def _made_otherwise(self, name: str, receipt: Receipt) -> str | None:
        """Say which part of a receipt differs from what its node would get now, or None."""
        now = self._recipe(self.makers[name])
        for part, words in (("code", "other code"), ("parameters", "other parameters"), ("inputs", "other data")):
            then = getattr(receipt, part)
            changed = sorted(key for key in then.keys() | now[part].keys() if then.get(key) != now[part].get(key))
            if changed:
                few = ", ".join(key.removeprefix(PARAMETER) for key in changed[:3])
                return f"was made with {words} ({few}{', …' * (len(changed) > 3)})"
        if receipt.call != now["call"]:
            return "was made by another call"
        return None if receipt.entries == now["entries"] else "was made with other entries of the catalog"

    def _recipe(self, node: Node) -> dict[str, Any]:
        """Return everything that a node's outputs depend on, as it is now."""
        parameters = {name: self._parameter(name) for name in node.inputs if _is_parameter(name)}
        sources = [name for name in node.inputs if not _is_parameter(name)]
        entries = {name: self._entry(name) for name in sorted({*sources, *node.outputs})}
        kinds = {type(self._catalog[name]) for name in entries if name in self._catalog}
        mentioned = {f"{kind.__module__}.{kind.__name__}" for kind in kinds} | mentioned_names([parameters, entries])
        return {
            "call": f"{node!r}{_bound(node.func)}",
            "code": self._code.fingerprint(node.func, mentioned),
            "parameters": parameters,
            "entries": hash_of(entries),
            "inputs": {name: self._known_content(name) for name in sources},
        }

    def _parameter(self, name: str) -> Any:
        value: Any = self._parameters
        for key in name.removeprefix(PARAMETER).split(".") if name != "parameters" else ():
            value = value[key]
        return to_jsonable_python(value, fallback=str)

    def _known_content(self, name: str) -> str:
        """Return the fingerprint of a dataset; of one that is missing, that of its receipt."""
        content = self.content(name)
        if content is None and name in self.makers and (receipt := self.receipt(name)):
            return receipt.sha256
        return content or ""

    def _entry(self, name: str) -> dict[str, Any]:
        pattern = self._catalog.config_resolver.match_dataset_pattern(name)
        entry = self._entries.get(name) or self._entries.get(pattern or "") or {}
        text = json.dumps({key: value for key, value in entry.items() if key != "metadata"}, default=str)
        text = text.replace(project := f"{self._project.as_posix()}/", "")
        for place in sorted(self._places, key=len, reverse=True):
            text = text.replace(f'"{place.removeprefix(project)}/', f'"{self._places[place]}:/')
        return json.loads(text)

    def _is_stored(self, name: str) -> bool:
        return name in self._catalog and not getattr(self._catalog[name], "_EPHEMERAL", False)

    def _is_pinned(self, name: str) -> bool:
        """Whether later parameters, code and data leave it valid: ``metadata: {guards: {stands: true}}``."""
        metadata = getattr(self._catalog[name], "metadata", None) or {} if name in self._catalog else {}
        return bool(metadata.get("guards", {}).get("stands"))

    def _place(self, name: str, saved: bool = False) -> str:
        """Return the path of a dataset's receipt; versions have theirs in a folder."""
        dataset = self._catalog[name]
        if not is_versioned(dataset):
            return f"{self._folder}/{name}.json"
        version = dataset.resolve_save_version() if saved else dataset.exists() and dataset.resolve_load_version()
        return f"{self._folder}/{name}/{version}.json"


def go_on(options: str, env: str | None, overridden: bool) -> str:
    """Say how to go on. What ``--params`` gave may be a secret, and is not repeated.

    Examples:
        >>> go_on(" --pipelines=sums", env="test", overridden=True)
        '`kedro run --changed --pipelines=sums --env=test` and the same --params'
    """
    place = f" --env={env}" if env else ""
    return f"`kedro run --changed{options}{place}`" + (" and the same --params" if overridden else "")


def _bound(function: Any) -> str:
    """Return the values that belong to a function: of a partial, a closure, or the object of a method."""
    if isinstance(function, partial):
        return f" {function.args} {function.keywords}"
    values: list[Any] = [vars(function.__self__)] if isinstance(function, MethodType) else []
    with suppress(ValueError):  # an empty cell
        values += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    plain = [value for value in values if not callable(value)]
    return f" {to_jsonable_python(plain, fallback=lambda value: type(value).__qualname__)}" if plain else ""


def spell_out_patterns(configured: AbstractConfigLoader) -> None:
    """Replace the catalog's patterns by entries: Kedro takes braces in a project's path for placeholders."""
    patterns = DataCatalog.default_runtime_patterns  # those of what no entry names
    resolver = CatalogConfigResolver(configured["catalog"], default_runtime_patterns=patterns)
    names = [name for name in sum(pipelines.values(), start=Pipeline([])).datasets() if not _is_parameter(name)]
    ways = (resolver.match_dataset_pattern, resolver.match_user_catch_all_pattern)
    spelt_out = {name: resolver.resolve_pattern(name) for name in names if any(way(name) for way in ways)}
    kept = {name: entry for name, entry in configured["catalog"].items() if not resolver.is_pattern(name)}
    configured["catalog"] = spelt_out | kept


@cache
def _configure_worker(package: str) -> None:
    """Configure the project without its name, whose presence sends Kedro 1.7 into a recursion here."""
    framework.settings.configure(f"{package}.settings")
    framework.pipelines.configure(f"{package}.pipeline_registry")
    with suppress(ValueError):  # of a thread, which gets no signals
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the main process says how to go on


def _is_parameter(name: str) -> bool:
    return name.startswith(PARAMETER) or name == "parameters"
