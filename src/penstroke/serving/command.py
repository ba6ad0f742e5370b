"""The command ``kedro serve``."""

import errno
import gc
import io
import ipaddress
import logging
import os
import socket
import sys
from contextlib import suppress

import click
import uvicorn
from starlette.routing import Route
from threadpoolctl import threadpool_limits

from kedro_guards.config import configuration_of
from kedro_guards.files import shown

from .app import Service, build_app
from .hosts import host_name, link_to
from .middleware import AccessMiddleware, HeadTimeoutProtocol
from .model_store import ModelStore
from .parameters import Serving

TOKEN = "PENSTROKE_TOKEN"  # noqa: S105  # nosec B105 # name of the environment variable, not a token


def serve(env: str | None, host: str, port: int, conf_source: str | None = None) -> None:
    """Serve the production model of an environment until a signal ends the process.

    Raises:
        click.ClickException: there is no production model, the port is taken, or other machines can reach the host
            and there is no token.
    """
    host = host.removeprefix("[").removesuffix("]")
    token = os.environ.get(TOKEN) or None
    if not token and not _is_loopback(host):
        raise click.ClickException(f"{host} can be reached by others: set {TOKEN}, which callers must then send")
    listening = _listen(host, port)
    loader, project = configuration_of(env, conf_source)
    store = ModelStore(loader, project)
    choices = store.choices("serving", Serving).at(host)
    if store.is_empty():
        raise click.ClickException(
            f"there is no production model at {shown(store.place)}; make it by "
            f"`kedro run --pipelines=__default__,promotion{f' --env={env}' if env else ''}`"
        )
    with threadpool_limits(choices.threads):
        service = Service(store, store.load(), choices)
        app = build_app(service)
        routes = {route.path for route in app.routes if isinstance(route, Route)}
        guarded = AccessMiddleware(app, choices, token, service.metrics, routes)
        config = uvicorn.Config(
            guarded, http=HeadTimeoutProtocol, ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, timeout_keep_alive=choices.head_timeout_s,
            timeout_graceful_shutdown=10,
        )  # fmt: skip
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        gc.collect()
        gc.freeze()  # so that the garbage of large requests is collected without a look at all that was imported
        click.echo(f"model {service.model.version} serves at {link_to(host, listening.getsockname()[1])}", err=True)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # the signal that ends the process drops what is not written
        with suppress(KeyboardInterrupt):  # Ctrl-C has ended the server in good order
            uvicorn.Server(config).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    if host_name(host) == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"port {port} of {host} is taken; name another by --port") from None
        raise click.ClickException(
            f"port {port} of {host} cannot be served: {error.strerror}; name another --host or --port"
        ) from None
