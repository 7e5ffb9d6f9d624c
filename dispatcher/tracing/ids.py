"""Which traces and spans there are: their ids are made of what they are about. PURE.

So processes that know nothing of each other, and those of another attempt, write the same traces.
"""

from hashlib import blake2b
from uuid import UUID


def campaign_trace(campaign: UUID) -> int:
    """A campaign's trace: its id, without the hyphens."""
    return campaign.int


def campaign_span(campaign: UUID) -> int:
    """The span of a campaign's making, which everything else in its trace is a part of."""
    return campaign.int & (1 << 64) - 1


def chunk_trace(campaign: UUID, chunk: int) -> int:
    """A chunk's trace, with all that was tried of it: its end is spread evenly, as samplers ask."""
    return _made_of(campaign, chunk, size=16)


def attempt_span(campaign: UUID, chunk: int, attempt: int) -> int:
    """The span of one attempt at a chunk."""
    return _made_of(campaign, chunk, attempt, size=8)


def _made_of(campaign: UUID, *numbers: int, size: int) -> int:
    """None of the two ids may be zero."""
    words = campaign.bytes + "/".join(map(str, numbers)).encode()
    return int.from_bytes(blake2b(words, digest_size=size).digest()) or 1
