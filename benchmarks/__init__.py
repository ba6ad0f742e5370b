"""The figures of the documentation; ``python -m benchmarks.<name>`` prints them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))  # the project runs without being installed
