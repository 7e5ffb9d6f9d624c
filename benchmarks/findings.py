"""What a run came to: ratios first, tables, curves; as Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from benchmarks.curves import Curve

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure to be judged: what it compares, and what was asked of it."""

    of: str
    value: float
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a cell that is None was not measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """The table as Markdown, numbers to the right."""
        bar = ["---"] + ["---:"] * (len(self.columns) - 1)
        lines = [self.columns, bar, *([show(cell) for cell in row] for row in self.rows)]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"### {self.title}\n\n{text}\n" + (f"\n{self.note}\n" if self.note else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """Those of one suite; `runs` are the single measurements that the medians stand for.

    `failure` says what went wrong where the suite came to nothing.
    """

    suite: str
    ratios: Sequence[Ratio] = ()
    tables: Sequence[Table] = ()
    curves: Sequence[Curve] = ()
    runs: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    failure: str = ""


def middle(values: Sequence[float | None]) -> float | None:
    """The median of what was measured; None where nothing was."""
    measured = [value for value in values if value is not None]
    return median(measured) if measured else None


def show(cell: Cell) -> str:
    """Three digits that count, thousands set apart."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if abs(cell) >= 100 or cell == int(cell):
        return f"{cell:,.0f}"
    return f"{cell:.3g}"


def markdown(machine: Mapping[str, str], size: str, all_findings: Sequence[Findings]) -> str:
    """The whole report, ratios first."""
    ratios = [
        (ratio.of, f"{ratio.value:.3g}", ratio.asked or "-")
        for findings in all_findings
        for ratio in findings.ratios
    ]
    parts = [f"# Benchmarks ({size})\n", "; ".join(f"{k} {v}" for k, v in machine.items()) + "\n"]
    if ratios:
        parts.append(Table("Ratios", ("ratio", "value", "asked"), tuple(ratios)).markdown())
    for findings in all_findings:
        parts.append(f"## {findings.suite}\n")
        parts += [f"Failed: {findings.failure}\n"] if findings.failure else []
        parts += [table.markdown() for table in findings.tables]
        parts += [f"![{curve.title}]({curve.name}.svg)\n" for curve in findings.curves]
    return "\n".join(parts)


def document(machine: Mapping[str, str], size: str, all_findings: Sequence[Findings]) -> Any:
    """The same for programs, with every single run."""
    return {"machine": dict(machine), "size": size, "suites": [asdict(f) for f in all_findings]}
