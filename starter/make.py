"""Make a project of somebody else's from the live one: copy it, leave out what nobody asked for, and rename it."""

import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import yaml
from table.drafting.edits import record, with_entry, with_values

OURS = "penstroke"
ENDINGS = " .cfg .css .html .in .ipynb .js .json .md .py .service .svg .timer .toml .txt .yml"  # of texts; or none
SHARED = ("__init__", "conftest", "seam", "fork_server", "rows")  # modules of tests that all need
SHAPES = ("bar", "cross", "ring")  # of the made-up images
WRONG = 37  # one in so many lies in the wrong folder, so that no model is always right
DRAFTED = [
    "conf/base/catalog.yml",
    "conf/base/parameters_data_processing.yml",
    "conf/base/parameters_data_science.yml",
    "conf/base/parameters_promotion.yml",
]  # the files that a draft of a table's domain changes, beside its columns
LEAST_LINES = 4  # of a page that has lost paragraphs
COLOURS = ("brown", "green", "red")
CLASSES = {"short": (1.0, 4.0), "long": (2.0, 9.0), "wide": (4.0, 5.0)}  # of the made-up table: mean width and length


def make_project(live: Path, project: Path, answers: dict[str, str]) -> None:
    """Fill the folder of a new project.

    Args:
        live: folder of the live project.
        project: folder of the new one, with the files that cookiecutter made.
        answers: by the names of ``cookiecutter.json``.
    """
    parts = yaml.safe_load((live / "starter/parts.yml").read_text(encoding="utf-8"))
    missing = [part for name, part in parts["options"].items() if answers[name] == "no"]
    other = parts.get(answers["data"])  # than the digits
    without = [*missing, *([other] if other else [])]
    never = (*parts["never"], *(place for part in missing for place in part["files"]))
    for name in _files(live):
        kept = not other or name.startswith(tuple(parts["kept"])) or not name.startswith(tuple(other["files"]))
        if kept and not name.startswith(never):
            _copy(live / name, project / name)
    for part in without:
        for place, pattern in part.get("pieces", {}).items():
            _edit(project / place, lambda text, pattern=pattern: re.sub(pattern, "", text))
    if answers["data"] == "table":
        _lay_table_over(live, project, answers)
    elif answers["data"] == "images":
        _take_images(live, project, other["values"])
    former = r"(?s)\nFORMER_NAMES = \{.*?\n\}"
    _edit(project / f"src/{OURS}/settings.py", lambda text: re.sub(former, "\nFORMER_NAMES: dict[str, str] = {}", text))
    if words := [part["words"] for part in without if "words" in part]:
        _leave_out_tests_and_pages(project, re.compile("|".join(words), re.IGNORECASE))
    owner = f"{date.today().year} {answers['licence_holder']}"
    _edit(project / "LICENSE", lambda text: re.sub(r"(?m)^(   Copyright ).*$", rf"\g<1>{owner}", text))
    alias = r'(?m)^\[project\.entry-points\."kedro\.starters"\].*\n(?:.+\n)*\n'  # of a starter that the project is not
    _edit(project / "pyproject.toml", lambda text: re.sub(alias, "", text))
    ignored = "ignore = [\n"  # by ruff: names may be longer than ours
    _edit(project / "pyproject.toml", lambda text: text.replace(ignored, f'{ignored}    "E501",\n', 1))
    _rename(project, _words(answers))
    if answers["data"] == "digits" and answers["row"] != "digit":
        _rename_identifiers(project / f"data/01_raw/{answers['rows']}.parquet", f"{answers['row']}_id")
    _finish(project)
    if answers["data"] == "table":
        record(project, [f"src/{answers['python_package']}/domain/columns.py", *DRAFTED])
    kept = {name: answers[name] for name in sorted(answers)} | {"made_from": _version(live)}
    (project / ".starter.yml").write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    subprocess.run([sys.executable, ".ci/guards", "--record"], cwd=project, check=True)
    _commit(project)


def _leave_out_tests_and_pages(project: Path, words: re.Pattern[str]) -> None:
    """Delete tests and paragraphs that speak of what was left out, and links to pages that are gone."""
    tests = [place for place in (project / "tests").rglob("*.py") if "guards" not in place.parts]
    modules = [place for place in tests if place.stem not in SHARED]
    gone = [place for place in modules if words.search(place.read_text(encoding="utf-8"))]
    while gone:
        names = "|".join(place.stem for place in gone)
        for place in gone:
            place.unlink()
        importer = re.compile(rf"from \.[\w.]* import .*\b({names})\b|from \.[\w.]*\b({names}) import")
        gone = [place for place in modules if place.exists() and importer.search(place.read_text(encoding="utf-8"))]
    for place in (project / "conf").rglob("*.yml"):
        _edit(place, lambda text: re.sub(rf"(?m)^#.*({words.pattern}).*\n|[ ]+#[^#\n]*({words.pattern}).*$", "", text))
    pages = [*(project / "docs").rglob("*.md"), *project.glob("C*.md"), *(project / "conf").glob("*.md")]
    pages = [page for page in pages if page.stem != "guards"]  # which come whole
    for page in pages:
        _edit(page, lambda text: "\n\n".join(filter(None, (_without(block, words) for block in text.split("\n\n")))))
        if len(page.read_text(encoding="utf-8").splitlines()) < LEAST_LINES:
            page.unlink()
    for page in filter(Path.exists, pages):
        _edit(page, lambda text, folder=page.parent: _without_dead_links(text, folder))
    if (menu := project / "mkdocs.yml").exists():
        _edit(menu, lambda text: _without_dead_places(text, project / "docs"))


def _without(block: str, words: re.Pattern[str]) -> str:
    """Return a paragraph, table or list without what speaks of words."""
    if not words.search(block):
        return block
    lines = block.splitlines()
    is_many = [line.startswith(("|", "- ", "  - ")) for line in lines]
    if not any(is_many):
        return ""
    parts = re.split(r"\n(?=\||- |\d\. )", block)
    return "\n".join(part for part in parts if not words.search(part))


def _without_dead_links(text: str, folder: Path) -> str:
    """Make the text of each link to a page that is gone plain, and drop pictures that are gone."""

    def plain(link: re.Match[str]) -> str:
        gone = not link[3].startswith("http") and not (folder / link[3].partition("#")[0]).exists()
        return link[0] if not gone else "" if link[1] else link[2]

    return re.sub(r"(!?)\[([^]]+)\]\(([^)\s]+\.(?:md|webp)[^)]*)\)", plain, text)


def _without_dead_places(menu: str, folder: Path) -> str:
    """Drop from the site's menu the pages that are gone, and the parts that are then empty."""
    page = re.compile(r" *- (?:.*: )?([\w./-]+\.md)")
    lines = menu.splitlines(keepends=True)
    kept = [line for line in lines if not (found := page.fullmatch(line.rstrip())) or (folder / found[1]).exists()]
    text, changed = "".join(kept), True
    while changed:
        text, changed = re.subn(r"(?m)^( *)- [^:\n]+:\n(?!\1 )", "", text)
    return text


def _files(live: Path) -> Iterator[str]:
    """List the files of the live project: those that git knows, or all of a folder that git does not."""
    try:
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=live, capture_output=True, text=True, check=True)
        names = listed.stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(live).as_posix() for path in live.rglob("*") if "__pycache__" not in path.parts]
    return (name for name in names if name and (live / name).is_file())


def _copy(source: Path, target: Path) -> None:
    if not target.exists():  # a file of the template stays
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _lay_table_over(live: Path, project: Path, answers: dict[str, str]) -> None:
    """Give a project the domain of tables, the command that drafts it, and a made-up table."""
    table, source = live / "starter/table", project / "src" / OURS
    modules = ("command.py", "columns.py", "csv_files.py", "edits.py", "thresholds.py", "__init__.py")
    places = {f"drafting/{name}": source / "drafting" / name for name in modules}
    places |= {name: source / name for name in ("domain/__init__.py", "domain/columns.py", "domain/kinds.py")}
    places |= {name: project / name for name in ("conf/base/parameters_domain.yml", "conf/test/catalog.yml")}
    places["rows.py"] = project / "tests/domain/rows.py"
    places["test_drafting.py"] = project / "tests/test_drafting.py"
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(table / name, place)
        for ours, theirs in _cased("samples", answers["rows"]) + _cased("sample", answers["row"]):
            _edit(place, lambda text, ours=ours, theirs=theirs: re.sub(rf"\b{ours}(?=\b|_)", theirs, text))
    (project / "tests/domain/__init__.py").touch()
    (project / "docs/index.md").unlink()  # of a site, which it has not
    _edit(
        source / "cli.py",
        lambda text: (
            text.replace(f"from {OURS}.tracking", f"from {OURS}.drafting.command import draft\nfrom {OURS}.tracking")
            + "\n\ncli.add_command(draft)\n"
        ),
    )
    made = """    from .domain.rows import raw_rows  # noqa: PLC0415 # imports the domain

    raw_rows().to_parquet(folder / "data/01_raw/made_up_digits.parquet")
"""
    before = '    (folder / "conf/local").mkdir()\n'
    _edit(project / "tests/conftest.py", lambda text: text.replace(before, made + before, 1))
    chosen = yaml.safe_load((table / "values.yml").read_text(encoding="utf-8"))
    for place in (project / "conf/base").glob("parameters_*.yml"):
        _edit(place, lambda text: with_values(text, chosen))
    for name in ("raw_digits", "incoming_digits"):
        path = {"filepath": f"${{globals:raw}}/{name.removeprefix('raw_')}.csv"}
        _edit(
            project / "conf/base/catalog.yml",
            lambda text, name=name, path=path: with_entry(text, name, "pandas.CSVDataset", path),
        )
    ignored = "!/data/01_raw/digits.parquet\n!/data/01_raw/drawings/\n"
    _edit(project / ".gitignore", lambda text: text.replace(ignored, "!/data/01_raw/digits.csv\n"))
    _edit(
        source / "settings.py",
        lambda text: re.sub(r"(?m)^.*penstroke\.domain\.patches\.PatchDictionary.*\n", "", text, count=1),
    )
    raw = project / "data/01_raw"
    raw.mkdir(parents=True)
    (raw / f"{answers['rows']}.csv").write_text(_made_up_table(answers["row"]), encoding="utf-8")


def _made_up_table(row: str) -> str:
    """Write a table of numbers, a category, a date and missing values."""
    draw = random.Random(7)  # noqa: S311 # made-up rows
    lines = [f"{row}_id,label,width,length,colour,found\n"]
    for number, (label, (width, length)) in enumerate(list(CLASSES.items()) * 200):
        values = f"{abs(draw.gauss(width, 0.5)):.2f}", "" if draw.random() < 0.02 else f"{draw.gauss(length, 0.9):.2f}"
        colour, found = draw.choice(COLOURS), date(2025, 1, 1) + timedelta(draw.randrange(365))
        lines.append(f"{row}-{number},{label},{','.join(values)},{colour},{found}\n")
    return "".join(lines)


def _take_images(live: Path, project: Path, values: dict[str, object]) -> None:
    """Have a project read a folder of images for each class, and draw some."""
    for place in (project / "conf/base").glob("parameters_*.yml"):
        _edit(place, lambda text: with_values(text, values))
    _edit(project / "conf/base/parameters_data_science.yml", _without_idle_contenders)
    raw_table = "type: kedro_guards.datasets.chunks.ChunkedParquetDataset\n  filepath: ${globals:raw}/digits.parquet"
    told = " # a Parquet file, or a folder of them\n"
    _edit(project / "conf/base/catalog.yml", lambda text: text.replace(f"raw_digits:{told}", "raw_digits:\n"))
    own_folders = f"""type: {OURS}.domain.folders.ImageFoldersDataset
  path: ${{globals:raw}}/images
  size: {{rows: 28, columns: 28, full_ink: 255}}
  reading: ${{params:drawings}}"""
    _edit(project / "conf/base/catalog.yml", lambda text: text.replace(raw_table, own_folders))
    _copy(live / "tests/domain/rows.py", project / "tests/domain/rows.py")
    (project / "tests/domain/__init__.py").touch()
    read = 'pd.read_parquet(ROOT / "data/01_raw/digits.parquet")'
    folders = """ImageFoldersDataset(
        path=str(ROOT / "data/01_raw/images"),
        size={"rows": 28, "columns": 28, "full_ink": 255},
        reading=base_parameters("domain")["drawings"],
    ).load().sample(frac=1, random_state=0)"""
    imported = f"from {OURS}.domain import Form, Reading\n"
    change = {read: folders, imported: f"{imported}from {OURS}.domain.folders import ImageFoldersDataset\n"}
    for before, now in change.items():
        _edit(project / "tests/domain/rows.py", lambda text, before=before, now=now: text.replace(before, now))
    ignored = "!/data/01_raw/digits.parquet\n"
    _edit(project / ".gitignore", lambda text: text.replace(ignored, "!/data/01_raw/images/\n"))
    draw = random.Random(7)  # noqa: S311 # made-up images
    for shape in SHAPES:
        for number in range(150):
            place = project / "data/01_raw/images" / shape / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            shown = SHAPES[0] if number % WRONG == 0 else shape
            place.write_bytes(_picture(shown, draw))
    folder = project / "data/01_raw/drawings"
    folder.mkdir()
    for shape in SHAPES:
        (folder / f"{shape}_1.png").write_bytes(_picture(shape, draw))


def _without_idle_contenders(text: str) -> str:
    """Leave out the contenders that the search does not name."""
    groups = yaml.safe_load(text)
    idle = "|".join(set(groups["contenders"]) - set(groups["search"]["contenders"]))
    return re.sub(rf"(?m)^  (?:{idle}):.*\n(?:    .*\n)+", "", text)


def _picture(shape: str, draw: random.Random) -> bytes:
    """Draw a shape with a pen of its own on paper of 48 x 48, as a PNG file."""
    x, y, size, pen = draw.uniform(20, 28), draw.uniform(20, 28), draw.uniform(10, 16), draw.uniform(1.5, 3)
    lean = draw.uniform(-0.3, 0.3)

    def distance(column: int, line: int) -> float:
        across, down = column - x + lean * (line - y), line - y
        if shape == "ring":
            return abs(math.hypot(across, down) - size)
        far = max(abs(across), abs(down)) - size
        near = abs(across) if shape == "bar" else min(abs(across), abs(down))
        return max(near, far)

    lines = (
        bytes(int(255 * min(1, max(0, distance(column, line) - pen + 0.5))) for column in range(48))
        for line in range(48)
    )
    content = zlib.compress(b"".join(b"\0" + line for line in lines))
    blocks = ((b"IHDR", struct.pack(">2I5B", 48, 48, 8, 0, 0, 0, 0)), (b"IDAT", content), (b"IEND", b""))
    framed = (
        struct.pack(">I", len(block)) + kind + block + struct.pack(">I", zlib.crc32(kind + block))
        for kind, block in blocks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def _words(answers: dict[str, str]) -> list[tuple[str, str]]:
    """List what is replaced in texts and names of files, longest first."""
    package, row, rows = answers["python_package"], answers["row"], answers["rows"]
    pairs = [("penstroke", package), ("Penstroke", answers["project_name"]), ("PENSTROKE", package.upper())]
    if answers["data"] == "table":
        pairs += (
            _cased("drawings", "files")
            + _cased("drawing", "file")
            + _cased("pixels", "values")
            + _cased("pixel", "value")
        )
    if answers["data"] == "table" or row != "digit":
        pairs += _cased("digits", rows) + _cased("digit", row)
    return pairs


def _cased(ours: str, theirs: str) -> list[tuple[str, str]]:
    return [(ours, theirs), (ours.capitalize(), theirs.capitalize()), (ours.upper(), theirs.upper())]


def _rename(project: Path, words: list[tuple[str, str]]) -> None:
    def theirs(text: str) -> str:
        for ours, other in words:
            # not in names of functions of libraries, nor of the data set optdigits
            text = re.sub(rf"(?<!load_)(?<!is)(?<!opt){re.escape(ours)}(?!ize)", other.replace("\\", r"\\"), text)
        return text

    for place in sorted(project.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if ".git" in place.relative_to(project).parts:
            continue
        if place.is_file() and place.suffix in ENDINGS.split(" "):
            _edit(place, theirs)
        if theirs(place.name) != place.name:
            place.rename(place.with_name(theirs(place.name)))


def _edit(place: Path, change: Callable[[str], str]) -> None:
    text = place.read_text(encoding="utf-8")
    if (changed := change(text)) != text:
        place.write_text(changed, encoding="utf-8")


def _rename_identifiers(table: Path, name: str) -> None:
    """Give the index of a table another name, if pandas is there; runs accept any, some tests do not."""
    code = f"import pandas; pandas.read_parquet({str(table)!r}).rename_axis({name!r}).to_parquet({str(table)!r})"
    before = sha256(table.read_bytes()).hexdigest()
    if subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0:
        after = sha256(table.read_bytes()).hexdigest()
        _edit(table.parents[1] / "README.md", lambda text: text.replace(before, after))
    else:
        sys.stderr.write(f'pandas is missing: once requirements.txt is installed, run `python -c "{code}"`\n')


def _finish(project: Path) -> None:
    """Order and format code as its new names ask, and make the schemas; say what to type where packages are missing."""
    shutil.rmtree(project / "conf/schemas")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KEDRO_", "PYTHON"))}
    left = []
    for command in ("kedro schemas", "ruff check --fix --quiet .", "ruff format --quiet ."):
        call = [sys.executable, "-B", "-m", *command.split()]
        if subprocess.run(call, cwd=project, env=environment, capture_output=True, check=False).returncode:
            left.append(f"`{command}`")
    if left:
        sys.stderr.write(f"packages are missing: once requirements-dev.txt is installed, run {', '.join(left)}\n")


def _version(live: Path) -> str:
    """Name the version of the live project: its commit, or what its package says."""
    try:
        command = ["git", "rev-parse", "HEAD"]
        return subprocess.run(command, cwd=live, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        text = (live / f"src/{OURS}/__init__.py").read_text(encoding="utf-8")
        return re.search(r'__version__ = "(.+)"', text)[1]


def _commit(project: Path) -> None:
    """Make the first commit, where git is and knows an author; say what to type where not."""
    commands = (["git", "init", "--quiet", "--initial-branch=main"], ["git", "add", "--all"])
    try:
        for command in (*commands, ["git", "commit", "--quiet", "--message=Start the project"]):
            subprocess.run(command, cwd=project, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        sys.stderr.write("there is no first commit, as git is missing or knows no author: make it by `git commit`\n")
