"""The workflows, and the scripts that they call, which can be run by hand too."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from .conftest import ROOT
from .typed import faults_of

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FOLDER.glob("*.yml")}
JOBS = {(name, job): parts for name, workflow in WORKFLOWS.items() for job, parts in workflow["jobs"].items()}
STEPS = [(place, step) for place, job in JOBS.items() for step in job.get("steps", [])]
HERE = "./.github/workflows/command.yml"
WORDS = {"matrix.project": "table", "matrix.python": "3.11", "matrix.base": "BASE", "matrix.builder": "BUILDER"}
AUTHOR = {f"GIT_{who}_{what}": "n" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def _commands():
    for job in JOBS.values():
        yield from [step["run"] for step in job.get("steps", []) if "run" in step]
        if job.get("uses") == HERE:
            yield job["with"]["command"]


def test_every_command_of_a_workflow_can_be_typed(bootstrapped):
    commands = [re.sub(r"\$\{\{ (.*?) \}\}", lambda part: WORDS.get(part[1], part[1]), text) for text in _commands()]
    lines = [line for text in commands for line in text.splitlines() if text != "inputs.command"]

    assert len(lines) > 10
    assert {line: faults for line in lines if (faults := faults_of(line))} == {}


def test_a_job_that_may_write_runs_nothing_of_the_packages():
    """They run in jobs that may only read, and hand on what they made."""
    writing = {place for place, job in JOBS.items() if "write" in job.get("permissions", {}).values()}

    assert writing == {("docs", "publish"), ("release", "publish"), ("upgrade", "propose")}
    assert {workflow["permissions"]["contents"] for workflow in WORKFLOWS.values()} == {"read"}
    for place, step in STEPS:
        if place in writing and "run" in step:
            assert step["run"].startswith((".ci/upgrade --propose", "gh release create"))


def test_a_job_ends_in_time_and_each_action_has_one_version():
    own = [job for job in JOBS.values() if "steps" in job]
    versions = sorted({step["uses"] for _, step in STEPS if "uses" in step})

    assert all("timeout-minutes" in job for job in own)
    assert len({version.partition("@")[0] for version in versions}) == len(versions)


def test_a_job_that_calls_the_shared_one_gives_what_that_takes():
    inputs = WORKFLOWS["command"][True]["workflow_call"]["inputs"]  # YAML reads `on` as true
    calls = [job for job in JOBS.values() if "uses" in job]

    assert len(calls) > 5
    assert {job["uses"] for job in calls} == {HERE}
    for job in calls:
        assert {"command"} <= job["with"].keys() <= inputs.keys()


def test_the_pythons_are_those_of_the_readme():
    (said,) = re.findall(r"You need Python (.*?) and", (ROOT / "README.md").read_text(encoding="utf-8"))

    for job in ("check", "main-job"):
        assert JOBS["ci", job]["strategy"]["matrix"]["python"] == re.findall(r"[\d.]+\d", said)


def test_the_projects_are_those_that_the_script_makes():
    names = JOBS["generated", "generated"]["strategy"]["matrix"]["project"]

    refused = subprocess.run([".ci/generated", "pears"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr == f"Error: pears is none of: {', '.join(names)}\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A repository with the scripts, and programs that only write down how they are called."""
    folder, programs = tmp_path / "project", tmp_path / "programs"
    (folder / "src/penstroke").mkdir(parents=True)
    (folder / "src/kedro_guards").mkdir()
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    programs.mkdir()
    (folder / "requirements.txt").write_text("a==1\n")
    (folder / ".gitignore").write_text("/build/\n")
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for command in (["init", "--quiet", "--bare", "../origin"], ["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    for command in (["commit", "--quiet", "--message=Start"], ["remote", "add", "origin", "../origin"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def _script(path, text):
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


def _call(place, *command):
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("ends", "told"), [(0, "`.ci/run` passes with them."), (1, "`.ci/run` **fails** with them.")])
def test_newest_versions_are_tested_and_proposed(place, tmp_path, ends, told):
    _script(place / ".ci/lock", "echo a==2 > requirements.txt")
    _script(place / ".ci/run", f"echo 'the last line'; exit {ends}")
    _script(tmp_path / "programs/gh", 'echo "$@" >> ../calls; [ "$2" = create ]')
    subprocess.run(["git", "commit", "--quiet", "--all", "--message=Stand-ins"], cwd=place, check=True)

    assert _call(place, ".ci/upgrade").returncode == 0
    outcome = (place / "build/upgrade/outcome.md").read_text()
    assert outcome.startswith(told)
    assert ("the last line" in outcome) == bool(ends)

    subprocess.run(["git", "checkout", "--quiet", "requirements.txt"], cwd=place, check=True)  # a fresh checkout
    proposed = _call(place, ".ci/upgrade", "--propose")

    assert proposed.returncode == 0, proposed.stderr
    edited, created = (tmp_path / "calls").read_text().splitlines()  # an open one gets the new outcome
    assert edited == "pr edit newest-dependencies --body-file build/upgrade/outcome.md"
    assert created.startswith("pr create --head newest-dependencies --title Take the newest versions")
    pushed = _call(place, "git", "show", "origin/newest-dependencies:requirements.txt")
    assert pushed.stdout == "a==2\n"


def test_where_all_versions_are_the_newest_nothing_is_proposed(place):
    _script(place / ".ci/lock", "true")
    subprocess.run(["git", "commit", "--quiet", "--all", "--message=Stand-in"], cwd=place, check=True)

    assert _call(place, ".ci/upgrade").stdout == "all versions are the newest\n"
    assert _call(place, ".ci/upgrade", "--propose").returncode == 0
    assert _call(place, "git", "branch", "--list", "newest-dependencies").stdout == ""


def _say(place, ours="1.2.3", guards="1.2.3", changelog="## 1.2.3\n\n- A new one.\n\n## 1.2.2\n\n- An old one.\n"):
    for package, version in (("penstroke", ours), ("kedro_guards", guards)):
        (place / "src" / package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (place / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")


def test_a_release_has_both_wheels_the_parts_and_its_notes(place, tmp_path):
    _say(place)
    _script(tmp_path / "programs/kedro", 'mkdir dist; echo "$@" > dist/penstroke.whl')
    _script(tmp_path / "programs/python", f'[ "$1" != -m ] && exec {sys.executable} "$@"; echo "$@" > dist/guards.whl')
    _script(place / ".ci/audit", "touch build/sbom.json")
    (place / "dist").mkdir()
    (place / "dist/former.whl").touch()

    made = _call(place, ".ci/release", "v1.2.3")

    assert made.returncode == 0, made.stderr
    assert {path.name for path in (place / "dist").iterdir()} == {"penstroke.whl", "guards.whl", "sbom.json"}
    assert (place / "dist/penstroke.whl").read_text() == "package\n"
    assert (place / "dist/guards.whl").read_text() == "-m build --wheel --outdir dist src/kedro_guards\n"
    assert (place / "build/notes.md").read_text() == "- A new one.\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"ours": "1.2.2"}, "penstroke has version 1.2.2, not 1.2.3; set __version__ before the tag"),
        ({"guards": "1.2.2"}, "kedro_guards has version 1.2.2, not 1.2.3; set __version__ before the tag"),
        ({"changelog": "## Unreleased\n\n- A new one.\n"}, "CHANGELOG.md says nothing under `## 1.2.3`"),
        ({"changelog": "## 1.2.3\n\n## 1.2.2\n\n- An old one.\n"}, "CHANGELOG.md says nothing under `## 1.2.3`"),
    ],
)
def test_a_release_that_disagrees_with_its_tag_is_refused(place, said, told):
    _say(place, **said)

    refused = _call(place, ".ci/release", "v1.2.3")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: {told}")
    assert len(refused.stderr.splitlines()) == 1
