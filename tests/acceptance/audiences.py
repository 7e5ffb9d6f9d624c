"""Audiences for stories: tokens, and files that hold them."""

from collections.abc import Sequence

from sandbox.registry import sort
from tests.acceptance.program import Program

UNREACHABLE = 0.01
"""The part of all devices that the stories' Push API cannot reach."""


def tokens(prefix: str, count: int) -> list[str]:
    """Different tokens, most of them reachable."""
    return [f"{prefix}-{number:07}" for number in range(count)]


def tokens_with_unreachable(prefix: str, count: int, unreachable: int) -> list[str]:
    """Tokens of which exactly so many are unreachable by the sandbox's own rule."""
    candidates = tokens(prefix, 2 * count)
    beyond = set(sort(candidates, not_found=0, unreachable=UNREACHABLE).unreachable)
    lost = [candidates[place] for place in sorted(beyond)][:unreachable]
    reachable = [token for place, token in enumerate(candidates) if place not in beyond]
    assert len(lost) == unreachable
    return reachable[: count - unreachable] + lost


def reachable_tokens(prefix: str, count: int) -> list[str]:
    """Tokens that the sandbox reaches, all of them."""
    return tokens_with_unreachable(prefix, count, 0)


def csv_of(program: Program, name: str, members: Sequence[str]) -> str:
    """A CSV file of tokens in the program's directory; its name."""
    return program.file(name, "\n".join(["token", *members, ""]))
