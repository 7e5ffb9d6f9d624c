"""Lines of cells, cut to a terminal's width, and the parts that pages are made of."""

from collections.abc import Iterator, Sequence

from dispatcher.books.campaigns import Campaign
from dispatcher.cli.drawing import Cell, cropped, width_of
from dispatcher.words import counted

Line = Sequence[Cell]
"""Texts and their styles, one behind the other."""

_NEARLY = 0.9995
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def text_of(line: Line) -> str:
    """The line without its styles."""
    return "".join(text for text, _ in line).rstrip()


def cut(line: Line, columns: int) -> Iterator[Cell]:
    """The cells that fit, the last of them cut."""
    for text, style in line:
        if columns <= 0:
            return
        fitting = cropped(text, columns) if width_of(text) > columns else text
        yield fitting, style
        columns -= width_of(text)


def row(cells: Sequence[Cell], widths: Sequence[int], right: Sequence[int]) -> Line:
    """The cells below those of other rows of these widths; in the columns `right` they end so."""
    line: list[Cell] = []
    for place, ((text, style), width) in enumerate(zip(cells, widths, strict=True)):
        text = cropped(text, width)
        space = " " * (width - width_of(text))
        line += [(space + text if place in right else text + space, style), (" ", "")]
    return line


def bar(part: float, columns: int) -> Line:
    """So much of the columns is full."""
    full = round(max(0.0, min(1.0, part)) * columns)
    return [("█" * full, "cyan"), ("░" * (columns - full), "dim")]


def compact(number: float) -> str:
    """A number in five letters at most: 950, 12.3k, 610k, 1M."""
    for unit, letter in _UNITS:
        if number >= unit * _NEARLY:
            return f"{number / unit:.3g}{letter}"
    return f"{number:,.0f}"


def remaining(seconds: float | None) -> str:
    """A time in seven letters at most: 45 s, 32 min, 25 h 05, 12 d, 3 y."""
    if seconds is None:
        return "-"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if hours < 100:
        return f"{minutes // 60} h {minutes % 60:02}"
    days = hours // 24
    return f"{days} d" if days < 1_000 else f"{days // 365} y"


def done_of(campaign: Campaign) -> int:
    """The members of whom nothing is to be sent any more."""
    return campaign.members.total - campaign.members.remaining


def speed(now: float, allowed: float | None) -> str:
    """Requests a second, and how many are allowed."""
    return f"{_short(now)}/{_short(allowed)}" if allowed is not None else _short(now)


def _short(rate: float) -> str:
    return f"{rate:.3g}" if rate < 1_000 else compact(rate)


def error_words(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """Each error as who it cost and what it was; the costliest first."""
    for error in campaign.errors:
        numbers = [f"HTTP {error.http_status}"] if error.http_status is not None else ["network"]
        numbers += [f"code {error.code}"] if error.code is not None else []
        yield counted(error.members, "member"), f"{', '.join(numbers)}: {error.message}"
