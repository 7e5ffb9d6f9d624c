"""A scaling curve as an SVG, both axes logarithmic."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 40, 50
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of several series, all of their values above 0; `name` is that of its file."""

    name: str
    title: str
    x: str
    y: str
    series: Mapping[str, Points]

    def svg(self) -> str:
        """The picture."""
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
                'font-family="sans-serif" font-size="12">',
                f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
                _text(_WIDTH / 2, 20, self.title, 'text-anchor="middle" font-size="14"'),
                _text(_middle_x(), _HEIGHT - 8, self.x, 'text-anchor="middle"'),
                _text(4, _TOP - 12, self.y),
                *self._lines(),
                "</svg>\n",
            ]
        )

    def _lines(self) -> Iterator[str]:
        across = _Axis.over([x for points in self.series.values() for x, _ in points])
        up = _Axis.over([y for points in self.series.values() for _, y in points])
        for power in across.powers():
            at = _LEFT + across.part(10.0**power) * _plot_width()
            yield _line(at, _TOP, at, _HEIGHT - _BOTTOM)
            yield _text(at, _HEIGHT - _BOTTOM + 16, _power(power), 'text-anchor="middle"')
        for power in up.powers():
            at = _HEIGHT - _BOTTOM - up.part(10.0**power) * _plot_height()
            yield _line(_LEFT, at, _WIDTH - _RIGHT, at)
            yield _text(_LEFT - 6, at + 4, _power(power), 'text-anchor="end"')
        for number, (label, points) in enumerate(self.series.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            places = [
                (
                    _LEFT + across.part(x) * _plot_width(),
                    _HEIGHT - _BOTTOM - up.part(y) * _plot_height(),
                )
                for x, y in points
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            yield from (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places
            )
            yield _text(_WIDTH - _RIGHT + 8, _TOP + 10 + 18 * number, label, f'fill="{colour}"')


@dataclass(frozen=True, slots=True)
class _Axis:
    """From one power of ten to another."""

    low: int
    high: int

    @classmethod
    def over(cls, values: Sequence[float]) -> "_Axis":
        low, high = floor(log10(min(values))), ceil(log10(max(values)))
        return cls(low, max(high, low + 1))

    def part(self, value: float) -> float:
        return (log10(value) - self.low) / (self.high - self.low)

    def powers(self) -> range:
        return range(self.low, self.high + 1)


def _plot_width() -> int:
    return _WIDTH - _LEFT - _RIGHT


def _plot_height() -> int:
    return _HEIGHT - _TOP - _BOTTOM


def _middle_x() -> float:
    return _LEFT + _plot_width() / 2


def _power(power: int) -> str:
    return f"{10.0**power:,.0f}" if power >= 0 else f"{10.0**power:g}"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'
