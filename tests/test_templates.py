"""What ``benchmarks.templates`` counts in a generated project."""

import ast
import subprocess

import pytest
from benchmarks.templates import HEADINGS, counts, does_nothing, files_of, main

MODULE = '''"""Says nothing."""


def train(steps):
    """Train."""
    print("Training")
    for _ in range(steps):
        logger.info("a step")


def half(number):
    return number / 2
'''


@pytest.fixture
def generated(tmp_path):
    """A project with a module, an empty one, and a test."""
    for folder in ("src", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "src/model.py").write_text(MODULE)
    (tmp_path / "tests/test_model.py").write_text(
        "def test_half():\n    assert half(2) == 1\n\n\ndef helper():\n    pass\n"
    )
    (tmp_path / "README.md").write_text("A project")
    return tmp_path


def test_files_code_tests_and_functions_without_work_are_counted(generated):
    found = dict(zip(HEADINGS, counts(files_of(generated), generated), strict=True))

    assert found == {
        "files": 5,
        "empty": 2,
        "code": 6,
        "code of tests": 4,
        "tests": 1,
        "functions that do nothing": 1,
    }


def test_what_git_does_not_have_is_not_counted(generated):
    (generated / "big.bin").write_bytes(b"1")
    for command in ("init -q", "add src"):
        subprocess.run(["git", "-C", generated, *command.split()], check=True)

    assert [path.name for path in files_of(generated)] == ["__init__.py", "model.py"]


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        ("...", True),
        ("pass", True),
        ("logger.info('x')", True),
        ("if x:\n  print(1)\n else:\n  print(2)", True),
        ("for step in tqdm(range(10)):\n  if step:\n   logger.info('x')", True),
        ("for row in read():\n  print(row)", False),
        ("self.x = x", False),
        ("fit(x)", False),
        ("return x", False),
        ("if x:\n  raise ValueError", False),
    ],
)
def test_a_function_that_only_tells_does_nothing(body, nothing):
    (function,) = ast.parse(f"def f(self, x):\n {body}").body

    assert does_nothing(function) == nothing


def test_each_project_has_a_line_of_the_table(generated, capsys):
    main([generated])

    *_, line = capsys.readouterr().out.splitlines()
    assert line == f"| {generated.name} | 5 | 2 | 6 | 4 | 1 | 1 |"
