"""`amqps://`: RabbitMQ behind TLS is reached by who trusts its authority, and by nobody else."""

from contextlib import closing
from uuid import uuid4

import pytest

from dispatcher.errors import BrokerUnavailable
from dispatcher.publishing import Batch, Bell, producer
from dispatcher.settings import read_settings
from tests.certificates import Authority
from tests.tls_road import tls_before


def test_rabbitmq_is_reached_by_who_trusts_its_authority(
    environment: dict[str, str], amqp_url: str, certificate_authority: Authority
) -> None:
    with tls_before(amqp_url, certificate_authority.issue("DNS:localhost")) as road:
        trusted = road.url("amqps", options=f"ssl_ca_certs={certificate_authority.path}")
        reach(environment, trusted)
        assert road.heard != b""
        heard = len(road.heard)
        with pytest.raises(BrokerUnavailable, match="ssl_ca_certs"):
            reach(environment, road.url("amqps"))
        assert len(road.heard) == heard
        reach(environment, road.url("amqps", options="ssl_cert_reqs=none"))


def reach(environment: dict[str, str], url: str) -> None:
    settings = read_settings(environment | {"DISPATCHER_BROKER_URL": url})
    with closing(Bell(producer(settings))) as bell:
        bell.ring([Batch(uuid4(), (1,))])
