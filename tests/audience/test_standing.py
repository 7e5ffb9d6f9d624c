"""Who is on the app's standing list is left out; Python and the engine know them by one hash."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.audience.entries import Workshop
from dispatcher.audience.hashes import hashes_of
from dispatcher.audience.preparation import prepare
from dispatcher.audience.standing import Standing
from tests.audience.preparing import IOS_AND_ANDROID, Outcome, outcome_of

KEY = "not-so-secret"
AUDIENCE: list[dict[str, Any]] = [
    {"token": "t1", "userId": "ann"},
    {"token": "T2", "userId": "bob"},
    {"userId": "cid", "devtodevId": 3},
    {"userId": "dan", "devtodevId": 4},
]

_HEX = st.text("0123456789abcdefABCDEF", min_size=1, max_size=70)
_TEXTS = st.one_of(
    st.uuids().map(str).map(str.upper),
    _HEX,
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20),
)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("token", "userId", "androidId", "idfa"), _TEXTS),
        "devtodevId": st.integers(-(2**63), 2**64 - 1),
    },
).filter(bool)


def standing(*hashes: int) -> dict[str, Any]:
    """The options of a preparation with these on the standing list."""
    packed = b"".join(each.to_bytes(8, "big") for each in hashes)
    return {"standing": Standing(KEY, lambda take: take(packed)), "salt": KEY}


def without(scratch: Path, *identifiers: str, **options: Any) -> Outcome:
    hashes = Workshop(KEY, 200_000_000, scratch).hashes_of(identifiers)
    return outcome_of(AUDIENCE, scratch, **standing(*hashes), **options)


def test_whoever_has_an_identifier_on_the_list_counts_as_suppressed(scratch: Path) -> None:
    outcome = without(scratch, "token=t1", " user_id = cid", "devtodevId=5", "userId=t2")
    assert outcome.members == [AUDIENCE[1], AUDIENCE[3]]
    assert (outcome.read, outcome.suppressed, outcome.total) == (4, 2, 2)


def test_what_a_key_stands_for_does_not_change_with_the_list(scratch: Path) -> None:
    everybody = outcome_of(AUDIENCE, scratch, salt=KEY)
    assert without(scratch, "userId=ann", suppress=[{"userId": "dan"}]).digest != everybody.digest
    assert without(scratch, "userId=ann").digest == everybody.digest
    with prepare(AUDIENCE, IOS_AND_ANDROID, scratch=scratch, salt="other") as prepared:
        other = prepared.digest
    hashes = Workshop(KEY, 200_000_000, scratch).hashes_of(["userId=ann", "userId=bob"])
    with prepare(AUDIENCE, IOS_AND_ANDROID, scratch=scratch, **standing(*hashes)) as prepared:
        assert prepared.digest_under("other") == other


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(_MEMBERS, max_size=6), st.data())
def test_a_worker_and_the_engine_know_everybody_by_the_same_hashes(
    scratch: Path, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    members = outcome_of([*rows, {"userId": "x"}], scratch, on_invalid="skip", salt=KEY).members
    listed = data.draw(st.sampled_from(members))
    name, value = data.draw(st.sampled_from(sorted(listed.items())))
    (hash_,) = hashes_of({name: value}, KEY)

    left = outcome_of([*members, {"userId": "y"}], scratch, **standing(hash_)).members

    assert left[:-1] == [each for each in members if hash_ not in hashes_of(each, KEY)]
    assert Workshop(KEY, 200_000_000, scratch).hashes_of([f"{name}={value}"]) == [hash_]
