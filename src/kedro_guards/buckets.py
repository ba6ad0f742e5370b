"""Object stores: the old object stays until the new one is complete, and no bucket is made by mistake.

``GuardHooks`` registers :class:`AtomicS3FileSystem` with fsspec by its name, so s3fs is imported only for ``s3://``.
"""

from typing import Any

from s3fs import S3FileSystem
from s3fs.core import S3File

from .files import AtomicOpen, only_reads


class AtomicS3FileSystem(AtomicOpen, S3FileSystem):  # type: ignore[misc]
    """s3fs, whose files are discarded when their ``with`` block ends by an error; s3fs itself would complete them.

    Listings are not kept, since other machines write too. A store that cannot be reached is given up after seconds.
    """

    protocol = ("s3", "s3a")
    retries = 2  # by s3fs itself, so not by botocore, too
    read_timeout = 10

    def __init__(self, *arguments: Any, config_kwargs: dict[str, Any] | None = None, **options: Any) -> None:
        config = {"retries": {"total_max_attempts": 1}} | (config_kwargs or {})
        options.pop("auto_mkdir", None)  # of local files
        super().__init__(*arguments, config_kwargs=config, **{"use_listings_cache": False} | options)

    async def set_session(self, *arguments: Any, **options: Any) -> Any:
        """Connect as s3fs does, but never wait for ``100 Continue``: that wait has no time-out."""
        client = await super().set_session(*arguments, **options)
        client.meta.events.register("request-created.s3", _expect_nothing, unique_id="expect-nothing")
        return client

    def _open(self, path: str, mode: str = "rb", **options: Any) -> S3File:
        file = super()._open(path, mode, **options)
        if not only_reads(mode):
            file.__class__ = AtomicS3File  # s3fs offers no way to name the class of its files
        return file

    def mkdir(self, path: str, *_: Any, **__: Any) -> None:
        """Do nothing: a store has no folders, and its owner makes the buckets. s3fs would make a misspelt bucket."""

    def makedirs(self, path: str, *_: Any, **__: Any) -> None:
        """Do nothing, as ``mkdir``."""


def _expect_nothing(request: Any, **_: Any) -> None:
    del request.headers["Expect"]


class AtomicS3File(S3File):  # type: ignore[misc]
    """An object that is being written."""

    def discard(self) -> None:
        """Drop what was written, and leave the old object alone."""
        super().discard()
        self.closed = True  # otherwise the end of the object in Python would complete it

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Complete the object, or discard it if an error ended the block."""
        self.close() if kind is None else self.discard()
