"""Prepare an audience and look at all that came of it."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dispatcher.audience import Source, prepare
from dispatcher.audience.packs import Pack
from dispatcher.errors import AudienceError

IOS_AND_ANDROID = ("ios", "android")


@dataclass(frozen=True)
class Outcome:
    """What a preparation counted, and its members as Python values, chunk by chunk."""

    read: int
    invalid: int
    duplicates: int
    suppressed: int
    excluded: int
    total: int
    chunks: int
    digest: str
    packs: list[list[dict[str, Any]]]
    notes: tuple[str, ...]

    @property
    def members(self) -> list[dict[str, Any]]:
        return [member for pack in self.packs for member in pack]


def outcome_of(
    source: Source, scratch: Path, platforms: Iterable[str] = IOS_AND_ANDROID, **options: Any
) -> Outcome:
    with prepare(source, platforms, scratch=scratch, **options) as prepared:
        return Outcome(
            read=prepared.read,
            invalid=prepared.invalid,
            duplicates=prepared.duplicates,
            suppressed=prepared.suppressed,
            excluded=prepared.excluded,
            total=prepared.total,
            chunks=prepared.chunks,
            digest=prepared.digest,
            packs=[json.loads(pack.members) for pack in prepared.packs()],
            notes=prepared.notes,
        )


def texts_of(pack: Pack) -> list[str]:
    """The JSON of each member of a pack, as compact as it is stored."""
    members = json.loads(pack.members)
    assert len(members) == pack.size
    return [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in members]


def refusal_of(
    source: Source, scratch: Path, platforms: Iterable[str] = IOS_AND_ANDROID, **options: Any
) -> str:
    with pytest.raises(AudienceError) as caught:
        outcome_of(source, scratch, platforms, **options)
    return str(caught.value)


def rejects_of(source: Source, scratch: Path, **options: Any) -> list[tuple[int, str, str]]:
    """(line, reason, row) of all that `skip` leaves out."""
    file = scratch.parent / "rejects.csv"
    outcome_of(source, scratch, on_invalid="skip", rejects=file, **options)
    return read_rejects(file)


def read_rejects(file: Path) -> list[tuple[int, str, str]]:
    with open(file, encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["line", "reason", "row"]
    return [(int(line), reason, row) for line, reason, row in rows]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
