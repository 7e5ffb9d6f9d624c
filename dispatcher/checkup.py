"""Is everything in place and set safely? Each check says what it found, and what to do about it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

import requests
from celery import Celery
from redis.exceptions import RedisError
from sqlalchemy import Engine, text

from dispatcher import publishing
from dispatcher.audience import scratch
from dispatcher.books import audit, fleet, ground, holding, limits, outbox, roles, schema
from dispatcher.books.session import make_engine, place_of, transaction
from dispatcher.books.troubles import first_line, read_only
from dispatcher.books.upkeep import Terms
from dispatcher.errand import Errand
from dispatcher.errors import DispatcherError
from dispatcher.lifecycle import usable_window
from dispatcher.redaction import redact
from dispatcher.redis_client import connect_redis
from dispatcher.servers import is_this_machine, read_server, words_of
from dispatcher.settings import Settings, is_exposed
from dispatcher.verbs import fencing
from dispatcher.verbs.connections import Connections
from dispatcher.words import counted

Result = Literal["ok", "warning", "failed"]

_TIMEOUT = 3.0
_LONGEST = 15.0
"""Seconds for one check, whatever trickles in meanwhile."""
_MOST_DRIFT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; a `failed` one makes the promise void, or stops everything."""

    name: str
    result: Result
    words: str

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `doctor --json`."""
        return asdict(self)


def examine(settings: Settings) -> Iterator[Check]:
    """Every check in turn, each as soon as it is known; those in vain are left out.

    Without a database nothing of the fleet can be told, without a worker nothing of Celery, and
    only who has a worker's rights can try what is due to campaigns.
    """
    yield _attempted("token", lambda: _token(settings))
    yield _attempted("push api", lambda: _push_api(settings))
    database = _attempted("database", lambda: _database(settings))
    yield database
    broker = _attempted("broker", lambda: _broker(settings))
    yield broker
    yield _attempted("redis", lambda: _redis(settings))
    yield _attempted("scratch", lambda: _scratch(settings))
    if database.result == "failed":
        return
    engine = make_engine(settings.require_database_url())
    yield _attempted("limits", lambda: _limits(engine))
    rights = _attempted("rights", lambda: _rights(engine))
    yield rights
    yield _attempted("durability", lambda: _durability(engine))
    yield _attempted("fence", lambda: _fence(settings))
    workers = _attempted("workers", lambda: _workers(engine))
    yield workers
    yield _attempted("clocks", lambda: _clocks(engine))
    yield _attempted("relay", lambda: _relay(engine))
    yield _attempted("webhooks", lambda: _webhooks(settings, engine))
    if rights.result == "ok":
        yield _attempted("campaigns", lambda: _campaigns(settings, engine))
    if broker.result != "failed" and workers.result == "ok":
        yield _attempted("celery", lambda: _celery(publishing.producer(settings)))


def _attempted(name: str, check: Callable[[], tuple[Result, str]]) -> Check:
    try:
        result, words = Errand(check).wait(_LONGEST)
    except TimeoutError as error:
        result, words = "failed", f"{error}: it is reached, but never done"
    except DispatcherError as error:
        result, words = "failed", str(error)
    except RedisError as error:
        result, words = "failed", words_of(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
        result, words = "failed", f"it ends with {type(error).__name__}: {first_line(error)}"
    return Check(name, result, redact(words))


def _token(settings: Settings) -> tuple[Result, str]:
    settings.require_any_token()
    return "ok", f"there is one for {', '.join(settings.tokens)}"


def _push_api(settings: Settings) -> tuple[Result, str]:
    """Any answer will do: a GET sends nothing."""
    try:
        with requests.get(
            settings.push_api_url, timeout=_TIMEOUT, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code  # its body may have no end
    except requests.exceptions.SSLError:
        return "failed", (
            f"{settings.push_api_url} shows no certificate that is trusted here: is it the right "
            "host? REQUESTS_CA_BUNDLE names a file with other authorities"
        )
    except requests.RequestException as error:
        kind = type(error).__name__
        return "failed", f"{settings.push_api_url} cannot be reached ({kind}): is its host right?"
    words = f"{settings.push_api_url} answers (HTTP {status} to an empty request)"
    if is_exposed(settings.push_api_url):
        return "warning", f"{words}, and in clear: whoever is on the way reads the token; use https"
    return "ok", words


_TAKES_WRITES = text(
    "SELECT NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean)"
)


def _database(settings: Settings) -> tuple[Result, str]:
    engine = make_engine(settings.require_database_url())
    schema.check_schema(engine)
    with transaction(engine) as connection:
        version = connection.scalar(text("SHOW server_version"))
        takes_writes = connection.scalar(_TAKES_WRITES)
        session: Any = connection.connection.driver_connection
        exposure = _exposure(
            session.info.host, session.info.dsn_parameters, session.info.ssl_in_use
        )
    if not takes_writes:
        return "failed", read_only(place_of(engine))
    words = f"PostgreSQL {version}, schema {schema.head_revision()}"
    return ("warning", f"{words}, {exposure}") if exposure else ("ok", words)


def _exposure(host: str, parameters: Mapping[str, str], encrypted: bool) -> str | None:
    """What somebody between us and this host could do, with what to do about it."""
    if is_this_machine(host):
        return None
    verify = "add sslmode=verify-full&sslrootcert=system to DISPATCHER_DATABASE_URL"
    if not encrypted:
        return f"and in clear: whoever is on the way reads members; {verify}"
    if parameters.get("sslmode") != "verify-full":
        return f"but nobody checks that it is the right server; {verify}"
    return None


def _limits(engine: Engine) -> tuple[Result, str]:
    """Whoever freezes inside of a transaction without them holds the fleet up."""
    with transaction(engine) as connection:
        lost = limits.not_acting(connection)
    if lost:
        return "failed", f"{', '.join(lost)} inside of a transaction: does a pooler drop SET LOCAL?"
    return "ok", "each transaction has those that hold nobody up"


def _rights(engine: Engine) -> tuple[Result, str]:
    with transaction(engine) as connection:
        role, where = ground.role_and_schema(connection)
        lacking = roles.lacking(connection, roles.WORKER)
    if lacking:
        words = f"the role {role} lacks {', '.join(lacking)}: a worker needs them"
        remedy = f"`dispatcher migrate --roles`, and GRANT {roles.WORKER} TO its role"
        return "warning", f"{words} ({remedy})"
    return "ok", f"the role {role} may do what a worker does, in the schema {where}"


def _durability(engine: Engine) -> tuple[Result, str]:
    """A claim must outlive the crash of the machine, or its chunk could be sent twice."""
    with transaction(engine) as connection:
        off = [
            name
            for name in ("fsync", "synchronous_commit")
            if connection.scalar(text(f"SHOW {name}")) == "off"
        ]
    if off:
        return "failed", f"{' and '.join(off)} off: a crash of the machine can lose claims"
    return "ok", "what is committed stays committed"


def _fence(settings: Settings) -> tuple[Result, str]:
    """From an older copy everybody since would be sent to again."""
    found = fencing.fenced(Connections(settings, None))
    if found is not None:
        words = f"nothing is sent, as the books were put back: {found.reason}"
        return "failed", f"{words} (`dispatcher fence accept` shows what would be sent)"
    return "ok", "the books have gone on from where they were"


def _broker(settings: Settings) -> tuple[Result, str]:
    with closing(publishing.Bell(publishing.producer(settings))) as bell:
        queue = bell.look()
    waiting = f"it answers, and has {counted(queue.messages, 'message')} waiting"
    return _verified(settings.require_broker_url(), waiting)


def _verified(url: str, words: str) -> tuple[Result, str]:
    """All is well, unless somebody in between could read along or pretend to be this server."""
    server = read_server(url)
    tls = server.tls
    if tls is None and not is_this_machine(server.host):
        secure = "rediss" if server.is_redis else "amqps"
        return "warning", (
            f"{words}, and in clear: whoever is on the way reads the password; use {secure}://"
        )
    if tls is None or (tls.verify and tls.check_host):
        return "ok", words
    return "warning", (
        f"{words}, but nobody checks that it is the right server, so that another may read the "
        "password: take ssl_cert_reqs=none and ssl_check_hostname=false out of the URL"
    )


def _redis(settings: Settings) -> tuple[Result, str]:
    settings.require_place_for_rates()
    if settings.redis_url is None:
        return "warning", "DISPATCHER_REDIS_URL is not set: no campaign can have a rate"
    client = connect_redis(settings.redis_url, timeout=_TIMEOUT)
    memory = client.info("memory")
    policy, limit = memory.get("maxmemory_policy"), memory.get("maxmemory")
    if policy is None:
        return "warning", "it does not tell its maxmemory-policy: see that it is noeviction"
    if policy == "noeviction":
        return _verified(settings.redis_url, "it evicts nothing")
    words = f"maxmemory-policy is {policy}: set noeviction, or messages and rates may be dropped"
    return ("failed" if limit else "warning"), words


def _scratch(settings: Settings) -> tuple[Result, str]:
    """Whose producer was killed is still on the disk."""
    left = scratch.leftovers(settings.scratch)
    if left:
        words = f"{counted(len(left), 'audience')} of killed producers: run `dispatcher purge`"
        return "warning", f"{settings.scratch} holds {words}, or send again, and they go"
    return "ok", f"nobody's audience is left in {settings.scratch}"


def _workers(engine: Engine) -> tuple[Result, str]:
    with transaction(engine) as connection:
        slots = fleet.live_slots(connection)
        silences = fleet.silences(connection)
    if slots == 0:
        return "failed", "none is alive: start one with `celery -A workers worker`"
    if silences:
        words = "; ".join(f"{name} takes no message: {why}" for name, why in silences.items())
        return "failed", words
    return "ok", f"alive, for {slots} requests at once"


def _clocks(engine: Engine) -> tuple[Result, str]:
    with transaction(engine) as connection:
        furthest = fleet.clock_drift(connection)
    if furthest > _MOST_DRIFT:
        seconds = f"{furthest.total_seconds():.1f} s"
        return "warning", f"a worker's clock and the database's differ by {seconds}: run NTP"
    return "ok", "the workers' clocks agree with the database's"


_WAITING = text(f"""
SELECT count(*) FROM campaign JOIN account ON account.name = campaign.account
WHERE {holding.IS_OVERDUE}
""")


def _relay(engine: Engine) -> tuple[Result, str]:
    """A relay that runs leaves nothing due unpublished, and no lease long over."""
    with transaction(engine) as connection:
        waiting = connection.execute(_WAITING).scalar_one()
    if waiting:
        late = f"overdue by more than {holding.OVERDUE.total_seconds():.0f} s"
        return "failed", f"{counted(waiting, 'campaign')} {late}: restart the workers"
    return "ok", "nothing has been due for long"


_MOST_NAMED = 5


def _campaigns(settings: Settings, engine: Engine) -> tuple[Result, str]:
    """What is due to each can be done to it: tried, and taken back."""
    window = usable_window(settings.pack_id_window, settings.request_timeout)
    terms = Terms.of(window, settings.keep_audience)
    found = list(audit.standing_still(engine, terms))
    if not found:
        return "ok", "what is due to each can be done"
    named = "; ".join(f"campaign {one.campaign}: {one.words}" for one in found[:_MOST_NAMED])
    more = f"; and {len(found) - _MOST_NAMED:,} more" if len(found) > _MOST_NAMED else ""
    return "failed", f"{named}{more}"


def _webhooks(settings: Settings, engine: Engine) -> tuple[Result, str]:
    """Who is to be told of campaigns, and was not."""
    with transaction(engine) as connection:
        found = outbox.troubles(connection)
    told = [f"{counted(found.late, 'webhook')} waiting for more than a minute"] * bool(found.late)
    told += [f"{counted(found.given_up, 'webhook')} given up"] * bool(found.given_up)
    if not told:
        return "ok", "each that was due is delivered"
    words = f"{' and '.join(told)}: `dispatcher webhook list` says why"
    if not settings.notify_secrets:
        words += "; DISPATCHER_NOTIFY_SECRET is not set here, and workers deliver none without it"
    return "warning", words


_SAFE = {
    "task_acks_late": False,
    "task_publish_retry": False,
    "task_always_eager": False,
    "worker_pool": "threads",
    "worker_prefetch_multiplier": 1,
}


def _celery(app: Celery) -> tuple[Result, str]:
    workers = app.control.inspect(timeout=1.0).conf(with_defaults=True) or {}
    unsafe = sorted(
        f"{name} = {settings[name]!r}"
        for settings in workers.values()
        for name, safe in _SAFE.items()
        if settings.get(name, safe) != safe
    )
    if unsafe:
        return "failed", f"workers run with {', '.join(dict.fromkeys(unsafe))}: leave it as it was"
    if not workers:
        return "warning", "no worker answered within a second: its settings are not known"
    return "ok", f"{counted(len(workers), 'worker')} answered, with the right settings"
