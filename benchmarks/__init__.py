"""The figures of the documentation, each by one command: ``python -m benchmarks.<name>``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))  # the project runs without being installed
