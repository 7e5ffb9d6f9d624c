"""What a terminal shows of campaigns: pure, so that every page can be looked at in a test."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap

from dispatcher.books.accounts import Account
from dispatcher.books.campaigns import Campaign, Canary
from dispatcher.books.overview import Overview
from dispatcher.cli.drawing import Cell, table
from dispatcher.cli.monitor.keys import Dialogue
from dispatcher.cli.monitor.lines import (
    Line,
    bar,
    compact,
    done_of,
    error_words,
    remaining,
    row,
    speed,
    text_of,
)
from dispatcher.cli.report import ROWS, STATE_STYLES, style_of
from dispatcher.lifecycle import CampaignState
from dispatcher.words import counted, duration

WIDE = 110
_INDENT = "  "
_ORDER = {CampaignState.RUNNING: 0, CampaignState.PAUSED: 1, CampaignState.SCHEDULED: 2}
_MOST_ERRORS = 5
_MOST_LINES = 2


@dataclass(frozen=True, slots=True)
class View:
    """How a page is looked at: the terminal's size, the keys' dialogue, and the time.

    `away_since` is since when the database has been away.
    """

    columns: int
    rows: int
    dialogue: Dialogue
    now: datetime
    away_since: datetime | None = None


def allowed(campaign: Campaign, accounts: Sequence[Account]) -> float | None:
    """The requests a second that it may make; None: any number."""
    of_account = [one.rate for one in accounts if one.name == campaign.account]
    rates = [campaign.rate, campaign.planned_rate, *of_account]
    return min((rate for rate in rates if rate is not None), default=None)


def in_order(campaigns: Sequence[Campaign]) -> list[Campaign]:
    """Those that run first, then those that are paused, then those for later."""
    return sorted(campaigns, key=lambda campaign: _ORDER[CampaignState(campaign.state)])


def waiting_page(view: View) -> list[Line]:
    """Before anything was read."""
    head = _heading([("dispatcher", "bold")], view)
    return _page(head, [[("Reading the books ...", "dim")]], view, "q leave")


def campaign_page(campaign: Campaign, accounts: Sequence[Account], view: View) -> list[Line]:
    """One campaign: how far, how fast, until when, what holds it, and what went wrong."""
    state = (campaign.state, STATE_STYLES[CampaignState(campaign.state)])
    title: Line = [(f"Campaign {campaign.id}", "bold"), (_INDENT, ""), state]
    return _page(_heading(title, view), [*_campaign(campaign, accounts, view)], view, _KEYS_OF_ONE)


def _campaign(campaign: Campaign, accounts: Sequence[Account], view: View) -> Iterator[Line]:
    members, part = campaign.members, done_of(campaign) / campaign.members.total
    yield []
    yield [(_INDENT, ""), *bar(part, view.columns - 12), (f" {part:7.1%}", "bold")]
    yield []
    yield _fact("members", f"{done_of(campaign):,} of {members.total:,} done")
    yield _fact("speed", _speed(campaign, allowed(campaign, accounts)))
    yield _fact("in flight", counted(campaign.chunks.sending, "request"))
    yield _fact("left", _left(campaign, view.now))
    if campaign.canary is not None:
        yield _fact("canary", _canary(campaign.canary))
    if campaign.window:
        yield _fact("window", ", ".join(campaign.window))
    if campaign.finish_by:
        yield _fact("finish by", _clock(campaign.finish_by, view.now))
    if why := _why(campaign, view.now):
        first, *more = wrap(why, max(20, view.columns - 14))
        yield _fact("held", first, "yellow")
        yield from (_fact("", line, "yellow") for line in more)
    yield []
    yield from _outcomes(campaign)
    yield from _errors(campaign)


def _fact(name: str, words: str, style: str = "") -> Line:
    return [(f"{_INDENT}{name:<10}", "dim"), (words, style)]


def _speed(campaign: Campaign, most: float | None) -> str:
    now = campaign.throughput
    limit = "" if most is None else f", {most:g} allowed"
    return (
        f"{now.requests_per_second:g} requests/s{limit}  ({now.members_per_second:,.0f} members/s)"
    )


def _left(campaign: Campaign, now: datetime) -> str:
    seconds = campaign.throughput.eta_seconds
    if campaign.ended or campaign.members.remaining == 0:
        return "nothing"
    if seconds is None:
        return f"{counted(campaign.members.remaining, 'member')}; when they are done is not known"
    end = datetime.fromtimestamp(now.timestamp() + seconds, now.tzinfo)
    return f"{duration(seconds)}, until {_clock(end, now)}"


def _canary(canary: Canary) -> str:
    errors = counted(canary.errors, "error")
    return f"{canary.state}: {errors} in {canary.measured:,} of {canary.members:,} members"


def _why(campaign: Campaign, now: datetime) -> str:
    held = campaign.held
    if held is None:
        return campaign.reason or ""
    return f"{held.words} Until {_clock(held.until, now)}." if held.until else held.words


def _outcomes(campaign: Campaign) -> Iterator[Line]:
    for name in ROWS:
        count = getattr(campaign.members, name)
        if count or name == "delivered":
            yield [(f"{_INDENT}{name:<10}", ""), (f"{count:>13,}", style_of(name))]


def _errors(campaign: Campaign) -> Iterator[Line]:
    found = list(error_words(campaign))
    if found:
        yield []
        yield [(f"{_INDENT}Errors by reason", "bold")]
    for who, what in found[:_MOST_ERRORS]:
        yield [(f"{_INDENT}{who:>18}  ", "red"), (what, "")]
    if len(found) > _MOST_ERRORS:
        yield [(f"{_INDENT}and {len(found) - _MOST_ERRORS} more: `dispatcher show`", "dim")]


def overview_page(overview: Overview, view: View) -> list[Line]:
    """All live campaigns, as many as there is room for, the chosen one among them."""
    fleet = overview.fleet
    title: Line = [
        ("dispatcher", "bold"),
        (f"{_INDENT}{counted(fleet.workers, 'worker')}, {counted(fleet.slots, 'slot')}", ""),
        (f"{_INDENT}{_states(overview)}", "cyan"),
    ]
    body = [*_alarms(overview), *_accounts(overview, view.now), []]
    campaigns = in_order(overview.campaigns)
    if not campaigns:
        body.append([("No campaign is live.", "")])
        return _page(_heading(title, view), body, view, "q leave")
    columns = _Columns.within(view.columns)
    body.append(columns.titles())
    groups = [
        [
            columns.row(
                one, allowed(one, overview.accounts), is_chosen=one.id == view.dialogue.chosen
            ),
            *_reasons(one, view.now, view.columns),
        ]
        for one in campaigns
    ]
    room = view.rows - len(body) - 4
    chosen = [one.id for one in campaigns].index(view.dialogue.chosen or campaigns[0].id)
    return _page(_heading(title, view), [*body, *_fitting(groups, chosen, room)], view, _KEYS)


def overview_lines(overview: Overview) -> Iterator[str]:
    """The same in plain lines, a campaign each, for what is no terminal."""
    fleet = overview.fleet
    yield (
        f"{counted(fleet.workers, 'worker')}, {counted(fleet.slots, 'slot')}; "
        f"{_states(overview) or 'no campaign is live'}"
    )
    for line in (*_alarms(overview), *_accounts(overview, overview.moment)):
        yield text_of(line)
    if not overview.campaigns:
        return
    columns = _Columns.plain()
    rows = [columns.titles()]
    for campaign in in_order(overview.campaigns):
        cells = columns.cells(campaign, allowed(campaign, overview.accounts))
        rows.append([*cells, (_why(campaign, overview.moment), "")])
    yield from table(rows, right=columns.right)


def _states(overview: Overview) -> str:
    states = [campaign.state for campaign in overview.campaigns]
    return ", ".join(f"{states.count(state)} {state}" for state in _ORDER if state in states)


def _alarms(overview: Overview) -> Iterator[Line]:
    """What keeps everything from going on."""
    fleet = overview.fleet
    if not fleet.workers:
        yield [("No worker is alive: nothing is sent.", "bold red")]
    elif fleet.deaf:
        who = "A worker takes" if fleet.deaf == 1 else f"{fleet.deaf} workers take"
        yield [(f"{who} no message: `dispatcher doctor` says why.", "bold red")]


def _accounts(overview: Overview, now: datetime) -> Iterator[Line]:
    """Those that send or rest: how fast together, and until when not."""
    for account in overview.accounts:
        own = [one for one in overview.campaigns if one.account == account.name]
        if not own and account.hold_until is None:
            continue
        rate = sum(one.throughput.requests_per_second for one in own)
        line: list[Cell] = [
            (f"account {account.name}", ""),
            (f"{_INDENT}{speed(round(rate, 1), account.rate)} requests/s", ""),
        ]
        if account.hold_until is not None:
            words = f"{_INDENT}rests until {_clock(account.hold_until, now)}: {account.hold_reason}"
            line.append((words, "yellow"))
        yield line


def _reasons(campaign: Campaign, now: datetime, columns: int) -> Iterator[Line]:
    for line in wrap(_why(campaign, now), max(20, columns - 5))[:_MOST_LINES]:
        yield [(f"{_INDENT * 2}{line}", "yellow")]
    for who, what in list(error_words(campaign))[:1]:
        yield [(f"{_INDENT * 2}{who}: {what}", "red")]


def _fitting(groups: Sequence[Sequence[Line]], chosen: int, room: int) -> Iterator[Line]:
    """The groups from one on from which the chosen one is still within the room."""
    first = 0
    while first < chosen and sum(map(len, groups[first : chosen + 1])) > room:
        first += 1
    shown = 0
    for group in groups[first:]:
        if room < len(group) and shown:
            break
        yield from group
        room -= len(group)
        shown += 1
    if hidden := len(groups) - shown:
        yield [(f"{_INDENT}... and {counted(hidden, 'campaign')} more", "dim")]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The table's columns in a terminal so wide."""

    names: tuple[str, ...]
    widths: tuple[int, ...]
    is_wide: bool

    @classmethod
    def within(cls, columns: int) -> "_Columns":
        """The bar takes what the others leave."""
        is_wide = columns >= WIDE
        widths = dict(_WIDE if is_wide else _NARROW)
        rest = columns - sum(widths.values()) - len(widths)
        widths["DONE"] = max(4, min(40, rest))
        return cls(tuple(widths), tuple(widths.values()), is_wide)

    @classmethod
    def plain(cls) -> "_Columns":
        """Without what only a terminal shows."""
        return cls(tuple(name for name in _WIDE if name not in ("", "DONE")), (), True)

    @property
    def right(self) -> list[int]:
        """The places of numbers."""
        return [place for place, name in enumerate(self.names) if name in _TO_THE_RIGHT]

    def titles(self) -> Line:
        """The names above the columns."""
        return self._aligned([(name, "bold") for name in self.names])

    def row(self, campaign: Campaign, most: float | None, *, is_chosen: bool) -> Line:
        """One campaign."""
        return self._aligned(self.cells(campaign, most, is_chosen=is_chosen))

    def cells(
        self, campaign: Campaign, most: float | None, *, is_chosen: bool = False
    ) -> list[Cell]:
        """What stands in the columns of one campaign, which may make `most` requests a second."""
        number = "{:,}".format if self.is_wide else compact
        members, now = campaign.members, campaign.throughput
        part = done_of(campaign) / members.total
        width = dict(zip(self.names, self.widths, strict=False)).get("DONE", 0)
        cells: dict[str, Cell] = {
            "": (">" if is_chosen else "", "bold"),
            "ID": (campaign.id[:8], "bold" if is_chosen else ""),
            "TAG": (campaign.campaign_tag or "-", ""),
            "STATE": (campaign.state, STATE_STYLES[CampaignState(campaign.state)]),
            "DONE": ("█" * round(part * width), "cyan"),
            "%": (f"{part:.0%}", ""),
            "MEMBERS": (f"{number(done_of(campaign))}/{number(members.total)}", ""),
            "REQ/S": (speed(now.requests_per_second, most), ""),
            "MEMB/S": (compact(now.members_per_second), ""),
            "FLIGHT": (str(campaign.chunks.sending), ""),
            "FAILED": (number(members.failed), "red" if members.failed else ""),
            "LEFT": (remaining(now.eta_seconds), ""),
        }
        return [cells[name] for name in self.names]

    def _aligned(self, cells: Sequence[Cell]) -> Line:
        return row(cells, self.widths, self.right) if self.widths else cells


_NARROW = {
    "": 1,
    "ID": 8,
    "STATE": 9,
    "DONE": 0,
    "%": 4,
    "MEMBERS": 11,
    "REQ/S": 9,
    "FLIGHT": 6,
    "FAILED": 6,
    "LEFT": 7,
}
_WIDE = {
    "": 1,
    "ID": 8,
    "TAG": 14,
    "STATE": 9,
    "DONE": 0,
    "%": 4,
    "MEMBERS": 21,
    "REQ/S": 9,
    "MEMB/S": 6,
    "FLIGHT": 6,
    "FAILED": 9,
    "LEFT": 7,
}
_TO_THE_RIGHT = frozenset({"%", "MEMBERS", "REQ/S", "MEMB/S", "FLIGHT", "FAILED", "LEFT"})


def _heading(title: Line, view: View) -> list[Line]:
    """The title with the time at its right, and below it what is wrong with the reading."""
    clock = f"{view.now:%H:%M:%S}"
    space = view.columns - len(text_of(title)) - len(clock)
    lines: list[Line] = [[*title, (" " * max(1, space), ""), (clock, "dim")]]
    if view.away_since is not None:
        since = f"{view.away_since.astimezone(view.now.tzinfo):%H:%M:%S}"
        lines.append([(f"The database is away since {since}, trying again.", "bold red")])
    return lines


_KEYS = "p pause  r resume  up/down choose  q leave (campaigns go on)"
_KEYS_OF_ONE = "p pause  r resume  q leave (the campaign goes on)"


def _page(head: Sequence[Line], body: Sequence[Line], view: View, keys: str) -> list[Line]:
    """The whole page, with the keys, or what was asked, in its last line."""
    shown = [*head, *body[: max(0, view.rows - len(head) - 2)]]
    blank: list[Line] = [[] for _ in range(view.rows - len(shown) - 1)]
    return [*shown, *blank, _footer(view.dialogue, keys)]


def _footer(dialogue: Dialogue, keys: str) -> Line:
    if dialogue.asked is not None:
        asked = dialogue.asked
        words = f"{asked.verb.capitalize()} campaign {asked.campaign[:8]}?"
        return [(words, "bold yellow"), ("  y: yes, any other key: no", "")]
    return [(dialogue.told, "bold") if dialogue.told else (keys, "dim")]


def _clock(moment: datetime, now: datetime) -> str:
    """The time of the day where that is today, with the date where it is not."""
    local = moment.astimezone(now.tzinfo)
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
