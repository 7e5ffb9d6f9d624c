"""Topping up: due chunks are marked as published and their task messages sent, ids only.

The row is the truth; a message only rings. It may be lost, late or doubled without harm, and what
is published but never claimed is published again. `topping_up` is a round of it, `planning` says
what the fleet has room for, `turns` whose turn it is, `bell` sends the messages, `queues` knows the
broker's queue.
"""

from dispatcher.publishing.bell import DELIVER, Batch, Bell, broker_settings, producer
from dispatcher.publishing.planning import LONGEST_LIST, MOST_A_LIST, NOTHING, Plan, plan
from dispatcher.publishing.queues import broker_words, open_queue
from dispatcher.publishing.topping_up import begin, top_up
from dispatcher.publishing.turns import Gauge

__all__ = [
    "DELIVER",
    "LONGEST_LIST",
    "MOST_A_LIST",
    "NOTHING",
    "Batch",
    "Bell",
    "Gauge",
    "Plan",
    "begin",
    "broker_settings",
    "broker_words",
    "open_queue",
    "plan",
    "producer",
    "top_up",
]
