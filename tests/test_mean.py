"""asof.mean against Python's decimal: exact, half away from zero."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.exact import mean
from tests.world import World

COLUMNS = {
    "cents": "decimal(12,2)",
    "whole": "decimal(18,0)",
    "fine": "decimal(18,9)",
    "wide": "decimal(38,6)",
    "small": "integer",
    "large": "bigint",
}
SCALES = [0, 1, 2, 7]


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory, parsed_world: object) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with the table raw.numbers and dbt's view of its means: of all rows, of some, and over a window."""
    world = World(tmp_path_factory.mktemp("mean") / "world", template=parsed_world)
    columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    world.execute(f"create table raw.numbers ({columns}, is_in boolean)")
    selected = [
        f"{{{{ asof.mean('{name}', {scale}{more}) }}}} as {name}_{scale}{suffix}"
        for name in COLUMNS
        for scale in SCALES
        for suffix, more in {"": "", "_in": ", where='is_in'"}.items()
    ]
    (world.folder / "models" / "means.sql").write_text(f"select {', '.join(selected)} from raw.numbers")
    (world.folder / "models" / "windows.sql").write_text(
        "select {{ asof.mean('cents', 2, where='not is_in', over='(partition by is_in)') }} as out_of_all,"
        " {{ asof.mean('sum(cents)', 2, over='()') }} as of_sums from raw.numbers group by is_in, cents"
    )
    world.dbt("run", "--select", "means", "windows", now="2026-05-01 10:00")
    with world.warehouse(read_only=False) as warehouse:
        yield warehouse


def fill(warehouse: duckdb.DuckDBPyConnection, numbers: list[dict[str, Decimal | bool | None]]) -> None:
    warehouse.execute("delete from raw.numbers")
    names = [*COLUMNS, "is_in"]
    if numbers:
        marks = ", ".join([f"({', '.join('?' * len(names))})"] * len(numbers))
        warehouse.execute(
            f"insert into raw.numbers values {marks}", [row.get(name) for row in numbers for name in names]
        )


def numbers(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    """Near nothing and near the largest, and in between."""
    return st.one_of(st.integers(-200, 200), st.integers(-(10**digits) + 1, 10**digits - 1)).map(
        lambda unscaled: Decimal(unscaled).scaleb(-places)
    )


# What fits decimal(18, 7) as a mean, of each column
ROWS = st.fixed_dictionaries(
    {
        "cents": st.none() | numbers(12, 2),
        "whole": st.none() | numbers(11, 0),
        "fine": st.none() | numbers(18, 9),
        "wide": st.none() | numbers(16, 6),
        "small": st.none() | numbers(9, 0),
        "large": st.none() | numbers(11, 0),
        "is_in": st.booleans(),
    }
)


@given(rows=st.lists(ROWS, max_size=8))
@example(rows=[])
@example(rows=[{"cents": Decimal("75.69"), "is_in": True}, {"cents": Decimal("75.70"), "is_in": True}])
@example(rows=[{"cents": Decimal("-0.01"), "is_in": True}, {"cents": Decimal("0.00"), "is_in": True}])
@example(rows=[{"cents": Decimal("-0.01"), "is_in": False}, {"cents": Decimal("0.02"), "is_in": True}])
@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_mean_is_exact_and_rounds_half_away_from_zero(
    means: duckdb.DuckDBPyConnection, rows: list[dict[str, Decimal | bool | None]]
) -> None:
    fill(means, rows)
    found = means.execute("select * from means")
    (values,) = found.fetchall()
    for (name, type_, *_), value in zip(found.description, values, strict=True):
        column, scale, *inside = name.split("_")
        taken = [row[column] for row in rows if row.get(column) is not None and (row["is_in"] or not inside)]
        assert value == mean(taken, int(scale)), (name, taken)
        assert str(type_) == f"DECIMAL(18,{scale})"


def test_the_mean_stands_over_a_window_and_over_sums(means: duckdb.DuckDBPyConnection) -> None:
    fill(
        means,
        [{"cents": Decimal(cents), "is_in": is_in} for cents, is_in in [("1.01", False), ("1.00", False), ("5", True)]],
    )
    assert sorted(means.execute("select * from windows").fetchall(), key=str) == [
        (Decimal("1.01"), Decimal("2.34")),
        (Decimal("1.01"), Decimal("2.34")),
        (None, Decimal("2.34")),
    ]
    # while the average is a double just below 1.005
    assert means.execute("select cast(avg(cents) as decimal(12, 2)) from raw.numbers where not is_in").fetchone() == (
        Decimal("1.00"),
    )


def test_a_mean_beyond_eighteen_digits_is_an_error_and_no_other_number(means: duckdb.DuckDBPyConnection) -> None:
    fill(means, [{"wide": Decimal("99999999999999999999"), "is_in": True}])
    with pytest.raises(duckdb.ConversionException, match="out of range"):
        means.execute("select wide_2 from means")
