"""The times of the flights example, on a few flights made up for the purpose; nothing is downloaded."""

from __future__ import annotations

import importlib
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from tests.world import ROOT, World

EXAMPLE = ROOT / "examples" / "flights"
HEADER = (
    "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum origin "
    "dest air_time distance hour minute time_hour"
)
COLUMNS = HEADER.split()
ZONES = {"IAH": "America/Chicago", "PBI": "America/New_York", "ATL": "America/New_York", "LAX": "America/Los_Angeles"}

# The raw text of each flight, and then by hand: left, landed, outcome certain (UTC).
FLIGHTS = {
    "an ordinary flight into another zone": (
        "2013 1 1 517 515 2 830 819 11 UA 1545 N14228 EWR IAH 227 1400",
        ("2013-01-01 10:17", "2013-01-01 14:30", "2013-01-01 14:30"),
    ),
    "overnight, left the day after it was to, to an island the airports table does not know": (
        "2013 1 5 112 2359 73 537 437 60 B6 727 N571JB JFK BQN 190 1576",
        ("2013-01-06 06:12", "2013-01-06 09:37", "2013-01-06 09:37"),
    ),
    "left at midnight, written 2400": (
        "2013 1 8 2400 2359 1 432 437 -5 B6 739 N586JB JFK PSE 195 1617",
        ("2013-01-09 05:00", "2013-01-09 08:32", "2013-01-09 08:32"),
    ),
    "the clocks went forward on its way": (
        "2013 3 9 2306 2145 81 203 34 89 B6 35 N658JB JFK PBI 141 1028",
        ("2013-03-10 04:06", "2013-03-10 07:03", "2013-03-10 07:03"),
    ),
    "the clocks went back between its scheduled and its actual departure": (
        "2013 11 2 200 2130 330 345 15 270 DL 9 N9 JFK LAX 265 2475",
        ("2013-11-03 07:00", "2013-11-03 11:45", "2013-11-03 11:45"),
    ),
    "cancelled, and no aircraft named": (
        "2013 1 9 NA 1545 NA NA 1815 NA DL 120 NA LGA ATL NA 762",
        (None, None, "2013-01-09 23:31"),
    ),
    "diverted": (
        "2013 1 9 1600 1545 15 2210 1815 NA DL 121 N1 LGA ATL NA 762",
        ("2013-01-09 21:00", None, "2013-01-09 23:31"),
    ),
}


def raw_rows() -> list[list[str]]:
    return [[*text.split(), "0", "0", "NA"] for text, _ in FLIGHTS.values()]


def utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example whose flights table is built from those above."""
    template = tmp_path_factory.mktemp("flights") / "template"
    shutil.copytree(
        EXAMPLE, template, ignore=shutil.ignore_patterns(".demo", "target", "logs", "dbt_packages", "__pycache__")
    )
    (template / ".demo").mkdir()
    (template / "packages.yml").write_text(f"packages:\n  - local: {ROOT / 'macros'}\n")
    (template / "dbt_packages").mkdir()
    (template / "dbt_packages" / "asof").symlink_to(ROOT / "macros")
    with duckdb.connect(str(template / ".demo" / "flights.duckdb")) as warehouse:
        warehouse.execute("create schema raw")
        warehouse.execute(f"create table raw.flights ({', '.join(f'{name} varchar' for name in COLUMNS)})")
        marks = ", ".join("nullif(?, 'NA')" for _ in COLUMNS)
        warehouse.executemany(f"insert into raw.flights values ({marks})", raw_rows())
        warehouse.execute("create table raw.airports (faa varchar, tzone varchar)")
        warehouse.executemany("insert into raw.airports values (?, ?)", [list(zone) for zone in ZONES.items()])
    world = World(template.with_name("world"), template)
    world.dbt("build", "--select", "path:models/base", now="2014-01-01 00:00")
    return world.folder


def test_times_are_in_utc_across_zones_midnight_daylight_saving_and_missing_airports(built: Path) -> None:
    with duckdb.connect(str(built / ".demo" / "flights.duckdb"), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        computed = {
            (carrier, number): times
            for carrier, number, *times in warehouse.execute(
                "select carrier, flight_number, departed_at, landed_at, outcome_known_at from flights"
            ).fetchall()
        }
    assert len(computed) == len(FLIGHTS)
    for what, (text, times) in FLIGHTS.items():
        carrier, number = text.split()[9:11]
        assert computed[carrier, int(number)] == [utc(time) for time in times], what


def test_the_recomputation_by_hand_reads_the_same_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    check = importlib.import_module("check")
    zones = ZONES | check.CARIBBEAN
    for row, (what, (_, times)) in zip(raw_rows(), FLIGHTS.items(), strict=True):
        flight = check.flight_of(dict(zip(COLUMNS, row, strict=True)), zones)
        assert [flight.departed_at, flight.landed_at, flight.ended_at] == [utc(time) for time in times], what


def test_a_late_cancelled_or_diverted_flight_is_late_and_a_quarter_of_an_hour_is_not(built: Path) -> None:
    with duckdb.connect(str(built / ".demo" / "flights.duckdb"), read_only=True) as warehouse:
        late = dict(warehouse.execute("select flight_number, is_late from flights").fetchall())
    assert late == {1545: False, 727: True, 739: False, 35: True, 9: True, 120: True, 121: True}


def test_a_feed_that_stopped_for_twelve_hours_is_stale(built: Path) -> None:
    """`dbt source freshness`, in a project that installed the package."""
    world = World.at(built)
    with duckdb.connect(str(built / ".demo" / "flights.duckdb")) as warehouse:
        warehouse.execute(
            "update raw.flights set time_hour = if(month = '1', '2013-01-09T21:00:00Z', '2013-11-03T01:00:00Z')"
        )
    assert world.dbt("source", "freshness", now="2013-01-10 03:00").says("PASS freshness of raw.flights")
    assert world.dbt("source", "freshness", now="2013-01-10 09:00:01", fails=True).says("ERROR STALE freshness of raw.")
