"""What do Kedro, contracts and checks cost? ``python -m benchmarks.overhead [--pairs 5] [--mnist] [--before FOLDER]``.

Alternate a whole ``kedro run`` with a plain script that does the same work with the same functions, each in its own
process and folder. The data are the shipped digits, or, with ``--mnist``, those of ``--env=mnist`` in the folder that
PENSTROKE_MNIST names. ``--before`` names a checkout of an earlier commit, whose ``kedro run`` takes its turn too. CPU
seconds are user and system time of the process and its children. The ratio is computed for
each pair, because the speed of a machine changes over time.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from .project import ROOT, keep, mnist_folder

NOT_COPIED = (".git", ".venv", "venv", ".viz", "build", "local", "0[2-8]_*")


def main(pairs: int, source: str | None, before: Path | None) -> None:
    """Print and store a row for each pair, and the medians."""
    kedro = [sys.executable, "-m", "kedro", "run"]
    plain = [sys.executable, "-m", "benchmarks.plain", "data/plain"]
    if source:
        kedro += ["--env=mnist", f"--params=source={source}"]
        plain += [source]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(ROOT, Path(folder) / "project")
        commands = {"kedro": (kedro, project), "plain": (plain, project)}
        if before:
            commands["before"] = kedro, copy_project(before, Path(folder) / "before")
        for _ in range(pairs + 1):
            measured = {name: measure(*command) for name, command in commands.items()}
            cpu = {f"{name}_cpu_s": cpu_s for name, (cpu_s, _) in measured.items()}
            rows.append(cpu | {f"{name}_peak_mb": peak_mb for name, (_, peak_mb) in measured.items()})
    table = pd.DataFrame(rows[1:])  # the first pair fills the caches
    ratio = table["kedro_cpu_s"] / table["plain_cpu_s"]
    facts = {"median_ratio_to_before": (table["kedro_cpu_s"] / table["before_cpu_s"]).median()} if before else {}
    keep(
        "overhead_mnist" if source else "overhead",
        table.assign(ratio=ratio.round(3)),
        median_ratio=round(float(ratio.median()), 3),
        median_difference_cpu_s=round(float((table["kedro_cpu_s"] - table["plain_cpu_s"]).median()), 2),
        **{name: round(float(fact), 3) for name, fact in facts.items()},
    )


def copy_project(source: Path, project: Path) -> Path:
    """Copy a checkout without what its runs made."""
    shutil.copytree(source, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
    (project / "conf/local").mkdir()
    return project


def measure(command: list[str], project: Path) -> tuple[float, int]:
    """Run a command and return its CPU seconds and peak memory in MB."""
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return round(usage.ru_utime + usage.ru_stime, 2), usage.ru_maxrss // 1024


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=5, help="how many pairs are counted")
    arguments.add_argument("--mnist", action="store_true", help="of MNIST, in the folder PENSTROKE_MNIST")
    arguments.add_argument("--before", type=Path, help="a checkout of an earlier commit")
    chosen = arguments.parse_args()
    main(chosen.pairs, mnist_folder() if chosen.mnist else None, chosen.before)
