"""`python -m workers worker`: Celery's commands on our application, whatever lies around.

Celery looks for an application in the working directory first, where a stranger's `workers` may be;
what is loaded already it does not look for.
"""

import sys

from celery.__main__ import main

from workers import process, tasks

LOADED = (process, tasks)

if __name__ == "__main__":
    sys.argv = ["celery", "-A", "workers", *sys.argv[1:]]
    main()
