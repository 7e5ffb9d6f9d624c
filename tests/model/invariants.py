"""What holds after every step: the books against their own rules, and against the model."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import audit
from dispatcher.lifecycle import (
    CAMPAIGN_MOVES,
    CHUNK_MOVES,
    LIVE_CHUNKS,
    RETRIABLE,
    CampaignState,
    ChunkState,
)
from tests.model.model import Model
from tests.model.vendor import PACK_ID_WINDOW

T = TypeVar("T")

_REACHED = (ChunkState.DELIVERED, ChunkState.UNCOUNTED)
_MAY_HAVE_REACHED = (*_REACHED, ChunkState.UNRESOLVED, ChunkState.SENDING)
_ROWS = (
    text("SELECT * FROM campaign WHERE id = :id"),
    text("SELECT * FROM chunk WHERE campaign_id = :id ORDER BY sequence"),
    text("SELECT * FROM attempt WHERE campaign_id = :id ORDER BY sequence, attempt"),
)


@dataclass(frozen=True)
class Sight:
    """All rows of the campaign at one moment."""

    campaign: Row[Any]
    chunks: dict[int, Row[Any]]
    attempts: list[Row[Any]]

    @classmethod
    def of(cls, connection: Connection, campaign_id: UUID) -> "Sight":
        """What the books say now."""
        campaign, chunks, attempts = (
            connection.execute(query, {"id": campaign_id}).all() for query in _ROWS
        )
        return cls(campaign[0], {chunk.sequence: chunk for chunk in chunks}, list(attempts))

    def state(self, sequence: int) -> ChunkState:
        """A chunk's state."""
        return ChunkState(self.chunks[sequence].state)

    def members(self) -> Counter[str]:
        """How many members the chunks of each state hold."""
        members: Counter[str] = Counter()
        for chunk in self.chunks.values():
            members[chunk.state] += chunk.size
        return members

    def states(self) -> Counter[str]:
        """How many chunks there are in each state."""
        return Counter(chunk.state for chunk in self.chunks.values())


def moves_are_legal(before: Sight, after: Sight, moves: int) -> None:
    """Campaign and chunks went along so many arrows at most; a retry begins a round.

    No chunk is lost, and new ones begin as pending.
    """
    was, now = CampaignState(before.campaign.state), CampaignState(after.campaign.state)
    assert now in _reachable(CAMPAIGN_MOVES, was, moves), f"campaign: {was} -> {now}"
    assert before.chunks.keys() <= after.chunks.keys()
    for sequence, chunk in after.chunks.items():
        was_there = sequence in before.chunks
        old = before.state(sequence) if was_there else ChunkState.PENDING
        new = after.state(sequence)
        assert new in _reachable(CHUNK_MOVES, old, moves), f"chunk {sequence}: {old} -> {new}"
        if old in RETRIABLE and new in LIVE_CHUNKS:
            assert chunk.round == before.chunks[sequence].round + 1


def _reachable(arrows: Mapping[T, Collection[T]], start: T, moves: int) -> set[T]:
    reached = {start}
    for _ in range(moves):
        reached |= {after for state in reached for after in arrows[state]}
    return reached


def sums_are_true(sight: Sight) -> None:
    """The campaign's row repeats the sum of its chunks' rows."""
    members, states = sight.members(), sight.states()
    for state in ChunkState:
        assert getattr(sight.campaign, f"chunks_{state}") == states[state]
        if state not in LIVE_CHUNKS:
            assert getattr(sight.campaign, f"members_{state}") == members[state]
    assert sight.campaign.members_remaining == sum(members[state] for state in LIVE_CHUNKS)


def what_ended_is_at_rest(sight: Sight) -> None:
    """A finished campaign has nothing left, and its sums are true without another rollup."""
    if sight.campaign.finished_at is not None:
        assert not any(sight.states()[state] for state in LIVE_CHUNKS)
        sums_are_true(sight)


def nobody_is_pushed_twice(model: Model) -> None:
    """The vendor pushed no pack_id more than once."""
    assert all(pushes <= 1 for pushes in model.vendor.pushes.values()), model.vendor.pushes


def states_are_true(sight: Sight, model: Model) -> None:
    """Who is delivered to was pushed to, and who was pushed to is delivered to or in doubt."""
    for sequence, chunk in sight.chunks.items():
        state = ChunkState(chunk.state)
        pushed = model.vendor.pushes[chunk.pack_id]
        doubtful = state in _MAY_HAVE_REACHED or chunk.in_doubt_since is not None
        assert (state in _REACHED) <= pushed <= doubtful, f"{sequence}: {state}, {pushed} pushes"
        assert (state == ChunkState.SENDING) == (sequence in model.holders)
        assert chunk.round == model.rounds[sequence]
        assert chunk.attempt == model.attempts(sequence)
        if state == ChunkState.PENDING:
            first = model.first_in_doubt(sequence)
            assert chunk.in_doubt_since == (first and first.claim.claimed_at)


def books_are_sound(connection: Connection, campaign_id: UUID) -> None:
    """`verify` finds nothing, the attempt log's completeness among it."""
    window = timedelta(seconds=PACK_ID_WINDOW)
    verdict = audit.verify(connection, campaign_id, window)
    assert not verdict.findings, verdict.findings
