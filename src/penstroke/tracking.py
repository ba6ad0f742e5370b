"""Record runs with MLflow, if ``tracking.address`` is set. Otherwise nothing of MLflow is imported."""

import json
import logging
import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from pydantic import Field, field_validator

from kedro_guards.errors import in_short
from kedro_guards.parameters import Parameters
from kedro_guards.receipts import Receipt
from kedro_guards.runs import ONLY_CHANGED
from kedro_guards.secrets import leaves, without_user

ALIAS = "champion"  # of the registered version that is in production
SQLITE = "sqlite:///"
MLFLOW = {  # defaults of MLflow's own environment variables
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds; MLflow's default is 120
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # MLflow's default keeps a run waiting for four minutes
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
LOG = logging.getLogger(__name__)


class Tracking(Parameters):
    """Where runs are recorded (``params:tracking``). User, password and token are MLflow's environment variables."""

    address: str | None = Field(description="of a SQLite file or an MLflow server; null records nothing")
    experiment: str = Field(pattern=r"^\w[\w .-]*$", description="name of the experiment and of the registered model")

    @field_validator("address")
    @classmethod
    def _holds_no_secret(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"(sqlite:///|https?://)[^@\s]+", address):
            raise ValueError(  # the value may hold a password, so it is not repeated
                "must be sqlite:///FILE or http(s)://HOST without user and password; give those by the environment "
                "variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return address


@dataclass
class _Record:
    """A run of MLflow, and the figures that it has so far."""

    run_id: str
    figures: dict[str, Any] = field(default_factory=dict)


_OPEN: ContextVar[_Record | None] = ContextVar("open_record", default=None)  # of this command: --changed runs in parts


class TrackingHooks:
    """Record what a run made: parameters, scores, figures, cards, receipts, and the champion as a skops file.

    A promotion lets the alias ``champion`` of the registered model point to the version in production. What cannot be
    recorded costs one warning and no run.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where runs are recorded."""
        self._group, self._project = context.params["tracking"], context.project_path

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Check that MLflow is installed, if it is needed.

        Raises:
            ValueError: it is not.
        """
        if self._group["address"] and find_spec("mlflow") is None:
            raise ValueError(
                "tracking.address is set, but MLflow is not installed; install it by "
                "`pip install -r requirements-mlflow.txt`, or set tracking.address to null"
            )

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Record a run."""
        self._record("FINISHED", run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Record what a run made before it failed."""
        self._record("FAILED", run_params, pipeline, catalog)

    def after_rollback(self, catalog: DataCatalog) -> None:
        """Let the alias point to the model that ``kedro rollback`` restored."""
        if self._group["address"] and (receipt := catalog.ledger.receipt("production_model")):  # type: ignore[attr-defined]
            self._try(lambda store: store.follow_production(receipt.sha256, catalog, store.open_run("rollback", {})))

    def _record(self, status: str, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        if not self._group["address"]:
            return
        found = {name: catalog.ledger.receipt(name) for name in sorted(pipeline.all_outputs())}  # type: ignore[attr-defined]
        made = {name: receipt for name, receipt in found.items() if receipt and receipt.run_id == run_params["run_id"]}
        if made:
            self._try(lambda store: store.record(status, run_params, made, catalog))

    def _try(self, work: Any) -> None:
        try:
            work(_Store(Tracking.model_validate(self._group), self._project))
        except Exception as error:  # all results are stored
            told = without_user(in_short(error).splitlines()[0])
            LOG.warning("MLflow at %s did not record everything of this run: %s", self._group["address"], told)


class _Store:
    """An experiment and a registered model of MLflow."""

    def __init__(self, tracking: Tracking, project: Path) -> None:
        for name, value in MLFLOW.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient  # noqa: PLC0415 # takes three seconds

        address, files = str(tracking.address), None
        if address.startswith(SQLITE):
            database = project / address.removeprefix(SQLITE)
            address, files = f"{SQLITE}{database}", (database.parent / "mlruns").as_uri()  # not in the present folder
        self.client = MlflowClient(address, address)
        self.name = tracking.experiment
        known = self.client.get_experiment_by_name(self.name)
        kind = {"mlflow.experimentKind": "custom_model_development"}  # what MLflow's pages show of it
        self._experiment = known.experiment_id if known else self.client.create_experiment(self.name, files, kind)

    def open_run(self, name: str, tags: dict[str, str]) -> str:
        return str(self.client.create_run(self._experiment, run_name=name, tags=tags).info.run_id)

    def record(self, status: str, run_params: dict[str, Any], made: dict[str, Receipt], catalog: DataCatalog) -> None:
        """Record the datasets that a run made."""
        record = _OPEN.get() if ONLY_CHANGED.get() else None
        if record is None:
            newest = next(iter(made.values()))
            tags = {
                "kedro.run_id": newest.run_id,
                "kedro.env": run_params["env"] or "",
                "version": newest.project_version,
            }
            tags["mlflow.source.git.commit"] = newest.commit or "unknown"
            record = _Record(self.open_run(", ".join(sorted(run_params["pipeline_names"] or ["__default__"])), tags))
            _OPEN.set(record)
        loaded = {name: catalog.load(name) for name in made if name.endswith(("_scores", "_costs", "_card", "_plot"))}
        loaded |= {name: catalog.load(name) for name in made if name in ("leaderboard", "verdict")}
        self._log_values(record.run_id, made, loaded)
        record.figures |= {name: found for name, found in loaded.items() if name.endswith("_plot")}
        with TemporaryDirectory() as folder:
            _write_files(Path(folder), made, loaded, record.figures)
            self.client.log_artifacts(record.run_id, folder)
        if "champion_model" in made:
            self._version_of("champion_model", made["champion_model"].sha256, catalog, record.run_id)
        if "production_model" in made:
            self.follow_production(made["production_model"].sha256, catalog, record.run_id)
        self.client.set_terminated(record.run_id, status)

    def follow_production(self, sha256: str, catalog: DataCatalog, run_id: str) -> None:
        """Let the alias point to the version of the model in production."""
        version = self._version_of("production_model", sha256, catalog, run_id)
        self.client.set_registered_model_alias(self.name, ALIAS, version)

    def _log_values(self, run_id: str, made: dict[str, Receipt], loaded: dict[str, Any]) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        groups = {name: group for receipt in made.values() for name, group in receipt.parameters.items()}
        parameters = (
            dict(leaves({name.removeprefix("params:"): group for name, group in groups.items()})) if groups else {}
        )
        tags = {f"receipt.{name}": receipt.sha256 for name, receipt in made.items()}
        if "verdict" in loaded:
            tags["verdict"] = ", ".join(loaded["verdict"]["refused_by"]) or "passed"
        now = int(1000 * time())
        self.client.log_batch(
            run_id,
            [Metric(_allowed(name), value, now, 0) for name, value in _numbers(loaded)],
            [Param(_allowed(name), _as_text(value)) for name, value in parameters.items()],
            [RunTag(_allowed(name), value) for name, value in tags.items()],
        )

    def _version_of(self, name: str, sha256: str, catalog: DataCatalog, run_id: str) -> str:
        """Return the registered version of a model; register it first, if it is not."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        from kedro_guards import model_files  # noqa: PLC0415 # imports scikit-learn

        known = self.client.search_model_versions(f"name = '{self.name}' and tags.sha256 = '{sha256}'")
        if known:
            return str(known[0].version)
        with TemporaryDirectory() as folder:
            file = Path(folder, f"{name}.skops")
            with file.open("wb") as content:
                model_files.dump(catalog.load(name), content)
            self.client.log_artifact(run_id, str(file), "model")
        try:
            self.client.get_registered_model(self.name)
        except MlflowException:
            self.client.create_registered_model(self.name)
        source = f"runs:/{run_id}/model"
        return str(self.client.create_model_version(self.name, source, run_id, tags={"sha256": sha256}).version)


def _write_files(folder: Path, made: dict[str, Receipt], loaded: dict[str, Any], figures: dict[str, Any]) -> None:
    """Write cards, figures, the leaderboard and the receipts into a folder."""
    (folder / "receipts").mkdir()
    for name, receipt in made.items():
        told = without_user(json.dumps(receipt.model_dump(), indent=2, sort_keys=True))
        (folder / "receipts" / f"{name}.json").write_text(told, encoding="utf-8")
    for name in (name for name in loaded if name.endswith("_card")):
        (folder / f"{name}.md").write_text(loaded[name], encoding="utf-8")
    if "leaderboard" in loaded:
        loaded["leaderboard"].to_csv(folder / "leaderboard.csv", index=False)
    if figures:  # in one page, which holds plotly once and needs no network
        parts = [
            f"<h2>{name}</h2>{figure.to_html(full_html=False, include_plotlyjs=not place)}"
            for place, (name, figure) in enumerate(figures.items())
        ]
        page = f"<!doctype html><meta charset='utf-8'><title>Figures</title>{''.join(parts)}"
        (folder / "figures.html").write_text(page, encoding="utf-8")


def _numbers(loaded: dict[str, Any]) -> list[tuple[str, float]]:
    """List the numbers of scores, costs and the leaderboard."""
    found = dict(leaves({name: value for name, value in loaded.items() if name.endswith(("_scores", "_costs"))}))
    if "leaderboard" in loaded:
        table = loaded["leaderboard"].set_index("contender").select_dtypes("number").astype(float)
        found |= {f"leaderboard.{row}.{name}": value for name, values in table.items() for row, value in values.items()}
    return [
        (name, value) for name, value in found.items() if isinstance(value, int | float) and type(value) is not bool
    ]


def _allowed(name: str) -> str:
    """Replace what MLflow does not allow in names.

    Examples:
        >>> _allowed("test_scores.recall_a/b, c")
        'test_scores.recall_a_b_ c'
    """
    return re.sub(r"[^\w.: -]", "_", name)


def _as_text(value: Any) -> str:
    return without_user(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
