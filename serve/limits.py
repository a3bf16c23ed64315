"""What a request may take, whatever its sender does: memory, time, and threads that others need."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

import duckdb

log = logging.getLogger("asof.serve")

AT_ONCE = 16  # requests that are answered at a time, per worker: more than cores, so that they meet (together.py)
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_AT_ONCE = 16  # from the first byte of the body to the last of the answer
LARGE_ANSWERED_AT_ONCE = 4  # of those: what a body becomes on the way to an answer is many times its size
SQL_SECONDS = 5.0  # of evaluation; a service's SQL takes a thousandth of that

ARENAS = 2  # of malloc: with one per thread, a third to half more memory is kept after large requests

_M_ARENA_MAX = -8  # of glibc's mallopt
_LAST_DATA_SENT = 44  # where struct tcp_info of Linux has it: milliseconds


class Turns:
    """WSGI middleware that answers a request once it is whole, and only so many at a time.

    Each connection has a thread to itself, so one that sends or reads slowly holds up nobody but, if its body is large,
    others with large bodies.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], max_body: int) -> None:
        """`max_body` in bytes: a body that says it is longer is not read, and of one that says nothing, no more is."""
        self._app = app
        self._max_body = max_body
        # As semaphores: a queue is written in C, threading's are in Python and take ten times as long
        self._turns, self._large_turns, self._large = map(_tickets, (AT_ONCE, LARGE_ANSWERED_AT_ONCE, LARGE_AT_ONCE))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The application's answer."""
        length = environ.get("CONTENT_LENGTH")
        if length:
            size = int(length) if length.isdecimal() and int(length) <= self._max_body else 0
        else:
            size = self._max_body if "HTTP_TRANSFER_ENCODING" in environ else 0
        if size > LARGE_BODY:
            return self._answer_large(environ, start_response, size)
        if size:
            environ["wsgi.input"] = _read(environ, size)
        turn = self._turns.get()
        try:
            return self._app(environ, start_response)
        finally:
            self._turns.put(turn)

    def _answer_large(self, environ: dict[str, Any], start_response: Callable[..., Any], size: int) -> Iterable[bytes]:
        ticket = self._large.get()
        try:
            environ["wsgi.input"] = _read(environ, size)
            turn = self._large_turns.get()
            try:
                chunks = self._app(environ, start_response)
            finally:
                self._large_turns.put(turn)
        except BaseException:
            self._large.put(ticket)
            raise
        return self._send_large(chunks, ticket)

    def _send_large(self, chunks: Iterable[bytes], ticket: None) -> Iterator[bytes]:
        """In parts, of which the server takes the next one when the one before is on its way."""
        try:
            for chunk in chunks:
                for start in range(0, len(chunk), LARGE_BODY):
                    yield chunk[start : start + LARGE_BODY]
        finally:
            if close := getattr(chunks, "close", None):
                close()
            self._large.put(ticket)


def _read(environ: dict[str, Any], size: int) -> io.BytesIO:
    """A body of so many bytes, and one more if there is."""
    # To meet the end: granian drops the next request of a connection whose body was left before its end. A server that
    # does not say that its input ends would wait for that byte for ever.
    return io.BytesIO(environ["wsgi.input"].read(size + bool(environ.get("wsgi.input_terminated"))))


def _tickets(count: int) -> SimpleQueue[None]:
    tickets: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        tickets.put(None)
    return tickets


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

    A server that reads a body blocks until it comes, and one whose answer is not read keeps it; neither ends by itself.
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
