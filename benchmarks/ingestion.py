"""`python -m benchmarks.ingestion ours|copy|orm SOURCE MEMBERS`: one audience, and what it cost.

Behind these, `ours` takes the app that it is for, and a campaign whose members are excluded. It
prints a JSON object: wall and CPU in seconds, the process's memory at its most in bytes.
"""

import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg2
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks import audiences
from benchmarks.campaign import APP, MESSAGE
from dispatcher import Dispatcher, read_settings

_BATCH = 10_000


class Base(DeclarativeBase):
    """The ORM's table."""


class Member(Base):
    """A row a member."""

    __tablename__ = "orm_member"

    token: Mapped[str] = mapped_column(primary_key=True)


def ours(source: str, members: int, app_id: str = APP, *exclude: str) -> Callable[[], object]:
    """A campaign for later, so that nothing is sent meanwhile; not the first of its process.

    That loads what it needs: 0.4 s, whatever its size.
    """
    dispatcher = Dispatcher()
    audience = audiences.generate(members) if source == "generator" else source
    later = datetime.now(UTC) + timedelta(days=1)
    dispatcher.enqueue(app_id="first", message=MESSAGE, audience=[{"token": "a"}], send_at=later)
    return lambda: dispatcher.enqueue(
        app_id=app_id, message=MESSAGE, audience=audience, send_at=later, exclude=exclude or None
    )


def copy(source: str, members: int) -> Callable[[], object]:
    """The same file, with no check but that of the primary key."""
    database_url = read_settings().require_database_url().replace("+psycopg2", "")

    def copy_file() -> None:
        connection = psycopg2.connect(database_url)
        with open(source, encoding="utf-8") as file, connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE copied_member (token text PRIMARY KEY)")
            cursor.copy_expert("COPY copied_member FROM STDIN (FORMAT csv, HEADER)", file, 1 << 18)
        connection.close()

    return copy_file


def orm(source: str, members: int) -> Callable[[], object]:
    """The ORM's bulk insert, in batches and one transaction."""
    engine = create_engine(read_settings().require_database_url())
    Base.metadata.create_all(engine)

    def insert_rows() -> None:
        with open(source, encoding="utf-8", newline="") as file, Session(engine) as session:
            rows: Iterator[dict[str, str]] = csv.DictReader(file)
            while batch := list(islice(rows, _BATCH)):
                session.execute(insert(Member), batch)
            session.commit()

    return insert_rows


def main(verb: str, source: str, members: int, *more: str) -> None:
    """Do it, and print what it cost."""
    acts: dict[str, Callable[..., Callable[[], object]]] = {"ours": ours, "copy": copy, "orm": orm}
    act = acts[verb](source, members, *more)
    began, cpu = time.perf_counter(), time.process_time()
    act()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": peak * unit}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
