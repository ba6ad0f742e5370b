"""What do the commands import, and how long does it take? ``python -m benchmarks.imports [--before CHECKOUT]``.

Runs ``kedro --version``, ``kedro serve`` until it is ready, and ``kedro run --pipelines=reporting``, with Python's
``-X importtime``. ``--before`` names a checkout of another commit, whose commands take turns with these. Both
need the results of ``kedro run --pipelines=__default__,promotion``.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd

from .project import ROOT, keep

COMMANDS = {
    "kedro --version": ["--version"],
    "kedro serve": ["serve", "--port=0"],
    "kedro run --pipelines=reporting": ["run", "--pipelines=reporting", "--allow-stale"],
}
IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)")
ROUNDS, NAMED = 3, 6


def seconds_of_imports(arguments: list[str], place: Path) -> Counter[str]:
    """Return the seconds that the imports of a command take, by package; the fastest of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
            command = [sys.executable, "-X", "importtime", "-m", "kedro", *arguments]
            process = subprocess.Popen(command, cwd=place, stdout=log, stderr=subprocess.PIPE, text=True)
            lines = []
            for line in process.stderr or ():
                lines.append(line)
                if "serves at" in line:
                    process.send_signal(signal.SIGTERM)
                    break
            process.communicate()
        found: Counter[str] = Counter()
        for micros, package in IMPORTED.findall("".join(lines)):
            found[package] += int(micros) / 1e6
        rounds.append(found)
    return min(rounds, key=Counter.total)


def main(before: str | None) -> None:
    """Print and store a row for each command."""
    places = ({"before": Path(before)} if before else {}) | {"now": ROOT}
    rows = []
    for command, arguments in COMMANDS.items():
        for when, place in places.items():
            found = seconds_of_imports(arguments, place)
            largest = ", ".join(f"{package} {seconds:.2f}" for package, seconds in found.most_common(NAMED))
            rows.append(
                {
                    "command": command,
                    "commit": when,
                    "imports_s": round(found.total(), 2),
                    "packages": len(found),
                    "largest_s": largest,
                }
            )
    keep("imports", pd.DataFrame(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", help="checkout of another commit, with the results of a run")
    main(parser.parse_args().before)
