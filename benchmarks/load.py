"""Load: as much as is answered, by wrk where it is installed (`full_load`), or at a steady rate (`load`).

`load` is one process with many connections and ready-made bytes; it reads no more of an answer than where it ends. Its
latency counts from when a request was due, so that a stall is seen by all that would have come in it.
"""

from __future__ import annotations

import math
import multiprocessing
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class LoadResult:
    """`latencies` in seconds, in order of their ends; `errors`: answers other than 200, or connections that broke (the
    latter also by themselves in `broken`).
    """

    seconds: float
    latencies: np.ndarray
    errors: int
    broken: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return float(np.percentile(self.latencies, share)) * 1000


@dataclass(frozen=True)
class Figures:
    """Requests answered per second, percentiles of the latency in milliseconds, and errors as in `Result`."""

    per_second: float
    p50: float
    p99: float
    errors: int


def request(path: str, body: bytes, token: str | None = None) -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return f"{head}\r\n".encode() + body


def full_load(port: int, requests: list[bytes], connections: int, seconds: float) -> Figures:
    """As `load` without a rate, by wrk if that is on PATH; `GENERATOR` says which."""
    if GENERATOR != "wrk":
        result = load(port, requests, connections, seconds)
        return Figures(result.per_second, result.percentile(50), result.percentile(99), result.errors)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(b"%d\n%b" % (len(each), each) for each in requests))
        file.flush()
        script = ["-s", Path(__file__).with_name("wrk.lua"), f"http://127.0.0.1:{port}", "--", file.name]
        options = ["-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "30s"]
        reported = subprocess.run(["wrk", *options, *script], check=True, capture_output=True, text=True).stdout
    done, took, p50, p99, errors = map(float, reported.splitlines()[-1].split()[1:])
    return Figures(done / took, p50, p99, int(errors))


GENERATOR = "wrk" if shutil.which("wrk") else "benchmarks/load.py"


def load(port: int, requests: list[bytes], connections: int, seconds: float, rate: float | None = None) -> LoadResult:
    """Sends the requests in turn, over and over, in a process of its own. `rate`: per second in all; without it, each
    connection sends as soon as it was answered.
    """
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(run(port, requests, connections, seconds, rate)))
    process.start()
    result = receive.recv()
    process.join()
    return result


def run(
    port: int,
    requests: list[bytes],
    connections: int,
    seconds: float = math.inf,
    rate: float | None = None,
    *,
    count: float = math.inf,
    check: Callable[[int, int, bytes], None] | None = None,
) -> LoadResult:
    """The same in this process, until that many seconds have passed or `count` requests were sent. `check` is told of
    each answer with 200 the number of its connection, that of its request in `requests`, and the body.
    """
    selector = selectors.EpollSelector()
    interval = connections / rate if rate else 0.0
    latencies, errors, broken, turn = [], 0, 0, 0
    start = time.perf_counter()
    end = start + seconds
    waiting = []  # [due, socket], of a paced run
    numbers: dict[socket.socket, int] = {}
    for number in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting.append((start + interval * number / connections, connection))
        numbers[connection] = number
    state: dict[socket.socket, list] = {}
    while waiting or state:
        now = time.perf_counter()
        if waiting and waiting[0][0] <= now:
            due, connection = waiting.pop(0)
            if now >= end or turn >= count:
                connection.close()
                continue
            which = turn % len(requests)
            try:
                connection.sendall(requests[which])
            except OSError:
                broken += 1
                connection.close()
                continue
            turn += 1
            state[connection] = [due if rate else now, b"", which]
            if connection not in selector.get_map():
                selector.register(connection, selectors.EVENT_READ)
            continue
        for key, _ in selector.select(max(0.0, waiting[0][0] - now) if waiting else 1.0):
            connection = key.fileobj
            if connection not in state:
                continue
            due, data, which = state[connection]
            try:
                received = connection.recv(1 << 18)
            except OSError:
                received = b""
            if not received:
                broken += 1
                selector.unregister(connection)
                connection.close()
                del state[connection]
                continue
            data += received
            state[connection][1] = data
            if not _is_whole(data):
                continue
            now = time.perf_counter()
            if data.startswith(b"HTTP/1.1 200"):
                latencies.append(now - due)
                if check:
                    check(numbers[connection], which, data[data.index(b"\r\n\r\n") + 4 :])
            else:
                errors += 1
            del state[connection]
            following = due + interval if rate else now
            waiting.append((following, connection))
            if rate:
                waiting.sort(key=lambda each: each[0])
    return LoadResult(time.perf_counter() - start, np.array(latencies), errors + broken, broken)


def _is_whole(data: bytes) -> bool:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = data.lower().find(b"content-length:", 0, end)
    return len(data) >= end + 4 + int(data[at + 15 : data.index(b"\r", at)])
