"""A program that forks after it has used the dispatcher: `python -m tests.forks.family MANNER`."""

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator

import dispatcher
from dispatcher.audience import Progress

MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
CHILDREN = 3


def tell(campaign: str) -> None:
    """A line at once: a child would inherit what a buffer still holds."""
    os.write(1, f"{campaign}\n".encode())


def enqueue(name: str) -> str:
    """A campaign of one member."""
    return dispatcher.enqueue(app_id="app", message=MESSAGE, audience=[{"token": name}])


def forked(act: Callable[[], object]) -> int:
    """A child that does it and ends; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            gc.collect()
            os._exit(status)
    return child


def enqueuing(name: str) -> int:
    """A child that enqueues a campaign and tells its id."""
    return forked(lambda: tell(enqueue(name)))


def wait_for(children: list[int]) -> None:
    """Return when they have ended well."""
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def after_a_list() -> None:
    """The parent has looked; its children enqueue at once, and so does the parent."""
    dispatcher.list()
    wait_for([enqueuing(f"child-{n}") for n in range(CHILDREN)])
    tell(enqueue("parent"))


def amid_a_transaction() -> None:
    """While a thread of the parent commits a campaign, children look and enqueue."""
    tell(enqueue("first"))  # the account's row is there: else others would wait for this one's
    streaming, forks_done = threading.Event(), threading.Event()

    def hold(progress: Progress) -> None:
        if progress.phase == "packing":
            streaming.set()
            assert forks_done.wait(30)

    def commit() -> None:
        tell(
            dispatcher.enqueue(
                app_id="app", message=MESSAGE, audience=many("parent"), progress=hold
            )
        )

    thread = threading.Thread(target=commit)
    thread.start()
    assert streaming.wait(30)
    wait_for([enqueuing(f"child-{n}") for n in range(CHILDREN)])
    forks_done.set()
    thread.join()


def many(name: str) -> Iterator[dict[str, str]]:
    """Members of several chunks."""
    for number in range(3_000):
        yield {"token": f"{name}-{number}"}


def while_ringing() -> None:
    """Children are forked while threads of the parent enqueue one campaign after another."""
    tell(enqueue("first"))  # what has to be loaded is: it is about connections
    over = threading.Event()

    def keep_on(name: str) -> None:
        number = 0
        while not over.is_set():
            tell(enqueue(f"{name}-{number}"))
            number += 1

    threads = [threading.Thread(target=keep_on, args=(f"thread-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for n in range(4 * CHILDREN):
        wait_for([enqueuing(f"child-{n}")])
    over.set()
    for thread in threads:
        thread.join()


def by_multiprocessing() -> None:
    """A pool of forked processes."""
    dispatcher.list()
    with multiprocessing.get_context("fork").Pool(CHILDREN) as pool:
        for campaign in pool.map(enqueue, [f"child-{n}" for n in range(2 * CHILDREN)]):
            tell(campaign)


MANNERS = {
    manner.__name__: manner
    for manner in (after_a_list, amid_a_transaction, while_ringing, by_multiprocessing)
}

if __name__ == "__main__":
    MANNERS[sys.argv[1]]()
