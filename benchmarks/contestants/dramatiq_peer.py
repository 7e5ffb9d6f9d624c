"""The chunk job on dramatiq; `python -m benchmarks.contestants.dramatiq_peer N` publishes it."""

import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks import campaign
from benchmarks.contestants import job

broker = RedisBroker(url=campaign.broker_url())
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=0)  # type: ignore[untyped-decorator]
def deliver(sequence: int) -> None:
    """One chunk."""
    job.deliver(sequence)


if __name__ == "__main__":
    with campaign.Publishing():
        for number in range(1, int(sys.argv[1]) + 1):
            deliver.send(number)
