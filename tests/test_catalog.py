"""How the entries of the catalog read and store data."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import run_new_python

ROOT = Path(__file__).parents[1]
READ = """
import resource, sys
from pathlib import Path
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from penstroke import settings

loader = OmegaConfigLoader(conf_source=str(Path("conf").resolve()), env="base", **settings.CONFIG_LOADER_ARGS)
entry, peaks = loader["catalog"]["digit_features"], []
for path in sys.argv[1:]:
    DataCatalog.from_config({"digit_features": entry | {"filepath": path}}).load("digit_features")
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""


@pytest.mark.slow
def test_reading_and_checking_a_wide_table_needs_at_most_twice_its_memory(tmp_path):
    index = pd.Index([f"row-{row:05d}" for row in range(50_000)], name="digit_id", dtype="str")
    values = np.random.default_rng(0).random((len(index), 300), np.float32)
    table = pd.DataFrame(values, index, [f"gradient_{place}" for place in range(300)])
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    table.head(10).to_parquet(small)  # read first, so that what is imported does not count
    table.to_parquet(large, use_dictionary=False)

    # the least of some runs: threads that happen to hold more chunks at once raise the peak
    command = ("-c", READ, str(small), str(large))
    peaks = [int(run_new_python(*command, cwd=ROOT, PYTHONPATH="src").stdout) for _ in range(4)]

    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    assert min(peaks) * unit < 2 * values.nbytes
