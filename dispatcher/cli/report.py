"""Campaigns as a person reads them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from dispatcher.books.campaigns import Campaign
from dispatcher.books.reasons import ErrorCount
from dispatcher.cli.drawing import Cell, cropped, paragraph, styled, table
from dispatcher.lifecycle import MEANINGS, CampaignState
from dispatcher.words import counted, duration

STATE_STYLES = {
    CampaignState.SCHEDULED: "cyan",
    CampaignState.RUNNING: "bold cyan",
    CampaignState.PAUSED: "bold yellow",
    CampaignState.COMPLETED: "bold green",
    CampaignState.CANCELLED: "bold red",
    CampaignState.EXPIRED: "bold red",
}

ROWS = {**MEANINGS, "remaining": "still to be sent"}
"""What a person is told of each counter of members."""
_BAR = 12
_LONGEST_TAG = 40
_TITLES = ("ID", "STATE", "CREATED", "TAG", "MEMBERS", "DELIVERED", "REMAINING")
_SAID = ("rate",)
"""What the page tells otherwise; and so the time when a campaign begins."""


def print_page(campaign: Campaign) -> None:
    """Everything about one campaign, on standard output."""
    for line in page(campaign):
        print(line)


def page(campaign: Campaign) -> Iterator[str]:
    """A campaign's books, for a person to read."""
    yield from _head(campaign)
    yield ""
    yield from (f"  {line}" for line in table(_members(campaign), right=(1,)))
    yield ""
    yield _vendor(campaign)
    yield from _canary(campaign)
    yield from _variants(campaign)
    yield from _errors(campaign)


def print_list(campaigns: Sequence[Campaign]) -> None:
    """A line a campaign, on standard output."""
    if not campaigns:
        print("No campaigns.")
        return
    rows: list[list[Cell]] = [[(title, "bold") for title in _TITLES]]
    rows += [_row(campaign) for campaign in campaigns]
    for line in table(rows, right=(4, 5, 6)):
        print(line)


def _row(campaign: Campaign) -> list[Cell]:
    members = campaign.members
    counts = (members.total, members.delivered, members.remaining)
    return [
        (campaign.id[:8], ""),
        (campaign.state, STATE_STYLES[CampaignState(campaign.state)]),
        (_moment(campaign.created_at), ""),
        (cropped(campaign.campaign_tag or "-", _LONGEST_TAG), ""),
        *((f"{count:,}", "") for count in counts),
    ]


def _head(campaign: Campaign) -> Iterator[str]:
    state = styled(campaign.state, STATE_STYLES[CampaignState(campaign.state)])
    yield f"{styled(f'Campaign {campaign.id}', 'bold')}  {state}"
    yield styled("  " + " · ".join(_facts(campaign)), "dim")
    if campaign.held and campaign.held.by == "paused":
        yield styled(f"  {campaign.held.words}", "yellow")
    elif campaign.reason:
        yield styled(f"  {campaign.reason}", "yellow")
    elif campaign.held and campaign.held.by not in _SAID and campaign.started_at is not None:
        until = f" Until {_moment(campaign.held.until)}." if campaign.held.until else ""
        yield styled(f"  {campaign.held.words}{until}", "yellow")


def _facts(campaign: Campaign) -> Iterator[str]:
    if campaign.test:
        yield "a test"
    yield f"app {campaign.app_id}"
    yield "+".join(campaign.platforms)
    if campaign.campaign_tag:
        yield f"tag {campaign.campaign_tag}"
    if campaign.rate is not None:
        yield f"at most {campaign.rate:g} requests/s"
    if campaign.window:
        yield f"only {', '.join(campaign.window)}"
    if campaign.finish_by and campaign.planned_rate and campaign.finished_at is None:
        yield f"to end by {_moment(campaign.finish_by)} at {campaign.planned_rate:.3g} requests/s"
    if campaign.max_error_rate is not None:
        yield f"at most {100 * campaign.max_error_rate:.3g} % errors"
    if campaign.send_at and campaign.started_at is None:
        yield f"begins {_moment(campaign.send_at)}"
    if campaign.expires_at and campaign.finished_at is None:
        yield f"expires {_moment(campaign.expires_at)}"
    if campaign.started_at and campaign.finished_at:
        yield f"took {duration((campaign.finished_at - campaign.started_at).total_seconds())}"


def _members(campaign: Campaign) -> list[list[Cell]]:
    members = campaign.members
    rows: list[list[Cell]] = []
    for name, meaning in ROWS.items():
        count = getattr(members, name)
        if count or name == "delivered":
            bar = "█" * max(1 if count else 0, round(_BAR * count / members.total))
            said = meaning + _in_doubt(campaign) if name == "remaining" else meaning
            rows.append([(name, ""), (f"{count:,}", ""), (bar, style_of(name)), (said, "dim")])
    total = f"{members.total:,}"
    rows.append([("members", "bold"), (total, "bold"), ("", ""), (_input(campaign), "dim")])
    return rows


def _in_doubt(campaign: Campaign) -> str:
    count = campaign.remaining.in_doubt
    return f"; of {count:,} of them it is asked whether they were" if count else ""


def style_of(name: str) -> str:
    """How a counter of members is drawn."""
    return {"delivered": "green", "uncounted": "green", "remaining": "cyan", "withheld": "dim"}.get(
        name, "red"
    )


def _input(campaign: Campaign) -> str:
    read = campaign.input
    return (
        f"of {read.read:,} rows read: {read.duplicates:,} repeated, {read.invalid:,} invalid"
        + (f", {read.suppressed:,} suppressed" if read.suppressed else "")
        + (f", {read.excluded:,} excluded" if read.excluded else "")
        + (f"; {counted(read.absent, 'cell')} absent" if read.absent else "")
    )


def _vendor(campaign: Campaign) -> str:
    result = campaign.result
    found = styled(f"{result.audience:,} found", "bold")
    sent = styled(f"{result.successful:,} sent", "bold green")
    erroneous = "bold yellow" if result.erroneous else "bold"
    unreachable = styled(f"{result.erroneous:,} unreachable", erroneous)
    return f"  The vendor counted {found}, {sent}, {unreachable}."


def _canary(campaign: Campaign) -> Iterator[str]:
    canary = campaign.canary
    if canary is not None:
        style = {"passed": "bold green", "running": "bold cyan"}.get(canary.state, "bold yellow")
        yield (
            f"  Its canary of {counted(canary.members, 'member')}: "
            f"{styled(canary.state, style)}, with {counted(canary.errors, 'error')} in "
            f"{canary.measured:,} measured."
        )


def _variants(campaign: Campaign) -> Iterator[str]:
    if not campaign.variants:
        return
    states = [each for each in ROWS if each == "delivered" or getattr(campaign.members, each)]
    titles = ["variant", "members", *states, "found", "sent", "unreachable"]
    rows: list[list[Cell]] = [[(title.upper(), "bold") for title in titles]]
    for variant in campaign.variants:
        members, result = variant.members, variant.result
        counts = (members.total, *(getattr(members, state) for state in states))
        numbers = (*counts, result.audience, result.successful, result.erroneous)
        name = (cropped(variant.name, _LONGEST_TAG), "")
        rows.append([name, *((f"{number:,}", "") for number in numbers)])
    yield ""
    yield from (f"  {line}" for line in table(rows, right=range(1, len(titles))))
    so_far = "" if campaign.ended else " so far"
    for found in campaign.differences:
        low, high = (f"{100 * end:+.2f}" for end in (found.low, found.high))
        yield (
            f"  {cropped(found.variant, _LONGEST_TAG)} and "
            f"{cropped(found.compared_with, _LONGEST_TAG)}{so_far}: "
            f"{styled(found.words, 'bold')} in sent of found, "
            f"{100 * found.difference:+.2f} points (95 % interval {low} to {high})."
        )


def _errors(campaign: Campaign) -> Iterator[str]:
    if campaign.errors:
        yield ""
        yield styled("  Errors by reason", "bold")
    for error in campaign.errors:
        numbers = [f"HTTP {error.http_status}"] if error.http_status is not None else ["network"]
        numbers += [f"code {error.code}"] if error.code is not None else []
        yield f"  {_how_many(error)}  {styled(', '.join(numbers), 'bold')}"
        for name, of_variant in campaign.by_variant(error):
            yield f"    {cropped(name, _LONGEST_TAG)}: {_how_many(of_variant)}"
        yield from paragraph(error.message, "dim", indent=4)


def _how_many(error: ErrorCount) -> str:
    return f"{counted(error.members, 'member')} in {counted(error.chunks, 'chunk')}"


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
