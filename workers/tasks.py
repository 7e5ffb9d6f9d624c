"""Celery's tasks, which are shells: decode, call, return."""

import logging

from dispatcher.publishing import DELIVER
from workers import wiring
from workers.app import app
from workers.deliver import deliver_all
from workers.screening import NotOurs, chunks_of

log = logging.getLogger("dispatcher.reception")


@app.task(name=DELIVER)  # type: ignore[untyped-decorator]
def deliver(campaign_id: object, chunks: object) -> None:
    """Work off the chunks of one message; one that is not ours is told, and left."""
    try:
        campaign, sequences = chunks_of(campaign_id, chunks)
    except NotOurs as found:
        log.warning("A task that is not ours was dropped: %s.", found)
    else:
        deliver_all(wiring.current().courier, campaign, sequences)
