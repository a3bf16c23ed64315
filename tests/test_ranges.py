"""Declared ranges and categories bind: of what is sent by a 422, of what a service returns by its status.

What callers sent holds no publication, whatever it was.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_lookups import assert_same
from tests.world import World

EXAMPLES = """\
select row_id, thing_id, prediction_time, request_amount, request_color, outcome, label_known_at
from {{ source('raw', 'examples') }}
union all
select
    row_id, thing_id, prediction_time, request_amount, request_color, true as outcome, prediction_time as label_known_at
from {{ asof.logged('score') }} as logged
"""
# What is declared of columns of the service, and of its examples, once requests were logged
DECLARED = {
    "{name: request_amount, data_type: double, description: Sent along.": "{range: [0, 100]}",
    "{name: request_color, data_type: varchar, description: Sent along., config: {meta: {optional: true": (
        "{optional: true, categories: [blue, red]}"
    ),
    "{name: events_30d, data_type: bigint, description: Events in 30 days.": "{range: [0, 1]}",
    "{name: amount_total, data_type: double, description: Sum.": "{range: [0, 10], out_of_range: null}",
    "{name: place_size, data_type: integer, description: Size of its place.": (
        "{range: [null, 10], out_of_range: null, missing: reject}"
    ),
}
LOGGED = {  # by the request's number: what was sent, before anything was declared
    0: {"thing_id": "few", "request_amount": 1.5},
    1: {"thing_id": "few", "request_amount": -5.0},
    2: {"thing_id": "few", "request_amount": 1.5, "request_color": "zebra"},
    3: {"thing_id": "many", "request_amount": 1.5},
    4: {"thing_id": "rich", "request_amount": 100.0},
    5: {"thing_id": "large", "request_amount": 1.5},
    6: {"thing_id": "few", "request_amount": 5.0},  # the ratio is infinite
    7: {"thing_id": "few", "request_amount": 1.7976931348623157e308},
}


class Ranged:
    """A world whose requests were logged, and whose ranges were declared then."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.logged = world.ask("score", list(LOGGED.values()), "2026-05-01 10:30", is_logged=True)["rows"]
        yaml = world.folder / "models/services/score.yml"
        for column, meta in DECLARED.items():
            text, head = yaml.read_text(), column.split(", config")[0]
            assert text.count(column) == 1
            tail = "}" * (column.count("{") - column.count("}"))
            yaml.write_text(text.replace(column + tail, f"{head}, config: {{meta: {meta}}}}}"))
        self.held = world.build("2026-05-01 11:00", fails=True)
        world.dbt(
            "run-operation",
            "accept_definition",
            "--args",
            "{id: score@1, reason: ranges}",
            now="2026-05-01 11:05",
        )
        self.built = world.build("2026-05-01 11:10")
        self.training = {int(row_id.split("/")[1]): row for row_id, row in world.training().items() if "/" in row_id}


@pytest.fixture(scope="module")
def ranged(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> Ranged:
    world = World(tmp_path_factory.mktemp("ranges") / "world", template=parsed_world)
    (world.folder / "request_log").mkdir()
    (world.folder / "models/services/score_examples.sql").write_text(EXAMPLES)
    yaml = world.folder / "models/services/score.yml"
    yaml.write_text(yaml.read_text().replace('"decimal(12,2)"', "double"))
    ratio = "      - {name: ratio, data_type: double, description: May be infinite.}\n    versions:"
    world.replace("models/services/score.yml", "    versions:", ratio)
    world.replace("models/services/score_v1.sql", "as is_known\n", "as is_known, 1 / (request_amount - 5) as ratio\n")
    world.execute("alter table raw.examples alter request_amount type double")
    for place, size in (("p", 7), ("big", 11)):
        world.add("places", (place, size, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    for thing, place in (("few", "p"), ("many", "p"), ("rich", "p"), ("large", "big")):
        world.thing(thing, "2026-05-01 07:30", place=place)
    world.event("1", "few", "2026-05-01 08:00", amount=2)
    world.event("2", "many", "2026-05-01 08:00", amount=2)
    world.event("3", "many", "2026-05-01 08:00", amount=2)
    world.event("4", "rich", "2026-05-01 08:00", amount=10.01)
    world.build("2026-05-01 10:00")
    world.example("authored", "few", "2026-05-01 10:20")
    return Ranged(world)


def test_a_request_outside_is_refused_and_named(ranged: Ranged) -> None:
    with ranged.world.shim("2026-05-01 11:30") as client:
        entities = [{"thing_id": "few", "request_amount": amount} for amount in (0, 100, -0.01, 100.01)]
        entities[0]["request_color"] = "green"
        refused = client.post("/v1/services/score", json={"entities": entities})
        assert refused.status_code == 422
        amount = {"detail": "lies outside its declared range", "expected": "double: at least 0 and at most 100"}
        color = {"detail": "is none of its declared categories", "expected": "varchar: one of blue, red"}
        assert refused.get_json()["errors"] == [
            {"pointer": "/entities/0/request_color", **color},
            {"pointer": "/entities/2/request_amount", **amount},
            {"pointer": "/entities/3/request_amount", **amount},
        ]
        query = {"thing_id": "few", "request_amount": "-1"}
        assert client.get("/v1/services/score", query_string=query).get_json()["errors"][0] == {
            "pointer": "/entities/0/request_amount",
            **amount,
        }
        body = {"feature_service": "score", "entities": {"thing_id": ["few"] * 2, "request_amount": [1, 101]}}
        refused = client.post("/get-online-features", json=body)
        assert refused.status_code == 422
        said = "/entities/request_amount/1 lies outside its declared range; expected double: at least 0 and at most 100"
        assert json.loads(refused.get_json())["message"] == said
        schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    sent, answered = (schemas[f"score_v1_{part}"]["properties"] for part in ("entity", "features"))
    assert (sent["request_amount"]["minimum"], sent["request_amount"]["maximum"]) == (0, 100)
    assert sent["request_color"]["enum"] == ["blue", "red", None]
    assert (answered["amount_total"]["minimum"], answered["amount_total"]["maximum"]) == (0, 10)
    assert set(schemas["score_v1_rejected_row"]["properties"]["rejected"]["items"]["enum"]) == {
        "color",
        "events_30d",
        "place_size",
    }


def test_a_row_outside_is_rejected_or_null_as_its_yaml_says(ranged: Ranged) -> None:
    """In answers, in training and in a batch, by one text."""
    world = ranged.world
    entities = [LOGGED[number] for number in (0, 3, 4, 5, 6)]
    few, many, rich, large, infinite = world.ask("score", entities, "2026-05-01 10:45")["rows"]
    assert (few["status"], few["features"]["events_30d"], few["features"]["amount_total"]) == ("OK", 1, 2.0)
    assert (many["status"], many["features"], many["rejected"]) == ("REJECTED", None, ["events_30d"])
    assert (rich["status"], rich["features"]["amount_total"]) == ("OK", None)
    # out of range is null, and then it is missing
    assert (large["status"], large["rejected"]) == ("REJECTED", ["place_size"])
    assert (infinite["status"], infinite["features"]["ratio"]) == ("OK", None)

    assert ranged.training.keys() == {0, 4, 6}
    for number, answered in ((0, few), (4, rich), (6, infinite)):
        trained = ranged.training[number]
        assert_same(
            {**answered, "features": {**answered["features"], "hours_since_last_event": None}},
            {**trained, "hours_since_last_event": None},
            str(number),
        )
    assert ranged.built.says("score@1: 4 training rows of 6 examples; left out: 0 without a snapshot, 2 rejected")
    to = world.folder / "batch.parquet"
    world.dbt(
        "run-operation",
        "batch",
        "--args",
        json.dumps({"service": "score", "to": str(to), "examples": str(given(world, entities))}),
        now="2026-05-01 11:10",
    )
    batch = world.query(
        f"select status, rejected_columns, amount_total, ratio from '{to}' order by cast(row_id as integer)"
    )
    assert batch == [
        ("OK", None, 2.0, pytest.approx(1 / -3.5)),
        ("REJECTED", "events_30d", None, None),
        ("OK", None, None, pytest.approx(1 / 95)),
        ("REJECTED", "place_size", None, None),
        ("OK", None, 2.0, None),
    ]


def given(world: World, entities: list[dict[str, Any]]) -> Path:
    """A file of examples, in this order."""
    path = world.folder / "given.csv"
    lines = [f"{at},{each['thing_id']},{each['request_amount']}" for at, each in enumerate(entities)]
    path.write_text("row_id,thing_id,request_amount\n" + "\n".join(lines) + "\n")
    return path


def test_what_callers_sent_holds_no_publication(ranged: Ranged) -> None:
    """Requests that were taken before the ranges were declared are counted, and no examples; parity compares them."""
    assert ranged.held.says("the compiled text of score@1 changed")  # a range is part of what a version means
    said = "logged requests are no examples, since the API would refuse them by now"
    assert ranged.built.says(f"score@1: 2 {said}: request_amount lies outside its declared range [0, 100].")
    assert ranged.built.says(f"score@1: 1 {said}: request_color is none of its declared categories.")
    assert ranged.world.pointer["sequence_number"] == 2
    assert ranged.world.query("select parity, count(*) from asof_requests group by 1") == [("same", len(LOGGED))]


def test_authored_examples_that_the_api_would_refuse_fail_the_build(ranged: Ranged) -> None:
    world = ranged.world
    world.example("too much", "few", "2026-05-01 10:20", request_amount=101)
    world.example("odd", "few", "2026-05-01 10:20", request_color="green")
    run = world.build("2026-05-01 12:00", fails=True)
    assert run.says("request_amount lies outside its declared range [0, 100], which score@1 would refuse | 1 | ")
    assert run.says("{'row_id': too much}")
    assert run.says(
        "request_color is none of its declared categories, which score@1 would refuse | 1 | {'row_id': odd}"
    )
    assert world.pointer["sequence_number"] == 2
