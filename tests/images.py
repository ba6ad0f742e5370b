"""The images of ``deploy/Containerfile``, run read-only as another user. ``.ci/image`` builds them and runs this."""

import hashlib
import shlex
import signal
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from benchmarks.image import NAMES, Image, first_answer, serving, volume

from .guards.store import free_port

MOST_MB = 400  # of the service


@pytest.fixture(scope="module")
def images():
    found = [Image(name) for name in NAMES]
    yield found
    for image in found:
        image.close()


@pytest.fixture(scope="module")
def train(images):
    return images[0]


@pytest.fixture(scope="module")
def serve(images):
    return images[1]


def _run(image, data, *arguments):
    command = image.command(data, *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def data(train, tmp_path_factory):
    """The volume of the data after a training and a promotion in the image."""
    folder = tmp_path_factory.mktemp("image")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)  # another user reads it
    data = volume(folder / "volumes", train)
    done = _run(train, data, "run", "--pipelines=__default__,promotion")
    assert (done.returncode, done.stderr) == (0, "")
    return data


def test_the_training_image_trains_and_promotes_as_its_user(train, data):
    made = data / "06_models/production_model.skops"

    assert f"{made.stat().st_uid}:{made.stat().st_gid}" == train.config["User"] == "10001:10001"


def test_the_training_image_has_all_commands(train, data):
    assert _run(train, data).stdout == "nothing has changed\n"  # its CMD
    assert "search_contenders" in _run(train, data, "receipt", "champion_model").stdout
    assert "there is no former model" in _run(train, data, "rollback").stderr
    promoted = _run(train, data, "run", "--pipelines=__default__,promotion", "--params=split.seed=8")
    assert promoted.returncode == 0, promoted.stderr
    assert "production_model is the previous one again" in _run(train, data, "rollback").stdout


def test_the_service_answers_and_is_healthy(serve, data):
    port, token = free_port(), "canary"

    with serving(serve, data, port, token) as process:
        answer = first_answer(port, token)
        assert subprocess.run(serve.health(data, port), timeout=30, check=False).returncode == 0
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"http://127.0.0.1:{port}/v1/model", timeout=10)

    model = hashlib.sha256((data / "06_models/production_model.skops").read_bytes()).hexdigest()
    assert answer["model_version"] == model[:12]
    assert answer["predictions"][0]["prediction"] == 3
    assert process.returncode in (0, -signal.SIGTERM)
    assert (log := process.stdout.read()).count('"status":') == 3
    assert "canary" not in log
    assert len(list((data / "07_model_output/served_predictions").glob("*.parquet"))) == 1
    assert subprocess.run(serve.health(data, port), stderr=subprocess.DEVNULL, timeout=30, check=False).returncode == 1


def test_the_service_does_not_start_without_a_token(serve, data):
    done = _run(serve, data)

    assert done.returncode == 1
    assert done.stderr == "Error: 0.0.0.0 can be reached by others: set PENSTROKE_TOKEN, which callers must then send\n"


def test_the_service_says_what_it_lacks(serve, data):
    done = _run(serve, data, "run")

    assert done.returncode == 1
    assert "No module named 'pandas'; install what this command needs\n" in done.stderr
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize("index", [0, 1], ids=NAMES)
def test_an_image_cannot_be_changed_and_has_no_tools_secrets_or_notebooks(index, images, data):
    image = images[index]
    program = "import getpass, os; print(os.getuid(), getpass.getuser()); open('/penstroke/conf/new', 'w')"
    place = Path(image.tree)

    given = shlex.join(image.command(data)).replace("-m penstroke", f"-c {shlex.quote(program)} -m penstroke")
    done = subprocess.run(["sh", "-c", given], capture_output=True, text=True, check=False)

    assert done.stdout == "10001 penstroke\n"
    assert "Read-only file system" in done.stderr
    packages = {path.name.split("-")[0] for path in place.glob("opt/venv/lib/python3*/site-packages/*.dist-info")}
    assert "penstroke" in packages
    assert packages.isdisjoint({"pip", "setuptools", "jupyterlab", "notebook", "kedro_viz", "pytest"})
    assert not (place / "run/secrets").exists()
    assert "index-url" not in (place / "etc/pip.conf").read_text() if (place / "etc/pip.conf").exists() else True


def test_the_image_of_the_service_is_small(serve, train):
    assert serve.megabytes() <= MOST_MB
    assert serve.megabytes() < train.megabytes() / 2
