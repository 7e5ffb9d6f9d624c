"""Passwords: what may be one, and how one is kept.

What may be one is after NIST SP 800-63B, 3.1.1: long enough, whatever it is made of, never cut
short, and compared in one of Unicode's normal forms.
"""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from dispatcher.errors import OptionError, ServiceError
from dispatcher.extras import require_console

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12
LONGEST = 1_000
_FEWEST_DISTINCT = 5
_PASSES, _MEMORY, _LANES = 3, 65_536, 4
"""argon2id's time, its memory in KiB and its parallelism: the second recommended option of RFC
9106, section 4, some tenths of a second on a small machine.
"""
_AT_ONCE = BoundedSemaphore(1)
"""So many hashes at a time: each takes 64 MiB, whoever asks for it."""
_PATIENCE = 10.0


def checked(password: object) -> str:
    """The password in its normal form (NFKC). Raises OptionError for what may be none."""
    if not isinstance(password, str) or any(map(_is_no_character, password)):
        raise OptionError("The password has to be one line of text.")
    normal = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(normal) <= LONGEST:
        raise OptionError(
            f"The password has {len(normal):,} characters: give {SHORTEST} to {LONGEST:,}, of any "
            "kind; a few words that belong together nowhere else are good."
        )
    if len(set(normal.casefold())) < _FEWEST_DISTINCT:
        raise OptionError("The password repeats a few characters: give one nobody guesses.")
    return normal


def made() -> str:
    """A new one that nobody has chosen, of 120 random bits."""
    return secrets.token_urlsafe(15)


def hashed(password: str) -> str:
    """What is kept of it. Raises ServiceError where too many are being hashed."""
    with _Turn():
        return _hasher().hash(_normal(password))


def renewed(stored: str, password: str) -> str | None:
    """What is to be kept from now on, where it was hashed with other parameters than ours."""
    return hashed(password) if _hasher().check_needs_rehash(stored) else None


def is_right(stored: str | None, password: str) -> bool:
    """Whether what is kept is of this password; as long it takes where nothing is kept."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _Turn():
        try:
            right = _hasher().verify(stored or _nobody_s(), _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


class _Turn:
    """One's turn to take the memory for a hash."""

    def __enter__(self) -> None:
        if not _AT_ONCE.acquire(timeout=_PATIENCE):
            raise ServiceError("Too many sign in at this moment: try again in a few seconds.")

    def __exit__(self, *_: object) -> None:
        _AT_ONCE.release()


@cache
def _hasher() -> PasswordHasher:
    require_console()
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY, parallelism=_LANES)


@cache
def _nobody_s() -> str:
    return _hasher().hash(made())


def _is_no_character(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
