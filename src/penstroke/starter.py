"""The alias by which ``kedro new --starter=penstroke`` finds the starter. Kedro's command line imports this.

The starter copies a clone of the repository, which no package contains. So the alias leads to where this package was
installed from, as pip has recorded it: a folder, or the address of a repository. If it was installed from elsewhere,
such as a wheel, there is no alias.
"""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from kedro.framework.cli.starters import KedroStarterSpec

PACKAGE = __name__.partition(".")[0]
FOLDER = "starter"


def origin_of(package: str) -> str | None:
    """Return the folder, or ``git+`` and the address, that a package was installed from; None if it says neither.

    Source: the file ``direct_url.json`` of the Python Packaging User Guide, "Recording the Direct URL Origin of
    installed distributions", which was PEP 610.
    """
    try:
        record = distribution(package).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    origin = json.loads(record or "{}")
    if "vcs_info" in origin:
        return f"{origin['vcs_info']['vcs']}+{origin['url']}"
    if "dir_info" in origin:
        folder = url2pathname(urlsplit(origin["url"]).path)
        return folder if Path(folder, FOLDER, "cookiecutter.json").is_file() else None
    return None


_origin = origin_of(PACKAGE)
starters = [KedroStarterSpec(PACKAGE, _origin, FOLDER)] if _origin else []
