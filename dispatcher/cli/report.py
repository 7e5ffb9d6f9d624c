"""Campaigns as a person reads them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dispatcher.books.campaigns import Campaign
from dispatcher.lifecycle import CampaignState
from dispatcher.words import counted, duration

STATE_STYLES = {
    CampaignState.SCHEDULED: "cyan",
    CampaignState.RUNNING: "bold cyan",
    CampaignState.PAUSED: "bold yellow",
    CampaignState.COMPLETED: "bold green",
    CampaignState.CANCELLED: "bold red",
    CampaignState.EXPIRED: "bold red",
}

MEANINGS = {
    "delivered": "accepted by the vendor, with its numbers",
    "uncounted": "accepted by the vendor; its numbers got lost",
    "rejected": "refused for good; nobody got it",
    "unresolved": "may have been sent; it cannot be known",
    "expired": "not sent before the campaign's time was over",
    "cancelled": "not sent before the campaign was cancelled",
    "remaining": "still to be sent",
}
_BAR = 12
_SAID = ("paused", "schedule", "rate")
"""What the page tells otherwise: a state, the time when it begins, a rate."""


def print_page(campaign: Campaign) -> None:
    """Everything about one campaign, on standard output."""
    Console(highlight=False).print(page(campaign))


def page(campaign: Campaign) -> RenderableType:
    """A campaign's books, for a person to read."""
    parts = [_head(campaign), Padding(_members(campaign), (1, 0, 1, 2)), _vendor(campaign)]
    if campaign.errors:
        parts += _errors(campaign)
    return Group(*parts)


def print_list(campaigns: Sequence[Campaign]) -> None:
    """A line a campaign, on standard output."""
    if not campaigns:
        print("No campaigns.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "STATE", "CREATED", "TAG"):
        table.add_column(column, no_wrap=True)
    for column in ("MEMBERS", "DELIVERED", "REMAINING"):
        table.add_column(column, justify="right", no_wrap=True)
    for campaign in campaigns:
        table.add_row(
            campaign.id[:8],
            Text(campaign.state, STATE_STYLES[CampaignState(campaign.state)]),
            _moment(campaign.created_at),
            Text(campaign.campaign_tag or "-"),
            f"{campaign.members.total:,}",
            f"{campaign.members.delivered:,}",
            f"{campaign.members.remaining:,}",
        )
    Console(highlight=False).print(table)


def _head(campaign: Campaign) -> RenderableType:
    title = Text.assemble(
        ("Campaign ", "bold"),
        (campaign.id, "bold"),
        "  ",
        (campaign.state, STATE_STYLES[CampaignState(campaign.state)]),
    )
    lines = [title, Text("  " + " · ".join(_facts(campaign)), "dim")]
    if campaign.reason:
        lines.append(Text(f"  {campaign.reason}", "yellow"))
    elif campaign.held and campaign.held.by not in _SAID:
        until = f" Until {_moment(campaign.held.until)}." if campaign.held.until else ""
        lines.append(Text(f"  {campaign.held.words}{until}", "yellow"))
    return Group(*lines)


def _facts(campaign: Campaign) -> Iterable[str]:
    yield f"app {campaign.app_id}"
    yield "+".join(campaign.platforms)
    if campaign.campaign_tag:
        yield f"tag {campaign.campaign_tag}"
    if campaign.rate is not None:
        yield f"at most {campaign.rate:g} requests/s"
    if campaign.send_at and campaign.started_at is None:
        yield f"begins {_moment(campaign.send_at)}"
    if campaign.expires_at and campaign.finished_at is None:
        yield f"expires {_moment(campaign.expires_at)}"
    if campaign.started_at and campaign.finished_at:
        yield f"took {duration((campaign.finished_at - campaign.started_at).total_seconds())}"


def _members(campaign: Campaign) -> Table:
    members = campaign.members
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("members", justify="right", no_wrap=True)
    table.add_column("bar", no_wrap=True)
    table.add_column("meaning", style="dim")
    for name, meaning in MEANINGS.items():
        count = getattr(members, name)
        if count or name == "delivered":
            bar = "█" * max(1 if count else 0, round(_BAR * count / members.total))
            table.add_row(name, f"{count:,}", Text(bar, _bar_style(name)), meaning)
    table.add_row(Text("members", "bold"), Text(f"{members.total:,}", "bold"), "", _input(campaign))
    return table


def _bar_style(name: str) -> str:
    return {"delivered": "green", "uncounted": "green", "remaining": "cyan"}.get(name, "red")


def _input(campaign: Campaign) -> str:
    read = campaign.input
    return f"of {read.read:,} rows read: {read.duplicates:,} repeated, {read.invalid:,} invalid" + (
        f", {read.suppressed:,} suppressed" if read.suppressed else ""
    )


def _vendor(campaign: Campaign) -> Text:
    result = campaign.result
    return Text.assemble(
        "  The vendor counted ",
        (f"{result.audience:,} found", "bold"),
        ", ",
        (f"{result.successful:,} sent", "bold green"),
        ", ",
        (f"{result.erroneous:,} unreachable", "bold yellow" if result.erroneous else "bold"),
        ".",
    )


def _errors(campaign: Campaign) -> Iterable[RenderableType]:
    yield Text("\n  Errors by reason", "bold")
    for error in campaign.errors:
        numbers = [f"HTTP {error.http_status}"] if error.http_status is not None else ["network"]
        numbers += [f"code {error.code}"] if error.code is not None else []
        yield Text.assemble(
            f"  {counted(error.members, 'member')} in {counted(error.chunks, 'chunk')}  ",
            (", ".join(numbers), "bold"),
        )
        yield Padding(Text(error.message, "dim"), (0, 2, 0, 4))


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
