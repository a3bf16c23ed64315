"""`asof serve`, in a checkout also `python -m serve`: starts the shim under granian."""

from __future__ import annotations

import argparse
import logging
import os
import ssl
import sys
from pathlib import Path

from .app import MAX_BODY, MAX_ENTITIES, ConfigurationError, check_exposure
from .clock import ClockError, clock_from_environment
from .request_log import MAX_BYTES, SHARE, RequestLogError, request_log_from_environment
from .server import CONNECTIONS, IDLE_SECONDS, LOG_FORMAT, run
from .settings import GONE, SettingsError, check_environment
from .tokens import Tokens, TokensError

# Commands that were of `python -m serve` once
MOVED = ("prune", "loop", "prove", "explain", "training", "batch", "compare", "new", "feast")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `serve` to the command line of asof."""
    add_options(commands.add_parser("serve", help="serve published snapshots over HTTP"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of serving; each is also read from ASOF_<OPTION>."""
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
        help="per worker; more must wait",
    )
    parser.add_argument(
        "--idle-seconds",
        type=int,
        default=env("ASOF_IDLE_SECONDS", str(IDLE_SECONDS)),
        help="that a connection may wait for a request and its headers",
    )
    parser.add_argument(
        "--request-log", type=Path, default=env("ASOF_REQUEST_LOG") or None, help="folder to log served rows in"
    )
    parser.add_argument(
        "--request-log-share",
        type=float,
        default=env("ASOF_REQUEST_LOG_SHARE") or None,
        help=f"the part of the requests that is logged, 0 to 1 ({SHARE})",
    )
    parser.add_argument(
        "--request-log-bytes",
        type=int,
        default=env("ASOF_REQUEST_LOG_BYTES") or None,
        help=f"of the folder: the oldest files are deleted ({MAX_BYTES})",
    )
    parser.add_argument(
        "--request-log-key",
        type=Path,
        default=env("ASOF_REQUEST_LOG_KEY") or None,
        help="file with the secret that personal values are hashed with",
    )
    for name in GONE:
        parser.add_argument(f"--{name.replace('_', '-')}", action=_Gone, nargs="?", help=argparse.SUPPRESS)
    parser.set_defaults(run=serve)


class _Gone(argparse.Action):
    """An option that went."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error(f"{self.option_strings[0]} is no option any more: {GONE[self.dest]}")


def serve(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # Worker processes build the application themselves (server.create_from_environment)
    for name in (
        *("folder", "host", "tokens", "workers", "max_entities", "max_body"),
        *("request_log", "request_log_share", "request_log_bytes", "request_log_key"),
    ):
        value = getattr(options, name)
        os.environ[f"ASOF_{name.upper()}"] = "" if value is None else str(value)
    os.environ["ASOF_FOLDER"] = str(Path(options.folder).absolute())
    try:
        check_exposure(options.host, options.tokens)
        clock_from_environment()
        check_tls(options.tls_certificate, options.tls_key)
        check_request_log(options)
        if options.tokens:
            Tokens(options.tokens)
        if request_log := request_log_from_environment():
            request_log.make_folder()
    except (ConfigurationError, ClockError, TokensError, RequestLogError) as error:
        print(f"asof serve: {error}", file=sys.stderr)
        return 2
    if not Path(options.folder).is_dir():
        print(f"asof serve: {options.folder} is not there yet; answering 503 until it is", file=sys.stderr)
    return run(options)


def check_request_log(options: argparse.Namespace) -> None:
    """Raises ConfigurationError where the request log is set up by half."""
    for name in ("request_log_share", "request_log_bytes", "request_log_key"):
        if getattr(options, name) is not None and not options.request_log:
            raise ConfigurationError(
                f"--{name.replace('_', '-')} (ASOF_{name.upper()}) is set, but nothing is logged: "
                "name the folder by --request-log (ASOF_REQUEST_LOG), or leave it out"
            )


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


def main(arguments: list[str] | None = None) -> int:
    """`python -m serve`: serves, or names the command that took the place of an old one. Returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in (*MOVED, "sync"):
        is_gone = arguments[0] == "sync"
        now = "copy the folder with rsync: docs/operations.md" if is_gone else f"run: asof {arguments[0]}"
        print(f"`python -m serve {arguments[0]}` is no command any more; {now}", file=sys.stderr)
        return 2
    try:
        check_environment(os.environ)
    except SettingsError as error:
        print(f"asof: {error}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="python -m serve", description="Serve published feature snapshots over HTTP.")
    add_options(parser)
    options = parser.parse_args(arguments)
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
