"""Two deployments on one vhost of RabbitMQ; their rates are in one Redis."""

from pathlib import Path

from sqlalchemy import Engine

from dispatcher.books.session import make_engine
from tests.databases import fresh_database
from tests.interop.rabbitmq import RabbitMq
from tests.workers.neighbours import never_meet, outlives, two_deployments

QUEUE = "shop.push_2-eu"


def test_two_deployments_on_one_vhost_never_meet(
    surroundings: dict[str, str],
    engine: Engine,
    database_url: str,
    template_database: str,
    rabbitmq: RabbitMq,
    vhost: str,
    broker_url: str,
    tmp_path: Path,
) -> None:
    with fresh_database(database_url, template_database) as other_url:
        other_engine = make_engine(other_url)
        ours = surroundings | {"DISPATCHER_REDIS_URL": broker_url}
        other = ours | {"DISPATCHER_DATABASE_URL": other_url, "DISPATCHER_QUEUE": QUEUE}
        with two_deployments(ours, other, tmp_path) as (one, two):
            never_meet(one, engine, two, other_engine)
            strays = [name for name in names(rabbitmq, vhost) if not is_somebodys(name)]
            assert strays == []
            outlives(one, engine, two)
        other_engine.dispose()


def names(rabbitmq: RabbitMq, vhost: str) -> list[str]:
    """What stands on the vhost, but for what RabbitMQ itself puts there."""
    made = [
        thing["name"]
        for kind in ("queues", "exchanges")
        for thing in rabbitmq.ask("GET", f"{kind}/{vhost}")
    ]
    return [name for name in made if name and not name.startswith("amq.")]


def is_somebodys(name: str) -> bool:
    """Whether the name says whose it is; a worker's own has its host's name before that."""
    return any(queue in name for queue in ("dispatcher", QUEUE))
