"""`asof explain <service> <key>=<value> <time>`: where each value of an answer is from.

The publication, per group the moment, run, definition and recorded row, and the events known then, each with what would
have come out without it. dbt finds it in the warehouse (the macro asof.explain); here it is made readable.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .dbt import DbtError, add_project_options, run_dbt


def explain(
    service: str,
    request: dict[str, str],
    at: str,
    *,
    sequence_number: int | None = None,
    project: str | Path = ".",
    dbt: Sequence[str] = (),
) -> dict[str, Any]:
    """What is known of one answer, as the macro asof.explain documents it.

    service: `name` or `name@version`. request: the keys, and request columns if they matter. at: RFC 3339.
    sequence_number: of the publication that answered, where a log names it. dbt: options for it. Raises DbtError.
    """
    arguments = {"service": service, "request": request, "at": at, "sequence_number": sequence_number}
    command = ["run-operation", "asof.explain", "--args", json.dumps(arguments)]
    found: dict[str, Any] = json.loads(run_dbt(*command, project=project, options=dbt))
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """The explanation as text."""
    request = ", ".join(f"{name}={value}" for name, value in found["request"].items())
    said = [f"{found['service']} for {request} at {found['prediction_time']}: {found['status']}"]
    if found["status"] == "NO_SNAPSHOT":
        return [*said, "No publication and no backfilled moment that stands for one had all of its groups by then."]
    if found["status"] == "LOST":
        return [*said, "An older warehouse was restored since; the rows that were served then are not in it."]
    if found["rejected"]:
        said.append(f"rejected, since null: {found['rejected']}")
    if publication := found["publication"]:
        number, snapshot, since = (publication[each] for each in ("sequence_number", "snapshot_id", "published_at"))
        said.append(f"publication {number} ({publication['kind']}), snapshot {snapshot}, since {since}")
    said += ["", *_table(list(found["features"].items()), indent=2)]
    for group in found["groups"]:
        said += ["", *_group(group)]
    return said


def _group(group: dict[str, Any]) -> list[str]:
    via = f", looked up via {group['via']}" if group["via"] else ""
    said = [f"{group['group']}: {group['status']}{via} ({group['file']})"]
    if moment := group["moment"]:
        kind = "backfill, before the first publication" if group["is_backfilled"] == "true" else moment["command"]
        said.append(f"  moment {group['as_of']}, by run {moment['run_id']} ({kind}), definition {moment['definition']}")
    row = group["row"]
    if row is None:
        return [*said, "  no row of it by then"]
    if row["is_tombstone"] == "true":
        return [*said, f"  gone since {row['as_of']} (run {row['run_id']})"]
    said.append(f"  row recorded at {row['as_of']} by run {row['run_id']}, unchanged until this moment")
    said += _table([(k, v) for k, v in row.items() if k not in ("as_of", "run_id", "is_tombstone")], indent=4)
    again = group["evaluated_again"]
    if isinstance(again, dict):
        again = "OTHERWISE, " + _differences(again)
    said.append(f"  evaluated again now: {again}")
    for events in group["events"]:
        newest = events["newest"]
        some = f", the newest {len(newest)}" if len(newest) < events["known"] else ""
        said.append(f"  {events['model']}: {events['known']} known then{some}")
        if newest:
            head = [*newest[0]["event"], "without it"]
            body = [[*each["event"].values(), _differences(each.get("without_it", {}))] for each in newest]
            said += _table([head, *body], indent=4)
    return said


def _differences(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in values.items()) or "the same"


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _table(rows: list[Any], indent: int) -> list[str]:
    texts = [[_shown(each) for each in row] for row in rows]
    widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))] if texts else []
    padded = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in texts]
    return [" " * indent + line.rstrip() for line in padded]


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `explain` to the command line."""
    parser = commands.add_parser("explain", help="where each value of an answer is from: row, moment, run, events")
    parser.add_argument("service", help="its name, or name@version")
    parser.add_argument("request", nargs="+", metavar="KEY=VALUE", help="the keys, and request columns if they matter")
    parser.add_argument("at", help="the prediction time, as in 2026-05-01T09:00:00Z")
    parser.add_argument("--sequence-number", type=int, help="of the publication that answered, as a request log has it")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_project_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    wrong = [each for each in options.request if "=" not in each]
    if wrong:
        print(f"{wrong[0]!r} is not KEY=VALUE, as in order_id=O-204", file=sys.stderr)
        return 2
    request = dict(each.split("=", 1) for each in options.request)
    try:
        number = options.sequence_number
        found = explain(
            options.service, request, options.at, sequence_number=number, project=options.project, dbt=options.dbt
        )
    except DbtError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0
