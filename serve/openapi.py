"""The OpenAPI 3.1 document of a snapshot: each service with its own request and response, and nothing that is not so.

What a service answers lies in its declared ranges; its declared categories are told, not promised: builds test them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from .snapshot import Feature, Input, Service, Snapshot
from .sqltypes import LARGEST, TIMESTAMP_PATTERN, SqlType, describe_type

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_INTEGER: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_GROUP_STATUS: Schema = {"type": "string", "enum": ["OK", "NOT_FOUND", "STALE"]}
_ERRORS = {
    400: "The body is no JSON object.",
    401: "No token, or none that is known.",
    403: "The token does not open this.",
    404: "No such service, or no longer; the answer lists those that there are.",
    413: "The body or the number of entities is over the limit.",
    415: "The content type is not application/json.",
    422: "A column is missing, unknown, of a wrong type, or outside its range or categories: `errors` points at each.",
    503: "No snapshot is served, what was asked about is stale, or it takes too long to compute.",
}
FEAST = "/get-online-features"
_LOOKUP_ERRORS = (404, 422, 503)
_BODY_ERRORS = (400, 404, 413, 415, 422, 503)


def document(snapshot: Snapshot, *, with_tokens: bool, max_entities: int) -> dict[str, Any]:
    """The document, ready for JSON. `with_tokens`: whether the shim asks for them; `max_entities`: per request."""
    schemas = _shared_schemas()
    paths: dict[str, Any] = {}
    for service in snapshot.services.values():
        part = f"{_identifier(service.name)}_v{service.version}"
        schemas |= _service_schemas(service, part, max_entities)
        paths[f"/v1/services/{quote(service.id, safe='@')}"] = _lookup(service, part, part)
        if service.is_latest:
            paths[f"/v1/services/{quote(service.name)}"] = _lookup(service, part, _identifier(service.name))
    paths |= _other_paths(snapshot)
    written = {
        "openapi": "3.1.0",
        "info": {
            "title": "asof",
            "version": "1",  # nothing of the snapshot: the document changes only where something asked or answered does
            "description": "Features as of now, from one tested snapshot. `@<version>` pins a service's version; "
            "without it, the latest answers. A method that a path does not have is answered with 405.",
        },
        "paths": paths,
        "components": {"schemas": schemas, "responses": {f"error_{status}": _error(status) for status in _ERRORS}},
    }
    if with_tokens:
        _ask_for_tokens(written)
    return written


# -------------------- types


def sent_schema(kind: SqlType) -> Schema:
    """What a caller may send for a type. An integer is written without a point: 1.0 is refused."""
    schema = _schema(kind)
    if kind.kind == "decimal":
        schema["multipleOf"] = 10**-kind.scale if kind.scale else 1
    elif kind.kind == "timestamptz":
        schema["pattern"] = f"^{TIMESTAMP_PATTERN}$"
    elif kind.kind == "list":
        schema["items"] = sent_schema(kind.item)
    return schema


def answered_schema(kind: SqlType, *, nullable: bool = True) -> Schema:
    """What is answered for a type. Items of a list may be null."""
    schema = _schema(kind)
    if kind.kind == "list":
        schema["items"] = answered_schema(kind.item)
    return _nullable(schema) if nullable else schema


def _schema(kind: SqlType) -> Schema:
    match kind.kind:
        case "integer":
            bound = 2 ** (kind.bits - 1)
            return {"type": "integer", "minimum": -bound, "maximum": bound - 1}
        case "float" | "double":
            most = LARGEST[kind.kind]
            return {"type": "number", "format": kind.kind, "minimum": -most, "maximum": most}
        case "decimal":
            bound = 10 ** (kind.precision - kind.scale)
            return {"type": "number", "exclusiveMinimum": -bound, "exclusiveMaximum": bound}
        case "list":
            return {"type": "array"}
        case "boolean":
            return dict(_FLAG)
        case "date" | "uuid":
            return {"type": "string", "format": kind.kind}
    return {"varchar": _TEXT, "timestamptz": _TIME}[kind.kind].copy()


def _nullable(schema: Schema) -> Schema:
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | enum


def _object(properties: dict[str, Schema], optional: Iterable[str] = (), **more: Any) -> Schema:
    """An object of exactly these members."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        **more,
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


# -------------------- services


def _service_schemas(service: Service, part: str, max_entities: int) -> dict[str, Schema]:
    entity, optional = {}, []
    for name, each in service.inputs.items():
        schema = _input_schema(each)
        if not each.required:
            optional.append(name)
            schema = _nullable(schema)
        entity[name] = _described(schema, each.description, describe_type(each.type))
    features = {each.name: _feature(each) for each in service.features}
    groups = _object({lookup.name: _GROUP_STATUS for lookup in service.lookups})
    times = _object({lookup.name: _TIME for lookup in service.lookups})
    row = _object(
        {
            "status": {"type": "string", "enum": ["OK", "PARTIAL", "STALE", "NOT_FOUND"]},
            "groups": groups,
            "features": _ref(f"{part}_features"),
        }
    )
    rejecting = [each.name for each in service.features if _may_reject(each)]
    rows = [_ref(f"{part}_row")]
    schemas = {
        f"{part}_entity": _object(entity, optional, description=f"A row of {service.id} that is asked for."),
        f"{part}_request": _object({"entities": _list(_ref(f"{part}_entity"), maxItems=max_entities)}),
        f"{part}_features": _object(features),
        f"{part}_row": row,
    }
    if rejecting:
        rows.append(_ref(f"{part}_rejected_row"))
        schemas[f"{part}_rejected_row"] = _object(
            {
                "status": {"type": "string", "const": "REJECTED"},
                "groups": groups,
                "features": {"type": "null"},
                "rejected": _list({"type": "string", "enum": rejecting}, minItems=1),
            },
            description="`rejected` names the columns that are null and must not be, or outside their declared range.",
        )
    schemas[f"{part}_answer"] = _object(
        {
            "service": {"type": "string", "const": service.name},
            "version": {"type": "integer", "const": service.version},
            "snapshot_id": _TEXT,
            "definition": _TEXT,
            "sequence_number": _INTEGER,
            "as_of": times,
            "published_at": _TIME,
            "prediction_time": _TIME,
            "rows": _list(rows[0] if len(rows) == 1 else {"oneOf": rows}),
        }
    )
    return schemas


def _input_schema(declared: Input) -> Schema:
    schema = _bounded(sent_schema(declared.type), declared.range)
    return schema | ({"enum": list(declared.categories)} if declared.categories else {})


def _may_reject(feature: Feature) -> bool:
    return feature.raw.get("missing") == "reject" or bool(
        feature.raw.get("range") and feature.raw.get("out_of_range") == "reject"
    )


def _feature(feature: Feature) -> Schema:
    # In manifests of before, ranges were not held, and a float that must not be missing could be NaN, written as null
    is_held = "out_of_range" in feature.raw
    is_float = feature.type.kind in ("float", "double")
    never_null = feature.raw.get("missing") == "reject" and (is_held or not is_float)
    told = [feature.type.name]
    if feature.raw.get("range"):
        told.append(f"declared range {feature.raw['range']}")
    if feature.raw.get("categories"):
        told.append(f"declared categories {', '.join(map(str, feature.raw['categories']))}")
    schema = answered_schema(feature.type, nullable=not never_null)
    if is_held:
        schema = _bounded(schema, feature.raw.get("range") or (None, None))
    return _described(schema, feature.raw.get("description"), "; ".join(told))


def _bounded(schema: Schema, bounds: Sequence[float | None]) -> Schema:
    """A schema of numbers within a declared range."""
    low, high = bounds
    bounded = dict(schema)
    if low is not None:
        bounded["minimum"] = max(low, schema.get("minimum", low))
    if high is not None:
        bounded["maximum"] = min(high, schema.get("maximum", high))
    return bounded


def _described(schema: Schema, *parts: str | None) -> Schema:
    return schema | {"description": " ".join(f"{part.strip().rstrip('.')}." for part in parts if part and part.strip())}


def _lookup(service: Service, part: str, name: str) -> dict[str, Any]:
    about = {"tags": [service.name], "summary": service.id, "description": service.description}
    answer = _json("The rows, in the order asked for.", _ref(f"{part}_answer"))
    return {
        "get": {
            "operationId": f"get_{name}",
            **about,
            "parameters": [
                {
                    "name": each.name,
                    "in": "query",
                    "required": each.required,
                    "description": each.description or each.name,
                    **_written(_input_schema(each)),
                }
                for each in service.inputs.values()
            ],
            "responses": answer | _errors(*_LOOKUP_ERRORS),
        },
        "post": {
            "operationId": f"ask_{name}",
            **about,
            "requestBody": _body(_ref(f"{part}_request")),
            "responses": answer | _errors(*_BODY_ERRORS),
        },
    }


def _written(schema: Schema) -> dict[str, Any]:
    """A query argument: a list is written as JSON, everything else as it is."""
    if schema["type"] == "array":
        return {"content": {"application/json": {"schema": schema}}}
    return {"schema": schema}


# -------------------- answers and errors


def _json(description: str, schema: Schema, media: str = "application/json") -> dict[str, Any]:
    return {"200": {"description": description, "content": {media: {"schema": schema}}}}


def _body(schema: Schema) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/error_{status}"} for status in statuses}


def _error(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("problem")}}
    response: dict[str, Any] = {"description": _ERRORS[status], "content": content}
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] = {"WWW-Authenticate": {"required": True, "schema": _TEXT}}
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": {"required": True, "description": "Seconds.", "schema": _INTEGER}}
    return response


def _feast_error(status: int) -> dict[str, Any]:
    """The same, as the Feast SDK reads it."""
    text = {"type": "string", "description": "JSON in a string: module, class and message of the SDK's exception."}
    return {**_error(status), "content": {"application/json": {"schema": text}}}


def _ask_for_tokens(written: dict[str, Any]) -> None:
    """Adds the bearer token, and its errors, to all operations but the probes."""
    written["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in written["paths"].items():
        for operation in operations.values():
            if not path.startswith(("/health", "/ready")):
                operation["security"] = [{"token": []}]
                if path == FEAST:
                    operation["responses"] |= {str(status): _feast_error(status) for status in (401, 403)}
                else:
                    operation["responses"] |= _errors(401, 403) if path.startswith("/v1/services") else _errors(401)


# -------------------- everything but services


def _shared_schemas() -> dict[str, Schema]:
    error = _object({"pointer": _TEXT, "detail": _TEXT, "expected": _TEXT})
    problem = {"type": _TEXT, "title": _TEXT, "status": _INTEGER, "detail": _TEXT}
    lists = {"errors": _list(error), "services": _list(_TEXT)}
    refusal = _object({"snapshot_id": _nullable(_TEXT), "reason": _TEXT, "since": _TIME})
    state = {
        "snapshot_id": _nullable(_TEXT),
        "sequence_number": _nullable(_INTEGER),
        "hold": {"type": ["object", "null"]},
        "folder_missing": _FLAG,
        "refused": _nullable(refusal),
    }
    return {
        "problem": _object(problem | lists, lists, description="What is wrong, as RFC 9457 writes it."),
        "health": _object({"status": {"type": "string", "const": "up"}, **state}),
        "readiness": _object(
            {"status": {"type": "string", "const": "ready"}, "service": _TEXT, **state}, optional=["service"]
        ),
        "feast_answer": _object(
            {
                "metadata": _object(
                    {"feature_names": _list(_TEXT), "feature_view_metadata": _list({"type": "object"})},
                    optional=["feature_view_metadata"],
                ),
                "results": _list(
                    _object(
                        {
                            "values": {"type": "array"},
                            "statuses": _list(
                                {
                                    "type": "string",
                                    "enum": ["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "INVALID"],
                                }
                            ),
                            "event_timestamps": _list(_TIME),
                        }
                    )
                ),
            }
        ),
        **_catalog_schemas(),
    }


def _catalog_schemas() -> dict[str, Schema]:
    snapshot = {
        "snapshot_id": _TEXT,
        "sequence_number": _INTEGER,
        "kind": _TEXT,
        "published_at": _TIME,
        "created_at": _TIME,
        "now_injected": _FLAG,
        "invocation_id": _nullable(_TEXT),
        "code_version": _nullable(_TEXT),
        "hold": {"type": ["object", "null"]},
    }
    head = {"name": _TEXT, "version": _INTEGER, "description": _TEXT, "owner": _TEXT, "definition": _TEXT}
    key = {"name": _TEXT, "type": _TEXT}
    column = {**key, "description": _TEXT}
    group = {
        "group": _TEXT,
        **head,
        "as_of": _TIME,
        "age_seconds": _NUMBER,
        "max_age_seconds": _INTEGER,
        "is_stale": _FLAG,
        "rows": _INTEGER,
        "not_knowledge_safe": _list({"type": "object"}),
        "keys": _list(_object(key)),
        "features": _list(_object(column)),
    }
    feature = {
        **column,
        "missing": _nullable(_TEXT),
        "range": {"type": ["array", "null"], "items": {}},
        "categories": {"type": ["array", "null"], "items": {}},
    }
    service = {
        "service": _TEXT,
        **head,
        "is_latest": _FLAG,
        "path": _TEXT,
        "parity": {"anyOf": [_ref("catalog_parity"), {"type": "null"}]},
        "keys": _list(_object(column)),
        "request": _list(_object({**column, "required": _FLAG})),
        "groups": _list({"type": "object"}),
        "features": _list(_object(feature)),
    }
    counts = dict.fromkeys(("same", "different", "not_compared", "not_comparable", "open"), _INTEGER)
    return {
        "catalog_parity": _object({"compared_at": _TIME, "age_seconds": _NUMBER, **counts}),
        "catalog_snapshot": _object(snapshot),
        "catalog_group": _object(group),
        "catalog_service": _object(service),
        "catalog": _object(
            {
                "snapshot": _ref("catalog_snapshot"),
                "now": _TIME,
                "groups": _list(_ref("catalog_group")),
                "services": _list(_ref("catalog_service")),
            }
        ),
    }


def _other_paths(snapshot: Snapshot) -> dict[str, Any]:
    latest = [each.name for each in snapshot.services.values() if each.is_latest]
    asked = {
        "name": "service",
        "in": "path",
        "required": True,
        "schema": {"type": "string", **({"enum": [*latest, *snapshot.services]} if snapshot.services else {})},
    }

    def get(name: str, summary: str, answer: dict[str, Any], *errors: int, **more: Any) -> dict[str, Any]:
        return {"get": {"operationId": name, "summary": summary, **more, "responses": answer | _errors(*errors)}}

    strings = _list(_TEXT, minItems=1)
    services = {"type": "string", "enum": [*latest, *snapshot.services]} if snapshot.services else _TEXT
    flag = {"type": "boolean", "default": False}
    feast_body = {
        "type": "object",
        "properties": {
            "entities": {
                "type": "object",
                "additionalProperties": {"type": "array"},
                "minProperties": 1,
                "description": "Per key or request column its values, all lists of one length.",
            },
            "features": {**strings, "description": "`group:feature`, or `group@version:feature`."},
            "feature_service": services,
            "full_feature_names": flag,
            "include_feature_view_version_metadata": flag,
        },
        "required": ["entities"],
        "anyOf": [{"required": ["features"]}, {"required": ["feature_service"]}],
    }
    feast_errors = {str(status): _feast_error(status) for status in _BODY_ERRORS}
    feast_answer = _json("One result per name.", _ref("feast_answer"))
    page = _json("The catalog as a page.", _TEXT, "text/html")
    about = _json("This document.", {"type": "object"})
    ready = _json("It answers.", _ref("readiness"))
    return {
        FEAST: {
            "post": {
                "operationId": "feast",
                "summary": "Feast's protocol, for its SDK",
                "requestBody": _body(feast_body),
                "responses": feast_answer | feast_errors,
            }
        },
        "/v1/catalog": get("catalog", "What is served", _json("The catalog.", _ref("catalog")), 503),
        "/": get("page", "What is served, for people", page),
        "/openapi.json": get("openapi", "This document", about, 503),
        "/metrics": get("metrics", "Metrics in Prometheus' text format", _json("The metrics.", _TEXT, "text/plain")),
        "/health": get("health", "Whether the process is up", _json("It is.", _ref("health"))),
        "/ready": get("ready", "Whether a snapshot is loaded", ready, 503),
        "/ready/{service}": get(
            "ready_service", "Whether all groups of a service are fresh", ready, 404, 503, parameters=[asked]
        ),
    }
