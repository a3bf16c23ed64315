"""An extension of the shim: the OpenAPI 3.1 document of the snapshot, from templates/openapi.json, and of each service
templates/service.json.jinja. Other extensions add their part (`shim.describe`).

Answers lie in their declared ranges. Their declared categories are described, and not promised: builds test them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask, Response, request
from jinja2 import Environment, FileSystemLoader

from ..serve.shim import Shim
from ..serve.snapshot import Field, Service, Snapshot
from ..serve.sqltypes import Schema

_FOLDER = Path(__file__).with_name("templates")
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), trim_blocks=True, lstrip_blocks=True)
_TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": False}


def init_app(app: Flask) -> None:
    """Adds the route to the shim's application. It names services and features, and so needs a token."""
    shim: Shim = app.extensions["asof"]
    written: WeakKeyDictionary[Snapshot, bytes] = WeakKeyDictionary()  # once for each

    @app.get("/openapi.json")
    def get_openapi() -> Response:
        shim.authorise(request.environ)
        snapshot = shim.publication().snapshot
        if snapshot not in written:
            written[snapshot] = json.dumps(document(shim, snapshot)).encode()
        return Response(written[snapshot], content_type="application/json")


def document(shim: Shim, snapshot: Snapshot) -> dict[str, Any]:
    """The document, ready for JSON."""
    written: dict[str, Any] = json.loads((_FOLDER / "openapi.json").read_text())
    others, components = written["paths"], written["components"]
    paths = written["paths"] = {}
    if shim.tokens is not None:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for service in snapshot.services.values():
        described = _describe(service, shim.max_entities)
        components["schemas"] |= described["schemas"]
        paths |= described["paths"]
    for describe in shim.describe:
        part = describe(written, snapshot)
        paths |= part["paths"]
        components["schemas"] |= part["schemas"]
    paths |= others
    if names := snapshot.names:
        paths["/ready/{service}"]["get"]["parameters"][0]["schema"]["enum"] = names
    if shim.tokens is not None:
        for path, operations in paths.items():
            if not path.startswith(("/health", "/ready")):  # the probes are open
                for operation in operations.values():
                    _ask_for_token(operation)
    return written


def _ask_for_token(operation: dict[str, Any]) -> None:
    """Adds the bearer token, and its errors: 403 where a service is asked."""
    operation["security"] = [{"token": []}]
    for status in (401, 403) if "422" in operation["responses"] else (401,):
        operation["responses"].setdefault(str(status), {"$ref": f"#/components/responses/error_{status}"})


def _describe(service: Service, max_entities: int) -> dict[str, Any]:
    """The `schemas` and `paths` of a service."""
    name = re.sub(r"\W", "_", service.name, flags=re.ASCII)
    written: dict[str, Any] = json.loads(
        _TEMPLATES.get_template("service.json.jinja").render(
            service=service,
            name=name,
            part=f"{name}_v{service.version}",
            max_entities=max_entities,
            parameters=[_parameter(each) for each in service.inputs.values()],
            entity={name: _input_schema(each) for name, each in service.inputs.items()},
            required=[name for name, each in service.inputs.items() if each.required],
            features={each.name: _feature_schema(each) for each in service.features},
            rejecting=[each.name for each in service.features if _rejects(each)],
        )
    )
    return written


# -------------------- columns


def _input_schema(declared: Field) -> Schema:
    schema = _sent_schema(declared)
    if not declared.required:
        schema = _nullable(schema)
    return _described(schema, declared.description, declared.type.expected)


def _parameter(declared: Field) -> dict[str, Any]:
    """A query argument: a list is written as JSON, everything else as it is."""
    about = {"name": declared.name, "in": "query", "required": declared.required}
    written = {"schema": _sent_schema(declared)}
    if declared.type.item:
        written = {"content": {"application/json": written}}
    return about | {"description": declared.description or declared.name} | written


def _sent_schema(declared: Field) -> Schema:
    schema = _bounded(declared.type.sent, *declared.range)
    return schema | ({"enum": list(declared.categories)} if declared.categories else {})


def _rejects(feature: Field) -> bool:
    """Whether a row is REJECTED for a value that is missing or out of its range."""
    raw = feature.raw
    return raw.get("missing") == "reject" or (bool(raw.get("range")) and raw.get("out_of_range") == "reject")


def _feature_schema(feature: Field) -> Schema:
    parts = [feature.type.name]
    if feature.range != (None, None):
        parts.append(f"declared range {list(feature.range)}")
    if feature.categories:
        parts.append(f"declared categories {', '.join(map(str, feature.categories))}")
    schema = feature.type.schema
    is_range_enforced = "out_of_range" in feature.raw  # older manifests do not hold answers to their ranges
    # By older manifests, a float that must not be missing could be NaN, written as null
    if feature.raw.get("missing") != "reject" or (feature.type.is_float and not is_range_enforced):
        schema = _nullable(schema)
    if is_range_enforced:
        schema = _bounded(schema, *feature.range)
    return _described(schema, feature.description, "; ".join(parts))


def _nullable(schema: Schema) -> Schema:
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | enum


def _bounded(schema: Schema, low: float | None, high: float | None) -> Schema:
    """A schema of numbers within a declared range."""
    bounds = {"minimum": (low, max), "maximum": (high, min)}
    held = {name: of(each, schema.get(name, each)) for name, (each, of) in bounds.items() if each is not None}
    return schema | held


def _described(schema: Schema, *parts: str | None) -> Schema:
    return schema | {"description": " ".join(f"{part.strip().rstrip('.')}." for part in parts if part and part.strip())}
