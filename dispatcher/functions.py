"""The verbs as functions, on one dispatcher that the environment makes at the first call."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

from dispatcher.api import Dispatcher

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


accept_canary = _of_default(Dispatcher.accept_canary)
columns = _of_default(Dispatcher.columns)
dry_run = _of_default(Dispatcher.dry_run)
enqueue = _of_default(Dispatcher.enqueue)
message_of = _of_default(Dispatcher.message_of)
show = _of_default(Dispatcher.show)
list = _of_default(Dispatcher.list)
live = _of_default(Dispatcher.live)
pause = _of_default(Dispatcher.pause)
resume = _of_default(Dispatcher.resume)
approve = _of_default(Dispatcher.approve)
cancel = _of_default(Dispatcher.cancel)
rate = _of_default(Dispatcher.rate)
window = _of_default(Dispatcher.window)
find = _of_default(Dispatcher.find)
forget = _of_default(Dispatcher.forget)
finish_by = _of_default(Dispatcher.finish_by)
retry = _of_default(Dispatcher.retry)
explain = _of_default(Dispatcher.explain)
chunks = _of_default(Dispatcher.chunks)
attempts = _of_default(Dispatcher.attempts)
throughput = _of_default(Dispatcher.throughput)
redeliver = _of_default(Dispatcher.redeliver)
webhooks = _of_default(Dispatcher.webhooks)
workers = _of_default(Dispatcher.workers)
log = _of_default(Dispatcher.log)
verify = _of_default(Dispatcher.verify)
failures = _of_default(Dispatcher.failures)
failure_lines = _of_default(Dispatcher.failure_lines)
fenced = _of_default(Dispatcher.fenced)
fence_accept = _of_default(Dispatcher.fence_accept)
purge = _of_default(Dispatcher.purge)
purgeable = _of_default(Dispatcher.purgeable)
accounts = _of_default(Dispatcher.accounts)
resume_account = _of_default(Dispatcher.resume_account)
suppress_add = _of_default(Dispatcher.suppress_add)
suppress_remove = _of_default(Dispatcher.suppress_remove)
suppress_check = _of_default(Dispatcher.suppress_check)
suppress_count = _of_default(Dispatcher.suppress_count)
suppress_import = _of_default(Dispatcher.suppress_import)
acting_as = _of_default(Dispatcher.acting_as)
adjust = _of_default(Dispatcher.adjust)
authenticate = _of_default(Dispatcher.authenticate)
check_message = _of_default(Dispatcher.check_message)
check_schema = _of_default(Dispatcher.check_schema)
token_add = _of_default(Dispatcher.token_add)
token_remove = _of_default(Dispatcher.token_remove)
tokens = _of_default(Dispatcher.tokens)
session_of = _of_default(Dispatcher.session_of)
sessions = _of_default(Dispatcher.sessions)
sign_in = _of_default(Dispatcher.sign_in)
sign_in_first = _of_default(Dispatcher.sign_in_first)
sign_out = _of_default(Dispatcher.sign_out)
user_add = _of_default(Dispatcher.user_add)
user_password = _of_default(Dispatcher.user_password)
user_remove = _of_default(Dispatcher.user_remove)
user_role = _of_default(Dispatcher.user_role)
users = _of_default(Dispatcher.users)
