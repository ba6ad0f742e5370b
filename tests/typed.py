"""Check a command that the documentation tells people to type, without doing it."""

import json
import os
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
from jsonschema import Draft202012Validator
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.project import pipelines

from kedro_guards.options import refuse_unknown_names

from .conftest import ROOT

OTHERS = {  # other programs, with the words that may follow; empty for any
    "mkdocs": "build serve",
    "pre-commit": "install run",
    "dask": "scheduler worker",
    "airflow": "dags",
    "gh": "pr release",
    "git": "add checkout cherry-pick reset show",
    "buildah": "build",
    "podman": "run",
    **dict.fromkeys(["cat", "curl", "export", "source", "systemctl", "uvx"], ""),
    **dict.fromkeys(["chown", "cp", "mkdir", "mv", "rm", "tar"], ""),
    **dict.fromkeys(["[", "sudo"], ""),
}


def faults_of(line: str) -> list[str]:
    """Say what is wrong with the commands of one line of the shell; nothing if all could be typed."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in words:
        if word and set(word) <= set("&|;()"):
            commands.append([])
        elif commands[-1] or not re.match(r"\w+=", word):  # NAME=value before the program
            commands[-1].append(word)
    return [fault for command in commands if command for fault in [_fault_of(*command)] if fault]


def _fault_of(program: str, *words: str) -> str:
    fault = ""
    if (program, *words[:1]) == ("kedro", "draft"):  # of projects for a table
        text = (ROOT / "starter/table/drafting/command.py").read_text(encoding="utf-8")
        options = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--help"]
        fault = ", ".join(option for option in options if f'"{option}"' not in text)
    elif program == "kedro":
        fault = _fault_of_kedro(words)
    elif words[:2] == ("-m", "penstroke"):
        command = [word for word in words[2:] if not word.startswith("--conf-source=")]  # a file that a package has
        fault = _fault_of_kedro(tuple(command if command and not command[0].startswith("-") else ["run", *command]))
    elif program == "python" and words[0] == "-m":
        fault = _fault_of_module(*words[1:])
    elif program == "python":
        fault = "" if (ROOT / words[0].removeprefix("../CLONE/")).is_file() else f"{words[0]} is no file"
    elif program in ("pytest", "pip"):
        files = [word.partition("::")[0] for word in words if re.search(r"^tests/|\.(py|txt)$", word)]
        fault = ", ".join(file for file in files if not (ROOT / file).exists())
    elif program.startswith("."):
        places = (ROOT, ROOT / "starter/{{ cookiecutter.repo_name }}")  # the second has those of new projects
        fault = "" if any(os.access(place / program, os.X_OK) for place in places) else f"{program} is no program"
    elif program not in OTHERS:
        fault = f"{program} is not known here"
    elif OTHERS[program] and words[0] not in OTHERS[program].split():
        fault = f"{program} has no command {words[0]}"
    return fault


def _fault_of_module(name: str, *words: str) -> str:
    found = find_spec(name)
    if found is None:
        return f"there is no module {name}"
    if not name.startswith("benchmarks."):
        return ""
    source = Path(str(found.origin)).read_text()
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return ", ".join(option for option in options if f'"{option}"' not in source)


@cache
def _program() -> click.Group:
    return KedroCLI(ROOT)


def _fault_of_kedro(words: tuple[str, ...]) -> str:
    program: click.Command = _program()
    context, rest = click.Context(program, info_name="kedro"), list(words)
    try:
        while isinstance(program, click.Group) and rest and not rest[0].startswith("-"):
            name, *rest = rest
            found = program.get_command(context, name)
            if found is None:
                return f"kedro has no command {name}"
            program = found
        if rest == ["--help"]:
            return ""
        asked = program.make_context(program.name, rest, context)
        if words[0] == "run":
            refuse_unknown_names(asked.params)
            _refuse_unknown_keys(asked.params["params"], asked.params["env"] or "local")
        env = asked.params.get("env")
        if env not in (None, "mine") and not (ROOT / "conf" / env).is_dir():  # mine: that of the reader
            return f"there is no environment {env}"
    except click.exceptions.Exit:  # after --version
        return ""
    except click.ClickException as error:
        return error.format_message()
    finally:
        pipelines.set_requested(None)
    return ""


def _refuse_unknown_keys(given: dict, env: str) -> None:
    asked = {"source"} if env == "mnist" else set()  # by the catalog
    schema = json.loads((ROOT / "conf/schemas/overrides.json").read_text())
    for fault in Draft202012Validator(schema).iter_errors({key: given[key] for key in set(given) - asked}):
        raise click.ClickException(fault.message)
