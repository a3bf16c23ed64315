"""`asof lateness`: the rows that came later than their known_at says, and the settle time that waits for them.

Each run records which rows it saw of those that were due; dbt holds that against the rows that there are now (the macro
asof.lateness). Here it is made readable, with the line to write.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .dbt import DbtError, add_project_options, run_dbt
from .known_within import length

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_CALL = re.compile(r"asof\.known_after\(\s*(['\"])(?P<time>.+?)\1\s*,\s*(['\"])(?P<length>.+?)\3\s*\)")
_COLUMN = re.compile(r"^\s*(?P<time>.+?)\s+as\s+known_at\b", re.MULTILINE | re.IGNORECASE)


def lateness(*, project: str | Path = ".", dbt: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is known of each event model, as the macro asof.lateness documents it. dbt: options for it. Raises
    DbtError.
    """
    found: list[dict[str, Any]] = json.loads(run_dbt("run-operation", "asof.lateness", project=project, options=dbt))
    return found


def advice(found: dict[str, Any]) -> str:
    """What to do about an event model: the line to write, and where."""
    late = [each for each in found["settle_times"] if each["missed"]]
    if not found["runs"]:
        return "No run recorded it yet beside one that counts before, under the SQL that it has now."
    if not late:
        return "Every row was there when its known_at said so: there is nothing to write."
    enough = next((each["seconds"] for each in found["settle_times"] if each["seconds"] > late[-1]["seconds"]), None)
    if enough is None:
        return (
            f"Rows came more than {length(late[-1]['seconds'])} late. If that was a single repair of old data, accept "
            "it:\n`dbt run-operation accept_backdating`. If it is usual, known_at is no load time: declare another "
            "column."
        )
    if found["safety_lag"]:
        total = length(enough + _seconds(found["safety_lag"]))
        line = f"Write in its YAML: `config: {{meta: {{safety_lag: {total}}}}}`"
    else:
        line = f"Write in {found['file']}: `{settled(found['sql'], enough)}`"
    return (
        f"{line}\nPast points that knew rows sooner come out differently then. Accept that of each group:"
        "\n`dbt run-operation accept_restatement --args '{group: <group>, reason: \"settle time\"}'`"
    )


def settled(sql: str, seconds: int) -> str:
    """The line of an event model's SQL that makes known_at, with so many seconds more."""
    if call := _CALL.search(sql):
        time, seconds = call["time"], seconds + _seconds(call["length"])
    else:
        column = _COLUMN.search(sql)
        time = column["time"] if column and "'" not in column["time"] else "known_at"
    return f"{{{{ asof.known_after('{time}', '{length(seconds)}') }}}} as known_at"


def _seconds(text: str) -> int:
    """A length of time as YAML takes it, in seconds."""
    parts = re.findall(r"(\d+) +([a-z]+)", text.lower())
    return sum(int(number) * _UNITS[unit.removesuffix("s")] for number, unit in parts)


def lines(found: list[dict[str, Any]]) -> list[str]:
    """All of it as text."""
    said = []
    for each in found:
        runs = f"{each['runs']} runs, {each['from']} to {each['to']}" if each["runs"] else "no runs"
        said.append(f"{each['model']} ({each['file']}): {runs}")
        if any(rung["missed"] for rung in each["settle_times"]):
            said.append(f"  {'settle time':<12} {'rows due':>10} {'missed':>8} {'share':>8}  in runs")
            for rung in each["settle_times"]:
                share = f"{rung['missed'] / rung['rows']:.2%}" if rung["rows"] else "-"
                name = length(rung["seconds"]) if rung["seconds"] else "none more"
                said.append(f"  {name:<12} {rung['rows']:>10,} {rung['missed']:>8,} {share:>8}  {rung['runs']}")
        said += ["  " + line for line in advice(each).splitlines()] + [""]
    return said[:-1]


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `lateness` to the command line."""
    parser = commands.add_parser("lateness", help="how late rows turn up, and the settle time that waits for them")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_project_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        found = lateness(project=options.project, dbt=options.dbt)
    except DbtError as error:
        print(f"lateness: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0
