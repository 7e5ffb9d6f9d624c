"""The zones of an audience: by a column, for every kind of source; a chunk holds one zone's."""

from pathlib import Path
from typing import Any

import pytest

from dispatcher.audience import Zoning, prepare
from dispatcher.audience.digests import Portion
from dispatcher.errors import AudienceError, OptionError
from dispatcher.message import check
from dispatcher.verbs.variants import dealing
from tests.audience.preparing import texts_of

ROWS = [
    {"userId": "1", "zone": "Europe/Berlin"},
    {"userId": "2", "zone": " america/new_york "},
    {"userId": "3", "zone": "NULL"},
    {"userId": "4", "zone": "Mars/Olympus"},
    {"userId": "5", "zone": "Europe/Berlin"},
]
SEVERAL = {"variants": {name: {"ios": {"payload": {"text": name}}} for name in ("a", "b")}}


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def portions(source: Any, scratch: Path, zoning: Zoning, **options: Any) -> dict[Portion, set[str]]:
    """Whom each chunk's portion holds."""
    found: dict[Portion, set[str]] = {}
    with prepare(source, ["ios"], scratch=scratch, zoning=zoning, **options) as prepared:
        for pack in prepared.packs():
            ids = {text.split('"')[3] for text in texts_of(pack)}
            portion = (pack.variant, pack.zone)
            found[portion] = found.get(portion, set()) | ids
        assert prepared.chunks == len(found)
        assert {portion: len(ids) for portion, ids in found.items()} == prepared.portions
        assert sum(prepared.zones.values()) == prepared.total
    return found


@pytest.mark.parametrize("form", ["rows", "csv"])
def test_a_chunk_holds_members_of_one_zone(form: str, tmp_path: Path, scratch: Path) -> None:
    source = ROWS if form == "rows" else written(tmp_path / "a.csv", ROWS)
    assert portions(source, scratch, Zoning("ZONE", "Asia/Kolkata")) == {
        (None, "europe/berlin"): {"1", "5"},
        (None, "america/new_york"): {"2"},
        (None, "asia/kolkata"): {"3", "4"},
    }


def test_variants_and_zones_part_an_audience_together(scratch: Path) -> None:
    rows = [{**row, "text": "ab"[number % 2]} for number, row in enumerate(ROWS)]
    how = dealing(check(SEVERAL), "text", None, ())
    assert portions(rows, scratch, Zoning("zone", "UTC"), dealing=how) == {
        (1, "europe/berlin"): {"1", "5"},
        (2, "america/new_york"): {"2"},
        (1, "utc"): {"3"},
        (2, "utc"): {"4"},
    }


def test_without_a_default_a_row_without_a_zone_is_invalid(tmp_path: Path, scratch: Path) -> None:
    file = written(tmp_path / "a.csv", ROWS)
    with (
        pytest.raises(AudienceError) as refused,
        prepare(file, ["ios"], scratch=scratch, zoning=Zoning("zone", None)),
    ):
        pass
    _, *lines = str(refused.value).splitlines()
    assert lines == [
        "  line 4 has no zone in the column 'zone'",
        "  line 5 names no zone in the column 'zone', as Europe/Berlin would: correct it, or give a"
        " default (--default-zone)",
    ]


def test_the_default_is_told(scratch: Path) -> None:
    with prepare(ROWS, ["ios"], scratch=scratch, zoning=Zoning("zone", "UTC")) as prepared:
        assert (
            "2 rows have the default zone, UTC: 1 without a value in the column 'zone', 1 with one "
            "that names no zone."
        ) in prepared.notes
        assert prepared.zones == {"America/New_York": 1, "Europe/Berlin": 2, "UTC": 2}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nowhere", {}, "There is no column 'nowhere' to be named (--zone-column)"),
        ("userId", {}, "(--zone-column) holds an identifier or has no name"),
        ("zone", {"ignore_columns": ["zone"]}, "is left out, and says the zone: choose one"),
    ],
)
def test_a_column_that_cannot_say_zones_is_refused(
    name: str, options: dict[str, Any], words: str, scratch: Path
) -> None:
    with (
        pytest.raises(OptionError) as refused,
        prepare(
            [{"userId": "1", "zone": "UTC"}],
            ["ios"],
            scratch=scratch,
            zoning=Zoning(name, "UTC"),
            **({"ignore_columns": ["zone"]} | options),
        ),
    ):
        pass
    assert words in str(refused.value)


def test_one_column_cannot_say_both(scratch: Path) -> None:
    how = dealing(check(SEVERAL | {"default": "a"}), "zone", None, ())
    with (
        pytest.raises(OptionError, match="cannot say both"),
        prepare(ROWS, ["ios"], scratch=scratch, zoning=Zoning("Zone", "UTC"), dealing=how),
    ):
        pass
