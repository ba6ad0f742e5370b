"""The command ``kedro draft``."""

from pathlib import Path

import click
from kedro.framework.startup import ProjectMetadata

from kedro_guards.errors import Command
from kedro_guards.printing import say

from .edits import edited, record, with_entry, with_values
from .thresholds import choose_thresholds

CATALOG = "conf/base/catalog.yml"
PARAMETERS = [f"conf/base/parameters_{name}.yml" for name in ("data_processing", "data_science", "promotion")]
MOST_NAMED = 5


@click.command(cls=Command)
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--label", required=True, help="Name of the column that holds the classes.")
@click.option("--id", "identifier", help="Name of a column that identifies each row; rows are numbered without it.")
@click.option("--force", is_flag=True, help="Write over what somebody has edited.")
@click.option("--verbose", is_flag=True, help="Show the whole traceback of an error.")
@click.pass_obj
def draft(metadata: ProjectMetadata, /, table: Path, **options: str | bool | None) -> None:
    """Write the first draft of the domain for a CSV file in data/01_raw.

    It reads the head of the table, and writes `domain/columns.py` and the values of `conf/base` that depend on the
    table: its place in the catalog, split, folds, and thresholds of the gate.
    """
    from penstroke.domain import ROW_ID, ROWS  # noqa: PLC0415 # slow to import; other commands skip it

    from .columns import find_columns, write_columns  # noqa: PLC0415

    label, identifier = str(options["label"]), options["identifier"]
    project = metadata.project_path
    module = metadata.source_dir / metadata.package_name / "domain/columns.py"
    columns = module.relative_to(project).as_posix()
    written = [columns, CATALOG, *PARAMETERS]
    place = _place_of(table, project)
    found = find_columns(table, label, None if identifier is None else str(identifier), ROW_ID)
    if not options["force"] and (changed := edited(project, written)):
        raise ValueError(
            f"edited since the last draft: {', '.join(changed)}; a draft would write over columns, entries of the "
            "table, split, folds and gate: commit your edits, then add --force"
        )
    chosen, unknown = choose_thresholds(found.rows, found.classes)
    texts = {name: (project / name).read_text(encoding="utf-8") for name in (CATALOG, *PARAMETERS)}
    for name, path in ((f"raw_{ROWS}", place), (f"incoming_{ROWS}", f"${{globals:raw}}/incoming_{ROWS}.csv")):
        keys = {"filepath": path, "load_args": found.load_args}
        texts[CATALOG] = with_entry(texts[CATALOG], name, "pandas.CSVDataset", keys)
    for name in PARAMETERS:
        texts[name] = with_values(texts[name], chosen)
    texts[columns] = write_columns(found, table.name)
    for name, text in texts.items():
        (project / name).write_text(text, encoding="utf-8")
    record(project, written)
    say(f"{found.rows} rows of {_in_short(found.classes)}")
    if written_as := {key: value for key, value in found.load_args.items() if key != "dtype"}:
        say(f"the file is read with {', '.join(f'{key} = {value!r}' for key, value in written_as.items())}")
    say(*(f"  {name}: {told}" for name, told in found.told.items()))
    say(*(f"  left out, {name}: {why}" for name, why in found.left_out.items()))
    if found.repeats:
        say("  many rows repeat the values of others; all of them are used (REPEATS)")
    say(f"wrote {', '.join(written)}")
    say(*(f"the test rows cannot tell {what}" for what in unknown))
    say(f"read {columns}, then: kedro run")


def _place_of(table: Path, project: Path) -> str:
    """Return the path of a table for the catalog."""
    if not table.is_file():
        raise ValueError(f"there is no file {table}; put the table into data/01_raw, and name it")
    raw = (project / "data/01_raw").resolve()
    if not table.resolve().is_relative_to(raw):
        raise ValueError(f"{table} is not in data/01_raw of the project; copy it there, and name that file")
    return f"${{globals:raw}}/{table.resolve().relative_to(raw).as_posix()}"


def _in_short(classes: dict[str | int, int]) -> str:
    shown = [f"{name} ({count})" for name, count in classes.items()]
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return f"{len(classes)} classes: {', '.join(shown[:MOST_NAMED])}{more}"
