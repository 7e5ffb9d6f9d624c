"""The audience of a campaign: read from anywhere, checked, without repetitions, packed."""

from dispatcher.audience.algebra import Frozen
from dispatcher.audience.listing import Source
from dispatcher.audience.packing import copy_chunks
from dispatcher.audience.preparation import OnInvalid, prepare
from dispatcher.audience.prepared import MAX_MEMBERS, Prepared
from dispatcher.audience.progress import Phase, Progress, Watcher
from dispatcher.audience.query import query
from dispatcher.audience.reasons import Reason

__all__ = [
    "MAX_MEMBERS",
    "Frozen",
    "OnInvalid",
    "Phase",
    "Prepared",
    "Progress",
    "Reason",
    "Source",
    "Watcher",
    "copy_chunks",
    "prepare",
    "query",
]
