"""What all requests with one text have in common; the token is in their bodies and nowhere else."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from dispatcher import request
from dispatcher.redaction import Redactor, Secret, known, redact

_MOST_REASON_CHARACTERS = 500
_RECEIVED_VALUE = re.compile(
    r"(Received value: ).*(?=\. Expected)|(Received value: ).*", re.DOTALL | re.IGNORECASE
)
"""In the vendor's codes 28 and 30; it may be a member's identifier."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The part of the body that all chunks with one text share, encoded once."""

    head: bytes = field(repr=False)
    token: Secret

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, token: Secret, app_id: str, campaign_tag: str | None, message: str) -> "Envelope":
        """The envelope of a campaign's text; `message` is the JSON text of its platform objects."""
        return cls(request.head(token.reveal(), app_id, campaign_tag, message), token)

    def body(self, pack_id: str, members: str) -> bytes:
        """One chunk's whole body; `members` is ready JSON and is not parsed."""
        return request.body(self.head, pack_id, members)

    def redact(self, text: str) -> str:
        """What the vendor said without the token and any secret, on one line, and not too long."""
        hidden = redact(known().redact(_redactor(self.token).redact(text)))
        hidden = _RECEIVED_VALUE.sub(lambda match: f"{match[1] or match[2]}(hidden)", hidden)
        printable = "".join(char if char.isprintable() else " " for char in hidden)
        return printable[:_MOST_REASON_CHARACTERS]


@lru_cache(maxsize=64)
def _redactor(token: Secret) -> Redactor:
    return Redactor([token.reveal()])
