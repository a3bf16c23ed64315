"""What a request may take, whatever its sender does: of DuckDB's time, and of the connection's."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator

import duckdb

log = logging.getLogger("asof.serve")

SQL_SECONDS = 5.0  # of evaluation; a service's SQL takes a thousandth of that

ARENAS = 2  # of malloc: with one per thread, a third to half more memory is kept after large requests

_M_ARENA_MAX = -8  # of glibc's mallopt
_LAST_DATA_SENT = 44  # where struct tcp_info of Linux has it: milliseconds


def keep_few_arenas() -> None:
    """Keeps what malloc sets aside for threads of their own, of which there are many, from growing with each."""
    with contextlib.suppress(OSError, AttributeError):  # where the C library is not glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


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


def end_stuck_connections(port: int, seconds: float) -> int:
    """Ends this process's connections to `port` on which nothing was sent for so long; returns how many.

    uvicorn waits for ever for a head or a body, and for an answer to be read.
    """
    ended = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), _duplicate(int(name)) as connection:
            if connection.type != socket.SOCK_STREAM or connection.getsockname()[1:2] != (port,):
                continue
            connection.getpeername()  # raises if it listens
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT + 4)
            (silent,) = struct.unpack_from("I", info, _LAST_DATA_SENT)
            if silent > seconds * 1000:
                connection.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


def _duplicate(descriptor: int) -> socket.socket:
    """A socket of this process once more: its number cannot become another connection's between the look and the end.
    Raises OSError where it is none, and leaves nothing open.
    """
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    return socket.socket(fileno=os.dup(descriptor))


def end_stuck_connections_forever(port: int, seconds: float) -> None:
    """Looks again and again, in a thread of its own. Nothing where the system does not tell (other than Linux)."""

    def run() -> None:
        while True:
            time.sleep(min(5.0, seconds / 5))
            if ended := end_stuck_connections(port, seconds):
                log.warning("%s connections ended that took more than %s s over a request", ended, seconds)

    if os.path.isdir("/proc/self/fd") and hasattr(socket, "TCP_INFO"):
        threading.Thread(target=run, name="asof-connections", daemon=True).start()
