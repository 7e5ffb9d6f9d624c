"""Push campaigns to audiences of any size: everybody exactly once, as far as it can be known.

The functions here use one `Dispatcher`, made from the environment at first use; make one yourself
to pass settings or an engine of your own. A name is loaded when it is first asked for, with what it
needs: to import this package costs an application next to nothing.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from dispatcher.errors import (
    AccountNotFound,
    AmbiguousCampaign,
    AudienceError,
    BrokerUnavailable,
    CallerError,
    CampaignExists,
    CampaignNotFound,
    CommitUnknown,
    DatabaseUnavailable,
    DispatcherError,
    EmbeddedServerError,
    ImpossibleInState,
    MessageError,
    OptionError,
    SchemaMismatch,
    ServiceError,
    SettingError,
    SignInDelayed,
    SignInRefused,
)

if TYPE_CHECKING:
    from dispatcher.api import Dispatcher
    from dispatcher.audience.headings import Heading
    from dispatcher.audience.identifiers import IDENTIFIERS
    from dispatcher.books.accounts import Account
    from dispatcher.books.acts import Act, Actor
    from dispatcher.books.campaigns import Campaign, Variant
    from dispatcher.books.chunks import Attempt, Chunk
    from dispatcher.books.curve import Curve
    from dispatcher.books.fleet import Worker
    from dispatcher.books.overview import Overview
    from dispatcher.books.sessions import Session
    from dispatcher.books.tokens import Token
    from dispatcher.books.users import User
    from dispatcher.functions import (
        accept_canary,
        accounts,
        acting_as,
        adjust,
        approve,
        attempts,
        authenticate,
        cancel,
        check_message,
        check_schema,
        chunks,
        columns,
        dry_run,
        enqueue,
        explain,
        failure_lines,
        failures,
        fence_accept,
        fenced,
        find,
        finish_by,
        forget,
        list,
        live,
        log,
        message_of,
        pause,
        purge,
        purgeable,
        rate,
        redeliver,
        resume,
        resume_account,
        retry,
        session_of,
        sessions,
        show,
        sign_in,
        sign_in_first,
        sign_out,
        suppress_add,
        suppress_check,
        suppress_count,
        suppress_import,
        suppress_remove,
        throughput,
        token_add,
        token_remove,
        tokens,
        user_add,
        user_password,
        user_remove,
        user_role,
        users,
        verify,
        webhooks,
        window,
        workers,
    )
    from dispatcher.lifecycle import MEANINGS
    from dispatcher.settings import Settings, read_settings

__all__ = [
    "IDENTIFIERS",
    "MEANINGS",
    "Account",
    "AccountNotFound",
    "Act",
    "Actor",
    "AmbiguousCampaign",
    "Attempt",
    "AudienceError",
    "BrokerUnavailable",
    "CallerError",
    "Campaign",
    "CampaignExists",
    "CampaignNotFound",
    "Chunk",
    "CommitUnknown",
    "Curve",
    "DatabaseUnavailable",
    "Dispatcher",
    "DispatcherError",
    "EmbeddedServerError",
    "Heading",
    "ImpossibleInState",
    "MessageError",
    "OptionError",
    "Overview",
    "SchemaMismatch",
    "ServiceError",
    "Session",
    "SettingError",
    "Settings",
    "SignInDelayed",
    "SignInRefused",
    "Token",
    "User",
    "Variant",
    "Worker",
    "accept_canary",
    "accounts",
    "acting_as",
    "adjust",
    "approve",
    "attempts",
    "authenticate",
    "cancel",
    "check_message",
    "check_schema",
    "chunks",
    "columns",
    "dry_run",
    "enqueue",
    "explain",
    "failure_lines",
    "failures",
    "fence_accept",
    "fenced",
    "find",
    "finish_by",
    "forget",
    "list",
    "live",
    "log",
    "message_of",
    "pause",
    "purge",
    "purgeable",
    "rate",
    "read_settings",
    "redeliver",
    "resume",
    "resume_account",
    "retry",
    "session_of",
    "sessions",
    "show",
    "sign_in",
    "sign_in_first",
    "sign_out",
    "suppress_add",
    "suppress_check",
    "suppress_count",
    "suppress_import",
    "suppress_remove",
    "throughput",
    "token_add",
    "token_remove",
    "tokens",
    "user_add",
    "user_password",
    "user_remove",
    "user_role",
    "users",
    "verify",
    "webhooks",
    "window",
    "workers",
]

_VERBS = "dispatcher.functions"
_ROOMS = {
    "IDENTIFIERS": "dispatcher.audience.identifiers",
    "MEANINGS": "dispatcher.lifecycle",
    "Account": "dispatcher.books.accounts",
    "Act": "dispatcher.books.acts",
    "Actor": "dispatcher.books.acts",
    "Attempt": "dispatcher.books.chunks",
    "Campaign": "dispatcher.books.campaigns",
    "Chunk": "dispatcher.books.chunks",
    "Curve": "dispatcher.books.curve",
    "Dispatcher": "dispatcher.api",
    "Heading": "dispatcher.audience.headings",
    "Overview": "dispatcher.books.overview",
    "Settings": "dispatcher.settings",
    "Session": "dispatcher.books.sessions",
    "Token": "dispatcher.books.tokens",
    "User": "dispatcher.books.users",
    "Variant": "dispatcher.books.campaigns",
    "Worker": "dispatcher.books.fleet",
    "read_settings": "dispatcher.settings",
}


if not TYPE_CHECKING:  # where it is seen, a type checker takes any name for one of ours

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from dispatcher.forks import not_while_forking

        with not_while_forking():
            found = getattr(import_module(_ROOMS.get(name, _VERBS)), name)
        globals()[name] = found
        return found


def __dir__() -> Iterable[str]:
    return sorted(globals() | dict.fromkeys(__all__))
