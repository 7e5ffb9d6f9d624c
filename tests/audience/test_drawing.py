"""Who goes first: so many of the members, at random, in small chunks before all others."""

from pathlib import Path
from typing import Any

import pytest

from dispatcher.audience import Drawing, Source, Zoning, prepare
from dispatcher.audience.packs import Pack
from dispatcher.message import check
from dispatcher.verbs.variants import dealing
from tests.audience.preparing import texts_of

ROWS = [
    {"userId": f"u{number:05}", "zone": "Asia/Kolkata" if number % 3 else "Europe/Berlin"}
    for number in range(6_000)
]
TWO = {"variants": {name: {"ios": {"payload": {"text": name}}} for name in ("a", "b")}}


def packed(source: Source, scratch: Path, drawing: Drawing, **options: Any) -> list[Pack]:
    """The packs; they are as many, with as many who go first, as was counted."""
    options = {"ignore_columns": "all"} | options
    with prepare(source, ["ios"], scratch=scratch, drawing=drawing, **options) as prepared:
        packs = list(prepared.packs())
        first = [pack for pack in packs if pack.canary]
        assert packs[: len(first)] == first
        assert all(pack.size <= 50 for pack in first)
        assert (prepared.canary_chunks, prepared.chunks) == (len(first), len(packs))
        assert prepared.canary == len(members(first))
        everybody = members(packs)
        assert len(everybody) == len(set(everybody)) == prepared.total
        return packs


def members(packs: list[Pack]) -> list[str]:
    return [text for pack in packs for text in texts_of(pack)]


def drawn(packs: list[Pack]) -> set[str]:
    return set(members([pack for pack in packs if pack.canary]))


@pytest.mark.parametrize(
    ("count", "share", "size"), [(1_000, None, 1_000), (1, None, 1), (None, 0.0101, 61)]
)
def test_exactly_so_many_go_first(
    scratch: Path, count: int | None, share: float | None, size: int
) -> None:
    assert len(drawn(packed(ROWS, scratch, Drawing(count, share, "salt")))) == size


def test_the_same_are_drawn_whatever_the_order_and_others_with_another_salt(scratch: Path) -> None:
    once = drawn(packed(ROWS, scratch, Drawing(600, None, "salt")))
    turned = drawn(packed(ROWS[::-1] + ROWS[:50], scratch, Drawing(600, None, "salt"), salt="key"))
    other = drawn(packed(ROWS, scratch, Drawing(600, None, "another")))
    assert turned == once
    assert 20 < len(other & once) < 120
    halves = [sum(member < '{"userId":"u03000"}' for member in found) for found in (once, other)]
    assert all(240 < half < 360 for half in halves)


def test_they_are_a_sample_of_every_variant_and_zone(scratch: Path) -> None:
    split = dealing(check(TWO), None, {"a": 50, "b": 50}, ("app",))
    packs = packed(
        ROWS, scratch, Drawing(1_200, None, "salt"), dealing=split, zoning=Zoning("zone", None)
    )
    sizes: dict[Any, int] = {}
    for pack in packs:
        if pack.canary:
            portion = (pack.variant, pack.zone)
            sizes[portion] = sizes.get(portion, 0) + pack.size
    assert sizes.keys() == {
        (variant, zone) for variant in (1, 2) for zone in ("asia/kolkata", "europe/berlin")
    }
    for (_, zone), size in sizes.items():
        assert 0.8 < size / (400 if zone == "asia/kolkata" else 200) < 1.2


def test_nobody_is_drawn_who_is_left_out(scratch: Path) -> None:
    unwanted = [{"userId": row["userId"]} for row in ROWS[100:]]
    packs = packed(ROWS, scratch, Drawing(60, None, "salt"), suppress=unwanted)
    assert drawn(packs) <= {f'{{"userId":"u{number:05}"}}' for number in range(100)}
    assert [pack.size for pack in packs] == [50, 10, 40]
