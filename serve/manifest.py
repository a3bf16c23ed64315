"""Reads the groups and services that a manifest describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .clock import parse_rfc3339
from .snapshot import (
    Feature,
    Group,
    Input,
    LookedUp,
    Lookup,
    Pointer,
    Service,
    Snapshot,
    SnapshotError,
    Table,
    plain_name,
    reason_of,
    types_of,
)
from .sqltypes import parse_type


def read_snapshot(folder: Path, pointer: Pointer, raw: dict[str, Any], tables: dict[str, Table]) -> Snapshot:
    """The snapshot that `raw` describes, over the tables of its groups, by their ids. Raises SnapshotError."""
    try:
        groups = {key: _group(folder, key, each, tables[key]) for key, each in raw["groups"].items()}
        services = {key: _service(key, each, groups) for key, each in raw["services"].items()}
        return Snapshot(
            snapshot_id=raw["snapshot_id"],
            created_at=parse_rfc3339(raw["created_at"]),
            now_injected=bool(raw["now_injected"]) or pointer.now_injected,
            groups=groups,
            services=services,
            raw=raw,
        )
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise SnapshotError(f"{pointer.manifest}: {reason_of(error)}") from None


def _group(folder: Path, group_id: str, raw: dict[str, Any], table: Table) -> Group:
    return Group(
        id=group_id,
        name=raw["name"],
        version=int(raw["version"]),
        description=raw.get("description") or "",
        owner=raw.get("owner") or "",
        as_of=parse_rfc3339(raw["as_of"]),
        max_age_seconds=int(raw["max_age_seconds"]),
        keys=types_of(raw["keys"]),
        features=types_of(raw["features"]),
        definition=raw["definition"],
        path=folder / plain_name(raw["file"]),
        table=table,
        raw=raw,
    )


def _service(service_id: str, raw: dict[str, Any], groups: dict[str, Group]) -> Service:
    inputs = {
        each["name"]: Input(
            each["name"],
            parse_type(each["type"]),
            each.get("required", True),
            each.get("description") or "",
            bool(each.get("personal", False)),
            # Not of keys, and not in manifests of before
            tuple(each.get("range") or (None, None)),
            tuple(each.get("categories") or ()),
        )
        for each in [*raw["keys"], *raw["request"]]
    }
    keys = tuple(each["name"] for each in raw["keys"])
    lookups = tuple(_lookup(each, groups, keys) for each in raw["groups"])
    by_name = {each.name: each for each in lookups}
    for lookup in lookups:
        if lookup.via:
            first = by_name.get(lookup.via[0])
            if first is None or first.via or lookup.via[1] not in first.group.features or len(lookup.group.keys) != 1:
                raise ValueError(
                    f"service {service_id}: {lookup.name} via {'.'.join(lookup.via)} is not one hop to a key"
                )
    if not lookups:
        raise ValueError(f"service {service_id} looks up no group")
    return Service(
        id=service_id,
        name=raw["name"],
        version=int(raw["version"]),
        is_latest=bool(raw["is_latest"]),
        description=raw.get("description") or "",
        owner=raw.get("owner") or "",
        definition=raw["definition"],
        inputs=inputs,
        keys=keys,
        lookups=lookups,
        features=tuple(Feature(each["name"], parse_type(each["type"]), each) for each in raw["features"]),
        columns=tuple(_looked_up(service_id, each, inputs, by_name) for each in raw["looked_up"]),
        relation="asof_looked_up" if "source" in raw["looked_up"][0] else "looked_up",
        sql=raw["sql"],
        raw=raw,
    )


def _looked_up(service_id: str, raw: dict[str, Any], inputs: dict[str, Input], lookups: dict[str, Lookup]) -> LookedUp:
    name, kind = raw["name"], parse_type(raw["type"])
    source = raw if "source" in raw else _source_before(name, inputs, lookups)
    column = LookedUp(name, kind, source["source"], source.get("lookup"), source.get("column"))
    lookup = lookups.get(column.lookup) if column.lookup else None
    is_known = {
        "row_id": True,
        "prediction_time": True,
        "input": name in inputs,
        "found": lookup is not None,
        "as_of": lookup is not None,
        "max_age_seconds": lookup is not None,
        "feature": lookup is not None and column.column in lookup.group.features,
    }
    if not is_known.get(column.source):
        raise ValueError(f"service {service_id}: the looked_up column {name!r} comes from nowhere")
    return column


def _source_before(name: str, inputs: dict[str, Input], lookups: dict[str, Lookup]) -> dict[str, str]:
    """Where a column comes from, read off its name: manifests of before lookups had aliases say nothing else."""
    if name in ("row_id", "prediction_time"):
        return {"source": name}
    if name in inputs:
        return {"source": "input"}
    lookup, _, source = name.partition("__")
    if lookup in lookups and source in ("found", "as_of", "max_age_seconds"):
        return {"source": source, "lookup": lookup}
    owners = [each.name for each in lookups.values() if name in each.group.features]
    return {"source": "feature", "lookup": owners[0], "column": name} if len(owners) == 1 else {"source": "nowhere"}


def _lookup(raw: dict[str, Any], groups: dict[str, Group], keys: tuple[str, ...]) -> Lookup:
    group = groups.get(raw["group"])
    if group is None:
        raise ValueError(f"group {raw['group']!r} is not in the snapshot")
    if via := raw.get("via"):
        return Lookup(raw["name"], group, (), (via["group"], via["column"]))
    if len(raw["keys"]) != len(group.keys) or not set(raw["keys"]) <= set(keys):
        raise ValueError(f"lookup {raw['name']!r}: keys {raw['keys']} do not fit the keys of {group.id}")
    return Lookup(raw["name"], group, tuple(raw["keys"]), None)
