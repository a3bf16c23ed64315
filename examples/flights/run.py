"""Real flights from end to end: `make flights`. Loads, backfills a quarter, builds live, serves, looks up, and checks.

Everything is made anew in examples/flights/.demo. The now of each command is injected by ASOF_NOW, in 2013.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
from check import FIRST_MOMENT, LAST_MOMENT, LIVE_BUILDS, Flight, of_first_quarter, read_flights, training_rows
from load import HERE

ROOT = HERE.parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ASOF_", "DBT_"))}

STOPPED_BUILD = "2013-04-01T18:00:00Z"
DEPENDENT = {"late_arrival@1", "aircraft@1", "carrier@1", "origin@1", "route@1"}  # on departures; one component

# Name, seconds on the clock and of processors, peak megabytes.
steps: list[tuple[str, float, float, float]] = []


def note(name: str, started: float, usage: resource.struct_rusage) -> None:
    """Notes and shows what a step took; usage is that of its process alone."""
    step = (name, time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    steps.append(step)
    print(f"  ({step[1]:.1f} s, {step[2]:.1f} s of processor, {step[3]:.0f} MB)", flush=True)


def run(name: str, *command: str, now: str | None = None, exits_with: int = 0) -> None:
    """Runs one command as a user would type it; shows what it says and notes its time and peak memory. Ends the program
    where the command exits with another code.
    """
    shown = " ".join(f"'{word}'" if re.search(r"[ {]", word) else word for word in command)
    print(f"\n$ {f'ASOF_NOW={now} ' if now else ''}{shown}", flush=True)
    program = Path(sys.executable).with_name(command[0])
    started = time.monotonic()
    process = subprocess.Popen(
        [str(program), *command[1:]],
        cwd=HERE,
        env=ENVIRONMENT | ({"ASOF_NOW": now} if now else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        text = re.sub(r"^(\x1b\[0m)?\d\d:\d\d:\d\d +", "", line.rstrip())
        progress = re.search(r"backfilled (\d+) of", text)
        is_said = text.startswith(("asof: ", "Done. ")) and (progress is None or int(progress[1]) % 500 == 0)
        if is_said or command[0] != "dbt":
            print("  " + text, flush=True)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    note(name, started, usage)
    if process.returncode != exits_with:
        sys.exit(f"{''.join(printed)}\n{shown} exited with {process.returncode}; its output stands above")


def stop(process: subprocess.Popen) -> resource.struct_rusage:
    """Ends a process, by force if it will not end within twenty seconds, and returns what it used."""
    if process.returncode is not None:
        return resource.getrusage(resource.RUSAGE_CHILDREN)
    process.terminate()
    deadline = time.monotonic() + 20
    while not (waited := os.wait4(process.pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(waited[1])
    return waited[2]


def make_history() -> None:
    """Makes the scratch folder anew, with every hour of January to March backfilled."""
    shutil.rmtree(HERE / "target", ignore_errors=True)
    print("$ cd examples/flights")
    run("load", "python", "load.py")
    run("dbt deps", "dbt", "deps")
    backfill = f"{{backfill: {{from: {FIRST_MOMENT}, to: {LAST_MOMENT}, every: 1 hour}}}}"
    run("backfill", "dbt", "run", "--select", "+path:models/history", "--vars", backfill, now=LIVE_BUILDS[0])


def look_up(flights: list[Flight], show: bool) -> dict[str, dict[str, Any]]:
    """Starts the shim two hours before flights are to leave, asks it about them, and stops it; the rows by flight."""
    now = f"{flights[0].requested_at:%Y-%m-%dT%H:%M:%SZ}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = (HERE / ".demo" / "published").relative_to(ROOT)
    print(f"\n$ ASOF_NOW={now} asof serve --folder {folder} --port {port}", flush=True)
    started = time.monotonic()
    shim = subprocess.Popen(
        [sys.executable, "-m", "asof", "serve", "--folder", str(folder), "--port", str(port)],
        cwd=ROOT,
        env=ENVIRONMENT | {"ASOF_NOW": now},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/ready", timeout=1).read()
                break
            except OSError:
                if shim.poll() is not None or time.monotonic() - started > 30:
                    sys.exit("the shim was not ready within 30 s")
                time.sleep(0.05)
        body = json.dumps({"entities": [flight.request for flight in flights]})
        print(f"$ curl -H 'Content-Type: application/json' {url}/v1/services/late_arrival -d '{body}'", flush=True)
        request = urllib.request.Request(
            f"{url}/v1/services/late_arrival", data=body.encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.load(response)
    finally:
        usage = stop(shim)
    if show:
        print(json.dumps({**answer, "rows": answer["rows"][:1]}, indent=1))
    note(f"serve and look up at {now}", started, usage)
    return {flight.flight_id: row for flight, row in zip(flights, answer["rows"], strict=True)}


def answers_equal_training(answers: dict[str, dict[str, Any]]) -> bool:
    """Whether each row that was answered equals the training row it became: features and status."""
    trained = training_rows(list(answers))
    different = [
        flight_id
        for flight_id, row in answers.items()
        if any(
            trained[flight_id][name] != value for name, value in {**row["features"], "status": row["status"]}.items()
        )
    ]
    print(f"\n{len(answers) - len(different)} of {len(answers)} answers equal the training rows they became")
    for flight_id in different:
        print(f"  DIFFERENT: {flight_id}: {answers[flight_id]} became {trained[flight_id]}")
    return not different


def departures_stop() -> bool:
    """Takes the departures since the last build from the source and builds once more. Returns whether health held what
    is made of departures, and the rest went out.
    """
    with duckdb.connect(str(HERE / ".demo" / "flights.duckdb")) as warehouse:
        warehouse.execute(
            """
            update raw.flights set dep_time = null, dep_delay = null
            where concat_ws('/', make_date(year::integer, month::integer, day::integer), carrier, flight, origin) in
                (select event_id from stg_departures where occurred_at > cast(? as timestamptz) and occurred_at <= ?)
            """,
            [LIVE_BUILDS[-1], STOPPED_BUILD],
        )
    run("build without departures", "dbt", "build", now=STOPPED_BUILD, exits_with=1)
    published = HERE / ".demo" / "published"
    pointer, held, health = (
        json.loads((published / f"{name}.json").read_text()) for name in ("current", "held", "health")
    )
    stopped = {each["subject"] for each in health["findings"] if each["rule"] == "stopped" and each["level"] == "hold"}
    groups = json.loads((published / pointer["manifest"]).read_text())["groups"]
    fresh = [name for name, group in groups.items() if group["as_of"].startswith(STOPPED_BUILD[:-1])]
    print(f"\nheld since departures stopped: {', '.join(held['held'])}; went out: {', '.join(fresh)}")
    return stopped == {"stg_departures"} and set(held["held"]) == DEPENDENT and set(fresh) == set(groups) - DEPENDENT


def show_counts() -> int:
    """Prints the row counts of the tables and returns that of the training set."""
    with duckdb.connect(str(HERE / ".demo" / "flights.duckdb"), read_only=True) as warehouse:

        def count(relation: str) -> int:
            return warehouse.execute(f"select count(*) from {relation}").fetchall()[0][0]

        print("\nrows")
        for relation in ("raw.flights", "stg_departures", "stg_arrivals", "stg_outcomes", "asof_counted_moments"):
            print(f"  {relation:<36}{count(relation):>10,}")
        for group in ("aircraft", "origin", "carrier", "route", "destination"):
            history, latest = count(f"{group}_v1_history"), count(f"{group}_v1_latest")
            print(f"  {f'{group}_v1_history / latest':<36}{history:>10,} /{latest:>6,}")
        training = count("late_arrival_v1_training")
        print(f"  {'pickup_v1_training':<36}{count('pickup_v1_training'):>10,}")
        print(f"  {'late_arrival_v1_training':<36}{training:>10,}")
        for status, rows in warehouse.execute(
            "select status, count(*) from late_arrival_v1_training group by 1 order by 2 desc"
        ).fetchall():
            print(f"  {f'  of them {status}':<36}{rows:>10,}")
    return training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2013, help="which ten flights are recomputed by hand")
    options = parser.parse_args()
    started = time.monotonic()

    make_history()
    flights = of_first_quarter(read_flights())
    answers: dict[str, dict[str, Any]] = {}
    for build, following in zip(LIVE_BUILDS, [*LIVE_BUILDS[1:], LIVE_BUILDS[-1]], strict=True):
        run(f"build {build}", "dbt", "build", now=build)
        begin, end = datetime.fromisoformat(build), datetime.fromisoformat(following)
        due = sorted(
            (flight for flight in flights if begin < flight.requested_at <= end), key=attrgetter("requested_at")
        )
        for _, batch in groupby(due, key=attrgetter("requested_at")):
            answers |= look_up(list(batch), show=not answers)
    run("recompute by hand", "python", "check.py", "--seed", str(options.seed))
    run("prove", "python", "-m", "asof", "prove", "--moments", "6", now=LIVE_BUILDS[-1])

    trained = show_counts()
    is_complete = trained == len(flights)
    print(f"\n{trained:,} training rows for the {len(flights):,} flights of January to March")
    is_same = answers_equal_training(answers)
    is_held = departures_stop()

    print(f"\n{'step':<42}{'seconds':>10}{'processor':>12}{'peak MB':>10}")
    for name, seconds, processor, megabytes in steps:
        print(f"{name:<42}{seconds:>10.1f}{processor:>12.1f}{megabytes:>10.0f}")
    print(f"{'all':<42}{time.monotonic() - started:>10.1f}{sum(step[2] for step in steps):>12.1f}{'':>10}")
    if not (is_complete and is_same and answers and is_held):
        sys.exit("the flights are not as they should be; what differs stands above")


if __name__ == "__main__":
    main()
