"""Four classical mistakes, each written as a team would that has no asof. `story.py` serves or trains with them.

Three stand in serving: they take the place of the lookup in `predict.py`. One stands in training.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
from predict import LookUp


def flights_table(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """A database of the team's own: all flights, with when each ended (UTC) and whether it was late."""
    database = duckdb.connect()
    database.execute("set global TimeZone = 'UTC'")
    database.execute(f"attach '{warehouse}' as warehouse (read_only)")
    database.execute(
        "create table ended as select "
        "flight_id, flight_date, carrier, origin, dest, is_late, outcome_known_at as ended_at from warehouse.flights"
    )
    database.execute("detach warehouse")
    return database


def late_share(database: duckdb.DuckDBPyConnection, keys: str, as_of: str, days: int) -> dict[tuple[str, ...], float]:
    """Of the flights that ended in so many days up to a moment, the share that was late, by keys."""
    counted = database.cursor().execute(
        f"select {keys}, count(*) filter (where is_late) / count(*) from ended "
        "where ended_at > cast(? as timestamptz) - to_days(?) and ended_at <= cast(? as timestamptz) group by all",
        [as_of, days, as_of],
    )
    return {tuple(row[:-1]): row[-1] for row in counted.fetchall()}


def other_window(look_up: LookUp, database: duckdb.DuckDBPyConnection) -> LookUp:
    """Serving counts the late flights of carriers and routes itself: of 30 days, where training counted 7."""
    of_30_days = cache(partial(late_share, database, days=30))

    def look_up_and_count(flights: list[dict[str, Any]]) -> dict[str, Any]:
        answer = look_up(flights)
        # at the moment that the lookup answers for: nothing but the window is another
        of_carrier = of_30_days("carrier", answer["as_of"]["carrier"])
        of_route = of_30_days("origin, dest", answer["as_of"]["route"])
        for flight, row in zip(flights, answer["rows"], strict=True):
            row["features"]["carrier_late_share_7d"] = of_carrier.get((flight["carrier"],))
            row["features"]["route_late_share_7d"] = of_route.get((flight["origin"], flight["dest"]))
        return answer

    return look_up_and_count


def other_fill(look_up: LookUp) -> LookUp:
    """Serving fills what is missing with 0, where training filled it with the median and told the model so."""

    def look_up_and_fill(flights: list[dict[str, Any]]) -> dict[str, Any]:
        answer = look_up(flights)
        for row in answer["rows"]:
            row["features"] = {name: 0 if value is None else value for name, value in row["features"].items()}
        return answer

    return look_up_and_fill


class WeeklyCopy:
    """Serving reads a copy of the published tables, which a job makes once a week; how old it is nobody asks."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now

    def copy(self, published: Path) -> None:
        """The job: takes over the tables of the current snapshot."""
        self.pointer = json.loads((published / "current.json").read_text())
        manifest = json.loads((published / self.pointer["manifest"]).read_text())
        self.tables: dict[str, dict[tuple, dict[str, Any]]] = {}
        with duckdb.connect() as reader:
            reader.execute("set TimeZone = 'UTC'")
            for group in manifest["groups"].values():
                found = reader.execute("select * from read_parquet(?)", [str(published / group["file"])])
                names = [column[0] for column in found.description]
                rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
                self.tables[group["name"]] = {tuple(row[key["name"]] for key in group["keys"]): row for row in rows}

    def look_up(self, flights: list[dict[str, Any]]) -> dict[str, Any]:
        """The features of flights asked about now."""
        now = self.now()
        rows = [{"status": "OK", "features": self.features(flight, now)} for flight in flights]
        head = {name: self.pointer[name] for name in ("snapshot_id", "sequence_number")}
        return {**head, "prediction_time": now.isoformat(), "rows": rows}

    def features(self, flight: dict[str, Any], now: datetime) -> dict[str, Any]:
        """What the service's SQL says, written a second time."""
        aircraft = self.tables["aircraft"].get((flight["tailnum"],), {})
        origin = self.tables["origin"].get((flight["origin"],), {})
        carrier = self.tables["carrier"].get((flight["carrier"],), {})
        route = self.tables["route"].get((flight["origin"], flight["dest"]), {})
        arrived = aircraft.get("last_arrival_at")
        return {
            "aircraft_last_arrival_delay": aircraft.get("last_arrival_delay"),
            "aircraft_hours_since_last_arrival": (now - arrived) / timedelta(hours=1) if arrived else None,
            "origin_late_share_3h": share(origin, "late_departures_3h", "departures_3h"),
            "carrier_late_share_7d": share(carrier, "carrier_late_7d", "carrier_flights_7d"),
            "route_late_share_7d": share(route, "route_late_7d", "route_flights_7d"),
            "distance_miles": flight["request_distance_miles"],
            "scheduled_hour": flight["request_scheduled_hour"],
        }


def share(row: dict[str, Any], part: str, whole: str) -> float | None:
    return row[part] / row[whole] if row.get(whole) else None


def with_the_future(database: duckdb.DuckDBPyConnection, known_by: datetime) -> dict[str, dict[str, float]]:
    """Training counts late flights by calendar day, from what is known today: 7 days, the flight's own to its end.

    By flight, the two features that this changes. In them is what left after the flight was asked about, and the flight
    itself.
    """
    features: dict[str, dict[str, float]] = {}
    for feature, keys in (("carrier_late_share_7d", "carrier"), ("route_late_share_7d", "origin, dest")):
        counted = database.execute(
            f"""
            with daily as (
                select {keys}, flight_date, count(*) as flights, count(*) filter (where is_late) as late
                from ended where ended_at <= ? group by all
            ),
            weekly as (
                select {keys}, flight_date, sum(late) over days / sum(flights) over days as late_share
                from daily
                window days as (
                    partition by {keys} order by flight_date range between interval 6 days preceding and current row
                )
            )
            select flight_id, late_share from ended inner join weekly using ({keys}, flight_date)
            """,
            [known_by],
        )
        for flight_id, late_share in counted.fetchall():
            features.setdefault(flight_id, {})[feature] = late_share
    return features
