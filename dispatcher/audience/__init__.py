"""The audience of a campaign: read from anywhere, checked, without repetitions, packed.

What is pure here (`identifiers`, `hashes`) is read by workers, too, which load nothing else of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dispatcher.forks import not_while_forking

if TYPE_CHECKING:
    from dispatcher.audience.algebra import Frozen
    from dispatcher.audience.drawing import Drawing
    from dispatcher.audience.listing import Source
    from dispatcher.audience.packing import copy_chunks
    from dispatcher.audience.preparation import OnInvalid, prepare
    from dispatcher.audience.prepared import MAX_MEMBERS, Prepared
    from dispatcher.audience.progress import Phase, Progress, Watcher
    from dispatcher.audience.reasons import Reason
    from dispatcher.audience.zoning import Zoning

__all__ = [
    "MAX_MEMBERS",
    "Drawing",
    "Frozen",
    "OnInvalid",
    "Phase",
    "Prepared",
    "Progress",
    "Reason",
    "Source",
    "Watcher",
    "Zoning",
    "copy_chunks",
    "prepare",
]

_ROOMS = {
    "Drawing": "drawing",
    "Frozen": "algebra",
    "MAX_MEMBERS": "prepared",
    "OnInvalid": "preparation",
    "Phase": "progress",
    "Prepared": "prepared",
    "Progress": "progress",
    "Reason": "reasons",
    "Source": "listing",
    "Watcher": "progress",
    "Zoning": "zoning",
    "copy_chunks": "packing",
    "prepare": "preparation",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with not_while_forking():
            found = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
        globals()[name] = found
        return found
