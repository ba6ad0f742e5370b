"""Parameters of the service."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from kedro_guards.parameters import Parameters

from .hosts import UNSPECIFIED, host_name


def _host(text: str) -> str:
    if name := host_name(text):
        return name
    raise ValueError(f"{text!r} is no name of a host; write one such as answers.example.org, without https://")


def _root_path(text: str) -> str:
    if re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path := f"/{text.strip('/')}".rstrip("/")):
        return path
    raise ValueError(f"{text!r} is no path; write one such as /answers")


class Serving(Parameters):
    """Limits and times of the service, and what it stores (``serving``)."""

    allowed_hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        description="host names that requests may use, in addition to --host"
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        description="path prefix of a proxy, such as /answers, whether or not the proxy removes it; or empty"
    )
    requests: int = Field(ge=1, description="largest number of concurrent requests; further ones get a 503")
    body_bytes: int = Field(ge=1000, description="largest body of a request")
    batch_images: int = Field(ge=1, description="largest number of rows or files in a request")
    queue_images: int = Field(ge=1, description="size of the queue, in rows; requests that do not fit get a 503")
    picture_counts: int = Field(ge=1, description="queue slots that one file takes")
    chunk_images: int = Field(ge=1, description="largest number of rows per call of the model, from several requests")
    head_timeout_s: float = Field(gt=0, description="time limit for the head of a request, and for idle connections")
    body_timeout_s: float = Field(gt=0, description="time limit for the body of a request")
    answer_timeout_s: float = Field(gt=0, description="time limit for an answer")
    retry_after_s: int = Field(ge=1, description="Retry-After of a 503")
    threads: int = Field(ge=1, description="threads of the numerical libraries")
    look_every_s: float = Field(gt=0, description="interval of checks for a new production model")
    keep: bool = Field(description="whether rows and predictions are stored, for monitoring")
    flush_every_s: float = Field(gt=0, description="interval of writing them")
    kept_rows: int = Field(ge=1, description="rows in memory until they are written; the oldest are dropped")
    kept_files: int = Field(ge=1, description="stored files; the oldest are removed")
    inbox_files: int = Field(ge=1, description="largest number of files in the inbox; further feedback is refused")

    def at(self, host: str) -> Self:
        """Allow the host at which the service listens as well, unless it means all addresses of the machine."""
        own = {host_name(host)} - set(UNSPECIFIED)
        return self.model_copy(update={"allowed_hosts": [*self.allowed_hosts, *own]})

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.queue_images < max(self.batch_images, self.picture_counts):
            raise ValueError(
                f"queue_images is {self.queue_images}, less than one request may need "
                f"({max(self.batch_images, self.picture_counts)}); raise it"
            )
        return self
