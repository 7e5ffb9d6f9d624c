"""The schema: what migrations make is what the models say, and the program knows its version."""

from collections.abc import Callable, Iterator
from struct import iter_unpack
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import IntegrityError

from dispatcher.books import acts, outbox, schema, sessions, standing, tokens, users
from dispatcher.books.acts import Actor
from dispatcher.books.installed import FUNCTIONS
from dispatcher.books.models import Base
from dispatcher.books.schema import check_schema, head_revision, migrate, migration_config
from dispatcher.books.session import make_engine, transaction
from dispatcher.errors import SchemaMismatch, ServiceError
from tests.integration.racing import race, waiting_for_a_lock

# What the database itself says of its schema; the version's own table and triggers aside.
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
  AND contype <> 't'
"""
INDEXES = """
SELECT tablename::text, indexname::text, indexdef FROM pg_indexes
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
COLUMNS = """
SELECT table_name::text, column_name::text, data_type, is_nullable, column_default,
       generation_expression
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""
STORAGE = """
SELECT relation.relname::text, relation.reloptions, toast.reloptions AS toast_options
FROM pg_class AS relation LEFT JOIN pg_class AS toast ON toast.oid = relation.reltoastrelid
WHERE relation.relnamespace = 'public'::regnamespace AND relation.relname !~ '^alembic_version'
"""

FUNCTIONS_THERE = """
SELECT proname::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prorettype <> 'trigger'::regtype
"""


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """A database that nobody has migrated."""
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def migrated(database_url: str) -> Iterator[Engine]:
    """A database with the newest schema."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_the_migrated_schema_is_what_the_models_say(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("query", [CONSTRAINTS, INDEXES, COLUMNS, STORAGE])
def test_the_database_describes_the_migrated_schema_as_that_of_the_models(
    empty: Engine, migrated: Engine, query: str
) -> None:
    with empty.begin() as connection:
        Base.metadata.create_all(connection)
    described = described_by(empty, query)
    assert described == described_by(migrated, query)
    assert len(described) > 10


def test_every_check_of_the_models_has_a_name_of_its_own(migrated: Engine) -> None:
    named = {
        str(constraint.name)
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if constraint.__visit_name__ == "check_constraint"
    }
    with migrated.connect() as connection:
        found = connection.scalars(text("SELECT conname FROM pg_constraint WHERE contype = 'c'"))
        assert named <= set(found)


def test_members_are_stored_without_the_slow_default_compression(migrated: Engine) -> None:
    with migrated.connect() as connection:
        stored = connection.execute(
            text("""
                SELECT attstorage, attcompression FROM pg_attribute
                WHERE attrelid = 'chunk'::regclass AND attname = 'members'
            """)
        ).one()
    assert tuple(stored) in {("x", "l"), ("e", "")}


def test_chunks_and_their_members_are_vacuumed_early(migrated: Engine) -> None:
    options = {name: chosen for name, *chosen in described_by(migrated, STORAGE)}
    assert options["chunk"] == [["autovacuum_vacuum_scale_factor=0.05"]] * 2


def test_migrating_tells_the_versions_before_and_after(empty: Engine) -> None:
    assert migrate(empty) == (None, head_revision())
    check_schema(empty)


def test_the_newest_revision_by_its_file_is_the_one_that_alembic_upgrades_to() -> None:
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == head_revision()


def test_a_function_that_has_changed_comes_with_a_revision_of_its_own() -> None:
    newest = next(
        revision
        for revision in ScriptDirectory.from_config(migration_config()).walk_revisions()
        if hasattr(revision.module, "FUNCTIONS")
    )
    names = tuple(sorted(function.name for function in FUNCTIONS))
    assert names == newest.module.FUNCTIONS, (
        f"Revision {newest.revision} is that of other functions. `migrate` of a program that knows "
        f"no newer one would put its own in their place: add a revision with FUNCTIONS = {names}, "
        "be there anything else in it or not."
    )


def test_migrating_again_changes_nothing(migrated: Engine) -> None:
    before = described_by(migrated, COLUMNS)
    assert migrate(migrated) == (head_revision(), head_revision())
    assert described_by(migrated, COLUMNS) == before


def test_migrations_go_down_and_up_again(migrated: Engine) -> None:
    before = [described_by(migrated, query) for query in (CONSTRAINTS, INDEXES, COLUMNS)]
    config = migration_config()
    with migrated.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert described_by(migrated, COLUMNS) == []
    migrate(migrated)
    after = [described_by(migrated, query) for query in (CONSTRAINTS, INDEXES, COLUMNS)]
    assert after == before


def test_two_that_migrate_at_once_both_succeed(empty: Engine) -> None:
    results = race(*[lambda: migrate(empty)] * 2)
    assert sorted(results, key=str) == [(head_revision(), head_revision()), (None, head_revision())]


def test_who_migrates_waits_for_who_is_migrating(empty: Engine) -> None:
    with empty.connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": 0x64697370})
        with waiting_for_a_lock(empty, lambda: migrate(empty)) as waiting:
            other.rollback()
    assert waiting.result() == (None, head_revision())


def test_a_migration_that_waits_for_who_sends_holds_up_nothing_of_that(empty: Engine) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0024")
    with empty.connect() as sending:
        sending.execute(text("SELECT FROM chunk"))
        with waiting_for_a_lock(empty, lambda: migrate(empty)) as waiting:
            sending.execute(text("SELECT FROM campaign"))
            sending.rollback()
    assert waiting.result() == ("0024", head_revision())


def test_a_migration_says_whom_it_waits_for_and_gives_up_in_the_end(
    empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0024")
    monkeypatch.setattr(schema, "_SILENT_FOR", 0.0)
    monkeypatch.setattr(schema, "_PATIENCE", 0.5)
    monkeypatch.setattr(schema, "_BETWEEN", 0.1)
    told: list[str] = []
    with empty.connect() as dumping:
        dumping.execute(text("SET application_name = 'pg_dump'"))
        dumping.execute(text("SELECT FROM chunk"))
        with pytest.raises(ServiceError, match=r"session \d+ \(pg_dump\) of .* run `dispatcher"):
            migrate(empty, told.append)
    assert len(told) == 1
    assert "(pg_dump)" in told[0]
    with pytest.raises(SchemaMismatch, match="0024"):
        check_schema(empty)


def test_a_database_that_nobody_migrated_is_refused_with_the_remedy(empty: Engine) -> None:
    with pytest.raises(SchemaMismatch, match="run `dispatcher migrate`"):
        check_schema(empty)
    with pytest.raises(SchemaMismatch, match="run `dispatcher migrate`"), transaction(empty) as it:
        it.execute(text("SELECT * FROM campaign"))


def test_an_older_table_is_refused_with_the_remedy(migrated: Engine) -> None:
    with (
        pytest.raises(SchemaMismatch, match="run `dispatcher migrate`"),
        transaction(migrated) as connection,
    ):
        connection.execute(text("SELECT colour FROM campaign"))


def test_functions_of_another_version_are_replaced_by_this_ones(migrated: Engine) -> None:
    with migrated.begin() as connection:
        for function in FUNCTIONS:
            older = f"{function.title}_{'0' * 12}"
            connection.exec_driver_sql(f"ALTER FUNCTION {function.name} RENAME TO {older}")
    with pytest.raises(SchemaMismatch, match=r"lacks this version's functions .* migrate"):
        check_schema(migrated)
    migrate(migrated)
    check_schema(migrated)
    assert described_by(migrated, FUNCTIONS_THERE) == sorted((f.name,) for f in FUNCTIONS)


def test_a_function_that_is_not_there_is_refused_with_the_remedy(migrated: Engine) -> None:
    with (
        pytest.raises(SchemaMismatch, match="run `dispatcher migrate`"),
        transaction(migrated) as connection,
    ):
        connection.execute(text("SELECT * FROM exchange_chunks_of_old()"))


@pytest.mark.parametrize("verb", [migrate, check_schema])
def test_a_database_newer_than_the_program_is_refused_and_left_alone(
    migrated: Engine, verb: object
) -> None:
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match="9999 is newer than this program: upgrade"):
        verb(migrated)  # type: ignore[operator]


def described_by(engine: Engine, query: str) -> list[tuple[object, ...]]:
    """What the database says of its schema, in an order."""
    with engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(text(query))), key=str)


def test_what_the_vendor_quoted_of_purged_members_goes_with_an_upgrade(empty: Engine) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for statement in QUOTED:
            connection.execute(text(statement))
        command.upgrade(config, "0009")
        told = [
            *connection.scalars(text("SELECT error FROM chunk ORDER BY sequence")),
            *connection.scalars(text("SELECT error FROM attempt ORDER BY sequence")),
            *connection.scalars(text("SELECT reason FROM campaign")),
        ]
    forgotten, cut = "What the vendor said is no longer kept", "the reply is cut short"
    assert told == [
        *(forgotten, cut, "Received value: kept"),
        *(forgotten, cut, "Received value: kept"),
        "The Push API refused it (HTTP 400, code 28).",
    ]


def test_what_was_counted_before_members_could_be_excluded_still_adds_up(empty: Engine) -> None:
    def moved(move: Callable[[Config, str], None], revision: str, *statements: str) -> Row[Any]:
        with empty.begin() as connection:
            config = migration_config()
            config.attributes["connection"] = connection
            move(config, revision)
            for statement in statements:
                connection.execute(text(statement))
            return connection.execute(text("SELECT * FROM campaign")).one()

    with empty.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        for statement in QUOTED:
            connection.execute(text(statement))
    after = moved(command.upgrade, "0010", "UPDATE campaign SET input_read = 7, input_excluded = 4")
    before = moved(command.downgrade, "0009")

    assert (after.input_suppressed, after.input_excluded, after.members_total) == (0, 4, 3)
    assert (before.input_suppressed, before.members_total) == (4, 3)


def test_what_ended_before_there_were_standing_lists_adds_up_with_them_and_without(
    empty: Engine,
) -> None:
    def at(revision: str, *statements: str) -> Row[Any]:
        config = migration_config()
        with empty.begin() as connection:
            config.attributes["connection"] = connection
            there = connection.scalar(text("SELECT to_regclass('alembic_version')"))
            (command.downgrade if there and revision == "0011" else command.upgrade)(
                config, revision
            )
            for statement in statements:
                connection.execute(text(statement))
            return connection.execute(text("SELECT * FROM campaign")).one()

    at("0011", *QUOTED)
    after = at(
        "0012",
        "UPDATE chunk SET state = 'withheld', withheld = 1 WHERE sequence = 3",
        "UPDATE campaign SET members_rejected = 2, members_withheld = 1, chunks_rejected = 2,"
        " chunks_withheld = 1",
    )
    before = at("0011")

    assert (after.standing_version, after.members_rejected, after.members_withheld) == (0, 2, 1)
    assert (before.members_rejected, before.members_cancelled, before.chunks_cancelled) == (2, 1, 1)


def test_what_was_done_before_acts_were_noted_is_nobody_s(empty: Engine) -> None:
    campaign_id = UUID("00000000-0000-0000-0000-000000000001")
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0016")
        for statement in QUOTED:
            connection.execute(text(statement))
        command.upgrade(config, "0017")
        assert acts.read(connection, campaign_id, None) == ()
        acts.write(connection, "pause", campaign_id=campaign_id)
        (act,) = acts.read(connection, None, None)
    assert (act.campaign, act.actor, act.before) == (str(campaign_id), "itself", None)


def test_what_was_sent_before_there_were_canaries_has_none(empty: Engine) -> None:
    config = migration_config()

    def move(by: Callable[[Config, str], None], to: str, *statements: str) -> Row[Any]:
        with empty.begin() as connection:
            config.attributes["connection"] = connection
            by(config, to)
            for statement in statements:
                connection.execute(text(statement))
            return connection.execute(text("SELECT * FROM campaign")).one()

    move(command.upgrade, "0017", *QUOTED)
    after = move(command.upgrade, "0018", "UPDATE campaign SET max_error_rate = 0.1")
    before = move(command.downgrade, "0017")

    assert (after.canary_state, after.guarded_since, after.awaits_verdict) == (None, None, False)
    assert "max_error_rate" not in before._fields


@pytest.mark.parametrize(
    ("version", "of_the_newer", "paused"),
    [
        ("0018", "UPDATE campaign SET canary_state = 'running', canary_members = 1", True),
        ("0018", "UPDATE campaign SET awaits_verdict = true", True),
        ("0018", "UPDATE campaign SET guarded_since = now()", True),
        ("0018", "UPDATE campaign SET guarded_since = NULL", False),
        ("0019", "UPDATE fence SET raised_at = now(), reason = 'a copy'", True),
        ("0019", "UPDATE fence SET raised_at = NULL", False),
    ],
)
def test_what_an_older_version_would_not_hold_back_is_paused_on_the_way_to_it(
    empty: Engine, version: str, of_the_newer: str, paused: bool
) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        for statement in (*QUOTED, _RUNS, of_the_newer):
            connection.execute(text(statement))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, f"{int(version) - 1:04}")
        campaign = connection.execute(text("SELECT state, reason FROM campaign")).one()
    assert campaign.state == ("paused" if paused else "running")
    assert ("resume" in (campaign.reason or "")) == paused


def test_chunks_of_before_they_could_be_divided_stay_as_they_are(empty: Engine) -> None:
    chunks = text("SELECT sequence, size, members, state, pack_id FROM chunk ORDER BY sequence")
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0019")
        for statement in QUOTED:
            connection.execute(text(statement))
        before = connection.execute(chunks).all()
        command.upgrade(config, "0020")
        connection.execute(
            text("""
                INSERT INTO part (campaign_id, sequence, round, origin, halvings)
                SELECT campaign_id, sequence, round, pack_id, 0 FROM chunk
            """)
        )
        assert connection.execute(chunks).all() == before
        assert not connection.scalar(text("SELECT bool_or(refused OR culprit) FROM part"))
        command.downgrade(config, "0019")
        assert connection.execute(chunks).all() == before


def test_a_campaign_from_before_there_were_webhooks_tells_nobody(empty: Engine) -> None:
    campaign_id = UUID("00000000-0000-0000-0000-000000000001")
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0020")
        for statement in QUOTED:
            connection.execute(text(statement))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
        outbox.put(connection, campaign_id, "campaign.completed")
        assert outbox.read(connection, campaign_id, None) == ()


def test_before_there_were_tokens_nobody_has_one(empty: Engine) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
        for statement in QUOTED:
            connection.execute(text(statement))
        before = connection.execute(text("SELECT * FROM campaign")).one()
        command.upgrade(config, "0022")
        assert tokens.read_all(connection) == ()
        tokens.add(connection, "shop", "viewer", "dsp_secret")
        command.downgrade(config, "0021")
        command.upgrade(config, "0022")
        assert tokens.read_all(connection) == ()
        assert connection.execute(text("SELECT * FROM campaign")).one() == before


def test_before_there_were_users_nobody_could_sign_in_and_acts_stay(empty: Engine) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0022")
        acts.write(connection, "pause", after={"state": "paused"}, by=Actor("shop", "api"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0023")
        assert users.read_all(connection) == ()
        assert sessions.read_all(connection) == ()
        acts.write(connection, "pause", after={"state": "paused"}, by=Actor("anna", "console"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0022")
        told = [(act.actor, act.via) for act in acts.read(connection, None, None)]
    assert told == [("anna", "api"), ("shop", "api")]


def test_what_was_ordered_before_there_were_approvals_waits_for_none(empty: Engine) -> None:
    config = migration_config()
    waits = "UPDATE campaign SET awaits_approval = true, state = 'paused', reason = 'It waits.'"
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0023")
        for statement in (*QUOTED, _RUNS):
            connection.execute(text(statement))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0024")
        assert connection.scalar(text("SELECT awaits_approval FROM campaign")) is False
        connection.execute(text(waits))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0023")
        after = connection.execute(text("SELECT state, reason FROM campaign")).one()
    assert tuple(after) == ("paused", "It waits.")


def test_what_was_under_way_before_is_summed_up_anew_for_what_is_in_doubt(empty: Engine) -> None:
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0024")
        for statement in (*QUOTED, _RUNS):
            connection.execute(text(statement))
        connection.execute(text("UPDATE campaign SET summed_at = now()"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0025")
        found = "SELECT summed_at, members_sending, members_in_doubt FROM campaign"
        assert tuple(connection.execute(text(found)).one()) == (None, 0, 0)
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0024")


def test_amid_a_campaign_chunks_keep_their_pack_ids_without_the_index_of_these(
    empty: Engine,
) -> None:
    chunks = text("SELECT sequence, state, attempt, pack_id FROM chunk ORDER BY sequence")
    again = (
        "INSERT INTO chunk (campaign_id, sequence, size, members) "
        "SELECT campaign_id, 1, 1, '[1]' FROM chunk"
    )
    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0025")
        for statement in (*QUOTED, _RUNS, _CLAIMED):
            connection.execute(text(statement))
        before = connection.execute(chunks).all()
        command.upgrade(config, "0026")
        assert connection.execute(chunks).all() == before
    with pytest.raises(IntegrityError, match="chunk_pkey"), empty.begin() as connection:
        connection.execute(text(again))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0025")
        assert connection.execute(chunks).all() == before
        assert ("chunk", "chunk_pack_id_key") in {
            (row[0], row[1]) for row in connection.execute(text(INDEXES))
        }


def test_a_standing_list_from_before_it_was_packed_is_copied_whole_and_goes_on(
    empty: Engine,
) -> None:
    def copied(connection: Connection) -> list[int]:
        found: list[int] = []
        standing.copy(
            connection,
            "app",
            lambda some: found.extend(each for (each,) in iter_unpack("!q", some)),
        )
        return sorted(found)

    config = migration_config()
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0028")
        connection.execute(text(_LISTED))
        before = list(connection.scalars(text("SELECT unnest(hashes) FROM standing ORDER BY 1")))
        command.upgrade(config, "0029")
        assert copied(connection) == before
        # As a program from before does it, which knows nothing of the column.
        connection.execute(text(_ADDED))
        connection.execute(text("UPDATE standing SET hashes = '{5}' WHERE page = 0"))
        assert copied(connection) == [5, *before[3:], 2**60 - 2, 2**60 - 1]
    with pytest.raises(IntegrityError, match="packed_has_all_hashes"), empty.begin() as connection:
        connection.execute(text("UPDATE standing SET packed = substr(packed, 9) WHERE page = 0"))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0028")
        connection.execute(text(_ADDED))
        assert connection.scalar(text("SELECT count(*) FROM standing")) == 1002


_LISTED = """
INSERT INTO standing (app_id, page, hashes)
SELECT 'app', 0, ARRAY[1, 2, 3]
UNION ALL
SELECT 'app', page, ARRAY[(page::bigint << 44) + 7] FROM generate_series(60, 60000, 60) AS page
"""
_ADDED = """
INSERT INTO standing AS there (app_id, page, hashes)
VALUES ('app', 65535, ARRAY[1152921504606846974, 1152921504606846975])
ON CONFLICT (app_id, page) DO UPDATE SET hashes = there.hashes || excluded.hashes
"""
_ROWS = """
SELECT '00000000-0000-0000-0000-000000000001'::uuid, *
FROM (VALUES (1, NULL, 400, 28, 'Received value: anna'), (2, '[1]', NULL, NULL, 'b''anna'),
             (3, '[1]', 400, 28, 'Received value: kept'))
     AS rows (sequence, members, http_status, code, error)
"""
_RUNS = """
UPDATE campaign
SET state = 'running', finished_at = NULL, reason = NULL, purged_to = 0, max_error_rate = 0.1
"""
_CLAIMED = """
UPDATE chunk
SET state = 'sending', settled_at = NULL, attempt = 2, lease_until = now() + interval '1 min',
    claimed_at = now(), claimed_by = 'w', in_doubt_since = now()
WHERE sequence = 2
"""
QUOTED = (
    "INSERT INTO account (name) VALUES ('default')",
    """
    INSERT INTO campaign (id, content_digest, app_id, account, platforms, message, state, reason,
                          finished_at, input_read, members_total, members_rejected, chunks_total,
                          chunks_rejected, purged_to)
    VALUES ('00000000-0000-0000-0000-000000000001', 'd', 'a', 'default', '{ios}', '{}', 'completed',
            'The Push API refused it: Received value: anna (HTTP 400, code 28).', now(), 3, 3, 3,
            3, 3, 1)
    """,
    f"""
    INSERT INTO chunk (campaign_id, sequence, members, http_status, code, error, size, state,
                       settled_at)
    SELECT *, 1, 'rejected', now() FROM ({_ROWS}) AS given
    """,
    f"""
    INSERT INTO attempt (campaign_id, sequence, http_status, code, error, attempt, round, worker,
                         started_at, outcome, chunk_state)
    SELECT uuid, sequence, http_status, code, error, 1, 1, 'w', now(), 'campaign_wrong', 'rejected'
    FROM ({_ROWS}) AS given
    """,
)
