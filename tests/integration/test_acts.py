"""Who did it: every verb that changes something leaves an act in the same transaction."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from sqlalchemy import Engine

from dispatcher import Act, Actor, Dispatcher, DispatcherError, OptionError
from dispatcher.books import acts, transitions, upkeep
from dispatcher.books.session import make_engine
from dispatcher.books.upkeep import Duty
from dispatcher.settings import Settings
from dispatcher.verbs import actors
from tests.integration.builders import (
    ACCEPTED,
    NOBODY_FOUND,
    REFUSED,
    TERMS,
    WRONG,
    Books,
    OneCampaign,
    raise_fence,
)

ANNA = Actor("anna@laptop", "library")
MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
TOMORROW = datetime.now(UTC) + timedelta(days=1)
PASSWORD = "correct horse battery"
ALWAYS = "mon-sun 00:00-24:00 UTC"
Verb = Callable[[Dispatcher], object]


@pytest.fixture
def settings(database_url: str, broker_url: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path, database_url=database_url, broker_url=broker_url, redis_url=broker_url
    )


@pytest.fixture
def anna(settings: Settings, engine: Engine) -> Dispatcher:
    return Dispatcher(settings, engine, ANNA)


def enqueue(it: Dispatcher, **options: object) -> str:
    members = [{"userId": "anna"}]
    told: dict[str, object] = {"notify": "https://1.1.1.1/hook"}
    order = {"app_id": "app", "message": MESSAGE, "audience": members, **told, **options}
    return it.enqueue(**order)  # type: ignore[arg-type]


CHANGING: dict[str, tuple[Verb, str, dict[str, object] | None, dict[str, object]]] = {
    "enqueue": (enqueue, "send", None, {"state": "running", "members": 1}),
    "pause": (
        lambda it: it.pause("last"),
        "pause",
        {"state": "running"},
        {"state": "paused"},
    ),
    "resume": (
        lambda it: it.resume("last"),
        "resume",
        {"state": "paused"},
        {"state": "running"},
    ),
    "rate": (lambda it: it.rate("last", 7), "rate", {"rate": None}, {"rate": 7.0}),
    "window": (
        lambda it: it.window("last", ALWAYS),
        "window",
        {"window": None},
        {"window": [ALWAYS]},
    ),
    "finish_by": (
        lambda it: it.finish_by("last", TOMORROW),
        "finish-by",
        {"finish_by": None},
        {"finish_by": TOMORROW.isoformat()},
    ),
    "adjust": (
        lambda it: it.adjust("last", window=None),
        "window",
        {"window": [ALWAYS]},
        {"window": None},
    ),
    "accept_canary": (
        lambda it: it.accept_canary(it.list("paused")[-1].id),
        "canary",
        {"state": "paused", "max_error_rate": 0.1},
        {"state": "running", "max_error_rate": None},
    ),
    "approve": (
        lambda it: it.approve(it.list("paused")[-1].id),
        "approve",
        {"state": "paused"},
        {"state": "running", "ordered_by": "otto"},
    ),
    "redeliver": (
        lambda it: it.redeliver("last", 1),
        "webhook redeliver",
        None,
        {"webhook": 1},
    ),
    "forget": (lambda it: it.forget("userId=anna"), "forget", None, {"chunks": 1}),
    "suppress_add": (
        lambda it: it.suppress_add("app", ["userId=boris"]),
        "suppress add",
        None,
        {"added": 1},
    ),
    "suppress_import": (
        lambda it: it.suppress_import("app", [{"userId": "carl"}, {"userId": "boris"}]),
        "suppress import",
        None,
        {"added": 1},
    ),
    "suppress_remove": (
        lambda it: it.suppress_remove("app", ["userId=boris", "userId=nobody"]),
        "suppress remove",
        None,
        {"removed": 1},
    ),
    "retry": (
        lambda it: it.retry(it.list("completed")[-1].id, "rejected"),
        "retry",
        {"state": "completed"},
        {"state": "running", "only": "rejected", "chunks": 1},
    ),
    "cancel": (
        lambda it: it.cancel(it.list("running")[-1].id),
        "cancel",
        {"state": "running"},
        {"state": "cancelled"},
    ),
    "resume_account": (
        lambda it: it.resume_account("default"),
        "account resume",
        {"hold_until": TOMORROW.isoformat(), "hold_reason": "it asked to wait"},
        {"hold_until": None, "hold_reason": None},
    ),
    "purge": (
        lambda it: it.purge(timedelta(0)),
        "purge",
        {"audience_kept": True},
        {"audience_kept": False},
    ),
    "token_add": (
        lambda it: it.token_add("shop", "viewer"),
        "console token add",
        None,
        {"token": "shop", "role": "viewer"},
    ),
    "token_remove": (
        lambda it: it.token_remove("shop"),
        "console token remove",
        {"token": "shop", "role": "viewer"},
        {"token": None},
    ),
    "sign_in_first": (
        lambda it: it.sign_in_first(),
        "console sign in",
        None,
        {"user": "anna@laptop"},
    ),
    "user_add": (
        lambda it: it.user_add("dora", "viewer", PASSWORD),
        "console user add",
        None,
        {"user": "dora", "role": "viewer"},
    ),
    "sign_in": (
        lambda it: it.sign_in("dora", PASSWORD, "127.0.0.1"),
        "console sign in",
        None,
        {"user": "dora"},
    ),
    "sign_out": (
        lambda it: it.sign_out(it.sessions()[0]),
        "console sign out",
        {"user": "dora", "sessions": 1},
        {"user": None},
    ),
    "user_role": (
        lambda it: it.user_role("dora", "admin"),
        "console user role",
        {"user": "dora", "role": "viewer"},
        {"user": "dora", "role": "admin"},
    ),
    "user_password": (
        lambda it: it.user_password("dora"),
        "console user password",
        None,
        {"user": "dora"},
    ),
    "user_remove": (
        lambda it: it.user_remove("dora"),
        "console user remove",
        {"user": "dora", "role": "admin"},
        {"user": None},
    ),
    "fence_accept": (
        lambda it: it.fence_accept(),
        "fence accept",
        {"epoch": 1, "reason": "they were restored"},
        {"epoch": 2},
    ),
}
"""In the order in which each finds something to change: the call, and the act that it leaves."""


def columns(it: Dispatcher) -> object:
    with NamedTemporaryFile(suffix=".csv") as file:
        file.write(b"userId\nanna\n")
        file.flush()
        return it.columns(file.name)


SIGNING_IN = {"sign_in": ("dora", "console"), "sign_in_first": ("anna@laptop", "console")}
"""Who acts is who signs in, whatever program lets them."""

LOOKING: dict[str, Verb] = {
    "show": lambda it: it.show("last"),
    "message_of": lambda it: it.message_of("last"),
    "list": lambda it: it.list(),
    "explain": lambda it: it.explain("last"),
    "log": lambda it: it.log("last"),
    "live": lambda it: it.live(),
    "workers": lambda it: it.workers(),
    "verify": lambda it: it.verify("last"),
    "webhooks": lambda it: it.webhooks("last"),
    "failure_lines": lambda it: list(it.failure_lines("last")),
    "throughput": lambda it: it.throughput("last"),
    "chunks": lambda it: it.chunks("last"),
    "attempts": lambda it: it.attempts("last", 1),
    "failures": lambda it: list(it.failures("last")),
    "accounts": lambda it: it.accounts(),
    "acting_as": lambda it: it.acting_as(ANNA),
    "authenticate": lambda it: it.authenticate("dsp_nobodys"),
    "check_schema": lambda it: it.check_schema(),
    "tokens": lambda it: it.tokens(),
    "users": lambda it: it.users(),
    "sessions": lambda it: it.sessions(),
    "session_of": lambda it: it.session_of("nobody's"),
    "fenced": lambda it: it.fenced(),
    "purgeable": lambda it: it.purgeable(timedelta(0)),
    "suppress_check": lambda it: it.suppress_check("app", ["userId=anna"]),
    "suppress_count": lambda it: it.suppress_count("app"),
    "check_message": lambda it: it.check_message(MESSAGE),
    "columns": columns,
}
"""What changes nothing, and so works where nothing can be written."""

TAKING_BACK: dict[str, Verb] = {
    "find": lambda it: it.find("userId=anna"),
    "dry_run": lambda it: it.dry_run(app_id="app", message=MESSAGE, audience=[{"userId": "anna"}]),
}
"""What writes for a moment, and leaves nothing."""


def test_every_verb_changes_something_or_looks() -> None:
    verbs = {name for name in vars(Dispatcher) if not name.startswith("_")}
    assert verbs == CHANGING.keys() | LOOKING.keys() | TAKING_BACK.keys()


def test_every_verb_that_changes_something_says_who_did_it(
    anna: Dispatcher, engine: Engine
) -> None:
    books = Books(engine)
    with_rejected = books.campaign()
    with_rejected.attempt(NOBODY_FOUND)
    with_rejected.do(transitions.roll_up)
    stopped = books.campaign(max_error_rate=0.1)
    stopped.set(state="paused", awaits_verdict=True)
    books.ordered(books.campaign().id, "otto")
    books.account_is(hold_until=TOMORROW, hold_reason="it asked to wait")
    raise_fence(books, "they were restored")

    for name, (verb, called, before, after) in CHANGING.items():
        seen = newest(anna).id
        verb(anna)
        new = [act for act in anna.log(limit=None) if act.id > seen and act.actor != "itself"]
        assert new, f"{name} left no act"
        who = SIGNING_IN.get(name, ("anna@laptop", "library"))
        assert (new[0].actor, new[0].via, new[0].verb) == (*who, called)
        assert (new[0].before, new[0].after) == (before, after), name

    written = str(books.rows("SELECT * FROM act"))
    assert not any(name in written for name in ("userId", "boris", "carl"))


def test_what_only_looks_works_where_nothing_can_be_written(
    anna: Dispatcher, settings: Settings, database_url: str
) -> None:
    enqueue(anna)
    url = f"{database_url}?options=-cdefault_transaction_read_only=on"
    engine = make_engine(url)
    reading = Dispatcher(settings, engine, ANNA)
    with pytest.raises(DispatcherError, match="read"):
        reading.pause("last")
    for verb in LOOKING.values():
        verb(reading)
    engine.dispose()


def test_what_changes_nothing_leaves_no_act(anna: Dispatcher) -> None:
    enqueue(anna, key="once", rate=7, window=ALWAYS)
    anna.suppress_add("app", ["userId=boris"])
    for doing in (
        *TAKING_BACK.values(),
        lambda it: enqueue(it, key="once"),
        lambda it: it.resume("last"),
        lambda it: it.rate("last", 7),
        lambda it: it.window("last", ALWAYS),
        lambda it: it.finish_by("last", None),
        lambda it: it.retry("last", "rejected"),
        lambda it: it.suppress_add("app", ["userId=boris"]),
        lambda it: it.suppress_remove("app", ["userId=nobody"]),
        lambda it: it.forget("userId=boris"),
        lambda it: it.resume_account("default"),
        lambda it: it.purge(timedelta(0)),
        LOOKING["explain"],
    ):
        seen = newest(anna)
        doing(anna)
        assert newest(anna) == seen
    anna.pause("last")
    seen = newest(anna)
    anna.pause("last")
    assert newest(anna) == seen


def test_workers_say_what_they_do_of_themselves(books: Books) -> None:
    later = books.campaign(send_at=books.now() + timedelta(seconds=60))
    books.time_passes(timedelta(seconds=60))
    for duty in (Duty.START, Duty.SUM_UP):
        if duty == Duty.SUM_UP:
            later.attempt(ACCEPTED)
        books.do(upkeep.fulfil, duty, [later.id], TERMS)
    expiring, refused = books.campaign(), books.campaign()
    expiring.expire()
    refused.attempt(REFUSED)
    refused.do(transitions.pause_itself, "it rests already")
    wrong = books.campaign(2)
    wrong.attempts_each(WRONG, (1,))

    assert told(later) == [
        ("start", {"state": "scheduled"}, {"state": "running"}),
        ("complete", {"state": "running"}, {"state": "completed"}),
    ]
    assert told(expiring) == [("expire", {"state": "running"}, {"state": "expired"})]
    pause = ("pause", {"state": "running"}, {"state": "paused"})
    assert told(refused) == [pause]
    assert told(wrong) == [pause]
    everything = books.do(acts.read, None, None)
    assert {(act.actor, act.via) for act in everything} == {("itself", "itself")}


def test_an_act_is_part_of_the_application_s_own_transaction(
    anna: Dispatcher, engine: Engine
) -> None:
    with engine.connect() as connection:
        begun = connection.begin()
        enqueue(anna, connection=connection)
        begun.rollback()
        assert anna.log() == ()
        with connection.begin():
            campaign = enqueue(anna, connection=connection)
    (act,) = anna.log(campaign)
    assert (act.actor, act.verb, act.campaign) == ("anna@laptop", "send", campaign)


def test_the_timeline_and_show_say_who_paused_it(anna: Dispatcher) -> None:
    enqueue(anna, send_at=TOMORROW)
    anna.rate("last", 5)
    paused = anna.pause("last")

    assert paused.held is not None
    assert paused.held.words.startswith("It is paused by anna@laptop since 20")
    told = anna.explain("last")
    assert told.waits_for[0].startswith("`dispatcher resume`: it is paused by anna@laptop since 20")
    assert [event.what for event in told.happened] == [
        "committed by anna@laptop with 1 member in 1 chunk",
        "rate changed by anna@laptop (rate none → 5)",
        "paused by anna@laptop (state scheduled → paused)",
    ]


def test_only_so_many_of_one_campaign_are_read_the_newest_first(anna: Dispatcher) -> None:
    first = enqueue(anna)
    enqueue(anna)
    anna.pause(first)
    anna.resume(first)
    assert [act.verb for act in anna.log(first)] == ["resume", "pause", "send"]
    assert [act.verb for act in anna.log(first, limit=1)] == ["resume"]
    everything = anna.log()
    assert len(everything) == 4
    assert anna.log(before=everything[1].id, actor="anna@laptop") == everything[2:]
    assert anna.log(actor="boris") == ()


def test_whoever_the_process_runs_as_acts_unless_somebody_is_named(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(Dispatcher(settings, engine))
    assert newest(Dispatcher(settings, engine)).actor.endswith(f"@{socket.gethostname()}")

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert actors.this_user("cli") == Actor(f"uid {os.getuid()}@{socket.gethostname()}", "cli")


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        (lambda: "anna", "actor is a str: give an Actor"),
        (lambda: Actor(" ", "api"), "actor has no name"),
        (lambda: Actor("anna\n", "api"), "actor has no name"),
        (lambda: Actor("anna", "phone"), "none of cli, library, api, console, itself"),
    ],
)
def test_who_is_nobody_is_refused(
    settings: Settings, actor: Callable[[], Actor], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        Dispatcher(settings, actor=actor())


def newest(it: Dispatcher) -> Act:
    """The newest act, or one before all."""
    nothing = Act(0, TOMORROW, None, None, None, "", "", "", None, None)
    return next(iter(it.log(limit=1)), nothing)


def told(campaign: OneCampaign) -> list[tuple[str, object, object]]:
    """The campaign's acts, the oldest first."""
    noted = campaign.books.do(acts.read, campaign.id, None)
    return [(act.verb, act.before, act.after) for act in reversed(noted)]
