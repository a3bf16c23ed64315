"""One group looked up more than once by a service, each time under an alias; and user columns that are called as inner
ones once were.

A thing sends to another: the group of things is looked up twice by keys that the caller sends, that of places twice
through the two things, and that of lanes, which has two keys, there and back. Who sends to whom is asked of the shim,
and trained on.

And answers that the build publishes, of services that read nothing but what is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from asof.__main__ import main
from tests.test_as_served import as_json
from tests.world import World

# What the machinery called columns, tables and aliases of its own before all of these began with `asof_`
ONCE_INNER = [
    "answer",
    "example",
    "found",
    "history",
    "is_backfilled",
    "live",
    "looked_up",
    "lost",
    "named_publication",
    "placed",
    "publication",
    "rejected",
    "rows",
    "sequence_number",
    "service",
    "thing__as_of",
    "thing__found",
    "thing__is_backfilled",
    "thing__max_age_seconds",
]
ROWS = [
    "thing@1 as sender",
    "thing@1 as receiver",
    "place@1 as origin",
    "place@1 as target",
    "lane@1 as there",
    "lane@1 as back",
]
SENT = {"sender_id": "varchar", "receiver_id": "varchar", "from_place_id": "varchar", "to_place_id": "varchar"}
FEATURES = {
    "sender_color": "varchar",
    "receiver_color": "varchar",
    "sender_events_30d": "bigint",
    "receiver_events_30d": "bigint",
    "more_at_receiver": "bigint",
    "origin_size": "integer",
    "target_size": "integer",
    "there_tolls": "bigint",
    "back_tolls": "bigint",
    "sender_is_ok": "boolean",
    "sender_sequence_number": "bigint",
    "receiver_thing__found": "bigint",
}
SERVICE = """\
select
    row_id,
    sender_color,
    receiver_color,
    sender_events_30d,
    receiver_events_30d,
    receiver_events_30d - sender_events_30d as more_at_receiver,
    origin_size,
    target_size,
    there_tolls,
    back_tolls,
    sender_status = 'OK' as sender_is_ok,
    sender_sequence_number,
    receiver_thing__found
from {{ ref('transfer_v1_rows') }}
"""
NAMES = {"sequence_number": "seq", "is_backfilled": "filled"}  # a service may not return what training adds itself


def columns_yaml(columns: dict[str, str], **meta: str) -> str:
    """Lines of a model's YAML."""
    return "".join(
        f'      - {{name: {name}, data_type: "{kind}", description: As named.'
        f"{', config: {meta: ' + meta[name] + '}' if name in meta else ''}}}\n"
        for name, kind in columns.items()
    )


def model_yaml(name: str, description: str, meta: str, test: str, columns: str, versions: str = "") -> str:
    latest = "    latest_version: 1\n" if versions else ""
    return (
        f"  - name: {name}\n{latest}    description: {description}\n    config: {meta}\n"
        f"    data_tests: [asof.{test}]\n    columns:\n{columns}{versions}"
    )


def write(world: World, files: dict[str, str]) -> None:
    for name, text in files.items():
        (world.folder / "models" / name).write_text(text)


def add_lane(world: World) -> None:
    """A group of two keys."""
    world.execute("create table raw.lanes (event_id varchar, a varchar, b varchar, occurred_at timestamptz)")
    world.replace(
        "models/sources.yml",
        "      - {name: places",
        "      - {name: lanes, description: A toll.}\n      - {name: places",
    )
    keys = {"from_id": "varchar", "to_id": "varchar"}
    write(
        world,
        {
            "staging/stg_lanes.sql": "select event_id, occurred_at, occurred_at as known_at, a as from_id, b as to_id "
            "from {{ source('raw', 'lanes') }}\n",
            "staging/stg_lanes.yml": "models:\n  - name: stg_lanes\n    description: One row per toll.\n"
            "    data_tests: [asof.events]\n    columns: [{name: event_id}, {name: occurred_at}, {name: known_at}]\n",
            "entities/lanes.sql": "select from_id, to_id, min(known_at) as first_seen_at "
            "from {{ ref('stg_lanes') }} group by from_id, to_id\n",
            "entities/lanes.yml": "models:\n  - name: lanes\n    description: One row per lane.\n"
            "    data_tests: [asof.entity]\n"
            "    columns: [{name: from_id}, {name: to_id}, {name: first_seen_at}, {name: gone_at}]\n",
            "features/lane_v1.sql": "select point.from_id, point.to_id, point.as_of, count(toll.event_id) as tolls\n"
            "from {{ asof.points(ref('lanes')) }} as point\n"
            "{{ asof.left_join_known(ref('stg_lanes'), as='toll', on=['from_id', 'to_id']) }} group by 1, 2, 3\n",
            "features/lane.yml": "models:\n"
            + model_yaml(
                "lane",
                "One row per lane and moment.",
                "{meta: {owner: tests, max_age: 2 hours}}",
                "feature_group",
                columns_yaml({**keys, "as_of": "timestamptz", "tolls": "bigint"}),
                "    versions: [{v: 1}]\n",
            ),
            "history/lane_v1_history.sql": "{{ asof.history() }}\n",
            "online/lane_v1_latest.sql": "{{ asof.latest() }}\n",
        },
    )


def add_transfer(world: World, rows: list[str] = ROWS) -> None:
    """The service that looks groups up twice."""
    types = ", ".join(f"{name} {kind}" for name, kind in SENT.items())
    world.execute(f"create table raw.transfers (row_id varchar, {types}, prediction_time timestamptz, outcome boolean)")
    world.replace(
        "models/sources.yml",
        "      - {name: places",
        "      - {name: transfers, description: Requests., config: {meta: {known_at: prediction_time}}}\n"
        "      - {name: places",
    )
    examples = {"row_id": "varchar", **SENT, "prediction_time": "timestamptz", "outcome": "boolean"}
    lookups = (
        "{sender: sender_id, receiver: receiver_id, origin: sender.place_id, target: receiver.place_id, "
        "there: {to_id: to_place_id, from_id: from_place_id}, back: {from_id: to_place_id, to_id: from_place_id}}"
    )
    write(
        world,
        {
            "services/transfer_examples.sql": f"select row_id, {', '.join(SENT)}, prediction_time, outcome, "
            "prediction_time as label_known_at from {{ source('raw', 'transfers') }}\n",
            "services/transfer_v1_rows.sql": f"{{{{ asof.rows({rows}) }}}}\n",
            "services/transfer_v1.sql": SERVICE,
            "services/transfer.yml": "models:\n"
            + model_yaml(
                "transfer_examples",
                "One row per request.",
                "{materialized: table}",
                "examples",
                columns_yaml({**examples, "label_known_at": "timestamptz"}, outcome="{label: true}"),
            )
            + model_yaml(
                "transfer",
                "One row per transfer.",
                f"{{meta: {{owner: tests, lookups: {lookups}}}}}",
                "service",
                columns_yaml({"row_id": "varchar", **FEATURES}),
                "    versions: [{v: 1}]\n",
            ),
            "training/transfer_v1_training.sql": "{{ asof.training() }}\n",
        },
    )


def add_names_once_inner(world: World) -> None:
    """Each is a feature of a thing, its number of events and one more than the one before; the service returns all."""
    counts = "".join(f"    count(event.event_id) + {at} as {name},\n" for at, name in enumerate(ONCE_INNER))
    world.replace(
        "models/features/thing_v1.sql",
        "    count(event.event_id) as events_lifetime,\n",
        counts + "    count(event.event_id) as events_lifetime,\n",
    )
    columns = columns_yaml(dict.fromkeys(ONCE_INNER, "bigint"))
    world.replace("models/features/thing.yml", "    versions:", columns + "    versions:")
    returned = {name: NAMES.get(name, name) for name in ONCE_INNER}
    selected = "".join(f"    {name}{f' as {as_}' if as_ != name else ''},\n" for name, as_ in returned.items())
    world.replace("models/services/score_v1.sql", "    size as place_size,\n", f"{selected}    size as place_size,\n")
    columns = columns_yaml(dict.fromkeys(returned.values(), "bigint"))
    world.replace("models/services/score.yml", "    versions:", columns + "    versions:")


PROFILE = {"color": "varchar", "events": "bigint", "amount": "decimal(12,2)", "is_known": "boolean"}
PROFILES = {  # by version; only the second needs to know when it is asked
    1: "select row_id, one_color as color, one_events_30d + again_events_30d as events, one_amount_total as amount, "
    "again_status = 'OK' as is_known from {{ ref('profile_v1_rows') }}\n",
    2: "with all_rows as (select * from {{ ref('profile_v2_rows') }})\n"
    "select row_id, one_color as color, cast(extract(epoch from prediction_time - one_last_event_at) as bigint) as "
    "events, one_amount_total as amount, again_status = 'OK' as is_known from all_rows\n",
    3: "with all_rows as (select *, prediction_time as asked_at from {{ ref('profile_v3_rows') }})\n"
    "select row_id, one_color as color, again_events_30d as events, again_amount_total as amount, true as is_known "
    "from all_rows\n",
}


def add_profile(world: World) -> None:
    """Three versions of a service that is sent one key, and looks one thing up by it twice."""
    examples = {"row_id": "varchar", "who": "varchar", "prediction_time": "timestamptz", "outcome": "boolean"}
    declared = {
        "color": "{missing: reject, categories: [red, blue, grey]}",
        "amount": "{range: [0, 1], out_of_range: null}",
    }
    files = {
        "services/profile_examples.sql": "select row_id, sender_id as who, prediction_time, outcome, "
        "prediction_time as label_known_at from {{ source('raw', 'transfers') }}\n",
        "services/profile.yml": "models:\n"
        + model_yaml(
            "profile_examples",
            "One row per request.",
            "{materialized: table}",
            "examples",
            columns_yaml({**examples, "label_known_at": "timestamptz"}, outcome="{label: true}"),
        )
        + model_yaml(
            "profile",
            "One row per request.",
            "{meta: {owner: tests, lookups: {one: who, again: who}}}",
            "service",
            columns_yaml({"row_id": "varchar", **PROFILE}, **declared),
            "    versions: [{v: 1}, {v: 2}, {v: 3}]\n",
        ),
    }
    for version, sql in PROFILES.items():
        rows = "{{ asof.rows(['thing@1 as one', 'thing@1 as again']) }}\n"
        files |= {f"services/profile_v{version}_rows.sql": rows, f"services/profile_v{version}.sql": sql}
        files[f"training/profile_v{version}_training.sql"] = "{{ asof.training() }}\n"
    write(world, files)


def scaffold(world: World) -> None:
    """A service as `new service` writes it; it is built with the others."""
    groups = ["thing@1 as sender", "thing@1 as receiver", "place@1 as origin"]
    lookups = ["sender=sender_id", "receiver=receiver_id", "origin=sender.place_id"]
    options = [each for lookup in lookups for each in ("--lookup", lookup)]
    command = ["new", "service", "moved", "--groups", *groups, "--owner", "tests", *options]
    assert main([*command, "--project", str(world.folder)]) == 0


REQUESTED = {  # row_id: what is sent
    "both known": ("a", "b", "p", "q"),
    "turned round": ("b", "a", "q", "p"),
    "to itself": ("a", "a", "p", "p"),
    "from a stranger": ("nobody", "b", "p", "q"),
    "to a stranger": ("a", "nobody", "p", "nowhere"),
    "from nowhere": ("homeless", "b", "nowhere", "q"),
}


def whoever(things: Iterable[str]) -> dict[str, Any]:
    """A request to the service that is sent one key."""
    return {"entities": [{"who": thing} for thing in things]}


class LookupsWorld:
    """The world after two builds, and what was answered between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        entities = [dict(zip(SENT, sent, strict=True)) for sent in REQUESTED.values()]
        with world.shim("2026-05-01 10:30", is_logged=True) as client:
            self.answer = client.post("/v1/services/transfer", json={"entities": entities}).get_json()
            self.got = client.get("/v1/services/transfer", query_string=entities[1]).get_json()
            columns = {name: [each[name] for each in entities] for name in SENT}
            body = {"feature_service": "transfer", "entities": columns}
            self.feast = client.post("/get-online-features", json=body).get_json()
            self.catalog = client.get("/v1/catalog").get_json()
            self.page = client.get("/").get_data(as_text=True)
            self.openapi = client.get("/openapi.json").get_json()
            scored = [{"thing_id": thing, "request_amount": 1.5} for thing in ("a", "b")]
            self.profiles = client.post(
                "/v1/services/profile", json=whoever(each[0] for each in REQUESTED.values())
            ).json
            self.scores = client.post("/v1/services/score", json={"entities": scored}).get_json()
        self.rows = dict(zip(REQUESTED, self.answer["rows"], strict=True))


@pytest.fixture(scope="module")
def requested(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> LookupsWorld:
    world = World(tmp_path_factory.mktemp("lookups") / "world", template=parsed_world)
    add_names_once_inner(world)
    add_lane(world)
    add_transfer(world)
    add_profile(world)
    scaffold(world)
    for place, size in (("p", 7), ("q", 8)):
        world.add("places", (place, size, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 07:30", place="p", color="red")
    world.thing("b", "2026-05-01 07:30", place="q", color="blue")
    world.thing("homeless", "2026-05-01 07:30", place=None, color="grey")
    world.thing("colorless", "2026-05-01 07:30", color=None)
    for event, thing in (("1", "a"), ("2", "b"), ("3", "b")):
        world.event(event, thing, "2026-05-01 08:00")
    for toll in ("pq1", "pq2", "pq3", "qp1"):
        world.add("lanes", (toll, toll[0], toll[1], "2026-05-01 08:00+00"))
    world.build("2026-05-01 10:00")
    found = LookupsWorld(world)
    at = "2026-05-01 10:30+00"
    world.add("transfers", *[(row_id, *sent, at, True) for row_id, sent in REQUESTED.items()])
    for thing in ("a", "b"):
        world.example(thing, thing, "2026-05-01 10:30", request_amount=1.5)
    world.event("4", "a", "2026-05-01 10:40")  # too late to be trained on
    world.build("2026-05-01 11:00")
    return found


def test_each_lookup_has_its_own_row_status_and_columns(requested: LookupsWorld) -> None:
    row = requested.rows["both known"]
    groups = ["sender", "receiver", "there", "back", "origin", "target"]
    assert row["groups"] == dict.fromkeys(groups, "OK")
    assert row["features"] == {
        "sender_color": "red",
        "receiver_color": "blue",
        "sender_events_30d": 1,
        "receiver_events_30d": 2,
        "more_at_receiver": 1,
        "origin_size": 7,
        "target_size": 8,
        "there_tolls": 3,
        "back_tolls": 1,
        "sender_is_ok": True,
        "sender_sequence_number": 1 + ONCE_INNER.index("sequence_number"),
        "receiver_thing__found": 2 + ONCE_INNER.index("thing__found"),
    }
    turned = requested.rows["turned round"]["features"]
    assert (turned["sender_color"], turned["origin_size"], turned["there_tolls"]) == ("blue", 8, 1)
    assert requested.got["rows"] == [requested.rows["turned round"]]
    itself = requested.rows["to itself"]
    assert (itself["status"], itself["groups"]["there"], itself["features"]["more_at_receiver"]) == (
        "PARTIAL",
        "NOT_FOUND",
        0,
    )
    assert requested.rows["from a stranger"]["status"] == "NOT_FOUND"  # of the first lookup
    assert requested.rows["from a stranger"]["groups"]["origin"] == "NOT_FOUND"
    stranger = requested.rows["to a stranger"]
    assert (stranger["status"], stranger["features"]["receiver_color"]) == ("PARTIAL", None)
    assert (
        requested.rows["from nowhere"]["groups"] | {"sender": "OK", "origin": "NOT_FOUND"}
        == requested.rows["from nowhere"]["groups"]
    )
    assert requested.answer["as_of"] == dict.fromkeys(groups, "2026-05-01T10:00:00Z")


def assert_same(answered: dict[str, Any], row: dict[str, Any], where: str) -> None:
    assert row["status"] == answered["status"], where
    assert {alias: row[f"{alias}_status"] for alias in answered["groups"]} == answered["groups"], where
    for name, value in answered["features"].items():
        assert (type(value), value) == (type(as_json(row[name])), as_json(row[name])), (where, name)


def test_training_equals_what_was_answered(requested: LookupsWorld) -> None:
    training = requested.world.training("transfer_v1")
    assert training.keys() == REQUESTED.keys()
    for row_id, row in training.items():
        assert_same(requested.rows[row_id], row, row_id)
        assert tuple(row[name] for name in SENT) == REQUESTED[row_id]
        assert (row["sequence_number"], row["is_backfilled"], row["outcome"]) == (1, False, True)
    parity = requested.world.query("select service_id, parity, count(*) from asof_requests group by all order by 1")
    counts = {"profile@1": len(REQUESTED), "score@1": 2, "transfer@1": 2 * len(REQUESTED) + 1}
    assert parity == [(service, "same", count) for service, count in counts.items()]
    profiles = dict(zip(REQUESTED, requested.profiles["rows"], strict=True))
    trained = requested.world.training("profile_v1")
    assert profiles.keys() - trained.keys() == {"from a stranger"}  # rejected
    for row_id, row in trained.items():
        assert_same(profiles[row_id], row, row_id)


def test_columns_called_as_inner_ones_once_were_keep_their_values(requested: LookupsWorld) -> None:
    training = requested.world.training()
    rows = {row["row_id"]: row for row in dicts(requested.world, "select * from score_v1_rows")}
    for (thing, events), answered in zip({"a": 1, "b": 2}.items(), requested.scores["rows"], strict=True):
        expected = {name: events + at for at, name in enumerate(ONCE_INNER)}
        assert {name: answered["features"][NAMES.get(name, name)] for name in ONCE_INNER} == expected
        assert {name: training[thing][NAMES.get(name, name)] for name in ONCE_INNER} == expected
        assert {name: rows[thing][name] for name in ONCE_INNER} == expected
        assert (training[thing]["sequence_number"], training[thing]["is_backfilled"]) == (1, False)
        assert_same(answered, training[thing], thing)


def dicts(world: World, query: str) -> list[dict[str, Any]]:
    with world.warehouse() as warehouse:
        found = warehouse.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def operation(requested: LookupsWorld, name: str, **arguments: Any) -> Any:
    run = requested.world.dbt(
        "--quiet", "run-operation", f"asof.{name}", "--args", json.dumps(arguments), now="2026-05-01 11:00"
    )
    return run.output.strip().splitlines()[-1]


def test_sets_and_batches_and_explanations_know_the_aliases(requested: LookupsWorld) -> None:
    world = requested.world
    manifest = json.loads((world.folder / operation(requested, "training_set", service="transfer")).read_text())
    file = world.folder / "training/sets" / manifest["files"]["rows"]["file"]
    for row in dicts(world, f"select * from '{file}'"):
        assert_same(requested.rows[row["row_id"]], row, row["row_id"])

    given = world.folder / "given.parquet"
    values = ", ".join(f"('{row_id}', {', '.join(map(repr, sent))})" for row_id, sent in REQUESTED.items())
    duckdb.execute(f"copy (select * from (values {values}) as t (row_id, {', '.join(SENT)})) to '{given}'")
    to = world.folder / "batch.parquet"
    operation(requested, "batch", service="transfer", to=str(to), examples=str(given))
    batch = {row["row_id"]: row for row in dicts(world, f"select * from '{to}'")}
    assert batch["both known"]["sender_events_30d"] == 2  # by the second publication
    assert batch["turned round"]["there_tolls"] == 1

    request = dict(zip(SENT, REQUESTED["turned round"], strict=True))
    found = json.loads(operation(requested, "explain", service="transfer", request=request, at="2026-05-01T10:30:00Z"))
    answered = requested.rows["turned round"]
    assert found["status"] == answered["status"]
    shown = {name: None if value is None else str(value).lower() for name, value in answered["features"].items()}
    assert found["features"] == shown
    by_alias = {group["lookup"]: group for group in found["groups"]}
    assert {alias: group["group"] for alias, group in by_alias.items()} == {
        "sender": "thing@1",
        "receiver": "thing@1",
        "there": "lane@1",
        "back": "lane@1",
        "origin": "place@1",
        "target": "place@1",
    }
    assert (by_alias["sender"]["row"]["thing_id"], by_alias["receiver"]["row"]["thing_id"]) == ("b", "a")
    assert (by_alias["origin"]["via"], by_alias["origin"]["row"]["place_id"]) == ("sender.place_id", "q")
    assert (by_alias["back"]["row"]["from_id"], by_alias["back"]["row"]["to_id"]) == ("p", "q")
    assert {group["evaluated_again"] for group in found["groups"]} == {"same"}


def test_the_scaffold_writes_aliases(requested: LookupsWorld, capsys: pytest.CaptureFixture[str]) -> None:
    models = requested.world.folder / "models/services"
    declared = (models / "moved.yml").read_text().partition("lookups:")[2].split("\n")[1:4]
    assert [each.strip() for each in declared] == [
        "sender: sender_id",
        "receiver: receiver_id",
        "origin: sender.place_id",
    ]
    moved = requested.world.manifest["services"]["moved@1"]
    assert [each["name"] for each in moved["keys"]] == ["sender_id", "receiver_id"]
    stored = [f"{alias}_color" for alias in ("sender", "receiver")] + ["origin_size"]
    assert set(stored) <= {each["name"] for each in moved["features"]}
    command = ["new", "service", "other", "--owner", "tests", "--project", str(requested.world.folder), "--groups"]
    assert main([*command, "thing@1", "--lookup", "sender=sender_id"]) == 1
    assert "--lookup sender: none of the groups, which are thing" in capsys.readouterr().out
    assert main([*command, "lane@1", "--lookup", "lane=a"]) == 1
    assert "--lookup lane=a: the keys of lane@1 are from_id, to_id" in capsys.readouterr().out


def test_the_api_and_its_pages_know_the_aliases(requested: LookupsWorld) -> None:
    names, results = requested.feast["metadata"]["feature_names"], requested.feast["results"]
    columns = {name: list(zip(e["values"], e["statuses"], strict=True)) for name, e in zip(names, results, strict=True)}
    rows = requested.rows.values()
    for name in FEATURES:
        assert [value for value, _ in columns[name]] == [row["features"][name] for row in rows], name
    # of a null, the status of the lookup that the stored feature is of
    assert columns["receiver_color"][list(REQUESTED).index("to a stranger")] == (None, "NOT_FOUND")
    assert columns["origin_size"][list(REQUESTED).index("from nowhere")] == (None, "NOT_FOUND")

    (service,) = [each for each in requested.catalog["services"] if each["service"] == "transfer@1"]
    assert [each["name"] for each in service["keys"]] == list(SENT)
    assert [(each["name"], each["group"]) for each in service["groups"]][:2] == [
        ("sender", "thing@1"),
        ("receiver", "thing@1"),
    ]
    assert "back (lane@1 by to_place_id, from_place_id), origin (place@1 by sender.place_id)" in requested.page
    schemas = requested.openapi["components"]["schemas"]
    assert list(schemas["transfer_v1_entity"]["properties"]) == list(SENT)
    assert list(schemas["transfer_v1_row"]["properties"]["groups"]["properties"]) == [
        "sender",
        "receiver",
        "there",
        "back",
        "origin",
        "target",
    ]


def test_the_feast_repository_looks_up_twice(
    requested: LookupsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Feast's rule alone, an entity's last row at or before the time, and the SQL beside it: the training rows.

    (`make feast` has Feast itself look.)
    """
    world, repository = requested.world, tmp_path / "new"
    for name, value in world.environment("2026-05-01 11:00").items():
        monkeypatch.setenv(name, value)
    assert main(["feast", "--to", str(repository), "--project", str(world.folder)]) == 0
    definitions = (repository / "definitions.py").read_text()
    assert 'thing_v1.with_name("sender").with_join_key_map({"thing_id": "sender_id"})' in definitions
    assert 'place_v1.with_name("origin").with_join_key_map({"place_id": "origin_place_id"})' in definitions
    back = '{"from_id": "to_place_id", "to_id": "from_place_id"}'
    assert f'lane_v1.with_name("back").with_join_key_map({back})' in definitions
    readme = (repository / "README.md").read_text()
    assert "origin_place_id: place_id of sender target_place_id: place_id of receiver | yes |" in readme

    joins = {
        "sender": ("thing", {"thing_id": "sender_id"}),
        "receiver": ("thing", {"thing_id": "receiver_id"}),
        "there": ("lane", {"from_id": "from_place_id", "to_id": "to_place_id"}),
        "back": ("lane", {"from_id": "to_place_id", "to_id": "from_place_id"}),
        "origin": ("place", {"place_id": '"sender__place_id"'}),
        "target": ("place", {"place_id": '"receiver__place_id"'}),
    }
    sql = f"select row_id, {', '.join(SENT)}, prediction_time as event_timestamp from transfer_examples"
    with world.warehouse() as warehouse:
        for alias, (group, keys) in joins.items():
            data = repository / f"data/{group}_v1.parquet"
            columns = [name for name, *_ in warehouse.execute(f"describe select * from '{data}'").fetchall()]
            stored = ", ".join(f'{alias}."{name}" as "{alias}__{name}"' for name in columns)
            on = " and ".join(f"{alias}.{own} = requested.{sent}" for own, sent in keys.items())
            sql = (
                f"select requested.*, {stored} from ({sql}) as requested asof left join '{data}' as {alias} "
                f"on {on} and {alias}.asof_served_from <= event_timestamp"
            )
        warehouse.execute(f"create temp table feast as {sql}")
        found = warehouse.execute((repository / "services/transfer_v1.sql").read_text())
        names = [column[0] for column in found.description]
        answers = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    training = world.training("transfer_v1")
    assert len(answers) == len(training)
    for row in answers:
        assert row.pop("rejected_columns") is None
        assert row == {name: training[row["row_id"]][name] for name in row}


THINGS = ["a", "b", "homeless", "colorless", "nobody"]


def test_what_is_read_of_stored_columns_alone_is_published_with_the_snapshot(requested: LookupsWorld) -> None:
    services = requested.world.manifest["services"]
    assert {id_ for id_, each in services.items() if "answers" in each} == {"profile@1", "profile@3"}
    answers = services["profile@1"]["answers"]
    assert (answers["rows"], answers["valid_until"]) == (4, "2026-05-01T13:00:00.000000Z")
    path = requested.world.folder / "published" / answers["file"]
    types = {name: kind.lower() for name, kind, *_ in duckdb.sql(f"describe from '{path}'").fetchall()}
    text = ["who", "row_id", "status", "rejected_columns", "one_status", "again_status"]
    assert types == dict.fromkeys(text, "varchar") | PROFILE


@pytest.mark.parametrize(("now", "published"), [("2026-05-01 13:00", 8), ("2026-05-01 13:00:01", 0)])
def test_published_answers_are_those_that_evaluating_gives(requested: LookupsWorld, now: str, published: int) -> None:
    with requested.world.shim(now) as client:

        def answers() -> list[str]:
            return [
                client.post(f"/v1/services/profile@{version}", json=whoever(THINGS)).get_data(as_text=True)
                for version in PROFILES
            ]

        first = answers()
        counted = re.findall(
            r"(?m)^asof_rows_published_total\{.*\} (\S+)$", client.get("/metrics").get_data(as_text=True)
        )
        assert sum(map(float, counted)) == published
        client.application.extensions["asof"].folder.current.answers.clear()
        assert answers() == first
    statuses = [row["status"] for row in json.loads(first[0])["rows"]]
    ok = "OK" if published else "STALE"
    assert statuses == ([ok, ok, ok, "REJECTED", "REJECTED"] if published else ["REJECTED"] * 5)
    if published:
        assert [row["features"] and row["features"]["amount"] for row in json.loads(first[0])["rows"]][:2] == [
            None,
            None,
        ]


def test_a_rollback_brings_the_answers_of_its_snapshot(requested: LookupsWorld) -> None:
    world = requested.world
    older = json.loads(next((world.folder / "published").glob("snapshot-20260501T100000Z-*.json")).read_text())
    file = world.folder / "published" / older["services"]["profile@1"]["answers"]["file"]
    file.rename(file.with_suffix(".away"))
    back = ("run-operation", "rollback", "--args", f"{{to: {world.pointer['sequence_number'] - 1}}}")
    run = world.dbt(*back, now="2026-05-01 11:20", fails=True)
    assert run.says(f"the file {file.name} of {older['snapshot_id']} is no longer in")
    file.with_suffix(".away").rename(file)
    events = [world.ask("profile@1", [{"who": "a"}], "2026-05-01 11:30")["rows"][0]["features"]["events"]]
    world.dbt(*back, now="2026-05-01 11:20")
    events += [world.ask("profile@1", [{"who": "a"}], "2026-05-01 11:30")["rows"][0]["features"]["events"]]
    assert events == [4, 2]
