"""The project's commands. Only Kedro's command line imports this module."""

import click
from kedro.framework.cli.utils import env_option
from kedro.framework.project import settings

from kedro_guards.cli import cli
from kedro_guards.commands import conf_source_option
from kedro_guards.errors import Command
from kedro_guards.files import shown
from kedro_guards.printing import say
from kedro_guards.receipts import path_of
from penstroke.tracking import TrackingHooks


@cli.command(cls=Command)
@click.option("--env", "-e", help="Environment whose production model is served.")
@conf_source_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 finds a free one."
)
@click.option("--verbose", is_flag=True, help="Show the whole traceback of an error.")
def serve(env: str | None, conf_source: str | None, host: str, port: int, verbose: bool) -> None:  # noqa: ARG001
    """Serve the production model over HTTP."""
    from penstroke.serving.command import serve as serve_model  # noqa: PLC0415 # slow to import; other commands skip it

    serve_model(env, host, port, conf_source)


@cli.command(cls=Command)
@env_option
@conf_source_option
def rollback(env: str | None, conf_source: str | None) -> None:
    """Restore the production model that the last promotion replaced."""
    session = settings.SESSION_CLASS.create(env=env, conf_source=conf_source)
    with session, session.holding({"production_model"}):
        context = session.load_context()
        catalog = context.catalog
        catalog.get("production_model").bring_back()
        hooks = TrackingHooks()
        hooks.after_context_created(context)
        hooks.after_rollback(catalog)
    say(f"production_model is the previous one again: {shown(str(path_of(catalog['production_model'])))}")
