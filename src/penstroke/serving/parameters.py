"""The choices of the service."""

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
    """What the service takes, how long it waits, and what it keeps (``serving``)."""

    allowed_hosts: list[Annotated[str, AfterValidator(_host)]] = Field(
        description="names by which a browser or program may call it, beside that of --host"
    )
    root_path: Annotated[str, AfterValidator(_root_path)] = Field(
        description="path below which a proxy offers it, such as /answers, whether the proxy strips it or not; or empty"
    )
    requests: int = Field(ge=1, description="requests that are dealt with at once; further ones are told to come again")
    body_bytes: int = Field(ge=1000, description="what a request may hold")
    batch_images: int = Field(ge=1, description="rows or files in one request")
    queue_images: int = Field(ge=1, description="rows that may wait; further ones are told to come again")
    picture_counts: int = Field(ge=1, description="queue slots that one file takes")
    chunk_images: int = Field(ge=1, description="rows that the model is asked about at once, of whatever requests")
    head_timeout_s: float = Field(gt=0, description="for the head of a request, and between two of them")
    body_timeout_s: float = Field(gt=0, description="for the whole of a body")
    answer_timeout_s: float = Field(gt=0, description="for an answer")
    retry_after_s: int = Field(ge=1, description="when those who were told to come again may")
    threads: int = Field(ge=1, description="of the numerical libraries")
    look_every_s: float = Field(gt=0, description="how often a new production model is looked for")
    keep: bool = Field(description="whether what was answered is kept, for monitoring")
    flush_every_s: float = Field(gt=0, description="how often that is written")
    kept_rows: int = Field(ge=1, description="rows that wait to be written, and so of a file; the oldest go")
    kept_files: int = Field(ge=1, description="files that are kept of it; the oldest go")
    inbox_files: int = Field(ge=1, description="labelled files that wait to be learned; further ones are refused")

    def at(self, host: str) -> Self:
        """Allow the host at which the service listens, too, unless it stands for every address of the machine."""
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
