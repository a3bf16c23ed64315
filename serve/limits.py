"""The limits of requests to services that are under way at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

# All per worker. THREADS are the server's; those beyond both bounds answer everything else at once: /health, /ready,
# and refusals.
THREADS = 256
SMALL_AT_ONCE = 208
LARGE_AT_ONCE = 32
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_COMPUTED = 4  # of those at a time: what a body becomes on the way to an answer is many times its size


class Busy(Exception):
    """Too many requests are under way."""


class Admission:
    """Bounds the requests to services that are under way. Small ones are not held up by large ones.

    A request says how many bytes its body has, None if it does not know.
    """

    def __init__(self) -> None:
        self._small = threading.BoundedSemaphore(SMALL_AT_ONCE)
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)
        self._computing = threading.BoundedSemaphore(LARGE_COMPUTED)

    @contextmanager
    def of(self, size: int | None) -> Iterator[None]:
        """While a request is read and answered. Raises Busy at once beyond the bound."""
        large = _is_large(size)
        under_way, most = (self._large, LARGE_AT_ONCE) if large else (self._small, SMALL_AT_ONCE)
        if not under_way.acquire(blocking=False):
            raise Busy(f"{most} {'large' if large else 'small'} requests are under way")
        try:
            yield
        finally:
            under_way.release()

    def turn(self, size: int | None) -> AbstractContextManager[object]:
        """While a request that has been read is answered: large ones wait for their turn."""
        return self._computing if _is_large(size) else nullcontext()


def _is_large(size: int | None) -> bool:
    return size is None or size > LARGE_BODY
