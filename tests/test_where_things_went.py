"""The page that maps the usual layout to this one is true."""

import re
from functools import partial

import pytest

from .conftest import DATA, ROOT, run_kedro
from .typed import faults_of

ROWS = [
    [cell.strip() for cell in line.strip("| \n").split(" | ")]
    for line in (ROOT / "docs/where-things-went.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| [^|]*[a-z]", line) and not line.endswith("see it |")
]
USUAL = (
    "bin config data/raw data/external data/processed docs notebooks scripts src/data src/features src/models src/utils"
)
STEPS = """what a good model is; exploration; validation; cleaning; labelling; splitting; training; evaluation; testing;
packaging; continuous integration; deployment; monitoring; logging"""
named = partial(re.findall, "`([^`]+)`")
COMMANDS = sorted({command for row in ROWS for command in named(row[2])})


def test_the_page_knows_every_usual_place_and_every_step():
    places = " ".join(row[0] for row in ROWS)

    assert {f"{name}/" for name in USUAL.split()} | {"tests/", "requirements.txt"} <= set(named(places))
    assert {step.strip() for step in STEPS.split(";")} <= {row[0] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_place_is_there_at_least_after_a_run(row, trained):
    paths = [name for name in named(row[1]) if "/" in name or name.endswith((".toml", ".txt", ".yml"))]
    there = [(ROOT / path).exists() or (trained / DATA / path.removeprefix("data/")).exists() for path in paths]

    assert [path for path, found in zip(paths, there, strict=True) if not found] == []
    assert paths or "dataset" in row[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_typed(command, bootstrapped):
    assert faults_of(command) == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("kedro receipt")])
def test_what_the_page_shows_of_a_run_is_there(command, trained):
    result = run_kedro(*command.split()[1:], cwd=trained)

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(command.split()[2])


@pytest.mark.parametrize(
    "command",
    [
        "kedro rnu",
        "kedro run --pipelines=reprting",
        "kedro run --params=split.sed=3",
        "kedro run --env=tset",
        "kedro run --from-nodes=search && pytest",
        "python -m benchmarks.lins",
        "PYTHONPATH=src pytest tests/test_lost.py",
        ".ci/rnu",
        "mkdocs srve",
    ],
)
def test_a_misspelt_command_of_a_page_would_be_found(command, bootstrapped):
    assert len(faults_of(command)) == 1
