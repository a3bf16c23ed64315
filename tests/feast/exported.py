"""Holds what Feast says from an exported repository against what asof recorded and answered, value for value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import duckdb
from asof.serve.sql import parquet

from asof.feast_repository import Export, export
from tests.world import World


def check(python: str, project: Path, warehouse: Path, scratch: Path) -> str:
    """Exports a built project, has Feast apply and ask it; returns what was compared. Raises AssertionError.

    The environment says which warehouse and folder, and now.
    """
    repository, folder = scratch / "repository", scratch / "asked"
    folder.mkdir(parents=True)
    exported = export(scratch / "written", project=project)
    (scratch / "written").rename(repository)  # it may be moved
    run(Path(python).with_name("feast"), "-c", repository, "apply")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        write_requested(connection, exported, folder)
        run(python, Path(__file__).with_name("history.py"), repository, folder)
        stored = sum(check_stored(connection, exported, each, folder) for each in exported.services)
        answered = sum(check_answers(connection, exported, each, folder, repository) for each in exported.services)
        online = sum(check_online(connection, group, folder) for group in exported.groups.values())
    assert stored
    assert answered
    assert online
    return f"{stored} stored values, {answered} training values and {online} online values"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def base(raw: dict) -> str:
    return f"{raw['name']}_v{raw['version']}"


def is_aliased(service: dict, lookup: str) -> bool:
    """Whether the columns of a lookup stand under its alias."""
    return any(each.get("column", each["name"]) != each["name"] for each in stored_of(service, lookup))


def stored_of(service: dict, lookup: str) -> list[dict]:
    """The stored columns of a lookup, as the rows have them."""
    return [each for each in service["looked_up"] if each["source"] == "feature" and each["lookup"] == lookup]


def write_requested(connection: duckdb.DuckDBPyConnection, exported: Export, folder: Path) -> None:
    """The entity rows of each service, all its examples; the keys of each view; and asked.json."""
    services = {}
    for service in exported.services.values():
        examples = f"{service['name']}_examples"
        sent = ", ".join(each["name"] for each in [*service["keys"], *service["request"]])
        query = f"select cast(row_id as varchar) as row_id, prediction_time as event_timestamp, {sent} from {examples}"
        connection.execute(f"copy ({query}) to '{folder / base(service)}.parquet'")
        versions = {each["name"]: base(exported.groups[each["group"]]) for each in service["groups"]}
        links = {
            exported.groups[each["group"]]["keys"][0]["name"]: f"{versions[via['group']]}:{via['column']}"
            for each in service["groups"]
            if (via := each.get("via"))
        }
        services[base(service)] = {
            "keys": [each["name"] for each in service["keys"]],
            "links": links,
            "full_names": any(is_aliased(service, each["name"]) for each in service["groups"]),
        }
    views = []
    for group in exported.groups.values():
        keys = ", ".join(each["name"] for each in group["keys"])
        query = f"select distinct {keys} from {base(group)}_history"
        if connection.execute(f"copy ({query}) to '{folder / base(group)}.keys.parquet'").fetchone()[0]:
            views.append(base(group))
    (folder / "asked.json").write_text(json.dumps({"services": services, "views": views}))


def check_stored(connection: duckdb.DuckDBPyConnection, exported: Export, service_id: str, folder: Path) -> int:
    """Every feature that Feast found is the one in the as-served rows; returns how many values were compared."""
    service = exported.services[service_id]
    found = parquet(folder / f"{base(service)}.answers.parquet")
    requested = connection.execute(f"select count(*) from {parquet(folder / f'{base(service)}.parquet')}").fetchone()[0]
    assert connection.execute(f"select count(*), count(distinct row_id) from {found}").fetchone() == (
        requested,
        requested,
    )
    rows = f"{base(service)}_rows"
    (count,) = connection.execute(f"select count(*) from {rows}").fetchone()
    assert count
    compared = 0
    for each in service["groups"]:
        group = exported.groups[each["group"]]
        status = f"{each['name']}_status"
        view = f"{each['name']}__" if is_aliased(service, each["name"]) else ""
        joined = f"from {rows} as rows left join {found} as found on found.row_id = rows.row_id"
        served = f'found."{view}{group["name"]}_status"'
        different = connection.execute(
            f"select rows.row_id, rows.{status}, {served} {joined} where "
            f"coalesce({served}, 'NOT_FOUND') <> rows.{status}"
        ).fetchall()
        assert not different, (service_id, status, different[:5])
        links = [
            via["column"] for lookup in service["groups"] if (via := lookup.get("via")) and via["group"] == each["name"]
        ]
        for feature in stored_of(service, each["name"]):
            name, value = feature["name"], f'found."{view}{feature["column"]}"'
            if feature["column"] in links:  # where it leads to another group, it is there while its own is stale
                value = f"case when rows.{status} = 'OK' then {value} end"
            if feature["type"] == "date[]":
                value = f"cast({value} as timestamptz[])"  # without a zone, since they are numpy's
            different = connection.execute(
                f"select rows.row_id, rows.{name}, {value} {joined} where "
                f"cast({value} as {feature['type']}) is distinct from rows.{name}"
            ).fetchall()
            assert not different, (service_id, name, different[:5])
            compared += count
    return compared


def check_answers(
    connection: duckdb.DuckDBPyConnection, exported: Export, service_id: str, folder: Path, repository: Path
) -> int:
    """The service's SQL over what Feast found gives the training rows; returns how many values were compared."""
    service = exported.services[service_id]
    found = parquet(folder / f"{base(service)}.answers.parquet")
    connection.execute(f"create or replace temp view feast as select * from {found}")
    sql = (repository / "services" / f"{base(service)}.sql").read_text()
    connection.execute(f"create or replace temp table answers as {sql}")
    statuses = [f"{each['name']}_status" for each in service["groups"]]
    names = ["status", *statuses, *(each["name"] for each in service["features"])]
    training = f"{base(service)}_training"
    (count,) = connection.execute(f"select count(*) from {training}").fetchone()
    for name in names:
        different = connection.execute(
            f"select row_id, training.{name}, answers.{name} from {training} as training left join answers "
            f"using (row_id) where answers.{name} is distinct from training.{name}"
        ).fetchall()
        assert not different, (service_id, name, different[:5])
    # and there are as many rows as asof can answer, none made up
    rows = f"select row_id from {base(service)}_rows"
    surplus = f"select row_id from answers except {rows} union all ({rows} except select row_id from answers)"
    assert not connection.execute(surplus).fetchall()
    return count * len(names)


def check_online(connection: duckdb.DuckDBPyConnection, group: dict, folder: Path) -> int:
    """What was materialized is the latest table, or null where the group is stale; returns how many values."""
    keys = ", ".join(each["name"] for each in group["keys"])
    path = folder / f"{base(group)}.online.parquet"
    online = parquet(path)
    compared = 0
    if not path.exists():  # Feast answers nothing about nobody
        assert connection.execute(f"select count(*) from {base(group)}_latest").fetchone() == (0,)
        return 0
    for feature in group["features"]:
        name, kind = feature["name"], feature["type"]
        now = f"cast(online.{name} as {kind})"
        then = f"latest.{name}"
        if kind == "timestamptz":
            then = f"date_trunc('second', {then})"  # Feast keeps no more
        different = connection.execute(
            f"select * from (select {keys}, online.{group['name']}_status as status, {now} as online, {then} as latest "
            f"from {online} as online full join {base(group)}_latest as latest using ({keys})) where "
            "online is distinct from case when status = 'OK' then latest end or (latest is not null and status is null)"
        ).fetchall()
        assert not different, (group["name"], name, different[:5])
        compared += connection.execute(f"select count(*) from {online}").fetchone()[0]
    return compared


# A group with a composite key and every type that can be stored. What is null before a second visit is so now and then.
KINDS = {
    "text": ("varchar", "visits || ' ä\"\\'"),
    "flag": ("boolean", "visits > 1"),
    "tiny": ("tinyint", "-visits"),
    "small": ("smallint", "-32768 + visits"),
    "medium": ("integer", "-2147483648 + visits"),
    "big": ("bigint", "9007199254740991 - visits"),  # Feast's file store makes floats of them
    "single": ("float", "visits + 0.1"),
    "twice": ("double", "visits + 0.1"),
    "money": ("decimal(9,1)", "visits + 0.1"),
    "fine": ("decimal(18,10)", "visits + 0.0000000001"),
    "seen_on": ("date", "last_at"),
    "seen_at": ("timestamptz", "last_at"),
    "texts": ("varchar[]", "['a', 'b']"),
    "flags": ("boolean[]", "[true, false]"),
    "ints": ("integer[]", "[1, visits]"),
    "bigs": ("bigint[]", "[9007199254740993, visits]"),
    "numbers": ("double[]", "[0.1, visits]"),
    "prices": ("decimal(5,1)[]", "[1.1, visits]"),
    "days": ("date[]", "[last_at]"),
    "moments": ("timestamptz[]", "[last_at]"),
}
TIMES = ["09:00", "10:00:00.000001", "10:59", "11:00:00.000001", "11:15", "11:20", "11:59", "13:00:00.000001", "13:30",
         "15:00:00.000001", "15:00:00.000002", "16:30"]  # fmt: skip
NOW = "2026-05-01T17:00:00Z"  # of the last build, and of the export
BUILDS = ["10:00", "11:00", "11:20 rolled back", "13:00", "16:00"]


def live(folder: Path) -> World:
    """A project whose group `kind` has lived through staleness (after two hours), a rollback and a departure."""
    world = World(folder)
    models = folder / "models"
    typed = ", ".join(
        f"cast(case when visits <> 2 then {sql} end as {kind}) as {name}" for name, (kind, sql) in KINDS.items()
    )
    columns = {"place": "varchar", "corner": "varchar", "as_of": "timestamptz"}
    columns |= {name: kind for name, (kind, _) in KINDS.items()}
    keys = "place, corner"
    split = "split_part(thing_id, ' ', 1) as place, split_part(thing_id, ' ', 2) as corner"

    def described(names: dict[str, str]) -> str:
        return "".join(f"      - {{name: {n}, data_type: '{t}', description: {n} of it.}}\n" for n, t in names.items())

    examples = {"row_id": "varchar", "place": "varchar", "corner": "varchar", "prediction_time": "timestamptz"}
    label = "      - {name: outcome, data_type: boolean, description: None., config: {meta: {label: true}}}\n"
    head = "    latest_version: 1\n    description: Of every type.\n"
    files = {
        "staging/stg_visits.sql": f"select event_id, {split}, occurred_at, known_at "
        "from {{ source('raw', 'events') }}",
        "staging/stg_visits.yml": "models:\n  - {name: stg_visits, description: All., data_tests: [asof.events]}\n",
        "entities/corners.sql": f"select {keys}, min(known_at) as first_seen_at "
        "from {{ ref('stg_visits') }} group by all",
        "entities/corners.yml": "models:\n  - name: corners\n    description: All.\n    data_tests: [asof.entity]\n"
        "    columns: [{name: place}, {name: corner}, {name: first_seen_at}]\n",
        "features/kind_v1.sql": f"select {keys}, as_of, {typed} from (select point.place, point.corner, point.as_of, "
        "count(visit.event_id) as visits, max(visit.occurred_at) as last_at "
        "from {{ asof.points(ref('corners')) }} as point "
        "{{ asof.left_join_known(ref('stg_visits'), as='visit', on=['place', 'corner']) }} "
        "group by 1, 2, 3) as visited",
        "features/kind.yml": f"models:\n  - name: kind\n{head}    config: {{meta: {{owner: me, max_age: 2 hours}}}}\n"
        f"    data_tests: [asof.feature_group]\n    columns:\n{described(columns)}    versions: [{{v: 1}}]\n",
        "history/kind_v1_history.sql": "{{ asof.history() }}",
        "online/kind_v1_latest.sql": "{{ asof.latest() }}",
        "services/typed_examples.sql": f"select row_id, {split}, prediction_time, outcome, label_known_at "
        "from {{ source('raw', 'examples') }}",
        "services/typed_v1_rows.sql": "{{ asof.rows(['kind@1']) }}",
        "services/typed_v1.sql": f"select row_id, {', '.join(KINDS)} from {{{{ ref('typed_v1_rows') }}}}",
        "services/typed.yml": "models:\n  - name: typed_examples\n    description: Requests.\n"
        "    config: {materialized: table}\n    data_tests: [asof.examples]\n    columns:\n"
        f"{described(examples)}{label}{described({'label_known_at': 'timestamptz'})}  - name: typed\n{head}"
        "    config: {meta: {owner: tests}}\n    data_tests: [asof.service]\n    columns:\n"
        f"{described({'row_id': 'varchar'} | {name: kind for name, (kind, _) in KINDS.items()})}"
        "    versions: [{v: 1}]\n",
        "training/typed_v1_training.sql": "{{ asof.training() }}",
        # the same group twice, for a corner and for the one that has its names the other way round
        "services/turned_examples.sql": f"select row_id, {split}, split_part(thing_id, ' ', 2) as other_place, "
        "split_part(thing_id, ' ', 1) as other_corner, prediction_time, outcome, label_known_at "
        "from {{ source('raw', 'examples') }}",
        "services/turned_v1_rows.sql": "{{ asof.rows(['kind@1 as this', 'kind@1 as other']) }}",
        "services/turned_v1.sql": "select row_id, this_text, other_text, this_big - other_big as big_apart "
        "from {{ ref('turned_v1_rows') }}",
        "services/turned.yml": "models:\n  - name: turned_examples\n    description: Requests.\n"
        "    config: {materialized: table}\n    data_tests: [asof.examples]\n    columns:\n"
        f"{described(examples | {'other_place': 'varchar', 'other_corner': 'varchar'})}{label}"
        f"{described({'label_known_at': 'timestamptz'})}  - name: turned\n{head}"
        "    config: {meta: {owner: tests, lookups: {other: {place: other_place, corner: other_corner}}}}\n"
        "    data_tests: [asof.service]\n    columns:\n"
        f"{described({'row_id': 'varchar', 'this_text': 'varchar', 'other_text': 'varchar', 'big_apart': 'bigint'})}"
        "    versions: [{v: 1}]\n",
        "training/turned_v1_training.sql": "{{ asof.training() }}",
    }
    for name, text in files.items():
        (models / name).write_text(text + "\n")
    # ("1", "11") and ("11", "1") are two; one comes late, one goes
    visits = "1 11 08:00, 11 1 08:00, 11 1 08:10, 11 1 08:20, gone 1 08:00, 1 11 10:30, late 1 10:30, 1 11 12:30"
    for number, visit in enumerate(visits.split(", ")):
        corner, _, at = visit.rpartition(" ")
        world.event(f"visit {number}", corner, f"2026-05-01 {at}")
    for build in BUILDS:
        at, _, rolled_back = build.partition(" ")
        if rolled_back:
            to = world.pointer["sequence_number"] - 1
            world.dbt("run-operation", "rollback", "--args", f"{{to: {to}}}", now=f"2026-05-01 {at}")
            world.dbt("run-operation", "release", now=f"2026-05-01 {at}")
        else:
            world.build(f"2026-05-01 {at}")
        if at == "13:00":
            world.execute("delete from raw.events where thing_id = 'gone 1'")
    for corner in ("1 11", "11 1", "gone 1", "late 1", "never 1"):
        for at in TIMES:
            world.example(f"{corner} {at}", corner, f"2026-05-01 {at}")
    world.build(NOW[:16].replace("T", " "))
    return world
