"""The program, as `dispatcher` or `python -m dispatcher`."""

import gc


def main() -> None:
    """Run the verb and exit with its status.

    Nothing is garbage of what loading modules makes, yet to look for it took as long as the rest:
    so the collector comes by seldom, which a verb that goes on for long does not notice.
    """
    gc.set_threshold(50_000)
    from dispatcher.cli import main as run

    run()


if __name__ == "__main__":
    main()
