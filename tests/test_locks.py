"""The locks install with the pip that each Python brings, on any later day."""

import ensurepip
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from hashlib import sha256

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .conftest import ROOT

MENDED = Version("24")  # the pip that applies a pin to a package that is asked for with an extra
NEWER = "9999"  # a version that each package publishes after the day of the lock
LOCKS = ("requirements.txt", "requirements-dev.txt")
IMAGES = ("requirements-serve.txt", "requirements-train.txt")
EXTRAS = tuple(f"requirements-{extra}.txt" for extra in ("mlflow", "s3", "cluster", "postgres"))


def _pins(lock):
    """Return the requirement and the hashes of each pin of a lock."""
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [
        (Requirement(pin.partition("\\\n")[0].strip()), re.findall(r"sha256:[0-9a-f]{64}", pin))
        for pin in re.split(r"^(?=\S)", text, flags=re.MULTILINE)
        if pin
    ]


def _publish(index, name, version):
    """Put a wheel without files into an index, which asks for what the installed package asks for; return its hash."""
    installed = importlib.metadata.metadata(name)
    fields = [(key, value) for key in ("Requires-Dist", "Provides-Extra") for value in installed.get_all(key, ())]
    metadata = "\n".join(f"{key}: {value}" for key, value in (("Name", name), ("Version", version), *fields))
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    wheel = index / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\n{metadata}\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return sha256(wheel.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A local index with each locked package that this machine needs, and with a newer version of each."""
    folder = tmp_path_factory.mktemp("index")
    hashes = {}
    for pin, _ in _pins("requirements-dev.txt"):
        if (not pin.marker or pin.marker.evaluate()) and pin.name not in hashes:
            hashes[pin.name] = _publish(folder, pin.name, str(pin.specifier).removeprefix("=="))
            _publish(folder, pin.name, NEWER)
    return folder, hashes


@pytest.fixture(scope="module")
def old_pip(tmp_path_factory):
    """The command of a pip that ignores the pin of a package that is asked for with an extra."""
    folder = tmp_path_factory.mktemp("pip")
    if Version(ensurepip.version()) < MENDED:
        venv.create(folder, with_pip=True)
        return [folder / "bin/python", "-m", "pip"]
    download = [sys.executable, "-m", "pip", "download", "--no-deps", f"--dest={folder}", "pip==23.2.1"]
    if subprocess.run(download, capture_output=True, check=False).returncode:
        pytest.skip("an old pip can be had neither from this Python nor from an index")
    return [sys.executable, folder / "pip-23.2.1-py3-none-any.whl/pip"]


def _install(pip, index, lines, place):
    """Have pip resolve the lines of a lock, each with the hash of its wheel in the index, and install nothing."""
    folder, hashes = index
    lock = place / "lock.txt"
    lock.write_text(
        "\n".join(f"{line} --hash=sha256:{hashes.get(line.name, '0' * 64)}" for line in lines), encoding="utf-8"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    options = ["--dry-run", "--ignore-installed", "--no-index", f"--find-links={folder}", "--require-hashes"]
    return subprocess.run(
        [*pip, "install", *options, "-r", lock],
        env=clean | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("lock", LOCKS)
def test_an_old_pip_installs_the_locked_versions_when_each_package_has_a_newer_one(lock, index, old_pip, tmp_path):
    lines = [pin for pin, _ in _pins(lock)]

    result = _install(old_pip, index, lines, tmp_path)

    assert result.returncode == 0, result.stderr
    (installed,) = re.findall(r"^Would install (.*)$", result.stdout, re.MULTILINE)
    wanted = {pin.name: pin for pin in lines if not pin.marker or pin.marker.evaluate()}
    assert len(installed.split()) == len(wanted)
    assert NEWER not in installed


@pytest.mark.slow
def test_an_old_pip_refuses_a_lock_that_pins_no_extras(index, old_pip, tmp_path):
    result = _install(old_pip, index, [pin for pin, _ in _pins("requirements.txt") if not pin.extras], tmp_path)

    assert result.returncode != 0
    assert "In --require-hashes mode, all requirements must have their versions pinned" in result.stderr


@pytest.mark.parametrize("lock", EXTRAS)
def test_an_extra_changes_no_version_of_the_other_locks(lock):
    pinned = {(pin.name, str(pin.specifier)) for each in LOCKS for pin, _ in _pins(each)}
    found = {(pin.name, str(pin.specifier)) for pin, _ in _pins(lock)}

    assert {(pin.name, str(pin.specifier)) for pin, _ in _pins("requirements-train.txt")} <= found
    assert {name for name, _ in found - pinned} & {name for name, _ in pinned} == set()


def test_the_locks_of_the_images_have_the_same_pins_and_neither_jupyter_nor_kedro_viz():
    serve, train, full = (
        {(pin.name, str(pin.specifier)) for pin, _ in _pins(lock)} for lock in (*IMAGES, "requirements.txt")
    )

    assert serve < train < full
    assert {"jupyterlab", "kedro-viz", "notebook"} <= {name for name, _ in full - train}
    assert {"pandas", "pandera", "plotly", "scikit-learn", "skops"} <= {name for name, _ in train - serve}


def test_what_the_service_needs_is_a_part_of_what_the_project_needs():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    every, serve = (
        {(one.name, str(one.specifier)) for one in map(Requirement, group)}
        for group in (declared["project"]["dependencies"], declared["dependency-groups"]["serve"])
    )

    assert serve < every


@pytest.mark.parametrize("lock", [*LOCKS, *IMAGES, *EXTRAS])
def test_a_lock_gives_hashes_and_names_no_index(lock):
    assert all(hashes for _, hashes in _pins(lock))
    assert not re.search(r"^--|://", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-train.txt", *EXTRAS])
def test_a_pin_with_an_extra_stands_beside_the_same_pin_without(lock):
    pins = [(pin.name, str(pin.specifier), str(pin.marker), tuple(hashes)) for pin, hashes in _pins(lock)]
    plain = {key for key, (pin, _) in zip(pins, _pins(lock), strict=True) if not pin.extras}

    assert set(pins) == plain
    assert len(pins) > len(plain)
