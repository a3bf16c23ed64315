"""What requests to services may take: of DuckDB's time, and of the server's threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import duckdb

SQL_SECONDS = 5.0  # of evaluation; a service's SQL takes a thousandth of that

# All per worker. THREADS are the server's; those beyond both bounds answer everything else at once: /health, /ready,
# and who is turned away.
THREADS = 256
SMALL_AT_ONCE = 208
LARGE_AT_ONCE = 32
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_COMPUTED = 4  # of those at a time: what a body becomes on the way to an answer is many times its size


class Watch:
    """Interrupts evaluations that take too long. One thread looks after all of them, from the first on."""

    def __init__(self, seconds: float = SQL_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running: dict[int, tuple[duckdb.DuckDBPyConnection, float]] = {}  # by thread: since when
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """While the calling thread evaluates with `cursor`. Then raises duckdb.InterruptException after so long."""
        this = threading.get_ident()
        self._running[this] = (cursor, time.monotonic())
        if self._thread is None:
            self._start()
        try:
            yield
        finally:
            with self._lock:  # so that no interrupt comes late, and meets what the cursor does next
                del self._running[this]

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="asof-watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(self._seconds / 10)
            with self._lock:
                since = time.monotonic() - self._seconds
                for cursor, began in list(self._running.values()):
                    if began < since:
                        cursor.interrupt()


class Busy(Exception):
    """Too many requests are under way."""


class Admission:
    """Bounds the requests to services that are under way. Small ones are not held up by large ones."""

    def __init__(self) -> None:
        self._small = threading.BoundedSemaphore(SMALL_AT_ONCE)
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)
        self._computing = threading.BoundedSemaphore(LARGE_COMPUTED)

    @contextlib.contextmanager
    def of(self, size: int | None) -> Iterator[None]:
        """While a request with a body of so many bytes, None if it does not say, is answered. Large ones take turns.
        Raises Busy at once beyond the bound.
        """
        is_large = size is None or size > LARGE_BODY
        under_way, most = (self._large, LARGE_AT_ONCE) if is_large else (self._small, SMALL_AT_ONCE)
        if not under_way.acquire(blocking=False):
            raise Busy(f"{most} {'large' if is_large else 'small'} requests are under way")
        try:
            with self._computing if is_large else contextlib.nullcontext():
                yield
        finally:
            under_way.release()
