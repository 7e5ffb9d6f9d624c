"""The vendor's side of a push: contract, refused repeats, registry and ledger put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.audience import Member, device_of, devices, platform_of, poison
from sandbox.behaviour import Behaviour
from sandbox.codes import CODES, Refusal, quoted, refusal
from sandbox.contract import Account, Document, Push, check
from sandbox.faults import Fault, Kind
from sandbox.ledger import Ledger
from sandbox.packs import Packs
from sandbox.registry import sort

LONGEST_DETAILS: Final = 100


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor's "yes", with its three numbers and what it says about the unreachable."""

    audience: int
    successful: int
    erroneous: int
    error_details: list[dict[str, Any]]

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The three."""
        return self.audience, self.successful, self.erroneous


Verdict = Accepted | Refusal


class Vendor:
    """Takes pushes for one account and delivers them into the ledger."""

    def __init__(self, account: Account, window: float) -> None:
        self._account = account
        self._packs = Packs(window)
        self.ledger = Ledger()

    def push(
        self,
        document: Document | Refusal,
        query_token: str | None,
        behaviour: Behaviour,
        now: float,
    ) -> Verdict:
        """Accept and deliver the request, or refuse it; either way it is in the ledger.

        All of it happens at `now`, in one go: a repeat that comes while the first request still
        waits for its reply is refused, and a refused request leaves its pack_id unused.
        """
        verdict = self._decide(document, query_token, behaviour, now)
        if isinstance(verdict, Refusal):
            self.ledger.refuse(verdict)
        return verdict

    def _decide(
        self,
        document: Document | Refusal,
        query_token: str | None,
        behaviour: Behaviour,
        now: float,
    ) -> Verdict:
        if isinstance(document, Refusal):
            return document
        push = check(document, query_token, self._account, behaviour.conditions)
        if isinstance(push, Refusal):
            return push
        if push.pack_id is not None and self._packs.refuses(push.pack_id, now):
            return refusal(32, pack_id=push.pack_id)
        poisoned = poison(push.audience, behaviour.poisoned, quotes=behaviour.quote_poisoned)
        if wrong := next(poisoned, None):
            return wrong
        verdict = self._deliver(push, behaviour)
        if push.pack_id is not None and isinstance(verdict, Accepted):
            self._packs.accept(push.pack_id, now)
        return verdict

    def _deliver(self, push: Push, behaviour: Behaviour) -> Verdict:
        known = devices(push.audience, push.platforms)
        fates = sort(known, behaviour.not_found, behaviour.unreachable)
        if not fates.reached and not fates.unreachable:
            return refusal(33)
        lost = [known[place] for place in fates.unreachable]
        self.ledger.accept(fates.reached, [one for one in lost if one], fates.not_found)
        self.ledger.note(push.message, fates.reached)
        return Accepted(
            audience=len(fates.reached) + len(fates.unreachable),
            successful=len(fates.reached),
            erroneous=len(fates.unreachable),
            error_details=[
                _detail(push.audience[place], push.platforms)
                for place in fates.unreachable[:LONGEST_DETAILS]
            ],
        )


_REASONS: Final = {"ios": "BadDeviceToken", "android": "UNREGISTERED"}


def _detail(member: Member, platforms: Sequence[str]) -> dict[str, Any]:
    platform = platform_of(member, platforms)
    # A token is all that the vendor looks at where there is one.
    identifier = {"token": member["token"]} if member.get("token") else member
    error = _REASONS.get(platform or "", "The channel expired")
    return {"platform": platform, "identifier": identifier, "error": error}


def count(ledger: Ledger, member: Member) -> int:
    """How often the member's device was reached."""
    device = device_of(member)
    return 0 if device is None else ledger.reached.count(device)


def message_of(ledger: Ledger, member: Member) -> Document | None:
    """What the member's device got last, as far as the ledger remembers it."""
    device = device_of(member)
    return None if device is None else ledger.messages.get(device)


def as_if_refused(fault: Fault, document: Document | Refusal, query_token: str | None) -> Refusal:
    """The refusal that a fault pretends, about the request's own token, app and pack_id.

    A code outside the vendor's table makes an undocumented 400. Kind.QUOTE quotes the first member
    wherever the message has room for a value, or else behind it, and half of the token in capitals.
    """
    code = fault.code
    request = {} if isinstance(document, Refusal) else document
    token = query_token or request.get("user_token")
    quotes = fault.kind is Kind.QUOTE
    audience = request.get("audience")
    member = quoted(audience[0]) if quotes and isinstance(audience, list) and audience else ""
    if code in CODES:
        refused = refusal(
            code,
            token=token,
            app_id=request.get("app_id"),
            pack_id=request.get("pack_id"),
            file_id="report",
            field=f"audience[0].{member}" if code == 29 and quotes else "audience",
            value=member if quotes else "null",
            values="none",
            description="an array",
        )
    else:
        refused = Refusal(400, code, f"Undocumented error {code}")
    if not quotes:
        return refused
    half = str(token)[: len(str(token)) // 2].upper()
    about = "" if member in refused.msg else f" Received: {member}"
    return Refusal(refused.status, code, f"{refused.msg}{about} Token: {half}...")
