"""`python -m workers worker`: Celery's commands on our application, whatever lies around.

Celery looks for an application in the working directory first, where a stranger's `workers` may be;
what is loaded already it does not look for.
"""

import sys

import celery.bin.celery
from celery.__main__ import main

from workers import commands, pools, process, tasks

LOADED = (celery.bin.celery, process, tasks)

if __name__ == "__main__":
    # Celery would load the pool's library first, which may not be there.
    pools.asked_for()
    # It was not Celery's command line yet that loaded the application.
    commands.complete()
    sys.argv = ["celery", "-A", "workers", *sys.argv[1:]]
    main()
