"""Render the notebooks into ``docs/notebooks``: ``python -m benchmarks.notebooks``, after ``kedro run``.

Each notebook is executed on the stored results. Its cells and their outputs become a page of Markdown, and Chromium
draws its figures.
"""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from .pictures import write_pictures
from .project import ROOT

NOTEBOOKS, PAGES = ROOT / "notebooks", ROOT / "docs/notebooks"
FIGURE = "application/vnd.plotly.v1+json"


def main() -> None:
    """Execute and write all notebooks."""
    PAGES.mkdir(exist_ok=True)
    for old in PAGES.iterdir():
        old.unlink()
    found: dict[Path, Any] = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
        text, figures = page_of(notebook, path.stem)
        (PAGES / f"{path.stem}.md").write_text(text, encoding="utf-8")
        print(f"wrote docs/notebooks/{path.stem}.md")
        found |= {PAGES / place: figure for place, figure in figures.items()}
    write_pictures(found)


def page_of(notebook: NotebookNode, name: str) -> tuple[str, dict[str, Any]]:
    """Write an executed notebook as Markdown.

    Returns:
        The page, and its figures by the names of their files.
    """
    parts, figures, heading = [], {}, name
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = next(iter(re.findall(r"^#+ (.*)", cell.source)), heading)
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if FIGURE in data:
                title = data[FIGURE]["layout"].get("title", {}).get("text") or heading
                place = f"{name}_{len(figures) + 1}.webp"
                figures[place] = data[FIGURE]
                parts.append(f"![{title}]({place})")
            else:
                parts.append(_text_of(output))
    parts.insert(1, f"`notebooks/{name}.ipynb` with the results of `kedro run`, by `python -m benchmarks.notebooks`.")
    return "\n\n".join(filter(None, parts)) + "\n", figures


def _text_of(output: NotebookNode) -> str:
    """Write an output that is no figure; what rich adds to others is left out."""
    data = output.get("data", {})
    table = re.search(r"<table.*</table>", data.get("text/html", ""), re.DOTALL)
    if table:
        bare = re.sub(r"\n\s*|(?<=<table)[^>]*| style=\"[^\"]*\"| valign=\"top\"", "", table[0])
        return bare.replace("<th></th>", "<td></td>")
    if "text/markdown" in data:
        return re.sub(r"^#", "###", data["text/markdown"], flags=re.MULTILINE)
    if "text/html" in data or output.get("name") == "stderr":
        return ""
    text = data.get("text/plain") or output.get("text", "")
    text = re.sub(r"\x1b\[[\d;]*m", "", text).rstrip()
    return f"```text\n{text}\n```" if text else ""


if __name__ == "__main__":
    os.environ["KEDRO_LOGGING_CONFIG"] = str(ROOT / "conf/logging.yml")
    main()
