"""LitServe with one worker: ``python -m benchmarks.peers.lit PORT``."""

import sys
from typing import Any

import litserve  # type: ignore[import-not-found]

from .answers import Answers


class Digits(litserve.LitAPI):  # type: ignore[misc]
    """Answers digits."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the model."""
        self.answers = Answers()

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request."""
        return self.answers.answer(request["images"])


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=1, healthcheck_path="/ready")
    server.run(
        port=int(sys.argv[1]), host="127.0.0.1", num_api_servers=1, log_level="error", generate_client_file=False
    )
