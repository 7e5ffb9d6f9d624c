"""The only writer of states. Every write is guarded by the state it expects, and says who lost.

`exchanging` claims chunks and records what became of them, `attempts` has what such a record means
for others, `rounds` what the relay does to chunks, `steering` what becomes of a campaign, `purging`
what is forgotten after its end. A transaction that touches a campaign's row and its chunks' locks
the campaign's first.
"""

from dispatcher.books.transitions.attempts import give_back, record
from dispatcher.books.transitions.exchanging import (
    FUNCTIONS,
    ChunkKey,
    Claim,
    Exchanged,
    Report,
    exchange,
)
from dispatcher.books.transitions.purging import purge
from dispatcher.books.transitions.rounds import (
    mark_published,
    settle_closed_windows,
    take_back_lost_leases,
    unmark_unclaimed,
)
from dispatcher.books.transitions.steering import (
    cancel,
    expire,
    pause,
    pause_itself,
    resume,
    retry,
    roll_up,
    set_rate,
    start_due,
)

__all__ = [
    "FUNCTIONS",
    "ChunkKey",
    "Claim",
    "Exchanged",
    "Report",
    "cancel",
    "exchange",
    "expire",
    "give_back",
    "mark_published",
    "pause",
    "pause_itself",
    "purge",
    "record",
    "resume",
    "retry",
    "roll_up",
    "set_rate",
    "settle_closed_windows",
    "start_due",
    "take_back_lost_leases",
    "unmark_unclaimed",
]
