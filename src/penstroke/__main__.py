"""``python -m penstroke``: the project's commands for an installed package. Without a command it runs ``run``."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

logging.disable(logging.INFO)  # on import, Kedro logs its own logging configuration, which is not the project's
from kedro.framework.project import configure_project  # noqa: E402

logging.disable(logging.NOTSET)
COMMANDS = ("run", "receipt", "rollback", "serve")


def main(arguments: Sequence[str] | None = None, **options: Any) -> Any:
    """Run one command of the project.

    Args:
        arguments: the command and its options; None for those of the command line.
        **options: passed on to click. ``standalone_mode=False`` returns or raises instead of ending the process.
    """
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    program = import_module(f"{package_name}.cli").cli
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] not in COMMANDS:
        arguments.insert(0, "run")
    return program(arguments, prog_name=f"python -m {package_name}", **options)


if __name__ == "__main__":
    sys.exit(main())
