"""Writes published folders by the contract: Parquet files, a manifest, and the pointer last."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta

import duckdb

NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
AS_OF = datetime(2026, 5, 1, 8, 58, tzinfo=UTC)
PUBLISHED = datetime(2026, 5, 1, 8, 59, tzinfo=UTC)

SHIPMENT = """
select * from (values
    ('O-204', 'northline', 620.0::double, 'W-2', false, timestamptz '2026-05-01 01:00:00+00', {mark}::bigint),
    ('O-150', 'bluefreight', 10.5, null, true, timestamptz '2026-05-01 00:00:00.000001+00', {mark}),
    ('O-160', null, null, 'W-9', null, null, {mark}),
    ('O-170', 'straße', 'nan', 'W-2', null, null, {mark})
) as t (order_id, carrier, distance_km, origin_warehouse_id, is_expedited, last_scan_at, mark)
"""
WAREHOUSE = """
select * from (values ('W-1', 3::integer, 7::bigint), ('W-2', 18, {mark}))
as t (warehouse_id, queue_length, warehouse_mark)
"""
PAIR = """
select * from (values ('1', '11', 'first'), ('11', '1', 'second')) as t (left_id, right_id, which)
"""
KINDS = """
select * from (values
    (1::bigint, 'ä"\\', uuid '6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11', true, (-128)::tinyint, (-32768)::smallint,
     (-2147483648)::integer, 9223372036854775807::bigint, 1.5::float, 0.1::double, 620.10::decimal(12, 2),
     0.0000000001::decimal(15, 10), '-1234567890123456789012345678.0123456789'::decimal(38, 10), date '2026-05-01',
     timestamptz '2026-05-01 10:00:00.123456+02', [1.0, 2.5]::double[], ['a', 'b'],
     [date '2026-05-01'], [timestamptz '2026-05-01 00:00:00.000007+00'], [1.10]::decimal(9, 2)[]),
    (2, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
     null),
    (3, '', 'ffffffff-ffff-ffff-ffff-ffffffffffff', false, 127, 32767, 2147483647, -9223372036854775808, 'nan', 'inf',
     -1234567890.12, 12345.6789012345, 0.5,
     date '0001-01-01', timestamptz '9999-12-31 00:00:00+00', [], [], [],
     [null, timestamptz '1969-12-31 23:59:59+00'],
     [null, 0])
) as t (id, text, tag, flag, tiny, small, medium, big, single, twice, money, fine, vast, day, moment, numbers, words,
        days, moments, prices)
"""
KIND_TYPES = {
    "text": "varchar",
    "tag": "uuid",
    "flag": "bool",
    "tiny": "tinyint",
    "small": "smallint",
    "medium": "int4",
    "big": "int8",
    "single": "real",
    "twice": "float8",
    "money": "numeric(12, 2)",
    "fine": "decimal(15,10)",
    "vast": "decimal(38,10)",
    "day": "date",
    "moment": "timestamp with time zone",
    "numbers": "double[]",
    "words": "text[]",
    "days": "date[]",
    "moments": "timestamptz[]",
    "prices": "decimal(9,2)[]",
}
# name -> (version, SQL, keys, features, max_age in seconds, as_of)
GROUPS = {
    "shipment": (
        SHIPMENT,
        {"order_id": "varchar"},
        {
            "carrier": "varchar",
            "distance_km": "double",
            "origin_warehouse_id": "varchar",
            "is_expedited": "boolean",
            "last_scan_at": "timestamptz",
            "mark": "bigint",
        },
        5400,
    ),
    "warehouse": (
        WAREHOUSE,
        {"warehouse_id": "varchar"},
        {"queue_length": "integer", "warehouse_mark": "bigint"},
        5400,
    ),
    "pair": (PAIR, {"left_id": "varchar", "right_id": "varchar"}, {"which": "varchar"}, 5400),
    "kinds": (KINDS, {"id": "bigint"}, KIND_TYPES, 5400),
    "old": (PAIR, {"left_id": "varchar", "right_id": "varchar"}, {"which": "varchar"}, 60),
}


def timestamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def columns(types: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind, "description": f"the {name}"} for name, kind in types.items()]


def statuses(groups: list[str]) -> str:
    """The nulling and the statuses, as dbt would write them into a service's text."""
    lines = [
        f"case when not {group}__found then 'NOT_FOUND'"
        f" when prediction_time > {group}__as_of + {group}__max_age_seconds * interval '1 second' then 'STALE'"
        f" else 'OK' end as {group}_status"
        for group in groups
    ]
    return ", ".join(lines)


def row_status(groups: list[str]) -> str:
    stale = " or ".join(f"{group}_status = 'STALE'" for group in groups)
    missing = " or ".join(f"{group}_status = 'NOT_FOUND'" for group in groups[1:]) or "false"
    return (
        f"case when rejected_columns is not null then 'REJECTED'"
        f" when {groups[0]}_status = 'NOT_FOUND' then 'NOT_FOUND'"
        f" when {stale} then 'STALE' when {missing} then 'PARTIAL' else 'OK' end as status"
    )


def service_sql(groups: list[str], features: str, names: list[str], reject: list[str]) -> str:
    rejected = ", ".join(f"case when {name} is null then '{name}' end" for name in reject) or "null"
    return f"""with judged as (select *, {statuses(groups)} from looked_up),
    computed as (select row_id, {", ".join(f"{group}_status" for group in groups)}, {features} from judged),
    checked as (select *, nullif(concat_ws(',', {rejected}), '') as rejected_columns from computed)
    select row_id, {row_status(groups)}, rejected_columns, {", ".join(f"{group}_status" for group in groups)},
    {", ".join(names)} from checked -- a comment at the end"""


class Publisher:
    """Publishes into `folder`; every call is the next publication."""

    def __init__(self, folder, groups: dict | None = None, services: dict | None = None) -> None:
        """`groups` as GROUPS, a sixth member being the `as_of`; `services` as `services()` makes them."""
        self.folder = folder
        self.groups = groups or GROUPS
        self.services = services
        self.sequence = 0
        folder.mkdir(parents=True, exist_ok=True)

    def publish(
        self,
        *,
        mark: int = 7,
        spoil=None,
        now_injected: bool = False,
        only_pointer: dict | None = None,
        answers: tuple[str, ...] = (),
        **edit,
    ):
        """Writes a snapshot and points at it. `spoil(manifest)` may edit the manifest before it is hashed. `answers`:
        the services whose answers are published.
        """
        self.sequence += 1
        published = PUBLISHED + timedelta(microseconds=self.sequence - 1)
        snapshot_id = f"20260501T085900Z-{self.sequence:08x}"
        manifest = {
            "format": 2,
            "snapshot_id": snapshot_id,
            "created_at": timestamp(published),
            "now_injected": now_injected,
            "invocation_id": "i-1",
            "code_version": None,
            "publish_lag_seconds": 60,
            "groups": {f"{name}@1": self._group(name, snapshot_id, mark) for name in self.groups},
            "services": {id_: dict(each) for id_, each in (self.services or services()).items()},
        }
        for id_ in answers:
            manifest["services"][id_]["answers"] = self._answers(manifest["services"][id_], manifest["groups"])
        if spoil:
            spoil(manifest)
        text = json.dumps(manifest).encode()
        name = f"snapshot-{snapshot_id}.json"
        (self.folder / name).write_bytes(text)
        pointer = {
            "format": 2,
            "sequence_number": self.sequence,
            "snapshot_id": snapshot_id,
            "published_at": timestamp(published),
            "kind": "build",
            "hold": None,
            "manifest": name,
            "manifest_sha256": hashlib.sha256(text).hexdigest(),
            "now_injected": now_injected,
        } | edit
        self.point(pointer)
        return manifest

    def point(self, pointer: dict) -> None:
        """Replaces the pointer, whole."""
        self.pointer = pointer
        temporary = self.folder / "current.json.tmp"
        temporary.write_text(json.dumps(pointer))
        os.replace(temporary, self.folder / "current.json")

    def _answers(self, service: dict, groups: dict) -> dict:
        """What the service's SQL answers to all entities of its first group; each group is found by the same keys."""
        found = {each["name"]: groups[each["group"]] for each in service["groups"]}
        first = service["groups"][0]["name"]
        sent = [each["name"] for each in service["keys"]]
        snapshot = found[first]["file"].partition("-")[2]
        path = self.folder / f"{service['name']}_v{service['version']}_answers-{snapshot}"
        ends = [
            f"timestamptz '{each['as_of']}' + {each['max_age_seconds']} * interval '1 second'"
            for each in found.values()
        ]
        values = {"row_id": "row_number() over ()", "prediction_time": f"least({', '.join(ends)})"}
        values |= {key: f"{first}.{own['name']}" for key, own in zip(sent, found[first]["keys"], strict=True)}
        relations = []
        for name, group in found.items():
            values[f"{name}__found"] = f"{name}.as_of is not null"
            values[f"{name}__as_of"] = f"timestamptz '{group['as_of']}'"
            values[f"{name}__max_age_seconds"] = str(group["max_age_seconds"])
            values |= {each["name"]: f'{name}."{each["name"]}"' for each in group["features"]}
            keys = ", ".join(each["name"] for each in group["keys"])
            relations.append(f"'{self.folder / group['file']}' as {name}{f' using ({keys})' if relations else ''}")
        columns = [f'({values[each["name"]]})::{each["type"]} as "{each["name"]}"' for each in service["looked_up"]]
        keys = ", ".join(sent)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                f"create table looked_up as select {', '.join(columns)} from {' left join '.join(relations)}"
            )
            connection.execute(
                f"copy (select {keys}, answer.* from looked_up left join ({service['sql']}\n) as answer using (row_id)"
                f" order by {keys}) to '{path}' (format parquet)"
            )
            ((rows, end),) = connection.execute(
                f"select count(*), strftime(least({', '.join(ends)}), '%Y-%m-%dT%H:%M:%S.%fZ') from '{path}'"
            ).fetchall()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"file": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest, "valid_until": end}

    def _group(self, name: str, snapshot_id: str, mark: int) -> dict:
        sql, keys, features, max_age, *rest = self.groups[name]
        as_of = rest[0] if rest else AS_OF
        path = self.folder / f"{name}_v1-{snapshot_id}.parquet"
        chosen = ", ".join(f'"{each}"::{kind} as "{each}"' for each, kind in keys.items())
        others = ", ".join(f'"{each}"::{kind} as "{each}"' for each, kind in features.items())
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(
                f"copy (select {chosen}, timestamptz '{as_of.isoformat()}' as as_of, {others}"
                f" from ({sql.format(mark=mark)})"
                f" order by all) to '{path}' (format parquet)"
            )
            (rows,) = connection.execute(f"select count(*) from '{path}'").fetchone()
        return {
            "name": name,
            "version": 1,
            "description": f"the <b>{name}</b>",
            "owner": "team-x",
            "as_of": timestamp(as_of),
            "newest_known_at": timestamp(as_of - timedelta(seconds=30)) if name == "shipment" else None,
            "run_id": "r-1",
            "max_age_seconds": max_age,
            "keys": [{"name": key, "type": kind} for key, kind in keys.items()],
            "features": columns(features),
            "definition": f"sha256:{name}",
            "file": path.name,
            "rows": rows,
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }


def service(name, keys, request, groups, features, expressions, reject=(), version=1, is_latest=True, known=None):
    """A service of the manifest. `groups`: lookup name -> keys or via; `expressions`: feature -> SQL over
    looked_up; `known`: as GROUPS.
    """
    lookups, found = [], [("row_id", "varchar"), *keys.items(), *((n, k) for n, (k, _) in request.items())]
    found.append(("prediction_time", "timestamptz"))
    for group, how in groups.items():
        lookups.append(
            {
                "name": group,
                "group": f"{group}@1",
                **({"via": how} if isinstance(how, dict) else {"keys": how}),
            }
        )
        found += [
            (f"{group}__found", "boolean"),
            (f"{group}__as_of", "timestamptz"),
            (f"{group}__max_age_seconds", "bigint"),
            *(known or GROUPS)[group][2].items(),
        ]
    nulled = ", ".join(f"{expression} as {column}" for column, expression in expressions.items())
    return {
        "name": name,
        "version": version,
        "is_latest": is_latest,
        "description": f"{name} <script>alert(1)</script>",
        "owner": "team-x",
        "definition": f"sha256:{name}{version}",
        "keys": columns(keys),
        "request": [
            {"name": n, "type": kind, "required": required, "description": ""}
            for n, (kind, required) in request.items()
        ],
        "groups": lookups,
        "features": [
            {"name": n, "type": k, "description": "", "missing": "reject" if n in reject else "allow"}
            for n, k in features.items()
        ],
        "looked_up": [{"name": n, "type": k} for n, k in found],
        "sql": service_sql(list(groups), nulled, list(features), list(reject)),
    }


def ok(group: str, column: str) -> str:
    return f"case when {group}_status = 'OK' then {column} end"


SCANNED = ok("shipment", "last_scan_at")


def services() -> dict:
    delivery = {
        "keys": {"order_id": "varchar"},
        "request": {"request_distance_km": ("double", False)},
        "groups": {
            "shipment": ["order_id"],
            "warehouse": {"group": "shipment", "column": "origin_warehouse_id"},
        },
        "features": {
            "carrier": "varchar",
            "distance_km": "double",
            "hours_since_last_scan": "double",
            "queue_length": "integer",
            "mark": "bigint",
            "warehouse_mark": "bigint",
        },
        "expressions": {
            "carrier": ok("shipment", "carrier"),
            "distance_km": f"coalesce(request_distance_km, {ok('shipment', 'distance_km')})",
            "hours_since_last_scan": f"date_diff('second', {SCANNED}, prediction_time) / 3600",
            "queue_length": ok("warehouse", "queue_length"),
            "mark": ok("shipment", "mark"),
            "warehouse_mark": ok("warehouse", "warehouse_mark"),
        },
        "reject": ["distance_km"],
    }
    pair = {
        "keys": {"left_id": "varchar", "right_id": "varchar"},
        "request": {},
        "features": {"which": "varchar"},
    }
    # every type sent along comes back as it was understood
    sent = {f"request_{name}": (kind, name == "tiny") for name, kind in KIND_TYPES.items()}
    all_types = service(
        "kinds", {"id": "bigint"}, {}, {"kinds": ["id"]}, KIND_TYPES, {n: ok("kinds", n) for n in KIND_TYPES}
    )
    echo = service(
        "echo",
        {"id": "bigint"},
        sent,
        {"kinds": ["id"]},
        {f"echo_{name}": kind for name, kind in KIND_TYPES.items()},
        {f"echo_{name}": f"request_{name}" for name in KIND_TYPES},
    )
    keys = ["left_id", "right_id"]
    found = [
        service("late_delivery", **delivery, is_latest=False),
        service("late_delivery", **delivery, version=2),
        service("pairs", **pair, groups={"pair": keys}, expressions={"which": ok("pair", "which")}),
        service("olds", **pair, groups={"old": keys}, expressions={"which": ok("old", "which")}),
        all_types,
        echo,
    ]
    return {f"{each['name']}@{each['version']}": each for each in found}
