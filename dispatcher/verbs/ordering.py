"""An order: what a caller asks for, checked as far as that goes without its audience."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from dispatcher import contents
from dispatcher.books.campaigns import Input
from dispatcher.books.exclusions import Exclusions
from dispatcher.books.making import NewCampaign
from dispatcher.books.variants import NewVariant
from dispatcher.contents import Content
from dispatcher.errors import DispatcherError, OptionError
from dispatcher.forks import not_while_forking
from dispatcher.schedule import Window, parse_windows
from dispatcher.settings import DEFAULT_ACCOUNT, Settings
from dispatcher.verbs import canaries, zones
from dispatcher.verbs.excluding import exclusions_of
from dispatcher.verbs.options import (
    Options,
    check_finish_by,
    check_not_passed,
    check_rate,
    check_texts,
    check_times,
)
from dispatcher.verbs.standing import Look
from dispatcher.verbs.variants import check_tag_variants, dealing
from dispatcher.verbs.webhooks import check_notify
from dispatcher.verbs.zones import Timetable

if TYPE_CHECKING:
    from dispatcher.audience import Drawing, Frozen, Prepared, Progress, Zoning
    from dispatcher.audience.dealing import Dealing
    from dispatcher.audience.query import Query
    from dispatcher.message import Message

_UNSAID: Options = {
    "audience": None,
    "audience_sql": None,
    "audience_db": None,
    "format": None,
    "columns": None,
    "ignore_columns": None,
    "absent": None,
    "suppress": None,
    "exclude": None,
    "only_unsent": None,
    "not_within": None,
    "exclude_purged": "refuse",
    "variant_column": None,
    "zone_column": None,
    "default_zone": None,
    "if_late": "send",
    "split": None,
    "on_invalid": "fail",
    "rejects": None,
    "campaign_tag": None,
    "tag_variants": False,
    "key": None,
    "account": DEFAULT_ACCOUNT,
    "rate": None,
    "send_at": None,
    "expires_at": None,
    "window": None,
    "finish_by": None,
    "canary": None,
    "max_error_rate": None,
    "test_to": None,
    "notify": None,
}

MOST_TESTED = 100
"""Members of a test: more is a campaign, or the wrong file."""

_TESTED_FOR = timedelta(minutes=10)
"""A test that nobody has sent by then is not wanted any more."""

_NOT_FOR_TESTS: Options = {
    "audience_sql": None,
    "audience_db": None,
    "suppress": None,
    "rejects": None,
    "key": None,
    "send_at": None,
    "window": None,
    "finish_by": None,
    "canary": None,
    "max_error_rate": None,
    "notify": None,
}


@dataclass(frozen=True, slots=True)
class Order:
    """A campaign that could be made, but for its audience; `said` has a value for every option.

    `late` is why it cannot, unless its key stands for one.
    """

    settings: Settings
    app_id: str
    message: Message
    said: Options
    query: Query | None
    windows: tuple[Window, ...] | None
    exclusions: Exclusions
    dealing: Dealing | None
    zoning: Zoning | None
    max_error_rate: float | None = None
    drawing: Drawing | None = None
    late: OptionError | None = None

    @property
    def test(self) -> bool:
        """Whether it is for a few, before the real one."""
        return self.said["test_to"] is not None

    def content(self, look: Look) -> Content:
        """What the campaign's key stands for, besides its members."""
        said, dealing = self.said, self.dealing
        return Content(
            self.app_id,
            self.message.canonical,
            said["campaign_tag"],
            said["account"],
            look.key,
            self.exclusions.content,
            () if dealing is None else (*dealing.content, said["tag_variants"]),
        )

    def prepared(
        self,
        look: Look,
        progress: Callable[[Progress], None] | None,
        frozen: Frozen | None = None,
        samples: int = 0,
    ) -> AbstractContextManager[Prepared]:
        """The audience, for as long as the `with` lasts; raises what `audience.prepare` does.

        `look` is at the app's standing list, `frozen` are the chunks of other campaigns that the
        exclusions are about. `samples` is how many invalid rows it keeps, to be shown.
        """
        with not_while_forking():
            from dispatcher import audience

        said = self.said
        return audience.prepare(
            said["audience"],
            self.message.platforms,
            query=self.query,
            format=said["format"],
            on_invalid=said["on_invalid"],
            rejects=None if said["rejects"] is None else Path(said["rejects"]),
            suppress=said["suppress"],
            frozen=frozen,
            columns=said["columns"],
            ignore_columns=said["ignore_columns"],
            absent=said["absent"],
            salt=look.salt or ("" if said["key"] is None else contents.new_salt()),
            standing=look.standing,
            keyed=said["key"] is not None,
            dealing=self.dealing,
            zoning=self.zoning,
            drawing=self.drawing,
            memory=self.settings.prepare_memory,
            scratch=self.settings.scratch,
            progress=progress,
            samples=samples,
        )

    def campaign(self, prepared: Prepared, look: Look) -> NewCampaign:
        """The campaign that is to be made of the order and its audience as prepared.

        Raises OptionError for a test that is for more than a few. Times that leave nobody to send
        to are its `refusal`, and so are an audience of which nobody is left, and a canary that
        would be all of it.
        """
        said = self.said
        refusal: DispatcherError | None = self.late or prepared.refusal
        times = Timetable(None)
        try:
            times = zones.timetable(said, self.windows, prepared.zones)
            if self.drawing is not None:
                canaries.check_size(self.drawing, prepared.total)
        except OptionError as error:
            refusal = refusal or error
        if self.test and prepared.total > MOST_TESTED:
            raise OptionError(
                f"A test is for a few, {MOST_TESTED} members at most, and test_to (--test-to) has "
                f"{prepared.total:,}: give those few, or send the campaign."
            )
        return NewCampaign(
            id=uuid4(),
            key=said["key"],
            content_digest=self.content(look).digest(prepared),
            app_id=self.app_id,
            standing_version=look.version,
            campaign_tag=said["campaign_tag"],
            platforms=self.message.platforms,
            account=said["account"],
            message=self.message.json,
            rate=said["rate"],
            send_at=times.send_at,
            expires_at=said["expires_at"],
            windows=self.windows,
            finish_by=said["finish_by"],
            notify_url=said["notify"],
            account_rate=self.settings.rate,
            input=Input(
                prepared.read,
                prepared.invalid,
                prepared.duplicates,
                prepared.suppressed,
                prepared.excluded,
                prepared.absent,
            ),
            members=prepared.total,
            chunks=prepared.chunks,
            variants=tuple(self._variants(prepared)),
            test=self.test,
            wall_time=times.wall_time,
            dues=times.dues,
            refusal=refusal,
            canary=prepared.canary or None,
            max_error_rate=self.max_error_rate,
        )

    def _variants(self, prepared: Prepared) -> Iterator[NewVariant]:
        tag = self.said["campaign_tag"]
        if self.dealing is None or prepared.variants is None:
            return
        for variant in self.message.variants:
            yield NewVariant(
                name=variant.name,
                share=self.dealing.share(variant.name),
                campaign_tag=f"{tag}-{variant.name}" if self.said["tag_variants"] else tag,
                message=variant.json,
                members=prepared.variants[variant.name],
            )


def check(
    settings: Settings, app_id: str, message: Mapping[str, object] | Message, options: Options
) -> Order:
    """The order of these options.

    Raises MessageError, OptionError and SettingError; TypeError for an option that there is not.
    """
    with not_while_forking():
        from dispatcher import message as messages

    for name in options.keys() - _UNSAID.keys():
        raise TypeError(f"There is no option {name!r}; known are {', '.join(_UNSAID)}.")
    said: Options = {**_UNSAID, **options}
    checked = message if isinstance(message, messages.Message) else messages.check(message)
    check_texts(app_id, said["campaign_tag"], said["key"], said["account"])
    check_rate(said["rate"])
    settings.require_place_for_rates(said["rate"])
    send_at, expires_at = said["send_at"], said["expires_at"]
    windows = None if said["window"] is None else parse_windows(said["window"])
    zoning = zones.zoning(said, windows)
    if zoning is not None and zones.is_on_the_wall(send_at):
        send_at = None
    check_times(send_at, expires_at)
    check_finish_by(settings, said["finish_by"], send_at, expires_at)
    late = _too_late(said, windows, send_at)
    exclusions = exclusions_of(said)
    check_notify(settings, said["notify"])
    check_tag_variants(said["tag_variants"], said["campaign_tag"], checked)
    seed = (app_id, said["campaign_tag"], said["key"], checked.canonical)
    dealt = dealing(checked, said["variant_column"], said["split"], seed)
    bound = canaries.bound_of(said["max_error_rate"])
    drawing = canaries.drawing(said["canary"], bound, seed)
    if said["test_to"] is not None:
        test = _as_test(said)
        return Order(settings, app_id, checked, test, None, None, Exclusions(), dealt, zoning)
    query = _query(settings, said)
    how = (windows, exclusions, dealt, zoning, bound, drawing, late)
    return Order(settings, app_id, checked, said, query, *how)


def _too_late(
    said: Options, windows: tuple[Window, ...] | None, send_at: datetime | None
) -> OptionError | None:
    """Why a campaign of these times cannot be made any more: it can be found by its key, if any.

    Raises it where there is no key that could stand for one.
    """
    try:
        check_not_passed(windows, send_at, said["expires_at"])
    except OptionError as error:
        if said["key"] is None or said["test_to"] is not None:
            raise
        return error
    return None


def _as_test(said: Options) -> Options:
    """What of it is for a few who get it now."""
    until = datetime.now(UTC) + _TESTED_FOR
    return {**said, **_NOT_FOR_TESTS, "audience": said["test_to"], "expires_at": until}


def _query(settings: Settings, said: Options) -> Query | None:
    """The query that members come from, None where rows or files name all; OptionError for none."""
    with not_while_forking():
        from dispatcher.audience.query import query

    if said["audience_sql"] is not None:
        return query(said["audience_sql"], said["audience_db"] or settings.audience_url)
    if said["audience_db"] is not None or said["audience"] is None:
        raise OptionError(
            "Nobody is named to send to: give files or rows (--audience, audience), or a query "
            "(--audience-sql, audience_sql)."
        )
    return None
