"""The unit of publication: a component goes out by itself, and what is held or not built is carried over.

score@1 with thing@1 and place@1 is one component, fraud@1 with card@1 another. FAIL names the test that fails.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.test_publication import assert_whole
from tests.world import World

CARDS = {
    "staging/stg_payments.sql": "select event_id, card_id, amount, occurred_at, known_at\n"
    "from {{ source('bank', 'payments') }}\n",
    "staging/stg_payments.yml": """sources:
  - name: bank
    schema: raw
    tables: [{name: payments, description: A row per payment., config: {meta: {known_at: known_at}}}]
models:
  - name: stg_payments
    description: One row per payment.
    data_tests: [asof.events]
    columns: [{name: event_id}, {name: occurred_at}, {name: known_at}]
""",
    "entities/cards.sql": "select card_id, min(known_at) as first_seen_at\n"
    "from {{ ref('stg_payments') }} group by card_id\n",
    "entities/cards.yml": """models:
  - name: cards
    description: One row per card.
    data_tests: [asof.entity]
    columns: [{name: card_id}, {name: first_seen_at}, {name: gone_at}]
""",
    "features/card_v1.sql": """select
    point.card_id,
    point.as_of,
    count(payment.event_id) as payments,
    cast(sum(payment.amount) as decimal(18, 2)) as spent
from {{ asof.points(ref('cards')) }} as point
{{ asof.left_join_known(ref('stg_payments'), as='payment', on='card_id') }}
group by 1, 2
""",
    "features/card.yml": """models:
  - name: card
    latest_version: 1
    description: One row per card and moment.
    config: {meta: {owner: tests, max_age: 2 hours}}
    data_tests: [asof.feature_group]
    columns:
      - {name: card_id, data_type: varchar, description: The card.}
      - {name: as_of, data_type: timestamptz, description: The moment.}
      - {name: payments, data_type: bigint, description: How many.}
      - {name: spent, data_type: "decimal(18,2)", description: How much.}
    versions: [{v: 1}]
""",
    "history/card_v1_history.sql": "{{ asof.history() }}\n",
    "online/card_v1_latest.sql": "{{ asof.latest() }}\n",
    "services/fraud_examples.sql": "select row_id, card_id, prediction_time, outcome, label_known_at\n"
    "from {{ source('bank', 'frauds') }}\n",
    "services/fraud_v1.sql": "select row_id, payments, spent from {{ ref('fraud_v1_rows') }}\n",
    "services/fraud_v1_rows.sql": "{{ asof.rows(['card@1']) }}\n",
    "services/fraud.yml": """models:
  - name: fraud_examples
    description: One row per payment that was looked at.
    config: {materialized: table, meta: {known_within: 0 seconds}}
    data_tests: [asof.examples]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: card_id, data_type: varchar, description: The card.}
      - {name: prediction_time, data_type: timestamptz, description: When asked.}
      - {name: outcome, data_type: boolean, description: What came of it., config: {meta: {label: true}}}
      - {name: label_known_at, data_type: timestamptz, description: When that was known.}
  - name: fraud
    latest_version: 1
    description: One row per card.
    config: {meta: {owner: tests}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: payments, data_type: bigint, description: How many.}
      - {name: spent, data_type: "decimal(18,2)", description: How much.}
    versions: [{v: 1}]
""",
    "training/fraud_v1_training.sql": "{{ asof.training() }}\n",
}
FAILING = "select 1 as problem where '{{ env_var('FAIL', '') }}' = '%s' -- {{ ref('%s') }}\n"
X = ["place@1", "score@1", "thing@1"]
PART_X = ("--select", "@thing.v1", "@place.v1")
PART_Y = ("--select", "@card.v1")


def add_cards(world: World) -> None:
    """fraud@1 and card@1, and a test that FAIL makes fail on each of score_v1, things, place_v1 and fraud_v1."""
    for name, text in CARDS.items():
        (world.folder / "models" / name).write_text(text)
    world.replace("models/staging/stg_payments.yml", "    tables: [", "    tables:\n      - ")
    world.replace(
        "models/staging/stg_payments.yml",
        "{meta: {known_at: known_at}}}]",
        "{meta: {known_at: known_at}}}\n"
        "      - {name: frauds, description: A row per request., config: {meta: {known_at: prediction_time}}}",
    )
    (world.folder / "tests").mkdir()
    for name in ("score_v1", "things", "place_v1", "fraud_v1"):
        (world.folder / "tests" / f"fails_{name}.sql").write_text(FAILING % (name, name.replace("_v1", "', v='1")))
    world.execute(
        "create table raw.payments (event_id varchar, card_id varchar, amount decimal(12,2), "
        "occurred_at timestamptz, known_at timestamptz)"
    )
    world.execute(
        "create table raw.frauds (row_id varchar, card_id varchar, prediction_time timestamptz, outcome boolean, "
        "label_known_at timestamptz)"
    )


def pay(world: World, number: int, at: str, card: str = "c") -> None:
    world.add("payments", (f"payment {number}", card, 10, f"{at}+00", f"{at}+00"))


def both(world: World, row_id: str, at: str) -> None:
    """An example of each service at a time."""
    world.example(row_id, "a", at, request_color="red")
    world.add("frauds", (row_id, "c", f"{at}+00", True, f"{at}+00"))


@pytest.fixture
def two(world: World) -> World:
    """Both components, with a thing at a place, a card, an event and a payment."""
    add_cards(world)
    world.add("places", ("p", 5, "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.event("e", "a", "2026-05-01 08:30", amount=1)
    pay(world, 1, "2026-05-01 08:30")
    return world


def groups(world: World) -> dict[str, Any]:
    """By group of the snapshot: its moment, run and file."""
    return {id: (each["as_of"][11:16], each["run_id"], each["file"]) for id, each in world.manifest["groups"].items()}


def moments(world: World) -> dict[str, str]:
    return {id: each[0] for id, each in groups(world).items()}


def held(world: World) -> dict[str, Any]:
    path = world.folder / "published" / "held.json"
    return json.loads(path.read_text())["held"] if path.exists() else {}


def score(world: World, now: str) -> dict[str, Any]:
    return world.ask("score", [{"thing_id": "a", "request_amount": 1}], f"2026-05-01 {now}")


def fraud(world: World, now: str) -> dict[str, Any]:
    return world.ask("fraud", [{"card_id": "c"}], f"2026-05-01 {now}")


def record_of(world: World, number: int) -> dict[str, str | None]:
    """By group of a publication: the moment that the record has, or none where it is lost."""
    return dict(
        world.query(
            "select group_id, strftime(as_of, '%H:%M') from asof_publications where sequence_number = ?", [number]
        )
    )


def test_a_failing_component_is_carried_over_and_the_others_go_out(two: World) -> None:
    """One group, service or entity test fails; then a part goes out each minute, beyond the age of the other."""
    world = two
    world.build("2026-05-01 10:00")
    both(world, "at 10:30", "2026-05-01 10:30")
    first = groups(world)
    world.event("e2", "a", "2026-05-01 10:30", amount=1)
    pay(world, 2, "2026-05-01 10:30")

    # the service fails: its groups stay too, file, moment and run
    run = world.build("2026-05-01 11:00", fails=True, FAIL="score_v1")
    assert run.says("published ")
    assert run.says(": card@1, fraud@1.")
    assert run.says("carried over: place@1, score@1, thing@1: failed tests: fails_score_v1. Served are place@1 as of")
    assert run.says("(3600 s old)")
    assert {id: each for id, each in groups(world).items() if id != "card@1"} == {
        id: each for id, each in first.items() if id != "card@1"
    }
    assert moments(world)["card@1"] == "11:00"
    assert_whole(world)
    made = {id: each["made_at"][11:16] for id, each in world.manifest["services"].items()}
    assert made == {"score@1": "10:00", "fraud@1": "11:00"}
    assert record_of(world, 2) == {"thing@1": "10:00", "place@1": "10:00", "card@1": "11:00"}
    # the rows of the run count for one group only
    assert [row[1].hour for row in world.history("card", "card_id, as_of")] == [10, 11]
    assert [row[1].hour for row in world.history()] == [10]
    assert world.query("select count(*) from thing_v1_history") == [(2,)]
    assert held(world).keys() == set(X)
    assert held(world)["score@1"] == {"since": "2026-05-01T11:00:00.000000Z", "reason": "failed tests: fails_score_v1."}
    answer = score(world, "11:01")
    assert answer["sequence_number"] == 2
    assert answer["as_of"] == {"thing": "2026-05-01T10:00:00Z", "place": "2026-05-01T10:00:00Z"}
    assert answer["rows"][0]["features"]["amount_total"] == 1.0
    with world.shim("2026-05-01 11:01") as client:
        ready = client.get("/ready/score").get_json()
        catalog = client.get("/v1/catalog").get_json()
        page, metrics = client.get("/").get_data(as_text=True), client.get("/metrics").get_data(as_text=True)
    shown = json.loads(json.dumps(held(world)).replace(".000000Z", "Z"))
    assert ready["held"] == shown
    assert {id: at[11:16] for id, at in ready["groups"].items()} == {"thing@1": "10:00", "place@1": "10:00"}
    made = {each["group"]: (each["made_at"][11:16], each["held"]) for each in catalog["groups"]}
    assert made == {"card@1": ("11:00", None)} | {id: ("10:00", shown[id]) for id in ("place@1", "thing@1")}
    assert "Held since 2026-05-01T11:00:00Z: failed tests: fails_score_v1." in page
    assert 'asof_held_seconds{id="score@1"} 60.0' in metrics
    assert fraud(world, "11:01")["rows"][0]["features"] == {"payments": 2, "spent": 20.0}

    # the entity's test fails: all that is made of it is held, since the first time
    world.build("2026-05-01 11:30", fails=True, FAIL="things")
    assert (moments(world)["card@1"], moments(world)["place@1"]) == ("11:30", "10:00")
    assert held(world)["thing@1"]["since"] == "2026-05-01T11:00:00.000000Z"
    assert held(world)["thing@1"]["reason"] == "failed tests: fails_things."

    # right, and the same value again: compared with what counts, it is a row of its own moment
    world.build("2026-05-01 12:00")
    assert [(row[1].hour, float(row[2])) for row in world.history(columns="thing_id, as_of, amount_total")] == [
        (10, 1.0),
        (12, 2.0),
    ]
    assert held(world) == {}

    # a part each minute: the record has the other too, and so do answers and training
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 1 hour")
    for minute in ("12:01", "13:59"):
        run = world.build(f"2026-05-01 {minute}", *PART_Y)
        assert run.says("carried over: place@1, score@1, thing@1: not built whole by the last run.")
    assert record_of(world, 5) == record_of(world, 4) | {"card@1": "12:01"}
    assert world.manifest["groups"]["thing@1"]["max_age_seconds"] == 7200
    assert world.build("2026-05-01 13:59", *PART_Y).says("nothing published: tables, definitions and moments equal")
    run = world.build("2026-05-01 13:59:30", "--select", "+thing_v1_latest", "+place_v1_latest")
    assert run.says("nothing published: card@1, fraud@1: not built whole by the last run.")
    assert held(world) == {}
    for row_id, at in (("old", "14:00"), ("older", "14:00:00.000001")):
        both(world, row_id, f"2026-05-01 {at}")
    assert score(world, "14:00:00")["rows"][0]["groups"] == {"thing": "OK", "place": "OK"}
    assert score(world, "14:00:00.000001")["rows"][0]["groups"] == {"thing": "STALE", "place": "STALE"}
    number = world.pointer["sequence_number"]

    # a kill between pointer and record, with carried parts
    pay(world, 3, "2026-05-01 14:05")
    world.killed_at("after_pointer", "build", *PART_Y, now="2026-05-01 14:10")
    run = world.build("2026-05-01 14:11", *PART_Y)
    assert run.says(f"publication {number + 1} was made but not recorded")
    assert record_of(world, number + 1) == {"thing@1": "12:00", "place@1": "12:00", "card@1": "14:10"}

    # rolled back whole, released, a part built: the other stays as in that snapshot
    world.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2026-05-01 14:20")
    world.dbt("run-operation", "release", now="2026-05-01 14:21")
    world.build("2026-05-01 14:30", *PART_X)
    assert moments(world) == {"thing@1": "14:30", "place@1": "14:30", "card@1": "10:00"}
    assert world.manifest["groups"]["thing@1"]["max_age_seconds"] == 3600
    assert fraud(world, "14:31")["rows"][0]["status"] == "STALE"
    world.build("2026-05-01 15:00")
    training = world.training()
    assert {row_id: (row["status"], row["amount_total"]) for row_id, row in training.items()} == {
        "at 10:30": ("OK", 1.0),
        "old": ("OK", 2.0),
        "older": ("STALE", None),
    }
    assert {id: row["payments"] for id, row in world.training("fraud_v1").items()} == {
        "at 10:30": 1,
        "old": 2,
        "older": 2,
    }


def test_what_is_not_in_the_snapshot_stays_out_until_it_is_green(two: World) -> None:
    """Born later, backfilled, rolled back past its birth; half a source; a lost group is carried as lost."""
    world = two
    for file in ("features/card.yml", "services/fraud.yml"):
        world.replace(f"models/{file}", "owner: tests", "owner: tests, publish: false")
    world.build("2026-05-01 09:00")
    for file in ("features/card.yml", "services/fraud.yml"):
        world.replace(f"models/{file}", "owner: tests, publish: false", "owner: tests")
    world.backfill(
        "2026-05-01T08:40", "2026-05-01T09:10", "10 minutes", now="2026-05-01 09:20", groups="card_v1_history"
    )
    both(world, "before its birth", "2026-05-01 09:15")
    run = world.build("2026-05-01 09:30", *PART_X)
    assert run.says("left out: card@1, fraud@1: not built whole by the last run")
    world.build("2026-05-01 10:00")
    assert moments(world).keys() == {"thing@1", "place@1", "card@1"}
    assert world.training("fraud_v1")["before its birth"]["is_backfilled"]
    assert not world.training()["before its birth"]["is_backfilled"]

    older = shutil.copy(world.folder / "warehouse.duckdb", world.folder / "older.duckdb")
    world.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2026-05-01 10:10")
    world.dbt("run-operation", "release", now="2026-05-01 10:11")
    both(world, "past its birth", "2026-05-01 10:15")
    world.build("2026-05-01 10:20", *PART_X)
    assert moments(world).keys() == {"thing@1", "place@1"}
    with world.shim("2026-05-01 10:21") as client:
        assert client.get("/v1/services/fraud?card_id=c").status_code == 404
    both(world, "past its birth, too", "2026-05-01 10:25")
    run = world.build("2026-05-01 10:30")
    assert run.says("fraud@1: 1 training rows of 3 examples; left out: 2 without a snapshot")

    # half of a source: the test sees it, the other component goes out, and no departure is remembered
    world.thing("b", "2026-05-01 10:31")
    world.build("2026-05-01 10:40")
    world.execute("create table raw.kept as from raw.things")
    world.execute("delete from raw.things where thing_id = 'b'")
    world.build("2026-05-01 11:00", fails=True, FAIL="things")
    assert (moments(world)["thing@1"], moments(world)["card@1"]) == ("10:40", "11:00")
    world.execute("insert into raw.things from raw.kept where thing_id = 'b'")
    world.build("2026-05-01 11:10")
    assert world.query("select gone_at from things where thing_id = 'b'") == [(None,)]
    assert [row[0] for row in world.history(columns="is_tombstone") if row[0]] == []
    # the entity is built anew by another run, which fails: what an earlier run made of it does not go out
    world.dbt("run", now="2026-05-01 11:20")
    world.dbt("run", "--select", "clock", "things", now="2026-05-01 11:21")
    run = world.dbt("test", now="2026-05-01 11:22")
    assert run.says("nothing published: card@1, fraud@1: not built whole by the last run.")

    # an older warehouse under a newer pointer: what is lost is carried as lost, until it is built
    (world.folder / "warehouse.duckdb.wal").unlink(missing_ok=True)
    shutil.copy(older, world.folder / "warehouse.duckdb")
    number = world.pointer["sequence_number"]
    world.dbt("run-operation", "accept_loss", "--args", "{reason: disk}", now="2026-05-01 12:00")
    before = groups(world)["thing@1"]
    world.killed_at("after_pointer", "build", *PART_Y, now="2026-05-01 12:10")
    run = world.build("2026-05-01 12:11", *PART_Y)
    assert run.says(f"publication {number + 1} was made but not recorded")
    assert groups(world)["thing@1"] == before
    assert record_of(world, number + 2) == {"thing@1": None, "place@1": None, "card@1": "12:11"}
    assert score(world, "12:12")["rows"][0]["status"] == "OK"
    world.build("2026-05-01 12:20", *PART_X)
    assert record_of(world, number + 3) == {"thing@1": "12:20", "place@1": "12:20", "card@1": "12:11"}
