"""The Celery application: threads, JSON, and nothing that the broker would have to remember."""

import sys
from typing import Any

from celery import Celery

from dispatcher.errors import DispatcherError
from dispatcher.publishing import broker_settings
from dispatcher.settings import read_settings

SLOTS = 64


def _celery_settings() -> dict[str, Any]:
    """What Celery is told; read when it first asks, so that importing this connects to nothing."""
    try:
        settings = read_settings()
        broker = broker_settings(settings.require_broker_url(), settings.queue)
    except DispatcherError as error:
        # Celery would show a traceback; this is a program's start, and a person reads it.
        print(error, file=sys.stderr)
        raise SystemExit(2) from error
    return broker | {
        "worker_consumer": "workers.reception:Reception",
        "worker_pool": "threads",
        "worker_concurrency": SLOTS,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_disable_rate_limits": True,
        "worker_enable_prefetch_count_reduction": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        # A Redis without memory, or read-only after a failover, refuses commands for a while.
        "broker_channel_error_retry": True,
        "task_acks_late": False,
    }


app = Celery(
    "workers",
    include=["workers.tasks", "workers.process", "workers.pools"],
    control="workers.reception:ScreenedControl",
)
app.add_defaults(_celery_settings)
