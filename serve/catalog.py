"""What is served, for people and programs: the catalog as JSON, and as one page (templates/catalog.html)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from .clock import parse_rfc3339, rfc3339
from .folder import Publication
from .reports import Held, Parity, read_health, read_held, read_parity
from .snapshot import Group, Service
from .sqltypes import parse_type

MOST_FINDINGS = 50  # on the page


def catalog(publication: Publication, now: datetime, folder: Path) -> dict[str, Any]:
    """The catalog of a publication at `now` (UTC), ready for JSON, with the reports of the published folder."""
    parity, held = read_parity(folder), read_held(folder)
    pointer, snapshot = publication.pointer, publication.snapshot
    groups, services = snapshot.groups.values(), snapshot.services.values()
    return {
        "snapshot": {
            "snapshot_id": snapshot.snapshot_id,
            "sequence_number": pointer.sequence_number,
            "kind": pointer.kind,
            "published_at": rfc3339(pointer.published_at),
            "created_at": rfc3339(snapshot.created_at),
            "now_injected": snapshot.now_injected or pointer.now_injected,
            "invocation_id": snapshot.raw.get("invocation_id"),
            "code_version": snapshot.raw.get("code_version"),
            "hold": pointer.hold,
        },
        "now": rfc3339(now),
        "groups": [_group(each, now) | _made(each, publication, held) for each in groups],
        "services": [_service(each, now, parity.get(each.id)) | _made(each, publication, held) for each in services],
        "health": read_health(folder),
    }


def _made(each: Group | Service, publication: Publication, held: dict[str, Held]) -> dict[str, Any]:
    """The snapshot that a group or service last went out with, and why it has not since, if a build failed by it."""
    snapshot, why = publication.snapshot, held.get(each.id)
    return {
        "made_in": each.raw.get("made_in", snapshot.snapshot_id),
        "made_at": each.raw.get("made_at") or rfc3339(snapshot.created_at),
        "held": why.as_json() if why else None,
    }


def _group(group: Group, now: datetime) -> dict[str, Any]:
    return {
        "group": group.id,
        "name": group.name,
        "version": group.version,
        "description": group.description,
        "owner": group.owner,
        "as_of": rfc3339(group.as_of),
        **ages(group, now),
        "newest_known_at": rfc3339(group.newest_known_at) if group.newest_known_at else None,
        "is_late": group.is_late(now),
        "is_stale": group.is_stale(now),
        "rows": group.table.rows,
        "definition": group.definition,
        "not_knowledge_safe": group.not_knowledge_safe,
        "keys": [{"name": name, "type": kind.name} for name, kind in group.keys.items()],
        "features": [_column(each) for each in group.raw["features"]],
    }


def ages(group: Group, now: datetime) -> dict[str, Any]:
    """The ages of a group in seconds: of its run and of its data, and how old the run may be."""
    return {
        "age_seconds": group.age_seconds(now),
        "target_seconds": group.target_seconds,
        "max_age_seconds": group.max_age_seconds,
        "data_age_seconds": group.data_age_seconds(now),
    }


def _service(service: Service, now: datetime, parity: Parity | None) -> dict[str, Any]:
    rules = ("missing", "range", "categories")
    return {
        "service": service.id,
        "name": service.name,
        "version": service.version,
        "is_latest": service.is_latest,
        "description": service.description,
        "owner": service.owner,
        "definition": service.definition,
        "path": f"/v1/services/{service.id}",
        "parity": parity and parity.as_json(now),
        "keys": [_column(each) for each in service.raw["keys"]],
        "request": [_column(each, required=each.get("required", True)) for each in service.raw["request"]],
        "groups": service.raw["groups"],
        "features": [_column(each) | {rule: each.get(rule) for rule in rules} for each in service.raw["features"]],
    }


def _column(raw: dict[str, Any], **more: Any) -> dict[str, Any]:
    declared = {"name": raw["name"], "type": parse_type(raw["type"]).name}
    return declared | more | {"description": raw.get("description") or ""}


# -------------------- what the page adds


def example_body(service: dict[str, Any]) -> str:
    """The body of a request for one row of a service of the catalog, as it stands between quotes in a shell."""
    sent = [each for each in [*service["keys"], *service["request"]] if each.get("required", True)]
    entity = {each["name"]: parse_type(each["type"]).example for each in sent}
    return json.dumps({"entities": [entity]}).replace("'", "'\\''")


def age_at(time: str, now: str) -> float:
    """Seconds from one RFC 3339 time to another."""
    return (parse_rfc3339(now) - parse_rfc3339(time)).total_seconds()


def duration(seconds: float) -> str:
    """90 s, 12 min, 5 h, 3 d: short, for people."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
