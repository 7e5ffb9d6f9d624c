"""Celery's tasks, which are shells: decode, call, return."""

from uuid import UUID

from dispatcher.publishing import DELIVER
from workers import wiring
from workers.app import app
from workers.deliver import deliver_all


@app.task(name=DELIVER)  # type: ignore[untyped-decorator]
def deliver(campaign_id: str, chunks: list[int]) -> None:
    """Work off the chunks of one message."""
    deliver_all(wiring.current().courier, UUID(campaign_id), chunks)
