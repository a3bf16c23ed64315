"""The limits of requests to services: DuckDB's time, and the server's threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import duckdb

SQL_SECONDS = 5.0  # of evaluation; a service's SQL takes a thousandth of that

# All per worker. THREADS are the server's; those beyond both bounds answer everything else at once: /health, /ready,
# and refusals.
THREADS = 256
SMALL_AT_ONCE = 208
LARGE_AT_ONCE = 32
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_COMPUTED = 4  # of those at a time: what a body becomes on the way to an answer is many times its size


class Timeout:
    """Interrupts evaluations that take longer than SQL_SECONDS. One thread does so for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[duckdb.DuckDBPyConnection, float] = {}  # since when, by cursor
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """While `cursor` evaluates. It raises duckdb.InterruptException after so long."""
        with self._lock:
            self._running[cursor] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asof-timeout", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:  # so that no interrupt comes late, and meets what the cursor does next
                del self._running[cursor]

    def _run(self) -> None:
        while True:
            time.sleep(SQL_SECONDS / 10)
            with self._lock:
                for cursor, began in self._running.items():
                    if time.monotonic() - began > SQL_SECONDS:
                        cursor.interrupt()


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
