"""A later version of the starter comes into a project that was edited. The starter here is a small one."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "starter"))
from update import update  # a script beside the starter, no module

sys.path.pop(0)

TEMPLATE = "starter/{{ cookiecutter.repo_name }}"
HOOK = """import json, subprocess
from pathlib import Path

import yaml

answers = json.loads(r'''{{ cookiecutter | jsonify }}''')
version = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=answers["_repo_dir"], text=True).strip()
record = {name: text for name, text in answers.items() if name[0] != "_"} | {"made_from": version}
Path(".starter.yml").write_text(yaml.safe_dump(record))
"""
LINES = "".join(f"line {number}\n" for number in range(40))
GONE = "".join(f"part {number}\n" for number in range(40))
AUTHOR = {f"GIT_{who}_{what}": "n" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(autouse=True)
def author(monkeypatch):
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)


def _git(folder, *arguments):
    result = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def _write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _commit(folder):
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message=Change")


@pytest.fixture
def live(tmp_path):
    """A repository with a small starter, at its first version."""
    folder = tmp_path / "live"
    shutil.copytree(ROOT / TEMPLATE / ".ci", folder / TEMPLATE / ".ci")
    questions = {"repo_name": "mine", "row": "leaf"}
    named = {"both.txt": LINES, "far.txt": LINES, "moved.txt": LINES, "gone.txt": GONE, ".gitignore": "*.env\n"}
    _write(folder, {"starter/cookiecutter.json": json.dumps(questions), "starter/hooks/post_gen_project.py": HOOK})
    _write(folder / TEMPLATE, named | {"{{ cookiecutter.row }}.txt": LINES})
    shutil.copy(ROOT / "starter/update.py", folder / "starter")
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    _commit(folder)
    return folder


@pytest.fixture
def project(tmp_path, live):
    """The project of another answer, as it would come from the first version."""
    folder = tmp_path / "mine"
    shutil.copytree(live / TEMPLATE, folder)
    (folder / "{{ cookiecutter.row }}.txt").rename(folder / "bird.txt")
    record = {"repo_name": "mine", "row": "bird", "made_from": _git(live, "rev-parse", "HEAD")}
    _write(folder, {".starter.yml": yaml.safe_dump(record)})
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    _commit(folder)
    return folder


def _state(project):
    files = {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and ".git" not in path.parts}
    return files, _git(project, "log", "--format=%H"), _git(project, "status", "--porcelain")


def _edited(number, text):
    return LINES.replace(f"line {number}\n", f"{text}\n")


def test_an_update_keeps_what_both_sides_changed_and_git_shows_where_they_disagree(live, project):
    _write(live / TEMPLATE, {"both.txt": _edited(20, "theirs"), "far.txt": _edited(2, "theirs"), "new.txt": "new\n"})
    _write(live / TEMPLATE, {"{{ cookiecutter.row }}.txt": _edited(2, "theirs")})
    (live / TEMPLATE / "moved.txt").rename(live / TEMPLATE / "elsewhere.txt")
    (live / TEMPLATE / "gone.txt").unlink()
    _commit(live)
    ours = {"both.txt": _edited(20, "ours"), "far.txt": _edited(30, "ours"), "moved.txt": _edited(30, "ours")}
    _write(project, ours | {"gone.txt": GONE + "ours\n", "team.txt": "team\n"})
    _commit(project)
    _write(project, {"machine.env": "word", "note.txt": "not committed"})
    before = _state(project)

    result = subprocess.run([".ci/update", f"git+{live}"], cwd=project, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert result.stderr.startswith("Error: Conflicts in both.txt, gone.txt. Nothing is lost: ")
    assert len(result.stderr.splitlines()) <= 3
    assert _git(project, "diff", "--name-only", "--diff-filter=U").split() == ["both.txt", "gone.txt"]
    assert "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> " in (project / "both.txt").read_text()
    assert (project / "far.txt").read_text() == _edited(2, "theirs").replace("line 30\n", "ours\n")
    assert (project / "elsewhere.txt").read_text() == _edited(30, "ours")
    assert (project / "gone.txt").read_text() == GONE + "ours\n"
    assert (project / "bird.txt").read_text() == _edited(2, "theirs")
    assert [(project / name).read_text() for name in ("new.txt", "team.txt", "machine.env", "note.txt")] == [
        *("new\n", "team\n"),
        *("word", "not committed"),
    ]

    _git(project, "cherry-pick", "--abort")
    assert _state(project) == before


def test_an_update_is_one_commit_and_a_second_one_has_nothing_to_do(live, project):
    _write(live / TEMPLATE, {"far.txt": _edited(2, "theirs"), "{{ cookiecutter.colour }}.txt": "new\n"})
    _write(live, {"starter/cookiecutter.json": json.dumps({"repo_name": "mine", "row": "leaf", "colour": "red"})})
    _commit(live)

    told = update(live, project)

    assert 'answered by default: colour: "red"' in told
    assert (project / "red.txt").exists()
    assert _git(project, "log", "--format=%s").splitlines()[1:] == ["Change"]
    assert _git(project, "status", "--porcelain") == ""
    record = yaml.safe_load((project / ".starter.yml").read_text())
    latest = _git(live, "rev-parse", "HEAD")
    assert record == {"repo_name": "mine", "row": "bird", "colour": "red", "made_from": latest}
    assert update(live, project) == f"up to date: this project has version {latest[:7]}"


def test_a_project_in_a_folder_of_its_repository_is_updated_there(live, project, tmp_path):
    shutil.rmtree(project / ".git")
    (tmp_path / "team").mkdir()
    project.rename(tmp_path / "team/mine")
    _git(tmp_path, "init", "--quiet", str(tmp_path / "team"))
    _commit(tmp_path / "team")
    _write(live / TEMPLATE, {"far.txt": "theirs\n"})
    _commit(live)

    update(live, tmp_path / "team/mine")

    assert (tmp_path / "team/mine/far.txt").read_text() == "theirs\n"
    assert {path.name for path in (tmp_path / "team").iterdir()} == {".git", "mine"}


def test_a_file_that_git_does_not_have_is_never_overwritten(live, project):
    """git itself overwrites a file that it ignores."""
    _write(live / TEMPLATE, {"machine.env": "theirs"})
    _git(live, "add", "--force", "--all")
    _write(live / TEMPLATE, {".gitignore": ""})
    _commit(live)
    _write(project, {"machine.env": "a word of this machine"})
    before = _state(project)

    with pytest.raises(ValueError, match="machine.env would be overwritten, and git does not have it"):
        update(live, project)

    assert _state(project) == before


def _change(project):
    _write(project, {"far.txt": "not committed"})


def _without_git(project):
    shutil.rmtree(project / ".git")
    (project / ".git").write_text("gitdir: nowhere")  # nor that of a folder above


def _without_record(project):
    (project / ".starter.yml").unlink()


def _of_no_version(project):
    (project / ".starter.yml").write_text("row: bird\n")


def _of_another(project):
    record = (project / ".starter.yml").read_text()
    _write(project, {".starter.yml": record.replace("made_from: ", "made_from: 0a0a")})
    _commit(project)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_change, "M far.txt not committed; first run `git commit` or `git stash`"),
        (_without_git, "is in no git repository with a commit"),
        (_without_record, "has no .starter.yml that can be read"),
        (_of_no_version, "names no version as `made_from`"),
        (_of_another, "names version 0a0a.*, which this repository lacks"),
    ],
)
def test_an_update_that_cannot_be_is_refused_and_changes_nothing(live, project, spoil, told):
    spoil(project)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    with pytest.raises(ValueError, match=told) as refused:
        update(live, project)

    assert len(str(refused.value).splitlines()) <= 3
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_an_answer_that_a_version_cannot_take_is_refused(live, project):
    _write(live, {"starter/hooks/post_gen_project.py": "raise SystemExit('no birds')"})
    _commit(live)

    with pytest.raises(ValueError, match=r"^version \w{7} cannot be made of the answers in .starter.yml: "):
        update(live, project)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say which repository has the later version: .ci/update ADDRESS [VERSION]"),
        (["nowhere"], "nowhere cannot be cloned: fatal: repository 'nowhere' does not exist"),
        (["../live", "v9"], "../live has no version v9; name a tag, branch or commit"),
        (["../live", "old"], "../live has no starter/update.py in that version; name a later one"),
    ],
)
def test_a_repository_that_cannot_be_read_is_refused(live, project, arguments, told):
    _git(live, "switch", "--quiet", "--create=old")
    (live / "starter/update.py").unlink()
    _commit(live)
    _git(live, "switch", "--quiet", "main")

    result = subprocess.run([".ci/update", *arguments], cwd=project, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (1, f"Error: {told}\n")


def test_an_edited_plugin_is_found_in_a_project_and_not_where_it_is_written(tmp_path):
    check = tmp_path / ".ci/guards"
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/guards", check)
    plugin = {"src/kedro_guards/a.py": "A = 1\n", "src/kedro_guards/datasets/b.py": "B = 1\n"}
    made = {
        "src/kedro_guards/__pycache__/a.pyc": "",
        "src/kedro_guards/build/lib/a.py": "",
        "src/kedro_guards/kedro_guards.egg-info/PKG-INFO": "",
    }
    _write(tmp_path, plugin)

    def found(*arguments):
        return subprocess.run([check, *arguments], capture_output=True, text=True, check=False).stderr

    assert found() == ""
    assert found("--record") == ""
    _write(tmp_path, made)
    assert found() == ""
    _write(tmp_path, {"src/kedro_guards/a.py": "A = 2\n", "src/kedro_guards/c.py": ""})
    (tmp_path / "src/kedro_guards/datasets/b.py").unlink()
    named = ", ".join(f"src/kedro_guards/{name}.py" for name in ("a", "c", "datasets/b"))
    assert found().startswith(f"Error: not as it came from the starter: {named}\n")
    assert len(found().splitlines()) == 3
