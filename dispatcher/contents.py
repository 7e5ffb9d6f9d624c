"""What a key stands for: an app, a message, a tag, an account and members; not a rate or a time.

The members are those before any is excluded for what other campaigns sent to them: that changes
with every sending, its own to begin with. What is asked to be excluded is part of it instead.
Of a message with variants it is also who gets which, and whether each has a tag of its own.

It is stored as a digest, `2.SALT.HASH`. The salt is random and goes into each member's key, so that
nobody who chooses an audience can choose it to pass for another one; it is `3.HASH` where the salt
is the books' secret, as members are looked up on a standing list. What was stored before there were
salts, a bare hash, is compared with such a hash of the members at hand and with their count.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatcher.audience import Prepared

_FORM = "2"
_SECRETLY_SALTED = "3"


def new_salt() -> str:
    """A salt for an audience's keys."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Content:
    """All of it but the members.

    `message` is the canonical JSON, `secret` the books'; `dealing` says how variants are dealt,
    where there are any.
    """

    app_id: str
    message: str
    campaign_tag: str | None
    account: str
    secret: str = field(repr=False)
    exclusions: tuple[object, ...] = ()
    dealing: Sequence[object] = ()

    def digest(self, prepared: Prepared) -> str:
        """What is stored with a campaign of these members; the secret is not in it."""
        if prepared.salt == self.secret:
            return f"{_SECRETLY_SALTED}.{self._hash(prepared.digest)}"
        return f"{_FORM}.{prepared.salt}.{self._hash(prepared.digest)}"

    def is_same(self, stored: str, members: int, prepared: Prepared) -> bool:
        """Whether a digest that was stored with so many members is that of these."""
        form, _, rest = stored.partition(".")
        if not rest:
            same = members == prepared.total and not self.exclusions
            return same and stored == self._hash(prepared.former_digest())
        if form == _SECRETLY_SALTED:
            return rest == self._hash(prepared.digest_under(self.secret))
        salt, _, found = rest.partition(".")
        return form == _FORM and found == self._hash(prepared.digest_under(salt))

    def _hash(self, members: str) -> str:
        further: list[object] = [list(self.exclusions)] if self.exclusions else []
        further += [{"dealing": self.dealing}] if self.dealing else []
        content = [self.app_id, self.message, self.campaign_tag, self.account, members, *further]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()
