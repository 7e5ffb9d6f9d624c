"""The moments of a chunk's delivery at which stories strike, as PostgreSQL's proxy sees them."""

from tests.proxy import Moment, Proxy, Snare

# One statement records and claims; what it is given tells which of the two it does.
_CLAIM = b'[{"campaign_id":'
_RECORD = b'[{"place":'
_RELAY = b"pg_try_advisory_xact_lock"


def claimed(database: Proxy) -> Snare:
    """The claim is committed, and its worker does not know yet: nothing was sent."""
    return database.snare(_CLAIM, Moment.COMMIT)


def replied(database: Proxy) -> Snare:
    """The vendor's reply is there, and its record is not."""
    return database.snare(_RECORD, Moment.REQUEST)


def recorded(database: Proxy) -> Snare:
    """The record is committed, and its worker does not know yet."""
    return database.snare(_RECORD, Moment.COMMIT)


def publishing(database: Proxy) -> Snare:
    """A relay is inside its transaction and holds the fleet's lock."""
    return database.snare(_RELAY, Moment.REPLY)
