"""Model files that cannot run code: skops files of types that are trusted.

``TRUSTED_TYPES`` in the project's ``settings.py`` names its own types. ``FORMER_NAMES`` there gives the present path of
a module that older files name otherwise, whatever their package was called: ``{"shop.former.module": "shop.module"}``.

``load`` and ``dump`` are called as those of ``pickle``, but no pickle is read or written. The same model makes the same
bytes in any process; plain skops writes memory addresses and the time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo, is_zipfile

import numpy as np
from kedro.framework.project import settings

TRUSTED_TYPES = (  # of scikit-learn, whose public ones skops trusts by itself
    "numpy.dtype",  # an imputer keeps the type that it was fitted on
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
UNIX = 3  # what zip archives call it
SCHEMA = "schema.json"  # what skops calls the description of the objects; the other members are their arrays
MOST_BYTES, MOST_TIMES = 2**26, 100  # a file may unfold to 64 MiB or 100 times its size
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")[^".]+')  # in text of objects quotes are escaped


class ModelFileError(ValueError):
    """A file holds no model that may be loaded, or a model may not be written to one."""


@dataclass(frozen=True)
class UnreadableModel:
    """A model that agrees with its receipt, but that today's code and packages cannot load.

    Args:
        sha256: of its file.
        reason: why not.
    """

    sha256: str
    reason: str


@cache
def _skops() -> Any:
    """Import skops when a model is read or written; to import it takes as long as most commands.

    Raises:
        ModelFileError: skops, or a package that it needs, is not installed.
    """
    try:
        return import_module("skops.io")
    except ModuleNotFoundError as error:
        raise ModelFileError(
            f"this model is read with {error.name}, which is not installed; use an environment that can train models"
        ) from None


def dump(model: Any, file: IO[bytes]) -> None:
    """Write a fitted estimator. The same one, also after it was loaded, makes the same bytes.

    Raises:
        ModelFileError: :func:`load` would refuse what it holds.
    """
    content = _canonical(unfold(_skops().dumps(model)))
    refuse_untrusted(_pack(unfold(content), ZIP_STORED))
    file.write(content)


def load(file: IO[bytes]) -> Any:
    """Read a fitted estimator, also one that was written before the project or a module was renamed.

    Raises:
        ModelFileError: the file is damaged, unfolds to too many bytes, or holds a type that is not trusted; nothing of
            it has run.
    """
    try:
        members = unfold(file.read())
        members[SCHEMA] = _under_present_names(members[SCHEMA].decode()).encode()
        content = _pack(members, ZIP_STORED)  # so skops reads what was counted here
        refuse_untrusted(content)
        return _skops().loads(content, trusted=trusted_types())
    except ModelFileError:
        raise
    except Exception as error:
        fault = str(error).partition("\n")[0]
        raise ModelFileError(
            f"the model file is damaged ({type(error).__name__}: {fault}); run the pipeline that makes it again"
        ) from error


def refuse_untrusted(content: bytes) -> None:
    """Refuse a skops file with a type that neither skops nor :func:`trusted_types` trusts.

    Raises:
        ModelFileError: with the names of those types.
    """
    foreign = sorted(set(_skops().get_untrusted_types(data=content)) - set(trusted_types()))
    if foreign:
        raise ModelFileError(
            f"the model holds {', '.join(foreign)}, which is not trusted; use another class, or add the type to "
            "TRUSTED_TYPES in settings.py once you have read what it does; where it no longer exists, run the "
            "pipeline again that makes the model"
        )


def trusted_types() -> list[str]:
    """Return the types that model files may hold beside those that skops trusts."""
    return [*TRUSTED_TYPES, *settings.get("TRUSTED_TYPES", ())]


def _under_present_names(schema: str) -> str:
    """Replace old names of the project's modules by the present ones."""
    own = {path.rpartition(".")[0] for path in settings.get("TRUSTED_TYPES", ())}
    present = {module.partition(".")[2]: module for module in own}
    renamed = settings.get("FORMER_NAMES", {}).items()
    former = {before.partition(".")[2]: now for before, now in renamed if now in own}
    modules = present | former
    names = "|".join(map(re.escape, modules))
    return re.sub(rf'(?<="__module__": ")\w[\w.]*?\.({names})(?=")', lambda found: modules[found[1]], schema)


def unfold(content: bytes) -> dict[str, bytes]:
    """Unfold the members of a skops file, up to the number of bytes that it may have."""
    if not is_zipfile(BytesIO(content)):
        raise ModelFileError(
            "this is no model file: skops files are zip archives; run the pipeline that makes it again"
        )
    with ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
        size, most = sum(member.file_size for member in members), max(MOST_BYTES, MOST_TIMES * len(content))
        if size > most:
            raise ModelFileError(
                f"the model unfolds to {size} bytes, but may to {most}; fetch it again from its source"
            )
        for member in members:
            # other compressions cannot be bounded, and a sparse matrix is an archive of its own
            if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or member.filename.endswith(".npz"):
                raise ModelFileError(f"the model holds {member.filename}, no plain array; use a class that keeps none")
        unfolded = {}
        for member in members:
            with archive.open(member) as file:
                unfolded[member.filename] = file.read(member.file_size)  # bounded, whatever is packed there
        return unfolded


def _canonical(members: Mapping[str, bytes]) -> bytes:
    """Pack the members so that the bytes depend on nothing but the model."""
    numbers: dict[str, str] = {}
    schema = _ADDRESS.sub(
        lambda found: numbers.setdefault(found[0], str(1 + len(numbers))), members[SCHEMA].decode()
    ).encode()
    renamed = {SCHEMA: schema}
    for name, content in members.items():
        if name != SCHEMA:
            address, _, ending = name.partition(".")
            renamed[f"{numbers[address]}.{ending}"] = _without_gaps(content) if ending == "npy" else content
    return _pack(renamed, ZIP_DEFLATED)


def _without_gaps(array_file: bytes) -> bytes:
    """Clear the padding of a structured array (the nodes of a tree), which holds random bytes of memory."""
    array = np.load(BytesIO(array_file))
    if not array.dtype.names:
        return array_file
    cleared = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        cleared[name] = array[name]
    file = BytesIO()
    np.save(file, cleared)
    return file.getvalue()


def _pack(members: Mapping[str, bytes], kind: int) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, content in members.items():
            entry = ZipInfo(name)  # of 1 January 1980
            entry.compress_type, entry.create_system, entry.external_attr = kind, UNIX, 0o600 << 16
            archive.writestr(entry, content)
    return file.getvalue()
