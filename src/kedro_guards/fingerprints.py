"""Fingerprint the code behind a node: own modules by their content, installed packages by their version.

Sound before precise: a module counts with everything that it imports, wherever the import stands. So a change without
effect may run a node again, but no change with an effect is missed.
"""

import ast
import hashlib
import importlib.util
import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, partial
from importlib import metadata
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from itertools import accumulate
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NamedTuple, TypeGuard
from uuid import uuid4

from .files import files_below

WORD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
BEGINNING = re.compile(r"[A-Za-z_]\w*(\..*)?")  # of a computed name: "package.{module}"
SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)  # in the order in which Python looks for them
IMPORTERS = ("import_module", "__import__")
INSTALLED = ("site-packages", "dist-packages")
THIS_PROCESS = uuid4().hex  # fingerprint of code that lies in no file, such as a cell of a notebook


class Code:
    """The own modules of a project, with their content and imports; each is read once.

    Packages that an installer put in place count by their version. All others count by their content: the project's
    source folder, editable installs, and whatever else lies on Python's search path.

    Args:
        package: name of the project's package, whose folder lies in the project's source folder.
        project: the project's folder.
    """

    def __init__(self, package: str, project: Path) -> None:
        self.package = package
        self._tops: dict[str, list[Path]] = {}
        self._paths: dict[str, Path | None] = {}
        self._read: dict[str, tuple[str, set[str]]] = {}
        self._data: dict[Path, str] = {}
        self._uses: dict[str, set[str]] = {}
        source = self._own(package)[0].parent
        # it counts whole, unless it is the project's folder or holds installed packages
        self._source = [] if source.resolve() == project.resolve() or source.name in INSTALLED else [source]

    def fingerprint(self, function: Callable[..., Any], mentioned: Iterable[str]) -> dict[str, str]:
        """Return the code that a call depends on.

        Args:
            function: the function of a node, or anything else that can be called.
            mentioned: dotted names in its configuration, such as the class paths of models and validators.

        Returns:
            A sha256 by own module, one by ``package/`` of the other files in its folder, and a version by distribution
            and of the interpreter.
        """
        modules, outside = self._reach({*_modules_of(function), *mentioned})
        required, followed = required_by(frozenset(outside)), set[str]()
        while more := {top for each in required.values() for top in each.editable} - followed:
            followed |= more  # an installed package may require an editable one
            modules, further = self._reach(modules.union(*map(self._all, more)))
            required |= required_by(frozenset(further))
        found = {name: self._module(name)[0] for name in sorted(modules)}
        if "__main__" in outside:
            found["__main__"] = THIS_PROCESS
        data = {f"{name}/": "".join(self._others(folder, name) for folder in self._folders(name)) for name in found}
        data["source folder/"] = "".join(map(self._others, self._source))
        return found | {name: sums for name, sums in data.items() if sums} | versions(required)

    def places(self) -> list[Path]:
        """List the files and folders of all code that was read, and those that would take precedence."""
        tops = {place for name in self._read for place in self._own(name.partition(".")[0])}
        return [*self._source, *tops, *(top.with_suffix("" if top.suffix else ".py") for top in tops)]

    def _reach(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """Follow imports: return the own modules, and the names of installed packages."""
        left, followed, outside = list(names), set[str](), set[str]()
        while left:
            name = left.pop()
            if not self._own(name.partition(".")[0]):
                outside.add(name)
            elif (module := self._existing(name)) not in followed and self._path(module):
                followed.add(module)
                left.extend(self._module(module)[1])
        # the packages round a module run when it is imported; what they import counts where it is used
        return {around for name in followed for around in accumulate(name.split("."), "{}.{}".format)}, outside

    def _own(self, top: str) -> list[Path]:
        """Return the folders of an own package, or the file of an own module; nothing for installed ones."""
        if top not in self._tops:
            places = _places(top)
            homes = {os.path.realpath(place.parent) for place in places}
            self._tops[top] = [] if top != self.package and homes <= _homes(top) else places
        return self._tops[top]

    def _existing(self, name: str) -> str:
        """Shorten a dotted name to its module."""
        while "." in name and self._path(name) is None:
            name = name.rpartition(".")[0]
        return name

    def _path(self, name: str) -> Path | None:
        """Find the file of a module as Python does."""
        if name not in self._paths:
            top, *inner = name.split(".")
            ways = [place.joinpath(*inner) for place in self._own(top)]
            found = [way / f"__init__{suffix}" for way in ways for suffix in SUFFIXES]
            found += [way.with_name(f"{way.name}{suffix}") for way in ways for suffix in SUFFIXES if inner]
            loaded = getattr(sys.modules.get(name), "__file__", None)  # by a finder of another kind
            found += [*([] if inner else ways), *([Path(loaded)] if loaded else [])]
            self._paths[name] = next(filter(Path.is_file, found), None)
        return self._paths[name]

    def _folders(self, name: str) -> list[Path]:
        top, *inner = name.split(".")
        return [folder for place in self._own(top) if (folder := place.joinpath(*inner)).is_dir()]

    def _all(self, top: str) -> set[str]:
        """List all modules of an own package."""
        files = [file.relative_to(place) for place in self._own(top) for file in files_below(place)]
        inner = [(*file.parent.parts, file.name.partition(".")[0]) for file in files if file.suffix in {".py", ".so"}]
        return {".".join((top, *parts)).removesuffix(".__init__") for parts in inner} | {top}

    def _module(self, name: str) -> tuple[str, set[str]]:
        """Read a module: its sha256 without comments and layout, and the names that it imports."""
        if name not in self._read:
            path, top = self._path(name), name.partition(".")[0]
            content = path.read_bytes() if path else b""
            try:
                tree: ast.Module | None = ast.parse(content)
            except (SyntaxError, ValueError):  # it is compiled
                tree = None
            nodes = list(ast.walk(tree)) if tree else []
            package = name if path is None or path.name == "__init__.py" else name.rpartition(".")[0]
            asked = [node.args[0] for node in nodes if _imports(node)]
            names = _imported(nodes, package) | {_absolute(text, package) for text in map(_text, asked) if text}
            # a name in a variable comes from configuration, or from a text of this module
            names |= {text for text in _texts(nodes, WORD if asked else DOTTED) if self._own(text.partition(".")[0])}
            if tree is None or not all(isinstance(one, ast.Constant | ast.Name) for one in asked):
                # it computes names, so it may import anything own
                begun = {text.partition(".")[0] for text in _texts(nodes, BEGINNING)}
                beside = {path.stem for source in self._source for path in source.iterdir() if path.stem.isidentifier()}
                names = names.union(*map(self._all, {top, *filter(self._own, begun | beside)}))
            said = ast.dump(tree).encode() if tree else content
            self._read[name] = hashlib.sha256(said).hexdigest(), names
        return self._read[name]

    def _others(self, folder: Path, name: str = "") -> str:
        """Return a sum of the files of a package, or of the source folder, that are no modules; '' for none."""
        if folder not in self._data:
            files = {str(path.relative_to(folder)): path for path in self._beside_modules(folder, name)}
            sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}
            self._data[folder] = hashlib.sha256(json.dumps(sums).encode()).hexdigest() if sums else ""
        return self._data[folder]

    def _beside_modules(self, folder: Path, name: str) -> Iterator[Path]:
        """Find the files that are neither modules nor hidden, but not those of sub-packages that somebody imports."""
        for path in folder.iterdir():
            if path.name.startswith((".", "__pycache__")) or path.suffix in {".py", ".pyc", ".egg-info", ".dist-info"}:
                continue
            inner = f"{name}.{path.name}"
            if path.is_file():
                yield path
            elif path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
                holds_modules = any(path.glob("*.py"))
                if not holds_modules or (name and inner not in self._used(name.partition(".")[0])):
                    yield from self._beside_modules(path, inner if name else "")

    def _used(self, top: str) -> set[str]:
        """Name everything that some module of a package imports."""
        if top not in self._uses:
            names = set().union(*(self._module(name)[1] for name in self._all(top)))
            self._uses[top] = {around for name in names for around in accumulate(name.split("."), "{}.{}".format)}
        return self._uses[top]


def mentioned_names(value: Any) -> set[str]:
    """Find the strings in nested configuration that read like the path of a module, class or function.

    Examples:
        >>> mentioned_names({"model": {"class": "sklearn.svm.SVC", "cost": 3}, "title": "no name"})
        {'sklearn.svm.SVC'}
    """
    if isinstance(value, dict):
        return set().union(*map(mentioned_names, value.values()))
    if isinstance(value, list):
        return set().union(*map(mentioned_names, value))
    return {value} if isinstance(value, str) and DOTTED.fullmatch(value) else set()


_distributions = cache(metadata.packages_distributions)


class _Installed(NamedTuple):
    """A distribution as it is installed here."""

    version: str
    required: dict[str, list[str]]  # by extra
    editable: frozenset[str]  # the packages and modules in editable form


def versions(required: dict[str, _Installed]) -> dict[str, str]:
    """Return the version by the name of a distribution, and that of the interpreter."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python} | {name: required[name].version for name in sorted(required)}


@cache
def required_by(names: frozenset[str]) -> dict[str, _Installed]:
    """Find the distributions that dotted names come from, and all that those require, by their names.

    What a class of kedro-datasets requires is an extra of its name: ``pandas-parquetdataset``.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415 # slow, and not always needed
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    parts = [name.split(".") for name in names]
    extras = {"", *(f"{inner[0]}-{inner[-1]}".lower() for _, *inner in parts if inner)}
    left = {(name, extra) for top, *_ in parts for name in _distributions().get(top, ()) for extra in extras}
    found: dict[str, _Installed] = {}
    seen = set[tuple[str, str]]()
    while left := left - seen:
        seen |= left
        for name, extra in list(left):
            if installed := _installed(canonicalize_name(name)):
                found[canonicalize_name(name)] = installed
                wanted = map(Requirement, installed.required.get(extra, ()))
                needed = [one for one in wanted if not one.marker or one.marker.evaluate({"extra": extra})]
                left |= {(one.name, further) for one in needed for further in ("", *one.extras)}
    return found


@cache
def _installed(name: str) -> _Installed | None:
    """Find a distribution; one that came from no index counts by the list of its files, too."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # not needed here
        return None
    required: dict[str, list[str]] = {}
    for line in distribution.requires or ():
        extra = re.search(r"extra *== *['\"]([^'\"]+)['\"]", line)
        required.setdefault(extra[1] if extra else "", []).append(line)
    version, editable = distribution.version, _is_editable(distribution)
    if distribution.read_text("direct_url.json") and not editable:
        version += f" of {hashlib.sha256((distribution.read_text('RECORD') or '').encode()).hexdigest()[:12]}"
    return _Installed(version, required, frozenset(_tops(distribution) if editable else ()))


def _is_editable(distribution: metadata.Distribution) -> bool:
    """Whether a distribution points to its code, as after ``pip install --editable``, or lies beside it."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    beside = distribution.read_text("RECORD") is None and _home(distribution).name not in INSTALLED
    return beside or bool(origin.get("dir_info", {}).get("editable"))


def _home(distribution: metadata.Distribution) -> Path:
    return Path(os.path.realpath(str(distribution.locate_file(""))))


def _tops(distribution: metadata.Distribution) -> set[str]:
    """List the packages and modules of an editable distribution."""
    pointers = [file.locate() for file in distribution.files or () if file.suffix == ".pth"]
    lines = [line for pointer in pointers for line in Path(str(pointer)).read_text(encoding="utf-8").splitlines()]
    listed = (distribution.read_text("top_level.txt") or distribution.name.replace("-", "_")).split()
    return {*listed, *(module.name for module in iter_modules([line for line in lines if Path(line).is_dir()]))}


@cache
def _homes(top: str) -> set[str]:
    """Return the folders where Python or an installer puts a package or module."""
    library = {os.path.realpath(sysconfig.get_path(way)) for way in ("stdlib", "platstdlib")}
    claims = map(metadata.distribution, _distributions().get(top, ()))
    return (
        library
        | {os.path.join(folder, "lib-dynload") for folder in library}
        | {str(_home(claim)) for claim in claims if not _is_editable(claim)}
    )


def _places(top: str) -> list[Path]:
    """Find the folders of a package, or the file of a module, without importing it; nothing for built-in ones."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # __main__ has none
        spec = None
    if spec and spec.submodule_search_locations:
        found = list(map(Path, spec.submodule_search_locations))
    else:
        file = spec.origin if spec and spec.has_location else getattr(sys.modules.get(top), "__file__", None)
        found = [Path(file)] if file else []
    # an archive counts whole
    return [next((place for place in (way, *way.parents) if place.exists()), way) for way in found]


def _modules_of(function: Any) -> set[str]:
    """List the modules of a function, of what it wraps, and of what is bound to it."""
    found, left, seen = set[str](), [function], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        found |= {getattr(one, "__module__", None) or type(one).__module__}  # of a value, its class's
        found |= {name for name in (getattr(one, "__globals__", {}).get("__name__"),) if name}
        if isinstance(one, partial):
            left += [one.func, *one.args, *one.keywords.values()]
        with suppress(ValueError):  # an empty cell
            left += [cell.cell_contents for cell in getattr(one, "__closure__", None) or ()]
        left += [one.__wrapped__] if hasattr(one, "__wrapped__") else []
    return found


def _text(node: ast.AST) -> str | None:
    """Return the text that a node of a syntax tree is, or None."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _texts(nodes: Iterable[ast.AST], pattern: re.Pattern[str]) -> set[str]:
    """Find the strings that read like the path of a module, class or function."""
    return {text for node in nodes if (text := _text(node)) and pattern.fullmatch(text)}


def _imports(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a node is a call of ``import_module`` or ``__import__``."""
    called = node.func if isinstance(node, ast.Call) and node.args else None
    return getattr(called, "attr", getattr(called, "id", "")) in IMPORTERS


def _imported(nodes: Iterable[ast.AST], package: str) -> set[str]:
    """List the names that the statements of a module import."""
    found, aliases = set[str](), dict[str, str]()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            tops = [(alias.name.partition(".")[0], alias) for alias in node.names]
            aliases |= {alias.asname or top: alias.name if alias.asname else top for top, alias in tops}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
            aliases |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}
    return found | {dotted for node in nodes if (dotted := _dotted(node, aliases))}


def _absolute(name: str, package: str) -> str:
    """Resolve the leading dots of a relative import."""
    level = len(name) - len(inner := name.lstrip("."))
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([inner] if inner else [])]) if level else name


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    """Return ``package.module.name`` for attributes of an imported package; '' for others."""
    inner = []
    while isinstance(node, ast.Attribute):
        inner.append(node.attr)
        node = node.value
    return ".".join([aliases[node.id], *reversed(inner)]) if isinstance(node, ast.Name) and node.id in aliases else ""
