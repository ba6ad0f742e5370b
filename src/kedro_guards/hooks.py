"""The hooks of a run: checks before it, receipts during it, advice if it fails."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, cast

import fsspec
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation.exceptions import ParameterValidationError
from pydantic import BaseModel

from .config import CheckedConfigLoader
from .files import AtomicLocalFileSystem
from .ledger import PARAMETER, Ledger, go_on, spell_out_patterns
from .receipts import Receipt, is_versioned, receipt_folder
from .secrets import leaves

LOG = logging.getLogger(__name__)
SIMILAR = 0.8  # from this likeness on, the name of a catalog entry may be a misspelt one


class GuardHooks:
    """The hooks of a guarded project. To make one registers :class:`AtomicLocalFileSystem` for local files, too.

    Args:
        **groups: the class of each parameter group that no pipeline reads, such as that of a service, by its name.
    """

    def __init__(self, **groups: type[BaseModel]) -> None:
        fsspec.register_implementation("file", AtomicLocalFileSystem, clobber=True)
        for protocol in ("s3", "s3a"):  # by name, so that it is imported when it is used
            needs = "an address s3:// needs s3fs: `pip install -r requirements-s3.txt`"
            fsspec.register_implementation(
                protocol, "kedro_guards.buckets.AtomicS3FileSystem", clobber=True, errtxt=needs
            )
        self.groups = groups
        self._announced: dict[str, tuple[Ledger, dict[str, Receipt]]] = {}

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check every parameter group, from files and from ``--params``, before anything is loaded.

        Raises:
            ParameterValidationError: no pipeline has such a group, or (by Kedro) a value in a group is wrong.
        """
        self._context = context
        if {"{", "}"} & set(str(context.project_path)):
            spell_out_patterns(context.config_loader)
        check_parameters(context.params, cast("CheckedConfigLoader", context.config_loader), self.groups)

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog, conf_catalog: dict[str, Any]) -> None:
        """Give the catalog its ledger, which goes with it to other processes. Warn of entries that seem misspelt."""
        project, configured = self._context.project_path, cast("CheckedConfigLoader", self._context.config_loader)
        warn_of_misspelt(conf_catalog, lambda: configured.of_base("catalog"))
        places = {place: name for name, place in configured["globals"].items() if isinstance(place, str)}
        folder = receipt_folder(project, str(configured["globals"]["data"]))
        catalog.ledger = Ledger(catalog, conf_catalog, configured["parameters"], folder, project, places)  # type: ignore[attr-defined]

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Remove what killed runs left of the files of this run, and check what it builds on.

        Raises:
            DatasetError: ``--load-versions`` names a dataset without versions, which Kedro would ignore.
            StaleError: an input does not agree with today's code, parameters or data.
        """
        for name in run_params["load_versions"] or ():
            if not is_versioned(catalog[name]):
                raise DatasetError(f"{name} keeps no versions, so --load-versions can choose none of it; leave it out")
        asks = run_params["only_missing_outputs"]
        kept = [node.outputs for node in pipeline.nodes if asks and all(map(catalog.exists, node.outputs))]
        keeps = {name for outputs in kept for name in outputs}
        _ledger(catalog).sweep(pipeline)
        _ledger(catalog).refuse_stale(pipeline, keeps, run_params["env"], bool(run_params["runtime_params"]))

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, run_id: str) -> None:
        """Note what the outputs of a node will have been made of."""
        self._announced[node.name] = _ledger(catalog), _ledger(catalog).announce(node, run_id)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Write the pending receipt, which tells an interrupted save from an altered file."""
        ledger, receipts = self._announced[node.name]
        if dataset_name in receipts:
            ledger.before_save(receipts[dataset_name])

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Write the receipt."""
        ledger, receipts = self._announced[node.name]
        if dataset_name in receipts:
            ledger.after_save(receipts[dataset_name], data)

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check that the receipts were written.

        Raises:
            StaleError: they were not.
        """
        if not run_params["only_missing_outputs"]:  # what such a run kept has an older receipt
            _ledger(catalog).refuse_unreceipted(pipeline, run_params["run_id"])

    @hook_impl
    def on_node_error(self, error: Exception, node: Node) -> None:
        """Say where the run failed."""
        error.add_note(f"This happened in the node {node.name}.")

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Tidy up after a save that failed, and say how to go on."""
        with suppress(Exception):  # of a read-only disk, say; the run's own error is worth more
            _ledger(catalog).settle(pipeline)
        given = {"pipelines": run_params.get("pipeline_names")}
        given |= {name: run_params.get(name) for name in ("tags", "from_nodes", "to_nodes", "to_outputs")}
        options = "".join(f" --{name.replace('_', '-')}={','.join(asked)}" for name, asked in given.items() if asked)
        way = go_on(options, run_params["env"], bool(run_params["runtime_params"]))
        error.add_note(f"What was stored is whole. Once the fault is mended, go on by {way}")


def warn_of_misspelt(entries: Iterable[str], names_of_base: Callable[[], Iterable[str]]) -> None:
    """Warn of catalog entries that no pipeline uses, if their name is nearly that of one that some pipeline uses.

    There is no warning if the base has entries of both names: the project may have lost the pipeline of one.
    """
    used = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    for name in sorted(set(entries) - used):
        near = get_close_matches(name, used, n=1, cutoff=SIMILAR)
        if near and not {name, near[0]} <= set(names_of_base()):
            LOG.warning("no pipeline uses %s of the catalog; did you mean %s?", name, near[0])


def check_parameters(
    parameters: Mapping[str, Any], loader: CheckedConfigLoader, groups: Mapping[str, type[BaseModel]]
) -> None:
    """Refuse what Kedro passes over: a name that nothing reads, in ``globals.yml`` or among the parameters.

    Args:
        parameters: all of a run, those of ``--params`` too.
        loader: what they come from.
        groups: the class of each group that no pipeline reads, by its name.

    Raises:
        ParameterValidationError: with the name and the nearest known one, or with the wrong value of such a group.
    """
    loader.check_globals()
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
    read = {name.removeprefix(PARAMETER).partition(".")[0] for name in inputs if name.startswith(PARAMETER)}
    if "parameters" not in inputs and (unread := sorted(set(parameters) - read - set(groups))):
        _refuse_unless_asked_for({name: parameters[name] for name in unread}, read | set(groups), loader)
    for name, group in groups.items():
        try:
            group.model_validate(parameters[name])
        except ValueError as error:
            raise ParameterValidationError(f"{name}: {error}") from None


def _refuse_unless_asked_for(unread: dict[str, Any], known: set[str], loader: CheckedConfigLoader) -> None:
    """Refuse parameters that no pipeline reads, unless the configuration takes them from ``--params``."""
    asked = loader.names_asked_for()
    for leaf, _ in leaves(unread):
        if any(f"{leaf}.".startswith(f"{name}.") for name in asked):
            continue
        group, groups = leaf.partition(".")[0], {name.partition(".")[0] for name in asked}
        if group in groups:
            fault, name, there = f"{leaf} is nothing that the configuration asks for", leaf, asked
        else:
            fault, name, there = f"{group} is not a known group of parameters", group, known | groups
        near = get_close_matches(name, there, n=1)
        raise ParameterValidationError(
            f"{fault}; " + (f"did you mean {near[0]}?" if near else f"the known ones are {', '.join(sorted(there))}")
        )


def _ledger(catalog: DataCatalog) -> Ledger:
    return catalog.ledger  # type: ignore[attr-defined]
