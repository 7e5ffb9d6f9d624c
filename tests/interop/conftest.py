"""Debian's servers, and stages whose workers reach the others through them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from dispatcher.books.session import make_engine
from tests.faults.conftest import mortal_template, mortals, stage
from tests.interop.rabbitmq import RabbitMq, running_rabbitmq
from tests.sandbox_process import running_push_api

__all__ = ["mortal_template", "mortals", "stage"]


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A RabbitMQ for the whole run; who stops it starts it again."""
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture
def vhost(rabbitmq: RabbitMq) -> Iterator[str]:
    """A vhost with nothing in it."""
    with rabbitmq.vhost() as name:
        yield name


@pytest.fixture
def amqp_url(rabbitmq: RabbitMq, vhost: str) -> str:
    """The broker's URL of a vhost with nothing in it."""
    return rabbitmq.url(vhost)


@pytest.fixture
def surroundings(environment: dict[str, str], amqp_url: str) -> Iterator[dict[str, str]]:
    """The environment of a worker that can send."""
    with running_push_api() as vendor:
        yield environment | {
            "DISPATCHER_BROKER_URL": amqp_url,
            "DISPATCHER_PUSH_API_URL": vendor.url,
        }


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The database of a worker on RabbitMQ."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()
