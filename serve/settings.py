"""The options of serving, which docs/configuration.md shows. Each is also an environment variable."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MAX_ENTITIES = 1000
MAX_BODY = 1024 * 1024  # bytes


class Option(NamedTuple):
    """An option of serving: `--max-body` for the name max_body, also read from ASOF_MAX_BODY."""

    name: str
    type: Callable[[str], Any]
    default: Any
    meaning: str

    @property
    def flag(self) -> str:
        """As it stands on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"ASOF_{self.name.upper()}"


OPTIONS = (
    Option("folder", Path, "published", "the published folder that the shim reads"),
    Option("host", str, "127.0.0.1", "address; others than loopback need --tokens"),
    Option("port", int, 8000, "0 takes a free one"),
    Option("workers", int, 1, "processes, each with its own copy"),
    Option("tokens", Path, None, "JSON file with the bearer tokens"),
    Option("tls_certificate", Path, None, "PEM file with the certificate and its chain: serves HTTPS, and that only"),
    Option("tls_key", Path, None, "PEM file with its private key, unencrypted"),
    Option("max_entities", int, MAX_ENTITIES, "entities per request"),
    Option("max_body", int, MAX_BODY, "bytes per request"),
    Option("connections", int, 1024, "open ones per worker; more must wait"),
    # Longer than balancers keep a connection, which is 60
    Option("idle_seconds", int, 75, "seconds that a connection may wait for a request and its headers"),
    Option("request_log", Path, None, "folder to log served rows in"),
    Option("request_log_share", float, None, "the part of the requests that is logged, 0 to 1 (0.01)"),
    Option("request_log_bytes", int, None, "bytes of that folder; the oldest files are deleted (1 GiB)"),
    Option("request_log_key", Path, None, "file with the secret that personal values are hashed with"),
)

# Options that were removed, and what replaces them
GONE = {"request_seconds": "slow senders are for the balancer to end: deploy/nginx.conf"}


class ConfigurationError(ValueError):
    """The shim must not start like this."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(host: str, tokens: str | os.PathLike[str] | None) -> None:
    """Raises ConfigurationError for what may only be done on loopback: no tokens, or a frozen clock."""
    if is_loopback(host):
        return
    if not tokens:
        raise ConfigurationError(f"{host} is not a loopback address: give a tokens file (--tokens, ASOF_TOKENS)")
    if os.environ.get("ASOF_NOW"):
        raise ConfigurationError(f"{host} is not a loopback address: ASOF_NOW, a frozen clock, is for loopback only")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of serving. What is not given, or empty, is as the environment or else the default says."""
    for option in OPTIONS:
        default = os.environ.get(option.variable) or option.default
        parser.add_argument(option.flag, type=option.type, default=default, help=option.meaning)
    for name in GONE:
        parser.add_argument(f"--{name.replace('_', '-')}", action=_Gone, nargs="?", help=argparse.SUPPRESS)


class _Gone(argparse.Action):
    """An option that was removed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error(f"{self.option_strings[0]} is no option any more: {GONE[self.dest]}")
