"""Those for whom alone chunks are refused are found, whoever they are and whatever is lost."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from math import ceil, log2

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.transitions import Claim
from dispatcher.lifecycle import MOST_CULPRITS, Accepted, CampaignWrong, Outcome, Reason
from tests.integration.builders import ALREADY_SENT, IN_DOUBT, LEASE, SIZE, OneCampaign
from tests.model.invariants import books_are_sound
from tests.model.model import Fate
from tests.model.stage import empty_books, with_members

CHUNKS = 3
MOST_REQUESTS = 2 * ceil(log2(SIZE))
fates = st.sampled_from((Fate.HEARD, Fate.HEARD, Fate.UNHEARD, Fate.NOTHING, Fate.FROZEN))
culprits = st.sets(st.integers(0, 2 * SIZE - 1), min_size=1, max_size=8)


class Vendor:
    """Refuses whatever holds a culprit, accepts a pack_id once, and counts what each member got."""

    def __init__(self, culprits: set[str], *, quotes: bool) -> None:
        self.pushes: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self._culprits, self._quotes = culprits, quotes
        self._accepted: set[str] = set()

    def answer(self, claim: Claim) -> Outcome:
        """What it makes of a request."""
        self.requests[claim.pack_id] += 1
        assert claim.members.text is not None
        tokens = [member["token"] for member in json.loads(claim.members.text)]
        if claim.pack_id in self._accepted:
            return ALREADY_SENT
        wrong = next((n for n, token in enumerate(tokens) if token in self._culprits), None)
        if wrong is not None:
            culprit = wrong if self._quotes else None
            return CampaignWrong(Reason("Invalid", 400, 30, "audience.token", culprit))
        self._accepted.add(claim.pack_id)
        self.pushes.update(tokens)
        return Accepted(len(tokens), len(tokens), 0)


def sent(campaign: OneCampaign, vendor: Vendor, fates: Iterator[Fate]) -> None:
    """Send what is due until nothing is, or the campaign pauses."""
    while campaign.shown().state == "running":
        campaign.books.run("UPDATE chunk SET due_at = now() - interval '1 s'")
        pending = [n for n, state in enumerate(campaign.states(), 1) if state == "pending"]
        if not pending:
            return
        for sequence in pending:
            claim = campaign.claim(sequence)
            if claim is not None:
                attempt(campaign, vendor, claim, next(fates, Fate.HEARD))


def attempt(campaign: OneCampaign, vendor: Vendor, claim: Claim, fate: Fate) -> None:
    """A request and its record; a worker who stands still has sent it, and reports too late."""
    outcome: Outcome = IN_DOUBT
    if fate is not Fate.NOTHING:
        outcome = vendor.answer(claim)
    if fate is Fate.FROZEN:
        campaign.books.time_passes(LEASE + timedelta(seconds=1))
        campaign.books.do(transitions.take_back_lost_leases)
        campaign.record(claim, outcome)
    else:
        campaign.record(claim, outcome if fate is Fate.HEARD else IN_DOUBT)


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(culprits, st.booleans(), st.lists(fates, max_size=8))
def test_whoever_is_refused_is_found_and_nobody_gets_it_twice(
    books_engine: Engine, culprits: set[int], quotes: bool, fates: list[Fate]
) -> None:
    campaign = with_members(empty_books(books_engine).campaign(CHUNKS), CHUNKS)
    tokens = {f"{2 + n // SIZE}-{n % SIZE}" for n in culprits}
    vendor = Vendor(tokens, quotes=quotes)
    attempt(campaign, vendor, campaign.claimed(1), Fate.HEARD)

    sent(campaign, vendor, iter(fates))

    campaign.books.do(books_are_sound, campaign.id)
    members = campaign.rolled_up().members
    by_chunk = Counter(token[0] for token in tokens)
    assert max(vendor.pushes.values()) == 1
    assert tokens.isdisjoint(vendor.pushes)
    assert members.delivered + members.uncounted <= len(vendor.pushes)
    if max(by_chunk.values()) <= MOST_CULPRITS:
        assert campaign.shown().state == "completed"
        assert (members.rejected, members.unresolved) == (len(tokens), 0)
        assert len(vendor.pushes) == CHUNKS * SIZE - len(tokens)
        assert rejected(campaign) == tokens
        most = 1 if quotes else MOST_REQUESTS
        assert len(vendor.requests) <= CHUNKS + most * len(tokens)
    else:
        assert campaign.shown().reason is not None or rejected(campaign) == tokens


def rejected(campaign: OneCampaign) -> set[str]:
    """The members of the rejected chunks."""
    lists = campaign.books.rows("SELECT members FROM chunk WHERE state = 'rejected'")
    return {member["token"] for row in lists for member in json.loads(row.members)}
