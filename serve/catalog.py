"""What is served, for people and programs: the catalog as JSON, and the same as one HTML page."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from html import escape
from typing import Any

from .folder import Publication
from .parity import Parity
from .snapshot import Group, Service
from .sqltypes import rfc3339

_SAMPLES = {
    "varchar": "...",
    "uuid": "6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11",
    "boolean": True,
    "integer": 1,
    "float": 1.5,
    "double": 1.5,
    "decimal": 1,
    "date": "2026-05-01",
    "timestamptz": "2026-05-01T09:00:00Z",
    "list": [],
}


def age_seconds(group: Group, now: datetime) -> float:
    """Seconds between the group's `as_of` and now (both UTC)."""
    return (now - group.as_of).total_seconds()


def is_stale(group: Group, now: datetime) -> bool:
    """Whether the group is older than its max_age: for people, probes and plain views; services take it from
    the SQL.
    """
    return age_seconds(group, now) > group.max_age_seconds


def catalog(publication: Publication, now: datetime, parity: dict[str, Parity]) -> dict[str, Any]:
    """The catalog of a publication at `now` (UTC), ready for JSON; parity as read_parity gives it."""
    pointer, snapshot = publication.pointer, publication.snapshot
    return {
        "snapshot": {
            "snapshot_id": snapshot.snapshot_id,
            "sequence_number": pointer.sequence_number,
            "kind": pointer.kind,
            "published_at": rfc3339(pointer.published_at),
            "created_at": rfc3339(snapshot.created_at),
            "now_injected": snapshot.now_injected,
            "invocation_id": snapshot.raw.get("invocation_id"),
            "code_version": snapshot.raw.get("code_version"),
            "hold": pointer.hold,
        },
        "now": rfc3339(now),
        "groups": [_group(each, now) for each in snapshot.groups.values()],
        "services": [_service(each, now, parity.get(each.id)) for each in snapshot.services.values()],
    }


def _group(group: Group, now: datetime) -> dict[str, Any]:
    return {
        "group": group.id,
        "name": group.name,
        "version": group.version,
        "description": group.description,
        "owner": group.owner,
        "as_of": rfc3339(group.as_of),
        "age_seconds": age_seconds(group, now),
        "max_age_seconds": group.max_age_seconds,
        "is_stale": is_stale(group, now),
        "rows": group.table.rows,
        "definition": group.definition,
        "not_knowledge_safe": group.not_knowledge_safe,
        "keys": [{"name": name, "type": kind.name} for name, kind in group.keys.items()],
        "features": [
            {
                "name": each["name"],
                "type": group.features[each["name"]].name,
                "description": each.get("description") or "",
            }
            for each in group.raw["features"]
        ],
    }


def _service(service: Service, now: datetime, parity: Parity | None) -> dict[str, Any]:
    inputs = service.inputs.values()
    return {
        "service": service.id,
        "name": service.name,
        "version": service.version,
        "is_latest": service.is_latest,
        "description": service.description,
        "owner": service.owner,
        "definition": service.definition,
        "path": f"/v1/services/{service.id}",
        "parity": _parity(parity, now) if parity else None,
        "keys": [
            {"name": each.name, "type": each.type.name, "description": each.description}
            for each in inputs
            if each.name in service.keys
        ],
        "request": [
            {
                "name": each.name,
                "type": each.type.name,
                "required": each.required,
                "description": each.description,
            }
            for each in inputs
            if each.name not in service.keys
        ],
        "groups": service.raw["groups"],
        "features": [
            {
                "name": each.name,
                "type": each.type.name,
                "description": each.raw.get("description") or "",
                "missing": each.raw.get("missing"),
                "range": each.raw.get("range"),
                "categories": each.raw.get("categories"),
            }
            for each in service.features
        ],
    }


def _parity(parity: Parity, now: datetime) -> dict[str, Any]:
    counts = {key: value for key, value in asdict(parity).items() if key != "compared_at"}
    return {"compared_at": rfc3339(parity.compared_at), "age_seconds": parity.age_seconds(now), **counts}


def curl(service: Service, base: str, *, with_token: bool) -> str:
    """A command to copy that asks the service for one row; `base` is the shim's URL without a path."""
    entity = {each.name: _SAMPLES[each.type.kind] for each in service.inputs.values() if each.required}
    body = json.dumps({"entities": [entity]}).replace("'", "'\\''")
    token = " -H 'Authorization: Bearer <token>'" if with_token else ""
    return f"curl -s '{base}/v1/services/{service.id}'{token} -H 'Content-Type: application/json' -d '{body}'"


_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}
pre{background:#f4f4f4;padding:.6rem;overflow-x:auto}.stale{color:#a00;font-weight:bold}
.note{color:#666}h2{margin-top:2rem}
"""


def page(
    publication: Publication | None,
    refused: str | None,
    now: datetime,
    base: str,
    *,
    with_token: bool,
    parity: dict[str, Parity],
) -> str:
    """The catalog as one HTML page without outside assets; everything from the snapshot is escaped."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>asof</title>",
        f"<style>{_STYLE}</style>",
    ]
    parts.append("</head><body><h1>asof</h1>")
    if refused:
        parts.append(f"<p class='stale'>A newer snapshot was refused: {escape(refused)}</p>")
    if publication is None:
        return "".join([*parts, "<p>No snapshot is published yet.</p></body></html>"])
    pointer, snapshot = publication.pointer, publication.snapshot
    parts.append(
        f"<p>Publication {pointer.sequence_number} ({escape(pointer.kind)}), snapshot "
        f"<code>{escape(snapshot.snapshot_id)}</code>, published {rfc3339(pointer.published_at)}; "
        f"now {rfc3339(now)}.</p>"
    )
    if pointer.hold:
        parts.append(f"<p class='stale'>On hold: {escape(json.dumps(pointer.hold))}</p>")
    parts.append("<h2>Feature groups</h2><table><tr><th>group<th>keys<th>rows<th>as of<th>age<th>owner</tr>")
    parts += [_group_row(each, now) for each in snapshot.groups.values()]
    parts.append("</table>")
    for service in snapshot.services.values():
        compared = _compared(parity.get(service.id), now)
        parts += _service_section(service, curl(service, base, with_token=with_token), compared)
    parts.append("<p class='note'><a href='/v1/catalog'>The catalog as JSON</a></p></body></html>")
    return "".join(parts)


def _group_row(group: Group, now: datetime) -> str:
    age, limit = _duration(age_seconds(group, now)), _duration(group.max_age_seconds)
    shown = f"<span class='stale'>{age}, stale after {limit}</span>" if is_stale(group, now) else f"{age} of {limit}"
    assumed = "".join(
        f"<br><span class='note'>Not knowledge-safe: when {escape(str(each['name']))} was known is assumed, "
        f"{escape(str(each['safety_lag']))} after it occurred.</span>"
        for each in group.not_knowledge_safe
    )
    return (
        f"<tr><td><b>{escape(group.id)}</b><br><span class='note'>{escape(group.description)}</span>{assumed}"
        f"<td>{escape(', '.join(group.keys))}<td>{group.table.rows}<td>{rfc3339(group.as_of)}<td>{shown}"
        f"<td>{escape(group.owner)}</tr>"
    )


def _compared(parity: Parity | None, now: datetime) -> str:
    """What parity found, for the page."""
    if parity is None:
        return "<p class='note'>No logged answer was compared with history yet.</p>"
    counts = (
        f"{parity.same} same, {parity.different} different, {parity.not_compared + parity.not_comparable} not compared"
    )
    said = f"Logged answers against history, {_duration(parity.age_seconds(now))} ago: {counts}."
    if parity.open:
        return f"<p class='stale'>{said} Open differences: {parity.open}.</p>"
    return f"<p class='note'>{said}</p>"


def _service_section(service: Service, command: str, compared: str) -> list[str]:
    latest = " (latest)" if service.is_latest else ""
    groups = [
        escape(f"{each.name} ({each.group.id} by {'.'.join(each.via) if each.via else ', '.join(each.keys)})")
        for each in service.lookups
    ]
    parts = [f"<h2>{escape(service.id)}{latest}</h2><p>{escape(service.description)}</p>"]
    parts.append(f"<p class='note'>Owner: {escape(service.owner) or 'nobody'}. Groups: {', '.join(groups)}.</p>")
    parts.append(f"{compared}<pre>{escape(command)}</pre><table><tr><th>you send<th>type<th>what</tr>")
    for each in service.inputs.values():
        optional = "" if each.required else " (optional)"
        parts.append(f"<tr><td>{escape(each.name)}{optional}<td>{each.type.name}<td>{escape(each.description)}</tr>")
    parts.append("</table><table><tr><th>you get<th>type<th>if missing<th>what</tr>")
    for each in service.features:
        missing, what = str(each.raw.get("missing") or ""), each.raw.get("description") or ""
        parts.append(f"<tr><td>{escape(each.name)}<td>{each.type.name}<td>{escape(missing)}<td>{escape(what)}</tr>")
    parts.append("</table>")
    return parts


def _duration(seconds: float) -> str:
    """90 s, 12 min, 5 h, 3 d: short, for people."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
