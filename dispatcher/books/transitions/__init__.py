"""The only writer of states. Every write is guarded by the state it expects, and says who lost.

`exchanging` claims chunks and records what became of them (`statements` is its SQL), `attempts` has
what such a record means for others, `isolating` divides a chunk that was refused for one user,
`withholding` takes out of a claimed chunk who is to get nothing, `resting` is for the account,
`rounds` what the relay does to chunks, `steering` what becomes of a campaign, `retrying` the order
to send again, `summing` the sum and the end, `purging` what is dropped after it, `forgetting` that
somebody leaves a chunk, `quoting` that no text quotes them, `approving` a second person's word,
`judging` what too many errors stop, `noting` who did any of it. A transaction that touches a
campaign's row and its chunks' locks the campaign's first, an account's row last.
"""

from dispatcher.books.transitions.accepting import accept_canary
from dispatcher.books.transitions.approving import approve, await_approval
from dispatcher.books.transitions.attempts import give_back, record, was_recorded
from dispatcher.books.transitions.exchanging import (
    ChunkKey,
    Claim,
    Exchanged,
    Further,
    Members,
    Place,
    Report,
    exchange,
    members_again,
)
from dispatcher.books.transitions.forgetting import forget
from dispatcher.books.transitions.noting import note_new
from dispatcher.books.transitions.pausing import pause_itself
from dispatcher.books.transitions.purging import PURGED_A_STEP, purge
from dispatcher.books.transitions.quoting import drop_quotes, quoting
from dispatcher.books.transitions.resting import resume_account
from dispatcher.books.transitions.retrying import retry
from dispatcher.books.transitions.rounds import (
    mark_published,
    settle_closed_windows,
    take_back_lost_leases,
    unmark_unclaimed,
)
from dispatcher.books.transitions.statements import FUNCTIONS
from dispatcher.books.transitions.steering import (
    cancel,
    expire,
    expire_late,
    pause,
    resume,
    set_finish_by,
    set_rate,
    set_windows,
    start_due,
    turn_window,
)
from dispatcher.books.transitions.summing import (
    STEP,
    lock_free,
    roll_up,
    settle_rest,
    sum_up_locked,
)
from dispatcher.books.transitions.withholding import keep_all, withhold, withhold_all

__all__ = [
    "FUNCTIONS",
    "PURGED_A_STEP",
    "STEP",
    "ChunkKey",
    "Claim",
    "Exchanged",
    "Further",
    "Members",
    "Place",
    "Report",
    "accept_canary",
    "approve",
    "await_approval",
    "cancel",
    "drop_quotes",
    "exchange",
    "expire",
    "expire_late",
    "forget",
    "give_back",
    "keep_all",
    "lock_free",
    "mark_published",
    "members_again",
    "note_new",
    "pause",
    "pause_itself",
    "purge",
    "quoting",
    "record",
    "resume",
    "resume_account",
    "retry",
    "roll_up",
    "set_finish_by",
    "set_rate",
    "set_windows",
    "settle_closed_windows",
    "settle_rest",
    "start_due",
    "sum_up_locked",
    "take_back_lost_leases",
    "turn_window",
    "unmark_unclaimed",
    "was_recorded",
    "withhold",
    "withhold_all",
]
