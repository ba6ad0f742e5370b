"""The files in ``deploy`` work, and each command in them is one of the project's."""

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from types import ModuleType

import pytest
import yaml
from kedro.framework.project import pipelines

from kedro_guards.commands import run
from kedro_guards.options import refuse_unknown_names

from .conftest import DATA, ROOT, copy_tree
from .guards.missing import missing

DEPLOY = ROOT / "deploy"
DAG = DEPLOY / "airflow/penstroke_dag.py"
UNITS = sorted((DEPLOY / "systemd").iterdir())
CRON = DEPLOY / "cron/penstroke"
WORKFLOW = DEPLOY / "github/retrain.yml"


def _dags(monkeypatch):
    """Import the DAGs with stand-ins for Airflow's classes; return each name, its options and those of its tasks."""
    dags = []

    class Dag:
        def __init__(self, name, **options):
            dags.append((name, options, []))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    sdk, bash = ModuleType("airflow.sdk"), ModuleType("airflow.providers.standard.operators.bash")
    sdk.DAG, sdk.chain = Dag, lambda *tasks: tasks
    bash.BashOperator = lambda **options: dags[-1][2].append(options)
    for module in (sdk, bash):
        parts = module.__name__.split(".")
        for depth in range(1, len(parts)):
            name = ".".join(parts[:depth])
            if name not in sys.modules:
                monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("PENSTROKE_HOME", raising=False)
    runpy.run_path(str(DAG))
    return dags


def _commands():
    texts = [path.read_text(encoding="utf-8") for path in (*UNITS, CRON, WORKFLOW)]
    return [found for text in texts for found in re.findall(r"\bkedro (run [^&\n]*)", text)]


def _refuse_unless_real(command, bootstrapped):
    arguments = shlex.split(command)
    assert arguments.pop(0) == "run"
    context = run.make_context("run", arguments)
    refuse_unknown_names(context.params)
    pipelines.set_requested(None)


def test_each_command_of_the_dags_is_a_real_one_and_runs_once(monkeypatch, bootstrapped):
    dags = _dags(monkeypatch)

    assert [name for name, _, _ in dags] == ["penstroke_retrain", "penstroke_answer", "penstroke_watch_service"]
    for _, options, tasks in dags:
        assert options["default_args"] == {"retries": 0}
        assert options["catchup"] is False
        for task in tasks:
            program, _, command = task["bash_command"].partition(" ")
            assert program == "/opt/penstroke/.venv/bin/kedro"
            _refuse_unless_real(command, bootstrapped)


@pytest.mark.parametrize("command", sorted(set(_commands())))
def test_each_command_of_the_other_schedules_is_a_real_one(command, bootstrapped):
    _refuse_unless_real(command, bootstrapped)


def test_all_schedules_run_the_same_commands(monkeypatch, bootstrapped):
    def commands_of(text):
        return [found.strip() for found in re.findall(r"\bkedro (run [^&\n]*)", text)]

    dags = [[commands_of(task["bash_command"])[0] for task in tasks] for _, _, tasks in _dags(monkeypatch)]

    services = [commands_of(path.read_text()) for path in UNITS if path.suffix == ".service"]
    lines = [commands_of(line) for line in CRON.read_text().splitlines() if "kedro" in line]
    assert sorted(services) == sorted(lines) == sorted(dags)


def test_a_command_that_is_not_real_would_be_noticed(bootstrapped):
    with pytest.raises(Exception, match="there is no promotionn; did you mean promotion"):
        _refuse_unless_real("run --changed --pipelines=promotionn", bootstrapped)


def test_systemd_accepts_units_and_timers(tmp_path):
    if not shutil.which("systemd-analyze"):
        missing("systemd-analyze is not installed")
    (tmp_path / "kedro").write_text("#!/bin/sh\n")
    (tmp_path / "kedro").chmod(0o755)
    units = [tmp_path / path.name for path in UNITS]
    for path, unit in zip(UNITS, units, strict=True):
        unit.write_text(path.read_text().replace("/opt/penstroke/.venv/bin", str(tmp_path)))

    result = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)

    assert len(units) == 6
    told = [line for line in result.stderr.splitlines() if "penstroke" in line]
    assert (result.returncode, told) == (0, [])


def test_systemd_would_refuse_a_misspelt_timer(tmp_path):
    if not shutil.which("systemd-analyze"):
        missing("systemd-analyze is not installed")
    timer = tmp_path / "penstroke-answer.timer"
    timer.write_text((DEPLOY / "systemd/penstroke-answer.timer").read_text().replace("hourly", "hurly"))
    shutil.copy(DEPLOY / "systemd/penstroke-answer.service", tmp_path)

    result = subprocess.run(["systemd-analyze", "verify", timer], capture_output=True, text=True, check=False)

    assert "hurly" in result.stderr


def test_the_lines_of_cron_have_a_time_a_user_and_a_command():
    lines = [line for line in CRON.read_text().splitlines() if line and not line.startswith(("#", "MAILTO="))]

    assert len(lines) == 3
    for line in lines:
        assert re.fullmatch(r"(\d+ [\d*]+ \* \* [\d*]) penstroke cd /opt/penstroke && .*", line)
    assert CRON.read_text().endswith("\n")  # otherwise cron ignores the last line


def test_the_workflow_keeps_the_data_also_after_a_refusal():
    workflow = yaml.safe_load(WORKFLOW.read_text())
    steps = workflow["jobs"]["retrain"]["steps"]

    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}  # YAML reads `on` as true
    kept = [step for step in steps if step.get("if") == "always()"]
    assert [step["uses"].partition("@")[0] for step in kept] == ["actions/cache/save", "actions/upload-artifact"]
    assert steps.index(kept[0]) > max(steps.index(step) for step in steps if "kedro" in step.get("run", ""))


@pytest.mark.slow
def test_a_real_airflow_runs_a_dag_and_repeats_no_refusal(promoted, tmp_path):
    airflow = os.environ.get("PENSTROKE_AIRFLOW")
    if not airflow:
        missing("PENSTROKE_AIRFLOW names no `airflow` of an environment of its own")
    project = copy_tree(promoted, tmp_path / "project")
    scores, verdict = (project / DATA / "08_reporting" / name for name in ("test_scores.json", "verdict.json"))
    scores.unlink()
    verdict.unlink()
    home = tmp_path / "airflow"
    shutil.copytree(DAG.parent, home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PENSTROKE_HOME": str(project),
        "PENSTROKE_KEDRO": shutil.which("kedro"),
        "KEDRO_ENV": "test",
        "PYTHONPATH": "",
    }

    def command(*arguments):
        return subprocess.run(
            [airflow, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    assert command("db", "migrate").returncode == 0
    good = command("dags", "test", "penstroke_retrain")
    assert scores.exists(), good.stdout[-3000:] + good.stderr[-3000:]
    assert json.loads(verdict.read_text())["passed"]

    (project / "conf/test/parameters_promotion.yml").write_text("gate: {size_mb: 0.1}")
    refused = command("dags", "test", "penstroke_retrain")

    assert json.loads(verdict.read_text())["refused_by"] == ["size_mb"]
    said = refused.stdout + refused.stderr
    assert len(re.findall("Error: champion_model is refused", said)) == 1  # no retry
