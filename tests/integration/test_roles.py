"""The three roles: the exact rights of each, and what each can and cannot do."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from dispatcher import Actor, Dispatcher
from dispatcher.books import fence, roles, tokens
from dispatcher.books.roles import CALLERS, PRODUCER, READER, RIGHTS, ROLES, WORKER
from dispatcher.books.schema import migrate, migrate_roles
from dispatcher.books.session import make_engine, transaction
from dispatcher.errors import OptionError, ServiceError
from dispatcher.lifecycle import CampaignWrong, Reason
from dispatcher.settings import Settings
from dispatcher.verbs.options import Options
from tests.integration.builders import ACCEPTED, Books
from tests.model.stage import with_members

_CONTENT = (
    "account app_id campaign_tag canary_members content_digest created_at id key message "
    "notify_url platforms send_at standing_version test wall_time"
)

_ORDERED = " awaits_approval expires_at finish_by guarded_since max_error_rate rate windows"

_GRANTED = text("""
SELECT relname AS name, rolname AS role, privilege_type AS privilege
FROM pg_class CROSS JOIN LATERAL aclexplode(relacl) JOIN pg_roles ON pg_roles.oid = grantee
WHERE relnamespace = current_schema()::regnamespace AND rolname ~ '^dispatcher_'
UNION ALL
SELECT regexp_replace(proname, '_[0-9a-f]{12}$', ''), coalesce(rolname, 'PUBLIC'), privilege_type
FROM pg_proc
CROSS JOIN LATERAL aclexplode(coalesce(proacl, acldefault('f', proowner)))
LEFT JOIN pg_roles ON pg_roles.oid = grantee
WHERE pronamespace = current_schema()::regnamespace AND grantee <> proowner
""")
_ON_COLUMNS = text("""
SELECT relname AS name, rolname AS role, privilege_type AS privilege, attname AS column
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
CROSS JOIN LATERAL aclexplode(attacl) JOIN pg_roles ON pg_roles.oid = grantee
WHERE relnamespace = current_schema()::regnamespace
""")
_EVERYTHING = text("""
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL
SELECT regexp_replace(proname, '_[0-9a-f]{12}$', '') FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace
""")
_COLUMNS = text("""
SELECT attname FROM pg_attribute
WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped
""")

GRANTED = {
    ("campaign", PRODUCER): {"SELECT", "INSERT"},
    ("campaign", WORKER): {"SELECT"},
    ("campaign", READER): {"SELECT"},
    ("variant", PRODUCER): {"SELECT", "INSERT"},
    ("variant", WORKER): {"SELECT"},
    ("variant", READER): {"SELECT"},
    ("chunk", PRODUCER): {"SELECT", "INSERT"},
    ("chunk", WORKER): {"SELECT", "INSERT"},
    ("part", PRODUCER): {"SELECT"},
    ("part", WORKER): {"SELECT", "INSERT"},
    ("part", READER): {"SELECT"},
    ("attempt", PRODUCER): {"SELECT"},
    ("attempt", WORKER): {"SELECT", "INSERT", "UPDATE"},
    ("account", PRODUCER): {"SELECT", "INSERT", "UPDATE"},
    ("account", WORKER): {"SELECT", "UPDATE"},
    ("account", READER): {"SELECT"},
    ("worker", PRODUCER): {"SELECT"},
    ("worker", WORKER): {"SELECT", "INSERT", "UPDATE", "DELETE"},
    ("worker", READER): {"SELECT"},
    ("fence", PRODUCER): {"SELECT", "INSERT", "UPDATE"},
    ("fence", WORKER): {"SELECT", "INSERT", "UPDATE"},
    ("fence", READER): {"SELECT"},
    ("standing_list", PRODUCER): {"SELECT", "INSERT", "UPDATE"},
    ("standing_list", WORKER): {"SELECT"},
    ("standing_list", READER): {"SELECT"},
    ("standing", PRODUCER): {"SELECT", "INSERT", "DELETE"},
    ("standing", WORKER): {"SELECT"},
    ("standing_key", PRODUCER): {"SELECT"},
    ("standing_key", WORKER): {"SELECT"},
    ("console_token", PRODUCER): {"SELECT", "INSERT", "DELETE"},
    ("console_user", PRODUCER): {"SELECT", "INSERT", "DELETE"},
    ("console_session", PRODUCER): {"SELECT", "INSERT", "DELETE"},
    ("console_login", PRODUCER): {"SELECT", "INSERT", "UPDATE", "DELETE"},
    ("act", PRODUCER): {"SELECT", "INSERT"},
    ("act", WORKER): {"SELECT", "INSERT"},
    ("act", READER): {"SELECT"},
    ("webhook", PRODUCER): {"SELECT", "INSERT"},
    ("webhook", WORKER): {"SELECT", "INSERT", "DELETE"},
    ("webhook", READER): {"SELECT"},
    ("alembic_version", PRODUCER): {"SELECT"},
    ("alembic_version", WORKER): {"SELECT"},
    ("alembic_version", READER): {"SELECT"},
    ("exchange_chunks", WORKER): {"EXECUTE"},
    ("record_chunk", WORKER): {"EXECUTE"},
    ("anything_due", WORKER): {"EXECUTE"},
    ("running_campaigns", WORKER): {"EXECUTE"},
    ("count_due", WORKER): {"EXECUTE"},
    ("sum_up_campaigns", PRODUCER): {"EXECUTE"},
    ("sum_up_campaigns", WORKER): {"EXECUTE"},
    ("needed_upkeep", PRODUCER): {"EXECUTE"},
    ("needed_upkeep", WORKER): {"EXECUTE"},
    ("needed_upkeep", READER): {"EXECUTE"},
}
"""On the whole of a table or function."""

TEXT = "campaign_id campaign_tag members_total message name number share"
EVENT = "campaign_id created_at sequence type"
ALL_COLUMNS_BUT = {
    ("webhook", PRODUCER, "UPDATE"): EVENT,
    ("webhook", WORKER, "UPDATE"): EVENT,
    ("campaign", PRODUCER, "UPDATE"): _CONTENT,
    ("campaign", WORKER, "UPDATE"): _CONTENT + _ORDERED,
    ("variant", PRODUCER, "UPDATE"): TEXT,
    ("variant", WORKER, "UPDATE"): TEXT,
    ("chunk", PRODUCER, "UPDATE"): "campaign_id canary pack_id sequence size variant zone",
    ("chunk", WORKER, "UPDATE"): "campaign_id canary pack_id sequence variant zone",
    ("chunk", READER, "SELECT"): "members",
    ("attempt", READER, "SELECT"): "error_details",
}
COLUMNS = {
    ("part", WORKER, "UPDATE"): "refused culprit",
    ("attempt", PRODUCER, "UPDATE"): "error error_details",
    ("standing", PRODUCER, "UPDATE"): "hashes",
    ("standing_key", PRODUCER, "UPDATE"): "version",
    ("console_user", PRODUCER, "UPDATE"): "password role",
    ("console_session", PRODUCER, "UPDATE"): "seen_at",
}


@pytest.fixture
def owner(database_url: str) -> Iterator[Engine]:
    """The books' owner, to whom the roles are made known."""
    engine = make_engine(database_url)
    migrate_roles(engine)
    yield engine
    run(engine, "; ".join(f"DROP OWNED BY {role}; DROP ROLE {role}" for role in ROLES))
    engine.dispose()


def run(engine: Engine, statements: str) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql(statements)


@contextmanager
def user(owner: Engine, role: str | None) -> Iterator[str]:
    """The URL of a user who was granted the role."""
    name = f"user_{uuid.uuid4().hex}"
    run(owner, f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    if role:
        run(owner, f"GRANT {role} TO {name}")
    try:
        yield owner.url.set(username=name, password="secret").render_as_string(False)
    finally:
        run(owner, f"DROP OWNED BY {name}; DROP ROLE {name}")


def granted(engine: Engine) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(_GRANTED):
            found.setdefault((row.name, row.role), set()).add(row.privilege)
    return found


def on_columns(engine: Engine) -> dict[tuple[str, str, str], set[str]]:
    found: dict[tuple[str, str, str], set[str]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(_ON_COLUMNS):
            found.setdefault((row.name, row.role, row.privilege), set()).add(row.column)
    return found


def test_the_rights_of_each_role_are_exactly_these(owner: Engine) -> None:
    assert granted(owner) == GRANTED
    expected = {key: set(columns.split()) for key, columns in COLUMNS.items()}
    with transaction(owner) as connection:
        for key, but in ALL_COLUMNS_BUT.items():
            columns = set(connection.scalars(_COLUMNS, {"table": key[0]}))
            assert set(but.split()) < columns
            expected[key] = columns - set(but.split())
    assert on_columns(owner) == expected


def test_every_table_sequence_and_function_was_decided_about(owner: Engine) -> None:
    with transaction(owner) as connection:
        there = set(connection.scalars(_EVERYTHING))
    assert there == RIGHTS.keys() | CALLERS.keys()
    assert there >= {name for name, _ in GRANTED}


def test_what_is_new_in_the_schema_is_its_owner_s_alone(owner: Engine) -> None:
    run(owner, "CREATE TABLE novelty (id serial)")
    migrate_roles(owner)
    assert not any(name.startswith("novelty") for name, _ in granted(owner))


def test_again_changes_nothing_and_takes_back_what_is_too_much(owner: Engine) -> None:
    run(owner, f"GRANT ALL ON chunk, worker TO {READER}")
    run(owner, f"GRANT UPDATE (members) ON chunk TO {READER}")
    run(owner, f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO PUBLIC, {PRODUCER}")
    before = on_columns(owner)

    migrate_roles(owner)
    migrate_roles(owner)

    assert granted(owner) == GRANTED
    assert ("chunk", READER, "UPDATE") in before
    assert ("chunk", READER, "UPDATE") not in on_columns(owner)


def test_a_migration_gives_the_rights_again_where_the_roles_are_known(owner: Engine) -> None:
    with transaction(owner) as connection:
        recording = text("SELECT proname FROM pg_proc WHERE proname ~ '^record_chunk'")
        name = connection.scalar(recording)
    run(owner, f"DROP FUNCTION {name}")
    migrate(owner)
    assert granted(owner) == GRANTED


def test_a_migration_gives_nobody_rights_where_they_were_not_asked_for(
    owner: Engine, empty_database_url: str
) -> None:
    elsewhere = make_engine(empty_database_url)
    migrate(elsewhere)
    assert not any(role in ROLES for _, role in granted(elsewhere))
    elsewhere.dispose()


def test_nobody_logs_in_as_a_role(owner: Engine) -> None:
    with transaction(owner) as connection:
        powers = connection.execute(
            text(
                "SELECT DISTINCT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls"
                " FROM pg_roles WHERE rolname = ANY(:roles)"
            ),
            {"roles": list(ROLES)},
        ).all()
    assert [tuple(row) for row in powers] == [(False, False, False, False, False)]


def test_without_the_right_to_create_roles_the_remedy_is_told(empty_database_url: str) -> None:
    superuser = make_engine(empty_database_url)
    with user(superuser, None) as url:
        name = make_url(url).username
        run(superuser, f"GRANT CREATE ON SCHEMA public TO {name}")
        engine = make_engine(url)
        migrate(engine)
        with pytest.raises(ServiceError) as told:
            migrate_roles(engine)
        assert f"The role {name} may create no roles" in str(told.value)
        assert f"CREATE ROLE {PRODUCER} NOLOGIN; CREATE ROLE {WORKER} NOLOGIN;" in str(told.value)
        engine.dispose()

        # As the sentence says: somebody else makes them, and then the tables' owner goes on.
        run(superuser, "; ".join(f"CREATE ROLE {role} NOLOGIN" for role in ROLES))
        engine = make_engine(url)
        migrate_roles(engine)
        assert granted(engine) == GRANTED
        engine.dispose()
        run(superuser, "; ".join(f"DROP OWNED BY {role}; DROP ROLE {role}" for role in ROLES))
    superuser.dispose()


@dataclass(frozen=True, slots=True)
class Scene:
    """A running campaign, one that errors stopped and one that has ended, and the verbs as each
    role's user has them.
    """

    running: str
    stopped: str
    unapproved: str
    ended: str
    directory: Path
    owner: Engine
    verbs: dict[str, Dispatcher]


@pytest.fixture
def scene(owner: Engine, broker_url: str, tmp_path: Path) -> Iterator[Scene]:
    books = Books(owner)
    running = books.campaign()
    stopped = books.campaign(max_error_rate=0.1)
    stopped.set(awaits_verdict=True, state="paused")
    unapproved = books.campaign()
    books.ordered(unapproved.id, "boris")
    ended = books.campaign()
    ended.attempt(ACCEPTED)
    assert ended.rolled_up().state == "completed"
    with ExitStack() as stack:
        verbs = {}
        for role in ROLES:
            url = stack.enter_context(user(owner, role))
            engine = create_engine(url, poolclass=NullPool)
            settings = Settings(
                home=tmp_path, database_url=url, broker_url=broker_url, redis_url=broker_url
            )
            verbs[role] = Dispatcher(settings, engine)
        yield Scene(
            str(running.id),
            str(stopped.id),
            str(unapproved.id),
            str(ended.id),
            tmp_path,
            owner,
            verbs,
        )


MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
ANNA = [{"userId": "anna"}]
HOOK = "https://1.1.1.1/hook"
PASSWORD = "correct horse battery"


def enqueue(it: Dispatcher, scene: Scene) -> object:
    said: Options = {"audience": ANNA, "rate": 5, "exclude": scene.ended, "notify": HOOK}
    return it.enqueue(app_id="app", message=MESSAGE, **said)


def dry_run(it: Dispatcher, _: Scene) -> object:
    return it.dry_run(app_id="app", message=MESSAGE, audience=ANNA)


def fence_accept(it: Dispatcher, scene: Scene) -> object:
    with transaction(scene.owner) as connection:
        found = fence.read(connection)
        assert found is not None
        fence.raise_(connection, "they were restored", found.standing.mark.epoch_id)
    return it.fence_accept()


def token_remove(it: Dispatcher, scene: Scene) -> None:
    with transaction(scene.owner) as connection:
        tokens.add(connection, "shop", "viewer", "dsp_secret")
    it.token_remove("shop")


def columns(it: Dispatcher, scene: Scene) -> object:
    file = scene.directory / "members.csv"
    file.write_text("userId\nanna\n")
    return it.columns(file)


def with_user(it: Dispatcher) -> Dispatcher:
    """The same, where there is a user."""
    with suppress(OptionError):
        it.user_add("anna", "viewer", PASSWORD)
    return it


def sign_out(it: Dispatcher, _: Scene) -> object:
    session = it.session_of(with_user(it).sign_in("anna", PASSWORD, "127.0.0.1").reveal())
    assert session is not None
    return it.sign_out(session)


TOMORROW = datetime.now(UTC) + timedelta(days=1)
Verb = Callable[[Dispatcher, Scene], object]
LOOKING: dict[str, Verb] = {
    "show": lambda it, scene: it.show(scene.running),
    "message_of": lambda it, scene: it.message_of(scene.running),
    "list": lambda it, _: list(it.list()),
    "explain": lambda it, scene: it.explain(scene.ended),
    "chunks": lambda it, scene: it.chunks(scene.ended, "delivered"),
    "attempts": lambda it, scene: it.attempts(scene.ended, 1),
    "throughput": lambda it, scene: it.throughput(scene.ended),
    "log": lambda it, scene: it.log(scene.running),
    "webhooks": lambda it, scene: it.webhooks(scene.running),
    "verify": lambda it, scene: it.verify(scene.ended),
    "accounts": lambda it, _: it.accounts(),
    "fenced": lambda it, _: it.fenced(),
    "live": lambda it, _: it.live(),
    "workers": lambda it, _: it.workers(),
    "acting_as": lambda it, _: it.acting_as(Actor("anna", "api")),
    "check_schema": lambda it, _: it.check_schema(),
    "suppress_count": lambda it, _: it.suppress_count("app"),
    "check_message": lambda it, _: it.check_message(MESSAGE),
    "columns": columns,
}
CHANGING: dict[str, Verb] = {
    "enqueue": enqueue,
    "dry_run": dry_run,
    "pause": lambda it, scene: it.pause(scene.running),
    "resume": lambda it, scene: (it.pause(scene.running), it.resume(scene.running)),
    "rate": lambda it, scene: it.rate(scene.running, 7),
    "window": lambda it, scene: it.window(scene.running, "mon-sun 00:00-24:00 UTC"),
    "finish_by": lambda it, scene: it.finish_by(scene.running, TOMORROW),
    "approve": lambda it, scene: it.approve(scene.unapproved),
    "accept_canary": lambda it, scene: it.accept_canary(scene.stopped, max_error_rate="30%"),
    "adjust": lambda it, scene: it.adjust(scene.running, rate=7, window=None),
    "cancel": lambda it, scene: it.cancel(scene.running),
    "purge": lambda it, _: it.purge(older_than=timedelta(0)),
    "retry": lambda it, scene: it.retry(scene.ended, "rejected"),
    "redeliver": lambda it, scene: it.redeliver(str(enqueue(it, scene)), 1),
    "resume_account": lambda it, _: it.resume_account("default"),
    "suppress_add": lambda it, _: it.suppress_add("app", ["userId=anna"]),
    "suppress_remove": lambda it, _: it.suppress_remove("app", ["userId=anna"]),
    "suppress_import": lambda it, _: it.suppress_import("app", [{"userId": "anna"}]),
    "fence_accept": fence_accept,
    "token_add": lambda it, _: it.token_add("shop", "viewer"),
    "token_remove": token_remove,
    "tokens": lambda it, _: it.tokens(),
    "authenticate": lambda it, _: it.authenticate("dsp_nobodys"),
    "user_add": lambda it, _: it.user_add("boris", "viewer", PASSWORD),
    "user_remove": lambda it, _: with_user(it).user_remove("anna"),
    "user_password": lambda it, _: with_user(it).user_password("anna"),
    "user_role": lambda it, _: with_user(it).user_role("anna", "admin"),
    "users": lambda it, _: it.users(),
    "sign_in": lambda it, _: with_user(it).sign_in("anna", PASSWORD, "127.0.0.1"),
    "sign_in_first": lambda it, _: it.sign_in_first(),
    "sign_out": sign_out,
    "session_of": lambda it, _: it.session_of("nobodys"),
    "sessions": lambda it, _: it.sessions(),
}
NAMING: dict[str, Verb] = {
    "find": lambda it, _: it.find("userId=anna"),
    "forget": lambda it, _: it.forget("userId=nobody"),
    "failures": lambda it, scene: list(it.failures(scene.ended)),
    "failure_lines": lambda it, scene: list(it.failure_lines(scene.ended)),
    "suppress_check": lambda it, _: it.suppress_check("app", ["userId=anna"]),
    "purgeable": lambda it, _: it.purgeable(older_than=timedelta(0)),
}
ALL = LOOKING | CHANGING | NAMING


def test_every_verb_was_decided_about() -> None:
    assert {name for name in vars(Dispatcher) if not name.startswith("_")} == set(ALL)


@pytest.mark.parametrize("verb", ALL)
def test_a_producer_may_do_whatever_a_person_does(scene: Scene, verb: str) -> None:
    ALL[verb](scene.verbs[PRODUCER], scene)


@pytest.mark.parametrize("verb", LOOKING)
def test_a_reader_may_look(scene: Scene, verb: str) -> None:
    LOOKING[verb](scene.verbs[READER], scene)


@pytest.mark.parametrize("verb", [*CHANGING, *NAMING])
def test_a_reader_may_neither_change_anything_nor_learn_who_members_are(
    scene: Scene, verb: str
) -> None:
    with pytest.raises(ServiceError, match=f"{READER}.*dispatcher migrate --roles"):
        ALL[verb](scene.verbs[READER], scene)


@pytest.mark.parametrize("verb", ["enqueue", "rate", "window", "finish_by", "accept_canary"])
def test_a_worker_makes_no_campaign_and_gives_no_orders(scene: Scene, verb: str) -> None:
    with pytest.raises(ServiceError, match=r"permission denied for table (account|campaign)"):
        ALL[verb](scene.verbs[WORKER], scene)


def test_a_reader_checks_the_books_but_for_what_is_about_members(scene: Scene) -> None:
    of_reader = scene.verbs[READER].verify(scene.ended)
    of_producer = scene.verbs[PRODUCER].verify(scene.ended)
    assert (of_reader.members_read, of_producer.members_read) == (False, True)
    assert set(of_reader.checked) < set(of_producer.checked)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (PRODUCER, "UPDATE campaign SET message = '{}'"),
        (PRODUCER, "DELETE FROM campaign"),
        (PRODUCER, "INSERT INTO worker (name, slots) VALUES ('me', 1)"),
        (PRODUCER, "UPDATE attempt SET outcome = 'accepted'"),
        (PRODUCER, "UPDATE act SET actor = 'somebody else'"),
        (PRODUCER, "DELETE FROM act"),
        (WORKER, "UPDATE act SET at = now()"),
        (WORKER, "DELETE FROM act"),
        (WORKER, "UPDATE webhook SET type = 'campaign.paused'"),
        (READER, "INSERT INTO act (actor, via, verb) VALUES ('a', 'cli', 'pause')"),
        (WORKER, "UPDATE campaign SET message = '{}'"),
        (WORKER, "UPDATE chunk SET variant = 1"),
        (WORKER, "DELETE FROM attempt"),
        (READER, "SELECT members FROM chunk"),
        (READER, "SELECT error_details FROM attempt"),
        (READER, "CREATE TABLE mine ()"),
    ],
)
def test_what_no_verb_does_is_refused(owner: Engine, role: str, statement: str) -> None:
    with user(owner, role) as url:
        engine = make_engine(url)
        with pytest.raises(ServiceError, match="permission denied"):
            run(engine, statement)
        engine.dispose()


@pytest.mark.parametrize("role", [PRODUCER, READER])
def test_only_a_worker_claims(owner: Engine, role: str) -> None:
    with user(owner, role) as url, user(owner, WORKER) as worker:
        for allowed, one in ((False, url), (True, worker)):
            engine = make_engine(one)
            with transaction(engine) as connection:
                lacks = roles.lacking(connection, WORKER)
            assert (lacks == []) == allowed
            assert any(right.startswith("EXECUTE on exchange_chunks") for right in lacks) != allowed
            engine.dispose()


def test_a_worker_divides_what_is_refused_for_one_user(owner: Engine) -> None:
    with user(owner, WORKER) as url:
        engine = make_engine(url)
        campaign = with_members(Books(owner).campaign(), 1)
        as_worker = replace(campaign, books=Books(engine))
        wrong = CampaignWrong(Reason("Invalid", 400, 30, "audience.token"))
        as_worker.attempt(wrong)
        as_worker.attempt(wrong)
        assert campaign.states() == ["pending"] * 3
        engine.dispose()
