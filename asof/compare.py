"""`asof compare`: what differs between two training sets, and why. Reads their files, nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from .serve.sql import parquet, quote
from .set_files import Manifest, SetError, files_of, find_set

# Why a row or a value differs, in the words that are shown
REASONS = {
    "cut-off": "asked at or after the other's cut-off",
    "every": "no training row; the other set keeps only those",
    "examples": "the examples are others: not among the other's, or the request, key or label changed",
    "late label": "the label became known after one of the cut-offs",
    "lost": "its publication is lost in the other's warehouse, an older one that was restored",
    "definition": "the service's definition changed",
    "publication": "another publication, or a backfilled moment, answered",
    "group definition": "a feature group's definition changed",
    "history": "the same publication gives another value: erased, or another warehouse",
}
INPUTS = ["service", "version", "definition", "groups", "cutoff", "every", "examples", "looked_up", "publications"]


def difference(a: Manifest, b: Manifest) -> dict[str, Any]:
    """What differs between two sets of one service, and why, as JSON would hold it; `same` if nothing does.

    Rows are those of the same row_id. only_in_a and only_in_b count rows by reason; columns lists the columns that
    differ in rows of both, with a count by reason and one row as an example. More than one reason may apply to a value;
    they are joined by " and ". Raises SetError.
    """
    if a["service"] != b["service"]:
        raise SetError(f"sets of two services cannot be compared: {a['service']} and {b['service']}")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        try:
            return _difference(connection, a, b)
        except duckdb.Error as error:
            raise SetError(f"these sets cannot be compared: {error}") from None


def _difference(connection: duckdb.DuckDBPyConnection, a: Manifest, b: Manifest) -> dict[str, Any]:
    columns: dict[str, dict[str, str]] = {}
    examples: dict[str, dict[str, str]] = {}
    for side, manifest in (("a", a), ("b", b)):
        rows_file, examples_file = files_of(manifest)
        for name, file, types_of in ((side, rows_file, columns), (f"{side}_example", examples_file, examples)):
            connection.execute(f"create table {name} as select * from {parquet(file)}")
            described = connection.execute(f"describe {name}").fetchall()
            types_of[side] = {column: kind for column, kind, *_ in described}
    both = [name for name in columns["a"] if name in columns["b"]]

    labels = {*a["labels"], *b["labels"], "label_known_at"}
    sent = [name for name in {**examples["a"], **examples["b"]} if name not in labels | {"row_id", "left_out"}]
    _compare_examples(connection, examples, sent)

    by_row = {side: _only_in(connection, side, a, b) for side in ("a", "b")}
    changed = []
    for name in both:
        if name == "row_id":
            continue
        if change := _changed(connection, name, columns, labels, sent, a, b):
            changed.append(change)
    types = {
        name: [columns["a"][name], columns["b"][name]] for name in both if columns["a"][name] != columns["b"][name]
    }
    ((in_both,),) = connection.execute("select count(*) from a join b using (row_id)").fetchall()
    result = {
        "a": _head(a),
        "b": _head(b),
        "inputs_that_differ": [name for name in INPUTS if a[name] != b[name]],
        "in_both": in_both,
        "only_in_a": by_row["a"],
        "only_in_b": by_row["b"],
        "columns_only_in_a": [name for name in columns["a"] if name not in both],
        "columns_only_in_b": [name for name in columns["b"] if name not in both],
        "types": types,
        "columns": changed,
    }
    differences = ("only_in_a", "only_in_b", "columns_only_in_a", "columns_only_in_b", "types", "columns")
    return {"same": not any(result[name] for name in differences), **result}


def _compare_examples(
    connection: duckdb.DuckDBPyConnection, columns: dict[str, dict[str, str]], sent: list[str]
) -> None:
    """Makes the table `example`: per row_id, whether each side has it, and what differs in what was sent."""

    def value(side: str, name: str) -> str:
        return f"cast({side}.{quote(name)} as varchar)" if name in columns[side] else "null"

    def column(side: str, name: str) -> str:
        return f"{side}.{quote(name)}" if name in columns[side] else "null"

    is_sent_otherwise = " or ".join(f"{value('a', name)} is distinct from {value('b', name)}" for name in sent)
    connection.execute(f"""
        create table example as
        select
            row_id,
            a.row_id is not null as in_a,
            b.row_id is not null as in_b,
            a.row_id is not null and b.row_id is not null and ({is_sent_otherwise}) as is_sent_otherwise,
            coalesce(a.prediction_time, b.prediction_time) as prediction_time,
            a.left_out as left_out_a,
            b.left_out as left_out_b,
            {column("a", "label_known_at")}::timestamptz as label_known_a,
            {column("b", "label_known_at")}::timestamptz as label_known_b
        from a_example as a full join b_example as b using (row_id)
    """)


def _only_in(connection: duckdb.DuckDBPyConnection, side: str, a: Manifest, b: Manifest) -> dict[str, int]:
    """How many rows only one side has, by reason."""
    other = "b" if side == "a" else "a"
    mine, others = (a, b) if side == "a" else (b, a)
    cutoff = f"timestamptz '{others['cutoff']}'"
    every = "true" if mine["every"] and not others["every"] else "false"
    return _counts(
        connection,
        f"""
        select case
            when not example.in_{other} and example.prediction_time >= {cutoff} then 'cut-off'
            when not example.in_{other} then 'examples'
            when {every} and example.left_out_{side} is not null then 'every'
            when example.left_out_{other} = 'lost' then 'lost'
            when example.left_out_{other} = 'not_yet_labelled' and example.label_known_{side} > {cutoff}
                then 'late label'
            when example.left_out_{other} = 'not_yet_labelled' or example.is_sent_otherwise then 'examples'
            else {_because(a, b, "false")}
        end as why
        from {side} join example using (row_id)
        where row_id not in (select row_id from {other})
        """,
    )


def _because(a: Manifest, b: Manifest, is_other_publication: str) -> str:
    """SQL: why an answer differs though the same was sent."""
    if a["definition"] != b["definition"]:
        return f"case when {is_other_publication} then 'definition and publication' else 'definition' end"
    rest = "group definition" if a["groups"] != b["groups"] else "history"
    return f"case when {is_other_publication} then 'publication' else '{rest}' end"


def _changed(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: dict[str, dict[str, str]],
    labels: set[str],
    sent: list[str],
    a: Manifest,
    b: Manifest,
) -> dict[str, Any] | None:
    """A column that differs in rows of both sets: {column, rows, why, example}, or None."""
    left, right = f"a.{quote(name)}", f"b.{quote(name)}"
    if columns["a"][name] != columns["b"][name]:
        left, right = f"cast({left} as varchar)", f"cast({right} as varchar)"
    is_other = (
        "(a.sequence_number is distinct from b.sequence_number or a.is_backfilled is distinct from b.is_backfilled)"
    )
    if name in labels:
        earlier = min(a["cutoff"], b["cutoff"])
        known_a, known_b = "example.label_known_a", "example.label_known_b"
        is_late = f"greatest({known_a}, {known_b}) > timestamptz '{earlier}'"
        why = f"""case
            when {known_a} is distinct from {known_b} and coalesce({is_late}, false) then 'late label'
            else 'examples'
        end"""
    elif name in ("prediction_time", *a["keys"]):
        why = "'examples'"
    else:
        why = f"case when example.is_sent_otherwise then 'examples' else {_because(a, b, is_other)} end"
    rows = f"""
        select row_id, {left} as a, {right} as b, {why} as why
        from a join b using (row_id) join example using (row_id)
        where {left} is distinct from {right}
    """
    counts = _counts(connection, rows)
    if not counts:
        return None
    ((row_id, was, now),) = connection.execute(
        f"select row_id, cast(a as varchar), cast(b as varchar) from ({rows}) order by row_id limit 1"
    ).fetchall()
    return {
        "column": name,
        "rows": sum(counts.values()),
        "why": counts,
        "example": {"row_id": row_id, "a": was, "b": now},
    }


def _counts(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, int]:
    return dict(connection.execute(f"select why, count(*) from ({rows}) group by 1 order by 2 desc, 1").fetchall())


def _head(manifest: Manifest) -> dict[str, Any]:
    return {name: manifest[name] for name in ("id", "service", "version", "definition", "cutoff")} | {
        "rows": manifest["files"]["rows"]["rows"],
        "examples": manifest["files"]["examples"]["rows"],
    }


def show(found: dict[str, Any]) -> None:
    """Prints a difference as a table to read."""
    for side in ("a", "b"):
        head = found[side]
        print(
            f"{side}: {head['service']}@{head['version']} {head['id']}, cut-off {head['cutoff']}, "
            f"{head['rows']} rows of {head['examples']} examples"
        )
    if found["inputs_that_differ"]:
        print(f"other inputs: {', '.join(found['inputs_that_differ'])}")
    if found["same"]:
        print("\nThe same rows and values.")
        return
    lines = []
    for side in ("a", "b"):
        lines += [(f"only in {side}", count, why, "") for why, count in found[f"only_in_{side}"].items()]
    for each in found["columns"]:
        example = f"{each['example']['row_id']}: {each['example']['a']} | {each['example']['b']}"
        for why, count in each["why"].items():
            lines.append((each["column"], count, why, example))
            example = ""
    if lines:
        width = max(len(line[0]) for line in lines)
        reason = max(len("why"), *(len(line[2]) for line in lines))
        print(f"\n{'':<{width}}  {'rows':>9}  {'why':<{reason}}  for example, a | b")
        for what, count, why, example in lines:
            print(f"{what:<{width}}  {count:>9,}  {why:<{reason}}  {example}".rstrip())
    for side in ("a", "b"):
        if names := found[f"columns_only_in_{side}"]:
            print(f"\ncolumns only in {side}: {', '.join(names)}")
    for name, (was, now) in found["types"].items():
        print(f"\n{name} is {was} in a, {now} in b")
    reasons = {why for line in lines for why in line[2].split(" and ")}
    print(
        f"\n{found['in_both']:,} rows are in both.",
        *(f"{why}: {REASONS[why]}." for why in REASONS if why in reasons),
        sep="\n",
    )


# -------------------- the command


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `compare` to the command line."""
    parser = commands.add_parser("compare", help="what differs between two training sets, and why")
    parser.add_argument("a", help="an id, a name or a manifest")
    parser.add_argument("b", help="another")
    parser.add_argument("--project", type=Path, default=Path("."), help="the dbt project, to find sets by their id")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """0 where the rows are the same, 1 where they differ, 2 where nothing could be compared."""
    try:
        found = difference(find_set(options.a, options.project), find_set(options.b, options.project))
    except SetError as error:
        print(f"not compared: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)
    return 0 if found["same"] else 1
