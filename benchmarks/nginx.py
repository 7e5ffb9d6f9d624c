"""`python -m benchmarks.nginx CONFIGURATION` becomes nginx."""

import os
import sys

if __name__ == "__main__":
    os.execvp("nginx", ["nginx", "-e", "stderr", "-c", sys.argv[1]])
