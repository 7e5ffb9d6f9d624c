"""Several accounts of the vendor: each with its own token and its own rest."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Engine

from dispatcher.settings import Secret
from tests.sandbox_process import PushApi
from tests.workers.books import chunk, make_campaign, member, show
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
Vendors = Callable[..., PushApi]


def holding(courier: Courier, **tokens: str) -> Courier:
    """The courier with these accounts' tokens."""
    secrets = {account: Secret(token) for account, token in tokens.items()}
    return replace(courier, settings=replace(courier.settings, tokens=secrets))


def test_each_account_sends_with_its_own_token(
    courier: Couriers, sandbox: Vendors, engine: Engine
) -> None:
    vendor = sandbox("--token", "token-of-games")
    both = holding(courier(vendor.url), default="wrong-token", games="token-of-games")
    ours, theirs = make_campaign(engine, account="games"), make_campaign(engine)
    deliver_all(both, ours, [1])
    deliver_all(both, theirs, [1])
    assert chunk(engine, ours).state == "delivered"
    assert vendor.pushes(member(1)) == [1]
    refused = show(engine, theirs)
    assert refused.state == "paused"
    assert "wrong-token" not in str(refused.reason)


def test_a_campaign_whose_account_has_no_token_pauses_with_the_variables_name(
    courier: Couriers, sandbox: Vendors, engine: Engine
) -> None:
    vendor = sandbox()
    campaign = make_campaign(engine, account="games")
    deliver_all(courier(vendor.url), campaign, [1])
    paused = show(engine, campaign)
    assert paused.state == "paused"
    assert "DISPATCHER_USER_TOKEN_GAMES is not set" in str(paused.reason)
    assert chunk(engine, campaign).published_at is None
    assert vendor.requests() == []


def test_an_account_that_rests_holds_no_other_up(
    courier: Couriers, sandbox: Vendors, engine: Engine
) -> None:
    vendor = sandbox("--retry-after", "30")
    both = holding(courier(vendor.url), default="sandbox-token", games="sandbox-token")
    resting, other = make_campaign(engine, chunks=2), make_campaign(engine, account="games")
    vendor.set_faults(next=[{"fault": "error_429"}])
    deliver_all(both, resting, [1, 2])
    deliver_all(both, other, [1])
    assert [chunk(engine, resting, n).state for n in (1, 2)] == ["pending", "pending"]
    assert chunk(engine, other).state == "delivered"
    assert len(vendor.requests()) == 2
