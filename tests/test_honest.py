"""Honest work, beside the leaks of test_refusals.py: each construct is built, published, replayed and served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.world import World

KNOWN = "{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id', corrected=true) }}"
POINTS = "{{ asof.points(ref('things')) }}"


@dataclass
class GroupColumns:
    """The SQL of a feature group over things, its features with their types, and their values of thing a at 10:00."""

    sql: str
    features: dict[str, str]
    values: list[Any]


GROUPS = {
    "common_tables": GroupColumns(
        f"""
        with event_at_point as (
            select point.thing_id, point.as_of, event.event_id, event.amount
            from {POINTS} as point
            {KNOWN}
        ),
        total as (
            select thing_id, as_of, count(event_id) as event_count, sum(amount) as amount
            from event_at_point
            group by thing_id, as_of
        )
        select thing_id, as_of, event_count as cte_events, cast(amount as decimal(12, 2)) as cte_amount
        from total
        """,
        {"cte_events": "bigint", "cte_amount": "decimal(12,2)"},
        [3, Decimal("14.50")],
    ),
    "nested": GroupColumns(
        f"""
        with outermost as (
            with innermost as (
                select point.thing_id, point.as_of, count(event.event_id) as event_count
                from {POINTS} as point
                {KNOWN}
                group by point.thing_id, point.as_of
            ),
            between_them as (select * from innermost)
            select * from between_them
        )
        select thing_id, as_of, event_count as nested_events from outermost
        """,
        {"nested_events": "bigint"},
        [3],
    ),
    # a common table expression of the name of the model that it reads, and one that hides another of its name
    "shadowing": GroupColumns(
        f"""
        with things as (select * from {POINTS} as point),
        stg_events as (
            select point.thing_id, point.as_of, count(event.event_id) as number
            from things as point
            {KNOWN}
            group by all
        ),
        number as (select thing_id, as_of, number from stg_events)
        select number.thing_id, number.as_of, number.number + hidden.number as shadowed
        from number
        cross join (with number as (select 100 as number) select * from number) as hidden
        """,
        {"shadowed": "bigint"},
        [103],
    ),
    "recursive": GroupColumns(
        f"""
        with recursive step as (
            select 1 as number
            union all
            select number + 1 from step where number < 3
        )
        select point.thing_id, point.as_of, count(event.event_id) filter (where event.amount > step.number) as above
        from {POINTS} as point
        {KNOWN}
        cross join step
        group by point.thing_id, point.as_of
        """,
        {"above": "bigint"},
        [6],
    ),
    "ephemeral": GroupColumns(
        f"""
        with per_point as (
            select point.thing_id, point.as_of, count(mark.event_id) as marks, max(mark.amount) as largest_mark
            from {POINTS} as point
            {{{{ asof.left_join_known(ref('stg_marks'), as='mark', on='thing_id') }}}}
            group by point.thing_id, point.as_of
        )
        select * from per_point
        """,
        {"marks": "bigint", "largest_mark": "decimal(12,2)"},
        [2, Decimal("9.50")],
    ),
    # over all things of a moment, with a window and without
    "peers": GroupColumns(
        f"""
        with counted as (
            select point.thing_id, point.as_of, count(event.event_id) as event_count
            from {POINTS} as point
            {KNOWN}
            group by point.thing_id, point.as_of
        ),
        everybody as (
            select as_of, count(*) as things, cast(sum(event_count) as bigint) as events from counted group by as_of
        )
        select
            counted.thing_id,
            counted.as_of,
            everybody.things as peer_count,
            everybody.events as peer_events,
            rank() over (partition by counted.as_of order by counted.event_count desc) as peer_rank,
            cast(max(counted.event_count) over (partition by counted.as_of) as bigint) as peer_most
        from counted
        inner join everybody on everybody.as_of = counted.as_of
        """,
        {"peer_count": "bigint", "peer_events": "bigint", "peer_rank": "bigint", "peer_most": "bigint"},
        [122, 4, 1, 3],
    ),
    "one_window": GroupColumns(
        f"""
        select
            point.thing_id,
            point.as_of,
            {{{{ quartile() }}}} as quartile
        from {POINTS} as point
        {KNOWN}
        group by point.thing_id, point.as_of
        """,
        {"quartile": "bigint"},
        [1],
    ),
    "ordered": GroupColumns(
        f"""
        select
            point.thing_id,
            point.as_of,
            list(event.amount {{{{ asof.in_order('event') }}}}) filter (where event.event_id is not null) as amounts,
            last(event.amount {{{{ asof.in_order('event') }}}}) as last_amount,
            string_agg(event.event_id, '>' {{{{ asof.in_order('event') }}}}) as path,
            sum(cast(event.amount as double) {{{{ asof.in_order('event') }}}}) as float_amount,
            arg_max(event.event_id, (event.amount, event.event_id)) as largest
        from {POINTS} as point
        {KNOWN}
        group by point.thing_id, point.as_of
        """,
        {
            "amounts": "decimal(12,2)[]",
            "last_amount": "decimal(12,2)",
            "path": "varchar",
            "float_amount": "double",
            "largest": "varchar",
        },
        [[Decimal("2.00"), Decimal("9.50"), Decimal("3.00")], Decimal("3.00"), "e-1>e-2>e-3", 14.5, "e-2"],
    ),
    "unnested": GroupColumns(
        f"""
        with part as (
            select point.thing_id, point.as_of, part.name
            from {POINTS} as point
            {KNOWN}
            left join unnest(string_split(event.event_id, '-')) as part (name) on true
        )
        select
            thing_id,
            as_of,
            count(distinct name) as parts,
            list_sort(list(distinct name order by name)) as part_names,
            (select cast(sum(size) as bigint) from (select unnest([1, 2, 3]) as size) as sizes) as sizes
        from part
        group by thing_id, as_of
        """,
        {"parts": "bigint", "part_names": "varchar[]", "sizes": "bigint"},
        [4, ["1", "2", "3", "e"], 6],
    ),
    "two_attributes": GroupColumns(
        f"""
        select point.thing_id, point.as_of, attribute.color as two_color, owner.owner
        from {POINTS} as point
        {{{{ asof.left_join_last_known(ref('stg_things'), as='attribute', on='thing_id') }}}}
        {{{{ asof.left_join_last_known(ref('stg_owners'), as='owner', on='thing_id') }}}}
        """,
        {"two_color": "varchar", "owner": "varchar"},
        ["red", "owner of a"],
    ),
    # a calendar has no key of the entity: the point is given its date
    "calendar": GroupColumns(
        f"""
        with point as (
            select thing_id, as_of, cast(as_of at time zone 'Europe/Berlin' as date) as day from {POINTS} as moment
        )
        select point.thing_id, point.as_of, calendar.day as holiday_on, calendar.holiday
        from point
        {{{{ asof.left_join_last_known(ref('stg_calendar'), as='calendar', on='day') }}}}
        """,
        {"holiday_on": "date", "holiday": "varchar"},
        [date(2026, 5, 1), "Labour Day"],
    ),
    "zones": GroupColumns(
        f"""
        select
            point.thing_id,
            point.as_of,
            cast(extract(hour from point.as_of at time zone 'Europe/Berlin') as integer) as berlin_hour,
            strftime(point.as_of at time zone 'Asia/Kolkata', '%H:%M') as kolkata_time,
            cast(date_trunc('day', point.as_of at time zone 'America/New_York') as date) as new_york_day,
            count(event.event_id) filter (
                where extract(hour from event.occurred_at at time zone 'Europe/Berlin') < 11
                and event.occurred_at > point.as_of - interval '1 day'
            ) as berlin_mornings,
            cast(date_diff('hour', min(event.occurred_at), point.as_of) as integer) as hours_known,
            date_trunc('day', point.as_of at time zone 'Europe/Berlin') at time zone 'Europe/Berlin' as berlin_midnight
        from {POINTS} as point
        {KNOWN}
        group by point.thing_id, point.as_of
        """,
        {
            "berlin_hour": "integer",
            "kolkata_time": "varchar",
            "new_york_day": "date",
            "berlin_mornings": "bigint",
            "hours_known": "integer",
            "berlin_midnight": "timestamptz",
        },
        [12, "15:30", date(2026, 5, 1), 2, 2, "2026-04-30 22:00:00+00"],
    ),
    # text that only looks like a leak
    "words": GroupColumns(
        f"""
        -- ref('stg_departures'), left_join_known( and now() over there
        /* {{{{ asof.last_moment }}}} left_join_known(ref('stg_departures')) */
        {{# ref('stg_departures') left_join_known( #}}
        select
            point.thing_id,
            point.as_of,
            'left_join_known( -- ref(''x'') now()  over' as note,
            count(handed.over) as handed_over
        from {POINTS} as point
        {KNOWN}
        left join (select 3 as over) as handed on event.amount >= handed.over
        group by point.thing_id, point.as_of
        """,
        {"note": "varchar", "handed_over": "bigint"},
        ["left_join_known( -- ref('x') now()  over", 2],
    ),
}

STAGING = {
    "stg_owners": "select 'o ' || thing_id as event_id, occurred_at, known_at, thing_id, "
    "'owner of ' || thing_id as owner from {{ source('raw', 'things') }}",
    "stg_calendar": "select 'labour day' as event_id, timestamptz '2026-01-01 00:00+00' as occurred_at, "
    "timestamptz '2026-01-01 00:00+00' as known_at, date '2026-05-01' as day, 'Labour Day' as holiday",
    # what staging does is not laid at the group's door, ephemeral or not: a window without a total order
    "base_marks": "select *, row_number() over (order by amount) as place, max(amount) over () as most "
    "from {{ source('raw', 'events') }}",
    "stg_marks": "with every as (select * from {{ ref('base_marks') }}) "
    "select event_id, occurred_at, known_at, thing_id, amount from every where amount > 2",
}
EPHEMERAL = ["base_marks", "stg_marks", "stg_places"]

SERVICE = """
with score_v2_rows as (select * from {{ ref('score_v2_rows') }}),
-- ref('stg_events') is not read here
limits as (select 100 as most),
local as (
    with moved as (select *, prediction_time at time zone 'Europe/Berlin' as local_time from score_v2_rows)
    select * from moved
),
answer as (
    select
        local.row_id,
        coalesce(local.request_color, local.color) as color,
        local.events_30d,
        cast(local.amount_total as double) as amount_total,
        {{ asof.hours_between('local.last_event_at', 'local.prediction_time') }} as hours_since_last_event,
        least(local.size, one.most) as place_size,
        local.request_amount,
        local.thing_status = 'OK' as is_known,
        cast(extract(hour from local.local_time) as integer) as local_hour,
        cast(list_sum(list_transform(local.amounts, lambda amount: amount * 2)) as decimal(12, 2)) as twice,
        local.peer_rank
    from local
    cross join limits as one
    cross join limits as two
)
select * from answer
"""
SERVICE_COLUMNS = """    versions:
      - v: 1
      - v: 2
        columns:
          - include: all
          - {name: local_hour, data_type: integer, description: Hour in Berlin.}
          - {name: twice, data_type: "decimal(12,2)", description: Twice all amounts.}
          - {name: peer_rank, data_type: bigint, description: The feature of that name.}
"""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> World:
    """One project with every honest construct in it, built at 10:00 and, after more events, at 11:00."""
    world = World(tmp_path_factory.mktemp("honest") / "world", template=parsed_world)
    models = world.folder / "models"
    (world.folder / "macros" / "window.sql").write_text(
        "{% macro quartile() %}ntile(4) over (partition by point.as_of order by count(event.event_id) desc, "
        "point.thing_id){% endmacro %}\n"
    )
    staged, groups = [], []
    for name, sql in STAGING.items():
        (models / "staging" / f"{name}.sql").write_text(sql + "\n")
        staged.append({"name": name, "description": "Honest.", "columns": [{"name": "event_id"}, {"name": "known_at"}]})
        if name != "base_marks":
            staged[-1]["data_tests"] = ["asof.events"]
        if name in EPHEMERAL:
            staged[-1]["config"] = {"materialized": "ephemeral"}
    world.replace(
        "models/staging/stg_places.yml",
        "description: One row per version.",
        "description: One row per version.\n    config: {materialized: ephemeral}",
    )
    for name, group in GROUPS.items():
        (models / "features" / f"{name}_v1.sql").write_text(group.sql)
        (models / "history" / f"{name}_v1_history.sql").write_text("{{ asof.history() }}\n")
        (models / "online" / f"{name}_v1_latest.sql").write_text("{{ asof.latest() }}\n")
        columns = {"thing_id": "varchar", "as_of": "timestamptz"} | group.features
        groups.append(
            {
                "name": name,
                "latest_version": 1,
                "description": "Honest.",
                "config": {"meta": {"owner": "tests", "max_age": "2 hours"}},
                "data_tests": ["asof.feature_group"],
                "columns": [{"name": n, "data_type": t, "description": n} for n, t in columns.items()],
                "versions": [{"v": 1}],
            }
        )
    (models / "staging" / "honest.yml").write_text(json.dumps({"models": staged}))
    (models / "features" / "honest.yml").write_text(json.dumps({"models": groups}))
    (models / "services" / "score_v2.sql").write_text(SERVICE)
    (models / "services" / "score_v2_rows.sql").write_text(
        "{{ asof.rows(['thing@1', 'place@1', 'ordered@1', 'peers@1']) }}\n"
    )
    (models / "training" / "score_v2_training.sql").write_text("{{ asof.training() }}\n")
    world.replace("models/services/score.yml", "    versions: [{v: 1}]\n", SERVICE_COLUMNS)

    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    # more things than a replay samples
    at = "2026-05-01 07:30+00"
    world.add("things", *((f"t{number}", "p", "blue", at, at) for number in range(121)), ("a", "p", "red", at, at))
    for number, (at, amount) in enumerate([("08:00", 2), ("08:30", 9.5), ("09:00", 3)], start=1):
        world.event(f"e-{number}", "a", f"2026-05-01 {at}", amount=amount)
    world.event("e-4", "t7", "2026-05-01 08:00")
    return world


@pytest.fixture(scope="module")
def built(honest: World) -> World:
    run = honest.build("2026-05-01 10:00")
    assert run.says("as number 1")
    return honest


@pytest.mark.parametrize("name", GROUPS)
def test_an_honest_group_is_built_and_right(built: World, name: str) -> None:
    selected = ", ".join(
        f"cast({feature} as varchar)" if kind == "timestamptz" else feature
        for feature, kind in GROUPS[name].features.items()
    )
    found = built.query(f"select {selected} from {name}_v1_history where thing_id = 'a'")
    assert [list(row) for row in found] == [GROUPS[name].values]


def test_an_honest_project_goes_on(built: World) -> None:
    """The second build replays the first moment from the record, and the API answers as the training row says."""
    built.event("e-5", "t7", "2026-05-01 10:30", amount=4)
    built.event("e-6", "t7", "2026-05-01 10:31", amount=4)
    built.event("e-7", "t7", "2026-05-01 10:32", amount=4)
    run = built.build("2026-05-01 11:00")
    assert run.says("as number 2")
    request = {"x": {"thing_id": "a", "request_amount": 1}, "y": {"thing_id": "t7", "request_amount": 1}}
    answers = built.ask("score@2", list(request.values()), "2026-05-01 11:30")["rows"]
    answered = {row_id: answer["features"] for row_id, answer in zip(request, answers, strict=True)}
    assert answered["x"] | {"local_hour": 13, "twice": 29.0, "peer_rank": 2, "place_size": 7} == answered["x"]
    assert answered["y"] | {"local_hour": 13, "twice": 26.0, "peer_rank": 1, "place_size": 7} == answered["y"]
    for row_id, columns in request.items():
        built.example(row_id, columns["thing_id"], "2026-05-01 11:30")
    trained = ["clock", "score_examples", "score_v2_rows", "score_v2_training"]
    built.dbt("run", "--select", *trained, now="2026-05-01 11:45")
    training = built.training("score_v2")
    for row_id, features in answered.items():
        assert {name: json.loads(json.dumps(training[row_id][name], default=float)) for name in features} == features


def test_a_value_of_a_group_with_common_tables_is_explained(built: World) -> None:
    """What a group gives without an event is found in its own text, ephemeral models and common tables included."""
    arguments = {"service": "score@2", "request": {"thing_id": "a"}, "at": "2026-05-01T10:30:00Z"}
    run = built.dbt("run-operation", "explain", "--args", json.dumps(arguments), now="2026-05-01 12:00")
    explained = json.loads(next(line for line in run.output.splitlines() if line.startswith("{")))
    groups = {group["group"]: group for group in explained["groups"]}
    assert {group["evaluated_again"] for group in groups.values()} == {"same"}
    newest = groups["peers@1"]["events"][0]["newest"][0]
    assert (newest["event"]["event_id"], newest["without_it"]["peer_most"]) == ("e-3", "2")
    assert groups["place@1"]["events"][0]["model"] == "stg_places"
