"""The tests pass however they are started."""

import os
import subprocess
import sys

import pytest

from .conftest import ROOT

CHILD = """
import os, shutil, signal
print(signal.getsignal(signal.SIGINT).__name__, shutil.which('detect-secrets-hook'), os.environ.get('GIT_DIR'))
"""
PARENT = f"""
import subprocess, sys, tests.conftest
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


@pytest.mark.slow
def test_a_process_that_a_test_starts_can_be_interrupted_and_finds_the_tools_whatever_shell_started_the_tests():
    command = ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, PARENT]
    environment = os.environ | {"PATH": os.defpath, "GIT_DIR": "/nowhere", "PYTHONPATH": f"{ROOT / 'src'}"}

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    handler, tool, repository = result.stdout.split()
    assert handler == "default_int_handler"
    assert tool.endswith("/detect-secrets-hook")
    assert repository == "None"
