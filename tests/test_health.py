"""Health: what collapses holds its component, YAML sets the limits, and a new normal is accepted."""

from __future__ import annotations

import json
from typing import Any

from tests.world import World

THINGS = [f"t{number:03}" for number in range(100)]
GROUP = "models/features/thing.yml"

# two runs that find something, and one between them that does not; of column y more than a day before
FIND = """{% macro find() %}
    {% set found = [] %}
    {% for level, column in [('hold', 'x'), ('warn', 'x'), ('warn', 'y')] %}
        {% do found.append({'rule': 'mean', 'level': level, 'kind': 'group', 'subject': 'g@1', 'column_name': column,
            'was': '1', 'found': '3', 'allowed': '2'}) %}
    {% endfor %}
    {% set judged = [['group', 'g@1']] %}
    {% do asof.keep_findings({'findings': found, 'judged': judged}, 'r1') %}
    {% do asof.keep_findings({'findings': [], 'judged': judged}, 'r2') %}
    {% do run_query("update asof_findings set ended_at = ended_at - interval '25 hours' where column_name = 'y'") %}
    {% do asof.keep_findings({'findings': found, 'judged': judged}, 'r3') %}
    {% for hours in [23, 25] %}
        {% do run_query("update asof_findings set ended_at = timestamptz '2026-05-01 13:00+00' - interval '" ~ hours
            ~ " hours' where column_name = 'x'") %}
        {% do print(hours ~ ': ' ~ asof.findings_in_health([]) | map(attribute='part_of') | list) %}
    {% endfor %}
{% endmacro %}
"""


def health_of(world: World) -> dict[str, Any]:
    return json.loads((world.folder / "published" / "health.json").read_text())


def findings(world: World, standing: bool = True) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(level, times, id) of those that hold or held, by rule and where."""
    rows = world.query(
        "select rule, concat_ws('.', subject, nullif(column_name, '')), level, times, finding_id from asof_findings "
        f"where level = 'hold' and (ended_at is null) = {standing}"
    )
    return {(rule, where): (level, times, id_) for rule, where, level, times, id_ in rows}


def colors(world: World, at: str, color: str | None) -> None:
    """A new version of each thing."""
    world.add("things", *[(thing, "p", color, f"{at}+00", f"{at}+00") for thing in THINGS])


def test_a_collapse_is_held_until_it_is_loosened_accepted_or_switched_off(world: World) -> None:
    """One life: healthy; colors null and half of the things gone; loosened; accepted; amounts gone; switched off."""
    world.add("places", ("p", 7, "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    world.add(
        "things",
        *[
            (thing, "p", ("red", "blue")[place % 2] if place else "ultraviolet", *["2026-05-01 08:00+00"] * 2)
            for place, thing in enumerate(THINGS)
        ],
    )
    world.add("events", *[(thing, thing, 2, *["2026-05-01 08:30+00"] * 2, False) for thing in THINGS])
    # a service that gives what it looked up under a name of its own
    world.replace("models/services/score.yml", "{name: color,", "{name: hue,")
    world.replace("models/services/score_v1.sql", "as color,", "as hue,")
    # a kill after the publication leaves the report to the next command
    world.killed_at("before_health", "build", now="2026-05-01 10:00")
    assert not (world.folder / "published" / "health.json").exists()
    world.dbt("test", now="2026-05-01 10:00")
    assert world.pointer["sequence_number"] == 1
    assert findings(world) == {}
    published = health_of(world)
    assert published["findings"] == []
    assert published["feeds"]["stg_events"]["newest_known_at"] == "2026-05-01T08:30:00Z"
    assert published["groups"]["thing@1"]["feeds"] == ["stg_things", "stg_events"]
    columns = published["profiles"]["group:thing@1"]["columns"]
    assert columns["color"]["top"] == [["blue", 50], ["red", 49], ["ultraviolet", 1]]
    assert columns["thing_id"]["top"] is None  # a key
    assert columns["amount_total"]["mean"] == [2.0]
    assert world.manifest["groups"]["thing@1"]["features"][1]["profile"]["rows"] == 100

    for place, thing in enumerate(["t000", "t000", "t001", "t001"]):
        world.example(f"r{place}", thing, "2026-05-01 10:30")
    colors(world, "2026-05-01 10:30", None)
    world.add("departures", *[(thing, *["2026-05-01 10:40+00"] * 2) for thing in THINGS[50:]])
    run = world.build("2026-05-01 11:00", fails=True)
    held = findings(world)
    assert set(held) == {("null_rate", "thing@1.color"), ("rows", "thing@1")}
    assert run.says("held by its health: thing@1.color: null_rate is 1.0 and was 0.0; the limit is 0.5")
    assert run.says("dbt run-operation accept_health --args '{id: thing@1.color, reason: \"...\"}'")
    assert world.pointer["sequence_number"] == 1
    told = json.loads((world.folder / "published" / "held.json").read_text())["held"]
    assert set(told) == {"place@1", "score@1", "thing@1"}
    shown = {(each["rule"], each["column"]): each for each in health_of(world)["findings"] if each["level"] == "hold"}
    assert set(shown) == {("null_rate", "color"), ("rows", "")}
    assert shown["rows", ""]["components"] == ["place@1", "score@1", "thing@1"]

    # one line loosens a rule; the other finding is still the one that it was
    world.replace(GROUP, "max_age: 2 hours}", "max_age: 2 hours, health: {rows: {hold: 0.2}}}")
    world.build("2026-05-01 11:30", fails=True)
    color = ("null_rate", "thing@1.color")
    assert findings(world) == {color: ("hold", 2, held[color][2])}
    assert ("rows", "thing@1") in findings(world, standing=False)

    accept = "{id: thing@1.colour, reason: no colors any more}"
    refused = world.dbt("run-operation", "accept_health", "--args", accept, now="2026-05-01 11:40", fails=True)
    assert refused.says("there is no profile of thing@1.colour")
    accept = "{id: thing@1.color, reason: no colors any more}"
    world.dbt("run-operation", "accept_health", "--args", accept, now="2026-05-01 11:40")
    world.dbt("test", now="2026-05-01 11:50")
    assert world.pointer["sequence_number"] == 2
    assert findings(world) == {}
    assert world.query("select id, definition, reason from asof_accepted") == [
        ("thing@1.color", "health", "no colors any more")
    ]

    # what is compared with outlives a full refresh
    profiles = world.query("select count(*) from asof_profiles")
    world.add("events", *[(thing, thing, 2, "2026-05-01 08:30+00", "2026-05-01 11:55+00", True) for thing in THINGS])
    world.build("2026-05-01 12:00", "--full-refresh", fails=True)
    assert world.query("select count(*) from asof_profiles") > profiles
    assert ("null_rate", "thing@1.amount_total") in findings(world)
    off = "config: {meta: {health: {null_rate: false}, range: [-1000, 100000]}}"
    world.replace(GROUP, "config: {meta: {range: [-1000, 100000]}}", off)
    world.replace(GROUP, "description: Last event.}", "description: Last event., config: {meta: {health: false}}}")
    world.build("2026-05-01 12:30")
    assert world.pointer["sequence_number"] == 3

    # a value that only one person had is gone from the profiles with that person
    top = "select count(*) from asof_profiles where (top like '%ultraviolet%' or maximum = 'ultraviolet')"
    assert world.query(f"{top} and column_name = 'color'")[0][0] > 0
    assert world.query(f"{top} and column_name = 'hue'")[0][0] > 0
    erase = "{entity: things, key: {thing_id: t000}, reason: request 117}"
    world.dbt("run-operation", "erase", "--args", erase, now="2026-05-01 12:40")
    assert world.query(top) == [(0,)]
    assert world.query("select count(*) > 0 from asof_profiles where top like '%red%' and top like '%blue%'") == [
        (True,)
    ]

    # a warning that returns within a day of its end is the one that it was; a hold is not, nor is a later warning;
    # that of a second column within a day is part of the first
    (world.folder / "macros" / "find.sql").write_text(FIND)
    found = world.dbt("run-operation", "find", now="2026-05-01 13:00")
    ids = "select level, column_name, list(times order by last_run_id) from asof_findings where subject = 'g@1' "
    assert world.query(f"{ids} group by all order by all") == [
        ("hold", "x", [1, 1]),
        ("warn", "x", [2]),
        ("warn", "y", [1, 1]),
    ]
    first = world.query(
        "select finding_id from asof_findings where subject = 'g@1' and level = 'warn' and column_name = 'x'"
    )
    parts = "select distinct column_name, part_of from asof_findings where subject = 'g@1' and part_of is not null"
    assert world.query(parts) == [("y", first[0][0])]
    # which is sent by itself once the first has been gone for a day
    assert found.says(f"23: ['{first[0][0]}']")
    assert found.says("25: [None]")
