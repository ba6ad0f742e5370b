"""What a result depends on beside its data: the project's modules, and the versions of the packages they use.

Sound before it is precise: a module counts with all that it imports, wherever in it the import stands, so a change
that a node cannot feel may ask for it to be run again, but none that it feels is passed over.
"""

import ast
import hashlib
import importlib.util
import platform
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import metadata
from itertools import accumulate
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Code:
    """The modules of a project, by what they say and import; each is read once.

    Args:
        package: name of the project's package; what lies in it is read, what lies elsewhere is known by its version.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        (folder,) = importlib.util.find_spec(package).submodule_search_locations  # type: ignore[union-attr, misc]
        self.folder = Path(folder)
        self._read: dict[str, tuple[str, set[str]]] = {}

    def fingerprint(self, function: Callable[..., Any], mentioned: Iterable[str]) -> dict[str, str]:
        """Say on which code a call depends.

        Args:
            function: the function of a node, or anything else that can be called.
            mentioned: dotted names that configuration hands it, such as the class paths of contenders and validators.

        Returns:
            A sha256 by module of the project, and a version by distribution, the interpreter being one.
        """
        base = _unwrapped(function)
        module = getattr(base, "__module__", None) or type(base).__module__
        modules, outside = self._reach({module, *mentioned})
        return {name: self._module(name)[0] for name in sorted(modules)} | versions(frozenset(outside))

    def _reach(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """Follow imports: the modules of the project, and the packages beyond it."""
        left, followed, outside = list(names), set[str](), set[str]()
        while left:
            name = self._existing(left.pop())
            if name.partition(".")[0] != self.package:
                outside.add(name)
            elif name not in followed:
                followed.add(name)
                left.extend(self._module(name)[1])
        # the packages round a module are run when it is imported; what they import counts where it is used
        return {around for name in followed for around in accumulate(name.split("."), "{}.{}".format)}, outside

    def _existing(self, name: str) -> str:
        """Cut a dotted name of the project back to the module that it lies in."""
        while name.startswith(f"{self.package}.") and self._path(name) is None:
            name = name.rpartition(".")[0]
        return name

    def _path(self, name: str) -> Path | None:
        place = self.folder.joinpath(*name.split(".")[1:])
        return next(
            (path for path in (place / "__init__.py", place.with_name(f"{place.name}.py")) if path.is_file()), None
        )

    def _module(self, name: str) -> tuple[str, set[str]]:
        """Read a module: the sha256 of what it says, comments and layout apart, and the names that it imports."""
        if name not in self._read:
            path = self._path(name)
            tree = ast.parse(path.read_bytes() if path else b"")
            package = name if path is None or path.name == "__init__.py" else name.rpartition(".")[0]
            self._read[name] = hashlib.sha256(ast.dump(tree).encode()).hexdigest(), set(_imported(tree, package))
        return self._read[name]


def mentioned_names(value: Any) -> set[str]:
    """Find the strings in nested configuration that read like the path of a module, class or function."""
    if isinstance(value, dict):
        return set().union(*map(mentioned_names, value.values()))
    if isinstance(value, list):
        return set().union(*map(mentioned_names, value))
    return {value} if isinstance(value, str) and DOTTED.fullmatch(value) else set()


_distributions = cache(metadata.packages_distributions)


@cache
def versions(names: frozenset[str]) -> dict[str, str]:
    """Return the versions of the distributions that these dotted names come from, and of all that those require.

    What a class of kedro-datasets requires is an extra of its name: ``pandas-parquetdataset``.
    """
    parts = [name.split(".") for name in names]
    extras = {"", *(f"{inner[0]}-{inner[-1]}".lower() for _, *inner in parts if inner)}
    left = {(name, extra) for top, *_ in parts for name in _distributions().get(top, ()) for extra in extras}
    found: dict[str, str] = {"python": ".".join(platform.python_version_tuple()[:2])}
    seen = set[tuple[str, str]]()
    while left := left - seen:
        seen |= left
        for name, extra in list(left):
            if installed := _installed(canonicalize_name(name)):
                found[canonicalize_name(name)] = installed[0]
                wanted = map(Requirement, installed[1].get(extra, ()))
                needed = [one for one in wanted if not one.marker or one.marker.evaluate({"extra": extra})]
                left |= {(one.name, further) for one in needed for further in ("", *one.extras)}
    return dict(sorted(found.items()))


@cache
def _installed(name: str) -> tuple[str, dict[str, list[str]]] | None:
    """Return a distribution's version, and by extra what it requires here."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # not needed on this platform, or by nobody here
        return None
    required: dict[str, list[str]] = {}
    for line in distribution.requires or ():
        extra = re.search(r"extra *== *['\"]([^'\"]+)['\"]", line)
        required.setdefault(extra[1] if extra else "", []).append(line)
    return distribution.version, required


def _unwrapped(function: Any) -> Any:
    while inner := getattr(function, "__wrapped__", None) or getattr(function, "func", None):
        function = inner
    return function


def _imported(tree: ast.AST, package: str) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
                base = f"{parent}.{base}" if base else parent
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
