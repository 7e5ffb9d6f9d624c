"""What an attempt's outcome makes of a chunk: the table of docs/delivery.md, and its rules."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil, log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.lifecycle import (
    CAMPAIGN_MOVES,
    CHUNK_MOVES,
    LIVE_CAMPAIGNS,
    LIVE_CHUNKS,
    MOST_CORRUPTIONS,
    MOST_CULPRITS,
    RETRIABLE,
    Accepted,
    AccessRefused,
    AlreadySent,
    CampaignState,
    CampaignWrong,
    ChunkFacts,
    ChunkState,
    Corrupted,
    InDoubt,
    Isolation,
    NobodyReached,
    NotSent,
    Outcome,
    Reason,
    Suspects,
    Throttle,
    Throttled,
    account_hold,
    backoff,
    decide,
    is_about_a_member,
    is_conclusive,
    isolate,
    name_of,
    proves_something,
    rest_before_fresh,
    throttle,
    usable_window,
)

WINDOW = timedelta(seconds=510)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLAIMED = NOW - timedelta(seconds=2)
OPEN = NOW - timedelta(seconds=100)
CLOSED = NOW - WINDOW

ACCEPTED = Accepted(10, 9, 1)
ALREADY_SENT = AlreadySent(Reason("blocked", 400, 32))
NOBODY_FOUND = NobodyReached(Reason("nobody", 400, 33))
UNKNOWN_APP = NobodyReached(Reason("Invalid app id", 400, 6))
WRONG = CampaignWrong(Reason("Unexpected field", 400, 29))
WRONG_USER = CampaignWrong(Reason("Invalid value", 400, 30, place="audience[3].token"))
REFUSED = AccessRefused(Reason("Wrong user token", 401, 11))
CORRUPTED = Corrupted(Reason("Malformed json", 400, 3))
NOT_SENT = NotSent(Reason("Connection refused"))
THROTTLED = Throttled(Reason("Too many requests", 429), timedelta(seconds=7))
TIMEOUT = InDoubt(Reason("No complete reply"))
BUSY = InDoubt(Reason("HTTP 503", 503), timedelta(seconds=7))

# The states after no attempt in doubt, after one with its window open, after one with it closed.
TABLE: list[tuple[Outcome, str, str, str]] = [
    (ACCEPTED, "delivered", "delivered", "delivered"),
    (ALREADY_SENT, "uncounted", "uncounted", "uncounted"),
    (NOBODY_FOUND, "rejected", "unresolved", "unresolved"),
    (UNKNOWN_APP, "rejected", "unresolved", "unresolved"),
    (WRONG, "rejected", "rejected", "rejected"),
    (WRONG_USER, "rejected", "rejected", "rejected"),
    (REFUSED, "pending", "pending", "unresolved"),
    (CORRUPTED, "pending", "pending", "unresolved"),
    (NOT_SENT, "pending", "pending", "unresolved"),
    (THROTTLED, "pending", "pending", "unresolved"),
    (TIMEOUT, "pending", "pending", "unresolved"),
    (BUSY, "pending", "pending", "unresolved"),
]
OUTCOMES = [row[0] for row in TABLE]
PROVES_NOTHING_SENT = (REFUSED, CORRUPTED, NOT_SENT, THROTTLED)


def facts(in_doubt_since: datetime | None = None, corruptions: int = 0) -> ChunkFacts:
    """A chunk at its second attempt."""
    return ChunkFacts(2, CLAIMED, in_doubt_since, corruptions, WINDOW)


reasons = st.builds(
    Reason,
    st.text(max_size=20),
    st.none() | st.integers(100, 599),
    st.none() | st.integers(-1, 40),
)
waits = st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=400))
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Accepted, st.integers(0), st.integers(0), st.integers(0)),
    *(
        st.builds(kind, reasons)
        for kind in (AlreadySent, NobodyReached, CampaignWrong, AccessRefused, Corrupted, NotSent)
    ),
    st.builds(Throttled, reasons, waits),
    st.builds(InDoubt, reasons, waits),
)
moments = st.timedeltas(timedelta(0), timedelta(seconds=2000)).map(lambda ago: NOW - ago)
chunks = st.builds(
    ChunkFacts,
    attempt=st.integers(1, 10_000),
    claimed_at=moments,
    in_doubt_since=st.none() | moments,
    corruptions=st.integers(0, 10),
    window=st.timedeltas(timedelta(seconds=1), timedelta(seconds=1000)),
)
jitters = st.floats(0, 1)


@pytest.mark.parametrize(("outcome", "clean", "doubtful", "closed"), TABLE)
def test_an_outcome_makes_of_a_chunk_what_the_table_says(
    outcome: Outcome, clean: str, doubtful: str, closed: str
) -> None:
    states = [decide(outcome, facts(since), NOW).state for since in (None, OPEN, CLOSED)]
    assert states == [clean, doubtful, closed]


@pytest.mark.parametrize("outcome", PROVES_NOTHING_SENT)
def test_a_proof_that_nothing_was_sent_leaves_only_the_doubt_that_was_there_before(
    outcome: Outcome,
) -> None:
    assert decide(outcome, facts(None), NOW).in_doubt_since is None
    assert decide(outcome, facts(OPEN), NOW).in_doubt_since == OPEN


@pytest.mark.parametrize("outcome", [TIMEOUT, BUSY, ALREADY_SENT])
def test_doubt_begins_with_the_first_attempt_that_may_have_been_sent(outcome: Outcome) -> None:
    assert decide(outcome, facts(None), NOW).in_doubt_since == CLAIMED
    assert decide(outcome, facts(OPEN), NOW).in_doubt_since == OPEN


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("since", [None, OPEN, CLOSED])
def test_every_decision_is_a_move_of_the_state_diagram(
    outcome: Outcome, since: datetime | None
) -> None:
    assert decide(outcome, facts(since), NOW).state in CHUNK_MOVES[ChunkState.SENDING]


def test_an_attempt_that_outlasts_the_window_is_unresolved() -> None:
    assert decide(TIMEOUT, facts(), CLAIMED + WINDOW).state == ChunkState.UNRESOLVED


def test_refused_credentials_pause_the_campaign_with_the_reason() -> None:
    decision = decide(REFUSED, facts(), NOW)
    assert decision.pause == "The Push API refused it: Wrong user token (HTTP 401, code 11)."
    assert not decision.unless_delivered
    assert decision.due_in == timedelta(0)


@pytest.mark.parametrize("outcome", [WRONG, UNKNOWN_APP])
def test_a_wrong_message_or_app_pauses_unless_something_was_delivered(outcome: Outcome) -> None:
    decision = decide(outcome, facts(), NOW)
    assert decision.pause is not None
    assert decision.unless_delivered


@pytest.mark.parametrize("outcome", [ACCEPTED, NOBODY_FOUND, NOT_SENT, THROTTLED, TIMEOUT, BUSY])
def test_what_no_person_can_mend_does_not_pause(outcome: Outcome) -> None:
    assert decide(outcome, facts(), NOW).pause is None


def test_the_third_damaged_request_pauses() -> None:
    decisions = [decide(CORRUPTED, facts(None, before), NOW) for before in range(MOST_CORRUPTIONS)]
    assert [decision.corruptions for decision in decisions] == [1, 2, 3]
    assert [decision.pause is not None for decision in decisions] == [False, False, True]


@pytest.mark.parametrize("outcome", [THROTTLED, BUSY])
def test_the_account_rests_as_long_as_the_vendor_asks(outcome: Outcome) -> None:
    decision = decide(outcome, facts(), NOW, jitter=1)
    assert decision.hold == timedelta(seconds=7)
    assert decision.due_in == timedelta(seconds=2)


@pytest.mark.parametrize("asked", [None, timedelta(0), timedelta(seconds=-5)])
def test_throttling_without_a_time_lets_the_account_say_for_how_long(
    asked: timedelta | None,
) -> None:
    decision = decide(Throttled(Reason("429", 429), asked), facts(), NOW, jitter=1)
    assert (decision.hold, decision.throttled) == (None, True)
    assert decision.due_in == timedelta(seconds=2)


def test_nobody_rests_longer_than_a_day() -> None:
    outcome = Throttled(Reason("429", 429), timedelta(days=400))
    assert decide(outcome, facts(), NOW).hold == timedelta(days=1)


@given(outcomes, chunks, jitters)
def test_nothing_in_doubt_is_sent_again_once_its_window_closed(
    outcome: Outcome, chunk: ChunkFacts, jitter: float
) -> None:
    decision = decide(outcome, chunk, NOW, jitter)
    if decision.state == ChunkState.PENDING and decision.in_doubt_since is not None:
        assert decision.in_doubt_since + chunk.window > NOW


@given(outcomes, chunks, jitters)
def test_doubt_ends_only_where_this_attempt_began_it_or_the_chunk_is_final(
    outcome: Outcome, chunk: ChunkFacts, jitter: float
) -> None:
    decision = decide(outcome, chunk, NOW, jitter)
    if chunk.in_doubt_since is not None:
        final = decision.state in (ChunkState.DELIVERED, ChunkState.REJECTED)
        assert final or decision.in_doubt_since == chunk.in_doubt_since


@given(outcomes, chunks, jitters)
def test_only_a_pending_chunk_is_due_again_and_never_in_the_past(
    outcome: Outcome, chunk: ChunkFacts, jitter: float
) -> None:
    decision = decide(outcome, chunk, NOW, jitter)
    assert (decision.due_in is not None) == (decision.state == ChunkState.PENDING)
    assert decision.due_in is None or decision.due_in >= timedelta(0)
    assert decision.hold is None or decision.hold > timedelta(0)


@given(outcomes, chunks, jitters)
def test_a_decision_keeps_the_checks_of_the_chunk_row(
    outcome: Outcome, chunk: ChunkFacts, jitter: float
) -> None:
    decision = decide(outcome, chunk, NOW, jitter)
    in_doubt = decision.in_doubt_since is not None
    assert in_doubt or decision.state != ChunkState.UNRESOLVED
    assert not in_doubt or decision.state not in (ChunkState.DELIVERED, ChunkState.REJECTED)
    assert (decision.state == ChunkState.DELIVERED) == isinstance(outcome, Accepted)
    assert decision.corruptions >= 0


@given(outcomes, chunks, jitters)
def test_rejected_means_that_nobody_can_have_got_it(
    outcome: Outcome, chunk: ChunkFacts, jitter: float
) -> None:
    if decide(outcome, chunk, NOW, jitter).state == ChunkState.REJECTED:
        assert chunk.in_doubt_since is None or isinstance(outcome, CampaignWrong)


@given(st.integers(-5, 10**6), jitters)
def test_back_off_lies_between_half_a_second_and_fifteen(attempt: int, jitter: float) -> None:
    assert timedelta(seconds=0.5) <= backoff(attempt, jitter) <= timedelta(seconds=15)


def test_back_off_doubles_up_to_fifteen_seconds() -> None:
    waits = [backoff(attempt, 1).total_seconds() for attempt in range(1, 7)]
    assert waits == [1, 2, 4, 8, 15, 15]
    assert backoff(5, 0) == timedelta(seconds=7.5)


def test_an_account_rests_after_ten_failures_in_a_row_for_five_seconds_at_most() -> None:
    assert [account_hold(failures) for failures in (0, 1, 9)] == [None] * 3
    holds = [account_hold(failures) for failures in (10, 11, 12, 13, 10**6)]
    assert holds == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 5, 5)]


def test_the_usable_window_keeps_a_tenth_and_one_request_as_margin() -> None:
    assert usable_window(timedelta(seconds=600), timedelta(seconds=30)) == WINDOW


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_reply_is_conclusive_and_silence_is_not(outcome: Outcome) -> None:
    assert is_conclusive(outcome) == (outcome not in (NOT_SENT, TIMEOUT))


def test_outcomes_have_the_names_of_the_attempt_log() -> None:
    names = [name_of(outcome) for outcome in (ACCEPTED, ALREADY_SENT, NOT_SENT, TIMEOUT)]
    assert names == ["accepted", "already_sent", "not_sent", "in_doubt"]


def test_the_diagrams_name_every_state() -> None:
    assert set(CHUNK_MOVES) == set(ChunkState)
    assert set(CAMPAIGN_MOVES) == set(CampaignState)


def test_only_late_proof_and_the_operator_move_what_has_ended() -> None:
    for state in set(ChunkState) - LIVE_CHUNKS:
        retried = {ChunkState.PENDING} if state in RETRIABLE else set()
        assert CHUNK_MOVES[state] - {ChunkState.DELIVERED, ChunkState.UNCOUNTED} == retried
    for ended in set(CampaignState) - LIVE_CAMPAIGNS:
        assert CAMPAIGN_MOVES[ended] <= {CampaignState.RUNNING}
    assert not CAMPAIGN_MOVES[CampaignState.CANCELLED]


def test_what_proves_something_is_what_the_vendor_says_of_the_request() -> None:
    proving = [outcome for outcome in OUTCOMES if proves_something(outcome)]
    assert proving == [
        *(ACCEPTED, ALREADY_SENT, NOBODY_FOUND, UNKNOWN_APP, WRONG, WRONG_USER),
        *(REFUSED, CORRUPTED),
    ]


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_an_outages_end_is_noticed_after_a_quarter_of_it_or_an_hour_at_most(
    outage: timedelta,
) -> None:
    rest = rest_before_fresh(outage)
    assert rest <= max(outage / 4, timedelta(seconds=15))
    assert rest <= timedelta(hours=1)
    assert rest >= min(outage / 4, timedelta(hours=1))


@pytest.mark.parametrize(("window", "most"), [(510, 35), (10, 55)])
def test_a_failing_day_takes_some_thirty_clean_chunks(window: int, most: int) -> None:
    """One is followed by others when its window is over, and its rest."""
    elapsed, taken = timedelta(0), 0
    while elapsed < timedelta(days=1):
        taken += 1
        elapsed += max(rest_before_fresh(elapsed), timedelta(seconds=window))
    assert taken <= most


SECOND = timedelta(seconds=1)


def rests(count: int, jitter: float, going_well: timedelta = timedelta(0)) -> list[timedelta]:
    """So many rests in a row, the next request refused so long after each has ended."""
    rest, now, found = Throttle(), NOW, []
    for _ in range(count):
        rest = throttle(rest, now, None, now + SECOND / 10, jitter)
        assert rest.began
        assert rest.until
        found.append(rest.until - rest.began)
        now = rest.until + going_well
    return found


@given(jitters)
def test_whoever_is_throttled_again_rests_longer_each_time_up_to_a_minute(jitter: float) -> None:
    found = rests(9, jitter)
    assert found[:6] == sorted(found[:6])
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(found[:6]))
    assert found[0] <= SECOND
    assert 45 * SECOND <= found[-1] <= 60 * SECOND


def test_after_it_went_well_for_a_while_a_rest_is_short_again() -> None:
    assert rests(4, 1, going_well=31 * SECOND) == 4 * [SECOND]


@given(st.lists(st.none() | st.timedeltas(SECOND, timedelta(days=1)), max_size=64), jitters)
def test_the_answers_to_requests_of_before_a_rest_are_one_refusal(
    asked: list[timedelta | None], jitter: float
) -> None:
    first = throttle(Throttle(), CLAIMED, None, NOW, jitter)
    rest = first
    for wait in asked:
        rest = throttle(rest, CLAIMED, wait, NOW + SECOND / 10, jitter)
    assert (rest.count, rest.began) == (first.count, first.began)
    longest = max((wait for wait in asked if wait is not None), default=None)
    assert rest.until == (first.until if longest is None else NOW + SECOND / 10 + longest)


@given(jitters)
def test_a_rest_whose_length_is_asked_for_has_that_length(jitter: float) -> None:
    rest = throttle(Throttle(3, OPEN, OPEN + SECOND), CLAIMED, 7 * SECOND, NOW, jitter)
    assert rest == Throttle(3, NOW, NOW + 7 * SECOND)


PLACES = [None, "audience", "audience[3].token", "audience.userId", "audiences", "ios.audience"]


@pytest.mark.parametrize("code", [4, 27, 28, 29, 30, 31, 33, None])
@pytest.mark.parametrize("place", PLACES)
def test_only_a_refused_value_of_the_audience_may_be_one_users_alone(
    code: int | None, place: str | None
) -> None:
    reason = Reason("No", 400, code, place)
    about = code in (28, 30) and (place or "").split(".")[0].split("[")[0] == "audience"
    assert is_about_a_member(reason) == about
    assert decide(CampaignWrong(reason), facts(), NOW).may_divide == about


@pytest.mark.parametrize("members", [1, 2, 1000])
@pytest.mark.parametrize("quotes", [False, True])
@pytest.mark.parametrize("is_part", [False, True])
@pytest.mark.parametrize("culprits", range(1, MOST_CULPRITS + 3))
@pytest.mark.parametrize("given_up", [False, True])
def test_a_refused_chunk_is_divided_unless_that_cannot_be_or_it_is_the_message(
    members: int, quotes: bool, is_part: bool, culprits: int, given_up: bool
) -> None:
    how = isolate(Suspects(members, quotes, is_part, culprits, given_up))
    undivided = given_up or (members == 1 and not is_part)
    message = culprits > MOST_CULPRITS and not undivided
    assert (how is Isolation.AS_EVER) == undivided
    assert (how is Isolation.GIVE_UP) == message
    goes_on = not undivided and not message
    assert (how is Isolation.ALONE) == (goes_on and members == 1)
    assert (how is Isolation.TAKE_OUT) == (goes_on and members > 1 and quotes)
    assert (how is Isolation.HALVE) == (goes_on and members > 1 and not quotes)


class Search:
    """A chunk that is divided until the culprits among its members are found, or it is given up."""

    def __init__(self, members: int, culprits: set[int], *, quotes: bool) -> None:
        self.culprits, self.quotes = culprits, quotes
        self.found: set[int] = set()
        self.requests = 0
        self.gave_up = False
        self._refused: Counter[int] = Counter()
        parts = [(list(range(members)), 0)]
        while parts and not self.gave_up:
            parts += self._ask(*parts.pop(0))

    def _ask(self, members: list[int], halvings: int) -> list[tuple[list[int], int]]:
        self.requests += 1
        wrong = [member for member in members if member in self.culprits]
        if not wrong:
            return []
        self._refused[halvings] += 1
        is_part, culprits = self.requests > 1, self._refused[halvings]
        match isolate(Suspects(len(members), self.quotes, is_part, culprits)):
            case Isolation.TAKE_OUT:
                self.found.add(wrong[0])
                return [([each for each in members if each != wrong[0]], halvings)]
            case Isolation.HALVE:
                half = (len(members) + 1) // 2
                return [(members[:half], halvings + 1), (members[half:], halvings + 1)]
            case Isolation.ALONE:
                self.found.add(members[0])
            case _:
                self.gave_up = True
        return []


few = st.integers(2, 1000).flatmap(
    lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=3))
)


@given(few, st.booleans())
def test_a_few_culprits_are_all_found_for_two_requests_a_halving_or_one_where_quoted(
    drawn: tuple[int, set[int]], quotes: bool
) -> None:
    members, culprits = drawn
    search = Search(members, culprits, quotes=quotes)
    assert search.found == culprits
    most = 1 if quotes else 2 * ceil(log2(members))
    assert search.requests <= 1 + most * len(culprits)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("quotes", [False, True])
@pytest.mark.parametrize("culprits", [500, 1000])
def test_what_is_wrong_with_many_is_given_up_after_a_few_requests(
    seed: int, quotes: bool, culprits: int
) -> None:
    wrong = set(Random(seed).sample(range(1000), culprits))
    search = Search(1000, wrong, quotes=quotes)
    assert search.gave_up
    assert search.requests == (1 + MOST_CULPRITS if quotes else 7)
