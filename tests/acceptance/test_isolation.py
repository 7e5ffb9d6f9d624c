"""Users whose value the vendor refuses: each costs a few requests, and nobody else their push."""

from typing import Any

import pytest

from dispatcher.books.failures import Failure
from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi

pytestmark = pytest.mark.usefixtures("house_worker")

CHUNKS = 5
MEMBERS = 1_000 * CHUNKS


def poison(push_api: PushApi, tokens: list[str], *, quote: bool = True) -> None:
    users = [{"token": token} for token in tokens]
    push_api.set_faults(poisoned=users, quote_poisoned=quote)


def told(house: Program, campaign: dict[str, Any]) -> tuple[list[Failure], str]:
    """Whom `failures` names, and what is explained.

    The books are sound.
    """
    with house.books() as books:
        assert not books.verify(campaign["id"]).findings
        named = [each for each in books.failures(campaign["id"]) if isinstance(each, Failure)]
        happened = books.explain(campaign["id"]).happened
    return named, "\n".join(event.what for event in happened)


@pytest.mark.parametrize(
    ("culprits", "quote", "lost", "most"),
    [
        ([2_417], True, False, 3),
        ([2_417], False, False, 20),
        ([2_417, 2_018], False, True, 2 * 20),
    ],
    ids=["one, quoted", "one, not quoted", "two, not quoted, with lost replies"],
)
def test_poisoned_users_are_rejected_alone_and_everybody_else_gets_it_once(
    house: Program, push_api: PushApi, culprits: list[int], quote: bool, lost: bool, most: int
) -> None:
    name = f"poison-{len(culprits)}-{quote}"
    tokens = reachable_tokens(name, MEMBERS)
    poisoned = [tokens[place] for place in culprits]
    poison(push_api, poisoned, quote=quote)
    if lost:
        push_api.set_faults(probabilities={"drop_after": 0.15, "error_500_before": 0.1})

    campaign = house.send(csv_of(house, f"{name}.csv", tokens))
    ended = house.until(campaign, "completed", within=60)

    members, ledger = ended["members"], push_api.ledger()
    well = MEMBERS - len(culprits)
    assert (members["rejected"], members["delivered"] + members["uncounted"]) == (
        len(culprits),
        well,
    )
    assert (ledger["devices"], ledger["twice"]) == (well, 0)
    assert sum(push_api.pushes(*({"token": token} for token in poisoned))) == 0
    requests = {request["pack_id"] for request in push_api.requests()}
    assert len(requests) <= CHUNKS + most
    named, explained = told(house, campaign)
    assert sorted(each.member["token"] for each in named) == sorted(poisoned)
    assert {(each.precision, each.code) for each in named} == {("member", 30)}
    assert "for users whose value alone the vendor refuses" in explained
    assert not any(token in explained for token in poisoned)


def test_hundreds_of_poisoned_users_cost_a_few_requests_and_pause_the_campaign(
    house: Program, push_api: PushApi
) -> None:
    tokens = reachable_tokens("hundreds", 20 * MEMBERS)
    poison(push_api, tokens[:1_000:2], quote=False)

    campaign = house.send(csv_of(house, "hundreds.csv", tokens))
    paused = house.until(campaign, "paused")

    refused = push_api.ledger()["refused"]
    assert refused.keys() == {"30"}
    # Seven where parts come back in turn; else three are halved to the end before the fourth is
    # heard of, ten times each. And what is on the wire with the last of them.
    assert refused["30"] <= 3 * 10 + 8
    assert "the message or the list is wrong" in paused["reason"]
    assert paused["reason"].endswith("(HTTP 400, code 30).")
    assert push_api.ledger()["twice"] == 0
    with house.books() as books:
        assert not books.verify(campaign["id"]).findings
        books.cancel(campaign["id"])
