"""What a dry run found, as a person reads it."""

from collections.abc import Iterator

from dispatcher.cli.context import print_json
from dispatcher.cli.drawing import Cell, cropped, paragraph, styled, table
from dispatcher.verbs.rehearsing import Rehearsal
from dispatcher.words import counted, duration

_MEANINGS = {
    "invalid": "cannot be sent to",
    "duplicates": "repeat an earlier row",
    "suppressed": "are to get nothing",
    "excluded": "were sent to before",
}
_LONGEST_ROW = 100
_LONGEST_NAME = 40


def show(found: Rehearsal, as_json: bool) -> None:
    """Print the document, or the page, on standard output."""
    if as_json:
        print_json(found.as_json())
        return
    for line in _page(found):
        print(line)


def _page(found: Rehearsal) -> Iterator[str]:
    yield styled("Dry run: nothing is stored, nothing is sent.", "bold")
    yield ""
    yield from (f"  {line}" for line in table([*_rows(found)], right=(1,)))
    yield ""
    yield f"  {_requests(found)}"
    for kind, samples in found.samples.items():
        if samples:
            count = getattr(found.input, kind)
            first = "" if count == len(samples) else f", the first of {count:,}"
            yield ""
            yield styled(f"{kind.capitalize()}{first}", "bold")
            rows: list[list[Cell]] = [
                [(sample.place, "dim"), (cropped(sample.words, _LONGEST_ROW), "")]
                for sample in samples
            ]
            yield from (f"  {line}" for line in table(rows))
    if found.warnings:
        yield ""
        yield styled("To know before", "bold")
        for warning in found.warnings:
            yield from paragraph(warning, "yellow", 2)


def _rows(found: Rehearsal) -> Iterator[list[Cell]]:
    yield [("rows read", ""), (f"{found.input.read:,}", ""), ("", "")]
    for kind, meaning in _MEANINGS.items():
        if count := getattr(found.input, kind):
            yield [(kind, ""), (f"{count:,}", ""), (meaning, "dim")]
    yield [("members", "bold"), (f"{found.total:,}", "bold"), ("would be sent to", "dim")]
    if found.canary is not None:
        requests = counted(found.canary.requests, "request")
        would = f"would go first, in {requests}; the rest waits for their errors"
        yield [("  canary", ""), (f"{found.canary.members:,}", ""), (would, "dim")]
    for variant in found.variants:
        name = cropped(variant.name, _LONGEST_NAME)
        yield [(f"  {name}", ""), (f"{variant.members:,}", ""), ("would get this variant", "dim")]
    for zone in found.zones:
        at = f"at {zone.at[:16].replace('T', ' ')} UTC"
        yield [(f"  {zone.name}", ""), (f"{zone.members:,}", ""), (at, "dim")]


def _requests(found: Rehearsal) -> str:
    time = ""
    if found.seconds_at_rate is not None:
        time = f"; {duration(found.seconds_at_rate)} at the rate"
    return (
        f"{counted(found.requests, 'request')}, of {found.largest_request_bytes:,} bytes at most"
        f"{time}"
    )
