"""How much of everything: FAULTS=full runs the storms at their whole size."""

import os


def full() -> bool:
    """Whether the whole size is asked for."""
    return os.environ.get("FAULTS") == "full"
