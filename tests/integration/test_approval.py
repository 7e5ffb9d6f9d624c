"""Campaigns of many members: they wait for a second person, whatever somebody tries meanwhile."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from dispatcher import Actor, Campaign, Dispatcher, ImpossibleInState
from dispatcher.books import upkeep
from dispatcher.books.upkeep import Duty
from dispatcher.cli.send import committed as told_of
from dispatcher.settings import Settings
from dispatcher.verbs.rehearsing import Rehearsal
from tests.integration.builders import TERMS, Books
from tests.integration.racing import race

MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
WAITS = "It waits for the approval of a second person"


@pytest.fixture
def settings(database_url: str, broker_url: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        database_url=database_url,
        broker_url=broker_url,
        redis_url=broker_url,
        approval_members=10,
    )


@pytest.fixture
def books(engine: Engine) -> Books:
    return Books(engine)


@pytest.fixture
def verbs(settings: Settings, engine: Engine) -> Dispatcher:
    return Dispatcher(settings, engine)


def acting(verbs: Dispatcher, name: str, via: str = "console") -> Dispatcher:
    return verbs.acting_as(Actor(name, via))


def order(verbs: Dispatcher, members: int, **options: object) -> Campaign:
    audience = [{"userId": f"user{number}"} for number in range(members)]
    told = {"app_id": "app", "message": MESSAGE, "audience": audience, **options}
    return verbs.show(verbs.enqueue(**told))  # type: ignore[arg-type]


def test_a_dry_run_says_that_it_would_wait(verbs: Dispatcher, books: Books) -> None:
    def looked(members: int) -> Rehearsal:
        audience = [{"userId": f"user{number}"} for number in range(members)]
        anna = acting(verbs, "anna")
        return anna.dry_run(app_id="app", message=MESSAGE, audience=audience)

    assert [looked(10).awaits_approval, looked(11).awaits_approval] == [False, True]
    (warning,) = [each for each in looked(11).warnings if "approval" in each]
    assert "somebody else than anna" in warning
    assert not verbs.list()


def test_whoever_sends_is_told_that_it_waits(verbs: Dispatcher) -> None:
    made: list[Campaign] = []
    few = order(acting(verbs, "anna"), 10, committed=made.append)
    many = order(acting(verbs, "boris"), 11, committed=made.append)
    assert [told_of(campaign) for campaign in made] == [
        f"Campaign {few.id}: 10 members in 1 chunk.",
        f"Campaign {many.id}: 11 members in 1 chunk. {WAITS}: `dispatcher approve {many.id[:8]}`, "
        "by somebody else than boris.",
    ]


def test_it_waits_until_somebody_else_approves_it(verbs: Dispatcher, books: Books) -> None:
    anna, boris = acting(verbs, "anna"), acting(verbs, "boris")
    few, many = order(anna, 10), order(acting(verbs, "carl"), 11, notify="https://1.1.1.1/hook")
    assert (few.state, few.awaits_approval) == ("running", False)
    assert (many.state, many.awaits_approval, many.started_at) == ("paused", True, None)
    assert many.reason == f"{WAITS}."
    assert many.held is not None
    assert many.held.words == (
        f"{WAITS}: `dispatcher approve {many.id[:8]}`, by somebody else than carl."
    )
    told = verbs.explain(many.id)
    assert told.waits_for[0].startswith("the approval of a second person: `dispatcher approve")
    assert told.remedies[0] == f"`dispatcher approve {many.id[:8]}`, by somebody else than carl"
    with pytest.raises(ImpossibleInState, match=r"resumed like that\. It waits for the"):
        boris.resume(many.id)
    with pytest.raises(ImpossibleInState, match="was ordered by carl: it takes a second"):
        acting(verbs, "carl").approve(many.id)

    approved = boris.approve(many.id)
    assert (approved.state, approved.awaits_approval, approved.reason) == ("running", False, None)
    assert approved.started_at is not None
    with pytest.raises(ImpossibleInState, match="is running, and waits for nobody's approval"):
        boris.approve(many.id)
    noted = [(act.actor, act.verb) for act in verbs.log(many.id)]
    assert noted == [("boris", "approve"), ("carl", "send")]
    assert any(
        event.what.startswith("approved by boris") for event in verbs.explain(many.id).happened
    )
    events = [event.type for event in verbs.webhooks(many.id)]
    assert events == ["campaign.resumed", "campaign.paused"]


def test_what_is_for_later_is_scheduled_once_it_is_approved(
    verbs: Dispatcher, books: Books
) -> None:
    later = books.now() + timedelta(hours=1)
    waiting = order(acting(verbs, "anna"), 11, send_at=later)
    assert waiting.state == "paused"
    assert acting(verbs, "boris").approve(waiting.id).state == "scheduled"


def test_several_campaigns_of_a_day_count_together(verbs: Dispatcher, books: Books) -> None:
    anna, boris = acting(verbs, "anna"), acting(verbs, "boris")
    first = order(anna, 6)
    assert not first.awaits_approval
    second = order(anna, 5)
    assert second.awaits_approval
    assert not order(boris, 6).awaits_approval
    boris.approve(second.id)
    assert not order(anna, 4).awaits_approval
    anna.cancel(first.id)
    assert not order(acting(verbs, "Anna@laptop", "cli"), 6).awaits_approval
    assert order(acting(verbs, "Anna@laptop", "cli"), 1).awaits_approval
    books.run("UPDATE campaign SET created_at = created_at - interval '25 hours'")
    assert not order(anna, 10).awaits_approval


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0130lker@laptop", "i\u0307lker@server"),
        ("STRASSE@laptop", "stra\u00dfe@server"),
        ("Zo\u00cb@laptop", "zoe\u0308@server"),
    ],
)
def test_names_of_all_scripts_count_as_one_person_s(
    verbs: Dispatcher, one: str, other: str
) -> None:
    assert not order(acting(verbs, one, "cli"), 6).awaits_approval
    waiting = order(acting(verbs, other, "cli"), 5)
    assert waiting.awaits_approval
    with pytest.raises(ImpossibleInState, match="may be the same person"):
        acting(verbs, one, "cli").approve(waiting.id)


def test_many_at_once_gain_nothing(verbs: Dispatcher) -> None:
    made = race(*[lambda: order(acting(verbs, "anna"), 4)] * 4)
    assert sorted(each.awaits_approval for each in made) == [False, False, True, True]


@pytest.mark.parametrize(
    ("ordered", "approves"),
    [
        (Actor("anna", "console"), Actor("Anna@laptop", "cli")),
        (Actor("anna@laptop", "library"), Actor("anna", "api")),
        (Actor("shop", "api"), Actor("anna", "console")),
        (Actor("anna", "console"), Actor("shop", "api")),
    ],
)
def test_one_person_has_several_names(verbs: Dispatcher, ordered: Actor, approves: Actor) -> None:
    acting(verbs, "anna@laptop", "cli").token_add("shop", "operator")
    waiting = order(verbs.acting_as(ordered), 11)
    with pytest.raises(ImpossibleInState, match="may be the same person"):
        verbs.acting_as(approves).approve(waiting.id)
    assert acting(verbs, "boris").approve(waiting.id).state == "running"


def test_what_expired_unapproved_still_waits_when_it_is_ordered_again(
    verbs: Dispatcher, books: Books
) -> None:
    soon = books.now() + timedelta(hours=1)
    waiting = order(acting(verbs, "anna"), 11, expires_at=soon, canary=2, max_error_rate=0.5)
    books.run("UPDATE campaign SET expires_at = now() - interval '1 s' WHERE awaits_approval")
    books.do(upkeep.fulfil, Duty.EXPIRE, [UUID(waiting.id)], TERMS)
    assert verbs.show(waiting.id).state == "expired"
    again = acting(verbs, "anna").retry(waiting.id, "expired")
    assert (again.state, again.reason, again.awaits_approval) == ("paused", f"{WAITS}.", True)
    with pytest.raises(ImpossibleInState):
        acting(verbs, "anna").resume(waiting.id)
    with pytest.raises(ImpossibleInState):
        acting(verbs, "anna").accept_canary(waiting.id)
    assert acting(verbs, "boris").approve(waiting.id).state == "running"


def test_no_statement_lets_it_run_unapproved(verbs: Dispatcher, books: Books) -> None:
    order(acting(verbs, "anna"), 11)
    with pytest.raises(IntegrityError, match="unapproved_does_not_run"), books.engine.begin() as it:
        it.execute(text("UPDATE campaign SET state = 'running'"))


def test_nobody_is_asked_where_nothing_is_set(settings: Settings, engine: Engine) -> None:
    verbs = Dispatcher(replace(settings, approval_members=None), engine)
    assert order(verbs, 50).state == "running"
    all_of_them = Dispatcher(replace(settings, approval_members=0), engine)
    assert order(all_of_them, 1).awaits_approval


def test_a_cancelled_one_is_approved_by_nobody(verbs: Dispatcher) -> None:
    waiting = order(acting(verbs, "anna"), 11)
    acting(verbs, "anna").cancel(waiting.id)
    with pytest.raises(ImpossibleInState, match="is cancelled, and waits for nobody's approval"):
        acting(verbs, "boris").approve(waiting.id)
