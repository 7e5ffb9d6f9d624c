"""What a process says beside its results, log lines and tracebacks, without a secret."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from dispatcher.redaction import redact


class RedactedLines(logging.Formatter):
    """A formatter whose lines hold no secret, whoever logs them."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def redact_tracebacks() -> None:
    """Let what ends this process, or a thread of it, be told without a secret."""
    sys.excepthook = _tell
    threading.excepthook = _tell_of_thread


def _tell(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    lines = traceback.format_exception(kind, error, trace)
    print(redact("".join(lines)), end="", file=sys.stderr, flush=True)


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit:
        _tell(ended.exc_type, ended.exc_value, ended.exc_traceback)
