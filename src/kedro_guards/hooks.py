"""Parameters are checked before a run, and before anything is loaded."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, cast

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.validation.exceptions import ParameterValidationError
from pydantic import BaseModel

from .config import CheckedConfigLoader

PREFIX = "params:"


class ParameterHooks:
    """Refuse a group of parameters that no pipeline knows; Kedro itself passes over it in silence.

    Args:
        **others: groups that no pipeline reads, those of a service say: the class of each by its name.
    """

    def __init__(self, **others: type[BaseModel]) -> None:
        self._others = others

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check every group, from files and from ``--params``, before anything is loaded.

        Raises:
            ParameterValidationError: no pipeline has such a group, or (by Kedro) a value in a group is wrong.
        """
        loader = cast("CheckedConfigLoader", context.config_loader)
        _refuse_unknown_globals(loader)
        inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs()}
        known = {name.removeprefix(PREFIX).partition(".")[0] for name in inputs if name.startswith(PREFIX)}
        known |= set(self._others)
        if unknown := set(context.params) - known:
            _refuse_unless_asked_for({name: context.params[name] for name in sorted(unknown)}, known, loader)
        for name, group in self._others.items():
            try:
                group.model_validate(context.params[name])
            except ValueError as error:
                raise ParameterValidationError(f"{name}: {error}") from None


def _refuse_unknown_globals(loader: CheckedConfigLoader) -> None:
    """Refuse a name that ``globals.yml`` of the base lacks: misspelt, it would leave the data where they were."""
    known = loader.globals_of_base()
    unknown = sorted(set(loader["globals"]) - set(known))
    if known and unknown:
        raise ParameterValidationError(
            f"{unknown[0]} in globals.yml is not a known name; the known ones are {', '.join(known)}"
        )


def _refuse_unless_asked_for(unknown: dict[str, Any], known: set[str], loader: CheckedConfigLoader) -> None:
    """Refuse parameters that no pipeline knows, unless the configuration itself takes them from ``--params``."""
    asked = loader.names_asked_for()
    for leaf in _leaves(unknown):
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


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"
