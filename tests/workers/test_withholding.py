"""Who is put on the standing list while a campaign runs gets nothing from what is still unsent."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.audience.hashes import hashes_of
from dispatcher.books import audit, standing, transitions
from dispatcher.books.session import transaction
from dispatcher.lifecycle import ChunkState
from tests.sandbox_process import PushApi
from tests.workers.books import chunk, make_campaign, member, rows, show
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
ANNA, BOB, EVE, LEO, ZOE = ({"userId": name} for name in ("anna", "bob", "eve", "leo", "zoe"))


def opt_out(engine: Engine, *members: dict[str, str]) -> None:
    """Put these on the list of the campaigns' app."""
    with transaction(engine) as connection:
        key = standing.key(connection)
        hashes = {each for one in members for each in hashes_of(one, key)}
        standing.add(connection, "sandbox-app", hashes)


def campaign_of(engine: Engine, *packs: list[dict[str, str]]) -> UUID:
    """A running campaign of these chunks."""
    campaign = make_campaign(engine, len(packs))
    for sequence, pack in enumerate(packs, 1):
        rows(
            engine,
            "UPDATE chunk SET members = :members, size = :size"
            " WHERE campaign_id = :id AND sequence = :sequence",
            members=json.dumps(pack),
            size=len(pack),
            id=campaign,
            sequence=sequence,
        )
    total = sum(map(len, packs))
    rows(
        engine,
        "UPDATE campaign SET members_total = :n, members_remaining = :n, input_read = :n"
        " WHERE id = :id",
        n=total,
        id=campaign,
    )
    return campaign


def summed(engine: Engine, campaign: UUID) -> Any:
    """The campaign after a rollup, whose books are sound."""
    with transaction(engine) as connection:
        transitions.roll_up(connection, campaign)
    with transaction(engine) as connection:
        assert audit.verify(connection, campaign, timedelta(seconds=600)).findings == ()
    return show(engine, campaign)


def test_whoever_opted_out_meanwhile_is_taken_out_before_the_first_request(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = campaign_of(engine, [ANNA, BOB, EVE], [ZOE], [LEO])
    opt_out(engine, ANNA, ZOE)

    deliver_all(courier(vendor.url), campaign, [1, 2, 3])

    assert [vendor.pushes(one) for one in (ANNA, BOB, EVE, LEO, ZOE)] == [[0], [1], [1], [1], [0]]
    first, second = chunk(engine, campaign), chunk(engine, campaign, 2)
    assert (first.state, first.size, first.withheld, first.audience) == ("delivered", 3, 1, 2)
    assert json.loads(first.members) == [BOB, EVE]
    assert (second.state, second.withheld, second.members) == ("withheld", 1, "[]")
    shown = summed(engine, campaign)
    assert (shown.state, shown.members.delivered, shown.members.withheld) == ("completed", 3, 2)
    assert (shown.chunks.delivered, shown.chunks.withheld, shown.members.failed) == (2, 1, 0)
    (attempt,) = rows(engine, "SELECT * FROM attempt WHERE sequence = 2")
    assert (attempt.outcome, attempt.chunk_state) == ("withheld", "withheld")


def test_what_may_have_been_sent_keeps_its_bytes(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = campaign_of(engine, [ANNA, BOB])
    rows(
        engine,
        "UPDATE chunk SET attempt = 1, claimed_at = now(), claimed_by = 'w',"
        " in_doubt_since = now()",
    )
    rows(
        engine,
        "INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at,"
        " outcome, chunk_state) SELECT campaign_id, sequence, 1, 1, 'w', now(), 'in_doubt',"
        " 'pending' FROM chunk",
    )
    opt_out(engine, ANNA)

    deliver_all(courier(vendor.url), campaign, [1])

    assert vendor.pushes(ANNA) == [1]
    assert summed(engine, campaign).members.withheld == 0


def test_who_opted_out_gets_nothing_though_the_first_worker_died_before_it_looked(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = campaign_of(engine, [ANNA, BOB])
    opt_out(engine, ANNA)
    with transaction(engine) as connection:
        transitions.exchange(
            connection,
            {},
            [(campaign, 1)],
            worker="dead",
            lease=timedelta(0),
            window=timedelta(minutes=9),
        )
    with transaction(engine) as connection:
        transitions.take_back_lost_leases(connection)

    deliver_all(courier(vendor.url), campaign, [1])

    assert (vendor.pushes(ANNA), vendor.pushes(BOB)) == ([0], [1])
    assert summed(engine, campaign).members.withheld == 1


def test_a_retry_obeys_the_list(courier: Couriers, vendor: PushApi, engine: Engine) -> None:
    campaign = campaign_of(engine, [ANNA, BOB])
    rows(engine, "UPDATE chunk SET state = 'rejected', settled_at = now(), published_at = NULL")
    opt_out(engine, ANNA)
    with transaction(engine) as connection:
        transitions.retry(connection, campaign, ChunkState.REJECTED)

    deliver_all(courier(vendor.url), campaign, [1])

    assert (vendor.pushes(ANNA), vendor.pushes(BOB)) == ([0], [1])
    assert summed(engine, campaign).members.withheld == 1


def test_without_a_look_at_the_list_nothing_is_sent(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = campaign_of(engine, [ANNA, BOB])
    opt_out(engine, ANNA)
    rows(engine, "ALTER TABLE standing RENAME TO gone")

    deliver_all(courier(vendor.url), campaign, [1])

    (attempt,) = rows(engine, "SELECT * FROM attempt")
    assert attempt.outcome == "not_sent"
    assert attempt.error.startswith("The standing list cannot be looked at: ")
    assert chunk(engine, campaign).in_doubt_since is None
    assert vendor.pushes(BOB) == [0]


def test_another_apps_list_costs_one_look(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, 3)
    with transaction(engine) as connection:
        standing.add(connection, "another", [1])
    rows(engine, "ALTER TABLE standing RENAME TO gone")  # what is not looked at is not missed
    ours = courier(vendor.url)

    deliver_all(ours, campaign, [1, 2, 3])

    assert [len(vendor.pushes(member(n))) for n in (1, 2, 3)] == [1, 1, 1]
    assert show(engine, campaign).members.withheld == 0
