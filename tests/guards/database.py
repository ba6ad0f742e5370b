"""A PostgreSQL server for tests, by the programs that ``PENSTROKE_POSTGRES`` names the folder of."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .missing import missing
from .store import free_port

PASSWORD = "canarypassword"  # noqa: S105


class Database:
    """A server on 127.0.0.1, with the database ``shop`` of the user ``owner``. Its log has each statement."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self.port = programs, folder, free_port()
        # PostgreSQL refuses to run as root
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        rights = ["--username=postgres", f"--pwfile={folder}/password", "--auth=scram-sha-256"]
        self._run("initdb", "--no-sync", "--locale=C", "--encoding=UTF8", *rights).wait(60)
        self.start()
        self.ask("CREATE ROLE owner LOGIN PASSWORD 'canarypassword'", database="postgres")
        self.ask("CREATE DATABASE shop OWNER owner", database="postgres")

    @property
    def credentials(self) -> dict[str, str]:
        """As they stand in ``credentials.yml``."""
        return {"host": "127.0.0.1", "port": str(self.port), "user": "owner", "password": PASSWORD, "dbname": "shop"}

    @property
    def environment(self) -> dict[str, str]:
        """The same as libpq's environment variables."""
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
        return {names[name]: value for name, value in self.credentials.items()}

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, "-D", self._folder / "data", *arguments],
                cwd=self._folder,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                extra_groups=[],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings |= {"log_statement": "all"}
        self._server = self._run("postgres", *(f"--{name}={value}" for name, value in settings.items()))
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("SELECT 1", database="postgres")
                return
            except Exception:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise RuntimeError(self.log) from None
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server; by SIGQUIT at once, as a power cut does."""
        self._server.send_signal(how)
        self._server.wait(60)

    def connect(self, **changes: str) -> Any:
        """Connect as the superuser; each statement is a transaction."""
        import psycopg  # noqa: PLC0415 # an extra

        return psycopg.connect(**self.credentials | {"user": "postgres"} | changes, autocommit=True)

    def ask(self, statement: str, database: str = "shop") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, and return the rows."""
        with self.connect(dbname=database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


@contextmanager
def postgres() -> Iterator[Database]:
    """Start a server."""
    programs = os.environ.get("PENSTROKE_POSTGRES")
    if not programs:
        missing("PENSTROKE_POSTGRES names no folder of PostgreSQL's programs, initdb and postgres")
    try:
        import psycopg  # noqa: F401, PLC0415
    except ImportError:
        missing("psycopg is not installed; requirements-postgres.txt has it")
    folder = Path(tempfile.mkdtemp())
    database = None
    try:
        database = Database(Path(programs), folder)
        yield database
    finally:
        if database:
            database.stop()
        shutil.rmtree(folder, ignore_errors=True)
