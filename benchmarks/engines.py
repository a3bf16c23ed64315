"""A live build and a backfill of one feature group, side by side: events in DuckDB, in PostgreSQL and in Spark.

    .venv/bin/python benchmarks/engines.py [--events 1000000] [--entities 100000] [--moments 90] [--only duckdb spark]

Each engine gets the same generated events. Prints of each command the seconds on the clock and of processors, servers
included, with their ratios to DuckDB's, and checks that all recorded the same. `spark` is a master with two workers of
one core on loopback, `spark-1` has one worker. Needs what `make test-engines` installs, and Java 17.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROFILE = """bench:
  target: dev
  outputs:
    dev: {type: duckdb, path: warehouse.duckdb, threads: 2, settings: {TimeZone: UTC}}
"""
FILES = {
    "dbt_project.yml": """name: bench
version: 1.0.0
profile: bench
flags: {send_anonymous_usage_stats: false}
vars: {asof_publish_lag: 1 minute}
dispatch: [{macro_namespace: dbt, search_order: [bench, asof, dbt]}]
models:
  bench:
    entities: {+materialized: entity}
    features: {+materialized: feature_group, +contract: {enforced: true}}
""",
    "packages.yml": "packages: [{local: ASOF}]\n",
    "macros/materialized_view.sql": """{% materialization materialized_view, adapter='duckdb' %}
    {{ return(asof.materialization_materialized_view_duckdb()) }}
{% endmaterialization %}
""",
    "macros/load_events.sql": """{% macro load_events(path) %}
    {%- do run_query('create schema if not exists raw') -%}
    {%- do run_query('drop table if exists raw.events') -%}
    {%- do run_query("create table raw.events using parquet location '" ~ path ~ "'") -%}
{% endmacro %}
""",
    "models/sources.yml": """sources:
  - name: raw
    schema: raw
    tables: [{name: events, config: {loaded_at_field: known_at}}]
""",
    "models/clock/clock.sql": "{{ asof.clock() }}\n",
    "models/staging/stg_events.sql": """select event_id, occurred_at, known_at, thing_id, amount
from {{ source('raw', 'events') }}
""",
    "models/staging/stg_events.yml": """models:
  - name: stg_events
    description: One row per event.
    data_tests: [asof.events]
    columns: [{name: event_id}, {name: occurred_at}, {name: known_at}]
""",
    "models/entities/things.sql": """select thing_id, min(known_at) as first_seen_at
from {{ ref('stg_events') }}
group by thing_id
""",
    "models/entities/things.yml": """models:
  - name: things
    description: One row per thing.
    data_tests: [asof.entity]
    columns: [{name: thing_id}, {name: first_seen_at}, {name: gone_at}]
""",
    "models/features/thing_v1.sql": """select
    point.thing_id,
    point.as_of,
    count(event.event_id) filter (where {{ asof.within('event', '30 days') }}) as events_30d,
    cast({{ asof.mean('event.amount', 2) }} as decimal(12, 2)) as mean_amount,
    max(event.occurred_at) as last_event_at
from {{ asof.points(ref('things')) }} as point
{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id') }}
group by 1, 2
""",
    "models/features/thing.yml": """models:
  - name: thing
    latest_version: 1
    description: One row per thing and moment.
    config: {meta: {owner: bench, max_age: 2 days}}
    data_tests: [asof.feature_group]
    columns:
      - {name: thing_id, data_type: varchar, description: The thing.}
      - {name: as_of, data_type: timestamptz, description: The moment.}
      - {name: events_30d, data_type: bigint, description: Events in 30 days.}
      - {name: mean_amount, data_type: 'decimal(12,2)', description: Mean amount.}
      - {name: last_event_at, data_type: timestamptz, description: The last event.}
    versions: [{v: 1}]
""",
    "models/history/thing_v1_history.sql": "{{ asof.history() }}\n",
    "models/online/thing_v1_latest.sql": "{{ asof.latest() }}\n",
}


def make_project(folder: Path, target: str) -> None:
    """The project, with the package installed. target: what its profile has beside DuckDB."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("ASOF", str(ROOT / "macros")))
    (folder / "profiles.yml").write_text(PROFILE + target)
    run(folder, ["dbt", "--quiet", "deps"])


def make_events(path: Path, events: int, entities: int) -> None:
    """Events of January to April 2026, known a minute after they occurred; the same in each run."""
    sql = f"""
        select 'E-' || n as event_id, 'T-' || hash(n, 'thing') % {entities} as thing_id,
            cast(cast(hash(n, 'amount') % 100000 as decimal(12, 2)) * 0.01 as decimal(12, 2)) as amount,
            timestamptz '2026-01-01 00:00+00'
                + to_microseconds(cast(hash(n, 'time') % 10368000000000 as bigint)) as occurred_at,
            occurred_at + interval '1 minute' as known_at
        from range({events}) as rows (n)
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.sql(sql).write_parquet(str(path))


def processor_seconds(servers: list[int]) -> float:
    """Of the commands that have ended, and of servers with all processes below them."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            fields = file.read_text().rpartition(")")[2].split()
            ticks[int(file.parent.name)] = sum(map(int, fields[11:15]))
            below.setdefault(int(fields[1]), []).append(int(file.parent.name))
    found = list(servers)
    for pid in found:  # it grows
        found += below.get(pid, [])
    return ended.ru_utime + ended.ru_stime + sum(ticks.get(pid, 0) for pid in found) / os.sysconf("SC_CLK_TCK")


def run(folder: Path, command: list[str], now: str = "") -> float:
    """Runs a command there, which must succeed; returns its seconds."""
    program = Path(sys.executable).with_name(command[0])
    first = [str(program)] if program.exists() else [command[0]]
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"} | ({"ASOF_NOW": now} if now else {})
    started = time.monotonic()
    done = subprocess.run([*first, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return time.monotonic() - started


def steps(engine: str, moments: int) -> dict[str, tuple[list[str], str]]:
    """The commands that are timed, each with its now: a live build, the next one, and a backfill of daily moments."""
    engine = engine.removesuffix("-1")
    backfill = f"{{backfill: {{from: 2026-01-15, to: {date(2026, 1, 14) + timedelta(days=moments)}, every: 1 day}}}}"
    build = ["asof", "build", "--engine", engine] if engine != "duckdb" else ["dbt", "build"]
    variables = [f"--dbt=--vars {shlex.quote(backfill)}"] if engine != "duckdb" else ["--vars", backfill]
    return {
        f"backfill of {moments} moments": ([*build, *variables], "2026-04-30T00:00:00Z"),
        "live build": (build, "2026-04-30T01:00:00Z"),
        "next live build": (build, "2026-04-30T02:00:00Z"),
    }


@contextlib.contextmanager
def place(engine: str, folder: Path, events: Path) -> Iterator[list[int]]:
    """The project in its folder, with the events where the engine reads them, for as long as the engine runs.

    Yields the servers' processes.
    """
    if engine == "duckdb":
        make_project(folder, "")
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            connection.execute(f"create schema raw; create table raw.events as from '{events}'")
        yield []
    elif engine == "postgres":
        from tests.postgres import TARGET as POSTGRES
        from tests.postgres import running as running_postgres

        with running_postgres() as server:
            make_project(folder, POSTGRES.format(**server.address))
            text = folder / "events.csv"
            duckdb.sql(f"set TimeZone = 'UTC'; copy (from '{events}') to '{text}' (format csv, header false)")
            server.execute("create schema raw")
            columns = {"event_id": "text", "thing_id": "text", "amount": "numeric(12, 2)"}
            server.put("raw.events", columns | dict.fromkeys(["occurred_at", "known_at"], "timestamptz"), text)
            yield [server.pid]
    else:
        from tests.spark import TARGET as SPARK
        from tests.spark import running as running_spark

        with running_spark() as cluster:
            if engine == "spark-1":
                cluster.kill()
            make_project(folder, SPARK.format(master=cluster.master, folder=folder))
            there = folder / "events"
            there.mkdir()
            shutil.copy(events, there / "events.parquet")
            run(folder, ["dbt", "run-operation", "load_events", "--target", "spark", "--args", f"{{path: {there}}}"])
            yield [process.pid for process in cluster.processes]


def recorded(folder: Path) -> list[tuple[object, ...]]:
    """How much was recorded, and a sum over all of it."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(
            "select count(*), sum(hash(thing_id, as_of, events_30d, mean_amount, last_event_at)) "
            "from main.thing_v1_history"
        ).fetchall()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--moments", type=int, default=90)
    parser.add_argument("--only", nargs="+", default=["duckdb", "postgres", "spark"], help="DuckDB first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        events = Path(name) / "events.parquet"
        make_events(events, options.events, options.entities)
        of_duckdb: dict[str, list[float]] = {}
        found = []
        print(f"{options.events} events, {options.entities} entities")
        print(f"{'':<36}{'seconds':>9}{'ratio':>8}{'processors':>12}{'ratio':>8}")
        for engine in options.only:
            folder = Path(name) / engine
            with place(engine, folder, events) as servers:
                for step, (command, now) in steps(engine, options.moments).items():
                    before = processor_seconds(servers)
                    took = [run(folder, command, now), processor_seconds(servers) - before]
                    of_duckdb.setdefault(step, took)
                    each = [f"{it:>{width}.1f}{it / of_duckdb[step][n]:>8.1f}" for n, it, width in
                            zip((0, 1), took, (9, 12), strict=True)]  # fmt: skip
                    print(f"{engine:<10}{step:<26}{''.join(each)}", flush=True)
            found.append(recorded(folder))
    print(f"rows of the history: {found[0][0][0]}")
    if any(each != found[0] for each in found):
        raise SystemExit(f"the engines recorded different values: {found}")


if __name__ == "__main__":
    main()
