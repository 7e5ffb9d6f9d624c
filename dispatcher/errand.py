"""What may never come back, such as a name server's answer, done beside those who wait for it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Errand(Generic[T]):
    """Begins at once, in a thread of its own, which is left behind where nobody waits any more."""

    def __init__(self, do: Callable[[], T]) -> None:
        self._do = do
        self._over = threading.Event()
        self._found: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="errand", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether it has come back."""
        return self._over.is_set()

    def wait(self, seconds: float) -> T:
        """What it found, or what it raised; TimeoutError where it takes longer than `seconds`."""
        if not self._over.wait(max(0.0, seconds)):
            raise TimeoutError(f"no answer within {seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._do())
        except BaseException as error:  # noqa: BLE001 - it belongs to those who wait
            self._error = error
        finally:
            self._over.set()
