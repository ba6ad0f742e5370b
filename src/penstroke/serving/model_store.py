"""The production model that the service uses, and the place where it is stored."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from kedro_guards import model_files
from kedro_guards.config import CheckedConfigLoader, absolute, dataset_of
from kedro_guards.datasets.model import ModelDataset
from kedro_guards.files import located
from kedro_guards.plain import NotPlainError
from kedro_guards.receipts import Receipt, read_receipt, receipt_folder
from penstroke import domain
from penstroke.models import Answers, View, probabilities_of, refuse_other_features, version_of, view_of
from penstroke.plain_models import PlainModel, read_plain_model

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from sklearn.base import ClassifierMixin

LOG = logging.getLogger(__name__)
NAME = "production_model"
EMPTY = (np.nan, np.float32) if getattr(domain, "GAPS", False) else (0, np.uint8)  # value and type of a row to try
HAS_ARRAYS = hasattr(domain, "accept_values")  # whether rows can do without tables


@dataclass(frozen=True)
class ServedModel:
    """A model that serves.

    Raw rows are an array, (n, columns), or a table. Accepted rows are an array if the domain can do without tables.
    """

    model: PlainModel | ClassifierMixin
    view: View  # form of its rows, and parameters of its features
    answers: Answers
    reading: Any  # how files become rows; None if the domain cannot read files
    sha256: str
    receipt: Receipt | None
    card: str | None

    @property
    def version(self) -> str:
        """The first twelve characters of the file's sha256."""
        return version_of(self.sha256)

    @cached_property
    def classes(self) -> list[int | str]:
        """The classes of the model."""
        return list(self.model.classes_.tolist())

    @cached_property
    def class_names(self) -> list[str]:
        """The classes as texts."""
        return list(map(str, self.classes))

    def accept(self, rows: Any) -> tuple[Any, np.ndarray]:
        """Accept or reject raw rows; see :func:`penstroke.domain.accept`."""
        form = self.view.form
        if HAS_ARRAYS:
            return domain.accept_values(rows, form)
        return domain.accept(_table(rows, form.columns) if isinstance(rows, np.ndarray) else rows, form)

    def answer(self, rows: Any) -> np.ndarray:
        """Predict the probability of each class for accepted rows, (n, classes)."""
        if HAS_ARRAYS:
            features = domain.features_of(rows, self.view.form, self.view.features)
        else:
            features = domain.extract_features(rows, self.view.features).to_numpy()
        return probabilities_of(self.model, features, self.answers.chunk_rows)


class ModelStore:
    """Loads the production model, and knows the places of the other files that the service uses.

    Args:
        loader: the configuration of the project and the environment.
        project: the project's folder.
    """

    def __init__(self, loader: CheckedConfigLoader, project: Path) -> None:
        self._parameters = loader["parameters"]
        loader.check_globals()
        reads = hasattr(domain, "read")
        groups = ["serving", "answers", *([domain.READING] if reads else [])]
        for unknown in sorted(set(self._parameters) - set(loader.of_base("parameters"))):
            if near := get_close_matches(unknown, groups, n=1):
                raise ValueError(f"{unknown} is not a known group of parameters; did you mean {near[0]}?")
        entries = loader["catalog"]
        stored = (NAME, "inbox", f"served_{domain.ROWS}", "served_predictions")
        if lost := [name for name in stored if "filepath" not in entries.get(name, {})]:
            raise ValueError(f"{lost[0]} has no filepath in the catalog, and the service needs it; give one")
        self._dataset: Any = dataset_of(NAME, entries, loader, project)
        if not isinstance(self._dataset, ModelDataset):
            raise ValueError(
                f"{NAME} is a {type(self._dataset).__name__}, but the service reads models of "
                f"{ModelDataset.__module__}; change its type in the catalog"
            )
        self._answers = self.choices("answers", Answers)
        self._reading = self.choices(domain.READING, domain.Reading) if reads else None
        data = str(loader["globals"]["data"])
        self._receipt = f"{receipt_folder(project, data)}/{NAME}.json"
        self._card = f"{absolute(data, project)}/08_reporting/model_card.md"
        self.place, self.inbox, self.rows, self.predictions = (
            absolute(entries[name]["filepath"], project) for name in stored
        )

    def choices(self, group: str, kind: Any) -> Any:
        """Return a group of parameters.

        Raises:
            ValueError: a value is wrong; the message names the group and the key.
        """
        try:
            return kind.model_validate(self._parameters[group])
        except ValueError as error:
            raise ValueError(f"{group}: {error}") from None

    def is_empty(self) -> bool:
        """Whether there is no production model.

        Raises:
            OSError: the place cannot be accessed.
        """
        return _ukey(self.place) is None

    def stamp(self) -> tuple[str | None, ...]:
        """Return keys that change whenever the model's file or its receipt is replaced."""
        return tuple(_ukey(place) for place in (self.place, self._receipt))

    def load(self) -> ServedModel:
        """Load the model, and test it with one prediction.

        Raises:
            ValueError: the model cannot be read, does not match its receipt, or cannot predict.
        """
        self._dataset.release()
        content = self._dataset.content()
        found, receipt = sha256(content).hexdigest(), read_receipt(self._receipt)
        model = load_model(content)
        served = ServedModel(
            model,
            view_of(model),
            self._answers,
            self._reading,
            found,
            receipt if receipt and receipt.sha256 == found else None,  # a promotion may just have replaced it
            read_card(self._card, found),
        )
        served.answer(_probe(served))
        return served


def load_model(content: bytes) -> PlainModel | ClassifierMixin:
    """Load a model from the bytes of its file: without scikit-learn if that is possible."""
    try:
        return read_plain_model(content)
    except (model_files.ModelFileError, NotPlainError) as error:  # a damaged file too: then skops says what is wrong
        LOG.info("the model is loaded with scikit-learn: %s", error)
        return SklearnModel(model_files.load(BytesIO(content)))


class SklearnModel:
    """A fitted classifier that skips the checks of scikit-learn, which take longer than the prediction of one row."""

    def __init__(self, model: ClassifierMixin) -> None:
        from sklearn import config_context  # noqa: PLC0415 # slow to import; most services can do without

        self._model, self._context = model, config_context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Predict the probability of each class, (n, classes)."""
        with self._context(assume_finite=True, skip_parameter_validation=True):
            return np.asarray(self._model.predict_proba(features))


def _probe(served: ServedModel) -> Any:
    """Return one accepted row. Check, once, that the code makes the features that the model was fitted on."""
    form, features = served.view
    probe, _ = served.accept(np.full((1, len(form.columns)), *EMPTY))
    if HAS_ARRAYS:
        refuse_other_features(served.model, domain.names_of_features(form, features))
    else:
        refuse_other_features(served.model, domain.extract_features(probe, features).columns)
    return probe


def _table(values: np.ndarray, columns: list[str]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 # domains of tables import it, others do without

    return pd.DataFrame(values, columns=columns)


def read_card(place: str, sha256: str) -> str | None:
    """Read the model card if it belongs to the model with this sha256.

    If the card cannot be read, the service logs a warning and works without it.
    """
    try:
        files, path = located(place)
        with files.open(path, "r", encoding="utf-8") as file:
            text = str(file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        LOG.warning("the model card cannot be read, so the service shows none: %s: %s", place, error)
        return None
    return text if version_of(sha256) in text else None


def _ukey(place: str) -> str | None:
    files, path = located(place)
    files.invalidate_cache()
    try:
        return files.ukey(path)
    except FileNotFoundError:
        return None
