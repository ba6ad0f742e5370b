"""Answer a request as the service does: by the same functions, without a server."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from penstroke import domain
from penstroke.models import probabilities_of, view_of
from penstroke.plain_models import read_plain_model


class Answers:
    """Answers requests by the model that PENSTROKE_MODEL names."""

    def __init__(self) -> None:
        self.model = read_plain_model(Path(os.environ["PENSTROKE_MODEL"]).read_bytes())
        self.form, self.features = view_of(self.model)

    def answer(self, images: list[Any]) -> dict[str, Any]:
        """Return prediction and probabilities of each image, whose pixels are whole numbers of the model's scale."""
        pixels = np.array(images, np.uint16).reshape(len(images), -1)
        accepted, _ = domain.accept_values(pixels, self.form)
        features = domain.features_of(accepted, self.form, self.features)
        probabilities = probabilities_of(self.model, features, 1000)
        predictions = self.model.classes_[probabilities.argmax(axis=1)]
        return {"predictions": predictions.tolist(), "probabilities": probabilities.tolist()}
