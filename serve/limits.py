"""The limits of requests for features: how large a body may be, and how many are under way at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from werkzeug.http import parse_options_header

from .problem import Problem

# All per worker. THREADS are the server's; those beyond both bounds answer everything else at once: /health, /ready,
# and refusals.
THREADS = 256
SMALL_AT_ONCE = 208
LARGE_AT_ONCE = 32
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_COMPUTED = 4  # of those at a time: what a body becomes on the way to an answer is many times its size

Environ = dict[str, Any]  # of a request, as WSGI (PEP 3333) has it


class Admission:
    """Bounds the requests for features that are under way. Small ones are not held up by large ones."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._lock = threading.Lock()
        self._under_way = {"small": 0, "large": 0}
        self._computing = threading.BoundedSemaphore(LARGE_COMPUTED)

    @contextmanager
    def of(self, environ: Environ) -> Iterator[bytes]:
        """While a request is answered. Gives its body, read before large ones take turns: its sender may be slow.
        Problem 413, 415, and 503 at once if too many are under way.
        """
        size = _size(environ)
        kind, most = ("small", SMALL_AT_ONCE) if size is not None and size <= LARGE_BODY else ("large", LARGE_AT_ONCE)
        with self._lock:
            if self._under_way[kind] == most:
                raise Problem(503, f"{most} {kind} requests are under way: try again", headers={"Retry-After": "1"})
            self._under_way[kind] += 1
        try:
            body = _read_body(environ, size, self._max_body) if environ["REQUEST_METHOD"] == "POST" else b""
            with self._computing if kind == "large" else nullcontext():
                yield body
        finally:
            with self._lock:
                self._under_way[kind] -= 1


def _size(environ: Environ) -> int | None:
    """What the request says that its body has of bytes; None if it is sent in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else None


def _read_body(environ: Environ, size: int | None, limit: int) -> bytes:
    """The request's body, which says that it has `size` bytes. Problem 415 for another type, 413 beyond the limit."""
    kind = environ.get("CONTENT_TYPE", "")
    if kind != "application/json" and parse_options_header(kind)[0].lower() != "application/json":
        raise Problem(415, f"Content-Type is {kind or 'missing'}, expected application/json")
    if size is None or size <= limit:
        body: bytes = environ["wsgi.input"].read(limit + 1 if size is None else size)
        if len(body) <= limit:
            return body
    raise Problem(413, f"the body has more than {limit} bytes")
