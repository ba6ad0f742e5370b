"""The production model as the service holds it, and the place where a new one appears."""

import logging
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sklearn
from kedro.framework.context import KedroContext
from sklearn.base import ClassifierMixin

from kedro_guards.files import located
from kedro_guards.receipts import Receipt, content_of, read_receipt, receipt_folder
from penstroke import domain
from penstroke.answers import Answers, View, ask, look_at, version_of, view_of

LOG = logging.getLogger(__name__)
NAME = "production_model"


@dataclass(frozen=True)
class ServedModel:
    """A model that serves."""

    model: ClassifierMixin
    view: View  # how it sees rows
    answers: Answers
    reading: Any  # how files become rows; None where the domain cannot read files
    sha256: str
    receipt: Receipt | None
    card: str | None

    @property
    def version(self) -> str:
        """The first twelve characters of the file's sha256."""
        return version_of(self.sha256)

    @property
    def classes(self) -> list[int | str]:
        """The labels that the model knows."""
        return list(self.model.classes_.tolist())

    def answer(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Answer accepted rows, as :func:`penstroke.answers.ask` does."""
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            features = look_at(rows, self.model, self.view)
            return ask(self.model, features, self.answers.chunk_rows, by_name=False)


class ModelStore:
    """Where the production model lies, and what belongs to it.

    Args:
        context: of the project and the environment.
    """

    def __init__(self, context: KedroContext) -> None:
        catalog = context.catalog  # made anew whenever it is asked for
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
            OSError: nobody may look whether there is one.
        """
        return _ukey(self.place) is None

    def stamp(self) -> tuple[str | None, ...]:
        """Give what differs whenever the file of the model or of its receipt is another."""
        return tuple(_ukey(place) for place in (self.place, self._receipt))

    def load(self) -> ServedModel:
        """Load the model and try it.

        Raises:
            ValueError: it cannot be read, does not agree with its receipt, or does not answer.
        """
        while True:
            self._dataset.release()
            sha256 = content_of(self._dataset)[0] or ""
            model = self._dataset.load()
            if content_of(self._dataset)[0] == sha256:  # else a promotion came between
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
        found.answer(probe)
        return found


def read_card(place: str, sha256: str) -> str | None:
    """Read the model card, if it is that of the model with this content, which it cites.

    A card that cannot be read counts as none, with a warning: the model answers without it.
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
