"""The verbs of the public interface; each opens its own short transaction.

A verb imports what only it needs: DuckDB is loaded to prepare an audience, Celery to ring. No fork
happens meanwhile, as in the child nobody would let go of an import's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal
from uuid import UUID, uuid4

from dispatcher import contents, forks
from dispatcher.books import accounts, campaigns, joining, transitions
from dispatcher.books.accounts import Account
from dispatcher.books.campaigns import Campaign, Input, NewCampaign
from dispatcher.books.commits import commit
from dispatcher.books.session import (
    adopt,
    allow_long_statements,
    make_engine,
    snapshot,
    transaction,
)
from dispatcher.contents import Content
from dispatcher.errors import (
    BrokerUnavailable,
    CommitUnknown,
    DatabaseUnavailable,
    OptionError,
    ServiceError,
)
from dispatcher.forks import not_while_forking
from dispatcher.lifecycle import RETRIABLE, CampaignState, ChunkState, usable_window
from dispatcher.schedule import Window, next_opening, parse_windows
from dispatcher.settings import DEFAULT_ACCOUNT, Settings, is_account_name, read_settings

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Connection, Engine

    from dispatcher.audience import Prepared, Progress, Source
    from dispatcher.books.audit import Explanation, Verdict
    from dispatcher.books.failures import Failure, Forgotten, Unnamed
    from dispatcher.books.keeping import Audiences
    from dispatcher.message import Message

Reference = str | UUID
"""A campaign's id, an unambiguous beginning of one, or `last`."""

StepProgress = Callable[[int, int], None]
"""Told how many chunks are done, of how many."""

MOST_LISTED = 50
"""How many campaigns `list` gives where nobody says it."""

_PAGE = 500
"""So many are read in one transaction: a session must not wait for long while they are made."""

log = logging.getLogger(__name__)


class Dispatcher:
    """The verbs, with settings of the caller's own.

    `settings` are read from the environment unless given; `engine` may be an engine that the
    application has already. Nothing is connected before the first verb.
    """

    def __init__(self, settings: Settings | None = None, engine: Engine | None = None) -> None:
        self._settings = read_settings() if settings is None else settings
        self._given_engine = None if engine is None else adopt(engine)
        self._own_engine: Engine | None = None
        self._own_producer: Celery | None = None
        self._making = Lock()
        forks.renew_in_children(self, Dispatcher._renew)

    def _renew(self) -> None:
        """In a child that was just forked: leave the parent's connections to the parent."""
        self._own_engine = self._own_producer = None
        self._making = Lock()
        if self._given_engine is not None:
            self._given_engine.dispose(close=False)

    def enqueue(
        self,
        *,
        app_id: str,
        message: Mapping[str, object] | Message,
        audience: Source | None = None,
        audience_sql: str | None = None,
        audience_db: str | None = None,
        campaign_tag: str | None = None,
        key: str | None = None,
        rate: float | None = None,
        send_at: datetime | None = None,
        expires_at: datetime | None = None,
        window: str | Sequence[str] | None = None,
        finish_by: datetime | None = None,
        account: str = DEFAULT_ACCOUNT,
        format: str | None = None,
        on_invalid: Literal["fail", "skip"] = "fail",
        rejects: str | Path | None = None,
        suppress: Source | None = None,
        columns: Mapping[str, str] | None = None,
        ignore_columns: Iterable[str] | None = None,
        absent: Iterable[str] | None = None,
        progress: Callable[[Progress], None] | None = None,
        told: Callable[[str], None] | None = None,
        committed: Callable[[Campaign], None] | None = None,
        connection: Connection | None = None,
    ) -> str:
        """Commit a campaign with its whole audience; its id. Sending needs no more of the caller.

        `message` holds one or several platform objects of the Push API. `audience` is an iterable
        of dicts or other rows with names; a data frame (pandas, Polars) or an Arrow table; the path
        of a .csv, .jsonl or .parquet file or of a directory of such files; or several paths, all of
        which count. `format` says which of "csv", "jsonl" and "parquet" it is where no name does.
        The rows of `audience_sql` count as well, a query in the database of the URL `audience_db`,
        or else of DISPATCHER_AUDIENCE_URL; it needs no `audience` beside it. `campaign_tag` is the
        vendor's statistics group. The same `key` again returns the same campaign. `rate` is the
        most requests a second, over all workers. `send_at` and `expires_at` are aware. Nothing
        fresh begins outside of `window`, one or several as "mon-fri 09:00-21:00 Europe/Berlin".
        With `finish_by`, aware, it goes at the rate that lets it end then, planned anew as it runs.
        With `on_invalid="skip"` invalid rows are left out, and written to the file `rejects` where
        one is named. `suppress` lists identifiers, in the forms of an audience: who has one of them
        gets nothing. `columns` gives the identifier in a column, by the name that the file has for
        it; `ignore_columns` are left out, and with "all" all that are no identifier; `absent` are
        the words that count as nothing, in place of the usual ones: for the audience and for
        `suppress`. `progress` is called a few times a second, `told` with sentences about what was
        left out or read otherwise than it stands there, before the commit, and `committed` once,
        with the campaign as it was committed.

        With `connection`, a SQLAlchemy Connection inside of a transaction on the same database, the
        campaign becomes part of that: it is there once the caller commits, with the caller's rows,
        and a relay rings for it within a second; `committed` is not called. What is raised leaves
        the transaction as it was.

        Raises SettingError, MessageError, AudienceError, OptionError, CampaignExists,
        DatabaseUnavailable, SchemaMismatch, and whatever the iterable raises; nothing is left
        behind then. CommitUnknown alone leaves open whether the campaign was committed, and names
        its id.
        """
        with not_while_forking():
            from dispatcher import audience as audiences
            from dispatcher import message as messages
            from dispatcher.books.schema import check_schema, check_schema_of

        self._settings.require_broker_url()
        checked = message if isinstance(message, messages.Message) else messages.check(message)
        _check_options(app_id, campaign_tag, key, account)
        check_rate(rate)
        self._settings.require_place_for_rates(rate)
        _check_times(send_at, expires_at)
        self._check_finish_by(finish_by, send_at, expires_at)
        query = None
        if audience_sql is not None:
            query = audiences.query(audience_sql, audience_db or self._settings.audience_url)
        elif audience_db is not None or audience is None:
            raise OptionError(
                "Nobody is named to send to: give files or rows (--audience, audience), or a query "
                "(--audience-sql, audience_sql)."
            )
        windows = None if window is None else parse_windows(window)
        _check_opens_in_time(windows, send_at, expires_at)
        if connection is None:
            check_schema(self._engine)
        else:
            with joining.within(joining.check_connection(connection, self._engine)):
                check_schema_of(connection)
        with audiences.prepare(
            audience,
            checked.platforms,
            query=query,
            format=format,
            on_invalid=on_invalid,
            rejects=None if rejects is None else Path(rejects),
            suppress=suppress,
            columns=columns,
            ignore_columns=ignore_columns,
            absent=absent,
            salt="" if key is None else contents.new_salt(),
            memory=self._settings.prepare_memory,
            scratch=self._settings.scratch,
            progress=progress,
        ) as prepared:
            content = Content(app_id, checked.canonical, campaign_tag, account)
            if told is not None:
                for note in prepared.notes:
                    told(note)
            new = NewCampaign(
                id=uuid4(),
                key=key,
                content_digest=content.digest(prepared),
                app_id=app_id,
                campaign_tag=campaign_tag,
                platforms=checked.platforms,
                account=account,
                message=checked.json,
                rate=rate,
                send_at=send_at,
                expires_at=expires_at,
                windows=windows,
                finish_by=finish_by,
                account_rate=self._settings.rate,
                input=Input(
                    prepared.read,
                    prepared.invalid,
                    prepared.duplicates,
                    prepared.suppressed,
                    prepared.absent,
                ),
                members=prepared.total,
                chunks=prepared.chunks,
            )
            if connection is not None:
                with joining.within(connection):
                    joining.check_at_commit(connection)
                    return _make(connection, new, content, prepared).id
            self._load_the_bell()
            campaign = self._commit(new, content, prepared)
        if committed is not None:
            committed(campaign)
        self._begin(campaign)
        return campaign.id

    def show(self, campaign: Reference) -> Campaign:
        """The campaign as it stands. Raises CampaignNotFound and AmbiguousCampaign."""
        with transaction(self._engine) as connection:
            return campaigns.read(connection, campaigns.resolve(connection, campaign))

    def list(
        self,
        state: str | None = None,
        *,
        tag: str | None = None,
        limit: int | None = MOST_LISTED,
        before: Reference | None = None,
    ) -> tuple[Campaign, ...]:
        """The newest campaigns, `limit` of them at most, or all with None; the newest first.

        Only those in one `state`, with one `tag`, or made before the campaign `before`: the last
        one of a page begins the next. Raises OptionError, CampaignNotFound and AmbiguousCampaign.
        """
        if limit is not None and (isinstance(limit, bool) or not 0 < limit < 1_000_000):
            raise OptionError(f"limit is {limit}: give how many campaigns to list, 1 or more.")
        only = None if state is None else _state(state)
        found: list[Campaign] = []
        with transaction(self._engine) as connection:
            end = None if before is None else campaigns.resolve(connection, before)
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            with transaction(self._engine) as connection:
                page = campaigns.read_page(connection, state=only, tag=tag, before=end, limit=size)
            found += page
            if len(page) < size:
                break
            end = UUID(page[-1].id)
        return tuple(found)

    def pause(self, campaign: Reference) -> Campaign:
        """Begin no new request of the campaign. Raises ImpossibleInState where it has ended."""
        return self._change(campaign, transitions.pause)

    def resume(self, campaign: Reference) -> Campaign:
        """Go on where the campaign stood. Raises ImpossibleInState where it has ended."""
        self._settings.require_broker_url()
        resumed = self._change(campaign, transitions.resume)
        if resumed.state == CampaignState.RUNNING:
            self._begin(resumed)
        return resumed

    def cancel(self, campaign: Reference, *, progress: StepProgress | None = None) -> Campaign:
        """End the campaign; what is on the wire finishes. Raises ImpossibleInState.

        Nothing begins from the first moment on. The chunks of a large one are settled in steps;
        where this is interrupted between them, workers do the rest. `progress` is called after each
        step with how many chunks are settled, of how many.
        """

        def begin(connection: Connection) -> tuple[Campaign, int]:
            found = campaigns.resolve(connection, campaign)
            settled = transitions.cancel(connection, found)
            return campaigns.read(connection, found), settled

        cancelled, settled = commit(self._engine, begin, doubt=lambda begun: _unsure(begun[0]))
        if settled < transitions.STEP:
            return cancelled
        return self._settle_rest(cancelled, settled, progress)

    def rate(self, campaign: Reference, rate: float | None) -> Campaign:
        """Allow at most `rate` requests a second, or any number.

        Raises ImpossibleInState, and SettingError where nobody would keep the rate.
        """
        check_rate(rate)
        if rate is not None:
            self._settings.require_place_for_rates(rate)
        return self._change(
            campaign, lambda connection, found: transitions.set_rate(connection, found, rate)
        )

    def window(self, campaign: Reference, window: str | Sequence[str] | None) -> Campaign:
        """Begin nothing fresh outside of these windows, one or several; None: at any time.

        What may have been sent is asked about at any time. Raises OptionError, also where it never
        opens before the campaign expires, and ImpossibleInState.
        """
        windows = None if window is None else parse_windows(window)

        def change(connection: Connection, found: UUID) -> None:
            now = campaigns.read(connection, found)
            _check_opens_in_time(windows, now.send_at, now.expires_at)
            transitions.set_windows(connection, found, windows, self._settings.rate)

        return self._change(campaign, change)

    def finish_by(self, campaign: Reference, finish_by: datetime | None) -> Campaign:
        """Go at the rate that lets the campaign end by then, an aware time; None takes that back.

        It is planned anew as it runs, and never above the campaign's or the account's rate. Raises
        OptionError, with the earliest time, where it cannot be made, ImpossibleInState, and
        SettingError where nobody would keep a rate.
        """

        def change(connection: Connection, found: UUID) -> None:
            now = campaigns.read(connection, found)
            self._check_finish_by(finish_by, now.send_at, now.expires_at)
            transitions.set_finish_by(connection, found, finish_by, self._settings.rate)

        return self._change(campaign, change)

    def accounts(self) -> tuple[Account, ...]:
        """The accounts that campaigns are sent for, by name: their rates, and what holds them."""
        with transaction(self._engine) as connection:
            return accounts.read_all(connection)

    def resume_account(self, name: str) -> Account:
        """Lift an account's hold: it goes on slowly, or probes at once where its API failed.

        Raises AccountNotFound.
        """

        def lift(connection: Connection) -> Account:
            transitions.resume_account(connection, name)
            return next(a for a in accounts.read_all(connection) if a.name == name)

        return commit(
            self._engine,
            lift,
            doubt=lambda account: (
                f"the hold of account {account.name} may be lifted; `dispatcher account list` "
                "tells."
            ),
        )

    def retry(
        self, campaign: Reference, only: str, *, progress: StepProgress | None = None
    ) -> Campaign:
        """Send the `rejected`, `unresolved` or `expired` chunks again, under new pack_ids.

        What is unresolved may have been sent before, and can reach people twice so. Those of a
        large campaign are ordered in steps: where this is interrupted between them, what was
        ordered is sent, and the same call again orders the rest. `progress` is called after each
        step with how many chunks are ordered, of how many. Raises OptionError, and
        ImpossibleInState where the campaign was cancelled or has not begun.
        """
        if only not in RETRIABLE:
            raise OptionError(f"{only!r} is none of {', '.join(sorted(RETRIABLE))}.")
        retried = self.show(campaign)
        of_all, ordered = getattr(retried.chunks, only), 0
        for after in range(0, retried.chunks.total, transitions.STEP):
            try:
                retried, found = self._retry_some(retried, only, after, ordered)
            except DatabaseUnavailable as error:
                done = f" {ordered:,} chunks are ordered; order the rest again." if ordered else ""
                raise DatabaseUnavailable(f"{error}{done}") from error
            ordered += found
            if progress is not None:
                progress(ordered, max(of_all, ordered))
        if retried.state == CampaignState.RUNNING:
            self._begin(retried)
        return retried

    def explain(self, campaign: Reference) -> Explanation:
        """What happened to the campaign, what it waits for, and when it goes on."""
        with not_while_forking():
            from dispatcher.books import audit

        window = usable_window(self._settings.pack_id_window, self._settings.request_timeout)
        with transaction(self._engine) as connection:
            return audit.explain(connection, campaigns.resolve(connection, campaign), window)

    def verify(self, campaign: Reference) -> Verdict:
        """Check the campaign's books from the rows alone; takes seconds for a million members."""
        with not_while_forking():
            from dispatcher.books import audit

        with snapshot(self._engine) as connection:
            found = campaigns.resolve(connection, campaign)
            return audit.verify(connection, found, self._settings.pack_id_window)

    def failures(self, campaign: Reference) -> Iterator[Failure | Unnamed | Forgotten]:
        """The members who were not delivered to, with the reason and its precision."""
        with not_while_forking():
            from dispatcher.books.failures import failures

        with transaction(self._engine) as connection:
            campaign_id = campaigns.resolve(connection, campaign)
        return failures(self._engine, campaign_id)

    def purgeable(self, older_than: timedelta | None = None) -> Audiences:
        """The audiences that `purge` would drop: how much they are. Raises OptionError."""
        with not_while_forking():
            from dispatcher.audience import scratch
            from dispatcher.books import keeping

        keep = self._checked_keep(older_than)
        with transaction(self._engine) as connection:
            allow_long_statements(connection)
            found = keeping.measure(connection, keep)
        return replace(found, scratch=len(scratch.leftovers(self._settings.scratch)))

    def purge(self, older_than: timedelta | None = None) -> Audiences:
        """Drop the audiences of campaigns that ended `older_than` ago; how much that was.

        Without `older_than`, what DISPATCHER_KEEP_AUDIENCE says. The campaigns' numbers stay, and
        the vendor's codes; their members can be neither listed nor sent to again. What killed
        producers left on this machine goes, too, however old. Raises OptionError.
        """
        with not_while_forking():
            from dispatcher.audience import scratch
            from dispatcher.books import keeping

        keep = self._checked_keep(older_than)
        dropped = self.purgeable(keep)
        scratch.remove_leftovers(self._settings.scratch)
        with transaction(self._engine) as connection:
            ended = keeping.due(connection, keep)
        try:
            for campaign_id in ended:
                while self._purge_some(campaign_id, keep):
                    pass
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                f"{error} What was dropped before stays so; purge again for the rest."
            ) from error
        return dropped

    @property
    def _engine(self) -> Engine:
        if self._given_engine is not None:
            return self._given_engine
        with self._making:
            if self._own_engine is None:
                with not_while_forking():  # it imports, and imports have locks
                    self._own_engine = make_engine(self._settings.require_database_url())
            return self._own_engine

    @property
    def _producer(self) -> Celery:
        with self._making:
            if self._own_producer is None:
                with not_while_forking():
                    from dispatcher import publishing

                    self._own_producer = publishing.producer(self._settings)
            return self._own_producer

    def _commit(self, new: NewCampaign, content: Content, prepared: Prepared) -> Campaign:
        """The campaign and its chunks in one transaction, or the one that its key stands for."""

        def make(connection: Connection) -> Campaign:
            allow_long_statements(connection)
            return _make(connection, new, content, prepared)

        return commit(
            self._engine,
            make,
            doubt=lambda made: (
                f"campaign {made.id} may be there; see `dispatcher show {made.id}` "
                "before you send it again: if it finds none, nothing was left behind."
            ),
            found=lambda made, connection: campaigns.exists(connection, UUID(made.id)),
        )

    def _check_finish_by(
        self, finish_by: datetime | None, send_at: datetime | None, expires_at: datetime | None
    ) -> None:
        if finish_by is None:
            return
        self._settings.require_place_for_rates(1)
        _check_moment("finish_by", finish_by)
        if send_at is not None and finish_by <= send_at:
            raise OptionError("finish_by is not after send_at: the campaign could send nothing.")
        if expires_at is not None and finish_by > expires_at:
            raise OptionError("finish_by is after expires_at: the campaign would expire before.")

    def _checked_keep(self, older_than: timedelta | None) -> timedelta:
        keep = self._settings.keep_audience if older_than is None else older_than
        if keep is None:
            raise OptionError(
                "DISPATCHER_KEEP_AUDIENCE keeps audiences forever: say which ones may go, as in "
                "`--older-than 30`."
            )
        if keep < timedelta(0):
            raise OptionError("older_than is negative: give the time since a campaign's end.")
        return keep

    def _purge_some(self, campaign_id: UUID, keep: timedelta) -> bool:
        return commit(
            self._engine,
            lambda connection: transitions.purge(connection, campaign_id, keep),
            doubt=lambda _: "a few more chunks' members may be dropped; purge again for the rest.",
        )

    def _load_the_bell(self) -> None:
        """Load what ringing takes: the first message is to leave right behind the commit."""
        with not_while_forking():
            self._producer.connection_for_write().get_transport_cls()

    def _begin(self, campaign: Campaign) -> None:
        """Ring for the first chunk; the campaign is committed, and the relay follows anyway.

        So nothing that goes wrong here is raised: the caller would do again what is done.
        """
        try:
            with not_while_forking():
                from dispatcher import publishing

            publishing.begin(self._engine, self._producer, UUID(campaign.id))
        except BrokerUnavailable as error:
            log.warning("%s", error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the campaign is committed
            log.warning("Campaign %s is committed; workers will find it. %s", campaign.id, error)

    def _retry_some(
        self, campaign: Campaign, only: str, after: int, ordered: int
    ) -> tuple[Campaign, int]:
        def order(connection: Connection) -> tuple[Campaign, int]:
            found = UUID(campaign.id)
            state = ChunkState(only)
            some = transitions.retry(connection, found, state, after=after, ordered=ordered)
            return campaigns.read(connection, found), some

        return commit(self._engine, order, doubt=lambda ordered: _unsure(ordered[0]))

    def _settle_rest(
        self, cancelled: Campaign, settled: int, progress: StepProgress | None
    ) -> Campaign:
        """Go on with a campaign that is cancelled for good; what fails here, workers do."""
        found, step = UUID(cancelled.id), transitions.STEP
        total = max(cancelled.chunks.pending, settled)

        def settle(connection: Connection) -> tuple[Campaign, int]:
            settled = transitions.settle_rest(connection, found)
            return campaigns.read(connection, found), settled

        try:
            while step == transitions.STEP:
                if progress is not None:
                    progress(settled, total)
                cancelled, step = commit(
                    self._engine, settle, doubt=lambda settled: _unsure(settled[0])
                )
                settled += step
        except (ServiceError, CommitUnknown) as error:
            log.warning("%s The campaign is cancelled; workers settle the rest.", error)
        return cancelled

    def _change(
        self, campaign: Reference, change: Callable[[Connection, UUID], object]
    ) -> Campaign:
        def changed(connection: Connection) -> Campaign:
            campaign_id = campaigns.resolve(connection, campaign)
            change(connection, campaign_id)
            return campaigns.read(connection, campaign_id)

        return commit(
            self._engine,
            changed,
            doubt=_unsure,
        )


def _unsure(campaign: Campaign) -> str:
    return (
        f"the change of campaign {campaign.id} may have taken effect; "
        f"`dispatcher show {campaign.id}` tells."
    )


def _make(
    connection: Connection, new: NewCampaign, content: Content, prepared: Prepared
) -> Campaign:
    """The campaign and its chunks, or the one that its key stands for."""
    with not_while_forking():
        from dispatcher.audience import copy_chunks

    campaign_id = campaigns.create(connection, new)
    if campaign_id is not None:
        copy_chunks(connection, campaign_id, prepared)
    else:
        assert new.key is not None
        campaign_id = campaigns.find_by_key(
            connection, new.key, lambda stored, total: content.is_same(stored, total, prepared)
        )
    return campaigns.read(connection, campaign_id)


def check_rate(rate: float | None) -> None:
    """Raise OptionError unless it is None or a number of requests a second above 0."""
    if rate is None:
        return
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise OptionError("rate must be a number of requests a second, or none.")
    if not (isfinite(rate) and 0.001 <= rate <= 1_000_000):
        raise OptionError(f"rate is {rate:g}: give between 0.001 and 1000000 requests a second.")


def _check_options(app_id: str, campaign_tag: str | None, key: str | None, account: str) -> None:
    texts = {"app_id": app_id, "campaign_tag": campaign_tag, "key": key, "account": account}
    for name, value in texts.items():
        if value is None and name in ("campaign_tag", "key"):
            continue
        if not isinstance(value, str) or not value.strip():
            raise OptionError(f"{name} must be a text that is not empty.")
        if "\0" in value or not value.isprintable() or len(value) > 500:
            raise OptionError(f"{name} must be one line of at most 500 characters.")
    if not is_account_name(account):
        raise OptionError(
            f"account is {account!r}: an account's name is made of a-z and 0-9, and is not `file`."
        )


def _check_times(send_at: datetime | None, expires_at: datetime | None) -> None:
    for name, moment in (("send_at", send_at), ("expires_at", expires_at)):
        if moment is not None:
            _check_moment(name, moment)
    if expires_at is None:
        return
    if expires_at <= datetime.now(expires_at.tzinfo):
        raise OptionError(f"expires_at is {expires_at.isoformat()}, which has passed.")
    if send_at is not None and expires_at <= send_at:
        raise OptionError("expires_at is not after send_at: the campaign could send nothing.")


def _check_moment(name: str, moment: object) -> None:
    if not isinstance(moment, datetime):
        raise OptionError(f"{name} is a {type(moment).__name__}: give an aware datetime.")
    if moment.utcoffset() is None:
        raise OptionError(f"{name} has no time zone: give an aware datetime.")
    if moment.year >= _FIRST_YEAR_REFUSED:
        raise OptionError(
            f"{name} is in the year {moment.year}: give one before {_FIRST_YEAR_REFUSED}."
        )


_FIRST_YEAR_REFUSED = 2200
"""Reckoning with moments ends somewhere: here, long before what clocks and databases hold."""


def _check_opens_in_time(
    windows: Sequence[Window] | None, send_at: datetime | None, expires_at: datetime | None
) -> None:
    """Raise OptionError where no window opens between a campaign's begin and its end."""
    if windows is None:
        return
    now = datetime.now(UTC)
    opens_at = next_opening(windows, now if send_at is None else max(now, send_at)).opens_at
    if expires_at is not None and opens_at >= expires_at:
        raise OptionError(
            f"The window {', '.join(each.text for each in windows)} opens at "
            f"{opens_at.isoformat(timespec='minutes')}, and the campaign expires at "
            f"{expires_at.isoformat(timespec='minutes')}: nothing could be sent."
        )


def _state(state: str) -> CampaignState:
    try:
        return CampaignState(state)
    except ValueError as error:
        raise OptionError(
            f"{state!r} is no state of a campaign; known are {', '.join(CampaignState)}."
        ) from error
