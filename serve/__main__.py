"""`python -m serve`: starts the shim under uvicorn, or runs one of the commands in `commands.py`."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from serve import commands
from serve.app import MAX_BODY, MAX_ENTITIES, ConfigurationError, check_exposure
from serve.clock import ClockError, clock_from_environment
from serve.front import CONNECTIONS, IDLE_SECONDS, REQUEST_SECONDS, STOP_SECONDS, Protocol
from serve.request_log import MAX_BYTES, SHARE, RequestLogError, request_log_from_environment
from serve.tokens import Tokens, TokensError
from serve.workers import run_workers


def build_parser() -> argparse.ArgumentParser:
    """The command line; every option of serving is also read from ASOF_<OPTION>."""
    parser = argparse.ArgumentParser(prog="python -m serve", description="Serve published feature snapshots over HTTP.")
    env = os.environ.get
    parser.add_argument("--folder", type=Path, default=env("ASOF_FOLDER", "published"), help="the published folder")
    parser.add_argument(
        "--host", default=env("ASOF_HOST", "127.0.0.1"), help="address; others than loopback need --tokens"
    )
    parser.add_argument("--port", type=int, default=env("ASOF_PORT", "8000"), help="0 takes a free one")
    parser.add_argument(
        "--workers", type=int, default=env("ASOF_WORKERS", "1"), help="processes, each with its own copy"
    )
    parser.add_argument(
        "--tokens", type=Path, default=env("ASOF_TOKENS") or None, help="JSON file with the bearer tokens"
    )
    parser.add_argument(
        "--tls-certificate",
        type=Path,
        default=env("ASOF_TLS_CERTIFICATE") or None,
        help="PEM file with the certificate (and its chain): serves HTTPS, and that only",
    )
    parser.add_argument(
        "--tls-key", type=Path, default=env("ASOF_TLS_KEY") or None, help="PEM file with its private key, unencrypted"
    )
    parser.add_argument(
        "--max-entities",
        type=int,
        default=env("ASOF_MAX_ENTITIES", str(MAX_ENTITIES)),
        help="rows per request",
    )
    parser.add_argument("--max-body", type=int, default=env("ASOF_MAX_BODY", str(MAX_BODY)), help="bytes per request")
    parser.add_argument(
        "--connections",
        type=int,
        default=env("ASOF_CONNECTIONS", str(CONNECTIONS)),
        help="per worker; more are turned away",
    )
    parser.add_argument(
        "--idle-seconds",
        type=int,
        default=env("ASOF_IDLE_SECONDS", str(IDLE_SECONDS)),
        help="that a connection may wait for a request and its headers",
    )
    parser.add_argument(
        "--request-seconds",
        type=int,
        default=env("ASOF_REQUEST_SECONDS", str(REQUEST_SECONDS)),
        help="beyond those, to send its body and take the answer",
    )
    parser.add_argument(
        "--request-log", type=Path, default=env("ASOF_REQUEST_LOG") or None, help="folder to log served rows in"
    )
    parser.add_argument(
        "--request-log-share",
        type=float,
        default=env("ASOF_REQUEST_LOG_SHARE") or SHARE,
        help="the part of the requests that is logged, 0 to 1",
    )
    parser.add_argument(
        "--request-log-bytes",
        type=int,
        default=env("ASOF_REQUEST_LOG_BYTES") or MAX_BYTES,
        help="of the folder: the oldest files are deleted",
    )
    parser.add_argument(
        "--request-log-key",
        type=Path,
        default=env("ASOF_REQUEST_LOG_KEY") or None,
        help="file with the secret that personal values are hashed with",
    )
    parser.set_defaults(run=serve)
    subcommands = parser.add_subparsers(title="commands", metavar="")
    for module in commands.MODULES:
        module.register(subcommands)
    return parser


def serve(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Worker processes build the application themselves (serve.front.create_from_environment)
    for name in (
        *("folder", "host", "tokens", "workers", "max_entities", "max_body"),
        *("connections", "idle_seconds", "request_seconds"),
        *("request_log", "request_log_share", "request_log_bytes", "request_log_key"),
    ):
        value = getattr(options, name)
        os.environ[f"ASOF_{name.upper()}"] = "" if value is None else str(value)
    os.environ["ASOF_FOLDER"] = str(Path(options.folder).absolute())
    try:
        check_exposure(options.host, options.tokens)
        clock_from_environment()
        check_tls(options.tls_certificate, options.tls_key)
        if options.tokens:
            Tokens(options.tokens)
        if request_log := request_log_from_environment():
            request_log.make_folder()
    except (ConfigurationError, ClockError, TokensError, RequestLogError) as error:
        print(f"serve: {error}", file=sys.stderr)
        return 2
    if not Path(options.folder).is_dir():
        print(f"serve: {options.folder} is not there yet; answering 503 until it is", file=sys.stderr)

    if os.environ.get("PYTHONHASHSEED", "random") == "random":
        # Snapshots are prepared, and keys hashed, by another process than looks them up: both need the same seed, and
        # Python takes one at its start only
        os.environ["PYTHONHASHSEED"] = str(secrets.randbelow(2**32))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

    try:
        listener = socket.create_server(
            (options.host.strip("[]"), options.port), family=_family(options.host), backlog=2048
        )
    except OSError as error:
        print(f"serve: cannot listen on {options.host} port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    with listener, shared_folder() as shared:
        os.environ["ASOF_PORT"] = str(listener.getsockname()[1])
        os.environ["ASOF_SCRATCH"] = str(shared / "snapshots")
        # Where the workers keep their counters, so that each of them can tell the sum
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
        if options.workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared / "counters")
        code = _run(options, listener)
    # Not by way of Python's end, at which DuckDB complains of what its threads still hold
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _run(options: argparse.Namespace, listener: socket.socket) -> int:
    """Runs the server in this process, or in as many as are asked for; returns the exit code."""
    config = uvicorn.Config(
        "serve.front:create_from_environment",
        factory=True,
        interface="asgi3",
        http=Protocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        workers=options.workers,
        timeout_keep_alive=options.idle_seconds,
        timeout_graceful_shutdown=STOP_SECONDS,
        proxy_headers=False,  # who calls is who connects: anybody can write headers
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )
    scheme = "https" if options.tls_certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"{scheme}://{host}:{listener.getsockname()[1]}"
    threading.Thread(target=_announce, args=(url,), daemon=True).start()
    for how in (signal.SIGTERM, signal.SIGINT):
        signal.signal(how, _end)  # until uvicorn has its own, and what that raises again when it has stopped
    try:
        if options.workers > 1:
            return run_workers(config, listener, STOP_SECONDS + 1)
        uvicorn.Server(config).run([listener])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _end(*_: object) -> None:
    raise SystemExit(0)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder that the processes of this shim share; it goes with the shim. Those of shims that were killed go too."""
    place, name = Path(tempfile.gettempdir()), "asof-shim-"
    for path in place.glob(f"{name}*"):
        with suppress(OSError), (path / "lock").open("rb") as lock:  # held as long as that shim lives
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True) as made:
        shared = Path(made)
        with (shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for each in ("snapshots", "counters"):
                (shared / each).mkdir()
            yield shared


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raises ConfigurationError unless both are given and fit each other, or neither is: workers would die over it one
    after the other.
    """
    if not certificate and not key:
        return
    if not certificate or not key:
        raise ConfigurationError("--tls-certificate and --tls-key go together")
    try:
        # An encrypted key would ask for its password at the terminal, where there is one
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise ConfigurationError(f"--tls-certificate {certificate}, --tls-key {key}: {reason}") from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _announce(url: str) -> None:
    """Prints the URL once the first worker answers."""
    unverified = ssl.create_default_context()  # the certificate names the host that callers use, not this address
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    # whatever HTTP_PROXY says
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified)
    )
    while True:
        try:
            # Briefly: what arrives before somebody takes it up waits for its turn
            with direct.open(f"{url}/health", timeout=0.5):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    print(f"asof serves on {url}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Parses the command line and runs what it asks for; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
