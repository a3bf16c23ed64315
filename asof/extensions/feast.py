"""An extension of the shim: what the Feast SDK asks of a `remote` online store, answered from the snapshot.

A feature view is a feature group, a feature service is a service. Results are columns: one per feature, over all
entities. A value is spelled so that the SDK can read it: where it cannot be, it is null, and its status says why.
"""

from __future__ import annotations

import json
import math
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response
from flask import request as http
from prometheus_client import Counter

from ..serve.clock import EPOCH, rfc3339
from ..serve.evaluate import Row
from ..serve.limits import Environ
from ..serve.lookup import Entity
from ..serve.problem import Problem
from ..serve.shim import Shim
from ..serve.snapshot import Group, Service, Snapshot
from ..serve.sqltypes import SqlType, WrongValue, from_json, json_writer
from ..serve.validation import Invalid, check_body, parse_object

PATH = "/get-online-features"
PRESENT, NULL, NOT_FOUND, OUTSIDE, INVALID = "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "INVALID"
_BY_GROUP_STATUS = {"NOT_FOUND": NOT_FOUND, "STALE": OUTSIDE}
_NEVER = rfc3339(EPOCH)  # the event timestamp of what has none
_ERRORS = (400, 404, 413, 415, 422, 503)
_CLASSES = {401: "FeastPermissionError", 403: "FeastPermissionError", 404: "FeatureServiceNotFoundException"}


def init_app(app: Flask) -> None:
    """Adds the route to the shim's application."""
    shim: Shim = app.extensions["asof"]
    shim.describe.append(describe)
    view_rows = shim.metrics.counter("view_rows", "Rows of plain views answered to Feast.", "group", "status")

    @app.post(PATH)
    def post_feast() -> Response:
        try:
            return Response(answer(shim, http.environ, view_rows), content_type="application/json")
        except Problem as error:
            return Response(error_json(error), error.status, error.headers, content_type="application/json")


def answer(shim: Shim, environ: Environ, view_rows: Counter) -> str:
    """The answer to a Feast SDK; rows of plain views are counted in `view_rows`. Raises Problem."""
    token, publication = shim.authorise(environ), shim.publication()
    with shim.admission.of(environ) as body:
        request, now = Request.parse(parse_object(body), shim.max_entities), shim.now(publication)
        if request.service is None:
            shim.check_scope(environ, token, None)
            written, statuses = answer_views(publication.snapshot, request, now)
            for group, of_rows in statuses.items():
                for status, count in Tally(of_rows).items():
                    view_rows.labels(group, status).inc(count)
            return written
        service = shim.service(environ, publication, request.service)
        shim.check_scope(environ, token, service)
        entities = service_entities(service, request, shim.max_entities)
        return answer_service(service, request, shim.rows(publication, service, entities, now))


def describe(document: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """The route's part of the OpenAPI document. Errors are as the SDK reads them."""
    part: dict[str, Any] = json.loads(Path(__file__).with_name("templates").joinpath("feast.json").read_text())
    operation, components = part["paths"][PATH]["post"], document["components"]
    if snapshot.names:
        sent = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        sent["feature_service"]["enum"] = snapshot.names
    text = {"type": "string", "description": "JSON in a string: module, class and message of the SDK's exception."}
    content = {"content": {"application/json": {"schema": text}}}
    statuses = (*_ERRORS, 401, 403) if "securitySchemes" in components else _ERRORS
    operation["responses"] |= {str(each): components["responses"][f"error_{each}"] | content for each in statuses}
    return part


class Refused(Problem):
    """A request that cannot be answered. `kind` is the class of feast.errors that the SDK raises for it."""

    def __init__(self, status: int, detail: str, kind: str = "FeastError") -> None:
        super().__init__(status, detail)
        self.kind = kind


def error_json(error: Problem) -> str:
    """An error as the SDK reads it: a JSON string that holds JSON."""
    kind = error.kind if isinstance(error, Refused) else _CLASSES.get(error.status, "FeastError")
    return json.dumps(json.dumps({"module": "feast.errors", "class": kind, "message": str(error)}))


class Request(NamedTuple):
    """A request. `features` are "view:feature"; where there is a `service`, they do not count."""

    entities: dict[str, list[Any]]
    service: str | None
    features: list[str]
    full_names: bool
    with_versions: bool

    @classmethod
    def parse(cls, body: dict[str, Any], max_entities: int) -> Request:
        """Raises Refused. What is not known in the body is passed over, as Feast does: later SDKs may send more."""
        entities, service, features = body.get("entities"), body.get("feature_service"), body.get("features")
        flags = [body.get(name, False) for name in ("full_feature_names", "include_feature_view_version_metadata")]
        if not isinstance(entities, dict) or not entities or not all(isinstance(e, list) for e in entities.values()):
            raise Refused(422, "/entities is not an object of lists, one per key column")
        lengths = {len(values) for values in entities.values()}
        if len(lengths) > 1:
            raise Refused(422, f"/entities: the lists are not of one length: {', '.join(map(str, sorted(lengths)))}")
        if max(lengths) > max_entities:
            raise Refused(413, f"{max(lengths)} entities were sent, {max_entities} are allowed")
        if service is not None and not isinstance(service, str):
            raise Refused(422, "/feature_service is not a string")
        if features is not None and not (isinstance(features, list) and all(isinstance(f, str) for f in features)):
            raise Refused(422, "/features is not a list of strings")
        if service is None and not features:
            raise Refused(422, 'neither "features" nor "feature_service" is given')
        if not all(isinstance(flag, bool) for flag in flags):
            raise Refused(422, "/full_feature_names and /include_feature_view_version_metadata are true or false")
        return cls(entities, service, features or [], *flags)

    def name_of(self, view: str, feature: str) -> str:
        """The name that a feature is answered by."""
        return f"{view}__{feature}" if self.full_names else feature


_Cell = tuple[str, str, str]  # of a key or feature and an entity: its JSON text, its status and its time (RFC 3339)


def _answer(request: Request, keys: Sequence[str], features: dict[str, list[_Cell]], views: dict[str, int]) -> str:
    """The answer: the keys as they were sent, then the features by name. `views`: the version of each."""
    # Numbers with a fraction were parsed as Decimal; no key column of such a type keeps more digits than it shows
    sent = {key: [(json.dumps(each, default=float), PRESENT, _NEVER) for each in request.entities[key]] for key in keys}
    metadata: dict[str, Any] = {"feature_names": [*sent, *features]}
    if request.with_versions:
        metadata["feature_view_metadata"] = [{"name": name, "version": version} for name, version in views.items()]
    results = []
    for cells in [*sent.values(), *features.values()]:
        texts, statuses, times = ([cell[part] for cell in cells] for part in range(3))
        lists = f'"statuses":{_compact(statuses)},"event_timestamps":{_compact(times)}'
        results.append(f'{{"values":[{",".join(texts)}],{lists}}}')
    return f'{{"metadata":{_compact(metadata)},"results":[{",".join(results)}]}}'


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# -------------------- plain views


def answer_views(snapshot: Snapshot, request: Request, now: datetime) -> tuple[str, dict[str, list[str]]]:
    """The answer of stored features as they are, at `now` (UTC), and by group the status of each row. Refused."""
    groups = _groups_of(snapshot, request)  # by view
    needed = {key: kind for group in groups.values() for key, kind in group.keys.items()}
    _require_columns(request, needed, needed)
    keys = {key: _typed(key, kind, request.entities[key]) for key, kind in needed.items()}
    rows, statuses = {}, {}
    for view, group in groups.items():
        rows[view] = [group.table.find(each) for each in zip(*[keys[key] for key in group.keys], strict=True)]
        known = OUTSIDE if group.is_stale(now) else PRESENT
        statuses[view] = [NOT_FOUND if row is None else known for row in rows[view]]
    features = {}
    for view, _, feature in (each.partition(":") for each in request.features):
        group = groups[view]
        write, get = value_writer(group.features[feature]), group.table.columns[feature]
        as_of = rfc3339(group.as_of)
        cells = []
        for row, row_status in zip(rows[view], statuses[view], strict=True):
            text, status = write(get(row)) if row is not None and row_status == PRESENT else ("null", row_status)
            cells.append((text, status, _NEVER if status == NOT_FOUND else as_of))
        features[request.name_of(view, feature)] = cells
    answer = _answer(request, list(request.entities), features, {view: each.version for view, each in groups.items()})
    return answer, {group.id: statuses[view] for view, group in groups.items()}


def _groups_of(snapshot: Snapshot, request: Request) -> dict[str, Group]:
    """The groups of the views asked for, in order. A view without a version is the newest. Raises Refused."""
    groups: dict[str, Group] = {}
    taken = set(request.entities)
    for reference in request.features:
        view, _, feature = reference.partition(":")
        group = groups[view] = _find_group(snapshot, view)
        if feature not in group.features:
            known = ", ".join(group.features)
            detail = f"feature view {view} has no feature {feature!r}; it has: {known}"
            raise Refused(404, detail, "SpecifiedFeaturesNotPresentError")
        name = request.name_of(view, feature)
        if name in taken:
            detail = f"{name} is asked for twice, or is the name of a key; full_feature_names tells views apart"
            raise Refused(422, detail, "FeatureNameCollisionError")
        taken.add(name)
    return groups


def _find_group(snapshot: Snapshot, view: str) -> Group:
    name, _, version = view.partition("@")
    versions = {str(each.version): each for each in snapshot.groups.values() if each.name == name}
    if "@" in view:
        versions = {number: each for number, each in versions.items() if version in (number, f"v{number}")}
    if not versions:
        detail = f"there is no feature view {view!r}; there are: {', '.join(snapshot.groups) or 'none'}"
        raise Refused(404, detail, "FeatureViewNotFoundException")
    return max(versions.values(), key=lambda each: each.version)


def _require_columns(request: Request, needed: Iterable[str], known: Collection[str]) -> None:
    if missing := [name for name in needed if name not in request.entities]:
        detail = f"/entities has no {', '.join(missing)}"
        raise Refused(422, detail, "RequestDataNotFoundInEntityRowsException")
    if surplus := [name for name in request.entities if name not in known]:
        raise Refused(422, f"/entities has {', '.join(surplus)}, which is not known; known: {', '.join(known)}")


def _typed(key: str, kind: SqlType, values: list[Any]) -> list[Any]:
    typed = []
    for at, value in enumerate(values):
        try:
            if value is None:
                raise WrongValue("is null", kind.expected)
            typed.append(from_json(kind, value))
        except WrongValue as error:
            raise Refused(422, f"/entities/{key}/{at} {error}; expected {error.expected}") from None
    return typed


# -------------------- services


def service_entities(service: Service, request: Request, max_entities: int) -> list[Entity]:
    """The entities of a service, checked as for its own path. Raises Refused."""
    _require_columns(request, [name for name, each in service.inputs.items() if each.required], service.inputs)
    rows = [dict(zip(request.entities, values, strict=True)) for values in zip(*request.entities.values(), strict=True)]
    try:
        return check_body(service, {"entities": rows}, max_entities)
    except Invalid as error:
        first = error.errors[0]
        _, _, at, name = first.pointer.split("/")
        raise Refused(422, f"/entities/{name}/{at} {first.detail}; expected {first.expected}") from None


def answer_service(service: Service, request: Request, rows: list[Row]) -> str:
    """The answer of a service. A null has its status from the lookup that stores a feature of that name, else from the
    row; what a REJECTED row does not tell is INVALID.
    """
    oldest = min(lookup.group.as_of for lookup in service.lookups)
    stored_in = {each.name: each.lookup for each in service.columns if each.source == "feature"}
    features = {}
    for at, feature in enumerate(service.features):
        write, lookup = value_writer(feature.type), stored_in.get(feature.name)
        of = service.lookups.index(lookup) if lookup else None
        as_of = rfc3339(lookup.group.as_of if lookup else oldest)
        cells = []
        for row in rows:
            text, status = ("null", INVALID) if row.features is None else write(row.features[at])
            if status == NULL:
                status = _BY_GROUP_STATUS.get(row.status if of is None else row.lookups[of], NULL)
            cells.append((text, status, _NEVER if status in (NOT_FOUND, INVALID) else as_of))
        features[request.name_of(request.service or "", feature.name)] = cells
    return _answer(request, service.keys, features, {service.name: service.version})


# -------------------- values


def value_writer(kind: SqlType) -> Callable[[Any], tuple[str, str]]:
    """A function that writes a value as JSON text that the SDK can read, and says PRESENT, NULL_VALUE or INVALID.

    It reads no empty list, and no list with a null: the first is written as null, the second too, and INVALID.
    """
    write = json_writer(kind)

    def value(value: Any) -> tuple[str, str]:
        if value is None or value == [] or _is_no_number(value):
            return "null", NULL
        if kind.item and any(item is None or _is_no_number(item) for item in value):
            return "null", INVALID
        return write(value), PRESENT

    return value


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
