"""Sources that do not keep their word."""

from tests.world import World


def test_a_source_whose_rows_turn_up_after_their_known_at_is_named_with_the_delay(world: World) -> None:
    world.thing("a", "2026-01-01 00:00")
    world.event("e1", "a", "2026-05-01 08:00")
    world.build("2026-05-01 09:00")
    world.event("e2", "a", "2026-05-01 08:59:58")  # stamped before the moment, visible after it

    run = world.build("2026-05-01 09:00:05", fails=True)
    assert run.says("the source stg_events backdates: 1 of its rows were known at 2026-05-01 09:00:00")
    assert run.says("1 rows became visible after their known_at, by up to 7.0 s")
    assert run.says("as in {{ asof.known_after('loaded_at', '10 minutes') }} as known_at")
    assert world.pointer["sequence_number"] == 1

    # a settle time in staging says when rows are really there; what was evaluated stays explained
    world.replace(
        "models/staging/stg_events.sql", "known_at,", "{{ asof.known_after('known_at', '10 seconds') }} as known_at,"
    )
    world.build("2026-05-01 09:01")
    assert world.pointer["sequence_number"] == 2


def test_a_repair_of_old_data_can_be_accepted_with_a_reason(world: World) -> None:
    world.thing("a", "2026-01-01 00:00")
    world.build("2026-05-01 09:00")
    world.event("old", "a", "2026-03-01 00:00")
    assert world.build("2026-05-01 10:00", fails=True).says("stg_events backdates")

    world.dbt(
        "run-operation", "accept_backdating", "--args", "{event_model: stg_events, reason: reloaded March}",
        now="2026-05-01 10:00",
    )  # fmt: skip
    world.build("2026-05-01 10:00")
    assert world.query("select id, reason from asof_accepted") == [("stg_events", "reloaded March")]
    assert world.query("select events_lifetime from thing_v1_latest") == [(1,)]


def test_a_person_can_be_erased_from_history_and_from_what_is_served(world: World) -> None:
    world.thing("a", "2026-01-01 00:00")
    world.thing("b", "2026-01-01 00:00")
    world.add("places", ("p", 7, "2026-01-01 00:00+00", "2026-01-01 00:00+00"))
    (world.folder / "models/staging/stg_tags.sql").write_text(
        "{{ config(materialized='observed', unique_key='thing_id') }}\n"
        "select thing_id, color from {{ source('raw', 'things') }}\n"
    )
    world.build("2026-05-01 09:00")
    assert world.query("select distinct thing_id from stg_tags order by 1") == [("a",), ("b",)]
    world.execute("delete from raw.things where thing_id = 'a'")
    arguments = ("run-operation", "erase", "--args", "{entity: things, key: {thing_id: a}, reason: request 117}")
    world.dbt(*arguments, now="2026-05-01 10:00")
    world.build("2026-05-01 10:00")

    assert world.query("select distinct thing_id from thing_v1_history") == [("b",)]
    assert world.query("select thing_id from things") == [("b",)]
    assert world.query("select distinct thing_id from stg_tags") == [("b",)]
    answer = world.ask("score", [{"thing_id": "a", "request_amount": 1, "request_color": "red"}], "2026-05-01 10:01")
    assert answer["rows"][0]["status"] == "NOT_FOUND"
    assert world.query("select id, definition, reason from asof_accepted") == [("things", "erasure", "request 117")]

    # their record went along, else that build would have failed; anything else that befalls history is seen
    world.execute("update thing_v1_history set color = 'blue' where as_of = '2026-05-01 09:00+00'")
    world.execute("delete from place_v1_history where as_of = '2026-05-01 09:00+00'")
    planted = "select * replace ('z' as thing_id, timestamptz '2026-05-01 10:00+00' as as_of) from thing_v1_history"
    run_id = "(select run_id from asof_moments where group_id = 'thing@1' and as_of = '2026-05-01 10:00+00')"
    world.execute(f"insert into thing_v1_history select * replace ({run_id} as run_id) from ({planted}) as planted")
    run = world.dbt(
        "test", "--select", "asof_feature_group_thing_v1_", "asof_feature_group_place_v1_", now=None, fails=True
    )
    rule = "its history is not what was recorded of a moment that counts (it is append-only)"
    added = "{'what': rows added, 'as_of': '2026-05-01 10:00:00+00"
    assert run.says(f"asof_feature_group_thing_v1_: {rule} | 2 | {added}")
    assert run.says(
        f"asof_feature_group_place_v1_: {rule} | 1 | {{'what': rows removed, 'as_of': '2026-05-01 09:00:00+00"
    )
    world.execute("delete from thing_v1_history where thing_id = 'z'")
    run = world.dbt("test", "--select", "asof_feature_group_thing_v1_", now=None, fails=True)
    assert run.says(f"{rule} | 1 | {{'what': rows changed, 'as_of': '2026-05-01 09:00:00+00")
