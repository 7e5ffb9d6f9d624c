"""A program with servers of its own: prints their URLs, and ends when its input does.

    python -m tests.embedded.holding HOME

Like a program that has something to finish, it does not end at Ctrl-C.
"""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from dispatcher.embedded import running
from dispatcher.errors import EmbeddedServerError

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running(Path(sys.argv[1])) as urls:
            print(json.dumps(asdict(urls)), flush=True)
            sys.stdin.read()
    except EmbeddedServerError as error:
        sys.exit(str(error))
