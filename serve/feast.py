"""Feast's protocol: what the Feast SDK asks of a `remote` online store, answered from the snapshot.

A feature view is a feature group, a feature service is a service. Results are columns: one per feature, over all
entities. A value is spelled so that the SDK can read it: where it cannot be, it is null, and its status says why.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import catalog
from .clock import EPOCH, rfc3339
from .evaluate import Entity, Plan, Row
from .snapshot import Group, Snapshot
from .sqltypes import SqlType, WrongValue, from_json, json_writer
from .validation import Invalid, TooMany, check_body

PRESENT, NULL, NOT_FOUND, OUTSIDE, INVALID = "PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "INVALID"
_BY_GROUP_STATUS = {"NOT_FOUND": NOT_FOUND, "STALE": OUTSIDE}
_NEVER = rfc3339(EPOCH)  # the event timestamp of what has none
_CLASSES = {401: "FeastPermissionError", 403: "FeastPermissionError", 404: "FeatureServiceNotFoundException"}


class Refused(Exception):
    """A request that cannot be answered. `kind` is the class of feast.errors that the SDK raises for it."""

    def __init__(self, status: int, detail: str, kind: str = "FeastError") -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind


def error_json(status: int, detail: str, kind: str | None = None) -> str:
    """An error as the SDK reads it: a JSON string that holds JSON."""
    told = {"module": "feast.errors", "class": kind or _CLASSES.get(status, "FeastError"), "message": detail}
    return json.dumps(json.dumps(told))


@dataclass(frozen=True)
class Asked:
    """A request. `features` are "view:feature"; where there is a `service`, they do not count."""

    entities: dict[str, list[Any]]
    rows: int
    service: str | None
    features: list[str]
    full_names: bool
    with_versions: bool

    @classmethod
    def parse(cls, body: dict[str, Any], max_entities: int) -> Asked:
        """Raises Refused. What is not known in the body is passed over, as Feast does: later SDKs may send more."""
        entities = body.get("entities")
        if not isinstance(entities, dict) or not entities or not all(isinstance(e, list) for e in entities.values()):
            raise Refused(422, "/entities is not an object of lists, one per key column")
        lengths = {len(values) for values in entities.values()}
        if len(lengths) > 1:
            raise Refused(422, f"/entities: the lists are not of one length: {', '.join(map(str, sorted(lengths)))}")
        if (rows := lengths.pop()) > max_entities:
            raise Refused(413, f"{rows} entities were sent, {max_entities} are allowed")
        service, features = body.get("feature_service"), body.get("features")
        if service is not None and not isinstance(service, str):
            raise Refused(422, "/feature_service is not a string")
        if features is not None and not (isinstance(features, list) and all(isinstance(f, str) for f in features)):
            raise Refused(422, "/features is not a list of strings")
        if service is None and not features:
            raise Refused(422, 'neither "features" nor "feature_service" is given')
        flags = [body.get(name, False) for name in ("full_feature_names", "include_feature_view_version_metadata")]
        if not all(isinstance(flag, bool) for flag in flags):
            raise Refused(422, "/full_feature_names and /include_feature_view_version_metadata are true or false")
        return cls(entities, rows, service, features or [], *flags)

    def name_of(self, reference: str) -> str:
        """The name that "view:feature" is answered by."""
        view, _, feature = reference.partition(":")
        return f"{view}__{feature}" if self.full_names else feature


@dataclass(frozen=True)
class Column:
    """A feature over all entities: JSON texts, statuses, and times as RFC 3339."""

    name: str
    values: list[str]
    statuses: list[str]
    times: list[str]


def answer_json(asked: Asked, keys: Sequence[str], columns: list[Column], versions: list[tuple[str, int]]) -> str:
    """The answer: the keys as they were sent, then the features. `versions` are (view, version)."""
    echoed = [
        Column(key, [_text(each) for each in asked.entities[key]], [PRESENT] * asked.rows, [_NEVER] * asked.rows)
        for key in keys
    ]
    metadata: dict[str, Any] = {"feature_names": [each.name for each in (*echoed, *columns)]}
    if asked.with_versions:
        metadata["feature_view_metadata"] = [{"name": name, "version": version} for name, version in versions]
    results = [
        f'{{"values":[{",".join(each.values)}],"statuses":{_compact(each.statuses)},'
        f'"event_timestamps":{_compact(each.times)}}}'
        for each in (*echoed, *columns)
    ]
    return f'{{"metadata":{_compact(metadata)},"results":[{",".join(results)}]}}'


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _text(value: Any) -> str:
    # Numbers with a fraction were parsed as Decimal; no key column of such a type keeps more digits than it shows
    return json.dumps(value, default=float)


# -------------------- plain views


@dataclass(frozen=True)
class View:
    """A group that is asked for features, as ("shipment", Group, [(the name it is answered by, feature), ...])."""

    name: str
    group: Group
    features: list[tuple[str, str]]


def find_views(snapshot: Snapshot, asked: Asked) -> list[View]:
    """The views asked for, in order. A name without a version means the newest. Raises Refused."""
    views: dict[str, View] = {}
    taken = set(asked.entities)
    for reference in asked.features:
        name, _, feature = reference.partition(":")
        view = views.get(name)
        if view is None:
            view = views[name] = View(name, _find_group(snapshot, name), [])
        if feature not in view.group.features:
            known = ", ".join(view.group.features)
            detail = f"feature view {name} has no feature {feature!r}; it has: {known}"
            raise Refused(404, detail, "SpecifiedFeaturesNotPresentError")
        answered = asked.name_of(reference)
        if answered in taken:
            detail = f"{answered} is asked for twice, or is the name of a key; full_feature_names tells views apart"
            raise Refused(422, detail, "FeatureNameCollisionError")
        taken.add(answered)
        view.features.append((answered, feature))
    return list(views.values())


def _find_group(snapshot: Snapshot, asked: str) -> Group:
    match = re.fullmatch(r"([^@]*)(?:@v?(\d+))?", asked)
    found = [
        each
        for each in snapshot.groups.values()
        if match and each.name == match[1] and match[2] in (None, str(each.version))
    ]
    if not found:
        detail = f"there is no feature view {asked!r}; there are: {', '.join(snapshot.groups) or 'none'}"
        raise Refused(404, detail, "FeatureViewNotFoundException")
    return max(found, key=lambda each: each.version)


def view_columns(views: list[View], asked: Asked, now: datetime) -> tuple[list[Column], dict[str, list[str]]]:
    """The columns of plain views as stored, and by group the row statuses. Raises Refused for keys that do not fit."""
    needed = {key: kind for view in views for key, kind in view.group.keys.items()}
    _require_columns(asked, needed, needed)
    keys = {key: _typed(key, kind, asked.entities[key]) for key, kind in needed.items()}
    columns: dict[str, Column] = {}
    counts = {}
    for view in views:
        group = view.group
        of_group = [keys[key] for key in group.keys]
        rows = [group.find(each) for each in zip(*of_group, strict=True)]
        is_stale = catalog.is_stale(group, now)
        as_of = rfc3339(group.as_of)
        base = [NOT_FOUND if row is None else OUTSIDE if is_stale else PRESENT for row in rows]
        counts[group.id] = base
        for name, feature in view.features:
            write = value_writer(group.features[feature])
            column = columns[name] = Column(name, [], [], [])
            for row, status in zip(rows, base, strict=True):
                text = "null"
                if status == PRESENT:
                    text, status = write(group.value(feature, row))
                column.values.append(text)
                column.statuses.append(status)
                column.times.append(_NEVER if status == NOT_FOUND else as_of)
    return [columns[asked.name_of(reference)] for reference in asked.features], counts


def _require_columns(asked: Asked, needed: Iterable[str], known: Collection[str]) -> None:
    if missing := [name for name in needed if name not in asked.entities]:
        detail = f"/entities has no {', '.join(missing)}"
        raise Refused(422, detail, "RequestDataNotFoundInEntityRowsException")
    if surplus := [name for name in asked.entities if name not in known]:
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


def service_entities(plan: Plan, asked: Asked, max_entities: int) -> list[Entity]:
    """The entities of a service, checked as for its own path. Raises Refused."""
    inputs = plan.service.inputs
    _require_columns(asked, [name for name, each in inputs.items() if each.required], inputs)
    rows = [dict(zip(asked.entities, values, strict=True)) for values in zip(*asked.entities.values(), strict=True)]
    try:
        return check_body(plan.service, {"entities": rows}, max_entities)
    except TooMany as error:
        raise Refused(413, str(error)) from None
    except Invalid as error:
        first = error.errors[0]
        _, _, at, name = first.pointer.split("/")
        raise Refused(422, f"/entities/{name}/{at} {first.detail}; expected {first.expected}") from None


def service_columns(plan: Plan, asked: Asked, rows: list[Row]) -> list[Column]:
    """The features of a service. A null has its status from the lookup that stores a feature of that name, else from
    the row; what a REJECTED row does not tell is INVALID.
    """
    service = plan.service
    oldest = min(lookup.group.as_of for lookup in service.lookups)
    aliases = [lookup.name for lookup in service.lookups]
    stored_in = {each.name: aliases.index(each.lookup) for each in service.columns if each.source == "feature"}
    columns = []
    for at, feature in enumerate(service.features):
        write = value_writer(feature.type)
        of = stored_in.get(feature.name)
        as_of = rfc3339(oldest if of is None else service.lookups[of].group.as_of)
        name = f"{asked.service}__{feature.name}" if asked.full_names else feature.name
        column = Column(name, [], [], [])
        for row in rows:
            if row.features is None:
                text, status = "null", INVALID
            else:
                text, status = write(row.features[at])
                if status == NULL:
                    status = _BY_GROUP_STATUS.get(row.status if of is None else row.groups[of], NULL)
            column.values.append(text)
            column.statuses.append(status)
            column.times.append(_NEVER if status in (NOT_FOUND, INVALID) else as_of)
        columns.append(column)
    return columns


# -------------------- values


def value_writer(kind: SqlType) -> Callable[[Any], tuple[str, str]]:
    """A function that writes a value as JSON text that the SDK can read, and says PRESENT, NULL_VALUE or INVALID.

    It reads no empty list, and no list with a null: the first is written as null, the second too, and INVALID.
    """
    write = json_writer(kind)

    def value(value: Any) -> tuple[str, str]:
        if value is None or value == [] or _is_no_number(value):
            return "null", NULL
        if kind.kind == "list" and any(item is None or _is_no_number(item) for item in value):
            return "null", INVALID
        return write(value), PRESENT

    return value


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
