"""Read the options of ``kedro run``, and refuse wrong ones with the right form or name."""

import re
from collections.abc import Iterable
from copy import copy
from difflib import get_close_matches
from typing import Any

import click
from kedro import runner as runners
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.utils import load_obj
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

DEFAULT = "SequentialRunner"
RUNNERS = [name for name in runners.__all__ if name.endswith("Runner") and not name.startswith("Abstract")]
MOST_NAMES = 20  # that an error lists
FORM = "write NAME=VALUE, several as NAME=VALUE,NAME=VALUE, a list as NAME=[VALUE,VALUE]"
_QUOTED = r"""(?<=[=:,{\[\s])(?:'[^']*'|"[^"]*")"""  # a quote opens where a value begins
_PARTS = re.compile(rf"(?:{_QUOTED}|[^,]|,(?!\s*[\w.\[\]-]+\s*=))+")  # a comma parts where NAME= follows


def read_parameters(context: click.Context, option: click.Parameter, value: Any) -> dict[str, Any]:  # noqa: ARG001
    """Read ``a.b=1,c=[x,y]``: as Kedro does, and lists, mappings and quoted texts of YAML too.

    Raises:
        click.BadParameter: a part has no name or no value, or a value is not YAML. No value is repeated: it may be a
            secret.

    Examples:
        >>> read_parameters(None, None, "split.seed=3, models=[a,b], title='x,y=3'")
        {'split': {'seed': 3}, 'models': ['a', 'b'], 'title': 'x,y=3'}
    """
    if isinstance(value, dict):  # from a file, by --config
        return value
    found = OmegaConf.create()
    for part in filter(None, (part.strip(" ,") for part in _PARTS.findall(value))):
        name, equals, given = (text.strip() for text in part.partition("="))
        if not name or not equals:
            raise click.BadParameter(f"a part has no {'value' if name else 'name'}; {FORM}")
        if not given:
            raise click.BadParameter(f"{name} has no value; write {name}=VALUE, or {name}=null for none")
        try:
            read = OmegaConf.from_dotlist([f"{name}={given}"])
        except (YAMLError, OmegaConfBaseException):
            raise click.BadParameter(
                f"the value of {name} is not YAML; {FORM}, or put quotes round the value"
            ) from None
        if "," in given and OmegaConf.select(read, name) == given:
            raise click.BadParameter(f"what follows a comma after {name}= has no name; {FORM}")
        found.merge_with(read)
    return OmegaConf.to_container(found)  # type: ignore[return-value]


def read_runner(context: click.Context, option: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Take the name of a runner.

    Raises:
        click.BadParameter: there is no such runner.
    """
    try:
        kind = load_obj(value or DEFAULT, "kedro.runner")
    except (ImportError, AttributeError, TypeError, ValueError):  # a TypeError for names such as ".."
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, runners.AbstractRunner)) or kind is runners.AbstractRunner:
        raise click.BadParameter(f"{value} is not a runner{_instead(str(value), RUNNERS)}")
    return value


def with_readers(options: Iterable[click.Parameter]) -> list[click.Parameter]:
    """Copy Kedro's options, with the readers of this module."""
    readers = {"params": read_parameters, "runner_params": read_parameters, "runner": read_runner}
    copies = [copy(option) for option in options]
    for option in copies:
        option.callback = readers.get(option.name or "", option.callback)
    return copies


def refuse_unknown_names(options: dict[str, Any]) -> None:
    """Refuse the name of a pipeline, node, dataset, tag or namespace that is nowhere, and what a runner does not take.

    Args:
        options: all options of ``kedro run``, as Click passes them. Kedro then knows the pipelines as requested, as
            in a run.

    Raises:
        click.ClickException: with the option, what was found and what there is.
    """
    runner = load_obj(options["runner"] or DEFAULT, "kedro.runner")
    try:
        runner(**options["runner_params"])
    except (TypeError, ValueError) as error:
        raise click.ClickException(f"--runner-params does not suit {runner.__name__}: {error}") from None
    if options["pipeline"] and options["pipelines"]:  # which Kedro refuses
        return
    asked = options["pipelines"] or ([options["pipeline"]] if options["pipeline"] else [])
    pipelines.set_requested(asked or None)  # as the session will
    if not set(asked) <= set(pipelines):
        pipelines.set_requested(None)
        _refuse_unknown("pipelines", asked, pipelines)
    pipeline = sum((pipelines[name] for name in asked or ["__default__"]), start=Pipeline([]))
    nodes = [node.name for node in pipeline.nodes]
    datasets = pipeline.datasets() | {name.partition("@")[0] for name in pipeline.datasets()}
    known: dict[str, Iterable[str]] = dict.fromkeys(("from_nodes", "to_nodes"), nodes)
    known |= dict.fromkeys(("from_inputs", "to_outputs", "load_versions"), datasets)
    known["tags"] = {tag for node in pipeline.nodes for tag in node.tags}
    known["namespaces"] = {prefix for node in pipeline.nodes if node.namespace for prefix in node.namespace_prefixes}
    _refuse_unknown("nodes", options["node_names"], nodes)
    for option, names in known.items():
        _refuse_unknown(option, options[option], names)


def _refuse_unknown(option: str, asked: Iterable[str] | None, known: Iterable[str]) -> None:
    for name in asked or ():
        if name not in known:
            raise click.ClickException(f"--{option.replace('_', '-')}: there is no {name}{_instead(name, known)}")


def _instead(name: str, known: Iterable[str]) -> str:
    names = sorted(name for name in known if not name.startswith("params:"))
    if near := get_close_matches(name, names, n=1):
        return f"; did you mean {near[0]}?"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"; there are {', '.join(names[:MOST_NAMES])}{more}" if names else "; there are none"
