"""The production model behind other servers: ``python -m benchmarks.peers NAME MODEL PORT``.

``constant`` is FastAPI with uvicorn, as the service has them, which answers every request by the same prediction.
``litserve`` and ``bentoml`` take the service's JSON and call the functions that it calls. Each uses one process for
its answers. The first argument of the script names the server; see ``benchmarks.serving``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

ANSWER = {"model_version": "0" * 12, "predictions": [{"prediction": 8, "confidence": 0.99, "unsure": False}]}


def answering(model: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function that answers a request as the service does, by the model in a file."""
    from penstroke import domain  # noqa: PLC0415 # the constant needs none of it
    from penstroke.models import probabilities_of, view_of  # noqa: PLC0415
    from penstroke.plain_models import read_plain_model  # noqa: PLC0415

    loaded = read_plain_model(Path(model).read_bytes())
    form, features = view_of(loaded)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        pixels = np.array(request["images"], np.uint16)
        accepted, _ = domain.accept_values(pixels.reshape(len(pixels), -1), form)
        probabilities = probabilities_of(loaded, domain.features_of(accepted, form, features), 1000)
        best = probabilities.argmax(axis=1)
        return {"predictions": loaded.classes_[best].tolist(), "probabilities": probabilities.tolist()}

    return answer


def serve_constant(model: str, port: int) -> None:  # noqa: ARG001
    """Serve one answer to all requests."""
    import uvicorn  # noqa: PLC0415
    from fastapi import FastAPI, Request  # noqa: PLC0415

    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, Any]:
        await request.json()
        return ANSWER

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        return {}

    uvicorn.run(app, port=port, log_level="error", access_log=False)


def serve_litserve(model: str, port: int) -> None:
    """Serve the model by LitServe."""
    import litserve  # noqa: PLC0415

    class Digits(litserve.LitAPI):  # type: ignore[misc]
        def setup(self, device: str) -> None:  # noqa: ARG002
            self.answer = answering(model)

        def predict(self, request: dict[str, Any]) -> dict[str, Any]:
            return self.answer(request)

    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=1, healthcheck_path="/ready")
    server.run(port=port, host="127.0.0.1", num_api_servers=1, log_level="error", generate_client_file=False)


def serve_bentoml(model: str, port: int) -> None:
    """Serve the model by BentoML."""
    import bentoml  # noqa: PLC0415

    @bentoml.service(workers=1)
    class Digits:
        def __init__(self) -> None:
            self.answer = answering(model)

        @bentoml.api
        def predict(self, images: list[Any]) -> dict[str, Any]:
            return self.answer({"images": images})

    Digits.serve_http(port=port, host="127.0.0.1")


if __name__ == "__main__":
    name, path, number = sys.argv[1:]
    {"constant": serve_constant, "litserve": serve_litserve, "bentoml": serve_bentoml}[name](path, int(number))
