"""Celery as most people write it: a row a member, a task a chunk, and a chord that ends it.

`python -m benchmarks.contestants.plain_celery N` publishes N chunks.
"""

import sys

import requests
from celery import Celery, chord
from sqlalchemy import create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks import campaign
from benchmarks.campaign import APP, MESSAGE, TOKEN, Publishing
from dispatcher.servers import read_server

MEMBERS = 1000

_BROKER = read_server(campaign.broker_url()).celery_url()

app = Celery("plain", broker=_BROKER, backend=_BROKER)
engine = create_engine(campaign.database_url().replace("://", "+psycopg2://"))


class Base(DeclarativeBase):
    """The tables of this design."""


class Recipient(Base):
    """One member of the audience."""

    __tablename__ = "plain_recipient"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")


class PlainCampaign(Base):
    """The campaign, which the chord completes."""

    __tablename__ = "plain_campaign"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="running")


@app.task(name="send_chunk")  # type: ignore[untyped-decorator]
def send_chunk(first: int, last: int) -> int:
    """Send to the recipients with these numbers, and mark them as sent."""
    with Session(engine) as session:
        chosen = Recipient.id.between(first, last)
        tokens = session.scalars(select(Recipient.token).where(chosen)).all()
        body = {
            "user_token": TOKEN,
            "app_id": APP,
            "pack_id": f"plain-{first}",
            "audience": [{"token": token} for token in tokens],
            **MESSAGE,
        }
        reply = requests.post(campaign.push_api_url(), json=body, timeout=30)
        reply.raise_for_status()
        session.execute(update(Recipient).where(chosen).values(status="sent"))
        session.commit()
    return len(tokens)


@app.task(name="finish")  # type: ignore[untyped-decorator]
def finish(counts: list[int]) -> None:
    """Complete the campaign, as every chunk has been sent."""
    with Session(engine) as session:
        session.execute(update(PlainCampaign).values(status=f"sent {sum(counts)}"))
        session.commit()


if __name__ == "__main__":
    starts = range(1, int(sys.argv[1]) * MEMBERS, MEMBERS)
    with Publishing():
        chord(send_chunk.s(start, start + MEMBERS - 1) for start in starts)(finish.s())
