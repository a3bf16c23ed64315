"""Several processes that serve from one socket, and the one that looks after them."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import socket
import time
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import uvicorn

AGAIN_SECONDS = 5.0  # a worker that ends so soon will end again

log = logging.getLogger("asof.serve")


def run_workers(config: uvicorn.Config, listener: socket.socket, stop_seconds: float) -> int:
    """Runs `config.workers` processes until a signal's handler raises SystemExit, and then ends them: on SIGTERM they
    finish what is in flight, and are killed after so long.

    One that is killed, for its memory say, is replaced while the others go on. One that ends within seconds of its
    start ends all: returns 1, so that a supervisor notices.
    """
    workers: dict[BaseProcess, float] = {}  # and since when
    try:
        while True:
            while len(workers) < config.workers:
                workers[_begin(config, listener)] = time.monotonic()
            wait([each.sentinel for each in workers])
            for worker in [each for each in workers if not each.is_alive()]:
                lived = time.monotonic() - workers.pop(worker)
                log.error("worker %s ended after %.0f s with exit code %s", worker.pid, lived, worker.exitcode)
                if lived < AGAIN_SECONDS:
                    return 1
    finally:
        for how in (signal.SIGTERM, signal.SIGINT):
            signal.signal(how, signal.SIG_IGN)
        for worker in workers:
            worker.terminate()
        until = time.monotonic() + stop_seconds
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
            worker.kill()


def _begin(config: uvicorn.Config, listener: socket.socket) -> BaseProcess:
    # Not forked: what has threads, as DuckDB, does not survive that
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(config, listener))
    process.start()
    return process


def _serve(config: uvicorn.Config, listener: socket.socket) -> None:
    uvicorn.Server(config).run([listener])
