"""Asks a shim for whatever its OpenAPI document allows and forbids, and holds every answer against that document."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from asof.extensions.feast import PATH as FEAST

ALL = list(HealthCheck)
CONFIG = {
    "checks": {
        # 503 is how a stale service is told, and documented; any other 5xx is a failure
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", "503"]},
        "negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "413", "415", "422"]},
    }
}


def read_document(app_or_url: Any, **options: Any) -> Any:
    """The document of a running shim (its URL) or of an app, ready to ask by. It is checked to be valid OpenAPI."""
    config = SchemathesisConfig.from_dict(CONFIG)
    if isinstance(app_or_url, str):
        schema = schemathesis.openapi.from_url(f"{app_or_url}/openapi.json", config=config, **options)
    else:
        schema = schemathesis.openapi.from_wsgi("/openapi.json", app_or_url, config=config, **options)
    schema.validate()
    return schema


def whole(value: Any) -> Any:
    """The value with 1.0 written as 1: JSON Schema takes both for an integer; the shim does not, and says so."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(each) for each in value]
    return {key: whole(each) for key, each in value.items()} if isinstance(value, dict) else value


def attack(schema: Any, cases: int, start: int, statuses: Counter, **call: Any) -> None:
    """Up to `cases` valid and as many invalid requests to each operation. Raises what schemathesis finds: a 5xx, an
    answer outside the document, a refused valid request, an accepted invalid one, an answer without the token.
    """
    for operation in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # there is nothing to do wrong
                _attack(operation.ok(), mode, cases, start, statuses, call)


def _attack(operation: Any, mode: GenerationMode, cases: int, start: int, statuses: Counter, call: Any) -> None:
    # Which columns /entities must have follows from the views asked for, which no schema can say
    excluded = [positive_data_acceptance] if operation.path == FEAST else None

    @settings(max_examples=cases, database=None, phases=[Phase.generate], deadline=None, suppress_health_check=ALL)
    @seed(start)
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            case.body = whole(case.body)
        response = case.call(**call)
        statuses[response.status_code] += 1
        case.validate_response(response, excluded_checks=excluded, headers=call.get("headers"))

    ask()


def spoilt(valid: bytes, dice: random.Random) -> Iterator[bytes]:
    """Bodies that were JSON once: cut, with other bytes, doubled, in other encodings, deeply nested; and noise."""
    changes: list[Callable[[bytes], bytes]] = [
        lambda body: body[: dice.randrange(len(body))],
        lambda body: body[:1] * dice.randrange(1, 100_000) + body,
        lambda body: bytes(each if dice.random() > 0.05 else dice.randrange(256) for each in body),
        lambda body: body.replace(b'"', dice.choice([b"'", b"", b'""', b"\\"]), dice.randrange(1, 9)),
        lambda body: body.replace(b":", dice.choice([b":1e999999999,", b":-0,", b":NaN,", b":[" * 3000]), 1),
        lambda body: body.decode().encode(dice.choice(["utf-16", "utf-32", "utf-8-sig"])),
        lambda body: dice.randbytes(dice.randrange(2000)),
        lambda body: body + body,
    ]
    while True:
        yield dice.choice(changes)(valid)
