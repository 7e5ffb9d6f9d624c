"""The look at the standing list before a chunk's first request: who is on it by now gets nothing.

A claim says whether anybody was added to any list since the audience was prepared; whether that was
to this app's is asked once for each version of the lists.
"""

import orjson
from sqlalchemy import Engine

from dispatcher.audience.hashes import hashes_of
from dispatcher.books import standing, transitions
from dispatcher.books.campaigns import Sendable
from dispatcher.books.session import transaction
from dispatcher.books.standing import ListState
from dispatcher.books.transitions import Claim
from dispatcher.redaction import remember


class Withholding:
    """Takes whoever is on an app's standing list out of claimed chunks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._key: str | None = None
        self._states: dict[str, ListState] = {}

    def screened(self, claim: Claim, campaign: Sendable) -> Claim | None:
        """The claim of those who may get it; None where the chunk has ended, as nobody is left.

        What an earlier attempt may have sent keeps its bytes: the vendor is asked about those.
        Raises what the database raises, and then nothing may be sent.
        """
        if claim.in_doubt_before is not None or not self._has_grown(claim, campaign):
            return claim
        key, app_id = self._known_key(), campaign.app_id
        hashes = [frozenset(hashes_of(each, key)) for each in orjson.loads(claim.members)]
        with transaction(self._engine) as connection:
            listed = standing.listed(connection, app_id, frozenset().union(*hashes))
            places = [place for place, of in enumerate(hashes, 1) if not listed.isdisjoint(of)]
            if not places:
                return claim
            if len(places) < len(hashes):
                return transitions.withhold(connection, claim, places)
            transitions.withhold_all(connection, claim)
        return None

    def _has_grown(self, claim: Claim, campaign: Sendable) -> bool:
        """Whether the app's list has, since the campaign's audience was prepared."""
        if claim.standing_version <= campaign.standing_version:
            return False
        state = self._states.get(campaign.app_id)
        if state is None or state.version < claim.standing_version:
            with transaction(self._engine) as connection:
                state = standing.state(connection, campaign.app_id)
            self._states[campaign.app_id] = state
        return state.grown > campaign.standing_version

    def _known_key(self) -> str:
        if self._key is None:
            with transaction(self._engine) as connection:
                found = standing.key(connection)
            remember(found)
            self._key = found
        return self._key
