"""What a row is. All that knows digits, pixels and drawings lies in this package; with other data, write another one.

The rest of the project asks it for these names and for nothing else:

- ``ROW``, ``ROWS``, ``ROW_ID``: what one row and many are called, and the name of their identifiers.
- ``INTENDED_USE``: what a model of such rows is for, in a sentence or two.
- ``RAW``, ``INCOMING``: contracts of the tables that come in, to learn from and to be answered; ``ACCEPTED``: a check
  of accepted rows.
- ``Cleaning`` (``params:cleaning``), ``Form``, ``measure_form(raw_rows, cleaning)``: the form in which a model takes
  rows, a :class:`penstroke.rows.RowForm`; its file keeps it.
- ``accept(rows, form)``: accepted rows, and the reason against each row that is none.
- ``Features`` (``params:features``), ``extract_features(rows, features)``: what a model sees of accepted rows, float32.
- ``Perturbations`` (``params:perturbations``), ``perturb(rows, perturbations)``: accepted rows that are harder to
  answer, a table by name.
- ``describe(rows)``: float32 columns that a person would name, to report and to monitor.

A domain may leave out:

- ``Augmentation`` (``params:augmentation``), ``extract_copy_features(rows, features, augmentation)``: features of
  changed copies of the training rows.
- ``Reading`` (``params:drawings``, named by ``READING``), ``read(content, form, reading)``: a row from the bytes of a
  file. Without it there are no pipelines ``inference``, ``feedback`` and ``monitoring``, and the service takes neither
  files nor feedback.
- ``Body``: what callers send to the service as JSON, other than rows by the names of their columns.
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

READING = "drawings"  # the group of parameters of ``Reading``
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
