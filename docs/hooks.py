"""Fill two pages of the reference from the project itself: its commands, and the datasets of its catalog."""

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).parents[1]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of a page; MkDocs calls this."""
    marks = {"<!-- commands -->": commands, "<!-- datasets -->": datasets}
    for mark, write in marks.items():
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(write()))
    return markdown


def commands() -> Iterator[str]:
    """Write what ``--help`` says of each command."""
    sys.path.insert(0, str(ROOT / "src"))
    from penstroke.cli import cli  # noqa: PLC0415 # found on the path above

    sys.path.pop(0)
    for name, command in sorted(cli.commands.items()):
        context = click.Context(command, info_name=f"kedro {name}", terminal_width=80)
        yield f"## kedro {name}\n\n```text\n{command.get_help(context)}\n```\n"


def datasets() -> Iterator[str]:
    """Write a table of the datasets of each file of the base's catalog."""
    for path in sorted((ROOT / "conf/base").glob("catalog*.yml")):
        text = path.read_text(encoding="utf-8")
        notes = dict(re.findall(r'^"?([\w{}]+)"?:.*# (.+)$', text, re.MULTILINE))
        yield f"## {path.stem}\n\n| dataset | type | contract | place |\n|---|---|---|---|"
        for name, entry in yaml.safe_load(text).items():
            kind = entry["type"].rpartition(".")[2].removesuffix("Dataset")
            contract = entry.get("validator", "").rpartition(".")[2]
            place = re.sub(r"\$\{globals:(\w+)\}", r"\1", entry.get("filepath") or entry.get("path", ""))
            note = f"<br>{escape(notes[name])}" if name in notes else ""
            cells = (f"`{name}`{note}", kind, f"`{contract}`" if contract else "", f"`{place}`")
            yield f"| {' | '.join(cells)} |"
        yield ""
