"""Profiles: every statistic against plain Python over the same rows, and what of a column no profile keeps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import inf, isfinite, isnan, nan, sqrt
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.world import World

COLUMNS = {
    "id": "varchar",
    "word": "varchar",
    "flag": "boolean",
    "whole": "bigint",
    "exact": "decimal(18,1)",
    "real": "double",
    "day": "date",
    "time": "timestamptz",
    "list": "decimal(18,2)[]",
}
SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
EDGES = [-1.5, 0.0, 2.0]  # fixed by an earlier profile
SEEN = ["a", "b"]
MEASURES = ["rows", "nulls", "distinct_count", "minimum", "maximum", "mean", "stddev", "quantiles", "bins", "histogram"]
MEASURES += ["top", "unseen", "out_of_range", "checksum"]

Row = dict[str, Any]


def inline() -> str:
    """The profile's SQL over the table rows_of_all: of `whole` the bins are known, of `word` what was seen."""
    columns = [
        f"{{'name': '{name}', 'sql': '{name}', 'type': '{type_}', 'hides_values': {name == 'id'}, "
        f"'meta': {{'range': [-2, 3]}} if '{name}' in ['whole', 'exact', 'real'] else {{}}}}"
        for name, type_ in COLUMNS.items()
    ]
    return (
        "{{ asof.profile_sql([{'kind': 'group', 'subject': 'thing@1', 'rows': 'rows_of_all', 'details': none, "
        f"'known': {{'whole': {{'bins': {EDGES}}}, 'word': {{'categories': {SEEN}}}}}, "
        f"'columns': [{', '.join(columns)}]"
        "}], 'run', '2026-05-01 10:00:00+00:00') }}"
    )


@pytest.fixture(scope="module")
def profile(parsed_world: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Row]], dict[str, Row]]:
    """What the compiled SQL gives for rows, by column."""
    world = World(tmp_path_factory.mktemp("profiles") / "world", template=parsed_world)
    said = world.dbt("--quiet", "compile", "--inline", inline(), now="2026-05-01 10:00").output
    sql = said[said.index("with\n") :]
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"create table rows_of_all ({', '.join(f'{name} {type_}' for name, type_ in COLUMNS.items())})")

    def measured(rows: list[Row]) -> dict[str, Row]:
        connection.execute("delete from rows_of_all")
        if rows:
            marks = ", ".join("?" * len(COLUMNS))
            connection.executemany(
                f"insert into rows_of_all values ({marks})", [[row[name] for name in COLUMNS] for row in rows]
            )
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        return {row[names.index("column_name")]: dict(zip(names, row, strict=True)) for row in found.fetchall()}

    return measured


def quantile(numbers: list[float], share: float) -> float:
    """Interpolated between the two neighbours."""
    place = share * (len(numbers) - 1)
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


def by_hand(name: str, type_: str, values: list[Any]) -> Row:
    """The statistics of one column; checksum aside."""
    known = [value for value in values if value is not None]
    different = {tuple(value) if isinstance(value, list) else "nan" if value != value else value for value in known}
    found: Row = dict.fromkeys(MEASURES) | {
        "rows": len(values),
        "nulls": len(values) - len(known),
        "distinct_count": len(different),
    }
    del found["checksum"]
    if name in ("whole", "exact", "real"):
        numbers = sorted(float(value) for value in known if isfinite(value))
        edges: list[float] | None = EDGES
        if name != "whole":
            edges = None
            if len(known) >= 60:
                edges = sorted({quantile(numbers, place / 20) for place in range(1, 20)}) if numbers else None
        found["bins"] = edges if values else None
        found["out_of_range"] = sum(1 for value in known if value < -2 or value > 3 or isnan(value))
        if numbers:
            found["mean"] = sum(numbers) / len(numbers)
            found["quantiles"] = [quantile(numbers, share) for share in SHARES]
            if edges:
                ends = zip([-inf, *edges], [*edges, inf], strict=True)
                found["histogram"] = [sum(1 for each in numbers if low < each <= high) for low, high in ends]
        if len(numbers) > 1:
            mean = found["mean"]
            found["stddev"] = sqrt(sum((each - mean) ** 2 for each in numbers) / (len(numbers) - 1))
    is_category = name in ("word", "flag") and len(different) <= min(50, len(known) / 2)
    if is_category and known:
        texts = Counter(json.dumps(value).strip('"') for value in known)
        found["top"] = [list(each) for each in sorted(texts.items(), key=lambda each: (-each[1], each[0]))]
    if known and (is_category or name in ("whole", "exact", "real", "day", "time")):
        ordered = sorted(different, key=lambda value: (value == "nan", 0 if value == "nan" else value))
        found["minimum"], found["maximum"] = ordered[0], ordered[-1]
    if name == "word":
        found["unseen"] = sum(1 for value in known if value not in SEEN)
    return found


NUMBERS = st.integers(-5, 5)
TIMES = st.integers(0, 10**6).map(lambda seconds: datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=seconds))
VALUES = st.fixed_dictionaries(
    {
        "id": st.text("xyz", min_size=1, max_size=2),
        "word": st.none() | st.sampled_from(["a", "b", "c", "d'e"]),
        "flag": st.none() | st.booleans(),
        "whole": st.none() | NUMBERS,
        "exact": st.none() | NUMBERS.map(lambda tenths: Decimal(tenths) / 10),
        "real": st.none() | NUMBERS.map(float) | st.sampled_from([0.25, 2.5, inf, -inf, nan]),
        "day": st.none() | NUMBERS.map(lambda days: date(2026, 5, 1) + timedelta(days=days)),
        "time": st.none() | TIMES,
        "list": st.none() | st.lists(NUMBERS.map(Decimal), max_size=2),
    }
)
REALS = st.floats(0, 5) | st.sampled_from([0.0, -0.0])


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(rows=st.lists(VALUES, max_size=12), times=st.sampled_from([1, 1, 9]))
@example(rows=[], times=1)
@example(rows=[dict.fromkeys(COLUMNS) | {"id": "x", "exact": Decimal("99999999999999999.9")}], times=1)
def test_every_statistic_equals_plain_python(
    profile: Callable[[list[Row]], dict[str, Row]], rows: list[Row], times: int
) -> None:
    rows = rows * times  # so that there are 60 values and more, too
    found = profile(rows)
    assert found.keys() == {"", *COLUMNS}
    assert found[""]["rows"] == len(rows)
    for name, type_ in COLUMNS.items():
        expected = by_hand(name, type_, [row[name] for row in rows])
        actual = {measure: found[name][measure] for measure in expected}
        actual["top"] = json.loads(actual["top"]) if actual["top"] else None
        for end in ("minimum", "maximum"):
            shown = expected[end]
            if name == "real" and shown is not None:
                assert float(actual[end]) == pytest.approx(float(shown), nan_ok=True)
                continue
            if isinstance(shown, datetime):
                shown = shown.replace(tzinfo=None).isoformat() + "Z"
            elif isinstance(shown, bool):
                shown = str(shown).lower()
            elif isinstance(shown, Decimal):
                shown = f"{shown:.1f}"
            elif shown is not None:
                shown = str(shown)
            assert actual[end] == shown, name
        for measure, value in expected.items():
            if measure in ("minimum", "maximum"):
                continue
            close = isinstance(value, float) or measure in ("quantiles", "bins")
            assert actual[measure] == (pytest.approx(value) if close else value), (name, measure)


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(rows=st.lists(VALUES, max_size=12), reals=st.lists(REALS, min_size=12), order=st.randoms())
def test_no_statistic_depends_on_the_order_of_rows(
    profile: Callable[[list[Row]], dict[str, Row]], rows: list[Row], reals: list[float], order: Random
) -> None:
    """To the last bit, as a training set that is made again has the same manifest. Threads hand rows in any order."""
    rows = [row | {"real": real} for row, real in zip(rows, reals, strict=False)]
    expected = profile(rows)
    order.shuffle(rows)
    for name, row in profile(rows).items():
        assert repr(row) == repr(expected[name])  # of which -0.0 and 0.0 differ


def test_the_checksum_is_that_of_the_values(profile: Callable[[list[Row]], dict[str, Row]]) -> None:
    """It changes with any value."""
    rows = [dict.fromkeys(COLUMNS) | {"id": str(each), "whole": each} for each in range(5)]
    sums = {name: row["checksum"] for name, row in profile(rows).items() if name}
    rows[2]["whole"] = 7
    changed = {name: row["checksum"] for name, row in profile(rows).items() if name}
    assert {name for name in COLUMNS if changed[name] != sums[name]} == {"whole"}
