"""``python -m penstroke``: the project as an installed package, run by Kedro's own command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(arguments: Sequence[str] | None = None) -> Any:
    """Run the project as ``kedro run`` does, with the same options."""
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    run = find_run_command(package_name)
    return run(arguments, prog_name=package_name)


if __name__ == "__main__":
    sys.exit(main())
