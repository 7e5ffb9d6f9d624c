"""Every function that the database has to have."""

from dispatcher.books import progress, running, transitions, upkeep

FUNCTIONS = (*transitions.FUNCTIONS, *running.FUNCTIONS, progress.SUM_UP, upkeep.NEEDED)
