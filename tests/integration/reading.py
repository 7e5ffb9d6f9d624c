"""What is written into the books and read again, value by value, to be the same everywhere."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from dispatcher.books import campaigns, making, transitions
from dispatcher.books.session import each_alone, snapshot, transaction
from tests.integration.builders import IN_DOUBT, LEASE, WINDOW, Books, OneCampaign, new_campaign

WORDS = "Jürgen's \\ \"x\" %(y)s \N{SNOWMAN} \\'"
MOMENT = datetime(2031, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)
_MEMBERS = text("""
INSERT INTO chunk (campaign_id, sequence, size, members) VALUES (:campaign_id, 1, 10, :members)
""")


def assert_values_stay(engine: Engine) -> None:
    """Texts, times, intervals and numbers come out of the books as they went in."""
    books = Books(engine)
    new = new_campaign(campaign_tag=WORDS, rate=0.1 + 0.2, expires_at=MOMENT)
    with transaction(engine) as connection:
        assert making.create(connection, new) == new.id
        connection.execute(_MEMBERS, {"campaign_id": new.id, "members": f'["{WORDS}"]'})
        isolation = connection.exec_driver_sql("SHOW transaction_isolation").scalar()
        assert isolation == "read committed"
    shown = books.do(campaigns.read, new.id)
    assert (shown.campaign_tag, shown.rate, shown.expires_at) == (WORDS, 0.1 + 0.2, MOMENT)
    assert shown.created_at.utcoffset() == timedelta(0)
    _assert_attempt(books, OneCampaign(books, new.id))
    with snapshot(engine) as connection:
        isolation = connection.exec_driver_sql("SHOW transaction_isolation").scalar()
        assert isolation == "repeatable read"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"


def _assert_attempt(books: Books, campaign: OneCampaign) -> None:
    """A claim of its own statement, as a worker makes it, and the record of its attempt."""
    key = (campaign.id, 1)
    with each_alone(books.engine).connect() as connection:
        exchanged = transitions.exchange(
            connection, {}, [key], worker=WORDS, lease=LEASE, window=WINDOW
        )
    claim = exchanged.claims[key]
    assert (claim.members.text, claim.time_left) == (f'["{WORDS}"]', WINDOW)
    chunk = campaign.chunk()
    assert (chunk.claimed_by, chunk.lease_until - chunk.claimed_at) == (WORDS, LEASE)
    assert claim.claimed_at == chunk.claimed_at
    assert books.do(transitions.record, campaign.report(claim, IN_DOUBT))
    assert campaign.chunk().in_doubt_since == claim.claimed_at
