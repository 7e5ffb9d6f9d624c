"""Starts one program, tells its process id, and kills it when standard input closes.

It runs as a script of its own and is the program's parent: the process id of a program that has
died stays its own until the keeper ends, and however the test ends, the system closes the pipe.
"""

import os
import signal
import subprocess
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), start_new_session=True
    )
    print(program.pid, flush=True)
    sys.stdin.read()
    os.killpg(program.pid, signal.SIGKILL)
    program.wait()
