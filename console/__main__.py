"""`python -m console --port 8080 --host 127.0.0.1`: what `dispatcher console` becomes."""

import argparse
import sys

from console.serving import serve
from dispatcher import CallerError, DispatcherError, read_settings


def main() -> None:
    """Serve until it is stopped, and exit with the program's status."""
    parser = argparse.ArgumentParser("console")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True)
    given = parser.parse_args()
    try:
        serve(read_settings(), given.host, given.port)
    except DispatcherError as error:
        print(f"dispatcher: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, CallerError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
