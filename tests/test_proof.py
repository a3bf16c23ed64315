"""The proof against leaks that people write: all that the checks before it let through, it must name.

One world holds an honest project, which is proven first, and then beside it a leak of each kind. `dbt build` is green
with all of them; what the checks refuse outright is planted in test_refusals.py.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from asof.builder import check_zone
from asof.rebuild import ProofError
from asof.sandbox import Sandbox
from tests.world import World

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
# Staging, over sources that say when a row was loaded. Each gives the columns of an event model, and one more.
STREAM = "select event_id, occurred_at, known_at, thing_id"
RAW_EVENTS = "from {{ source('raw', 'events') }} as version"
STAGING = {
    # the next event of the same thing
    "stg_lead": f"{STREAM}, lead(occurred_at) over (partition by thing_id order by occurred_at, known_at, event_id) "
    f"as next_at {RAW_EVENTS}",
    # as it was corrected last, said to be known since it was first heard of
    "stg_latest_version": "select event_id, min(occurred_at) as occurred_at, min(known_at) as known_at, "
    f"min(thing_id) as thing_id, arg_max(amount, known_at) as amount {RAW_EVENTS} group by event_id",
    "stg_count": f"{STREAM}, count(*) over (partition by thing_id) as times {RAW_EVENTS}",
    "stg_target_mean": f"{STREAM}, (select count(*) from {{{{ source('raw', 'departures') }}}} as gone where "
    f"gone.thing_id = version.thing_id) as departures {RAW_EVENTS}",
    # known when it happened, whenever it was loaded
    "stg_early": f"select event_id, occurred_at, occurred_at as known_at, thing_id {RAW_EVENTS}",
    # the first amount that is more than 10, not the first amount
    "stg_first_amount": "select event_id, min(occurred_at) as occurred_at, min(known_at) as known_at, "
    "min(thing_id) as thing_id, arg_min(case when amount > 10 then amount end, known_at) as amount "
    f"{RAW_EVENTS} group by event_id",
    # in a model that the event model reads, whatever that one is called
    "stg_through_base": f"{STREAM}, next_at from {{{{ ref('base_lead') }}}}",
}
BASE = STAGING["stg_lead"]
# What is honest, and is proven: the first version, what came before, rows known since all that they are made of is.
HONEST = {
    "stg_first_version": f"{STREAM}, amount {RAW_EVENTS} "
    "qualify row_number() over (partition by event_id order by known_at) = 1",
    "stg_so_far": f"{STREAM}, count(*) over (partition by thing_id order by known_at, event_id) as times {RAW_EVENTS}",
    "stg_joined": "select event_id || thing.known_at as event_id, version.occurred_at, "
    f"greatest(version.known_at, thing.known_at) as known_at, color {RAW_EVENTS} "
    "inner join {{ source('raw', 'things') }} as thing using (thing_id)",
    "stg_settled": "select event_id, occurred_at, {{ asof.known_after('known_at', '10 minutes') }} as known_at "
    f"{RAW_EVENTS}",
    # a source without a load time is taken on trust
    "stg_notes": "select thing_id as event_id, made_at as occurred_at, made_at as known_at "
    "from {{ source('raw', 'notes') }}",
    # dbt cannot compile it where the tests say so, nor can DuckDB read its file once it is gone
    "stg_breaks": f"{STREAM} {RAW_EVENTS}"
    "{% if execute and env_var('BREAK_STAGING', '') %}{{ exceptions.raise_compiler_error('it breaks') }}{% endif %}",
    "stg_file": "select * from read_csv('late.csv', types = {'known_at': 'timestamptz', 'occurred_at': 'timestamptz'})",
}
SOURCES = """
      - {name: status, description: "Overwritten, and read past staging."}
      - {name: notes, description: Nothing says when they were loaded.}
"""
EVENTS, DEPARTURES = "{{ asof.known(ref('stg_events')) }}", "{{ asof.known(ref('stg_departures')) }}"


def requested(events: str, rest: str = "", color: str = "cast(null as varchar)", outcome: str = "true") -> str:
    """An examples model: a request at each event."""
    return (
        f"select event_id || every.known_at as row_id, thing_id, every.occurred_at as prediction_time, {color} as "
        f"request_color, {outcome} as outcome, every.known_at as label_known_at from {events} as every {rest}"
    )


THINGS = "{{ asof.known(ref('stg_things')) }}"
TODAYS = f"select thing_id, arg_max_null(color, (occurred_at, event_id)) as color from {THINGS} group by 1"
EXAMPLES = {
    # a request column of today
    "todays_color": requested(EVENTS, f"left join ({TODAYS}) as today using (thing_id)", color="today.color"),
    # those that are still there
    "those_that_stayed": requested(EVENTS, f"where thing_id not in (select thing_id from {DEPARTURES})"),
    # a table that only holds the present
    "from_a_mutable_table": requested(
        EVENTS, "left join {{ source('raw', 'status') }} as status using (thing_id)", color="status.color"
    ),
    # a label that says it was known at once
    "labels_before_their_time": requested(
        EVENTS, outcome="thing_id in (select thing_id from {{ ref('stg_departures') }})"
    ),
    # asked an hour before the outcome was known, which nobody could know
    "requested_after_the_outcome": "select thing_id || known_at as row_id, thing_id, known_at - interval '1 hour' as "
    "prediction_time, cast(null as varchar) as request_color, true as outcome, known_at as label_known_at "
    f"from {DEPARTURES} as gone where known_at - interval '1 hour' < {{{{ asof.cutoff() }}}}",
    # requests that nobody had heard of yet
    "not_heard_of_yet": requested("{{ ref('stg_events') }}", "where every.occurred_at < {{ asof.cutoff() }}"),
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
    config: {{materialized: table, meta: {{known_within: {within}}}}}
    data_tests: [asof.examples]
    columns:
      - {{name: row_id, data_type: varchar}}
      - {{name: thing_id, data_type: varchar}}
      - {{name: prediction_time, data_type: timestamptz}}
      - {{name: request_color, data_type: varchar}}
      - {{name: outcome, data_type: boolean, config: {{meta: {{label: true}}}}}}
      - {{name: label_known_at, data_type: timestamptz}}
"""


def write(world: World, models: dict[str, str], path: str) -> None:
    """Writes models' SQL; path has a place for the name."""
    for name, sql in models.items():
        file = world.folder / path.format(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(sql)


def add_honest_rows(world: World) -> None:
    """What the honest project has besides: more staging, sources on trust, examples that end."""
    world.replace("models/sources.yml", "    tables:\n", f"    tables:{SOURCES}")
    world.replace(
        "models/sources.yml", "as of a time., config: {meta: {", "as of a time., config: {meta: {overwritten: true, "
    )
    world.replace(
        "models/services/score_examples.sql",
        "from {{ source('raw', 'examples') }}",
        "from {{ source('raw', 'examples') }} where prediction_time < {{ asof.cutoff() }}",
    )
    write(world, HONEST, "models/staging/{}.sql")
    # dbt makes no relation of an ephemeral model: it is rebuilt and compared all the same
    world.replace("models/staging/stg_departures.sql", "select", "{{ config(materialized='ephemeral') }}\nselect")


def plant(world: World) -> None:
    """The leaks."""
    write(world, {"leaks": MACROS}, "macros/{}.sql")
    for name, (value, joins) in GROUPS.items():
        sql = (
            f"select point.thing_id, point.as_of, cast({value} as varchar) as {name}_value\n"
            f"from {{{{ asof.points(ref('things')) }}}} as point\n{joins}\ngroup by 1, 2\n"
        )
        write(world, {f"{name}_v1": sql}, "models/features/{}.sql")
        write(world, {name: GROUP_YAML.format(name=name)}, "models/features/{}.yml")
        write(world, {f"{name}_v1_history": "{{ asof.history() }}"}, "models/history/{}.sql")
        write(world, {f"{name}_v1_latest": "{{ asof.latest() }}"}, "models/online/{}.sql")
    columns = "columns: [{name: thing_id}, {name: first_seen_at}]"
    for name in ENTITIES:
        yaml = f"models: [{{name: {name}, data_tests: [asof.entity], {columns}}}]"
        write(world, {name: yaml}, "models/entities/{}.yml")
    for name in EXAMPLES:
        # events become known within half an hour, corrections within a month
        within = "31 days" if name != "requested_after_the_outcome" else "30 minutes"
        write(world, {name: EXAMPLES_YAML.format(name=name, within=within)}, "models/services/{}_examples.yml")
    write(world, ENTITIES, "models/entities/{}.sql")
    write(world, EXAMPLES, "models/services/{}_examples.sql")
    write(world, STAGING, "models/staging/{}.sql")
    write(world, {"base_lead": BASE}, "models/base/{}.sql")


def prove(
    world: World, warm: Path, *arguments: str, now: str, seconds: int = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [warm / "python", "-m", "asof", "prove", *arguments],
        cwd=world.folder,
        env=world.environment(now) | environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def differences(output: str) -> dict[str, int]:
    """The last column of the table, by model."""
    rows = re.findall(r"^(\S+) +(?:event|entity|group|examples|rows|service) .* ([\d,]+)$", output, re.MULTILINE)
    return {name: int(count.replace(",", "")) for name, count in rows}


def compared(output: str) -> dict[str, int]:
    """How many points were compared, by model."""
    rows = re.findall(r"^(\S+) +\w+ +\d+ +([\d,]+) +[\d,]+$", output, re.MULTILINE)
    return {name: int(count.replace(",", "")) for name, count in rows}


def contents(world: World) -> list[tuple]:
    """All that a project holds: its tables with their rows, and its files with their bytes."""
    tables = world.query("select schema_name, table_name from duckdb_tables() order by all")
    rows = [world.query(f"select '{t}', count(*), bit_xor(hash(t)) from {s}.{t} as t")[0] for s, t in tables]
    files = [path for path in sorted(world.folder.rglob("*")) if path.is_file() and "target" not in path.parts]
    return rows + [(str(path), path.read_bytes()) for path in files if not path.name.startswith("warehouse.duckdb")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> World:
    """A month of late, corrected and departing things, in an honest project; built and published once."""
    world = World(tmp_path_factory.mktemp("proof") / "world", template=parsed_world)
    # its feeds end a day before it is built, which is no matter of the proof
    world.replace("dbt_project.yml", "{+materialized: view}", "{+materialized: view, +meta: {health: false}}")
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
    world.execute("create table raw.notes as select thing_id, min(occurred_at) as made_at from raw.things group by 1")
    (world.folder / "late.csv").write_text(
        "event_id,occurred_at,known_at\ne,2026-04-03 10:00:00+00,2026-04-03 11:00:00+00\n"
    )
    add_honest_rows(world)
    world.build("2026-04-29 12:00")
    for number in range(30):
        world.example(f"x{number}", f"t{number:02}", f"2026-04-{29 + number % 2} {13 + number % 10}:00")
    return world


HONEST_NAMES = ["things", "places", "thing@1", "place@1", "score_examples", "score_v1_rows", "score@1"]
HONEST_NAMES += ["stg_things", "stg_departures", "stg_events", "stg_places", *HONEST]


def test_an_honest_project_is_proven_from_its_sources_and_says_what_it_takes_on_trust(world: World, warm: Path) -> None:
    run = prove(world, warm, "--moments", "6", now="2026-05-01 09:00")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.endswith("\nNothing from the future.\n")
    assert differences(run.stdout) == dict.fromkeys(HONEST_NAMES, 0)
    trusted = run.stdout.partition("Taken on trust")[2]
    assert "  raw.places says `overwritten: true`; stg_places reads it\n" in trusted
    assert "  raw.notes does not say since when its rows are known; stg_notes reads it\n" in trusted
    assert "  read_csv() is read by stg_file\n" in trusted
    assert "raw.events" not in trusted
    assert "raw.things" not in trusted
    # and so does what is published
    groups = world.manifest["groups"]
    assert groups["place@1"]["on_trust"] == [{"name": "raw.places", "why": "says `overwritten: true`"}]
    assert groups["thing@1"]["on_trust"] == []


def test_what_cannot_be_built_is_named_and_the_rest_is_proven(world: World, warm: Path) -> None:
    (world.folder / "late.csv").rename(world.folder / "gone.csv")
    world.execute("alter table raw.places rename to elsewhere")
    run = prove(world, warm, "--at", "2026-04-30T20:00:00Z", now="2026-05-01 09:00", BREAK_STAGING="1")
    world.execute("alter table raw.elsewhere rename to places")
    (world.folder / "gone.csv").rename(world.folder / "late.csv")
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stdout.rstrip().rpartition("\n")[2] == (
        "NOT PROVEN: stg_breaks (not built), stg_file (not built), stg_places (not built), places (not built), "
        "place@1 (not built)."
    )
    words = " ".join(run.stdout.split())
    assert "stg_breaks cannot be built at 2026" in words
    assert "dbt cannot compile it: " in words
    assert "it breaks" in words
    assert "place@1 cannot be built" in words
    assert "it reads places, stg_places, which cannot be built" in words
    assert "raw.places is not in the warehouse; stg_places reads it" in words
    proven = {name for name, points in compared(run.stdout).items() if points}
    assert {"things", "thing@1", "score_examples", "score@1", "stg_joined"} <= proven


def test_what_the_checks_let_through_the_proof_names_and_only_that(world: World, warm: Path) -> None:
    plant(world)
    world.build("2026-05-01 09:00")
    before = contents(world)
    run = prove(world, warm, "--moments", "6", now="2026-05-01 09:00")
    assert run.returncode == 1, run.stdout + run.stderr
    found = differences(run.stdout)
    leaks = [*(f"{name}@1" for name in GROUPS), *ENTITIES, *(f"{name}_examples" for name in EXAMPLES), *STAGING]
    assert sorted(found) == sorted(HONEST_NAMES + leaks), run.stdout
    late = "requested_after_the_outcome_examples"
    assert {name for name, count in found.items() if count} == set(leaks) - {late}, run.stdout
    words = " ".join(run.stdout.split())
    assert f"{late}: at least 8 of 8 examples became known later than 30 minutes after their prediction_time" in words
    assert "Became known of those tried: 100% within 1 hour." in words
    assert f"models/services/{late}.yml: `config: {{meta: {{known_within: 1 hour}}}}`" in words
    unproven = run.stdout.rstrip().rpartition("\n")[2]
    assert unproven.startswith("NOT PROVEN: ")
    assert f"{late} (examples known too late)" in unproven
    assert "raw.status does not say since when its rows are known; from_a_mutable_table_examples reads it" in words
    assert contents(world) == before, "the proof wrote into the project"


def test_a_time_of_loading_without_a_zone_is_refused(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    relation = sandbox.hold(("raw", "main", "orders"), "select now() as loaded_at, now()::timestamp as local_at")
    check_zone(sandbox, "raw.orders", relation, "loaded_at")
    check_zone(sandbox, "raw.orders", relation, "local_at at time zone 'Europe/Berlin'")
    with pytest.raises(ProofError, match="its time of loading, local_at, is timestamp, which has no time zone"):
        check_zone(sandbox, "raw.orders", relation, "local_at")
    with pytest.raises(ProofError, match="its time of loading, loadd_at, cannot be read"):
        check_zone(sandbox, "raw.orders", relation, "loadd_at")
