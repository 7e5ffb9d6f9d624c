"""Push campaigns to audiences of any size: everybody exactly once, as far as it can be known.

The functions here use one `Dispatcher`, made from the environment at first use; make one yourself
to pass settings or an engine of your own.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

from dispatcher.api import Dispatcher
from dispatcher.books.accounts import Account
from dispatcher.books.campaigns import Campaign
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
)
from dispatcher.settings import Settings, read_settings

__all__ = [
    "Account",
    "AccountNotFound",
    "AmbiguousCampaign",
    "AudienceError",
    "BrokerUnavailable",
    "CallerError",
    "Campaign",
    "CampaignExists",
    "CampaignNotFound",
    "CommitUnknown",
    "DatabaseUnavailable",
    "Dispatcher",
    "DispatcherError",
    "EmbeddedServerError",
    "ImpossibleInState",
    "MessageError",
    "OptionError",
    "SchemaMismatch",
    "ServiceError",
    "SettingError",
    "Settings",
    "accounts",
    "cancel",
    "enqueue",
    "list",
    "pause",
    "rate",
    "read_settings",
    "resume",
    "resume_account",
    "show",
]


P = ParamSpec("P")
R = TypeVar("R")


@cache
def _default() -> Dispatcher:
    return Dispatcher()


def _of_default(verb: Callable[Concatenate[Dispatcher, P], R]) -> Callable[P, R]:
    """The verb, on the dispatcher that the environment makes."""

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return verb(_default(), *args, **kwargs)

    return call


enqueue = _of_default(Dispatcher.enqueue)
show = _of_default(Dispatcher.show)
list = _of_default(Dispatcher.list)
pause = _of_default(Dispatcher.pause)
resume = _of_default(Dispatcher.resume)
cancel = _of_default(Dispatcher.cancel)
rate = _of_default(Dispatcher.rate)
accounts = _of_default(Dispatcher.accounts)
resume_account = _of_default(Dispatcher.resume_account)
retry = _of_default(Dispatcher.retry)
explain = _of_default(Dispatcher.explain)
verify = _of_default(Dispatcher.verify)
failures = _of_default(Dispatcher.failures)
purge = _of_default(Dispatcher.purge)
