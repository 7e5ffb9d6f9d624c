"""How the user is found for whose value alone a chunk was refused."""

from dataclasses import dataclass
from enum import StrEnum

MOST_CULPRITS = 3
"""So many users are taken out of one chunk; where more are refused, it is the message."""


class Isolation(StrEnum):
    """What becomes of a chunk that was refused for the value of one of its members."""

    TAKE_OUT = "the member whom the refusal quotes is rejected, the others go on"
    HALVE = "each half goes on by itself"
    ALONE = "it is the one member, who is rejected"
    GIVE_UP = "it is rejected, and the campaign pauses: it is not one user's value"
    AS_EVER = "it is rejected like any other refused content"


@dataclass(frozen=True, slots=True)
class Suspects:
    """What `isolate` needs to know of a refused chunk.

    members: how many are in it.
    quotes: whether the refusal quotes the value of exactly one of them.
    is_part: whether it is a part of a chunk that was refused before.
    culprits: how many are known, this one included, at least: in the chunk that was refused first,
        or in all of the campaign's, where nothing was delivered yet and nobody is quoted.
    given_up: whether more of them than are taken out of one chunk were known before.
    """

    members: int
    quotes: bool
    is_part: bool = False
    culprits: int = 1
    given_up: bool = False


def isolate(suspects: Suspects) -> Isolation:
    """How to go on towards those for whom alone a chunk was refused. Raises nothing.

    To find one among n members takes 2 requests for each of log2 n halvings, rounded up; or one
    where the vendor quotes them. Where more than MOST_CULPRITS are known it is none of them.
    """
    if suspects.given_up or (suspects.members == 1 and not suspects.is_part):
        return Isolation.AS_EVER
    if suspects.culprits > MOST_CULPRITS:
        return Isolation.GIVE_UP
    if suspects.members == 1:
        return Isolation.ALONE
    return Isolation.TAKE_OUT if suspects.quotes else Isolation.HALVE
