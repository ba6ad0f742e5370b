"""FastAPI and uvicorn, as the service has them, with one answer to all requests: ``python -m … PORT``."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

ANSWER = {"model_version": "0" * 12, "predictions": [{"prediction": 8, "confidence": 0.99, "unsure": False}]}
app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """Read the JSON, and answer."""
    await request.json()
    return ANSWER


@app.get("/ready")
async def ready() -> dict[str, Any]:
    """Answer that the server is ready."""
    return {}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
