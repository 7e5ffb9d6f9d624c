"""Which text a request carries."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

from dispatcher.books.variants import NewVariant
from tests.workers.books import chunk, make_campaign
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http
from tests.workers.sending import result
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
Serve = Callable[[Script], ScriptedServer]

ACCEPTED = http(result(audience=1, successful=1, erroneous=0))
VARIANTS = (
    NewVariant("a", 0.5, "test-a", '{"ios":{"payload":{"text":"Hello"}}}', 2),
    NewVariant("b", 0.5, "test-b", '{"ios":{"payload":{"text":"Hallo"}}}', 1),
)


def test_each_chunk_is_sent_the_text_and_the_tag_of_its_variant(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    bodies: list[dict[str, Any]] = []

    def keep(peer: Peer) -> None:
        while True:
            bodies.append(json.loads(peer.read_request()[1]))
            peer.send(ACCEPTED)

    campaign = make_campaign(engine, chunks=3, campaign_tag="test", variants=VARIANTS)
    with engine.begin() as connection:
        connection.execute(text("UPDATE chunk SET variant = 2 - sequence % 2"))

    deliver_all(courier(serve(keep).url), campaign, [1, 2, 3])

    assert [chunk(engine, campaign, number).state for number in (1, 2, 3)] == ["delivered"] * 3
    sent = [(body["campaign_tag"], body["ios"]["payload"]["text"]) for body in bodies]
    assert sent == [("test-a", "Hello"), ("test-b", "Hallo"), ("test-a", "Hello")]
