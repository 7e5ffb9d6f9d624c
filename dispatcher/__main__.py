"""The program, as `dispatcher` or `python -m dispatcher`."""

import atexit
import gc


def main() -> None:
    """Run the verb and exit with its status.

    Nothing of what loading modules makes is garbage, yet to look for it there takes Python as long
    as the rest, and again at its end. So its collector comes by seldom, and not at the end.
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    from dispatcher.cli import main as run

    run()


if __name__ == "__main__":
    main()
