"""`python -m benchmarks.contestants.procrastinate_peer`: work, schema, or N chunks to publish.

The worker has as many threads as the others have, and publishing is one batch.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.campaign import Publishing
from benchmarks.contestants import job
from benchmarks.contestants.procrastinate_app import app, deliver

READY = "ready to work"


async def work() -> None:
    """Work until told to stop; by default its threads would be only a few more than the cores."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(job.THREADS))
    async with app.open_async():
        print(READY, flush=True)
        await app.run_worker_async(concurrency=job.THREADS)


async def publish(chunks: int) -> None:
    """Publish, and tell what it took."""
    async with app.open_async():
        with Publishing():
            await deliver.batch_defer_async(*({"sequence": n} for n in range(1, chunks + 1)))


async def make_schema() -> None:
    """The peer's own tables."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


if __name__ == "__main__":
    match sys.argv[1]:
        case "work":
            asyncio.run(work())
        case "schema":
            asyncio.run(make_schema())
        case chunks:
            asyncio.run(publish(int(chunks)))
