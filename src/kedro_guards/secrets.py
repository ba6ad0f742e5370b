"""Keep secrets out of messages, names of files, and packages."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PACKED_KINDS = {".yml", ".yaml", ".json", ".md"}
_USER = re.compile(r"(?<=://)[^/\s]*@")
_FROM_ENVIRONMENT = re.compile(r"\$\{oc\.env:\w+\}")


class SecretError(ValueError):
    """A secret would leave this machine."""


def without_user(text: str) -> str:
    """Leave user and password out of the addresses in a text.

    Examples:
        >>> without_user("cannot read https://me:word@host/x")
        'cannot read https://host/x'
    """
    return _USER.sub("", text)


def refuse_packing_secrets(conf: Path) -> None:
    """Refuse to pack a folder of configuration that holds secrets.

    ``kedro package`` itself leaves out the ``.yml`` files of ``local``, and nothing else.

    Raises:
        SecretError: credentials of another environment have a value that is not ``${oc.env:NAME}``, or a file is no
            configuration (a key, say), or cannot be read.
    """
    for path in sorted(path for path in conf.rglob("*") if path.is_file() and path.name != ".gitignore"):
        environment, *within = path.relative_to(conf).parts
        shown = path.relative_to(conf.parent)
        kinds = {".yml"} if environment == "local" else PACKED_KINDS
        if path.suffix not in kinds:
            raise SecretError(f"{shown} would go into the package; configuration is {' or '.join(sorted(kinds))} there")
        if environment != "local" and any("credentials" in part for part in within):
            try:
                credentials = yaml.safe_load(path.read_bytes())
            except (ValueError, yaml.YAMLError):  # what it says may cite a secret
                raise SecretError(f"{shown} cannot be read as YAML, so secrets may be in it; mend it first") from None
            for key, value in leaves(credentials):
                if value not in (None, {}) and not _FROM_ENVIRONMENT.fullmatch(str(value)):
                    raise SecretError(
                        f"{shown} would go into the package with the value of {key}; "
                        "write ${oc.env:NAME} there, or keep the file in conf/local"
                    )


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten nested mappings; an empty one is a leaf.

    Examples:
        >>> dict(leaves({"store": {"key": "word", "port": 3}, "title": None}))
        {'store.key': 'word', 'store.port': 3, 'title': None}
    """
    if isinstance(node, Mapping) and node:
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
