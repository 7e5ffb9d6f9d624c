"""The program, as `dispatcher` or `python -m dispatcher`."""

import atexit
import gc
import sys


def main() -> None:
    """Run the verb and exit with its status.

    Nothing of what loading modules makes is garbage, yet to look for it there takes Python as long
    as the rest, and again at its end. So its collector comes by seldom, and not at the end.
    """
    gc.set_threshold(50_000)
    atexit.register(_leave_uncollected)
    from dispatcher.cli import main as run

    run()


def _leave_uncollected() -> None:
    if "duckdb" not in sys.modules:  # it would complain of what was not collected
        gc.freeze()


if __name__ == "__main__":
    main()
