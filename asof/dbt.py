"""dbt, called as a command."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .serve.settings import SettingsError, check_environment


class DbtError(Exception):
    """A dbt command failed. The message is asof's own where it refused, else all that dbt said, as is `output`."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def run_dbt(
    *command: str,
    project: str | Path = ".",
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Runs a dbt command in a project; returns the last line that it prints. Raises DbtError.

    options: of dbt, such as --target. environment: what is set for it besides this process's own. timeout: seconds
    after which it is killed.
    """
    try:
        check_environment(os.environ)
    except SettingsError as error:
        raise DbtError(str(error), "") from None
    try:
        run = subprocess.run(
            [dbt_program(), "--quiet", "--no-use-colors", *command, *options],
            cwd=project,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise DbtError(
            f"dbt {command[0]} did not end within {timeout:g} seconds (--timeout), and was killed. logs/dbt.log ends "
            "with what it waited for. Spark waits for a worker where none is left: start one, and build again",
            "",
        ) from None
    except OSError as error:
        raise DbtError(f"dbt cannot be run in {project}: {error.strerror}", "") from None
    output = run.stdout + run.stderr
    if run.returncode:
        raise DbtError(message_in(output), output)
    return run.stdout.strip().rsplit("\n", 1)[-1]


def duration(text: str) -> float:
    """Seconds of an option such as 30s, 1m or 2h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time such as 30s, 1m or 2h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def dbt_program() -> str:
    """The dbt beside this Python, else the one on the path."""
    dbt = Path(sys.executable).with_name("dbt")
    return str(dbt) if dbt.exists() else "dbt"


def message_in(output: str) -> str:
    """The message of a failed command: asof's own, or dbt's, without where it was raised."""
    refused = re.search(r"asof: (.*?)(?:\n\s*\n|\n\s*> in macro|\Z)", output, re.DOTALL)
    if refused:
        return re.sub(r"\s+", " ", refused[1]).strip()
    if crashed := re.search(r"Encountered an error:\s*(.*?)\n[\d:]+ +Traceback", output, re.DOTALL):
        return f"dbt ended with {crashed[1].strip()}"
    return output.strip() or "dbt failed and said nothing"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds to a command what it hands on to dbt."""
    parser.add_argument(
        "--dbt", type=shlex.split, default=[], metavar="OPTIONS", help="options for dbt, as in --dbt='--target prod'"
    )


def add_project_options(parser: argparse.ArgumentParser) -> None:
    """The same, and which project it is to work in."""
    parser.add_argument("--project", type=Path, default=Path("."), help="the dbt project")
    add_options(parser)
