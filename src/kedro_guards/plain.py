"""Model files as plain data: numbers, texts, lists, dictionaries and arrays. No class of a model is imported.

To import scikit-learn and skops takes longer than to answer thousands of rows. Code that knows what the attributes of a
model mean can do without both.
"""

import json
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from .model_files import SCHEMA, unfold

PROTOCOL = 2  # the version of skops' format that this module reads


class NotPlainError(ValueError):
    """A part of a model file is no plain data, or its format is another one."""


@dataclass(frozen=True)
class PlainObject:
    """An object in a model file. Its attributes are read when they are asked for.

    Args:
        name: its class, without the module.
        attributes: skops' description of each attribute.
        arrays: the members of the file.
    """

    name: str
    attributes: dict[str, Any]
    arrays: dict[str, bytes]

    def __getitem__(self, name: str) -> Any:
        """Read an attribute.

        Raises:
            NotPlainError: there is none, or it is no plain data.
        """
        if name not in self.attributes:
            raise NotPlainError(f"{self.name} has no attribute {name}")
        return _read(self.attributes[name], self.arrays)


def load_plain(content: bytes) -> PlainObject:
    """Read a skops file without importing a class.

    Args:
        content: the bytes of the file.

    Returns:
        The model.

    Raises:
        ModelFileError: it is no skops file, or unfolds to too many bytes.
        NotPlainError: it has another version of the format, or holds no object.
    """
    members = unfold(content)
    schema = json.loads(members.get(SCHEMA, b"{}"))
    if schema.get("protocol") != PROTOCOL:
        raise NotPlainError(f"the file has protocol {schema.get('protocol')} of skops; only {PROTOCOL} is read")
    found = _read(schema, members)
    if not isinstance(found, PlainObject):
        raise NotPlainError(f"the file holds {schema['__class__']}, which is no object with attributes")
    return found


def _read(node: dict[str, Any], arrays: dict[str, bytes]) -> Any:  # noqa: PLR0911 # one for each kind of node
    content = node.get("content")
    match node["__loader__"]:
        case "JsonNode":
            return json.loads(node["content"])
        case "ListNode":
            return [_read(item, arrays) for item in node["content"]]
        case "TupleNode":
            return tuple(_read(item, arrays) for item in node["content"])
        case "DictNode" if _has_texts_as_keys(node):
            return {name: _read(value, arrays) for name, value in node["content"].items()}
        case "SliceNode":
            return slice(node["content"]["start"], node["content"]["stop"], node["content"]["step"])
        case "NdArrayNode" if node["type"] == "numpy":
            array = np.load(BytesIO(arrays[node["file"]]), allow_pickle=False)
            return array if node["__class__"] == "ndarray" else array[()]
        case "NdArrayNode" if node["type"] == "json":
            array = np.empty(len(node["content"]), object)
            array[:] = [_read(item, arrays) for item in node["content"]]
            return array
        case "ObjectNode" if content is None or (content["__loader__"] == "DictNode" and _has_texts_as_keys(content)):
            return PlainObject(node["__class__"], content["content"] if content else {}, arrays)
    raise NotPlainError(f"{node['__module__']}.{node['__class__']} is no plain data")


def _has_texts_as_keys(node: dict[str, Any]) -> bool:
    return all(kind["__class__"] == "str" for kind in node["key_types"]["content"])
