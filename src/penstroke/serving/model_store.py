"""The production model that the service uses, and the place where it is stored."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from kedro.framework.context import KedroContext
from sklearn.base import ClassifierMixin

from kedro_guards.files import located
from kedro_guards.receipts import Receipt, content_of, read_receipt, receipt_folder
from penstroke import domain
from penstroke.answers import look_at
from penstroke.models import Answers, View, probabilities_of, version_of, view_of

LOG = logging.getLogger(__name__)
NAME = "production_model"


@dataclass(frozen=True)
class ServedModel:
    """A model that serves."""

    model: ClassifierMixin
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

    @property
    def classes(self) -> list[int | str]:
        """The classes of the model."""
        return list(self.model.classes_.tolist())

    @cached_property
    def columns(self) -> pd.Index:
        """The columns of the rows that the model takes."""
        return pd.Index(self.view.form.columns)

    def answer(self, rows: pd.DataFrame) -> np.ndarray:
        """Predict the probability of each class for accepted rows, (n, classes)."""
        features = domain.extract_features(rows, self.view.features).to_numpy()
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return probabilities_of(self.model, features, self.answers.chunk_rows)


class ModelStore:
    """Loads the production model, and knows the places of the other files that the service uses.

    Args:
        context: Kedro's context of the project and the environment.
    """

    def __init__(self, context: KedroContext) -> None:
        catalog = context.catalog  # Kedro builds a new catalog at each access
        self._dataset = catalog[NAME]
        self._answers = Answers.model_validate(context.params["answers"])
        reads = hasattr(domain, "read")
        self._reading = domain.Reading.model_validate(context.params[domain.READING]) if reads else None
        data = str(context.config_loader["globals"]["data"])
        project = context.project_path
        self._receipt = f"{receipt_folder(project, data)}/{NAME}.json"
        self._card = f"{data if '://' in data else project / data}/08_reporting/model_card.md"
        self.place, self.inbox, self.rows, self.predictions = (
            str(catalog[name]._describe()["filepath"])
            for name in (NAME, "inbox", f"served_{domain.ROWS}", "served_predictions")
        )

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
        while True:
            self._dataset.release()
            sha256 = content_of(self._dataset)[0] or ""
            model = self._dataset.load()
            if content_of(self._dataset)[0] == sha256:  # otherwise a promotion replaced it meanwhile
                break
        found = ServedModel(
            model,
            view_of(model),
            self._answers,
            self._reading,
            sha256,
            read_receipt(self._receipt),
            read_card(self._card, sha256),
        )
        columns = found.view.form.columns
        probe, _ = domain.accept(pd.DataFrame(0, pd.Index(["probe"], name=domain.ROW_ID), columns), found.view.form)
        look_at(probe, model)  # checks the feature names, once
        found.answer(probe)
        return found


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
