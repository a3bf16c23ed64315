"""Runs the shim under granian: one process that watches over workers, each with its own copy of the snapshot."""

from __future__ import annotations

import argparse
import atexit
import logging
import multiprocessing
import os
import socket
import sys
import tempfile
import threading
import time
from functools import partial
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from .app import create_app
from .limits import THREADS
from .request_log import request_log_from

STOP_SECONDS = 10  # what is in flight has so long to finish on a signal
BACKLOG = 2048  # connections that the system accepts before a worker takes them
HEAD_BYTES = 64 * 1024  # of a request: its path, query and headers
ARENAS = "2"  # of malloc: with one per thread, a third to half more memory is kept after large requests

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def run(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then lets the workers finish what is in flight. Returns the exit code."""
    try:
        port = free_port(options.host, options.port)
    except OSError as error:
        print(f"asof serve: cannot listen on {options.host} port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    os.environ.setdefault("MALLOC_ARENA_MAX", ARENAS)
    # Not forked: what has threads does not survive that
    multiprocessing.set_start_method("spawn", force=True)
    server = Granian("asof", **_settings(options, port))  # a name that it wants; `create_worker` is what it loads
    scheme = "https" if options.tls_certificate else "http"
    url = f"{scheme}://{f'[{options.host}]' if ':' in options.host else options.host}:{port}"
    threading.Thread(target=announce, args=[options.host, port, f"asof serves on {url}"], daemon=True).start()
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # Where several workers keep their counters, so that each of them can answer with the sum
    with tempfile.TemporaryDirectory(prefix="asof-counters-", ignore_cleanup_errors=True) as counters:
        if options.workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters
        try:
            server.serve(target_loader=partial(create_worker, options), wrap_loader=False)
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def _settings(options: argparse.Namespace, port: int) -> dict[str, Any]:
    """Granian's settings."""
    # Its log goes to standard error; standard output holds one line, the URL
    handler = {"class": "logging.StreamHandler", "formatter": "generic", "stream": "ext://sys.stderr"}
    return {
        "address": options.host,
        "port": port,
        "interface": Interfaces.WSGI,
        "workers": options.workers,
        "backlog": BACKLOG,
        "backpressure": options.connections,
        "blocking_threads": THREADS,
        "http": HTTPModes.http1,  # not HTTP/2, where one connection is many
        "http1_settings": HTTP1Settings(header_read_timeout=options.idle_seconds * 1000, max_buffer_size=HEAD_BYTES),
        "workers_kill_timeout": STOP_SECONDS,
        # One that is killed, for its memory say, is replaced while the others go on. One that ends again within
        # seconds ends the shim with exit code 1, so that a supervisor notices.
        "respawn_failed_workers": True,
        "ssl_cert": options.tls_certificate,
        "ssl_key": options.tls_key,
        "ssl_protocol_min": SSLProtocols.tls12,
        "log_level": LogLevels.error,  # it warns of any number of threads above that of cores
        "log_dictconfig": {"handlers": {"console": handler, "access": handler}},
    }


def create_worker(options: argparse.Namespace) -> Flask:
    """What each worker runs."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=[parent], name="asof-parent", daemon=True).start()
    passed = {name: getattr(options, name) for name in ("host", "tokens", "max_entities", "max_body", "extensions")}
    app = create_app(options.folder, **passed, request_log=request_log_from(options))
    atexit.register(app.extensions["asof"].close)
    return app


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """Ends this worker when the main process is gone: killed, it could not say so, and the port would stay taken."""
    parent.join()
    os._exit(1)


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises OSError if it is taken: workers share a port, and would not notice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host.strip("[]"), port))
        return int(probe.getsockname()[1])


def announce(host: str, port: int, line: str) -> None:
    """Prints a line once the first worker takes connections."""
    while True:
        try:
            socket.create_connection((host.strip("[]"), port), 0.5).close()
            break
        except OSError:
            time.sleep(0.05)
    print(line, flush=True)
