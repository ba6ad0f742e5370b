"""The runbook names every message of the code, and its backup can be restored."""

import ast
import re
import subprocess

import pytest

from penstroke.pipelines.monitoring.nodes import REJECTED
from penstroke.serving.metrics import Metrics

from .conftest import DATA, ROOT, copy_project, copy_tree, run_well

PAGE = (ROOT / "docs/how-to/runbook.md").read_text(encoding="utf-8")


def _first_column(heading):
    """The texts in code style in the first column of the table below a heading's first cell."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [text for row in table.splitlines()[2:] for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def _calls(*names):
    """The arguments of the calls of functions or methods, in all of the code."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
                yield [argument.value for argument in node.args if isinstance(argument, ast.Constant)]


def test_the_runbook_explains_each_warning_of_the_code_and_no_other():
    raised = {re.sub(r"%\w", "…", arguments[0]) for arguments in _calls("warning", "error", "critical", "exception")}

    assert sorted(_first_column("warning")) == sorted(raised)


def test_the_runbook_explains_each_kind_of_message_and_of_alarm():
    kinds = {text for arguments in _calls("FindingError") for text in arguments}

    assert set(_first_column("`what`")) == kinds | {"failure"}
    assert {"accuracy", REJECTED} < set(_first_column("alarm"))


def test_the_runbook_explains_each_metric_of_the_service():
    metrics = {metric.name for metric in Metrics().registry.collect() if metric.name.startswith("penstroke_")}

    assert set(_first_column("metric")) == metrics


@pytest.mark.slow
def test_a_backup_is_restored_with_nothing_to_make_again(promoted, tmp_path):
    commands = re.findall(r"^tar .*", PAGE, re.MULTILINE)
    assert len(commands) == 2
    backup, restore = (command.replace(" data", f" {DATA}").split() for command in commands)
    original, restored = copy_tree(promoted, tmp_path / "original"), copy_project(tmp_path / "restored")

    subprocess.run(backup, cwd=original, check=True)
    (original / "backup.tar.gz").rename(restored / "backup.tar.gz")
    subprocess.run(restore, cwd=restored, check=True)

    assert run_well(restored, "--pipelines=__default__,promotion", "--changed") == "nothing has changed\n"
