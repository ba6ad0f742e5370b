"""What do the guards cost? ``python -m benchmarks.guards [--pairs 5]``.

Alternate ``kedro run`` as it is with the same run without atomic saves, locks, receipts and the check of the model
file. CPU seconds are user and system time of the process and its children. The ratio is computed for each pair,
because the speed of a machine changes over time. Also measure ``kedro run --changed`` if nothing has changed, and
``kedro --version``.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from .overhead import NOT_COPIED, measure
from .project import ROOT, keep

UNGUARDED = """

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.config import OmegaConfigLoader
from kedro.framework.session import KedroSession

fsspec.register_implementation("file", LocalFileSystem, clobber=True)
SESSION_CLASS, CONFIG_LOADER_CLASS, HOOKS = KedroSession, OmegaConfigLoader, (SummaryHooks(),)
"""


def main(pairs: int) -> None:
    """Print and store a row for each pair, and the medians."""
    kedro = [sys.executable, "-m", "kedro"]
    with tempfile.TemporaryDirectory() as folder:
        guarded, plain = Path(folder) / "guarded", Path(folder) / "plain"
        for project in (guarded, plain):
            shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
            (project / "conf/local").mkdir()
        _unguard(plain)
        rows = []
        for _ in range(pairs + 1):
            guarded_s, plain_s = (measure([*kedro, "run"], project)[0] for project in (guarded, plain))
            rows.append({"guarded_cpu_s": guarded_s, "plain_cpu_s": plain_s, "ratio": round(guarded_s / plain_s, 3)})
        measure([*kedro, "run", "--changed"], guarded)
        unchanged_s, version_s = (
            measure([*kedro, *arguments], guarded)[0] for arguments in (["run", "--changed"], ["--version"])
        )
    table = pd.DataFrame(rows[1:])  # the first pair fills the caches
    keep(
        "guards",
        table,
        median_ratio=round(float(table["ratio"].median()), 3),
        median_difference_cpu_s=round(float((table["guarded_cpu_s"] - table["plain_cpu_s"]).median()), 2),
        nothing_changed_cpu_s=unchanged_s,
        version_cpu_s=version_s,
    )


def _unguard(project: Path) -> None:
    """Take the guards out of a copy of the project, and give what cites a receipt something to cite."""
    with (project / "src/penstroke/settings.py").open("a", encoding="utf-8") as settings:
        settings.write(UNGUARDED)
    entries = yaml.safe_load((project / "conf/base/catalog_data_science.yml").read_text(encoding="utf-8"))
    del entries["champion_model"]["receipt"]
    cited = project / "data/cited.json"
    cited.write_text(json.dumps({"sha256": "0" * 64}), encoding="utf-8")
    receipt = {"type": "json.JSONDataset", "filepath": "data/cited.json"}
    override = {"champion_model": entries["champion_model"], "champion_receipt": receipt}
    (project / "conf/local/catalog.yml").write_text(yaml.safe_dump(override), encoding="utf-8")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=5, help="how many pairs are counted")
    main(arguments.parse_args().pairs)
