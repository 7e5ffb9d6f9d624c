"""Which of Celery's pools a worker may be asked for on a command line."""

from collections.abc import Sequence
from itertools import zip_longest

from dispatcher.errors import OptionError

BECOME_THREADS = ("prefork", "solo")
_GREEN = "its deadlines and its commits for many requests need real threads"
_REFUSED = {
    "processes": "processes would each need a relay, a rate and connections of their own",
    "gevent": _GREEN,
    "eventlet": _GREEN,
}
_OPTIONS = ("-P", "--pool")


def check_pool(arguments: Sequence[str]) -> str | None:
    """The pool that the arguments of a worker ask for; OptionError where it cannot have it."""
    if any(word.partition("=")[0] == "--autoscale" for word in arguments):
        raise OptionError(
            "--autoscale does not apply: a worker makes --concurrency requests at once, and idle "
            "slots cost nothing; give that, or start more workers."
        )
    pool = _asked_for(arguments)
    if pool in _REFUSED:
        raise OptionError(
            f"A worker cannot run the pool {pool}: {_REFUSED[pool]}. Leave --pool out; more "
            "processes are more workers."
        )
    return pool


def _asked_for(arguments: Sequence[str]) -> str | None:
    """The last one counts, in any of the forms that Celery reads."""
    pool: str | None = None
    for word, following in zip_longest(arguments, arguments[1:]):
        name, separator, value = word.partition("=")
        if word in _OPTIONS:
            pool = following
        elif name == "--pool" and separator:
            pool = value
        elif word.startswith("-P"):
            pool = word.removeprefix("-P").removeprefix("=")
    return pool
