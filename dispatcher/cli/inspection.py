"""The verbs that look into a campaign, as explain and verify, and doctor at everything."""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO

import click

from dispatcher import outputs
from dispatcher.books.audit import Explanation, Verdict
from dispatcher.books.curve import Curve
from dispatcher.books.failures import Failure, Forgotten, Unnamed
from dispatcher.cli.context import campaign_argument, context_of, json_option, print_json, say
from dispatcher.cli.drawing import Cell, styled, table
from dispatcher.cli.encoding import visible
from dispatcher.errors import OptionError
from dispatcher.verbs.failure_files import COLUMNS, cells, json_line
from dispatcher.words import counted

_BROKEN = 1


@click.command()
@campaign_argument
@json_option
@click.pass_context
def explain(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Tell what happened to a campaign, what it waits for, and when it goes on.

    Example: dispatcher explain last
    """
    explanation = context_of(ctx).dispatcher().explain(campaign)
    if as_json:
        print_json(explanation.as_json())
    else:
        _print_explanation(explanation)


@click.command()
@campaign_argument
@json_option
@click.pass_context
def throughput(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Show how a campaign went over time, in at most 120 even steps.

    Example: dispatcher throughput last
    """
    curve = context_of(ctx).dispatcher().throughput(campaign)
    if as_json:
        print_json(curve.as_json())
    else:
        _print_curve(curve)


@click.command()
@campaign_argument
@json_option
@click.pass_context
def verify(ctx: click.Context, campaign: str, as_json: bool) -> None:
    """Check the books: every member in exactly one chunk, nothing accepted twice, all sums right.

    Exits with 1 where something is wrong.

    Example: dispatcher verify last
    """
    verdict = context_of(ctx).dispatcher().verify(campaign)
    if as_json:
        print_json(verdict.as_json())
    else:
        _print_verdict(verdict)
    if verdict.findings:
        raise click.exceptions.Exit(_BROKEN)


@click.command()
@campaign_argument
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write to this .csv or .jsonl; else CSV on stdout.",
)
@json_option
@click.pass_context
def failures(ctx: click.Context, campaign: str, out: Path | None, as_json: bool) -> None:
    """List the members who were not delivered to, with the reason.

    The precision says what a reason is about: `member` where the vendor named this member, `chunk`
    where it holds for everybody in the member's chunk.

    Example: dispatcher failures last --out failures.csv
    """
    found = context_of(ctx).dispatcher().failures(campaign)
    if as_json:
        listed = list(found)
        print_json([asdict(failure) for failure in listed if isinstance(failure, Failure)])
        _tell_unlisted(failure for failure in listed if not isinstance(failure, Failure))
        return
    with _opened(out) as (file, writer):
        unlisted = list(_write(found, writer(file)))
    _tell_unlisted(unlisted)


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check that everything is in place and set safely.

    Exits with 1 where something is not.

    Example: dispatcher doctor
    """
    from dispatcher.checkup import examine

    checks = []
    for check in examine(context_of(ctx).settings()):
        checks.append(check)
        if not as_json:
            mark, style = _MARKS[check.result]
            print(styled(f"{mark} {check.name}: {check.words}", style))
    if as_json:
        print_json([check.as_json() for check in checks])
    if any(check.result == "failed" for check in checks):
        raise click.exceptions.Exit(_BROKEN)


_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}


class _Writer(Protocol):
    def write(self, failure: Failure) -> None: ...


class _CsvWriter:
    """A table that a spreadsheet may open: no cell of it is taken for a formula.

    On a terminal nothing in it steers that.
    """

    def __init__(self, file: TextIO) -> None:
        self._is_shown = file.isatty()
        self._csv = csv.writer(file)
        self._csv.writerow(COLUMNS)

    def write(self, failure: Failure) -> None:
        self._csv.writerow(map(self._written, cells(failure)))

    def _written(self, cell: object) -> object:
        if self._is_shown and isinstance(cell, str):
            cell = visible(cell)
        return outputs.harmless(cell)


class _JsonLinesWriter:
    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, failure: Failure) -> None:
        self._file.write(json_line(failure))


def _write(
    found: Iterable[Failure | Unnamed | Forgotten], writer: _Writer
) -> Iterator[Unnamed | Forgotten]:
    """Write the failures; give back what has no member to name."""
    for failure in found:
        if isinstance(failure, Failure):
            writer.write(failure)
        else:
            yield failure


@contextmanager
def _opened(
    out: Path | None,
) -> Iterator[tuple[TextIO, type[_CsvWriter] | type[_JsonLinesWriter]]]:
    """The file, complete or not there at all, and the writer that its ending asks for."""
    if out is None:
        yield sys.stdout, _CsvWriter
        return
    if out.suffix not in (".csv", ".jsonl"):
        raise OptionError(f"--out {out} ends in neither .csv nor .jsonl.")
    obstacle = outputs.obstacle(out)
    if obstacle is not None:
        raise OptionError(f"--out {out} cannot be written: {obstacle}; name another file.")
    try:
        with outputs.written(out) as file:
            yield file, _CsvWriter if out.suffix == ".csv" else _JsonLinesWriter
    except OSError as error:
        raise OptionError(f"--out {out} cannot be written: {error.strerror}.") from error


def _tell_unlisted(unlisted: Iterable[Unnamed | Forgotten]) -> None:
    chunks = list(unlisted)
    unnamed = [chunk for chunk in chunks if isinstance(chunk, Unnamed)]
    forgotten = [chunk for chunk in chunks if isinstance(chunk, Forgotten)]
    if unnamed:
        not_found = sum(chunk.not_found for chunk in unnamed)
        erroneous = sum(chunk.erroneous for chunk in unnamed)
        missed = ((chunk.variant, chunk.not_found + chunk.erroneous) for chunk in unnamed)
        say(
            "Not listed, as the vendor does not say who they are: "
            f"{counted(not_found, 'member')} that it did not find and {erroneous:,} that it could "
            f"not reach, in {counted(len(unnamed), 'chunk')}{_by_variant(missed)}."
        )
    if forgotten:
        members = sum(chunk.members for chunk in forgotten)
        of_each = _by_variant((chunk.variant, chunk.members) for chunk in forgotten)
        say(
            f"Not listed, as who they are is no longer kept: {counted(members, 'member')} in "
            f"{counted(len(forgotten), 'chunk')}{of_each}; `dispatcher show` has the reasons."
        )


def _by_variant(counted_chunks: Iterable[tuple[str | None, int]]) -> str:
    """How many are of each variant, where there are several, of (variant, members) of chunks."""
    counts = Counter[str]()
    for variant, members in counted_chunks:
        if variant is not None:
            counts[variant] += members
    told = ", ".join(f"{count:,} of {name}" for name, count in sorted(counts.items()))
    return f" ({told})" if told else ""


def _print_explanation(explanation: Explanation) -> None:
    print(styled(f"Campaign {explanation.campaign}  {explanation.state}", "bold"))
    for event in explanation.happened:
        until = "" if event.until == event.at else f" to {_time(event.until)}"
        print(styled(f"  {_moment(event.at)}{until}  {event.what}"))
    for title, lines in (
        ("Waits for", explanation.waits_for),
        ("What can be done", explanation.remedies),
    ):
        if lines:
            print(styled(title, "bold"))
            for line in lines:
                print(styled(f"  {line}"))


def _print_curve(curve: Curve) -> None:
    if not curve.steps:
        print("Nothing was sent yet.")
        return
    titles = (f"EACH {curve.seconds} S FROM", "MEMBERS", "REQUESTS", "ERRORS")
    rows: list[list[Cell]] = [[(title, "bold") for title in titles]]
    for step in curve.steps:
        counts = (step.members, step.requests, step.errors)
        rows.append([(_moment(step.at), ""), *((f"{count:,}", "") for count in counts)])
    for line in table(rows, right=(1, 2, 3)):
        print(line)


def _print_verdict(verdict: Verdict) -> None:
    wrong = {finding.rule: finding for finding in verdict.findings}
    for rule in verdict.checked:
        finding = wrong.get(rule)
        if finding is None:
            print(styled(f"✓ {rule}", "green"))
        else:
            words = f"✗ {rule}: broken {finding.violations:,} times, first at {finding.example}"
            print(styled(words, "bold red"))
    if not verdict.audience_kept:
        print("  Its audience is no longer kept: who was in a chunk was not checked.")
    if not verdict.members_read:
        print("  The database's role may not read members: the rules about them were not checked.")
    print(styled("The books are sound." if not wrong else "The books are not sound.", "bold"))


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _time(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")
