"""`asof COMMAND`: the shim, and the commands beside it. Each module in COMMANDS has a `register(commands)`."""

from __future__ import annotations

import argparse
import os
import sys

from . import compare, explain, feast_repository, handover, lateness, loop, new, prove, prune, sets
from .serve import __main__ as shim
from .serve.settings import SettingsError, check_environment

COMMANDS = [shim, loop, handover, lateness, prove, explain, sets, compare, new, prune, feast_repository]


def build_parser() -> argparse.ArgumentParser:
    """The command line of `asof`."""
    parser = argparse.ArgumentParser(prog="asof", description="Features from a dbt project, for training and serving.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.register(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parses the command line and runs the command; returns the exit code."""
    try:
        check_environment(os.environ)
    except SettingsError as error:
        print(f"asof: {error}", file=sys.stderr)
        return 2
    options = build_parser().parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
