"""The verbs of the public interface: what each does for its caller, and where it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack

from dispatcher.books import transitions
from dispatcher.books.accounts import Account
from dispatcher.books.acts import Act, Actor
from dispatcher.books.campaigns import Campaign
from dispatcher.books.chunks import Attempt, Chunk
from dispatcher.books.curve import Curve
from dispatcher.books.finding import Found
from dispatcher.books.fleet import Worker
from dispatcher.books.outbox import Webhook
from dispatcher.books.overview import Overview
from dispatcher.books.sessions import Session
from dispatcher.books.tokens import Token
from dispatcher.books.users import User
from dispatcher.redaction import Secret
from dispatcher.settings import Settings
from dispatcher.verbs import (
    accounts,
    authoring,
    enqueuing,
    failure_files,
    fencing,
    keeping,
    ordering,
    people,
    reading,
    rehearsing,
    sessions,
    steering,
    tokens,
    users,
    webhooks,
)
from dispatcher.verbs.connections import Connections, Reference
from dispatcher.verbs.fencing import Fenced
from dispatcher.verbs.options import Options
from dispatcher.verbs.people import Added, Checked, ListProgress, Receipt, Removed
from dispatcher.verbs.reading import MOST_LISTED
from dispatcher.verbs.rehearsing import Rehearsal
from dispatcher.verbs.steering import Orders, StepProgress

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from dispatcher.audience import Progress, Source
    from dispatcher.audience.headings import Heading
    from dispatcher.books.audit import Explanation, Verdict
    from dispatcher.books.failures import Failure, Forgotten, Unnamed
    from dispatcher.books.keeping import Audiences
    from dispatcher.message import Message


class Dispatcher:
    """The verbs, with settings of the caller's own.

    `settings` are read from the environment unless given; `engine` may be an engine that the
    application has already; `actor` is who `log` says it was, unless given the operating system's
    user of this process. Nothing is connected before the first verb.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        engine: Engine | None = None,
        actor: Actor | None = None,
    ) -> None:
        self._connections = Connections(settings, engine, actor)

    def acting_as(self, actor: Actor) -> Dispatcher:
        """The same verbs over the same connections, for which `log` names this actor instead."""
        other = copy(self)
        other._connections = self._connections.acting_as(actor)
        return other

    def check_schema(self) -> None:
        """Raise DatabaseUnavailable, or SchemaMismatch, unless the books can be worked with."""
        reading.check_schema(self._connections)

    def enqueue(
        self,
        *,
        app_id: str,
        message: Mapping[str, object] | Message,
        progress: Callable[[Progress], None] | None = None,
        told: Callable[[str], None] | None = None,
        committed: Callable[[Campaign], None] | None = None,
        connection: Connection | None = None,
        **options: Unpack[Options],
    ) -> str:
        """Commit a campaign with its whole audience; its id. Sending needs no more of the caller.

        app_id: the vendor's id of the app.
        message: one or several platform objects of the Push API, or several texts of them by name:
            {"variants": {"en": {...}, "de": {...}}, "default": "en"}.
        options: whom, when and how, see `Options` in dispatcher/verbs/options.py; `audience`, or
            `audience_sql`, has to be among them.
        progress: called a few times a second.
        told: called with sentences about what was left out or read otherwise than it stands there,
            before the commit.
        committed: called once, with the campaign as it was committed.
        connection: a SQLAlchemy Connection inside of a transaction on the same database: the
            campaign becomes part of that. It is there once the caller commits, with the caller's
            rows, and a relay rings for it within a second; `committed` is not called. What is
            raised leaves the transaction as it was.

        Raises SettingError, MessageError, AudienceError, OptionError, CampaignExists,
        DatabaseUnavailable, SchemaMismatch, and whatever the iterable raises; nothing is left
        behind then. CommitUnknown alone leaves open whether the campaign was committed, and names
        its id.
        """
        self._connections.settings.require_broker_url()
        return enqueuing.enqueue(
            self._connections,
            ordering.check(self._connections.settings, app_id, message, options),
            progress=progress,
            told=told,
            committed=committed,
            connection=connection,
        )

    def dry_run(
        self,
        *,
        app_id: str,
        message: Mapping[str, object] | Message,
        progress: Callable[[Progress], None] | None = None,
        **options: Unpack[Options],
    ) -> Rehearsal:
        """What `enqueue` would make of the same words: counts, examples, requests, warnings.

        Nothing is stored, nothing is sent; a file of `rejects` is written. Raises what `enqueue`
        raises.
        """
        settings = self._connections.settings
        order = ordering.check(settings, app_id, message, options)
        return rehearsing.rehearse(self._connections, order, progress)

    def check_message(self, message: Mapping[str, object] | str | bytes) -> Message:
        """The message as `enqueue` would send it, with its `warnings`; no service is asked.

        message: its objects, or their JSON text. Raises MessageError, whose `place` is where.
        """
        return authoring.check_message(message)

    def columns(
        self,
        audience: str | PathLike[str],
        *,
        platforms: Iterable[str] | None = None,
        format: str | None = None,
    ) -> tuple[Heading, ...]:
        """The columns of an audience's file: what each is read as, and its first values.

        platforms: whose identifiers count, those of the message; else all that there are.
        format: "csv", "jsonl" or "parquet", of a file whose name says none.

        Nothing is stored. Raises AudienceError where the file cannot be read, and OptionError.
        """
        return authoring.columns(self._connections.settings, audience, platforms, format)

    def show(self, campaign: Reference) -> Campaign:
        """The campaign as it stands. Raises CampaignNotFound and AmbiguousCampaign."""
        return reading.show(self._connections, campaign)

    def message_of(self, campaign: Reference) -> Mapping[str, Any]:
        """The campaign's message, or its several texts by name, as `enqueue` takes them.

        Raises CampaignNotFound and AmbiguousCampaign.
        """
        return reading.message_of(self._connections, campaign)

    def list(
        self,
        state: str | None = None,
        *,
        tag: str | None = None,
        limit: int | None = MOST_LISTED,
        before: Reference | None = None,
        tests: bool = False,
        key: str | None = None,
        app_id: str | None = None,
    ) -> tuple[Campaign, ...]:
        """The newest campaigns, `limit` of them at most, or all with None; the newest first.

        Only those in one `state`, with one `tag`, of one app, or made before the campaign `before`:
        the last one of a page begins the next; or the one that a `key` stands for. With `tests` it
        gives test campaigns alone, which are not among the others. Raises OptionError,
        CampaignNotFound and AmbiguousCampaign.
        """
        return reading.list_page(
            self._connections,
            state,
            tag=tag,
            limit=limit,
            before=before,
            tests=tests,
            key=key,
            app_id=app_id,
        )

    def live(self) -> Overview:
        """The campaigns that have not ended, the accounts, and the live workers, at one moment."""
        return reading.live(self._connections)

    def pause(self, campaign: Reference) -> Campaign:
        """Begin no new request of the campaign. Raises ImpossibleInState where it has ended."""
        return self._connections.change(campaign, transitions.pause)

    def resume(self, campaign: Reference) -> Campaign:
        """Go on where the campaign stood.

        Raises ImpossibleInState where it has ended, or waits for somebody's word.
        """
        return steering.resume(self._connections, campaign)

    def approve(self, campaign: Reference) -> Campaign:
        """Let a campaign go on that waits for the approval of a second person: the actor.

        It does where it took whoever ordered it above DISPATCHER_APPROVAL_MEMBERS members in a day.
        Raises ImpossibleInState where it does not wait, and for that person.
        """
        return steering.approve(self._connections, campaign)

    def cancel(self, campaign: Reference, *, progress: StepProgress | None = None) -> Campaign:
        """End the campaign; what is on the wire finishes. Raises ImpossibleInState.

        Nothing begins from the first moment on. The chunks of a large one are settled in steps;
        where this is interrupted between them, workers do the rest. `progress` is called after each
        step with how many chunks are settled, of how many.
        """
        return steering.cancel(self._connections, campaign, progress)

    def rate(self, campaign: Reference, rate: float | None) -> Campaign:
        """Allow at most `rate` requests a second, or any number.

        Raises ImpossibleInState, and SettingError where nobody would keep the rate.
        """
        return steering.adjust(self._connections, campaign, {"rate": rate})

    def window(self, campaign: Reference, window: str | Sequence[str] | None) -> Campaign:
        """Begin nothing fresh outside of these windows, one or several; None: at any time.

        What may have been sent is asked about at any time. Raises OptionError, also where it never
        opens before the campaign expires, and ImpossibleInState.
        """
        return steering.adjust(self._connections, campaign, {"window": window})

    def finish_by(self, campaign: Reference, finish_by: datetime | None) -> Campaign:
        """Go at the rate that lets the campaign end by then, an aware time; None takes that back.

        It is planned anew as it runs, and never above the campaign's or the account's rate. Raises
        OptionError, with the earliest time, where it cannot be made, ImpossibleInState, and
        SettingError where nobody would keep a rate.
        """
        return steering.adjust(self._connections, campaign, {"finish_by": finish_by})

    def adjust(self, campaign: Reference, **orders: Unpack[Orders]) -> Campaign:
        """Several of `rate`, `window` and `finish_by` at once: all of them are changed, or none.

        Raises what these raise.
        """
        return steering.adjust(self._connections, campaign, orders)

    def accept_canary(
        self, campaign: Reference, *, max_error_rate: float | str | None = None
    ) -> Campaign:
        """Let a campaign go on that its canary's verdict, or too many errors, have stopped.

        Where it was proven that there are too many errors, they are not tested any more from here
        on, unless a new `max_error_rate` is given, as 0.2 or "20%". Otherwise its bound, or the new
        one, guards what is sent from now on. Raises OptionError, and ImpossibleInState where
        nothing has stopped it like that.
        """
        return steering.accept_canary(self._connections, campaign, max_error_rate)

    def accounts(self) -> tuple[Account, ...]:
        """The accounts that campaigns are sent for, by name: their rates, and what holds them."""
        return accounts.read_all(self._connections)

    def resume_account(self, name: str) -> Account:
        """Lift an account's hold: it goes on slowly, or probes at once where its API failed.

        Raises AccountNotFound.
        """
        return accounts.resume(self._connections, name)

    def retry(
        self,
        campaign: Reference,
        only: str,
        *,
        at_most: int | None = None,
        progress: StepProgress | None = None,
    ) -> Campaign:
        """Send the `rejected`, `unresolved` or `expired` chunks again, under new pack_ids.

        What is unresolved may have been sent before, and can reach people twice so. Those of a
        large campaign are ordered in steps: where this is interrupted between them, what was
        ordered is sent, and the same call again orders the rest. `progress` is called after each
        step with how many chunks are ordered, of how many. `at_most` is how many members somebody
        agreed to. Raises OptionError, and ImpossibleInState where there are more by now, or where
        the campaign was cancelled or has not begun.
        """
        return steering.retry(self._connections, campaign, only, at_most, progress)

    def explain(self, campaign: Reference) -> Explanation:
        """What happened to the campaign, what it waits for, and when it goes on."""
        return reading.explain(self._connections, campaign)

    def chunks(
        self,
        campaign: Reference,
        state: str | None = None,
        *,
        first: int = 1,
        limit: int = MOST_LISTED,
    ) -> tuple[Chunk, ...]:
        """The campaign's chunks by number, from `first` on, `limit` at most, 1,000 of them.

        state: only those in it, `pending` for one; or `in_doubt`, which are those of the pending
            that may have been sent.

        The number after the last one of a page begins the next. No member is named. For `pending`
        and `delivered` all from `first` to the page's last one are read: where a campaign of
        hundreds of thousands has few of these, that takes part of a second.

        Raises OptionError, CampaignNotFound and AmbiguousCampaign.
        """
        return reading.chunks(self._connections, campaign, state, first=first, limit=limit)

    def attempts(
        self,
        campaign: Reference,
        chunk: int,
        *,
        before: int | None = None,
        limit: int = MOST_LISTED,
    ) -> tuple[Attempt, ...]:
        """What each attempt at a chunk came to, the newest first, `limit` at most, 1,000 of them.

        chunk: its number in the campaign, as `chunks` and `find` have it.
        before: only attempts before the one of this number: the last one of a page begins the next.

        Raises OptionError, also where there is no such chunk, CampaignNotFound and
        AmbiguousCampaign.
        """
        return reading.attempts(self._connections, campaign, chunk, before=before, limit=limit)

    def throughput(self, campaign: Reference) -> Curve:
        """How the campaign went over time: what was sent in each of at most 120 even steps."""
        return reading.throughput(self._connections, campaign)

    def log(
        self,
        campaign: Reference | None = None,
        *,
        actor: str | None = None,
        before: int | None = None,
        limit: int | None = MOST_LISTED,
    ) -> tuple[Act, ...]:
        """Who changed what, and when: the newest acts, `limit` at most, or all with None.

        Only those about one `campaign`, where it is given; else about lists and accounts, too. Only
        those of one `actor`, or older than the act of the id `before`: the last one of a page
        begins the next. The newest first. Raises OptionError, CampaignNotFound and
        AmbiguousCampaign.
        """
        return reading.log(self._connections, campaign, actor=actor, before=before, limit=limit)

    def webhooks(
        self,
        campaign: Reference | None = None,
        *,
        before: tuple[Reference, int] | None = None,
        limit: int | None = MOST_LISTED,
    ) -> tuple[Webhook, ...]:
        """What receivers were told in the last days, or are to be told, without the bodies.

        The newest first, `limit` at most, or all with None; only those older than the webhook
        `before`, which is its campaign and its sequence. Raises OptionError, CampaignNotFound and
        AmbiguousCampaign.
        """
        return webhooks.read(self._connections, campaign, before=before, limit=limit)

    def workers(self) -> tuple[Worker, ...]:
        """The workers that told of themselves within the last hour, by name."""
        return reading.workers(self._connections)

    def redeliver(self, campaign: Reference, sequence: int | None = None) -> int:
        """Let the campaign's webhook of this number be due now, or all not delivered; how many.

        A receiver tells a repeat by its `webhook-id`. Raises OptionError, and ImpossibleInState
        where all were delivered.
        """
        return webhooks.redeliver(self._connections, campaign, sequence)

    def verify(self, campaign: Reference) -> Verdict:
        """Check the campaign's books from the rows alone; takes seconds for a million members."""
        return reading.verify(self._connections, campaign)

    def failures(self, campaign: Reference) -> Iterator[Failure | Unnamed | Forgotten]:
        """The members who were not delivered to, with the reason and its precision."""
        return reading.failures(self._connections, campaign)

    def failure_lines(self, campaign: Reference, form: str = "csv") -> Iterator[str]:
        """The same as the lines of a file, "csv" or "jsonl", of those who have a name.

        No cell of the CSV is taken for a formula. Raises OptionError for another form.
        """
        return failure_files.lines(self.failures(campaign), form)

    def purgeable(self, older_than: timedelta | None = None) -> Audiences:
        """The audiences that `purge` would drop: how much they are. Raises OptionError."""
        return keeping.purgeable(self._connections, older_than)

    def purge(self, older_than: timedelta | None = None) -> Audiences:
        """Drop the audiences of campaigns that ended `older_than` ago; how much that was.

        Without `older_than`, what DISPATCHER_KEEP_AUDIENCE says. The campaigns' numbers stay, and
        the vendor's codes; their members can be neither listed nor sent to again. What killed
        producers left on this machine goes, too, however old. Raises OptionError.
        """
        return keeping.purge(self._connections, older_than)

    def fenced(self) -> Fenced | None:
        """Why nothing is sent from the books, as they were restored from a copy; None if it is.

        By what the books say, and by what this machine and the Redis have noted of them.
        """
        return fencing.fenced(self._connections)

    def fence_accept(self) -> int:
        """Let workers send from books that were restored, as they are; the number of their epoch.

        Look at `fenced` first: whoever was sent to after the copy was made would get it again.
        Raises ImpossibleInState where there is nothing to accept.
        """
        return fencing.accept(self._connections)

    def find(self, identifier: str) -> tuple[Found, ...]:
        """Which campaigns and chunks hold somebody, and what became of them; the oldest first.

        `identifier` names the kind and the value, as "userId=anna". Audiences that were purged hold
        nobody any more. Raises OptionError.
        """
        return people.find(self._connections, identifier)

    def forget(self, identifier: str, *, progress: ListProgress | None = None) -> Receipt:
        """Take somebody out of every stored audience, and put them on every app's standing list.

        `identifier` names the kind and the value, as "userId=anna". The books stay sound: from what
        is unsent they are withheld. Chunks that may be with the vendor are waited for, ten seconds
        at most; what is left then is in the receipt's `waiting`, and the same call again takes it
        up. `progress` is called with how many chunks they left, of how many. Raises OptionError.
        """
        return people.forget(self._connections, identifier, progress)

    def token_add(self, name: str, role: str) -> Secret:
        """A new token of the HTTP API, which nobody can be shown again: only its hash is kept.

        name: whose it is, as `log` is to say.
        role: "viewer" looks, "operator" also sends and steers, "admin" may do everything.

        Raises OptionError, also where the name has a token.
        """
        return tokens.add(self._connections, name, role)

    def token_remove(self, name: str) -> None:
        """Take back the token of this name. Raises OptionError where there is none."""
        tokens.remove(self._connections, name)

    def tokens(self) -> tuple[Token, ...]:
        """Whose tokens of the HTTP API there are, by name, and what each may do."""
        return tokens.read_all(self._connections)

    def authenticate(self, token: str) -> Token | None:
        """Whose token this is; None where it is nobody's."""
        return tokens.authenticate(self._connections, token)

    def user_add(self, name: str, role: str, password: str | None = None) -> Secret:
        """Let somebody sign in to the console; the password, one that is made where none is given.

        name: who it is, as `log` is to say.
        role: "viewer" looks, "operator" also sends and steers, "admin" may do everything.
        password: 12 to 1,000 characters of any kind.

        Raises OptionError, also where there is a user of this name.
        """
        return users.add(self._connections, name, role, password)

    def user_remove(self, name: str) -> None:
        """Let somebody in no more; their sessions end at once. Raises OptionError for nobody."""
        users.remove(self._connections, name)

    def user_password(self, name: str, password: str | None = None) -> Secret:
        """Give a user another password, as by `user_add`; their sessions end at once."""
        return users.set_password(self._connections, name, password)

    def user_role(self, name: str, role: str) -> None:
        """Give a user another role; their sessions end at once. Raises OptionError."""
        users.set_role(self._connections, name, role)

    def users(self) -> tuple[User, ...]:
        """Who may sign in to the console, by name, and what each may do."""
        return users.read_all(self._connections)

    def sign_in(self, name: str, password: str, address: str, browser: str | None = None) -> Secret:
        """A new session of this user, who asks from this IP address; `session_of` knows it.

        `browser` is a secret that theirs alone has: where they have signed in with it before,
        nobody else's attempts make them wait.
        Raises SignInRefused where the name or the password is wrong, whichever; SignInDelayed, with
        how long to wait, where that was so too often.
        """
        return sessions.sign_in(self._connections, name, password, address, browser)

    def sign_in_first(self, key_age: timedelta = timedelta(0)) -> Secret:
        """A new session, as an admin, of the actor who started the program; `session_of` knows it.

        Raises SignInRefused once there are users, and where there were within `key_age`, for as
        long as there has been the key by which somebody asks. Such sessions end with the first.
        """
        return sessions.sign_in_first(self._connections, key_age)

    def sign_out(self, session: Session, *, everywhere: bool = False) -> int:
        """End a session, or all of the same person's; how many ended."""
        return sessions.sign_out(self._connections, session, everywhere=everywhere)

    def session_of(self, session: str) -> Session | None:
        """Whose session this is; None where it is nobody's, or has ended. It counts as used."""
        return sessions.session_of(self._connections, session)

    def sessions(self) -> tuple[Session, ...]:
        """Who has signed in to the console, the oldest session first."""
        return sessions.read_all(self._connections)

    def suppress_add(self, app_id: str, identifiers: Iterable[str]) -> Added:
        """Put these on the app's standing list: they get nothing from any later chunk of it.

        app_id: the vendor's id of the app.
        identifiers: each with its kind, as `userId=anna`.

        Campaigns under way obey it with the next chunk that is sent for the first time. Raises
        OptionError, for one without a kind or that nobody can have; then nobody was added.
        """
        return people.add(self._connections, app_id, identifiers)

    def suppress_remove(self, app_id: str, identifiers: Iterable[str]) -> Removed:
        """Take these off the app's standing list. Raises OptionError."""
        return people.remove(self._connections, app_id, identifiers)

    def suppress_check(self, app_id: str, identifiers: Iterable[str]) -> Checked:
        """Who of these is on the app's standing list. Raises OptionError."""
        return people.check(self._connections, app_id, identifiers)

    def suppress_count(self, app_id: str) -> int:
        """How many identifiers are on the app's standing list. Raises OptionError."""
        return people.count(self._connections, app_id)

    def suppress_import(
        self,
        app_id: str,
        source: Source,
        *,
        format: str | None = None,
        columns: Mapping[str, str] | None = None,
        ignore_columns: Iterable[str] | str | None = None,
        absent: Iterable[str] | str | None = None,
        reading: Callable[[Progress], None] | None = None,
        told: Callable[[str], None] | None = None,
        progress: ListProgress | None = None,
    ) -> Added:
        """Put everybody in the source on the app's standing list, by all of their identifiers.

        app_id: the vendor's id of the app.
        source: in the forms of an audience.
        format, columns, ignore_columns, absent: how to read it, as of an audience.
        reading: called a few times a second while it is read.
        told: called with sentences about what was read otherwise than it stands there.
        progress: called with how many identifiers are on the list, of how many.

        It is read to its end first. Then identifiers are added in steps: where that is interrupted,
        those before stay, and the same again adds the rest. Raises AudienceError where a row cannot
        be used, as nobody may be missed, and OptionError; then nobody was added.
        """
        return people.add_all(
            self._connections,
            app_id,
            source,
            format=format,
            columns=columns,
            ignore_columns=ignore_columns,
            absent=absent,
            reading=reading,
            told=told,
            progress=progress,
        )
