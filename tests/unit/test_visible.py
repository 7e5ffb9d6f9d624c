"""Control characters are shown on a terminal, and not obeyed."""

import json
import sys
from collections.abc import Callable

import pytest

from dispatcher.cli.context import print_json, say
from dispatcher.cli.drawing import styled, table
from dispatcher.cli.encoding import visible

HOSTILE = "a\x1b[2Jb\x07\x7f\x9b31m\u202ec\u2028d\r"
SHOWN = r"a\x1b[2Jb\x07\x7f\x9b31m\u202ec\u2028d\r"


def test_what_steers_a_terminal_is_written_out() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("a\nb") == r"a\nb"
    assert visible("a\nb", lines=True) == "a\nb"


@pytest.mark.parametrize("text", ["", "plain", "é😀 日本語", "a\u00a0b\u3000c", "\\x1b", "█·✓"])
def test_every_other_letter_stays(text: str) -> None:
    assert visible(text) == text


def test_cells_stand_below_one_another_with_what_is_written_out() -> None:
    lines = list(table([[("a\x1b", ""), ("x", "")], [("abcdef", ""), ("y", "")]]))
    assert lines == [r"a\x1b   x", "abcdef  y"]


def to_standard_output(text: str) -> None:
    print(styled(text, "bold"))


@pytest.mark.parametrize("tell", [say, to_standard_output])
def test_nothing_that_is_said_steers_the_terminal(
    tell: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(HOSTILE)
    captured = capsys.readouterr()
    assert (captured.out + captured.err) == SHOWN + "\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_stands_for_the_same_and_steers_nothing(
    encoding: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stdout), "encoding", encoding, raising=False)
    document = {"tag": HOSTILE, "name": "é😀"}
    print_json(document)
    printed = capsys.readouterr().out
    assert json.loads(printed) == document
    assert all(letter.isprintable() for line in printed.splitlines() for letter in line)
