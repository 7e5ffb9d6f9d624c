"""What all requests of a campaign have in common; the token is in their bodies and nowhere else."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from dispatcher.settings import Secret

_MOST_REASON_CHARACTERS = 500
_RECEIVED_VALUE = re.compile(r"(Received value: ).*?(?=\. Expected|$)", re.DOTALL)
"""In the vendor's codes 28 and 30; it may be a member's identifier."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The part of the body that all chunks of a campaign share, encoded once."""

    head: bytes
    token: Secret

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, token: Secret, app_id: str, campaign_tag: str | None, message: str) -> "Envelope":
        """The envelope of a campaign; `message` is the JSON text of its platform objects."""
        fields = {"user_token": token.reveal(), "app_id": app_id}
        if campaign_tag is not None:
            fields["campaign_tag"] = campaign_tag
        shared = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return cls(f"{shared[:-1]},{message[1:-1]}".encode(), token)

    def body(self, pack_id: str, members: str) -> bytes:
        """One chunk's whole body; `members` is ready JSON and is not parsed."""
        return b'%b,"pack_id":"%b","audience":%b}' % (
            self.head,
            pack_id.encode(),
            members.encode(),
        )

    def redact(self, text: str) -> str:
        """The text without the token, on one line, and not longer than a reason may be."""
        hidden = _RECEIVED_VALUE.sub(r"\1(hidden)", self.hide(text))
        printable = "".join(char if char.isprintable() else " " for char in hidden)
        return printable[:_MOST_REASON_CHARACTERS]

    def hide(self, text: str) -> str:
        """The text without the token."""
        token = self.token.reveal()
        for form in (token, json.dumps(token)[1:-1]):
            text = text.replace(form, "***")
        return text
