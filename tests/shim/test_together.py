"""Requests that are evaluated together, and by a plan made once, are answered as each would be alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publisher import KIND_TYPES, NOW, Publisher, service, services
from test_ahead import VALUES, answered, load, per_request, rows_of

from serve.sqltypes import parse_type
from serve.together import Together

CANONICAL = {name: parse_type(kind).name for name, kind in KIND_TYPES.items()}
INTEGERS = {"tinyint": 8, "smallint": 16}
DECIMALS = {"decimal(12,2)": (10**9, 2), "decimal(15,10)": (10**4, 10), "decimal(9,2)": (10**6, 2)}


def values(kind):
    if kind.endswith("[]"):
        return st.lists(st.none() | values(kind[:-2]), max_size=3)
    if bits := INTEGERS.get(kind):
        return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if kind in DECIMALS:
        bound, places = DECIMALS[kind]
        return st.decimals(-bound, bound, places=places)
    if kind in ("float", "double"):  # as validation lets them through
        return st.floats(allow_nan=False, allow_infinity=False, width=32 if kind == "float" else 64)
    return st.text(st.characters(codec="utf-8"), max_size=6) if kind == "varchar" else VALUES[kind]


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    sent = {"word": ("varchar", True)}
    casts = service("casts", {"id": "bigint"}, sent, {"kinds": ["id"]}, {"n": "integer"}, {"n": "word::integer"})
    publisher = Publisher(tmp_path_factory.mktemp("together"), services=services() | {"casts@1": casts})
    publisher.publish()
    return load(publisher.folder)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(1, 4)}
            | {f"request_{name}": st.none() | values(kind) for name, kind in CANONICAL.items()}
        ),
        min_size=1,
        max_size=4,
    )
)
def test_values_of_every_type_survive_as_text(plans, entities):
    plan = plans["echo@1"]
    told = answered(plan, entities, NOW)
    assert told == per_request(plan, entities, NOW)


@pytest.mark.parametrize("text", ["a\x1eb", "\x1f", "\x1a", "x\0", "'", "''\\", "", "null", "\n\t"])
def test_text_that_looks_like_the_end_of_a_field_survives(plans, text):
    plan, rest = plans["echo@1"], dict.fromkeys(f"request_{name}" for name in KIND_TYPES)
    entities = [{"id": 1} | rest | {"request_text": each, "request_words": [each]} for each in (text, "b", None)]
    assert [row.features[0] for row in rows_of(plan, entities, NOW)] == [text, "b", None]
    assert answered(plan, entities, NOW) == per_request(plan, entities, NOW)


def test_many_at_once_are_answered_as_alone(plans):
    """Each request at its own time; those that cannot be computed fail, and no other."""
    delivery, casts = plans["late_delivery@1"], plans["casts@1"]
    orders = ["O-204", "O-150", "O-160", "new"]
    asked = [
        (delivery, [{"order_id": order, "request_distance_km": 1.5 * at} for order in orders[: at % 4 + 1]], at)
        for at in range(40)
    ] + [(casts, [{"id": 1, "word": "7" if at % 4 else "seven"}], at) for at in range(40)]
    told, start = [None] * len(asked), threading.Barrier(16)

    def work(worker):
        start.wait()
        for at in range(worker, len(asked), 16):
            plan, entities, minute = asked[at]
            try:
                told[at] = answered(plan, entities, NOW + timedelta(minutes=minute))
            except duckdb.ConversionException as error:
                told[at] = error

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for answer, (plan, entities, minute) in zip(told, asked, strict=True):
        if entities[0].get("word") == "seven":
            assert isinstance(answer, duckdb.ConversionException)
        else:
            assert answer == per_request(plan, entities, NOW + timedelta(minutes=minute))


def test_what_comes_while_another_runs_goes_together():
    running, go_on, sizes = threading.Event(), threading.Event(), []

    def run(asked):
        sizes.append(len(asked))
        running.set()
        go_on.wait(10)
        return [each for each, _ in asked]

    with ThreadPoolExecutor() as threads:
        together = Together(threads, run)
        told = [together.begin([(0, NOW)])]
        assert running.wait(10)
        told += [together.begin([(number, NOW)]) for number in range(1, 9)]
        go_on.set()
        assert [each.result(10) for each in told] == [[number] for number in range(9)]
    assert sizes == [1, 8]
