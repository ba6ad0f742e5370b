"""The domain: everything that knows digits, pixels and drawings. For other data, write another ``domain`` package.

The rest of the project uses these names of the domain, and no others:

- ``ROW``, ``ROWS``, ``ROW_ID``: the words for one row and for many rows, and the name of their identifiers.
- ``INTENDED_USE``: what a model of such rows is for, in one or two sentences.
- ``RAW``, ``INCOMING``: contracts of the incoming tables, for training and for inference. ``ACCEPTED``: a check of
  accepted rows.
- ``Cleaning`` (``params:cleaning``), ``Form``, ``measure_form(raw_rows, cleaning)``: the form in which a model takes
  rows, a :class:`penstroke.row_form.RowForm`. It is stored in the model's file.
- ``accept(rows, form)``: all rows in the accepted scale, and for each row the reason to reject it, or an empty text.
- ``Features`` (``params:features``), ``extract_features(rows, features)``: the features of accepted rows, float32.
- ``Perturbations`` (``params:perturbations``), ``perturb(rows, perturbations)``: accepted rows made harder to predict,
  one table for each kind of perturbation, by its name.
- ``describe(rows)``: float32 columns that people understand, for reports and monitoring.

These names are optional:

- ``Augmentation`` (``params:augmentation``), ``extract_copy_features(rows, features, augmentation)``: features of
  changed copies of the training rows.
- ``Reading`` (``params:drawings``; ``READING`` is the name of that group), ``read(content, form, reading)``: makes a
  row from the bytes of a file. Without them there are no pipelines ``inference``, ``feedback`` and ``monitoring``, and
  the service accepts neither files nor feedback.
- ``Body``: the JSON body of prediction requests. Without it, requests hold rows by the names of their columns.
- ``GAPS``: whether features may be missing, NaN; each contender must take or fill them in.
- ``REPEATS``: whether rows of the same values may all be right; otherwise only the first is accepted.
- ``picture_nodes(stage)``: nodes that draw rows.
- ``accept_values(values, form)``, ``features_of(accepted, form, features)``, ``names_of_features(form, features)``:
  ``accept`` and ``extract_features`` for arrays, (n, columns) in the order of ``form.columns``, and the names of the
  features. With them the service answers without pandas.
- ``PLAIN_TRANSFORMERS``: for steps of models, by the name of their class, a function that returns the ``transform`` of
  a stored one; see :mod:`penstroke.plain_models`.

Each name is imported when it is used for the first time, so that the service imports no more than it needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from .acceptance import accept, measure_form
    from .contracts import ACCEPTED, INCOMING, RAW
    from .description import describe
    from .dictionary import PLAIN_TRANSFORMERS
    from .extraction import extract_copy_features, extract_features
    from .features import Augmentation, Features, features_of, names_of_features
    from .files import Images as Body
    from .files import read
    from .form import Cleaning, Form, accept_values
    from .frame import Drawings as Reading
    from .perturbations import Perturbations, perturb
    from .pictures import picture_nodes

ROW, ROWS = "digit", "digits"
ROW_ID = f"{ROW}_id"
READING = "drawings"  # name of the parameter group of ``Reading``
INTENDED_USE = "Images of single handwritten digits, framed like the training images."

__all__ = [
    "ACCEPTED",
    "INCOMING",
    "INTENDED_USE",
    "PLAIN_TRANSFORMERS",
    "RAW",
    "READING",
    "ROW",
    "ROWS",
    "ROW_ID",
    "Augmentation",
    "Body",
    "Cleaning",
    "Features",
    "Form",
    "Perturbations",
    "Reading",
    "accept",
    "accept_values",
    "describe",
    "extract_copy_features",
    "extract_features",
    "features_of",
    "measure_form",
    "names_of_features",
    "perturb",
    "picture_nodes",
    "read",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _modules():
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _modules() -> "Iterator[ModuleType]":
    from . import dictionary, features, files, form, frame  # noqa: PLC0415

    yield from (features, files, form, frame, dictionary)
    from . import acceptance, extraction  # noqa: PLC0415 # with pandas; a process that answers rows needs no more

    yield from (acceptance, extraction)
    from . import contracts, description, perturbations, pictures  # noqa: PLC0415

    yield from (contracts, description, perturbations, pictures)
