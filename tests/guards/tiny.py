"""A Kedro project of a few lines that knows nothing of the project round it, for the guards to be tried on."""

import hashlib
import inspect
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from textwrap import dedent

from kedro.framework.cli.cli import main

from kedro_guards.fingerprints import required_by

ROOT = Path(__file__).parents[2]
FILES = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "tiny"
        project_name = "Tiny"
        kedro_init_version = "1.7.0"
        source_dir = "src"
        """,
    ".telemetry": "consent: false",
    "conf/local/.keep": "",
    "conf/logging.yml": """
        version: 1
        disable_existing_loggers: false
        handlers: {console: {class: logging.StreamHandler}}
        loggers:  # the command line says these itself, once and in short
          kedro.pipeline.node: {level: CRITICAL}
          kedro.runner: {level: ERROR}
          kedro.validation.parameter_validator: {level: CRITICAL}
          kedro_viz: {level: ERROR}
        root: {level: WARNING, handlers: [console]}
        """,
    "conf/base/globals.yml": """
        raw: data/raw
        data: data
        lock_timeout_s: 60
        """,
    "conf/base/parameters.yml": """
        scaling: {factor: 3}
        limit: 10
        title: sums
        """,
    "conf/base/catalog.yml": """
        numbers: {type: json.JSONDataset, filepath: "${globals:raw}/numbers.json"}
        scaled: {type: json.JSONDataset, filepath: "${globals:data}/scaled.json"}
        small: {type: json.JSONDataset, filepath: "${globals:data}/small.json"}
        great: {type: json.JSONDataset, filepath: "${globals:data}/great.json"}
        words:
          type: partitions.PartitionedDataset
          path: ${globals:data}/words
          dataset: json.JSONDataset
          filename_suffix: .json
          overwrite: true
        sums: {type: json.JSONDataset, filepath: "${globals:data}/sums.json"}
        report: {type: text.TextDataset, filepath: "${globals:data}/report.txt"}
        """,
    "conf/versioned/globals.yml": "data: data/versioned",
    "conf/versioned/catalog.yml": """
        scaled: {type: json.JSONDataset, filepath: "${globals:data}/scaled.json", versioned: true}
        """,
    "data/raw/numbers.json": "[1, 2, 3, 4, 5, 6]",
    "src/tiny/__init__.py": '__version__ = "0.1"',
    "src/tiny/settings.py": """
        from kedro_guards.config import CheckedConfigLoader
        from kedro_guards.hooks import GuardHooks
        from kedro_guards.runs import GuardedSession

        SESSION_CLASS = GuardedSession
        HOOKS = (GuardHooks(),)
        CONFIG_LOADER_CLASS = CheckedConfigLoader
        CONFIG_LOADER_ARGS = {
            "base_env": "base", "default_run_env": "local", "merge_strategy": {"parameters": "soft"}
        }
        """,
    "src/tiny/cli.py": "from kedro_guards.cli import cli",
    "src/tiny/arithmetic.py": """
        OFFSET = 0


        def times(number, factor):
            return number * factor + OFFSET
        """,
    "src/tiny/words.py": """
        def headline(title):
            return title.upper()
        """,
    "src/tiny/numbers.py": """
        from tiny.arithmetic import times


        def scale(numbers, scaling):
            return [times(number, scaling["factor"]) for number in numbers]


        def divide(scaled, limit):
            return [number for number in scaled if number < limit], [number for number in scaled if number >= limit]


        def spell(great):
            return {f"n{number}": list(str(number)) for number in great}


        def negate(small):
            return [-number for number in small]


        def add(negated, great):
            return {"small": sum(negated), "great": sum(great)}
        """,
    "src/tiny/report.py": """
        from .words import headline


        def write(sums, title):
            return f"{headline(title)}: {sorted(sums.items())}"
        """,
    "src/tiny/pipeline_registry.py": """
        from kedro.pipeline import Node, Pipeline

        from tiny import numbers, report


        def register_pipelines():
            sums = Pipeline(
                [
                    Node(numbers.scale, ["numbers", "params:scaling"], "scaled", name="scale", tags="slow"),
                    Node(numbers.divide, ["scaled", "params:limit"], ["small", "great"], name="divide"),
                    Node(numbers.spell, "great", "words", name="spell"),
                    Node(numbers.negate, "small", "negated", name="negate"),
                    Node(numbers.add, ["negated", "great"], "sums", name="add"),
                ]
            )
            words = Pipeline([Node(report.write, ["sums", "params:title"], "report", name="write")])
            return {"__default__": sums + words, "sums": sums, "words": words}
        """,
}
NEEDED = (
    *("kedro_datasets.json.json_dataset", "kedro_datasets.partitions.partitioned_dataset"),
    *("kedro_datasets.text.text_dataset", "kedro_telemetry.plugin", "requests"),
)
FORK = multiprocessing.get_context("fork")
NODES = ("scale", "divide", "spell", "negate", "add", "write")


class Project:
    """A project in a folder, whose data lie in a folder below it."""

    def __init__(self, folder: Path, data: str = "data") -> None:
        self.folder = folder
        self.data = folder / data

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        place = self.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of Kedro; a later edit may fall into the same second, so no bytecode is kept."""
        paths = os.pathsep.join([str(self / "src"), str(ROOT / "src")])
        environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | environment
        command = [sys.executable, "-m", "kedro", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def fork(self, *arguments: str, name: str = "std", within: Callable[[], None] | None = None) -> BaseProcess:
        """Start a command of Kedro in a fork of this process, which saves it most of what Kedro imports.

        Args:
            *arguments: of the command.
            name: of the files that take what is printed: ``<name>out.txt``, ``<name>err.txt``.
            within: is called in the new process, before anything of Kedro.
        """
        _look_up_once()
        out, err = (open(self.folder / f"{name}{way}.txt", "w", encoding="utf-8") for way in ("out", "err"))  # noqa: SIM115
        with out, err:
            process = FORK.Process(target=_kedro, args=(self.folder, arguments, out.fileno(), err.fileno(), within))
            process.start()
        return process

    def printed(self, process: BaseProcess, name: str = "std") -> subprocess.CompletedProcess[str]:
        """Wait for a fork, and return what it printed."""
        process.join(timeout=120)
        out, err = ((self.folder / f"{name}{way}.txt").read_text() for way in ("out", "err"))
        return subprocess.CompletedProcess((), process.exitcode, out, err)

    def kedro(self, *arguments: str, within: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of Kedro in a fork of this process."""
        return self.printed(self.fork(*arguments, within=within))

    def run(self, *arguments: str) -> str:
        """Run, and return what was printed."""
        result = self.kedro("run", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def refused(self, *arguments: str) -> str:
        """Run what must be refused, and return the error."""
        result = self.kedro("run", *arguments)
        assert result.returncode == 1, result.stdout
        assert len(result.stderr.splitlines()) <= 3
        return result.stderr

    def ran(self, *arguments: str) -> set[str]:
        """Run what changed, and name the nodes that were run."""
        lines = self.run("--changed", *arguments).splitlines()
        return {line.partition(":")[0] for line in lines} - {"nothing has changed"}

    def contents(self) -> dict[str, str]:
        """The sha256 of every file that a run made, receipts and locks apart."""
        files = (path for path in sorted(self.data.rglob("*")) if path.is_file())
        kept = {path: path.read_bytes() for path in files if not {".receipts", ".locks"} & set(path.parts)}
        return {str(path.relative_to(self.data)): hashlib.sha256(content).hexdigest() for path, content in kept.items()}

    def receipt(self, name: str) -> dict:
        return json.loads((self.data / f".receipts/{name}.json").read_text())


class Tiny(Project):
    """The project of a few lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, text in FILES.items():
            self.write(name, dedent(text).lstrip())


@cache
def _look_up_once() -> None:
    """Import and find out what each fork would: the file of every module, and which packages a dataset needs."""
    for module in NEEDED:
        import_module(module)
    inspect.stack()
    required_by(frozenset({"kedro_datasets.json.json_dataset.JSONDataset"}))


def _kedro(folder: Path, arguments: tuple[str, ...], out: int, err: int, within: Callable[[], None] | None) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.dont_write_bytecode = True  # a later edit may fall into the same second
    sys.path[:0] = [str(folder / "src")]
    sys.argv = ["kedro", *arguments]
    if within:
        within()
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
