"""Merge this version of the starter into a project that an earlier version made. Run it in the project's folder.

The project records the answers and the version that it was made of. Both versions are generated with these answers,
and ``git cherry-pick`` applies the difference to the project: a three-way merge, which keeps what the team changed.
No branch has to be kept for it, so the team may squash or rebase its history.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

RECORD = ".starter.yml"
NEEDED = ("yaml", "cookiecutter", "ruff")  # Kedro brings the first two
SHOWN = 5  # files in a message


def update(live: Path, project: Path) -> str:
    """Bring a project to the version of a repository, in one commit.

    Args:
        live: repository with the later version, checked out.
        project: folder of the project, with its record.

    Returns:
        What was done, for people.

    Raises:
        ValueError: nothing was changed, and why; or git shows conflicts, and how to go on.
    """
    if absent := [name for name in NEEDED if not find_spec(name)]:
        raise ValueError(f"{absent[0]} is missing here; first run `pip install -r requirements-dev.txt`")
    record = _read_record(project)
    try:
        root = Path(_git(project, "rev-parse", "--show-toplevel"))
        _git(project, "rev-parse", "HEAD")
    except ValueError as error:
        raise ValueError(f"{project} is in no git repository with a commit; commit the project first") from error
    if changed := _git(project, "status", "--porcelain", "--untracked-files=no"):
        raise ValueError(f"{_some(changed.splitlines())} not committed; first run `git commit` or `git stash`")
    former, latest = _commit_of(live, record["made_from"]), _git(live, "rev-parse", "HEAD")
    if former == latest:
        return f"up to date: this project has version {latest[:7]}"
    with TemporaryDirectory() as scratch:
        clone = Path(scratch, "live")
        _git(live, "clone", "--quiet", "--shared", "--no-checkout", str(live), str(clone))
        before, after = (_generate(clone, version, record, Path(scratch)) for version in (former, latest))
        told = _new_questions(record, after)
        schemas = [made / "conf/schemas" for made in (before, after)]
        if not all(folder.exists() for folder in schemas):  # a version needs packages that are not installed
            for folder in schemas:
                shutil.rmtree(folder, ignore_errors=True)
        message = f"Update from version {former[:7]} of the starter to {latest[:7]}"
        base = _git(project, "commit-tree", _tree(project, root, before), "-m", f"Version {former[:7]}")
        picked = _git(project, "commit-tree", _tree(project, root, after), "-p", base, "-m", message)
    _refuse_to_overwrite(root, base, picked)
    try:
        _git(project, "cherry-pick", picked)
    except ValueError as error:
        conflicts = _git(root, "diff", "--name-only", "--diff-filter=U").splitlines()
        if not conflicts:
            raise ValueError(f"git cannot apply version {latest[:7]}: {error}") from error
        told += f"Conflicts in {_some(conflicts)}. Nothing is lost: solve them, `git add` the files, then\n"
        told += "`git cherry-pick --continue`; or `git cherry-pick --abort`, and all is as before."
        raise ValueError(told) from error
    count = len(_git(project, "diff", "--name-only", "HEAD~", "HEAD").splitlines())
    return (
        f"{told}updated to version {latest[:7]} in one commit: {count} files, see `git show`. Now run\n"
        "`pip install -r requirements-dev.txt`, `kedro schemas`, `kedro run` and `pytest`."
    )


def _read_record(project: Path) -> dict[str, str]:
    """Return the answers, and as ``made_from`` the version."""
    import yaml  # noqa: PLC0415 # which may be missing

    try:
        record = yaml.safe_load((project / RECORD).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{project} has no {RECORD} that can be read; this is for projects of the starter") from error
    if not isinstance(record, dict) or "made_from" not in record:
        raise ValueError(f"{RECORD} names no version as `made_from`; bring it back from the project's first commit")
    return {str(name): str(answer) for name, answer in record.items()}


def _git(folder: Path, *arguments: str, **variables: str) -> str:
    """Return what git prints.

    Raises:
        ValueError: the first line that git says about its failure.
    """
    places = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # of the hook that may call
    environment = {name: value for name, value in os.environ.items() if name not in places} | variables
    call = ["git", *arguments]
    result = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ValueError((result.stderr.strip() or result.stdout.strip() or "it failed").splitlines()[0])
    return result.stdout.strip()


def _commit_of(live: Path, version: str) -> str:
    for name in (version, f"v{version}"):  # a project made without git knows the version of the package
        try:
            return _git(live, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except ValueError:
            continue
    raise ValueError(f"{RECORD} names version {version[:12]}, which this repository lacks; name the one it came from")


def _generate(clone: Path, version: str, record: dict[str, str], scratch: Path) -> Path:
    """Return the folder of the project that a version makes of the answers."""
    _git(clone, "checkout", "--quiet", "--detach", version)
    place = scratch / version
    asked = [sys.executable, "-m", "cookiecutter", str(clone), "--directory=starter", "--no-input", "--default-config"]
    answers = [f"{name}={answer}" for name, answer in record.items() if name != "made_from"]
    made = subprocess.run([*asked, f"--output-dir={place}", *answers], capture_output=True, text=True, check=False)
    if made.returncode:
        lines = [line for line in made.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise ValueError(f"version {version[:7]} cannot be made of the answers in {RECORD}: {lines[-1]}")
    (project,) = place.iterdir()
    shutil.rmtree(project / ".git", ignore_errors=True)
    (project / ".draft.json").unlink(missing_ok=True)  # what was drafted, the project knows
    return project


def _new_questions(record: dict[str, str], made: Path) -> str:
    """Say which answers were taken by default."""
    now = _read_record(made)
    added = {name: answer for name, answer in now.items() if name not in record}
    if not added:
        return ""
    taken = ", ".join(f"{name}: {json.dumps(answer, ensure_ascii=False)}" for name, answer in added.items())
    return f"New questions, answered by default: {taken}; for other answers, commit them in {RECORD} before.\n"


def _tree(project: Path, root: Path, made: Path) -> str:
    """Store a folder in the project's git, at the place that the project has in its repository."""
    git = _git(project, "rev-parse", "--absolute-git-dir")
    places = {"GIT_DIR": git, "GIT_WORK_TREE": str(made), "GIT_INDEX_FILE": f"{made}.index"}
    _git(made, "add", "--all", ".", **places)
    tree = _git(made, "write-tree", **places)
    if (prefix := project.resolve().relative_to(root.resolve()).as_posix()) != ".":
        _git(made, "read-tree", "--empty", **places)
        _git(made, "read-tree", f"--prefix={prefix}/", tree, **places)
        tree = _git(made, "write-tree", **places)
    return tree


def _refuse_to_overwrite(root: Path, base: str, picked: str) -> None:
    """Refuse to write where a file is that git does not know: git itself keeps only those that it does not ignore."""
    changed = _git(root, "diff", "--no-renames", "--diff-filter=AM", "--name-only", "-z", base, picked).split("\0")
    known = set(_git(root, "ls-files", "-z").split("\0"))
    if lost := [name for name in changed if name and name not in known and os.path.lexists(root / name)]:
        raise ValueError(f"{_some(lost)} would be overwritten, and git does not have it; commit or move it first")


def _some(names: list[str]) -> str:
    shown = [name.strip() for name in names[:SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


if __name__ == "__main__":
    try:
        print(update(Path(__file__).resolve().parents[1], Path.cwd()))  # noqa: T201 # a script
    except ValueError as error:
        sys.exit(f"Error: {error}")
