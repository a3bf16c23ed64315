"""dbt, run as a command: what the commands here ask of the warehouse, dbt answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


class DbtError(Exception):
    """A dbt command failed; the message is asof's own where there is one, else what dbt printed."""


def run_dbt(command: list[str], options: list[str], *, cwd: Path | None = None) -> str:
    """Runs a dbt command; returns the last line that it printed.

    options: of dbt, such as `--target`. cwd: the project's folder, the current one unless said. Raises DbtError.
    """
    beside = Path(sys.executable).with_name("dbt")  # of the same environment, also where that is not on the PATH
    dbt = str(beside) if beside.exists() else "dbt"
    run = subprocess.run(
        [dbt, "--quiet", "--no-use-colors", *command, *options], capture_output=True, text=True, cwd=cwd
    )
    if run.returncode:
        printed = run.stdout + run.stderr
        # "asof: ..." and what follows it, up to where dbt says in which macro that was
        own = re.search(r"asof: .*?(?=\n\s*\n|\n\s*> in macro|\Z)", printed, re.DOTALL)
        raise DbtError(re.sub(r"\s+", " ", own[0]) if own else f"`dbt {command[0]}` failed:\n{printed}")
    return run.stdout.strip().rsplit("\n", 1)[-1]
