"""Feast's own Python feature server, beside the shim: the same entities, values and random keys.

Its set-up stands in benchmarks/feast/; it runs in an environment of its own (`make .venv-feast/.ready`).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks.load import request

SETUP = Path(__file__).parent / "feast"
ENVIRONMENT = Path(__file__).parents[1] / ".venv-feast/bin"
# One worker, as all here. By default it is ended after each 1,000 requests, and a new one takes seconds to start
OPTIONS = ["--workers", "1", "--no-access-log", "--max-requests", "0", "--registry_ttl_sec", "3600"]


class Feast:
    """`feast serve` over an online store, `sqlite` or `redis`, filled if the folder does not hold it yet.

    `stores`: where filled stores are kept; `parquet`: the published file of the group `customer`; `options`: of `feast
    serve`.
    """

    def __init__(self, store: str, stores: Path, parquet: Path, entities: int, options: list[str]) -> None:
        if not (ENVIRONMENT / "feast").exists():
            sys.exit(
                f"{ENVIRONMENT}: Feast is not installed there; make .venv-feast/.ready, or leave it out: --no-feast"
            )
        folder = stores.absolute() / f"{store}-{entities}"
        filled = folder / "filled"
        if not filled.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self._log = (folder / "log").open("a")
        self._processes: list[subprocess.Popen] = []
        self._environment = dict(os.environ)
        try:
            if store == "redis":
                redis = self._redis(folder)
            if not filled.exists():
                print(f"filling Feast's {store} store with {entities:,} entities", flush=True)
                start = time.monotonic()
                command = [ENVIRONMENT / "python", SETUP / "fill.py", SETUP / f"{store}.yaml", folder, parquet]
                self._start(*command).wait()
                if self._processes.pop().returncode:
                    sys.exit(f"Feast's {store} store could not be filled: see {self._log.name}")
                if store == "redis" and (said := _said(redis, b"SAVE\r\n")) != b"+OK\r\n":
                    sys.exit(f"redis-server on port {redis} could not save: {said!r}")
                filled.touch()
                print(f"  took {time.monotonic() - start:.0f} s", flush=True)
            self.port = _free_port()
            command = ["--chdir", folder, "--feature-store-yaml", SETUP / f"{store}.yaml", "serve", "--port", self.port]
            self._start(ENVIRONMENT / "feast", *command, *options)
            _wait_for(self.port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200")
        except BaseException:
            self.stop()
            raise

    def _start(self, *command: object) -> subprocess.Popen:
        how = {"env": self._environment, "stdout": self._log, "stderr": self._log}
        self._processes.append(subprocess.Popen([*map(str, command)], **how))
        return self._processes[-1]

    def _redis(self, folder: Path) -> int:
        """Starts a redis-server that holds what was saved in the folder, if anything; returns its port."""
        port = _free_port()
        self._environment["REDIS_PORT"] = str(port)
        silent = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._start("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder, *silent)
        _wait_for(port, b"PING\r\n", b"+PONG")
        return port

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(60)
        self._log.close()


def requested_of_feast(rows: int, entities: int, count: int = 2000) -> list[bytes]:
    """Ready-made requests for all ten features of the random keys that `asked` draws for the shim."""
    draw = random.Random(7)
    made = []
    for _ in range(max(20, count // rows)):
        keys = [f"C-{draw.randrange(entities):07d}" for _ in range(rows)]
        body = {"features": [f"customer:feature_{at}" for at in range(10)], "entities": {"customer_id": keys}}
        made.append(request("/get-online-features", json.dumps(body).encode(), None))
    return made


def verify(store: str, port: int, sent: bytes, shim_port: int, shim_sent: bytes) -> None:
    """Exits unless Feast answers the same values for the same keys as the shim: else it would do other work."""
    reported = _answer(port, sent)
    names = reported["metadata"]["feature_names"]
    by_name = {name: each["values"] for name, each in zip(names, reported["results"], strict=True)}
    rows = [dict(zip(by_name, values, strict=True)) for values in zip(*by_name.values(), strict=True)]
    keys = json.loads(shim_sent.partition(b"\r\n\r\n")[2])["entities"]
    answered = _answer(shim_port, shim_sent)["rows"]
    expected = [key | each["features"] for key, each in zip(keys, answered, strict=True)]
    if rows != expected or any(None in row.values() for row in rows):
        at = next((at for at, pair in enumerate(zip(rows, expected, strict=True)) if pair[0] != pair[1]), 0)
        sys.exit(f"Feast's {store} store answers {rows[at]}, the shim {expected[at]}: remove it, and it is filled anew")


def _answer(port: int, sent: bytes) -> dict:
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    requested = urllib.request.Request(f"http://127.0.0.1:{port}{first.split()[1]}", body, headers)
    with urllib.request.urlopen(requested, timeout=30) as answer:
        return json.load(answer)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _said(port: int, line: bytes) -> bytes:
    """What comes back first."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(line)
        return connection.recv(4096)


def _wait_for(port: int, line: bytes, expected: bytes, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            said = _said(port, line)
        except OSError as error:
            said = str(error).encode()
        if said.startswith(expected):
            return
        if time.monotonic() > end:
            raise RuntimeError(
                f"127.0.0.1:{port} is not ready after {seconds:.0f} s, see the log beside the store: {said!r}"
            )
        time.sleep(0.2)
