"""`asof serve`, in the image `python -m asof.serve`, in a checkout also `python -m serve`: starts granian."""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import ssl
import sys
from pathlib import Path

from .app import extension
from .clock import clock_from_environment
from .request_log import request_log_from
from .server import LOG_FORMAT, run
from .settings import ConfigurationError, SettingsError, add_options, check_environment, check_exposure
from .tokens import Tokens

# Commands that were of `python -m serve` once
COMMANDS = ("prune", "loop", "prove", "explain", "training", "batch", "compare", "new", "feast")
MOVED = {name: f"run: asof {name}" for name in COMMANDS} | {"sync": "copy the folder with rsync: docs/operations.md"}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `serve` to the command line of asof."""
    parser = commands.add_parser("serve", help="serve published snapshots over HTTP")
    add_options(parser)
    parser.set_defaults(run=serve)


def serve(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    options.folder = options.folder.absolute()
    try:  # here, since workers would die over it one after the other
        check_exposure(options.host, options.tokens)
        clock_from_environment()
        check_tls(options.tls_certificate, options.tls_key)
        if options.tokens:
            Tokens(options.tokens)
        for name in options.extensions:
            extension(name)
        if request_log := request_log_from(options):
            request_log.make_folder()
    except ConfigurationError as error:
        print(f"asof serve: {error}", file=sys.stderr)
        return 2
    if not options.folder.is_dir():
        print(f"asof serve: {options.folder} is not there yet; answering 503 until it is", file=sys.stderr)
    return run(options)


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Raises ConfigurationError unless both are given and fit each other, or neither is."""
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
    """`python -m asof.serve`: serves, or names the command that took the place of an old one. Returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and (now := MOVED.get(arguments[0])):
        print(f"`python -m serve {arguments[0]}` is no command any more; {now}", file=sys.stderr)
        return 2
    try:
        check_environment(os.environ)
    except SettingsError as error:
        print(f"asof: {error}", file=sys.stderr)
        return 2
    what = "Serve published feature snapshots over HTTP."
    parser = argparse.ArgumentParser(prog="python -m asof.serve", description=what)
    add_options(parser)
    return serve(parser.parse_args(arguments))


if __name__ == "__main__":
    if __package__ == "serve":  # in a checkout; extensions know it as asof.serve
        runpy.run_module("asof.serve", run_name="__main__", alter_sys=True)
    sys.exit(main())
