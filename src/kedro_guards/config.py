"""Configuration is data: it is read in full or refused by name, and the classes it names come from an allow-list.

A file of configuration may come from elsewhere, in an archive or another team's environment, and is read with less care
than code. Kedro imports what it names: ``validator: os.system`` would be called with the data, ``pickle.PickleDataset``
would run code that lies in a data file, and any other ``type`` is imported before Kedro sees that it is no dataset.
"""

import ast
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.framework import project as framework
from kedro.framework.project import settings
from kedro.io import AbstractDataset, DataCatalog, DatasetError
from kedro.logging import RichHandler
from kedro.utils import find_kedro_project
from kedro.validation.exceptions import ParameterValidationError
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError
from yaml import YAMLError

from .secrets import leaves

# OmegaConf deprecates the function by which Kedro 1.7 registers its resolvers
warnings.filterwarnings("ignore", "register_new_resolver", UserWarning)
TYPES = ("kedro.io", "kedro_datasets", __name__.partition(".")[0])  # an entry may be of their classes, or the project's
CARRIERS_OF_CODE = (  # what of kedro_datasets unpickles, or loads code, from a file
    *("pickle", "redis", "matlab", "tensorflow", "huggingface"),
    *("pandas.HDFDataset", "pandas.GenericDataset", "geopandas.GenericDataset"),
)
NESTED = ("dataset", "response_dataset", "checkpoint")  # the keys by which a dataset holds another one
SCHEMAS = "schemas"  # the folder of JSON schemas beside the environments
CALLED = ("validator", "comparison_func")  # the keys of functions that are called with data
UNSET = re.compile(r"Environment variable '(\w+)' not found")


class CheckedConfigLoader(OmegaConfigLoader):
    """Kedro's loader, which refuses a catalog that names a class outside the allow-list.

    Runs, notebooks and Kedro-Viz, which runs no hooks, all get their catalog here. The loader also configures logging,
    unless an application has done so. A catalog entry takes a group of parameters by ``${params:NAME}``.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._asked = set[str]()
        super().__init__(*arguments, **options)
        self._refuse_locked_folders()
        self._configure_logging()

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return a part of the configuration.

        Raises:
            MissingConfigException: the environment has no folder, or there is no file of this part.
            DatasetError: the part is the catalog, and names a class that is not allowed; it was not imported.
            ValueError: a file is not as YAML must be, with the name of that file; a name is a former one; or an
                environment variable is not set.
        """
        OmegaConf.register_resolver("params", lambda name: self["parameters"][name], replace=True)
        try:
            found = super().__getitem__(key)
        except MissingConfigException:
            self._refuse_unknown_environment()
            raise
        except InterpolationResolutionError as error:
            if unset := UNSET.search(str(error)):
                raise ValueError(
                    f"{error.full_key} in the {key} takes the environment variable {unset[1]}, which is not set; set it"
                ) from None
            raise
        except (AttributeError, TypeError, ValueError, YAMLError):
            self._refuse_unreadable_files()
            raise
        if key in ("catalog", "parameters"):
            refuse_former_names(found, settings.get("FORMER_NAMES", {}))
        if key == "catalog":
            refuse_foreign_classes(found)
        return found

    def names_asked_for(self) -> set[str]:
        """Find the names that the configuration takes from ``--params``: ``${runtime_params:NAME,…}``.

        Returns:
            The names, with dots if they are nested, of all parts of the configuration.
        """
        for key in self.config_patterns:
            with suppress(MissingConfigException):  # no credentials, say
                self[key]
        return self._asked

    def of_base(self, key: str) -> dict[str, Any]:
        """Return a part of the base's configuration, such as ``globals`` or ``parameters``, unresolved."""
        place = self._get_conf_env_path(self.base_env)
        return dict(self.load_and_merge_dir_config(place, self.config_patterns[key], key, set()))

    def check_globals(self) -> None:
        """Refuse names in ``globals.yml`` that the base does not give, which have no effect, and those without a value.

        Raises:
            ParameterValidationError: with the name and what to do.
        """
        known = self.of_base("globals")
        if known and (unknown := sorted(set(self["globals"]) - set(known))):
            raise ParameterValidationError(
                f"{unknown[0]} in globals.yml is not a known name; the known ones are {', '.join(known)}"
            )
        filled = [name for name, value in known.items() if value not in (None, "")]
        if empty := [name for name in filled if self["globals"].get(name) in (None, "")]:
            raise ParameterValidationError(f"{empty[0]} in globals.yml is empty; give it a value, or delete its line")

    def _configure_logging(self) -> None:
        """Log as ``logging.yml`` says if Kedro found none: it looks below the present folder alone."""
        if os.environ.get("KEDRO_LOGGING_CONFIG") or [type(one) for one in logging.root.handlers] != [RichHandler]:
            return
        place = (Path(self._get_conf_env_path(self.base_env)).parent / "logging.yml").as_posix()
        if self._fs.isfile(place):
            logging.getLogger("kedro").setLevel(logging.NOTSET)  # Kedro has set INFO, which would stay
            framework.configure_logging(yaml.safe_load(self._fs.cat_file(place)))

    def _get_runtime_value(self, variable: str, *default: Any) -> Any:
        self._asked.add(variable)  # Kedro's resolver always comes here
        try:
            return super()._get_runtime_value(variable, *default)
        except InterpolationResolutionError:
            raise InterpolationResolutionError(
                f"{variable} has no value; give one by `kedro run --params={variable}=VALUE`, or a default, which all "
                f"other commands need, by ${{runtime_params:{variable},VALUE}}"
            ) from None

    def _refuse_locked_folders(self) -> None:
        """Refuse a folder without the right to read it, which Kedro takes for an empty one."""
        for name in (self.base_env, self.env or self.default_run_env):
            for _ in os.walk(Path(self.conf_source) / str(name), onerror=_raise_refusal):
                pass

    def _refuse_unknown_environment(self) -> None:
        folder, env = Path(self.conf_source), str(self.env or self.default_run_env)
        if folder.is_dir() and not (folder / env).is_dir():
            there = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != SCHEMAS))
            raise MissingConfigException(f"{os.path.relpath(folder / env)} is not there; the environments are {there}")

    def _refuse_unreadable_files(self) -> None:
        """Name the first file at fault, since some errors of Kedro name none."""
        groups: dict[Any, Any] = {}
        for folder in (self.base_env, self.env or self.default_run_env):
            for path in sorted((Path(self.conf_source) / str(folder)).rglob("*.y*ml")):
                try:
                    found = OmegaConf.to_container(OmegaConf.load(path))
                except Exception as error:
                    raise ValueError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
                if not isinstance(found, dict):
                    raise ValueError(f"{path} must hold names with their values, found {found!r}")
                for name, value in found.items():
                    if isinstance(groups.setdefault(name, value), dict) and not isinstance(value, dict | None):
                        raise ValueError(f"{path}: {name!s} must hold names with their values, found {value!r}")


def _raise_refusal(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise error


def refuse_former_names(part: Mapping[str, Any], former: Mapping[str, str]) -> None:
    """Refuse keys and class paths that were renamed, and name the present ones.

    Args:
        part: the catalog or the parameters.
        former: the present name by the former one: dotted keys and dotted paths, or the beginnings of such. An empty
            text if there is none any more.

    Raises:
        ValueError: with the first former name, where it stands, and what to write.

    Examples:
        >>> refuse_former_names({"oven": {"heat": 180}}, {"oven.heat": "oven.degrees"})
        Traceback (most recent call last):
        ...
        ValueError: oven.heat: oven.heat is called oven.degrees now; rename it in your configuration
    """
    names = "|".join(map(re.escape, sorted(former, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w.])({names})(?!\w)")
    for key, value in leaves(part) if former else ():
        in_value = (one for one in pattern.finditer(str(value)) if "." in one[1])
        if found := pattern.match(key) or next(in_value, None):
            now = former[found[1]]
            remedy = f"called {now} now; rename it" if now else "no longer used; remove it"
            raise ValueError(f"{key}: {found[1]} is {remedy} in your configuration")


def configuration_of(env: str | None, conf_source: str | None = None) -> tuple[CheckedConfigLoader, Path]:
    """Return the configuration of the project in whose folder the process runs, and that folder.

    Its pipelines and datasets are not loaded, so commands that need neither start faster.

    Args:
        env: the environment; by default ``KEDRO_ENV`` says it.
        conf_source: folder or archive of the configuration; by default the project's own.
    """
    project = find_kedro_project(Path.cwd()) or Path.cwd()
    source = conf_source or str(project / settings.CONF_SOURCE)
    env = env or os.environ.get("KEDRO_ENV")
    return settings.CONFIG_LOADER_CLASS(conf_source=source, env=env, **settings.CONFIG_LOADER_ARGS), project


def dataset_of(
    name: str, entries: Mapping[str, Any], loader: CheckedConfigLoader, project: Path
) -> AbstractDataset[Any, Any]:
    """Make one dataset of the catalog, without the others.

    Args:
        name: of the dataset.
        entries: ``loader["catalog"]``, which takes long to read.
        loader: the configuration, for its credentials.
        project: the project's folder.
    """
    entry = _with_absolute_paths(entries[name], project)
    credentials = {}
    with suppress(MissingConfigException):
        if "credentials" in str(entry):  # others may need variables that are not set here
            credentials = loader["credentials"]
    return DataCatalog.from_config({name: entry}, credentials)[name]


def content_now(name: str, loader: CheckedConfigLoader, project: Path) -> str | None:
    """Return the ``content_hash`` of a dataset, without making the rest of the catalog.

    Args:
        name: of a catalog entry whose class has the method ``content_hash``.
        loader: of the project's configuration.
        project: its folder, for relative paths.

    Returns:
        SHA-256 as hexadecimal text, or what the class has instead; None where nothing is stored.
    """
    entry = {key: value for key, value in loader["catalog"][name].items() if key != "validator"}  # slow to import
    dataset: Any = dataset_of(name, {name: entry}, loader, project)
    return dataset.content_hash()


def _with_absolute_paths(entry: Mapping[str, Any], project: Path) -> dict[str, Any]:
    return {
        key: _with_absolute_paths(value, project)
        if isinstance(value, Mapping)
        else absolute(value, project)
        if key == "filepath"
        else value
        for key, value in entry.items()
    }


def absolute(place: str, project: Path) -> str:
    """Return an address as it is, and a path within the project as an absolute one.

    Examples:
        >>> absolute("s3://shop/sums.json", Path("/shop")), absolute("data/sums.json", Path("/shop"))
        ('s3://shop/sums.json', '/shop/data/sums.json')
    """
    return place if "://" in place else (project / place).as_posix()


def refuse_foreign_classes(catalog: Mapping[str, Any]) -> None:
    """Refuse a type outside ``TYPES`` and the project, one that can run code from a file, and a function of others.

    Args:
        catalog: the entries by their names; patterns are entries like the others.

    Raises:
        DatasetError: with the first such entry, its key and what stands there.

    Examples:
        >>> refuse_foreign_classes({"scores": {"type": "json.JSONDataset"}})
        >>> refuse_foreign_classes({"scores": {"type": "pickle.PickleDataset"}})
        Traceback (most recent call last):
        ...
        kedro.io.core.DatasetError: catalog entry scores: type 'pickle.PickleDataset' is not allowed: the files of ...
    """
    own = str(framework.PACKAGE_NAME)
    for name, entry in catalog.items():
        for key, path in _named(entry):
            wrong = f"catalog entry {name}: {key} {path!r} is not allowed"
            packages = (own,) if key in CALLED else (*TYPES, own)
            lies_there = str(path).startswith(tuple(f"{package}." for package in packages))
            # a word with a brace, the placeholder of a pattern, could stand for anything
            if not re.fullmatch(r"\w+(\.\w+)*", str(path)) or not (
                lies_there or (key not in CALLED and _is_short(path))
            ):
                raise DatasetError(f"{wrong}: it does not lie in {' or '.join(packages)}; check its spelling")
            parts = path.removeprefix("kedro_datasets.").split(".")
            if {parts[0], f"{parts[0]}.{parts[-1]}"} & set(CARRIERS_OF_CODE):
                carriers = ", ".join(CARRIERS_OF_CODE)
                raise DatasetError(f"{wrong}: the files of {carriers} can run code; use another type")


def _named(entry: Any, is_dataset: bool = True) -> Iterator[tuple[str, Any]]:
    """Find the keys of an entry, at any depth, that name a class or function, and what stands there."""
    for key, value in entry.items() if isinstance(entry, Mapping) else ():
        if key == "validator" and is_dataset:
            yield key, value.get("class") if isinstance(value, Mapping) else value
        elif (key == "type" and is_dataset) or key == "comparison_func" or (key in NESTED and isinstance(value, str)):
            yield key, value
        else:
            yield from _named(value, is_dataset=key in NESTED)


def _is_short(path: str) -> bool:
    """Whether a path leaves out its package, and Kedro finds it in kedro.io or kedro_datasets."""
    module, _, name = path.rpartition(".")
    if not module:  # found in kedro.io, if anywhere
        return True
    return "." not in module and name in _offered(f"kedro_datasets.{module}")


@cache
def _offered(module: str) -> set[str]:
    """Read which names a package offers, without importing it, which takes long."""
    spec = find_spec(module)
    tree = ast.parse(Path(spec.origin).read_bytes()) if spec and spec.origin else ast.Module([], [])
    return {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
