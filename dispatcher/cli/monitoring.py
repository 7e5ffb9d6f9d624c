"""The verb metrics: the books' metrics for Prometheus."""

import signal

import click

from dispatcher.cli.context import context_of, say
from dispatcher.settings import Listening


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=9464, help="0: any port that is free."
)
@click.option(
    "--host", default="127.0.0.1", help="Who else may ask: 0.0.0.0 lets every network do it."
)
@click.pass_context
def metrics(ctx: click.Context, port: int, host: str) -> None:
    """Serve the books' metrics for Prometheus, until it is stopped.

    They are of the whole deployment: one of these is enough, and what several say is never summed.
    Workers serve their own at DISPATCHER_METRICS_PORT. While the database is away it says
    `dispatcher_up 0`.

    Example: dispatcher metrics --port 9464
    """
    settings = context_of(ctx).settings()
    settings.require_database_url()
    from dispatcher.extras import require_metrics
    from dispatcher.metrics.serving import serve

    require_metrics()
    from dispatcher.metrics.exporter import BooksExporter

    url = serve(BooksExporter(settings), Listening(host, port), "--port, --host")
    say(f"The books' metrics are at {url}.")
    signal.pause()
