"""Every function that the database has to have."""

from dispatcher.books import running, transitions

FUNCTIONS = (*transitions.FUNCTIONS, *running.FUNCTIONS)
