"""The columns: `kedro draft` found them in a table, and you change what you know better."""

from .kinds import Category, Date, Number

# fmt: off
TABLE = 'samples.csv'  # where they were found
# the project's names for columns that the table names otherwise
NAMES: dict[str, str] = {}
CLASSES = ['long', 'short', 'wide']
REPEATS = False  # whether rows of the same values may all be right; if not, the first of them is used
# a row is rejected where a number lies outside its limits, or a value is missing and `missing` is not said
COLUMNS = {
    'width': Number(0, 10),
    'length': Number(0, 25, missing=True),
    'colour': Category(['brown', 'green', 'red']),
    'found': Date(),
}
