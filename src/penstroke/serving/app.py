"""The HTTP service. It predicts rows with the same functions as the inference pipelines."""

import asyncio
import codecs
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import to_json
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Route

from penstroke import __version__, domain

from .body import Rows
from .metrics import Metrics
from .middleware import PAGE
from .model_store import ModelStore, ServedModel
from .parameters import Serving
from .queue import FullError, NeverFitsError, RequestQueue
from .storage import Answered, AnswerLog, InboxFullError, put_into_inbox

LOG = logging.getLogger(__name__)
READS_FILES = hasattr(domain, "read")  # the page and feedback need it
Body = getattr(domain, "Body", Rows)
(FIELD,) = Body.model_fields  # the only field of the JSON body
TAKES_WHOLE = b'"integer"' in to_json(Body.model_json_schema())  # whether its numbers must be whole
PAGES = {"/docs": "docs.html", "/favicon.ico": "icon.svg", "/": "index.html" if READS_FILES else "docs.html"}
ENDINGS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
SUFFIX = ".png" if READS_FILES else ""  # ending of identifiers: feedback sends a file with that name
LONGEST_FOUND = 60  # characters of the input that an error repeats
NOT_WHOLE = ("multiple_of", "float_type", "finite_number")  # pydantic's error types for numbers that are not whole
JSON_CHARSETS = ("utf-8", "ascii", "iso8859-1")  # JSON of numbers has the same bytes in all of them; Python's names
AT_ONCE = 16  # up to this many rows' worth of work, starting another thread would take longer than the work

Prediction = create_model(
    "Prediction",
    __doc__=f"The prediction for one {domain.ROW}.",
    **{  # type: ignore[call-overload]
        domain.ROW_ID: (str, Field(description="identifier that the service assigned; feedback refers to it")),
        "prediction": (int | str, Field(description="the likeliest class")),
        "confidence": (float, Field(description="calibrated probability of the prediction, 0 to 1")),
        "unsure": (bool, Field(description="whether a person should check it")),
        "probabilities": (dict[str, float], Field(description="probability of each class")),
        "seen": (Any, Field(None, description="what the model sees, if it differs from the input")),
    },
)


class Predictions(BaseModel):
    """The predictions, in the order of the request."""

    model_version: str
    predictions: list[Prediction]  # type: ignore[valid-type]


class Stored(BaseModel):
    """The name under which feedback was stored."""

    stored: str


class Detail(BaseModel):
    """An error."""

    detail: str


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request cannot be read"},
    401: {"description": "The token is missing or wrong"},
    403: {"description": "The request comes from a page of another site"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "The request is too large"},
    415: {"description": "The content type is not supported"},
    421: {"description": "This host is not served here"},
    422: {"description": "The content is not valid"},
    503: {"description": "The service is busy; Retry-After says when to try again"},
}
for _error in ERRORS.values():
    _error["model"] = Detail
_FILE = {"type": "string", "format": "binary"}
_ROW_ID = {"type": "string", "pattern": r"^[0-9a-f]{32}\.(png|jpg)$"}


def _form_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"type": "object", "properties": properties, "required": list(properties)}}


PREDICTION_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": Body.model_json_schema()}},
}
if READS_FILES:
    PREDICTION_BODY["content"] |= {
        "image/png": {"schema": _FILE},
        "image/jpeg": {"schema": _FILE},
        "multipart/form-data": _form_of({"image": {"type": "array", "items": _FILE, "minItems": 1}}),
    }
FEEDBACK_BODY = {
    "required": True,
    "content": {"multipart/form-data": _form_of({"image": _FILE, "label": {}, domain.ROW_ID: _ROW_ID})},
}


class Feedback(BaseModel):
    """The fields of feedback, in addition to the file."""

    model_config = ConfigDict(extra="forbid")

    label: str
    row_id: str = Field(pattern=_ROW_ID["pattern"], alias=domain.ROW_ID)  # type: ignore[literal-required]


class Service:
    """State that the routes share.

    Args:
        store: loads the production model; knows where rows and predictions are kept.
        model: the first model to serve.
        choices: the service's parameters.
    """

    def __init__(self, store: ModelStore, model: ServedModel, choices: Serving) -> None:
        self.store, self.model, self.choices = store, model, choices
        self.metrics = Metrics()
        self.queue = RequestQueue(choices.queue_images, choices.chunk_images, self.metrics.calls.observe)
        self.metrics.waiting.set_function(lambda: self.queue.inside)
        self.log = AnswerLog(
            store.rows, store.predictions, choices.kept_rows, choices.kept_files, self.metrics.lost.inc
        )
        self.reader = ThreadPoolExecutor(1, "reader")  # one file at a time: files can need much memory
        self.refused: str | None = None  # why a newer model could not be loaded
        self._show_version()

    async def answer(self, names: list[str], rows: Any, model: ServedModel) -> np.ndarray:
        """Predict rows, and record rows and predictions if ``choices.keep`` says so.

        Args:
            names: identifiers of the rows.
            rows: raw rows in the form that the model takes: an array, (n, columns), or a table.
            model: the model to call.

        Returns:
            The probability of each class, (n, classes).

        Raises:
            ValueError: a row does not have the form that the model takes. The message gives its number.
        """
        accepted, reasons = model.accept(rows)
        if len(refused := np.flatnonzero(reasons != "")):
            raise ValueError(f"{FIELD}.{refused[0]}: {reasons[refused[0]]}")
        probabilities = await self.queue.answer(accepted, model)
        if self.choices.keep:
            self.log.add(Answered(names, rows, probabilities, model))
        return probabilities

    async def read(self, content: bytes, model: ServedModel) -> np.ndarray:
        """Turn a file into a row in the form that a model takes, in the reader's thread.

        Raises:
            ValueError: the file cannot be read.
        """
        return await self.in_reader(domain.read, content, model.view.form, model.reading)

    async def in_reader(self, function: Any, *arguments: Any) -> Any:
        """Call a function in the reader's thread, which runs one call at a time."""
        return await asyncio.get_running_loop().run_in_executor(self.reader, function, *arguments)

    async def watch(self) -> None:
        """Load each new production model. If it cannot be loaded, the present one keeps serving."""
        stamp = self.store.stamp()
        while True:
            await asyncio.sleep(self.choices.look_every_s)
            with suppress(OSError):
                if (now := await asyncio.to_thread(self.store.stamp)) == stamp:
                    continue
                stamp = now
                await self._reload()

    async def _reload(self) -> None:
        try:
            self.model = await asyncio.to_thread(self.store.load)
            self.refused = None
            self._show_version()
        except Exception as error:
            self.refused = " ".join(str(error).split())
            self.metrics.refused.inc()
            LOG.warning("the new production model cannot be loaded, the old one keeps serving: %s", self.refused)

    def _show_version(self) -> None:
        self.metrics.model.clear()
        self.metrics.model.labels(self.model.version).set(1)

    async def warm_up(self) -> None:
        """Import what the first file would have to wait for, a moment after the start."""
        await asyncio.sleep(1)
        with suppress(ValueError):
            await self.read(b"", self.model)

    async def keep(self) -> None:
        """Write recorded rows and predictions at regular intervals."""
        while True:
            await asyncio.sleep(self.choices.flush_every_s)
            await self.flush()

    async def flush(self) -> None:
        """Write recorded rows and predictions. If that fails they are lost, with a warning."""
        try:
            await asyncio.to_thread(self.log.flush)
        except Exception as error:
            LOG.warning("answered rows and their predictions cannot be stored: %s", error)


def build_app(service: Service) -> FastAPI:
    """Build the application with all routes of a service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        work = [service.watch(), service.keep(), *([service.warm_up()] if READS_FILES else [])]
        tasks = [asyncio.create_task(each) for each in work]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(service.queue.close)
        await service.flush()

    app = FastAPI(
        title="Penstroke", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description=f"Answers by the production model. {domain.INTENDED_USE}",
        servers=[{"url": "."}],  # relative to this document, so that it holds behind any proxy
    )  # fmt: skip
    app.router.redirect_slashes = False  # the middleware redirects, with addresses that hold behind a proxy
    _add_routes(app, service)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        """Describe the routes. Feedback takes the classes of the model that serves now as labels."""
        described = deepcopy(describe())
        if READS_FILES:
            body = described["paths"]["/v1/feedback"]["post"]["requestBody"]["content"]["multipart/form-data"]
            body["schema"]["properties"]["label"]["enum"] = service.model.classes
        return described

    app.openapi = openapi  # type: ignore[method-assign]
    app.mount("/page", StaticFiles(directory=PAGE))

    @app.exception_handler(FullError)
    async def full(request: Request, error: FullError) -> Response:  # noqa: ARG001
        headers = {"Retry-After": str(service.choices.retry_after_s)}
        return JSONResponse({"detail": str(error)}, 503, headers)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def nothing_there(request: Request, error: HTTPException) -> Response:
        found, headers = f"{request.method} {request.url.path[:LONGEST_FOUND]}", dict(error.headers or {})
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"
        wanted = f"it takes {headers['Allow']}" if "Allow" in headers else "/openapi.json tells what there is"
        return JSONResponse({"detail": f"there is no {found}; {wanted}"}, error.status_code, headers)

    @app.exception_handler(NeverFitsError)
    async def never_fits(request: Request, error: NeverFitsError) -> Response:  # noqa: ARG001
        return JSONResponse({"detail": str(error)}, 413)

    return app


def _add_routes(routes: FastAPI, service: Service) -> None:
    choices = service.choices

    for path, name in PAGES.items():
        routes.add_route(path, _sending(name), include_in_schema=False)

    @routes.post(
        "/v1/predictions",
        response_model=Predictions,
        responses=ERRORS,
        openapi_extra={"requestBody": PREDICTION_BODY},
    )
    async def predict(request: Request) -> Response:
        """Predict one row or a batch: from JSON, or, if the domain reads files, from a file or the files of a form."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind == b"multipart/form-data" and READS_FILES:
            async with request.form(max_files=choices.batch_images, max_fields=1) as form:
                files = [await part.read() for part in form.getlist("image") if isinstance(part, UploadFile)]
            return await _predict_files(service, files)
        body = await request.body()
        # detect files by their content: callers guess the type from the ending of the name
        if READS_FILES and (kind in (b"image/png", b"image/jpeg") or _ending(body)):
            return await _predict_files(service, [body])
        if kind == b"application/json":
            return await _predict_json(service, _json(body, options.get(b"charset", b"utf-8")))
        *kinds, last = PREDICTION_BODY["content"]
        wanted = f"send {', '.join(kinds)} or {last}" if kinds else f"send {last}"
        raise HTTPException(415, f"{wanted}; found {kind.decode('latin-1')[:LONGEST_FOUND] or 'no Content-Type'}")

    # FastAPI describes the route, and Starlette calls it: FastAPI's own call takes longer than the prediction
    routes.router.routes.insert(0, Route("/v1/predictions", predict, methods=["POST"], include_in_schema=False))

    if READS_FILES:
        _add_feedback(routes, service)

    @routes.get("/v1/model", responses={code: ERRORS[code] for code in (401, 403, 421, 503)})
    async def describe_model() -> dict[str, Any]:
        """Describe the model: version, receipt, card, classes, and the form of the rows that it takes."""
        model = service.model
        return {
            "version": model.version,
            "sha256": model.sha256,
            "receipt": model.receipt.model_dump() if model.receipt else None,
            "card": model.card,
            "classes": model.classes,
            "sure_from": model.answers.least_confidence,
            **model.view.form.facts(),
        }

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Check that the process responds."""
        return {"status": "alive"}

    @routes.get("/ready")
    async def ready() -> dict[str, str | None]:
        """Return the version of the serving model, and why a newer one could not be loaded."""
        return {"model_version": service.model.version, "newer_model_refused": service.refused}

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_feedback(routes: FastAPI, service: Service) -> None:
    choices = service.choices

    @routes.post(
        "/v1/feedback",
        response_model=Stored,
        responses=ERRORS | {507: {"model": Detail, "description": "The inbox is full"}},
        openapi_extra={"requestBody": FEEDBACK_BODY},
    )
    async def give_feedback(request: Request) -> dict[str, str]:
        """Give the right label of a file, for training. Repeating the same feedback changes nothing."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise HTTPException(415, f"send multipart/form-data with image, label and {domain.ROW_ID}")
        async with request.form(max_files=1, max_fields=2) as form:
            file, said = form.get("image"), {name: form[name] for name in form if name != "image"}
            if not isinstance(file, UploadFile):
                raise HTTPException(422, "image: a PNG or JPEG file is missing")
            content = await file.read()
        model = service.model
        label, row_id = _read_feedback(said, model.classes)
        if _ending(content) != row_id[-4:]:
            raise HTTPException(422, f"image: is no {row_id[-3:].upper()} file, as its {domain.ROW_ID} says")
        async with service.queue.room(choices.picture_counts, choices.answer_timeout_s):
            try:
                await service.read(content, model)
            except ValueError as error:
                raise HTTPException(422, f"image: {error}") from None
        try:
            name = await asyncio.to_thread(
                put_into_inbox, service.store.inbox, choices.inbox_files, label, row_id, content
            )
        except InboxFullError as error:
            raise HTTPException(507, str(error)) from None
        except OSError as error:
            raise HTTPException(507, f"it cannot be stored: {error.strerror or error}") from None
        return {"stored": name}


def _sending(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:  # noqa: ARG001
        return FileResponse(PAGE / name)

    return send


def _read_feedback(said: dict[str, Any], classes: list[int | str]) -> tuple[int | str, str]:
    try:
        feedback = Feedback.model_validate(said)
    except ValidationError as error:
        raise HTTPException(422, _in_short(error)) from None
    known = {str(class_): class_ for class_ in classes}
    label = feedback.label if feedback.label in known else feedback.label.removesuffix(".0")  # 3.0 is a whole number
    if label not in known:
        found = feedback.label[:LONGEST_FOUND]
        raise HTTPException(422, f"label: must be one of {', '.join(known)}, found {found}")
    return known[label], feedback.row_id


async def _predict_json(service: Service, body: bytes) -> Response:
    try:
        given = Body.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, _in_short(error)) from None
    model, count = service.model, len(given)
    _refuse_many(service, count)
    work = given.work(model.view.form)
    async with service.queue.room(count + work, service.choices.answer_timeout_s):
        try:
            arguments = model.view.form, model.reading
            at_once = work <= AT_ONCE
            rows, changed = given.rows_of(*arguments) if at_once else await service.in_reader(given.rows_of, *arguments)
            return await _respond(service, model, _new_names(count, SUFFIX), rows, changed)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None


async def _predict_files(service: Service, files: list[bytes]) -> Response:
    if not files:
        raise HTTPException(422, "image: a PNG or JPEG file is missing")
    _refuse_many(service, len(files))
    model = service.model
    async with service.queue.room(service.choices.picture_counts * len(files), service.choices.answer_timeout_s):
        rows, names = [], []
        for number, content in enumerate(files):
            try:
                rows.append(await service.read(content, model))
            except ValueError as error:
                raise HTTPException(422, f"image {number}: {error}") from None
            names += _new_names(1, str(_ending(content)))
        try:
            return await _respond(service, model, names, np.stack(rows), range(len(rows)))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None


def _refuse_many(service: Service, count: int) -> None:
    if count > service.choices.batch_images:
        raise HTTPException(413, f"a request may hold {service.choices.batch_images} {FIELD}, found {count}")


async def _respond(
    service: Service, model: ServedModel, names: list[str], rows: Any, changed: Iterable[int]
) -> Response:
    form = model.view.form
    probabilities = await service.answer(names, rows, model)
    known, classes, sure_from = model.classes, model.class_names, model.answers.least_confidence
    best = probabilities.argmax(axis=1).tolist()
    predictions: list[dict[str, Any]] = [
        {
            domain.ROW_ID: name,
            "prediction": known[place],
            "confidence": row[place],
            "unsure": row[place] < sure_from,
            "probabilities": dict(zip(classes, row, strict=True)),
        }
        for name, place, row in zip(names, best, probabilities.tolist(), strict=True)
    ]
    for number in changed:
        predictions[number]["seen"] = form.show(np.asarray(rows)[number])
    for place, count in Counter(best).items():
        service.metrics.answers.labels(known[place]).inc(count)
    service.metrics.unsure.inc(sum(one["unsure"] for one in predictions))
    return Response(
        to_json({"model_version": model.version, "predictions": predictions}), media_type="application/json"
    )


def _new_names(count: int, ending: str) -> list[str]:
    """Make random identifiers: 16 bytes each, in hexadecimal."""
    numbers = os.urandom(16 * count).hex()
    return [f"{numbers[start : start + 32]}{ending}" for start in range(0, 32 * count, 32)]


def _ending(content: bytes) -> str | None:
    """Return the file ending for image content, by its first bytes; None for other formats."""
    return next((ending for sign, ending in ENDINGS.items() if content.startswith(sign)), None)


def _json(body: bytes, charset: bytes) -> bytes:
    """Refuse JSON in an unsupported charset, and remove a byte order mark."""
    try:
        known = codecs.lookup(charset.decode("latin-1")).name in JSON_CHARSETS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise HTTPException(415, f"charset: JSON is read as utf-8, found {charset.decode('latin-1')[:LONGEST_FOUND]}")
    return body.removeprefix(codecs.BOM_UTF8)


def _in_short(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place, found = ".".join(map(str, first["loc"])) or "body", first["input"]
    message = "Input should be a valid integer" if TAKES_WHOLE and first["type"] in NOT_WHOLE else first["msg"]
    if isinstance(found, bool | int | float | str | None) and first["loc"]:
        message += f", found {to_json(found, inf_nan_mode='constants').decode()[:LONGEST_FOUND]}"
    return f"{place}: {message}"[:300]
