"""`python -m benchmarks.nginx PORT LOG CONFIGURATION` becomes nginx."""

import os
import sys

if __name__ == "__main__":
    os.execvp("nginx", ["nginx", "-e", "stderr", "-c", sys.argv[3]])
