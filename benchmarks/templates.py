"""What is in the projects that templates make? ``python -m benchmarks.templates FOLDER ...``.

Prints for each folder, a project as it was generated: its files, how many of them are empty, the lines of Python code
outside and inside of tests, the tests, and the functions outside of tests that only print, log or do nothing. Without
arguments it looks at this project.
"""

import ast
import sys
from collections.abc import Iterable
from pathlib import Path
from subprocess import run

from .lines import ROOT, lines_of_code

HEADINGS = ("files", "empty", "code", "code of tests", "tests", "functions that do nothing")
COUNTERS = {"range", "tqdm"}  # what a loop goes through that shows progress
NO_WORK = {"print", "echo", "logger", "logging", "log"}  # what is called there only tells


def files_of(project: Path) -> list[Path]:
    """Return the files of a project: those in git where it has a repository of its own, otherwise all."""
    if (project / ".git").exists():
        listed = run(["git", "-C", project, "ls-files", "-z"], capture_output=True, check=True)  # noqa: S607
        names = listed.stdout.split(b"\0")
        return [project / name.decode() for name in names if name]
    return [path for path in sorted(project.rglob("*")) if path.is_file()]


def does_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function has no statement but docstrings, ``pass``, ``...``, and calls that print or log."""
    return all(isinstance(part, ast.Pass) or _tells(part) for part in function.body)


def _tells(part: ast.stmt) -> bool:
    if isinstance(part, ast.For):
        return _called(part.iter) in COUNTERS and all(_tells(inner) for inner in part.body)
    if isinstance(part, ast.If):
        return all(_tells(inner) for inner in [*part.body, *part.orelse])
    if not isinstance(part, ast.Expr):
        return False
    if isinstance(part.value, ast.Constant):
        return True
    return _called(part.value) in NO_WORK


def _called(call: ast.expr) -> str:
    """Return the name before the first point of what is called; empty if nothing is."""
    called = call.func if isinstance(call, ast.Call) else None
    called = called.value if isinstance(called, ast.Attribute) else called
    return called.id if isinstance(called, ast.Name) else ""


def counts(paths: Iterable[Path], project: Path) -> tuple[int, ...]:
    """Count what ``HEADINGS`` names."""
    paths = list(paths)
    code = {True: 0, False: 0}
    tests = idle = 0
    for path in (path for path in paths if path.suffix == ".py"):
        text = path.read_text(encoding="utf-8")
        testing = "tests" in path.relative_to(project).parts
        code[testing] += lines_of_code(text)
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        tests += sum(testing and function.name.startswith("test_") for function in functions)
        idle += sum(not testing and does_nothing(function) for function in functions)
    return len(paths), sum(path.stat().st_size == 0 for path in paths), code[False], code[True], tests, idle


def main(projects: list[Path]) -> None:
    """Print a line for each project."""
    print("| project |", " | ".join(HEADINGS), "|")
    print("|---|" + "--:|" * len(HEADINGS))
    for project in projects:
        found = counts(files_of(project), project)
        print(f"| {project.resolve().name} |", " | ".join(f"{count:,}" for count in found), "|")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [ROOT])
