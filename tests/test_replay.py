"""Past points are evaluated again in every run: what was rewritten, leaked or edited since is found, and named."""

from __future__ import annotations

from tests.world import World

DIFFERS = "evaluated again, a past point differs from what was recorded"
# it forges the alias of our joins, without which the build refuses it (test_refusals.py)
LEAK = (
    "{% macro every_event() %}left join (select * from {{ ref('stg_events') }} as asof_forged) as every "
    "on every.thing_id = point.thing_id and every.occurred_at <= point.as_of{% endmacro %}"
)


def test_a_rewritten_past_is_found_named_and_can_be_accepted(world: World) -> None:
    world.thing("a", "2026-05-01 07:00")
    world.thing("b", "2026-05-01 07:00")
    world.event("e1", "a", "2026-05-01 08:00", amount=10)
    world.build("2026-05-01 10:00")
    # late, corrected and new rows are lawful: the past comes out as it was recorded
    world.event("e2", "a", "2026-05-01 09:30", "2026-05-01 10:30", amount=5)
    world.event("e1", "a", "2026-05-01 08:00", "2026-05-01 10:40", amount=11)
    world.event("e3", "b", "2026-05-01 10:50", amount=7)
    world.build("2026-05-01 11:00")
    world.build("2026-05-01 12:00")
    assert world.pointer["sequence_number"] == 3

    # a row changed in place: no new version, no later known_at, as many rows as before
    world.execute("update raw.events set amount = 99 where event_id = 'e2'")
    run = world.build("2026-05-01 13:00", fails=True)
    assert run.says(DIFFERS)
    assert run.says("'thing_id': a")
    assert run.says("16.00 was recorded, 110.00 comes out now")
    assert world.pointer["sequence_number"] == 3

    accept = "{group: thing@1, reason: 'the source mended e2'}"
    world.dbt("run-operation", "accept_restatement", "--args", accept, now="2026-05-01 13:10")
    assert world.query("select definition, reason from asof_accepted") == [("restatement", "the source mended e2")]
    world.build("2026-05-01 14:00")
    assert world.pointer["sequence_number"] == 4
    # what was served stays on record, and replay watches on from there
    assert (110,) in world.query("select amount_total from thing_v1_history where thing_id = 'a'")
    assert (16,) in world.query("select amount_total from thing_v1_history where thing_id = 'a'")
    world.execute("update raw.events set amount = 100 where event_id = 'e2'")
    assert world.build("2026-05-01 15:00", fails=True).says(DIFFERS)
    # a source that keeps its rows for an hour cannot tell what was before
    yaml = "models/staging/stg_events.yml"
    world.replace(yaml, "    data_tests:", "    config: {meta: {retention: 1 hour}}\n    data_tests:")
    world.build("2026-05-01 16:00")


def test_a_leak_of_late_rows_is_found_among_many_entities(world: World) -> None:
    """Half of the sample is what late rows reach back over: one thing of five hundred is enough."""
    (world.folder / "macros" / "leak.sql").write_text(LEAK)
    feature = "count(event.event_id) as events_lifetime"
    world.replace("models/features/thing_v1.sql", feature, "count(distinct every.event_id) as events_lifetime")
    world.replace("models/features/thing_v1.sql", "group by", "{{ every_event() }}\ngroup by")
    rows = [(f"t{n:03}", "p", "red", "2026-05-01 07:00+00", "2026-05-01 07:00+00") for n in range(500)]
    world.add("things", *rows)
    world.build("2026-05-01 10:00")
    world.event("late", "t321", "2026-05-01 09:00", "2026-05-01 10:30")
    run = world.build("2026-05-01 11:00", fails=True)
    assert run.says(DIFFERS)
    # the source did not change: what to do first is to run the proof, not to accept
    assert run.says(f"{DIFFERS}. Run `asof prove`. If it is red, a model lets in what was not known then")
    assert run.says("'thing_id': t321")
    assert run.says("0 was recorded, 1 comes out now")
    run = world.dbt("build", "--vars", "asof_replay: false", now="2026-05-01 12:00")
    assert not run.says(DIFFERS)
