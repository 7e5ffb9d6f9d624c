"""The chunk job on procrastinate, which wants its application in a module of its own."""

import procrastinate

from benchmarks import campaign
from benchmarks.contestants import job

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=campaign.database_url()))


@app.task(name="deliver")  # type: ignore[untyped-decorator]
def deliver(sequence: int) -> None:
    """One chunk."""
    job.deliver(sequence)
