"""What stands before Flask: an ASGI application that reads requests whole, within limits, answers POSTs to services
itself, and hands all else to Flask. And `Protocol`, which answers at once what was computed ahead.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from flask import Flask
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serve.app import MAX_BODY, MAX_ENTITIES, SERVICES, Asked, Environ, Problem, Shim, create_app, failed
from serve.evaluate import AT_ONCE, Row
from serve.limits import end_stuck_connections_forever, keep_few_arenas
from serve.request_log import request_log_from_environment

CONNECTIONS = 1024  # per worker
IDLE_SECONDS = 75  # a connection may wait for its next request: longer than balancers keep one, which is 60
REQUEST_SECONDS = 15  # to send a request's body and to take its answer
STOP_SECONDS = 10  # what is in flight has so long to finish on a signal
HEAD_BYTES = 64 * 1024  # of a request: its path, query and headers
AHEAD = 256  # requests that are sent before earlier ones are answered, per connection
AHEAD_BYTES = 2 * 1024 * 1024  # of them

MAX_WAITING = 4096  # rows: each takes a kilobyte or two
LARGE_BODY = 16 * 1024  # bytes; requests with more are large
LARGE_AT_ONCE = 16  # from the first byte of the body to the last of the answer
LARGE_ANSWERED_AT_ONCE = 4  # of those: what a body becomes on the way to an answer is many times its size

# Between threads of Python. At its default, 5 ms, each look at the connections could wait so long while the folder's
# thread takes up a snapshot
SWITCH_SECONDS = 0.0005

_SETTLE_SECONDS = 0.2  # after a signal, in which what was sent before it is read

_PLAIN = re.compile(f"{SERVICES}([A-Za-z0-9_@]+)")

Headers = list[tuple[bytes, bytes]]  # names in lower case
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = logging.getLogger("asof.serve")


class Answer(NamedTuple):
    """A whole response."""

    status: int
    headers: Headers
    body: bytes


class Front:
    """The ASGI application of one worker."""

    def __init__(self, flask: Flask, connections: int = CONNECTIONS) -> None:
        """`flask` as `create_app` makes it; `connections`: more are turned away."""
        self.connections = connections
        self._shim: Shim = flask.extensions["asof"]
        self._flask = flask.wsgi_app
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, "asof-flask")
        self._large_threads = ThreadPoolExecutor(LARGE_ANSWERED_AT_ONCE, "asof-large")
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request; or is told that the server begins and ends."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = unquote_to_bytes(scope["raw_path"])
        environ = make_environ(scope["method"], path, scope["headers"], scope["client"])
        environ |= rest_of_environ(scope)
        if "HTTP_TRANSFER_ENCODING" not in environ and int(environ.get("CONTENT_LENGTH", 0)) <= LARGE_BODY:
            await self._answer(environ, receive, send, self._threads)
        else:
            async with self._large:
                await self._answer(environ, receive, send, self._large_threads)

    async def _answer(self, environ: Environ, receive: Receive, send: Send, threads: ThreadPoolExecutor) -> None:
        body, is_whole = b"", False
        if int(environ.get("CONTENT_LENGTH", 0)) <= self._shim.max_body:  # else it is refused unread
            body, is_whole = await _read(receive, self._shim.max_body)
        if body is None:
            return  # the caller is gone
        environ["wsgi.input"] = io.BytesIO(body)
        answer = await self._loop.run_in_executor(threads, call_wsgi, self._flask, environ)
        # What is left of a body is not read
        headers = answer.headers if is_whole else [*answer.headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        # Waits until hardly anything of it is left to send
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()  # when the last request is answered
        await self._loop.run_in_executor(None, self._shim.close)
        await send({"type": "lifespan.shutdown.complete"})

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait for DuckDB that further requests had better wait unread."""
        return self._waiting >= MAX_WAITING

    def post(self, environ: Environ, name: str, finish: Callable[[Answer], None]) -> Answer | None:
        """The answer to `POST /v1/services/<name>`, if it was computed ahead. Else None, and `finish` is called with
        it, on the event loop, once DuckDB has evaluated it.
        """
        began = time.perf_counter()
        try:
            asked = self._shim.ask_by_post(environ, name)
            begun = asked.begin()
        except Exception as error:
            return self._counted(environ, began, _failure(environ, error))
        if isinstance(begun, list):
            return self._counted(environ, began, self._answer_to(environ, asked, begun))
        self._waiting += len(asked.entities)

        def done() -> None:
            self._waiting -= len(asked.entities)
            finish(self._counted(environ, began, self._answer_to(environ, asked, begun)))

        begun.add_done_callback(lambda _: self._loop.call_soon_threadsafe(done))
        return None

    def _answer_to(self, environ: Environ, asked: Asked, begun: list[Row] | Future[list[Row]]) -> Answer:
        try:
            body = self._shim.answer(asked, begun)
        except Exception as error:
            return _failure(environ, error)
        return Answer(200, [_JSON, (b"content-length", b"%d" % len(body))], body)

    def _counted(self, environ: Environ, began: float, answer: Answer) -> Answer:
        self._shim.count(environ, f"{SERVICES}<asked>", answer.status, began)
        return answer


def _failure(environ: Environ, error: Exception) -> Answer:
    return call_wsgi(error.response() if isinstance(error, Problem) else failed(error), environ)


_JSON = (b"content-type", b"application/json")


def call_wsgi(app: Callable[..., Iterable[bytes]], environ: Environ) -> Answer:
    """The whole answer of a WSGI application."""
    started: list[Any] = []
    chunks = app(environ, lambda status, headers, *_: started.append((status, headers)))
    try:
        body = b"".join(chunks)
    finally:
        if close := getattr(chunks, "close", None):
            close()
    ((status, headers),) = started
    return Answer(int(status[:3]), [(name.lower().encode(), value.encode("latin-1")) for name, value in headers], body)


@lru_cache(256)
def _environ_name(name: bytes) -> str:
    plain = name.decode("latin-1").upper().replace("-", "_")
    return plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{plain}"


def make_environ(method: str, path: bytes, headers: Headers, client: tuple[str, int] | None) -> Environ:
    """What `Shim.ask_by_post` reads of a request, in WSGI's words (PEP 3333). `path` without query, unquoted."""
    environ: Environ = {"REQUEST_METHOD": method, "PATH_INFO": path.decode("latin-1")}
    if client:
        environ["REMOTE_ADDR"] = client[0]
    for name, value in headers:
        name, value = _environ_name(name), value.decode("latin-1")
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ


def rest_of_environ(scope: dict[str, Any]) -> Environ:
    """What Flask reads besides."""
    host, port = scope["server"] or ("localhost", 80)
    return {
        "SCRIPT_NAME": "",
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


async def _read(receive: Receive, size: int) -> tuple[bytes | None, bool]:
    """A body, and whether that is all of it: what is longer than `size` bytes is cut one byte beyond. None if the
    caller is gone.
    """
    body, is_whole = bytearray(), False
    while not is_whole and len(body) <= size:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, False
        body += message["body"]
        is_whole = not message["more_body"]
    return bytes(body[: size + 1]), is_whole


class _Post:
    """A request that `Front.post` answers: to uvicorn it is the connection's cycle, of which it uses this much."""

    def __init__(self, environ: Environ, name: str) -> None:
        self.environ = environ
        self.name = name
        self.body: list[bytes] = []
        self.keep_alive = True  # uvicorn says no when it stops
        self.response_complete = False
        self.disconnected = False
        self.message_event = asyncio.Event()


class Protocol(HttpToolsProtocol):
    """uvicorn's connection, with bounds on what it holds. Small requests to services go to `Front.post`: that costs a
    third of what a task of asyncio does.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._front: Front = self.app
        self._held_bytes = 0  # that have come since the parser last gave something out: a head, a part of a body
        self._ahead_bytes = 0
        self._refusal = 400

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Turns it away if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._front.connections:
            self._refuse(503, f"more than {self._front.connections} connections")

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, and refuses what it would have to hold too much of: a head, or what may stand around the
        chunks of a body.
        """
        self._held_bytes += len(data)
        super().data_received(data)
        if self._held_bytes > 2 * HEAD_BYTES:
            self._refuse(431, _TOO_LONG)
        # uvicorn reads on while an answer waits to be taken
        self._ahead_bytes = self._ahead_bytes + len(data) if self.pipeline else 0
        if self._ahead_bytes > AHEAD_BYTES or len(self.pipeline) > AHEAD:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser stops, or one of the methods below has stopped it."""
        self._refuse(self._refusal, msg if self._refusal == 400 else _TOO_LONG)

    def _refuse(self, status: int, why: str) -> None:
        if not self.transport.is_closing():
            head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head % len(why) + why.encode())
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Decides who answers: `Front.post` what is small, and behind no other."""
        if self._held_bytes > HEAD_BYTES:
            headers = sum([len(name) + len(value) for name, value in self.headers])
            if len(self.url) + headers > HEAD_BYTES:
                self._refusal = 414 if len(self.url) > HEAD_BYTES else 431
                raise ValueError(_TOO_LONG)
        self._held_bytes = 0
        is_free = (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused
        if is_free and self.parser.get_method() == b"POST" and (plain := _PLAIN_URL.fullmatch(self.url)):
            environ = make_environ("POST", self.url, self.headers, self.client)
            is_small = environ.keys().isdisjoint(_NOT_PLAIN) and int(environ.get("CONTENT_LENGTH", 0)) <= LARGE_BODY
            if is_small and not self._front.is_full:
                self.cycle = _Post(environ, plain[1].decode())
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes the body, or a part."""
        self._held_bytes = 0
        if isinstance(self.cycle, _Post):
            self.cycle.body.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answers, or lets it be answered."""
        self._held_bytes = 0
        post = self.cycle
        if not isinstance(post, _Post):
            super().on_message_complete()
            return
        post.environ["wsgi.input"] = io.BytesIO(b"".join(post.body))
        post.keep_alive = post.keep_alive and self.parser.should_keep_alive()
        answer = self._front.post(post.environ, post.name, lambda answer: self._write(post, answer))
        if answer:
            self._write(post, answer)

    def _write(self, post: _Post, answer: Answer) -> None:
        post.response_complete = True
        if self.transport.is_closing():
            return
        parts = [STATUS_LINE[answer.status]]
        for name, value in (*self.server_state.default_headers, *answer.headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n" if post.keep_alive else b"connection: close\r\n\r\n", answer.body)
        self.transport.write(b"".join(parts))
        if not post.keep_alive:
            self.transport.close()
        self.on_response_complete()


_TOO_LONG = f"more than {HEAD_BYTES} bytes that are no body"
_PLAIN_URL = re.compile(_PLAIN.pattern.encode())
_NOT_PLAIN = {"HTTP_EXPECT", "HTTP_UPGRADE", "HTTP_TRANSFER_ENCODING"}


def _end_with(parent: BaseProcess) -> None:
    """Ends this worker when the process that began it is gone: killed, it could not tell, and the port stayed taken."""
    parent.join()
    os._exit(1)


def _stop_late() -> None:
    """On a signal, serves on for a moment: connections that were made before it, and what was sent on them, would be
    lost if their turn had not come.
    """
    loop = asyncio.get_running_loop()

    def postpone(stop: Any, number: int) -> None:
        loop.call_soon_threadsafe(lambda: loop.call_later(_SETTLE_SECONDS, stop, number, None))

    for how in (signal.SIGTERM, signal.SIGINT):
        stop = signal.getsignal(how)
        signal.signal(how, lambda number, _, stop=stop: postpone(stop, number))


def create_from_environment() -> Front:
    """The factory that each server process calls; `python -m serve` puts its options into the environment."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    keep_few_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    if parent := parent_process():
        threading.Thread(target=_end_with, args=[parent], name="asof-parent", daemon=True).start()
    if port := os.environ.get("ASOF_PORT"):
        seconds = float(os.environ.get("ASOF_IDLE_SECONDS", IDLE_SECONDS))
        seconds += float(os.environ.get("ASOF_REQUEST_SECONDS", REQUEST_SECONDS))
        end_stuck_connections_forever(int(port), seconds)
    flask = create_app(
        os.environ.get("ASOF_FOLDER", "published"),
        host=os.environ.get("ASOF_HOST", "127.0.0.1"),
        tokens=os.environ.get("ASOF_TOKENS") or None,
        max_entities=int(os.environ.get("ASOF_MAX_ENTITIES", MAX_ENTITIES)),
        max_body=int(os.environ.get("ASOF_MAX_BODY", MAX_BODY)),
        request_log=request_log_from_environment(),
        scratch=os.environ.get("ASOF_SCRATCH") or None,
    )
    _stop_late()
    return Front(flask, int(os.environ.get("ASOF_CONNECTIONS", CONNECTIONS)))
