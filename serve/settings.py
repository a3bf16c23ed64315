"""The options of serving and the environment variables of asof: one declaration, which docs/configuration.md shows."""

from __future__ import annotations

import argparse
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

MAX_ENTITIES = 1000
MAX_BODY = 1024 * 1024  # bytes
EXTENSIONS = ("asof.extensions.openapi", "asof.extensions.catalog", "asof.extensions.feast")


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
    Option("extensions", str.split, " ".join(EXTENSIONS), "modules that add routes, with spaces between them"),
    Option("request_log", Path, None, "folder to log served rows in"),
    Option("request_log_share", float, None, "the part of the requests that is logged, 0 to 1 (0.01)"),
    Option("request_log_bytes", int, None, "bytes of that folder; the oldest files are deleted (1 GiB)"),
    Option("request_log_key", Path, None, "file with the secret that personal values are hashed with"),
)

# Every environment variable that begins with ASOF_, and what it means
ENVIRONMENT = {
    "ASOF_NOW": "a fixed now, for builds, publishing and the shim (RFC 3339 with an offset). Snapshots made under it "
    "say so, and are refused off loopback",
    "ASOF_PUBLISHED": "where dbt publishes, instead of the folder in `asof_publish_to`, for a target listed there",
    "ASOF_TRAINING": "where dbt writes training sets, instead of the folder in `asof_training_to`, for a target listed "
    "there",
    "ASOF_CODE_VERSION": "kept in the manifests of snapshots and training sets, for example the git commit",
    **{option.variable: f"`{option.flag}`, {option.meaning}" for option in OPTIONS},
    "ASOF_REQUEST_LOG": "the folder of the request log: the shim logs there (`--request-log`), and a dbt target that "
    "publishes compares what was logged with history",
    "ASOF_REQUEST_LOG_KEY": "the file with the secret that personal values are hashed with, for the shim "
    "(`--request-log-key`) and for dbt; not without `ASOF_REQUEST_LOG`",
    "ASOF_WAREHOUSE": "the warehouse of the worked example (its `profiles.yml` reads it)",
    "ASOF_HANDOVER": "the folder of the hand-over that dbt builds from (`asof build --engine` sets it)",
    "ASOF_ENGINE_FOLDER": "the folder by which dbt on Spark takes and hands over Parquet (`asof build --engine` "
    "sets it)",
    "ASOF_FAULT_POINT": "of tests: where a dbt command waits to be killed",
    "ASOF_FAULT_PIPE": "of tests: on which pipe it waits",
}

# Options that were removed, and what replaces them
GONE = {"request_seconds": "slow senders are for the balancer to end: deploy/nginx.conf"}

# Kubernetes sets these for a service whose name begins with asof
_SERVICE_LINK = re.compile(r"ASOF_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_[A-Z]+(_(PROTO|PORT|ADDR))?)?)")


class ConfigurationError(ValueError):
    """The shim must not start like this."""


class SettingsError(Exception):
    """Environment variables of our prefix that nothing reads; the message names them."""


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


def check_environment(names: Iterable[str]) -> None:
    """Raises SettingsError if any of these names of environment variables begins with ASOF_ and is not declared."""
    problems = []
    for name in sorted(names):
        if not name.startswith("ASOF_") or name in ENVIRONMENT or _SERVICE_LINK.fullmatch(name):
            continue
        if why := GONE.get(name.removeprefix("ASOF_").lower()):
            problems.append(f"{name} is no option any more: {why}.")
            continue
        near = difflib.get_close_matches(name[5:], [each[5:] for each in ENVIRONMENT], 1)
        problems.append(f"{name} is set, which asof does not know{f': did you mean ASOF_{near[0]}?' if near else '.'}")
    if problems:
        raise SettingsError(" ".join([*problems, "Unset it, or see docs/configuration.md for those that there are."]))
