"""The chunk job on procrastinate, which wants its application in a module of its own."""

import procrastinate

from benchmarks.contestants import job
from dispatcher import read_settings

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(
        conninfo=read_settings().require_database_url().replace("+psycopg2", "")
    )
)


@app.task(name="deliver")  # type: ignore[untyped-decorator]
def deliver(sequence: int) -> None:
    """One chunk."""
    job.deliver(sequence)
