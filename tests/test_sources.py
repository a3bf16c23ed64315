"""Sources that do not keep their word."""

import re
from typing import Any

import duckdb
import pytest

from asof.lateness import advice, lateness, lines
from tests.world import ROOT, World


def test_a_source_whose_rows_turn_up_after_their_known_at_is_named_with_the_delay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.thing("a", "2026-01-01 00:00")
    world.event("e1", "a", "2026-05-01 08:00")
    world.build("2026-05-01 08:50")
    world.event("e2", "a", "2026-05-01 08:55")
    world.build("2026-05-01 09:00")
    # stamped before the moment, visible after it
    world.event("e3", "a", "2026-05-01 08:59:58")
    world.event("e4", "a", "2026-05-01 08:52")

    run = world.build("2026-05-01 09:00:05", fails=True)
    assert run.says("the source stg_events backdates: 2 of its rows were known at 2026-05-01 09:00:00")
    assert run.says("2 rows became visible after their known_at, by up to 305.0 s")
    assert run.says(
        "as in {{ asof.known_after('loaded_at', '10 minutes') }} as known_at; `asof lateness` says how long"
    )
    assert world.pointer["sequence_number"] == 2

    for name, value in world.environment("2026-05-01 09:00:05").items():
        monkeypatch.setenv(name, value)
    found = {each["model"]: each for each in lateness(project=world.folder)}
    assert found["stg_things"]["settle_times"][0] == {"seconds": 0, "rows": 0, "missed": 0, "runs": 0}
    events = found["stg_events"]
    assert (events["runs"], events["from"], events["to"]) == (1, *["2026-05-01T09:00:00.000000Z"] * 2)
    # due in the ten minutes before 09:00, 08:59, 08:55 and 08:45; seen were e1 (long before) and e2
    missed = [(each["seconds"], each["rows"], each["missed"]) for each in events["settle_times"]]
    assert missed[:5] == [(0, 3, 2), (60, 2, 1), (300, 2, 1), (900, 0, 0), (3600, 1, 0)]
    said = "\n".join(lines([events]))
    assert ["none", "more", "3", "2", "66.67%", "1"] in [each.split() for each in said.splitlines()]
    line = "{{ asof.known_after('known_at', '15 minutes') }} as known_at"
    assert f"  Write in models/staging/stg_events.sql: `{line}`" in said

    # a settle time in staging says when rows are really there; e2 was served sooner, and that is accepted
    world.replace("models/staging/stg_events.sql", "known_at,", f"{line},")
    accepted = "{group: thing@1, reason: settle time}"
    world.dbt("run-operation", "accept_restatement", "--args", accepted, now="2026-05-01 09:00:30")
    world.build("2026-05-01 09:01")
    assert world.pointer["sequence_number"] == 3
    # what was seen under another known_at is not compared with what there is now
    assert world.query("select count(distinct definition) from asof_due_rows where event_model = 'stg_events'") == [
        (2,)
    ]


@pytest.mark.parametrize(
    ("sql", "safety_lag", "late", "said"),
    [
        ("loaded_at as known_at,", None, 60, "{{ asof.known_after('loaded_at', '5 minutes') }} as known_at`"),
        ("min(loaded_at) as known_at", None, 0, "{{ asof.known_after('min(loaded_at)', '1 minute') }} as known_at`"),
        (
            "{{ asof.known_after('loaded_at', '10 minutes') }} as known_at",
            None,
            300,
            "{{ asof.known_after('loaded_at', '25 minutes') }} as known_at`",
        ),
        ("{{ asof.known_after('at') }} as known_at", "1 hour", 3600, "`config: {meta: {safety_lag: 5 hours}}`"),
        ("known_at", None, 604800, "Rows came more than 7 days late."),
        ("known_at", None, None, "there is nothing to write"),
    ],
)
def test_the_line_to_write_holds_the_delay_that_there_is_already(
    sql: str, safety_lag: str | None, late: int | None, said: str
) -> None:
    """late: the longest of the settle times that missed a row."""
    tried = [0, 60, 300, 900, 3600, 14400, 86400, 172800, 604800]
    rungs = [{"seconds": s, "rows": 9, "missed": int(late is not None and s <= late), "runs": 1} for s in tried]
    found: dict[str, Any] = {"file": "stg.sql", "sql": sql, "safety_lag": safety_lag, "runs": 1, "settle_times": rungs}
    assert said in advice(found)


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


def put_file(world: World, name: str, occurred: str, loaded: str) -> None:
    """A file of the lake, as docs/lake.md lays it out, with one transaction."""
    folder = world.folder / "lake" / "transactions" / f"loaded_on={loaded[:10]}"
    folder.mkdir(parents=True, exist_ok=True)
    sql = f"""
        select '{name}' as transaction_id, 'c' as card_id, cast(1 as decimal(12, 2)) as amount,
            timestamptz '{occurred}+00' as occurred_at, timestamptz '{loaded}+00' as loaded_at
    """
    with duckdb.connect() as connection:
        connection.sql(sql).write_parquet(str(folder / f"{name}.parquet"))


def test_events_in_a_lake_are_read_as_the_docs_say(world: World) -> None:
    """docs/lake.md to the letter; a file that comes after its settle time holds the build."""
    text = (ROOT / "docs" / "lake.md").read_text()
    source, model = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("yaml", "sql"))
    (world.folder / "models/lake.yml").write_text(source)
    (world.folder / "models/staging/stg_transactions.sql").write_text(model)
    (world.folder / "models/staging/stg_events.sql").write_text(
        "select event_id, occurred_at, known_at, card_id as thing_id, amount, false as is_retracted\n"
        "from {{ ref('stg_transactions') }}\n"
    )
    world.thing("c", "2026-04-01 00:00")
    put_file(world, "before_the_first_day", "2024-12-31 20:00", "2024-12-31 20:01")
    put_file(world, "a", "2026-04-30 20:00", "2026-04-30 20:01")
    put_file(world, "b", "2026-05-01 09:51", "2026-05-01 09:52")
    world.backfill(
        "2026-05-01 10:00", "2026-05-01 10:15", "15 minutes", now="2026-05-01 10:16", groups="thing_v1_history"
    )
    assert world.history(columns="strftime(as_of, '%H:%M'), events_lifetime") == [("10:00", 1), ("10:15", 2)]

    put_file(world, "within_its_settle_time", "2026-05-01 10:05", "2026-05-01 10:06")
    put_file(world, "later", "2026-05-01 10:03", "2026-05-01 10:04")
    run = world.dbt("run", "--select", "+thing_v1_history", now="2026-05-01 10:30", fails=True)
    assert run.says("the source stg_events backdates: 2 of its rows were known at 2026-05-01 10:15:00")
    assert run.says("and now 3 are")
    assert world.dbt("source", "freshness", now="2026-05-01 11:30").says("WARN freshness of lake.transactions")
