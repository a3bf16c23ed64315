"""An extension of the shim: the catalog of what is served, as JSON and as one page (templates/catalog.html)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request

from ..serve.clock import parse_rfc3339, rfc3339
from ..serve.folder import Publication
from ..serve.reports import read_health, read_held, read_parity
from ..serve.shim import Shim
from ..serve.snapshot import Group, Service, Snapshot
from ..serve.sqltypes import parse_type
from . import plots

MOST_FINDINGS = 50  # on the page


def init_app(app: Flask) -> None:
    """Adds the routes to the shim's application. They name services, features and groups, and so need a token."""
    shim: Shim = app.extensions["asof"]
    shim.describe.append(describe)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    pages = Blueprint("catalog", __name__, template_folder="templates")
    for each in (plots.line, plots.bars, age_at, duration, example_body):
        pages.add_app_template_filter(each)

    @pages.before_request
    def authorise() -> None:
        shim.authorise(request.environ)

    @pages.get("/v1/catalog")
    def get_catalog() -> dict[str, Any]:
        return catalog(shim, shim.publication())

    @pages.get("/")
    def get_page() -> Response:
        current = shim.folder.current
        html = render_template(
            "catalog.html",
            refused=shim.folder.refused,
            catalog=current and catalog(shim, current),
            most=MOST_FINDINGS,
            base=request.host_url.rstrip("/"),
            with_token=shim.tokens is not None,
        )
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(html, headers=policy, content_type="text/html; charset=utf-8")

    app.register_blueprint(pages)


def describe(document: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """The routes' part of the OpenAPI document."""
    part: dict[str, Any] = json.loads(Path(__file__).with_name("templates").joinpath("catalog.json").read_text())
    return part


def catalog(shim: Shim, publication: Publication) -> dict[str, Any]:
    """The catalog of a publication as of now, ready for JSON, with the reports of the published folder."""
    now, folder = shim.now(publication), shim.folder.path
    parity, held = read_parity(folder, now), read_held(folder)
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


def _made(each: Group | Service, publication: Publication, held: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The snapshot that a group or service last went out with, and why it has not since, if a build failed by it."""
    snapshot = publication.snapshot
    return {
        "made_in": each.raw.get("made_in", snapshot.snapshot_id),
        "made_at": each.raw.get("made_at") or rfc3339(snapshot.created_at),
        "held": held.get(each.id),
    }


def _group(group: Group, now: datetime) -> dict[str, Any]:
    return {
        "group": group.id,
        "name": group.name,
        "version": group.version,
        "description": group.description,
        "owner": group.raw.get("owner") or "",
        "as_of": rfc3339(group.as_of),
        **group.ages(now),
        "newest_known_at": rfc3339(group.newest_known_at) if group.newest_known_at else None,
        "is_late": group.target_seconds is not None and group.age_seconds(now) > group.target_seconds,
        "is_stale": group.is_stale(now),
        "rows": group.table.rows,
        "definition": group.definition,
        "not_knowledge_safe": group.raw.get("not_knowledge_safe", []),  # not in older manifests
        "keys": [{"name": name, "type": kind.name} for name, kind in group.keys.items()],
        "features": [_column(each) for each in group.raw["features"]],
    }


def _service(service: Service, now: datetime, parity: dict[str, Any] | None) -> dict[str, Any]:
    rules = ("missing", "range", "categories")
    return {
        "service": service.id,
        "name": service.name,
        "version": service.version,
        "is_latest": service.is_latest,
        "description": service.description,
        "owner": service.raw.get("owner") or "",
        "definition": service.definition,
        "path": f"/v1/services/{service.id}",
        "parity": parity,
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
