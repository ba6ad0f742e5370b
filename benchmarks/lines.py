"""How many lines of code are there? ``python -m benchmarks.lines [FOLDER ...]``.

Blank lines, comments and docstrings do not count. Prints the lines of each module and the sum of each folder; without
arguments those of ``src/kedro_guards`` and ``src/penstroke``.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def lines_of_code(text: str) -> int:
    """Count the lines of a module that hold code."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in NO_CODE]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def main(folders: list[Path]) -> None:
    """Print the lines of each module and the sum of each folder."""
    for folder in folders:
        counts = {path: lines_of_code(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
        for path, count in counts.items():
            print(f"{count:6,} {path.relative_to(folder)}")
        print(f"{sum(counts.values()):6,} {folder.name}\n")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [ROOT / "src/kedro_guards", ROOT / "src/penstroke"])
