"""The production model as the service holds it, and the watch for a new one."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from kedro.framework.context import KedroContext
from sklearn.base import ClassifierMixin

from kedro_guards.files import located
from kedro_guards.receipts import Receipt, content_of, read_receipt, receipt_folder
from penstroke.answers import features_of, form_of, refuse_other_features, version_of
from penstroke.form import Form
from penstroke.pipelines.feature_engineering.nodes import feature_names
from penstroke.pipelines.feature_engineering.parameters import Features
from penstroke.pipelines.inference.nodes import answer_images
from penstroke.pipelines.inference.parameters import Answers, Drawings, Frame, frame_of

LOG = logging.getLogger(__name__)
NAME = "production_model"
PROBES = 16  # images by which a model is tried before it serves


@dataclass(frozen=True)
class Choices:
    """The groups of parameters by which drawings are framed and answered, those of the pipelines."""

    drawings: Drawings
    answers: Answers

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Choices":
        """Take them from the parameters of an environment."""
        return cls(
            Drawings.model_validate(parameters["drawings"]),
            Answers.model_validate(parameters["answers"]),
        )


@dataclass(frozen=True)
class Production:
    """A model that serves."""

    model: ClassifierMixin
    form: Form  # in which it takes rows
    frame: Frame  # by which drawings are brought to that form
    features: Features
    choices: Choices
    sha256: str
    receipt: Receipt | None
    card: str | None

    @property
    def version(self) -> str:
        """The first digits of the file's sha256."""
        return version_of(self.sha256)

    @property
    def classes(self) -> list[int]:
        """The labels that the model knows."""
        return list(self.model.classes_.tolist())

    def answer(self, images: np.ndarray) -> np.ndarray:
        """Answer images, (n, height, width) from 0 to full ink: the probability of each class, (n, classes).

        Raises:
            ValueError: they are of another form than the model takes.
        """
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            return answer_images(images, self.model, self.form, self.features, self.choices.answers)


class Shelf:
    """Where the production model lies.

    Args:
        context: of the project and the environment.
    """

    def __init__(self, context: KedroContext) -> None:
        catalog = context.catalog  # made anew whenever it is asked for
        self._dataset = catalog[NAME]
        self.choices = Choices.of(context.params)
        data = str(context.config_loader["globals"]["data"])
        project = context.project_path
        self._receipt = f"{receipt_folder(project, data)}/{NAME}.json"
        self._card = f"{data if '://' in data else project / data}/08_reporting/model_card.md"
        self.place, self.inbox, self.digits, self.predictions = (
            str(catalog[name]._describe()["filepath"])
            for name in (NAME, "inbox", "served_digits", "served_predictions")
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

    def take(self) -> Production:
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
        form, features = form_of(model), features_of(model)
        height, width = (side * features.enlarge for side in form.size)
        refuse_other_features(model, feature_names(height, width, features))
        found = Production(
            model,
            form,
            frame_of(form, self.choices.drawings),
            features,
            self.choices,
            sha256,
            read_receipt(self._receipt),
            read_card(self._card, sha256),
        )
        found.answer(np.random.default_rng(0).integers(0, form.full_ink, (PROBES, *form.size), endpoint=True))
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
