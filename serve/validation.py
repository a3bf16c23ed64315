"""What a caller may send: strict parsing of JSON, and typed checks that name every wrong field by JSON pointer."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from .lookup import Entity
from .problem import Problem
from .snapshot import Field, Service
from .sqltypes import WrongValue, from_json

MAX_ERRORS = 100


class FieldError(NamedTuple):
    """One wrong field. `pointer` is a JSON pointer (RFC 6901) into the request body."""

    pointer: str
    detail: str
    expected: str


class Invalid(Problem):
    """The 422 for JSON that does not fit the service. `errors` holds at most MAX_ERRORS of what is wrong."""

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors[:MAX_ERRORS]
        detail = f"{errors[0].pointer} {errors[0].detail}"
        if len(self.errors) > 1:
            detail += f", and {len(self.errors) - 1} more errors"
        super().__init__(422, detail, errors=[each._asdict() for each in self.errors])


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Problem 400."""
    try:
        parsed = parse_json(body.decode())
    except ValueError as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise Problem(400, 'the body is not an object, expected {"entities": ...}')
    return parsed


def parse_json(text: str) -> Any:
    """JSON with numbers kept exact: int, or Decimal where there is a fraction or exponent (also NaN).

    Raises ValueError, also for an object that names a member twice and for nesting too deep to read.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal can hold
        return Decimal("Infinity")


def _integer(text: str) -> int | Decimal:
    # Python refuses to read very long integers, and no type holds them; as Decimal they are out of range
    return int(text) if len(text) <= 400 else Decimal(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object names {next(name for name in names if names.count(name) > 1)!r} twice")
    return members


# Made once: json.loads would make one for every request
_DECODER = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=Decimal, object_pairs_hook=_object)


def check_body(service: Service, body: dict[str, Any], max_entities: int) -> list[Entity]:
    """The entities of a POST body. Raises Invalid, Problem 413."""
    errors = [FieldError(f"/{_escape(name)}", "is not known", 'only "entities"') for name in body if name != "entities"]
    entities = body.get("entities")
    if not isinstance(entities, list):
        detail = "is not a list" if "entities" in body else "is missing"
        raise Invalid([FieldError("/entities", detail, "a list with one object per row"), *errors])
    if len(entities) > max_entities:
        raise Problem(413, f"{len(entities)} entities were sent, {max_entities} are allowed")
    checked: list[Entity] = []
    (first, *others) = service.inputs.values()
    only = first.name if not others and first.type.name == "varchar" else None
    for index, entity in enumerate(entities):
        # Most rows are one text key and nothing else, and are taken as they are
        if type(entity) is dict and len(entity) == 1 and type(key := entity.get(only)) is str and key.isascii():
            checked.append(entity)
            continue
        checked.append(_check_entity(service, entity, index, errors))
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise Invalid(errors)
    return checked


def check_query(service: Service, arguments: dict[str, list[str]]) -> list[Entity]:
    """The one entity of a GET, from query arguments parsed by declared type. Raises Invalid."""
    errors: list[FieldError] = []
    entity: dict[str, Any] = {}
    for name, texts in arguments.items():
        declared = service.inputs.get(name)
        if len(texts) > 1:
            expected = declared.type.expected if declared else _known(service)
            errors.append(_wrong(0, name, "is given more than once", expected))
        entity[name] = texts[0] if declared is None else _from_text(declared, texts[0])
    checked = _check_entity(service, entity, 0, errors)
    if errors:
        raise Invalid(errors)
    return [checked]


def _from_text(declared: Field, text: str) -> Any:
    """A query argument as the JSON value it stands for; text that is none fails as text. `null` does: leave it out."""
    if str in declared.type.accepts:
        return text
    try:
        value = parse_json(text)
    except ValueError:
        return text
    return text if value is None else value


def _check_entity(service: Service, entity: Any, index: int, errors: list[FieldError]) -> Entity:
    if not isinstance(entity, dict):
        errors.append(FieldError(f"/entities/{index}", "is not an object", f"an object with {_known(service)}"))
        return {}
    checked: Entity = {}
    for name, declared in service.inputs.items():
        value = entity.get(name)
        if value is None:
            checked[name] = None
            if declared.required:
                detail = "is null" if name in entity else "is missing"
                errors.append(_wrong(index, name, detail, declared.type.expected))
            continue
        try:
            checked[name] = _within(declared, from_json(declared.type, value))
        except WrongValue as error:
            errors.append(_wrong(index, name, str(error), error.expected))
    for name in entity.keys() - service.inputs.keys():
        errors.append(_wrong(index, name, "is not known", _known(service)))
    return checked


def _within(declared: Field, value: Any) -> Any:
    """The value, if it lies in what is declared of the column. Raises WrongValue."""
    low, high = declared.range
    if low is not None or high is not None:
        number = declared.type.comparable
        if (low is not None and number(value) < number(low)) or (high is not None and number(value) > number(high)):
            bounds = [f"at least {low}"] if low is not None else []
            bounds += [f"at most {high}"] if high is not None else []
            raise WrongValue("lies outside its declared range", f"{declared.type.name}: {' and '.join(bounds)}")
    if declared.categories and value not in declared.categories:
        known = ", ".join(map(str, declared.categories))
        raise WrongValue("is none of its declared categories", f"{declared.type.name}: one of {known}")
    return value


def _wrong(index: int, name: str, detail: str, expected: str) -> FieldError:
    return FieldError(f"/entities/{index}/{_escape(name)}", detail, expected)


def _known(service: Service) -> str:
    return "one of: " + ", ".join(service.inputs)


def _escape(name: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
