"""JSON schemas of the configuration, so that an editor completes and checks it.

They are made from what a run checks: the classes of the parameter groups and the arguments of the datasets. The
descriptions are those of the docstrings.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from inspect import Parameter, cleandoc, signature
from pkgutil import walk_packages
from typing import Any, Literal, get_type_hints

from kedro.framework import project as framework
from kedro.framework.project import pipelines, settings
from kedro.io import AbstractDataset
from kedro.validation import TypeExtractor
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, create_model

from .config import CheckedConfigLoader
from .hooks import GuardHooks
from .ledger import PARAMETER

DATASETS = f"{__package__}.datasets"
MANY = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
MAPS = ("properties", "patternProperties", "$defs")  # the keywords that hold schemas by name
# a template stands for any value; and YAML 1.2, which editors read, takes 10_000 for text
TEMPLATE = {"template": {"type": "string", "pattern": r"\$\{.+\}|^[0-9]+(_[0-9]+)+$"}}
OR_TEMPLATE = {"$ref": "#/$defs/template"}
Schema = dict[str, Any]


class Guards(BaseModel):
    """What the guards know about a dataset."""

    model_config = ConfigDict(extra="forbid")
    stands: bool = Field(default=False, description="whether later changes of parameters, code or data leave it valid")


class Viz(BaseModel):
    """How Kedro-Viz shows a dataset."""

    layer: str = Field(default="", description="the layer in which the graph shows it")
    preview: bool = Field(default=True, description="whether its content is shown")
    preview_args: dict[str, Any] = Field(default={}, description="arguments of the preview, such as nrows")


class Metadata(BaseModel):
    """Notes that Kedro itself ignores, by the name of their reader."""

    guards: Guards = Field(default=Guards())
    viz: Viz = Field(default=Viz(), alias="kedro-viz")


class Entry(BaseModel):
    """An entry of the catalog."""

    type: str = Field(description="class of the dataset; kedro_datasets. and kedro.io. may be left out")
    validator: str | dict[str, Any] = Field(default="", description="contract: dotted path, or a block with `class`")
    metadata: Metadata = Field(default=Metadata())
    versioned: bool = Field(default=False, description="whether each save makes a new version")
    credentials: str | dict[str, Any] = Field(default="", description="name of an entry in credentials.yml")


def schemas_of(loader: CheckedConfigLoader) -> dict[str, Schema]:
    """Make the schemas of a project that Kedro knows.

    Args:
        loader: the project's configuration, for the names in ``globals.yml``.

    Returns:
        A schema by the name of its file: ``catalog``, ``globals``, ``parameters`` (the whole groups of the base) and
        ``overrides`` (the parameters of other environments, which may leave out keys).
    """
    groups = parameter_groups()
    return {
        "catalog": _catalog(_datasets(DATASETS, str(framework.PACKAGE_NAME))),
        "globals": _closed({name: _number_or(type(value)) for name, value in loader["globals"].items()}),
        "parameters": _closed(groups),
        "overrides": _closed(groups, whole=False),
    }


def parameter_groups() -> dict[str, Any]:
    """Return the type of each parameter group: that of the nodes' annotations, or of the hooks; otherwise any."""
    inputs = {name for pipeline in pipelines.values() for name in pipeline.inputs() if name.startswith(PARAMETER)}
    untyped = {name.removeprefix(PARAMETER).partition(".")[0]: Any for name in inputs}
    typed = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    hooked = [hook.groups for hook in settings.HOOKS if isinstance(hook, GuardHooks)]
    found = untyped | {name: group for name, group in typed.items() if "." not in name}
    for groups in hooked:
        found |= groups
    return dict(sorted(found.items()))


def _closed(types: Mapping[str, Any], *, whole: bool = True) -> Schema:
    """Make the schema of a file that may hold these names alone, and names for reuse that begin with an underscore."""
    found, definitions = _json_schemas(types, whole=whole)
    models = {name: each for name, each in types.items() if isinstance(each, type) and issubclass(each, BaseModel)}
    told = {name: {"description": _summary(each)} for name, each in models.items()}
    return {
        "type": "object",
        "properties": {name: told.get(name, {}) | each for name, each in found.items()},
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
        "$defs": definitions,
    }


def _catalog(datasets: Iterable[type]) -> Schema:
    """Make the schema of a catalog. It knows the arguments of these datasets; others may have any."""
    entries = {_path(dataset): _entry_of(dataset) for dataset in datasets}
    found, definitions = _json_schemas({"any": Entry} | entries)
    definitions["Entry"]["properties"]["type"]["anyOf"] = [{"enum": list(entries)}, {"type": "string"}]
    by_type = [
        {"if": {"type": "object", "properties": {"type": {"const": path}}, "required": ["type"]}, "then": found[path]}
        for path in entries
    ]
    return {
        "type": "object",
        "patternProperties": {"^_": {}},
        "additionalProperties": {"allOf": [found["any"], *by_type]},
        "$defs": definitions,
    }


def _datasets(*packages: str) -> Iterator[type]:
    """Find the dataset classes that these packages define, in the order of their modules."""
    for package in packages:
        folder = import_module(package)
        names = [each.name for each in walk_packages(folder.__path__, f"{package}.")]
        for name in sorted(names):
            try:
                module = import_module(name)
            except ImportError:  # of an extra that is not installed, or of a part that the project leaves out
                continue
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, AbstractDataset) and each.__module__ == name:
                    yield each


def _path(dataset: type) -> str:
    return f"{dataset.__module__}.{dataset.__qualname__}"


def _entry_of(dataset: type) -> type[BaseModel]:
    """Make the class of the entries of one dataset class: its arguments, and the keys of every entry."""
    arguments: dict[str, Any] = dict.fromkeys(Entry.model_fields, (Any, None))
    arguments["type"] = Literal[_path(dataset)], Field(description=_summary(dataset))
    for each in [each for each in dataset.__mro__ if "__init__" in vars(each)]:
        constructor = vars(each)["__init__"]
        hints, told = _hints(constructor), _told(each.__doc__) | _told(constructor.__doc__)
        parameters = list(signature(constructor).parameters.values())[1:]
        for parameter in parameters:
            name, kind = parameter.name, parameter.kind
            if name not in arguments and name != "version" and name[0] != "_" and kind not in MANY:
                default = ... if parameter.default is Parameter.empty else parameter.default
                arguments[name] = _known(hints.get(name, Any)), Field(default, description=told.get(name))
        if not any(parameter.kind == Parameter.VAR_KEYWORD for parameter in parameters):
            break
    return create_model(dataset.__name__, __config__=ConfigDict(extra="forbid"), **arguments)


def _hints(constructor: Any) -> dict[str, Any]:
    try:
        return get_type_hints(constructor)
    except NameError:  # an annotation that only type checkers can look up
        return {}


def _number_or(kind: type) -> Any:
    return {int: float, type(None): str | None}.get(kind, kind)


def _known(hint: Any) -> Any:
    """Return a type, or any if there is no schema of it."""
    try:
        TypeAdapter(hint).json_schema()
    except PydanticUserError:
        return Any
    return hint


def _summary(documented: type) -> str:
    text = " ".join(cleandoc(documented.__doc__ or "").partition("\n\n")[0].split())
    return re.sub(":class:`(.+?)`", r"\1", text)


def _told(docstring: str | None) -> dict[str, str]:
    r"""Return what a docstring says about each argument.

    Examples:
        >>> _told("Bake.\n\nArgs:\n    degrees: the heat,\n        in Celsius.\n    fan: whether it runs.")
        {'degrees': 'the heat, in Celsius.', 'fan': 'whether it runs.'}
    """
    sections = re.findall(r"^Args:\n((?: +.*\n?|\n)*)", cleandoc(docstring or ""), re.MULTILINE)
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", "".join(sections), re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _json_schemas(types: Mapping[str, Any], *, whole: bool = True) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Make the schema of each type by name, and the definitions that they refer to."""
    found, shared = TypeAdapter.json_schemas([(name, "validation", TypeAdapter(each)) for name, each in types.items()])
    schemas = {name: _open(found[name, "validation"], whole=whole) for name in types}
    definitions = {name: _open(each, whole=whole, alone=False) for name, each in shared.get("$defs", {}).items()}
    return schemas, definitions | TEMPLATE


def _open(schema: Any, *, whole: bool, alone: bool = True) -> Any:
    """Let a template stand for every value, at any depth, and leave out what an editor need not show.

    Args:
        schema: as pydantic makes it; True and False are schemas too.
        whole: whether keys must be given.
        alone: whether the schema describes a value by itself, and is no definition and no alternative of others.
    """
    if not isinstance(schema, dict):
        return schema
    found: Schema = {}
    for key, value in schema.items():
        if key in MAPS:
            found[key] = {name: _open(each, whole=whole) for name, each in value.items()}
        elif key in ("items", "additionalProperties") and value is not True:
            found[key] = _open(value, whole=whole)
        elif key == "anyOf":
            found[key] = [*(_open(each, whole=whole, alone=False) for each in value), OR_TEMPLATE]
        elif key not in ("title", "default") and (key != "required" or whole):
            found[key] = value
    if "patternProperties" in found:
        found["additionalProperties"] = False
    if not alone or not found.keys() & {"type", "enum", "$ref"} or found == {"type": "string"}:
        return found
    told = {key: found.pop(key) for key in ("description",) if key in found}
    return told | {"anyOf": [found, OR_TEMPLATE]}
