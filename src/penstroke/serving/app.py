"""The service: images in, answers out, by the very functions of inference."""

import asyncio
import codecs
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from copy import deepcopy
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import to_json
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from penstroke import __version__
from penstroke.pipelines.inference.framing import NoInkError, frame_ink
from penstroke.pipelines.inference.nodes import frame_drawing
from penstroke.pipelines.inference.parameters import Frame

from .desk import Desk, FullError, NeverFitsError
from .gate import PAGE, Figures
from .parameters import Serving
from .production import Production, Shelf
from .store import InboxFullError, Keeper, Served, put_into_inbox

LOG = logging.getLogger(__name__)
FILES = {"/": "index.html", "/docs": "docs.html", "/favicon.ico": "icon.svg"}
SIGNS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}
LEAST_SIDE = 4  # of an image as numbers, as of a picture
MOST_VALUE = 65535
LONGEST_FOUND = 60  # of what an error repeats
NOT_WHOLE = ("multiple_of", "float_type", "finite_number")  # what pydantic calls the faults of a number
JSON_CHARSETS = ("utf-8", "ascii", "iso8859-1")  # as Python calls those in which JSON of numbers has the same bytes
AT_ONCE, AT_ONCE_PIXELS = 4, 4096  # images, and their pixels, that are framed while other requests wait
FRAMED_TOGETHER = 50  # images, which bounds the memory
FRAMING_COUNTS, SQUARE_COUNT = 2, 10_000  # to frame an image takes as long as to answer two, and one per so many pixels


Pixel = Annotated[
    float,  # 3.0 is a whole number, too, in JSON as in a JSON schema
    Field(ge=0, le=MOST_VALUE, multiple_of=1, allow_inf_nan=False),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST_VALUE}),
]
FirstFault = Field(fail_fast=True)  # of a batch with a million faults the first one is told


class Images(BaseModel):
    """Images as numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    images: Annotated[
        list[Annotated[list[Annotated[list[Pixel], FirstFault]], FirstFault]],
        Field(
            min_length=1,
            fail_fast=True,
            description="each a list of rows, from 0 (paper) to full_ink (GET /v1/model says how much that is). "
            "In the size of the training images they are taken as they are. Others are framed like a drawing on even "
            "paper, and their ink may have a larger scale, such as 0 to 255 where full_ink is 16",
        ),
    ]


class Prediction(BaseModel):
    """The answer to one image."""

    digit_id: str = Field(description="what the service calls the image; feedback names it")
    prediction: int
    confidence: float = Field(description="probability of the answer, 0 to 1, calibrated")
    unsure: bool = Field(description="whether a person should look at it")
    probabilities: dict[str, float] = Field(description="by class")
    seen: list[list[int]] | None = Field(None, description="what the model sees, where the image had to be framed")


class Predictions(BaseModel):
    """The answers, in the order of the images."""

    model_version: str
    predictions: list[Prediction]


class Stored(BaseModel):
    """Where feedback went."""

    stored: str


class Detail(BaseModel):
    """What is wrong."""

    detail: str


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "No readable request"},
    401: {"description": "The token is missing or wrong"},
    403: {"description": "A page of another site asked"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "The request is larger than it may be"},
    415: {"description": "The content is of another type"},
    421: {"description": "This host is not served here"},
    422: {"description": "What was sent cannot be answered"},
    503: {"description": "Too much is waiting; Retry-After says when to come again"},
}
for _error in ERRORS.values():
    _error["model"] = Detail
_FILE = {"type": "string", "format": "binary"}
PREDICTION_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": Images.model_json_schema()},
        "image/png": {"schema": _FILE},
        "image/jpeg": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "array", "items": _FILE, "minItems": 1}},
                "required": ["image"],
            }
        },
    },
}
FEEDBACK_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "image": _FILE,
                    "label": {"type": "integer"},
                    "digit_id": {"type": "string", "pattern": r"^[0-9a-f]{32}\.(png|jpg)$"},
                },
                "required": ["image", "label", "digit_id"],
            }
        }
    },
}


class Feedback(BaseModel):
    """What a person says of an answer, beside the drawing."""

    model_config = ConfigDict(extra="forbid")

    label: int
    digit_id: str = Field(pattern=r"^[0-9a-f]{32}\.(png|jpg)$")


class Service:
    """What the routes share.

    Args:
        shelf: where the production model lies, and what is kept.
        model: the one that serves at first.
        choices: limits and times.
    """

    def __init__(self, shelf: Shelf, model: Production, choices: Serving) -> None:
        self.shelf, self.model, self.choices = shelf, model, choices
        self.figures = Figures()
        self.desk = Desk(choices.queue_images, choices.chunk_images, self.figures.calls.observe)
        self.figures.waiting.set_function(lambda: self.desk.inside)
        self.keeper = Keeper(
            shelf.digits, shelf.predictions, choices.kept_rows, choices.kept_files, self.figures.lost.inc
        )
        self.framer = ThreadPoolExecutor(1, "framer")  # one after the other: pictures may take much memory
        self.refused: str | None = None  # why a newer model does not serve
        self._show_version()

    async def answer(self, digit_ids: list[str], images: np.ndarray, model: Production) -> np.ndarray:
        """Answer images in the form that a model takes, and keep what was answered."""
        probabilities = await self.desk.answer(images, model)
        if self.choices.keep:
            self.keeper.add(Served(digit_ids, images, probabilities, model))
        return probabilities

    async def frame(self, content: bytes, model: Production) -> np.ndarray:
        """Bring an image file to the form that a model takes, beside the loop.

        Raises:
            ValueError: it cannot be read, or there is no ink in it.
        """
        most_pixels = min(model.frame.most_pixels, self.choices.most_pixels)
        return await self._beside(frame_drawing, content, model.frame.model_copy(update={"most_pixels": most_pixels}))

    async def frame_numbers(self, images: dict[int, np.ndarray], frame: Frame) -> dict[int, np.ndarray]:
        """Do so with images of another size, (height, width) from 0 to full ink or more, by number in the request.

        Raises:
            ValueError: one, which is named, is too small or large, or there is no ink in it.
        """
        pixels = sum(image.size for image in images.values())
        if len(images) <= AT_ONCE and pixels <= AT_ONCE_PIXELS:  # another thread takes longer to be asked
            return _frame_numbers(images, frame)
        return await self._beside(_frame_numbers, images, frame)

    async def _beside(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.framer, function, *arguments)

    async def watch(self) -> None:
        """Take a new production model when there is one; where it cannot be loaded the old one goes on."""
        stamp = self.shelf.stamp()
        while True:
            await asyncio.sleep(self.choices.look_every_s)
            with suppress(OSError):
                if (now := await asyncio.to_thread(self.shelf.stamp)) == stamp:
                    continue
                stamp = now
                await self._reload()

    async def _reload(self) -> None:
        try:
            self.model = await asyncio.to_thread(self.shelf.take)
            self.refused = None
            self._show_version()
        except Exception as error:
            self.refused = " ".join(str(error).split())
            self.figures.refused.inc()
            LOG.warning("the new production model cannot be loaded, the old one goes on: %s", self.refused)

    def _show_version(self) -> None:
        self.figures.model.clear()
        self.figures.model.labels(self.model.version).set(1)

    async def keep(self) -> None:
        """Write what was answered from time to time."""
        while True:
            await asyncio.sleep(self.choices.flush_every_s)
            await self.flush()

    async def flush(self) -> None:
        """Write what was answered; what cannot be written is told of and lost."""
        try:
            await asyncio.to_thread(self.keeper.flush)
        except Exception as error:
            LOG.warning("what was answered cannot be kept: %s", error)


def build_app(service: Service) -> FastAPI:
    """Put a service behind its routes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        tasks = [asyncio.create_task(service.watch()), asyncio.create_task(service.keep())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(service.desk.close)
        await service.flush()

    app = FastAPI(
        title="Penstroke", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Answers images of handwritten digits by the production model.",
        servers=[{"url": "."}],  # where this document lies, wherever a proxy offers it
    )  # fmt: skip
    app.router.redirect_slashes = False  # the gate does so, by addresses that hold behind a proxy
    _add_routes(app, service)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        """Describe the routes; the labels that feedback may name are the classes of the model that serves now."""
        described = deepcopy(describe())
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

    for path, name in FILES.items():
        routes.add_route(path, _sending(name), include_in_schema=False)

    @routes.post(
        "/v1/predictions",
        response_model=Predictions,
        responses=ERRORS,
        openapi_extra={"requestBody": PREDICTION_BODY},
    )
    async def predict(request: Request) -> Response:
        """Answer one image or a batch: as numbers, as a PNG or JPEG file, or as files of a form."""
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind == b"multipart/form-data":
            async with request.form(max_files=choices.batch_images, max_fields=1) as form:
                files = [await part.read() for part in form.getlist("image") if isinstance(part, UploadFile)]
            return await _predict_files(service, files)
        body = await request.body()
        # a picture by what it is, for callers guess its type by the ending of its name
        if kind in (b"image/png", b"image/jpeg") or _ending(body):
            return await _predict_files(service, [body])
        if kind == b"application/json":
            return await _predict_numbers(service, _json(body, options.get(b"charset", b"utf-8")))
        wanted = "send application/json, image/png, image/jpeg or multipart/form-data"
        raise HTTPException(415, f"{wanted}; found {kind.decode('latin-1')[:LONGEST_FOUND] or 'no Content-Type'}")

    @routes.post(
        "/v1/feedback",
        response_model=Stored,
        responses=ERRORS | {507: {"model": Detail, "description": "The inbox is full"}},
        openapi_extra={"requestBody": FEEDBACK_BODY},
    )
    async def give_feedback(request: Request) -> dict[str, str]:
        """Say what a drawing shows, for the model to learn; saying it again changes nothing."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise HTTPException(415, "send multipart/form-data with image, label and digit_id")
        async with request.form(max_files=1, max_fields=2) as form:
            drawing, said = form.get("image"), {name: form[name] for name in form if name != "image"}
            if not isinstance(drawing, UploadFile):
                raise HTTPException(422, "image: a PNG or JPEG file is missing")
            content = await drawing.read()
        model = service.model
        feedback = _read_feedback(said, model.classes)
        if _ending(content) != feedback.digit_id[-4:]:
            raise HTTPException(422, f"image: is no {feedback.digit_id[-3:].upper()} file, as its digit_id says")
        async with service.desk.room(choices.picture_counts, choices.answer_timeout_s):
            try:
                await service.frame(content, model)
            except ValueError as error:
                raise HTTPException(422, f"image: {error}") from None
        try:
            name = await asyncio.to_thread(
                put_into_inbox, service.shelf.inbox, choices.inbox_files, feedback.label, feedback.digit_id, content
            )
        except InboxFullError as error:
            raise HTTPException(507, str(error)) from None
        except OSError as error:
            raise HTTPException(507, f"it cannot be stored: {error.strerror or error}") from None
        return {"stored": name}

    @routes.get("/v1/model", responses={code: ERRORS[code] for code in (401, 403, 421, 503)})
    async def tell_of_model() -> dict[str, Any]:
        """Tell of the model: version, receipt, card, and the images that it takes as they are."""
        model = service.model
        return {
            "version": model.version,
            "sha256": model.sha256,
            "receipt": model.receipt.model_dump() if model.receipt else None,
            "card": model.card,
            "classes": model.classes,
            "rows": model.frame.rows,
            "columns": model.frame.columns,
            "full_ink": model.frame.full_ink,
            "sure_from": model.choices.answers.sure_from,
        }

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "alive"}

    @routes.get("/ready")
    async def ready() -> dict[str, str | None]:
        """Say which model serves, and why a newer one does not."""
        return {"model_version": service.model.version, "newer_model_refused": service.refused}

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(service.figures.registry), media_type=CONTENT_TYPE_LATEST)


def _sending(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:  # noqa: ARG001
        return FileResponse(PAGE / name)

    return send


def _read_feedback(said: dict[str, Any], classes: list[int]) -> Feedback:
    try:
        feedback = Feedback.model_validate(said)
    except ValidationError as error:
        raise HTTPException(422, _in_short(error)) from None
    if feedback.label not in classes:
        raise HTTPException(422, f"label: must be one of {', '.join(map(str, classes))}, found {feedback.label}")
    return feedback


async def _predict_numbers(service: Service, body: bytes) -> Response:
    try:
        given = Images.model_validate_json(body).images
    except ValidationError as error:
        raise HTTPException(422, _in_short(error)) from None
    model, count = service.model, len(given)
    _refuse_many(service, count)
    arrays, size = [], model.form.size
    for number, rows in enumerate(given):
        try:
            arrays.append(np.array(rows, np.uint16))
        except ValueError:
            raise HTTPException(422, f"images.{number}: its rows differ in length") from None
        if arrays[-1].ndim != 2 or not arrays[-1].size:
            raise HTTPException(422, f"images.{number}: it is empty")
        if arrays[-1].shape == size:
            try:
                model.form.refuse_other_scale(arrays[-1])
            except ValueError as error:
                raise HTTPException(422, f"images.{number}: {error}") from None
            if arrays[-1].min() == arrays[-1].max():
                raise HTTPException(422, f"images.{number}: there is no ink: all its pixels are equal")
    framed = {number for number, array in enumerate(arrays) if array.shape != size}
    room = count + sum(FRAMING_COUNTS + max(arrays[number].shape) ** 2 // SQUARE_COUNT for number in framed)
    async with service.desk.room(room, service.choices.answer_timeout_s):
        try:
            others = await service.frame_numbers({number: arrays[number] for number in framed}, model.frame)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        images = np.stack([others.get(number, array) for number, array in enumerate(arrays)])
        return await _respond(service, model, [f"{uuid4().hex}.png" for _ in arrays], images, framed)


async def _predict_files(service: Service, files: list[bytes]) -> Response:
    if not files:
        raise HTTPException(422, "image: a PNG or JPEG file is missing")
    _refuse_many(service, len(files))
    model = service.model
    async with service.desk.room(service.choices.picture_counts * len(files), service.choices.answer_timeout_s):
        arrays, names = [], []
        for number, content in enumerate(files):
            try:
                arrays.append(await service.frame(content, model))
            except ValueError as error:
                raise HTTPException(422, f"image {number}: {error}") from None
            names.append(f"{uuid4().hex}{_ending(content)}")
        return await _respond(service, model, names, np.stack(arrays), set(range(len(arrays))))


def _frame_numbers(images: dict[int, np.ndarray], frame: Frame) -> dict[int, np.ndarray]:
    most, full_ink = frame.side, frame.full_ink
    of_size = defaultdict[tuple[int, ...], list[int]](list)
    for number, image in images.items():
        if min(image.shape) < LEAST_SIDE or max(image.shape) > most:
            height, width = image.shape
            raise ValueError(f"images.{number}: it has {height} x {width} pixels; send it as a PNG file")
        of_size[image.shape].append(number)
    framed: dict[int, np.ndarray] = {}
    starts = [(alike, start) for alike in of_size.values() for start in range(0, len(alike), FRAMED_TOGETHER)]
    for numbers in (alike[start : start + FRAMED_TOGETHER] for alike, start in starts):
        ink = np.stack([images[number] / np.float32(max(full_ink, images[number].max())) for number in numbers])
        try:
            found = np.rint(full_ink * frame_ink(ink, frame)).astype(np.uint16)
        except NoInkError as error:
            raise ValueError(f"images.{numbers[error.place]}: {error}") from None
        framed |= zip(numbers, found, strict=True)
    return framed


def _refuse_many(service: Service, count: int) -> None:
    if count > service.choices.batch_images:
        raise HTTPException(413, f"a request may hold {service.choices.batch_images} images, found {count}")


async def _respond(
    service: Service, model: Production, digit_ids: list[str], images: np.ndarray, framed: set[int]
) -> Response:
    images = images.astype(np.min_scalar_type(model.form.full_ink))
    probabilities = await service.answer(digit_ids, images, model)
    classes = model.model.classes_
    names = [str(name) for name in classes]
    best, sure_from = probabilities.argmax(axis=1), model.choices.answers.sure_from
    predictions = []
    for number, (place, row) in enumerate(zip(best, probabilities.tolist(), strict=True)):
        prediction, unsure = classes[place].item(), row[place] < sure_from
        service.figures.answers.labels(prediction).inc()
        service.figures.unsure.inc(unsure)
        entry = {
            "digit_id": digit_ids[number],
            "prediction": prediction,
            "confidence": row[place],
            "unsure": unsure,
            "probabilities": dict(zip(names, row, strict=True)),
        }
        predictions.append(entry | {"seen": images[number].tolist()} if number in framed else entry)
    body = {"model_version": model.version, "predictions": predictions}
    return Response(to_json(body), media_type="application/json")


def _ending(content: bytes) -> str | None:
    """Tell by its first bytes how the name of an image file ends, if it is one that is read."""
    return next((ending for sign, ending in SIGNS.items() if content.startswith(sign)), None)


def _json(body: bytes, charset: bytes) -> bytes:
    """Refuse JSON in another charset than it may have, and take off the mark that some callers set before it."""
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
    message = "Input should be a valid integer" if first["type"] in NOT_WHOLE else first["msg"]
    if isinstance(found, bool | int | float | str | None) and first["loc"]:
        message += f", found {to_json(found, inf_nan_mode='constants').decode()[:LONGEST_FOUND]}"
    return f"{place}: {message}"[:300]
