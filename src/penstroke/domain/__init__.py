"""The domain: everything that knows digits, pixels and drawings. For other data, write another ``domain`` package.

The rest of the project uses these names of the domain, and no others:

- ``ROW``, ``ROWS``, ``ROW_ID``: the words for one row and for many rows, and the name of their identifiers.
- ``INTENDED_USE``: what a model of such rows is for, in one or two sentences.
- ``RAW``, ``INCOMING``: contracts of the incoming tables, for training and for inference. ``ACCEPTED``: a check of
  accepted rows.
- ``Cleaning`` (``params:cleaning``), ``Form``, ``measure_form(raw_rows, cleaning)``: the form in which a model takes
  rows, a :class:`penstroke.rows.RowForm`. It is stored in the model's file.
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
- ``picture_nodes(stage)``: nodes that draw rows.
"""

from .contracts import ACCEPTED, INCOMING, RAW, ROW, ROW_ID, ROWS
from .description import describe
from .features import Augmentation, Features, extract_copy_features, extract_features
from .files import Images as Body
from .files import read
from .form import Cleaning, Form, accept, measure_form
from .frame import Drawings as Reading
from .perturbations import Perturbations, perturb
from .pictures import picture_nodes

READING = "drawings"  # name of the parameter group of ``Reading``
INTENDED_USE = "Images of single handwritten digits, framed like the training images."

__all__ = [
    "ACCEPTED",
    "INCOMING",
    "INTENDED_USE",
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
    "describe",
    "extract_copy_features",
    "extract_features",
    "measure_form",
    "perturb",
    "picture_nodes",
    "read",
]
