"""BentoML with one worker: ``bentoml serve benchmarks.peers.bento:Digits --port=PORT``."""

from typing import Any

import bentoml  # type: ignore[import-not-found]

from .answers import Answers


@bentoml.service(workers=1)  # type: ignore[misc]
class Digits:
    """Answers digits."""

    def __init__(self) -> None:
        self.answers = Answers()

    @bentoml.api  # type: ignore[misc]
    def predict(self, images: list[Any]) -> dict[str, Any]:
        """Answer a request."""
        return self.answers.answer(images)
