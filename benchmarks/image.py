"""How large are the images, and how soon does the service answer? ``.ci/image`` builds them and runs this.

An image runs here as under ``podman run --read-only``, also where no container may be started: its tree is mounted
read-only, with its volumes, and its command runs there as its user (``unshare``, ``chroot``; needs root and buildah).
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd

from .project import ROOT, keep

NAMES = ("penstroke-train", "penstroke-serve")
PORT, STARTS = 18000, 5
DRAWING = ROOT / "data/01_raw/drawings/3_pencil.jpg"
SCRIPT = """
set -e
tree=$1 user=$2 data=$3 locks=$4
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount --rbind /dev "$tree/dev"
mount --rbind /sys "$tree/sys"
mount -t proc proc "$tree/proc"
mount --bind "$data" "$tree/penstroke/data"
mount --bind "$locks" "$tree/penstroke/.locks"
shift 4
exec chroot --userspec="$user" "$tree" env -i "$@"
"""


class Image:
    """A built image, mounted.

    Args:
        name: under which it was built.
    """

    def __init__(self, name: str) -> None:
        self._container = _buildah("from", "--pull-never", name)
        self.tree = Path(_buildah("mount", self._container))
        self.config: dict[str, Any] = json.loads(_buildah("inspect", self._container))["Docker"]["config"]

    def close(self) -> None:
        """Unmount the image."""
        _buildah("rm", self._container)

    def megabytes(self) -> float:
        """Return the size of all files, unpacked."""
        return int(subprocess.check_output(["du", "--summarize", "--bytes", self.tree]).split()[0]) / 1e6  # noqa: S607

    def command(self, data: Path, *arguments: str, **environment: str) -> list[str]:
        """Return what runs a command of the image in its read-only tree, as its user.

        Args:
            data: the folder that becomes its volume ``/penstroke/data``; ``.locks`` in its parent becomes the other.
            *arguments: in place of the image's CMD; with none, this one.
            **environment: beside the image's own.
        """
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        started = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return self._inside(data, variables, started)

    def health(self, data: Path, port: int) -> list[str]:
        """Return what runs the image's health check against a service at a port."""
        kind, *command = self.config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise ValueError(f"the health check must be a command without a shell, found {kind}")
        return self._inside(data, self.config["Env"], [part.replace(":8000/", f":{port}/") for part in command])

    def _inside(self, data: Path, variables: list[str], command: list[str]) -> list[str]:
        given = [self.tree, self.config["User"], data, data.parent / ".locks"]
        chosen = [f"--chdir={self.config['WorkingDir']}", *variables, *command]
        return ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", *map(str, given), *chosen]


def _buildah(*arguments: str) -> str:
    return subprocess.check_output(["buildah", *arguments], text=True).strip()  # noqa: S607


def volume(folder: Path, image: Image) -> Path:
    """Make the folders of an image's volumes, with the raw digits, as the image's user; return that of the data."""
    user, _, group = image.config["User"].partition(":")
    for place in (data := folder / "data", folder / ".locks"):
        place.mkdir(parents=True)
    shutil.copytree(ROOT / "data/01_raw", data / "01_raw", dirs_exist_ok=True)
    for place in (folder, *folder.rglob("*")):
        os.chown(place, int(user), int(group))
    return data


@contextmanager
def serving(image: Image, data: Path, port: int, token: str) -> Iterator[subprocess.Popen[str]]:
    """Run the image's CMD, the service, until the block ends."""
    arguments = [*image.config["Cmd"], f"--port={port}"]
    command = image.command(data, *arguments, PENSTROKE_TOKEN=token)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def first_answer(port: int, token: str, patience_s: float = 30) -> dict[str, Any]:
    """Return the answer to a drawing, as soon as the service gives one."""
    request = Request(
        f"http://127.0.0.1:{port}/v1/predictions", DRAWING.read_bytes(), {"Authorization": f"Bearer {token}"}
    )
    until = time.monotonic() + patience_s
    while True:
        try:
            with urlopen(request, timeout=patience_s) as answer:  # noqa: S310
                return dict(json.load(answer))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print and store the size of each image, and how soon the service answers; the fastest of some starts."""
    train, serve = map(Image, NAMES)
    wall, cpu = [], []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = volume(Path(folder) / "volumes", train)
        job = train.command(data, "run", "--pipelines=__default__,promotion")
        subprocess.run(job, check=True, stdout=subprocess.DEVNULL)
        for _ in range(STARTS):
            began = time.perf_counter()
            with serving(serve, data, PORT, "word") as process:
                first_answer(PORT, "word")
                wall.append(time.perf_counter() - began)
                cpu.append(cpu_s(process.pid))
    sizes = {"training": round(train.megabytes()), "service": round(serve.megabytes())}
    train.close()
    serve.close()
    table = pd.DataFrame(sizes.items(), columns=["image", "unpacked_mb"])
    keep("image", table, first_answer_s=round(min(wall), 1), first_answer_cpu_s=round(min(cpu), 1))


if __name__ == "__main__":
    main()
