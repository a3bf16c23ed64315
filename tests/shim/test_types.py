"""Every type comes through exactly, to the last digit: what is sent, and what is stored."""

from __future__ import annotations

import re
import struct
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from asof.serve.columns import load_column
from asof.serve.folder import PublishedFolder
from asof.serve.lookup import from_argument, to_argument
from asof.serve.sqltypes import SqlType, parse_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publisher import KIND_TYPES, NOW, Publisher

NAMES = [
    *("varchar", "uuid", "boolean", "tinyint", "smallint", "integer", "bigint", "float", "double", "decimal(4,4)"),
    *("decimal(12,2)", "decimal(18,0)", "decimal(18,18)", "decimal(38,0)", "decimal(38,10)", "date", "timestamptz"),
]
KINDS = [*map(parse_type, NAMES)]
TEXTS = ["", "null", "'", "''\\", '"', "\0", "a\0b", "\x1e\x1f\x1a", "\x7f", "\n\t\r", "ä😀\u2028", "[1]", "{}", "1"]


def values(kind: SqlType) -> st.SearchStrategy:
    match "list" if kind.item else kind.name.partition("(")[0]:
        case "varchar":
            return st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=6)
        case "uuid":
            return st.uuids().map(str)
        case "boolean":
            return st.booleans()
        case "tinyint" | "smallint" | "integer" | "bigint":
            return st.integers(kind.schema["minimum"], kind.schema["maximum"])
        case "float" | "double":
            special = [0.0, -0.0, float("nan"), float("inf"), float("-inf")]
            return st.sampled_from(special) | st.floats(width=32 if kind.name == "float" else 64)
        case "decimal":
            precision, scale = map(int, re.findall(r"\d+", kind.name))
            most = 10**precision - 1
            return st.integers(-most, most).map(lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -scale)))
        case "date":
            return st.dates(date(1, 1, 1), date(9999, 12, 31))
        case "timestamptz":
            return st.datetimes().map(lambda time: time.replace(tzinfo=UTC))
    return st.lists(st.none() | values(kind.item), max_size=3)


def bits(value):
    """What is equal only if it is the same to the last bit."""
    if isinstance(value, list):
        return [bits(each) for each in value]
    if isinstance(value, float):
        return "nan" if value != value else struct.pack(">d", value)
    return (value, str(value)) if isinstance(value, Decimal) else value


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as one:
        one.execute("set TimeZone = 'UTC'")
        yield one


@pytest.mark.parametrize("is_list", [False, True], ids=["", "list"])
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_value_survives_the_argument_and_the_column(connection, kind, is_list, data):
    """As an argument of JSON it is what DuckDB computes with; from a table it is what stands in memory."""
    if is_list:
        kind = parse_type(f"{kind.name}[]")
    sent = data.draw(st.lists(st.none() | values(kind), min_size=1, max_size=5))
    rows = """select unnest(from_json($1::varchar, '[["VARCHAR"]]')) as fields"""
    select = f"select {from_argument('fields[1]', kind)}::{kind.name} as v from ({rows})"
    write = kind.as_text
    written = sent if write is None else [None if each is None else write(each) for each in sent]
    connection.execute(f"create or replace temp table stored as {select}", [to_argument([written])])
    column = load_column(connection, "stored", "v", kind)
    assert [bits(column(at)) for at in range(len(sent))] == [bits(each) for each in sent]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_sent_comes_back(plan, data):
    """Through a whole service."""
    kinds = {name: parse_type(kind) for name, kind in KIND_TYPES.items()}
    sent = {f"request_{name}": st.none() | values(kind) for name, kind in kinds.items()}
    entities = data.draw(st.lists(st.fixed_dictionaries({"id": st.integers(1, 4)} | sent), min_size=1, max_size=4))
    for row, entity in zip(plan.rows(entities, NOW), entities, strict=True):
        assert [bits(aware(each)) for each in row.features] == [bits(entity[f"request_{name}"]) for name in kinds]


def aware(value):
    """DuckDB hands times over without their zone, which is UTC."""
    if isinstance(value, list):
        return [aware(each) for each in value]
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    publisher = Publisher(tmp_path_factory.mktemp("types"))
    publisher.publish()
    watched = PublishedFolder(publisher.folder, allow_injected_now=True, clock=lambda: NOW)
    watched.poll()
    return watched.current.plans["echo@1"]
