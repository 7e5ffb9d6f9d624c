"""Campaigns by way of RabbitMQ, as Debian ships it."""

from tests.faults.conftest import Stage


def test_a_campaign_goes_out_by_way_of_rabbitmq(stage: Stage, amqp_url: str) -> None:
    theatre = stage(None, broker_url=amqp_url)
    theatre.hire_one()

    verdict = theatre.ended(theatre.enqueue(20), within=60)

    assert not verdict.broken
    assert verdict.members.delivered == 20_000
