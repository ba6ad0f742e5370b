"""Check a command that the documentation tells people to type, without doing it."""

import json
import os
import shlex
from importlib.util import find_spec

import click
from jsonschema import Draft202012Validator
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.project import pipelines

from kedro_guards.options import refuse_unknown_names

from .conftest import ROOT

OTHERS = {"mkdocs": {"build", "serve"}, "pre-commit": {"install", "run"}}  # programs of the project's environment


def faults_of(line: str) -> list[str]:
    """Say what is wrong with the commands of one line of the shell; nothing if all could be typed."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set("&|;()"):
            commands.append([])
        elif commands[-1] or not word.partition("=")[0].isidentifier() or "=" not in word:  # NAME=value before it
            commands[-1].append(word)
    return [fault for command in commands if command for fault in [_fault_of(*command)] if fault]


def _fault_of(program: str, *words: str) -> str:
    if program == "kedro":
        return _fault_of_kedro(words)
    if program in ("python", "pytest", "pip"):
        files = [word.partition("::")[0] for word in words if word.endswith((".py", ".txt")) or "/" in word]
        modules = [words[1]] if words[:1] == ("-m",) and program == "python" else []
        files = [file for file in files if not (ROOT / file).exists()]
        return ", ".join(files + [module for module in modules if find_spec(module) is None])
    if program.startswith("."):
        return "" if os.access(ROOT / program, os.X_OK) else f"{program} is no program"
    if program in OTHERS:
        return "" if words[0] in OTHERS[program] else f"{program} has no command {words[0]}"
    return f"{program} is not known here"


def _fault_of_kedro(words: tuple[str, ...]) -> str:
    program: click.Command = KedroCLI(ROOT)
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
        if (env := asked.params.get("env")) and not (ROOT / "conf" / env).is_dir():
            return f"there is no environment {env}"
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
