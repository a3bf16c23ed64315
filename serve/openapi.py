"""The OpenAPI 3.1 document of a snapshot: templates/openapi.json, and the request and response of each service.

Answers lie in their declared ranges. Their declared categories are described, and not promised: builds test them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .snapshot import Field, Service, Snapshot
from .sqltypes import Schema

_TEMPLATE = Path(__file__).with_name("templates") / "openapi.json"
_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_GROUP_STATUS: Schema = {"type": "string", "enum": ["OK", "NOT_FOUND", "STALE"]}
FEAST = "/get-online-features"
_LOOKUP_ERRORS = (404, 422, 503)
_BODY_ERRORS = (400, 404, 413, 415, 422, 503)


def document(snapshot: Snapshot, *, with_tokens: bool, max_entities: int) -> dict[str, Any]:
    """The document, ready for JSON. `with_tokens`: whether the shim asks for them; `max_entities`: per request."""
    written: dict[str, Any] = json.loads(_TEMPLATE.read_bytes())
    others, components = written["paths"], written["components"]
    paths = written["paths"] = {}
    for service in snapshot.services.values():
        part = f"{_identifier(service.name)}_v{service.version}"
        components["schemas"] |= _service_schemas(service, part, max_entities)
        paths[f"/v1/services/{quote(service.id, safe='@')}"] = _lookup(service, part, part)
        if service.is_latest:
            paths[f"/v1/services/{quote(service.name)}"] = _lookup(service, part, _identifier(service.name))
    paths |= others
    feast = paths[FEAST]["post"]
    if names := [*(each.name for each in snapshot.services.values() if each.is_latest), *snapshot.services]:
        sent = feast["requestBody"]["content"]["application/json"]["schema"]["properties"]
        sent["feature_service"]["enum"] = paths["/ready/{service}"]["get"]["parameters"][0]["schema"]["enum"] = names
    feast["responses"] |= _feast_errors(components["responses"], *_BODY_ERRORS)
    if with_tokens:
        _ask_for_tokens(paths, components)
    return written


def _ask_for_tokens(paths: dict[str, Any], components: dict[str, Any]) -> None:
    """Adds the bearer token, and its errors, to all operations but the probes."""
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in paths.items():
        if path.startswith(("/health", "/ready")):
            continue
        for operation in operations.values():
            operation["security"] = [{"token": []}]
            if path == FEAST:
                operation["responses"] |= _feast_errors(components["responses"], 401, 403)
            else:
                operation["responses"] |= _errors(401, 403) if path.startswith("/v1/services") else _errors(401)


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/error_{status}"} for status in statuses}


def _feast_errors(responses: dict[str, Any], *statuses: int) -> dict[str, Any]:
    """The same, as the Feast SDK reads them."""
    text = {"type": "string", "description": "JSON in a string: module, class and message of the SDK's exception."}
    content = {"application/json": {"schema": text}}
    return {str(status): responses[f"error_{status}"] | {"content": content} for status in statuses}


# -------------------- schemas


def _nullable(schema: Schema) -> Schema:
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | enum


def _object(properties: dict[str, Schema], optional: Iterable[str] = (), **more: Any) -> Schema:
    """An object of exactly these members."""
    required = [name for name in properties if name not in optional]
    written = {"type": "object", **more, "properties": properties}
    return written | ({"required": required} if required else {}) | {"additionalProperties": False}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _bounded(schema: Schema, low: float | None, high: float | None) -> Schema:
    """A schema of numbers within a declared range."""
    bounded = dict(schema)
    if low is not None:
        bounded["minimum"] = max(low, schema.get("minimum", low))
    if high is not None:
        bounded["maximum"] = min(high, schema.get("maximum", high))
    return bounded


def _described(schema: Schema, *parts: str | None) -> Schema:
    return schema | {"description": " ".join(f"{part.strip().rstrip('.')}." for part in parts if part and part.strip())}


def _input_schema(declared: Field) -> Schema:
    schema = _bounded(declared.type.sent, *declared.range)
    return schema | ({"enum": list(declared.categories)} if declared.categories else {})


def _feature_schema(feature: Field) -> Schema:
    is_float = feature.type.kind in ("float", "double")
    parts = [feature.type.name]
    if feature.range != (None, None):
        parts.append(f"declared range {list(feature.range)}")
    if feature.categories:
        parts.append(f"declared categories {', '.join(map(str, feature.categories))}")
    schema = feature.type.schema
    # By older manifests, a float that must not be missing could be NaN, written as null
    if feature.missing != "reject" or (is_float and not feature.is_range_held):
        schema = _nullable(schema)
    if feature.is_range_held:
        schema = _bounded(schema, *feature.range)
    return _described(schema, feature.description, "; ".join(parts))


# -------------------- services


def _service_schemas(service: Service, part: str, max_entities: int) -> dict[str, Schema]:
    entity, optional = {}, [name for name, each in service.inputs.items() if not each.required]
    for name, each in service.inputs.items():
        schema = _input_schema(each)
        entity[name] = _described(schema if each.required else _nullable(schema), each.description, each.type.expected)
    groups = _object({lookup.name: _GROUP_STATUS for lookup in service.lookups})
    row: dict[str, Schema] = {
        "status": {"type": "string", "enum": ["OK", "PARTIAL", "STALE", "NOT_FOUND"]},
        "groups": groups,
        "features": _ref(f"{part}_features"),
    }
    rows = _ref(f"{part}_row")
    schemas = {
        f"{part}_entity": _object(entity, optional, description=f"A row of {service.id} that is asked for."),
        f"{part}_request": _object({"entities": _list(_ref(f"{part}_entity"), maxItems=max_entities)}),
        f"{part}_features": _object({each.name: _feature_schema(each) for each in service.features}),
        f"{part}_row": _object(row),
    }
    if rejecting := [each.name for each in service.features if each.rejects]:
        rows = {"oneOf": [rows, _ref(f"{part}_rejected_row")]}
        rejected_row: dict[str, Schema] = {
            "status": {"type": "string", "const": "REJECTED"},
            "groups": groups,
            "features": {"type": "null"},
            "rejected": _list({"type": "string", "enum": rejecting}, minItems=1),
        }
        why = "`rejected` names the columns that are null and must not be, or outside their declared range."
        schemas[f"{part}_rejected_row"] = _object(rejected_row, description=why)
    answer: dict[str, Schema] = {
        "service": {"type": "string", "const": service.name},
        "version": {"type": "integer", "const": service.version},
        "snapshot_id": _TEXT,
        "definition": _TEXT,
        "sequence_number": {"type": "integer"},
        "as_of": _object({lookup.name: _TIME for lookup in service.lookups}),
        "published_at": _TIME,
        "prediction_time": _TIME,
        "rows": _list(rows),
    }
    return schemas | {f"{part}_answer": _object(answer)}


def _lookup(service: Service, part: str, name: str) -> dict[str, Any]:
    """The two operations of a service's path."""
    about = {"tags": [service.name], "summary": service.id, "description": service.description}
    content = {"application/json": {"schema": _ref(f"{part}_answer")}}
    answer = {"200": {"description": "The rows, in the order asked for.", "content": content}}
    body = {"required": True, "content": {"application/json": {"schema": _ref(f"{part}_request")}}}
    parameters = [_parameter(each) for each in service.inputs.values()]
    get = {"operationId": f"get_{name}", **about, "parameters": parameters}
    post = {"operationId": f"ask_{name}", **about, "requestBody": body}
    return {
        "get": get | {"responses": answer | _errors(*_LOOKUP_ERRORS)},
        "post": post | {"responses": answer | _errors(*_BODY_ERRORS)},
    }


def _parameter(declared: Field) -> dict[str, Any]:
    """A query argument: a list is written as JSON, everything else as it is."""
    about = {"name": declared.name, "in": "query", "required": declared.required}
    written = {"schema": _input_schema(declared)}
    if declared.type.item:
        written = {"content": {"application/json": written}}
    return about | {"description": declared.description or declared.name} | written
