"""A campaign's bound on errors and its canary, as they stand in its row, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.canary import CanaryState, Figures, exceeds, members_to_decide, verdict
from dispatcher.words import counted

COLUMNS = (
    *("created_at", "max_error_rate", "guarded_since", "guard_measured", "guard_errors"),
    *("awaits_verdict", "canary_members", "canary_state", "canary_remaining", "canary_measured"),
    *("canary_errors", "canary_lost"),
)
"""Those of a campaign's row that a `Guard` is made of."""

_READ = text(f"SELECT id, {', '.join(COLUMNS)} FROM campaign WHERE id = :campaign_id")
_READ_TESTED = text(f"""
SELECT id, {", ".join(COLUMNS)} FROM campaign
WHERE id = ANY(:campaign_ids) AND finished_at IS NULL AND max_error_rate IS NOT NULL
  AND (state = 'running' OR canary_state = 'running')
""")


@dataclass(frozen=True, slots=True)
class Guard:
    """What of a campaign's errors is known, and what is to be made of it.

    `bound` is the highest rate of errors, of one for all; None where there is none. `members` is
    the canary's size and `state` its own, None where there is none. While the campaign
    `awaits_verdict`, nothing but its canary begins. `has_begun_anew` tells whether somebody let it
    go on once already.
    """

    campaign: str
    bound: float | None
    is_tested: bool
    has_begun_anew: bool
    measured: int
    errors: int
    awaits_verdict: bool
    members: int
    state: CanaryState | None
    canary: Figures

    @classmethod
    def of(cls, row: Row[Any]) -> "Guard":
        """That of a row of the table `campaign`."""
        return cls(
            campaign=str(row.id)[:8],
            bound=row.max_error_rate,
            is_tested=row.guarded_since is not None,
            has_begun_anew=row.guarded_since is not None and row.guarded_since > row.created_at,
            measured=row.guard_measured,
            errors=row.guard_errors,
            awaits_verdict=row.awaits_verdict,
            members=row.canary_members or 0,
            state=row.canary_state and CanaryState(row.canary_state),
            canary=Figures(
                remaining=row.canary_remaining,
                measured=row.canary_measured,
                errors=row.canary_errors,
                lost=row.canary_lost,
            ),
        )

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more begins before somebody accepts it."""
        return self.awaits_verdict and self.state != CanaryState.RUNNING

    @property
    def is_stopped_beyond_its_canary(self) -> bool:
        """Whether errors of all that was sent have stopped it, and not its canary's verdict."""
        has_verdict = self.has_begun_anew or self.state in (None, CanaryState.PASSED)
        return self.is_stopped and has_verdict

    @property
    def is_proven(self) -> bool:
        """Whether too many errors have stopped it, and not a canary that decides nothing."""
        failed = self.is_stopped and self.state == CanaryState.FAILED
        return failed or self.is_stopped_beyond_its_canary

    def verdict(self) -> CanaryState:
        """What the canary has come to by now."""
        assert self.bound is not None
        return verdict(self.canary, self.bound)

    def exceeds(self) -> bool:
        """Whether all that is tested proves that the bound is exceeded."""
        return (
            self.bound is not None
            and self.is_tested
            and exceeds(self.measured, self.errors, self.bound)
        )

    @property
    def words(self) -> str:
        """What stands between the campaign and the rest of it: figures, and what would decide."""
        if not self.awaits_verdict or self.bound is None:
            return ""
        if self.state == CanaryState.RUNNING:
            return (
                f"The rest waits for its canary: of {counted(self.members, 'member')} "
                f"{self.canary.measured:,} are measured so far, {self.canary.errors:,} of them "
                "errors."
            )
        how = "without the bound" if self.is_proven else "under the bound"
        return (
            f"{self._found(self.bound)} `dispatcher canary {self.campaign} accept` goes on {how}; "
            "--max-error-rate gives another."
        )

    def _found(self, bound: float) -> str:
        """Why it is stopped."""
        if self.is_stopped_beyond_its_canary:
            return f"Too many errors: {_rate(self.measured, self.errors, bound)}."
        canary = self.canary
        seen = _rate(canary.measured, canary.errors, bound)
        match self.state:
            case CanaryState.FAILED:
                return f"Its canary failed: {seen}."
            case CanaryState.UNDECIDED:
                more = members_to_decide(canary.measured, canary.errors, bound)
                return f"Its canary is undecided: {seen}. Some {more:,} members more would decide."
            case _:
                return (
                    f"Its canary is unmeasurable: of its {counted(self.members, 'member')} "
                    f"{canary.measured:,} were measured, and what became of {canary.lost:,} is not "
                    "known."
                )


def read(connection: Connection, campaign_id: UUID) -> Guard:
    """That of a campaign."""
    return Guard.of(connection.execute(_READ, {"campaign_id": campaign_id}).one())


def read_tested(connection: Connection, campaign_ids: Sequence[UUID]) -> dict[UUID, Guard]:
    """Those of the campaigns among these whose errors are tested as they go on."""
    rows = connection.execute(_READ_TESTED, {"campaign_ids": list(campaign_ids)})
    return {row.id: Guard.of(row) for row in rows}


def _rate(measured: int, errors: int, bound: float) -> str:
    share = f" ({_percent(errors / measured)})" if measured else ""
    return (
        f"{errors:,} of {measured:,} measured members{share} are errors, {_percent(bound)} may be"
    )


def _percent(share: float) -> str:
    """A share as a person reads it."""
    return f"{100 * share:.3g} %"
