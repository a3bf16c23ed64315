"""The proof against leaks that people write: all that the checks before it let through, it must name.

One world holds an honest project and, beside it, a leak of each kind. `dbt build` is green with all of them; what the
checks refuse outright is planted in test_refusals.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import ROOT, World

# Macros of the project's own that read a relation without a time. They forge the mark of our joins, without which the
# build refuses them (test_refusals.py): the proof goes by what comes out, not by what the text looks like.
MACROS = """
{% macro all_events() %}(select * from {{ ref('stg_events') }} as asof_forged){% endmacro %}
{% macro all_things() %}(select * from {{ ref('stg_things') }} as asof_forged){% endmacro %}
{% macro all_departures() %}(select * from {{ ref('stg_departures') }} as asof_forged){% endmacro %}
"""
KNOWN_EVENTS = "{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id') }}"
KNOWN_THINGS = "{{ asof.left_join_last_known(ref('stg_things'), as='thing', on='thing_id') }}"
KNOWN_DEPARTURES = "{{ asof.left_join_known(ref('stg_departures'), as='departure', on='thing_id') }}"

# Feature groups: name, the leaking column, and the joins.
GROUPS = {
    "unfiltered_join": (
        "count(distinct every.event_id)",
        f"{KNOWN_EVENTS} left join {{{{ all_events() }}}} as every on every.thing_id = point.thing_id",
    ),
    "whole_table_max": (
        "max(event.amount) / (select max(amount) from {{ all_events() }} as every)",
        KNOWN_EVENTS,
    ),
    "latest_attribute": (
        "min((select arg_max(every.color, (every.occurred_at, every.event_id)) from {{ all_things() }} as every "
        "where every.thing_id = point.thing_id))",
        KNOWN_THINGS,
    ),
    "filled_from_the_future": (
        "min((select arg_min(every.amount, (every.occurred_at, every.event_id)) from {{ all_events() }} as every "
        "where every.thing_id = point.thing_id and every.occurred_at > point.as_of))",
        KNOWN_EVENTS,
    ),
    "target_encoding": (
        "(select count(distinct gone.thing_id) from {{ all_departures() }} as gone)",
        KNOWN_DEPARTURES,
    ),
    "window_over_moments": ("max(count(event.event_id)) over (partition by point.thing_id)", KNOWN_EVENTS),
    "late_arrivals_too": (
        "count(distinct every.event_id)",
        f"{KNOWN_EVENTS} left join {{{{ all_events() }}}} as every "
        "on every.thing_id = point.thing_id and every.occurred_at <= point.as_of",
    ),
    "corrected_afterwards": (
        "min((select arg_max(every.amount, (every.known_at, every.event_id)) from {{ all_events() }} as every "
        "where every.thing_id = point.thing_id and every.occurred_at <= point.as_of))",
        KNOWN_EVENTS,
    ),
}
ENTITIES = {
    # chosen by what became of them
    "survivors": "select thing_id, min(known_at) as first_seen_at from {{ ref('stg_things') }} "
    "where thing_id not in (select thing_id from {{ ref('stg_departures') }}) group by thing_id",
    # there before anybody knew
    "early_things": "select thing_id, min(occurred_at) as first_seen_at from {{ ref('stg_things') }} group by thing_id",
}
EVENTS, DEPARTURES = "{{ asof.known(ref('stg_events')) }}", "{{ asof.known(ref('stg_departures')) }}"


def asked(events: str, rest: str = "", color: str = "cast(null as varchar)", outcome: str = "true") -> str:
    """An examples model: a request at each event."""
    return (
        f"select event_id || every.known_at as row_id, thing_id, every.occurred_at as prediction_time, {color} as "
        f"request_color, {outcome} as outcome, every.known_at as label_known_at from {events} as every {rest}"
    )


THINGS = "{{ asof.known(ref('stg_things')) }}"
TODAYS = f"select thing_id, arg_max_null(color, (occurred_at, event_id)) as color from {THINGS} group by 1"
EXAMPLES = {
    # a request column of today
    "todays_color": asked(EVENTS, f"left join ({TODAYS}) as today using (thing_id)", color="today.color"),
    # those that are still there
    "those_that_stayed": asked(EVENTS, f"where thing_id not in (select thing_id from {DEPARTURES})"),
    # a table that only holds the present
    "from_a_mutable_table": asked(
        EVENTS, "left join {{ source('raw', 'status') }} as status using (thing_id)", color="status.color"
    ),
    # a label that says it was known at once
    "labels_before_their_time": asked(EVENTS, outcome="thing_id in (select thing_id from {{ ref('stg_departures') }})"),
    # requests that nobody had heard of yet
    "not_heard_of_yet": asked("{{ ref('stg_events') }}", "where every.occurred_at < {{ asof.cutoff() }}"),
}
GROUP_YAML = """
models:
  - name: {name}
    latest_version: 1
    description: A leak.
    config: {{meta: {{owner: tests, max_age: 2 hours}}}}
    data_tests: [asof.feature_group]
    columns:
      - {{name: thing_id, data_type: varchar}}
      - {{name: as_of, data_type: timestamptz}}
      - {{name: {name}_value, data_type: varchar}}
    versions: [{{v: 1}}]
"""
EXAMPLES_YAML = """
models:
  - name: {name}_examples
    description: A leak.
    config: {{materialized: table}}
    data_tests: [asof.examples]
    columns:
      - {{name: row_id, data_type: varchar}}
      - {{name: thing_id, data_type: varchar}}
      - {{name: prediction_time, data_type: timestamptz}}
      - {{name: request_color, data_type: varchar}}
      - {{name: outcome, data_type: boolean, config: {{meta: {{label: true}}}}}}
      - {{name: label_known_at, data_type: timestamptz}}
"""


def plant(world: World) -> None:
    def write(path: str, text: str) -> None:
        (world.folder / path).write_text(text)

    write("macros/leaks.sql", MACROS)
    for name, (value, joins) in GROUPS.items():
        base = f"{name}_v1"
        write(
            f"models/features/{base}.sql",
            f"select point.thing_id, point.as_of, cast({value} as varchar) as {name}_value\n"
            f"from {{{{ asof.points(ref('things')) }}}} as point\n{joins}\ngroup by 1, 2\n",
        )
        write(f"models/features/{name}.yml", GROUP_YAML.format(name=name))
        write(f"models/history/{base}_history.sql", "{{ asof.history() }}")
        write(f"models/online/{base}_latest.sql", "{{ asof.latest() }}")
    for name, sql in ENTITIES.items():
        write(f"models/entities/{name}.sql", sql)
        columns = "columns: [{name: thing_id}, {name: first_seen_at}]"
        write(f"models/entities/{name}.yml", f"models: [{{name: {name}, data_tests: [asof.entity], {columns}}}]")
    for name, sql in EXAMPLES.items():
        write(f"models/services/{name}_examples.sql", sql)
        write(f"models/services/{name}_examples.yml", EXAMPLES_YAML.format(name=name))
    world.replace(
        "models/sources.yml", "    tables:\n", "    tables:\n      - {name: status, description: Overwritten.}\n"
    )
    world.replace(
        "models/services/score_examples.sql",
        "from {{ source('raw', 'examples') }}",
        "from {{ source('raw', 'examples') }} where prediction_time < {{ asof.cutoff() }}",
    )


def prove(world: World, *arguments: str, now: str, zone: str = "UTC") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve", "prove", *arguments],
        cwd=world.folder,
        env=world.environment(now) | {"PYTHONPATH": str(ROOT), "DBT_WRITE_JSON": "true", "TZ": zone},
        capture_output=True,
        text=True,
        timeout=300,
    )


def differences(output: str) -> dict[str, int]:
    """The last column of the table, by model."""
    rows = re.findall(r"^(\S+) +(?:entity|group|examples|rows|service) .* ([\d,]+)$", output, re.MULTILINE)
    return {name: int(count.replace(",", "")) for name, count in rows}


def contents(world: World) -> list[tuple]:
    """All that a project holds: its tables with their rows, and its files with their bytes."""
    tables = world.query("select schema_name, table_name from duckdb_tables() order by all")
    rows = [world.query(f"select '{t}', count(*), bit_xor(hash(t)) from {s}.{t} as t")[0] for s, t in tables]
    files = [path for path in sorted(world.folder.rglob("*")) if path.is_file() and "target" not in path.parts]
    return rows + [(str(path), path.read_bytes()) for path in files if not path.name.startswith("warehouse.duckdb")]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> World:
    """A month of late, corrected and departing things; built and published green, leaks and all."""
    world = World(tmp_path_factory.mktemp("proof") / "world", template=parsed_world)
    things, events, places, departures = [], [], [], []
    for number in range(30):
        thing, day, hour = f"t{number:02}", 1 + number % 25, f"{number % 24:02}"
        things.append(
            (thing, f"p{number % 3}", "red", f"2026-04-{day:02} {hour}:00+00", f"2026-04-{day:02} {hour}:30+00")
        )
        things.append((thing, "p0", "blue", "2026-04-28 11:00+00", f"2026-04-{28 + number % 3} 12:00+00"))
        if number % 4 == 0:
            departures.append((thing, "2026-04-29 10:00+00", "2026-04-29 20:00+00"))
        for count in range(6):
            occurred = f"2026-04-{1 + (day + 5 * count) % 29:02} {hour}:15+00"
            known = f"2026-04-{1 + (day + 5 * count) % 29:02} {hour}:{15 + 7 * count}+00"
            events.append((f"{thing}/{count}", thing, 1 + number + count, occurred, known, False))
            if count % 3 == 0:
                events.append((f"{thing}/{count}", thing, 2 * number, occurred, "2026-04-30 06:00+00", number % 5 == 0))
    for number in range(3):
        places.append((f"p{number}", number, "2026-04-01 00:00+00", "2026-04-02 00:00+00"))
        places.append((f"p{number}", 10 + number, "2026-04-20 00:00+00", "2026-04-29 00:00+00"))
    world.add("things", *things)
    world.add("events", *events)
    world.add("places", *places)
    world.add("departures", *departures)
    world.execute("create table raw.status as select thing_id, min(color) as color from raw.things group by 1")
    world.build("2026-04-29 12:00")
    for number in range(30):
        world.example(f"x{number}", f"t{number:02}", f"2026-04-{29 + number % 2} {13 + number % 10}:00")
    plant(world)
    world.build("2026-05-01 09:00")
    return world


def test_what_the_checks_let_through_the_proof_names_and_only_that(leaky: World) -> None:
    before = contents(leaky)
    run = prove(leaky, "--moments", "6", now="2026-05-01 09:00")
    assert run.returncode == 1, run.stdout + run.stderr
    found = differences(run.stdout)
    honest = ["things", "places", "thing@1", "place@1", "score_examples", "score_v1_rows", "score@1"]
    leaks = [*(f"{name}@1" for name in GROUPS), *ENTITIES, *(f"{name}_examples" for name in EXAMPLES)]
    assert sorted(found) == sorted(honest + leaks), run.stdout
    assert {name for name, count in found.items() if count} == set(leaks), run.stdout
    assert "raw.status, which from_a_mutable_table_examples reads, does not say" in run.stdout.replace("\n", " ")
    assert contents(leaky) == before, "the proof wrote into the project"
