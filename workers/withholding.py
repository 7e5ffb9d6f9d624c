"""The look at the standing list before a chunk's first request: who is on it by now gets nothing.

A claim says whether that is needed: whether anybody was put on the app's list since the audience
was prepared, and no earlier attempt has looked.
"""

import orjson
from sqlalchemy import Engine

from dispatcher.audience.hashes import hashes_of
from dispatcher.books import standing, transitions
from dispatcher.books.sendable import Sendable
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Claim
from dispatcher.redaction import remember


class Withholding:
    """Takes whoever is on an app's standing list out of claimed chunks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._key: str | None = None

    def screened(self, claim: Claim, campaign: Sendable) -> Claim | None:
        """The claim of those who may get it; None where nothing is to be sent.

        What an earlier attempt may have sent was screened by it, and keeps its bytes. Raises what
        the database raises, and then nothing may be sent.
        """
        if not claim.unscreened:
            return claim
        key, app_id = self._known_key(), campaign.app_id
        assert claim.members.text is not None
        members = orjson.loads(claim.members.text)
        hashes = [frozenset(hashes_of(member, key)) for member in members]
        with transaction(self._engine) as connection:
            listed = standing.listed(connection, app_id, frozenset().union(*hashes))
            places = [place for place, of in enumerate(hashes, 1) if not listed.isdisjoint(of)]
            if not places:
                return claim if transitions.keep_all(connection, claim) else None
            if len(places) < len(hashes):
                return transitions.withhold(connection, claim, places)
            transitions.withhold_all(connection, claim)
        return None

    def _known_key(self) -> str:
        if self._key is None:
            with transaction(self._engine) as connection:
                found = standing.key(connection)
            remember(found)
            self._key = found
        return self._key
