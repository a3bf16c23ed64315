"""What the answers of a service depend on, told by DuckDB's own parser and optimizer, never by a guess.

An answer that neither reads a request column, nor `prediction_time` but to see whether a moment has passed, is the same
for an entity from one such moment to the next, and may be computed ahead (ahead.py). Whatever is not understood here
is not computed ahead: the list of what is allowed is short, and all else is refused.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from serve.columns import literal, quote
from serve.snapshot import Service
from serve.sqltypes import EPOCH

_EXPRESSIONS = {
    *("BETWEEN", "CASE", "CAST", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "OPERATOR", "TYPE"),
}
_ORDERS = {f"COMPARE_{each}" for each in ("GREATERTHAN", "LESSTHAN", "GREATERTHANOREQUALTO", "LESSTHANOREQUALTO")}
_MACROS = {"nullif", "ifnull", "if"}
_CLOCKS = {"age", "current_localtime", "current_localtimestamp"}  # that DuckDB calls consistent all the same
_MICROSECOND = timedelta(microseconds=1)


class Dependent(Exception):
    """The answers cannot be computed ahead; the message says why."""


@dataclass(frozen=True)
class Piece:
    """A stretch of time, from `start` (aware UTC) to the next piece's, in which every moment that the SQL compares
    `prediction_time` with lies on the same side: `passed`, in the SQL's order.
    """

    start: datetime
    passed: tuple[bool | None, ...]


class Analyst:
    """A DuckDB that runs nothing of a service, and tells what its text means."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'; set enable_external_access = false")
        # Only what finds unread columns: what DuckDB knows of values must not decide which columns are read
        others = "select string_agg(name, ',') from duckdb_optimizers() where name <> 'unused_columns'"
        (names,) = self.connection.execute(others).fetchone()
        self.connection.execute(f"set disabled_optimizers = '{names}'")
        # Functions that make the same of the same row, always
        steady = (
            "select function_name from duckdb_functions() group by all "
            "having bool_and(function_type = 'scalar' and stability = 'CONSISTENT')"
        )
        found = {name for (name,) in self.connection.execute(steady).fetchall()}
        self.functions = (found | _MACROS) - _CLOCKS
        self._columns: dict[str, bool] = {}

    def is_column(self, name: str) -> bool:
        """Whether a name is nothing without a table: current_date and its like are functions."""
        if name not in self._columns:
            try:
                self.connection.execute(f"explain select {quote(name)}")
                self._columns[name] = False
            except duckdb.BinderException:
                self._columns[name] = True
        return self._columns[name]

    def columns_read(self, service: Service) -> list[str]:
        """The columns of looked_up that the answers of a service read; all of them where that cannot be told."""
        columns = {name: kind.name for name, kind in service.looked_up}
        try:
            return sorted(self.read_columns(columns, service.sql))
        except (Dependent, duckdb.Error):
            return list(columns)

    def read_columns(self, columns: dict[str, str], sql: str) -> frozenset[str]:
        """What the optimized plan of a query scans of a table looked_up, whose columns and types are given.

        Raises Dependent, duckdb.Error.
        """
        declared = ", ".join(f"{quote(name)} {kind}" for name, kind in columns.items())
        self.connection.execute(f"create or replace temp table looked_up ({declared})")
        plan = json.loads(self.connection.execute(f"explain (format json) {sql}").fetchone()[1])
        read: set[str] = set()
        scans = [each for each in walk(plan) if each.get("extra_info", {}).get("Table", "").endswith("looked_up")]
        for scan in scans:
            names = scan["extra_info"].get("Projections")
            if not names or set(scan["extra_info"]) - {"Table", "Type", "Projections", "Estimated Cardinality"}:
                raise Dependent("its plan reads looked_up in a way that is not understood")
            read |= {names} if isinstance(names, str) else set(names)
        if not read or not read <= columns.keys():
            raise Dependent(f"its plan reads {', '.join(sorted(read - columns.keys())) or 'nothing of looked_up'}")
        return frozenset(read)


class Dependence:
    """Of one service: `columns`, what its answers read of `looked_up`, and the moments at which they may change."""

    def __init__(self, service: Service, analyst: Analyst) -> None:
        """Raises Dependent, duckdb.Error."""
        self._service = service
        self._analyst = analyst
        self._connection = analyst.connection
        text = self._value("select json_serialize_sql(?::varchar)", [service.sql])
        self._tree = json.loads(text)
        if self._tree.get("error") or len(self._tree["statements"]) != 1:
            raise Dependent("its SQL is not one statement that DuckDB's parser can write down")
        _Allowed(analyst).check(self._tree["statements"][0]["node"])
        self._moments = self._take_moments()
        self.columns = self._read_columns()
        requested = set(service.inputs) - set(service.keys)
        if surplus := sorted(self.columns & (requested | {"prediction_time"})):
            raise Dependent(f"its answers read {', '.join(surplus)}")

    def pieces(self, start: datetime) -> list[Piece]:
        """The pieces of the time from `start` on, for the snapshot's own `as_of`. Raises Dependent, duckdb.Error."""
        self._connection.execute(f"create or replace temp table looked_up as {self._snapshot_row()}")
        starts = {start}
        for _, moment in self._moments:
            kind, at = self._connection.execute(
                f"select typeof(moment), epoch_us(moment) from ({self._select(moment, 'moment')})"
            ).fetchone()
            if kind != "TIMESTAMP WITH TIME ZONE":
                raise Dependent(f"prediction_time is compared with a {kind.lower()}")
            if at is None:
                continue
            try:
                found = EPOCH + timedelta(microseconds=at)
            except OverflowError:
                raise Dependent("prediction_time is compared with a moment out of any calendar") from None
            # Whatever the comparison, it can change at the moment itself and right after it, and nowhere else
            starts |= {each for each in (found, found + _MICROSECOND) if each > start}
        pieces: list[Piece] = []
        for each in sorted(starts):
            passed = self._passed(each)
            if not pieces or pieces[-1].passed != passed:
                pieces.append(Piece(each, passed))
        return pieces

    def _passed(self, now: datetime) -> tuple[bool | None, ...]:
        """What the SQL's own comparisons with prediction_time say at `now`."""
        if not self._moments:
            return ()
        self._connection.execute(f"update looked_up set prediction_time = {literal(now)}")
        texts = [f"({self._select(comparison, 'passed')})" for comparison, _ in self._moments]
        return tuple(self._connection.execute(f"select {', '.join(texts)}").fetchone())

    def _snapshot_row(self) -> str:
        known = {"prediction_time": "null::timestamptz"}
        for lookup in self._service.lookups:
            known[f"{lookup.name}__as_of"] = literal(lookup.group.as_of)
            known[f"{lookup.name}__max_age_seconds"] = f"{lookup.group.max_age_seconds}::bigint"
        return f"select {', '.join(f'{value} as {quote(name)}' for name, value in known.items())}"

    def _take_moments(self) -> list[tuple[Any, Any]]:
        """Puts a column of its own for every comparison of prediction_time with a moment of the snapshot; returns the
        comparisons, each with what it compares with.
        """
        found: list[tuple[Any, Any]] = []
        constants = {f"{each.name}__{end}" for each in self._service.lookups for end in ("as_of", "max_age_seconds")}

        def is_moment(node: Any) -> bool:
            names = [each["column_names"][-1] for each in _expressions(node) if each["class"] == "COLUMN_REF"]
            return constants.issuperset(names)

        def is_now(node: Any) -> bool:
            return node["class"] == "COLUMN_REF" and node["column_names"] == ["prediction_time"]

        def replace(node: Any) -> None:
            for each in list(_expressions(node)):
                if each["class"] != "COMPARISON" or each["type"] not in _ORDERS:
                    continue
                sides = each["left"], each["right"]
                for now, moment in (sides, sides[::-1]):
                    if is_now(now) and is_moment(moment):
                        found.append((copy.deepcopy(each), copy.deepcopy(moment)))
                        name, alias = f"asof moment {len(found) - 1}", each["alias"]
                        each.clear()
                        each |= _column(name) | {"alias": alias}
                        break

        for select in _selects(self._tree):
            # Only there, the names are those of looked_up: deeper down, others may bear them
            if select["from_table"].get("table_name") != "looked_up":
                continue
            if {each["alias"] for each in select["select_list"]} & (constants | {"prediction_time"}):
                raise Dependent("its SQL gives a name of looked_up to something else")
            for each in select["select_list"]:
                replace(each)
        return found

    def _read_columns(self) -> frozenset[str]:
        """The columns of looked_up that matter. The moments stand as columns of their own."""
        columns = {name: kind.name for name, kind in self._service.looked_up}
        columns |= {f"asof moment {at}": "boolean" for at in range(len(self._moments))}
        return self._analyst.read_columns(columns, self._deserialize(self._tree))

    def _select(self, expression: Any, name: str) -> str:
        """The text of `select expression as name from looked_up`."""
        tree = json.loads(self._value("select json_serialize_sql('select 1 from looked_up')"))
        tree["statements"][0]["node"]["select_list"] = [expression | {"alias": name}]
        return self._deserialize(tree)

    def _deserialize(self, tree: Any) -> str:
        return self._value("select json_deserialize_sql(?::json)", [json.dumps(tree)])

    def _value(self, query: str, parameters: list[Any] | None = None) -> Any:
        return self._connection.execute(query, parameters).fetchone()[0]


class _Allowed:
    """Checks that every answer is made of its own row of looked_up alone, by the kinds of SQL known to do so."""

    def __init__(self, analyst: Analyst) -> None:
        self._analyst = analyst

    def check(self, node: dict[str, Any]) -> None:
        """Raises Dependent."""
        if "looked_up" in {name.lower() for name in _common_names(node)}:
            raise Dependent("its SQL names something else looked_up")
        for select in _selects(node):
            self._check_select(select)

    def _check_select(self, select: dict[str, Any]) -> None:
        plain = {"type": "SELECT_NODE", "modifiers": [], "where_clause": None, "group_expressions": []}
        plain |= {"group_sets": [], "having": None, "sample": None, "qualify": None}
        for name, value in plain.items():
            if select[name] != value:
                raise Dependent(f"its SQL has a {name.replace('_', ' ')} that may mix rows, or leave some out")
        for each in select["cte_map"]["map"]:
            if each["value"]["aliases"] or each["value"]["key_targets"]:
                raise Dependent("its SQL renames the columns of a common table expression")
        aliases = self._check_from(select["from_table"])
        for each in select["select_list"]:
            if each["class"] == "STAR":
                if any(each[name] for name in each if name.endswith("_list")) or each["columns"] or each["expr"]:
                    raise Dependent("its SQL selects all but some columns")
                continue
            is_row_id = each["class"] == "COLUMN_REF" and each["column_names"][-1] == "row_id"
            if is_row_id and each["alias"] in ("", "row_id"):
                continue
            if each["alias"].lower() == "row_id":
                raise Dependent("its SQL gives the name row_id to something else")
            self._check_expression(each, aliases)

    def _check_from(self, table: dict[str, Any]) -> set[str]:
        """The names under which the rows of a FROM can be reached, all lower case."""
        if table["type"] == "JOIN":
            names = self._check_from(table["left"]) | self._check_from(table["right"])
            condition = table["condition"] or {}
            is_equal = condition.get("type") == "COMPARE_EQUAL"
            sides = [condition["left"], condition["right"]] if is_equal else []
            if not sides or any(side.get("column_names", [""])[-1] != "row_id" for side in sides):
                raise Dependent("its SQL joins by something else than row_id")
            if table["join_type"] not in ("INNER", "LEFT") or table["ref_type"] != "REGULAR" or table["using_columns"]:
                raise Dependent(f"its SQL has a join of type {table['ref_type'].lower()} {table['join_type'].lower()}")
            return names
        if table["type"] not in ("BASE_TABLE", "SUBQUERY") or table["sample"] or table["column_name_alias"]:
            raise Dependent(f"its SQL reads from a {table['type'].lower().replace('_', ' ')}")
        if table.get("schema_name") or table.get("catalog_name") or table.get("at_clause"):
            raise Dependent(f"its SQL reads {table['table_name']} of a schema")
        return {table["alias"].lower(), table.get("table_name", "").lower()}

    def _check_expression(self, expression: dict[str, Any], aliases: set[str]) -> None:
        for each in _expressions(expression):
            if each["class"] not in _EXPRESSIONS:
                raise Dependent(f"its SQL has a {each['class'].lower().replace('_', ' ')} expression")
            if each["class"] == "COLUMN_REF":
                name = each["column_names"][-1].lower()
                # a table's own name stands for its whole row; current_date and its like are functions
                if name in aliases or name == "row_id" or not self._analyst.is_column(name):
                    raise Dependent(f"its SQL computes with {name}")
            if each["class"] == "FUNCTION":
                plain = not each["filter"] and not each["distinct"] and not each["order_bys"]["orders"]
                if not plain or each["schema"] or each["function_name"].lower() not in self._analyst.functions:
                    raise Dependent(f"its SQL calls {each['function_name']}")


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON tree, each before what is in it."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from walk(each)


def _selects(tree: Any) -> Iterator[dict[str, Any]]:
    """Every query in a tree; what is no SELECT (a UNION, say) too, and is then refused by its type."""
    return (each for each in walk(tree) if "cte_map" in each)


def _common_names(tree: Any) -> list[str]:
    return [each["key"] for select in _selects(tree) for each in select["cte_map"]["map"]]


def _expressions(node: Any) -> Iterator[dict[str, Any]]:
    return (each for each in walk(node) if "class" in each)


def _column(name: str) -> dict[str, Any]:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "column_names": [name]}
