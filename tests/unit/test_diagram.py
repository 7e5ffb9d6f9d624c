"""The state diagram that people read has the arrows that the program goes by."""

import re
from pathlib import Path

from dispatcher.lifecycle import CHUNK_MOVES, ChunkState

DOCUMENT = Path(__file__).parents[2] / "docs" / "delivery.md"
DIAGRAM = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^\s*(\S+)\s*-->\s*([^\s:]+)\s*:\s*(\S.*)$")
START = "[*]"


def arrows() -> list[tuple[str, str, str]]:
    """From where to where each arrow of the diagram goes, and why."""
    (diagram,) = DIAGRAM.findall(DOCUMENT.read_text(encoding="utf-8"))
    found = [(line, ARROW.match(line)) for line in diagram.splitlines() if line.strip()]
    assert [line for line, arrow in found if arrow is None] == []
    return [(arrow[1], arrow[2], arrow[3]) for _, arrow in found if arrow is not None]


def test_the_diagrams_arrows_are_the_moves_of_a_chunk() -> None:
    drawn = {(start, end) for start, end, _ in arrows() if start != START}
    assert drawn == {(start, end) for start, ends in CHUNK_MOVES.items() for end in ends}


def test_every_chunk_begins_as_pending() -> None:
    assert [end for start, end, _ in arrows() if start == START] == [ChunkState.PENDING]


def test_every_arrow_says_something_of_its_own() -> None:
    assert len(set(arrows())) == len(arrows())
