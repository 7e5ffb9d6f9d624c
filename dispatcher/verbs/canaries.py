"""Who goes first, and how many errors there may be: the options that say it, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dispatcher.canary import LEAST_BOUND, MOST_BOUND
from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.verbs.variants import salt_of

if TYPE_CHECKING:
    from dispatcher.audience import Drawing

_PERCENT = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%\s*")
_COUNT = re.compile(r"\s*[0-9]{1,12}\s*")


def bound_of(given: float | str | None) -> float | None:
    """The highest rate of errors, of one for all. Raises OptionError."""
    if given is None:
        return None
    bound = _share(given) if isinstance(given, str) else given
    if bound is None or isinstance(bound, bool) or not isinstance(bound, int | float):
        raise OptionError(
            f"max_error_rate (--max-error-rate) is {given!r}: write it as 10%, or as 0.1."
        )
    if not LEAST_BOUND <= bound <= MOST_BOUND:
        raise OptionError(
            f"max_error_rate (--max-error-rate) is {given}: give between {LEAST_BOUND:.2%} and "
            f"{MOST_BOUND:.0%}."
        )
    return float(bound)


def drawing(
    canary: int | str | None, bound: float | None, seed: Sequence[str | None]
) -> Drawing | None:
    """How a canary is drawn; None where there is none. The same `seed` draws alike.

    Raises OptionError, also where no `bound` says what it has to keep.
    """
    if canary is None:
        return None
    count, share = _size(canary)
    if bound is None:
        raise OptionError(
            "A canary (--canary) has to keep a bound on errors: give one (--max-error-rate 10%)."
        )
    with not_while_forking():
        from dispatcher.audience import Drawing

    return Drawing(count, share, salt_of(["canary", *seed]))


def check_size(drawing: Drawing, total: int) -> None:
    """Raise OptionError unless it leaves somebody of so many members for later."""
    size = drawing.size(total)
    if total and size >= total:
        raise OptionError(
            f"A canary of {size:,} leaves nobody of the audience's {total:,} for later: give fewer "
            "(--canary), or leave it out; --max-error-rate guards without one, too."
        )


def _size(canary: int | str) -> tuple[int | None, float | None]:
    """A number of members, or a share of them."""
    is_count = isinstance(canary, str) and _COUNT.fullmatch(canary)
    count = int(canary) if is_count else canary
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count, None
    if isinstance(canary, str) and _PERCENT.fullmatch(canary):
        share = _share(canary)
        if share is not None and 0 < share < 1:
            return None, share
    raise OptionError(
        f"canary (--canary) is {canary!r}: give a number of members, as 2000, or a part of them "
        "below all, as 1%."
    )


def _share(text: str) -> float | None:
    """A share as a person writes it, as 10% or 0.1; None where it is none."""
    if match := _PERCENT.fullmatch(text):
        return float(match[1]) / 100
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share < 1 else None
