"""Task events leave a few times a second, together.

Celery publishes each as soon as it can; for a message that is worked off in milliseconds that costs
more than everything else that Celery does for it.
"""

from typing import Any

from celery import bootsteps
from kombu.common import ignore_errors

_EVERY = 0.25
_MOST_KEPT = 1000
"""So many wait at most; a slot that reports one more publishes them itself."""


class EventsTogether(bootsteps.StartStopStep):  # type: ignore[misc]
    """Publishes what the event dispatcher keeps by the clock, and not at each event."""

    requires = ("celery.worker.consumer:Events",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._dispatcher: Any = None
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin with each connection to the broker, and with what could not leave on the last."""
        last, dispatcher = self._dispatcher, consumer.event_dispatcher
        dispatcher.on_send_buffered = None
        dispatcher.buffer_limit = _MOST_KEPT
        for group, kept in last._group_buffer.items() if last else ():
            dispatcher._group_buffer[group].extend(kept)
        self._dispatcher = dispatcher
        self._timer = consumer.timer.call_repeatedly(_EVERY, dispatcher.flush)

    def stop(self, consumer: Any) -> None:
        """Publish what is kept; while the worker ends, each goes by itself again."""
        if self._timer is None:  # something before it failed, and it never began
            return
        self._timer.cancel()
        self._dispatcher.on_send_buffered = consumer.on_send_event_buffered
        ignore_errors(consumer, self._dispatcher.flush)  # type: ignore[no-untyped-call]
