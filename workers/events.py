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
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin with each connection to the broker."""
        dispatcher = consumer.event_dispatcher
        dispatcher.on_send_buffered = None
        dispatcher.buffer_limit = _MOST_KEPT
        self._timer = consumer.timer.call_repeatedly(_EVERY, dispatcher.flush)

    def stop(self, consumer: Any) -> None:
        """Publish what is kept; from here on each goes by itself again."""
        self._timer.cancel()
        dispatcher = consumer.event_dispatcher
        dispatcher.on_send_buffered = consumer.on_send_event_buffered
        ignore_errors(consumer, dispatcher.flush)  # type: ignore[no-untyped-call]
