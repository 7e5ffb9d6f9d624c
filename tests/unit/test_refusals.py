"""What the vendor's refusals mean: every code of its table, under any HTTP status."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.lifecycle import (
    CODES,
    Accepted,
    AccessRefused,
    AlreadySent,
    CampaignWrong,
    Corrupted,
    InDoubt,
    NobodyReached,
    Reason,
    Throttled,
    outcome_of_refusal,
)

# The vendor's "List of possible errors", by what the contract says of each.
DOCUMENTED = {
    1: InDoubt,
    2: Corrupted,
    3: Corrupted,
    4: CampaignWrong,
    6: NobodyReached,
    11: AccessRefused,
    12: AccessRefused,
    13: AccessRefused,
    14: AccessRefused,
    15: AccessRefused,
    23: AccessRefused,
    24: AccessRefused,
    25: AccessRefused,
    26: AccessRefused,
    27: CampaignWrong,
    28: CampaignWrong,
    29: CampaignWrong,
    30: CampaignWrong,
    31: CampaignWrong,
    32: AlreadySent,
    33: NobodyReached,
}
UNDOCUMENTED = (0, -1, 5, 7, 10, 16, 22, 34, 400, 10**9)
STATUSES = (200, 204, 302, 400, 401, 403, 404, 418, 500, 503)
WAIT = timedelta(seconds=7)


def test_every_code_of_the_vendors_table_is_known_and_no_other() -> None:
    assert set(CODES) == set(DOCUMENTED)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("code", "kind"), DOCUMENTED.items())
def test_a_known_code_counts_whatever_the_http_status(status: int, code: int, kind: type) -> None:
    outcome = outcome_of_refusal(status, [(code, "why")])
    assert type(outcome) is kind
    assert not isinstance(outcome, Accepted)
    assert outcome.reason == Reason("why", status, code)


@pytest.mark.parametrize("code", [*DOCUMENTED, *UNDOCUMENTED])
def test_too_many_requests_counts_before_any_code(code: int) -> None:
    outcome = outcome_of_refusal(429, [(code, "why")], WAIT)
    assert outcome == Throttled(Reason("Too many requests", 429), WAIT)


@pytest.mark.parametrize("errors", [[], *([(code, "why")] for code in UNDOCUMENTED)])
@pytest.mark.parametrize("status", [401, 403])
def test_refused_access_without_a_known_code_is_refused_access(
    status: int, errors: list[tuple[int, str]]
) -> None:
    assert isinstance(outcome_of_refusal(status, errors), AccessRefused)


@pytest.mark.parametrize("errors", [[], *([(code, "why")] for code in UNDOCUMENTED)])
@pytest.mark.parametrize("status", [200, 204, 301, 307, 400, 404, 408, 500, 502, 503, 504, 999])
def test_what_nobody_documented_is_in_doubt(status: int, errors: list[tuple[int, str]]) -> None:
    assert isinstance(outcome_of_refusal(status, errors), InDoubt)


def test_the_undocumented_reason_is_kept() -> None:
    outcome = outcome_of_refusal(400, [(77, "Teapot"), (78, "Kettle")])
    assert outcome == InDoubt(Reason("Teapot", 400, 77))
    assert outcome_of_refusal(502, []) == InDoubt(Reason("HTTP 502 without a known reason", 502))


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((4, 1), InDoubt),
        ((11, 32), AlreadySent),
        ((33, 30), NobodyReached),
        ((29, 3), Corrupted),
        ((27, 15), AccessRefused),
        ((4, 29, 31), CampaignWrong),
        ((99, 4), CampaignWrong),
    ],
)
def test_of_several_codes_the_least_certain_counts(codes: tuple[int, ...], kind: type) -> None:
    errors = [(code, f"code {code}") for code in codes]
    assert type(outcome_of_refusal(400, errors)) is kind
    assert type(outcome_of_refusal(400, errors[::-1])) is kind


@pytest.mark.parametrize(
    ("status", "errors", "kept"),
    [(503, [], True), (500, [(1, "Unknown")], True), (500, [], False), (302, [], False)],
)
def test_retry_after_is_believed_of_503_and_of_the_vendors_own_error(
    status: int, errors: list[tuple[int, str]], kept: bool
) -> None:
    outcome = outcome_of_refusal(status, errors, WAIT)
    assert isinstance(outcome, InDoubt)
    assert outcome.retry_after == (WAIT if kept else None)


@given(st.integers(100, 999), st.lists(st.tuples(st.integers(-5, 50), st.text(max_size=5))))
def test_no_refusal_is_an_acceptance_or_a_proof_of_not_sending(
    status: int, errors: list[tuple[int, str]]
) -> None:
    outcome = outcome_of_refusal(status, errors)
    known = [code for code, _ in errors if code in CODES]
    assert not isinstance(outcome, Accepted)
    if status not in (401, 403, 429) and not known:
        assert isinstance(outcome, InDoubt)
