"""Recomputes the features of some flights by hand, from the raw CSV, and compares them with their training rows.

Plain Python loops over all flights; nothing is shared with the project's SQL but the rules in docs/flights.md.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytz
from load import HERE, data_folder

# Moments are hourly from the start of the year; each stands for a publication a minute later. Then come live builds,
# published a microsecond after their injected now. `run.py` makes them so.
LAG, FIRST_MOMENT, LAST_MOMENT = timedelta(minutes=1), "2013-01-01T00:00:00Z", "2013-03-31T23:00:00Z"
LIVE_BUILDS = ("2013-04-01T00:00:00Z", "2013-04-01T01:00:00Z", "2013-04-01T14:00:00Z")
MAX_AGE = timedelta(hours=2)
TRAINING = HERE / ".demo" / "training" / "late_arrival_v1.parquet"
CARIBBEAN = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}


@dataclass
class Flight:
    flight_id: str
    origin: str
    dest: str
    carrier: str
    tailnum: str
    distance: int
    scheduled_hour: int
    scheduled_at: datetime
    departed_at: datetime | None
    departed_late: bool
    landed_at: datetime | None
    arrival_delay: int | None
    is_late: bool
    ended_at: datetime

    @property
    def requested_at(self) -> datetime:
        return self.scheduled_at - timedelta(hours=2)

    @property
    def request(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "carrier": self.carrier,
            "dest": self.dest,
            "tailnum": self.tailnum,
            "request_distance_miles": self.distance,
            "request_scheduled_hour": self.scheduled_hour,
        }


def number(text: str) -> int | None:
    return None if text in ("", "NA") else int(float(text))


def in_utc(day: datetime, hhmm: int, zone: str) -> datetime:
    """A local time of day, 2400 being the next midnight, in UTC."""
    local = day + timedelta(hours=hhmm // 100, minutes=hhmm % 100)
    return pytz.timezone(zone).localize(local).astimezone(UTC)


def flight_of(row: dict[str, str], zones: dict[str, str]) -> Flight:
    """A row of the CSV with its times in UTC."""
    day = datetime(int(row["year"]), int(row["month"]), int(row["day"]))
    scheduled_at = in_utc(day, int(row["sched_dep_time"]), "America/New_York")
    arrival_due = in_utc(day, int(row["sched_arr_time"]), zones[row["dest"]])
    if arrival_due <= scheduled_at:
        arrival_due = in_utc(day + timedelta(days=1), int(row["sched_arr_time"]), zones[row["dest"]])
    departure_delay, arrival_delay = number(row["dep_delay"]), number(row["arr_delay"])
    landed_at = None if arrival_delay is None else arrival_due + timedelta(minutes=arrival_delay)
    return Flight(
        flight_id=f"{day:%Y-%m-%d}/{row['carrier']}/{row['flight']}/{row['origin']}",
        origin=row["origin"],
        dest=row["dest"],
        carrier=row["carrier"],
        tailnum="none" if row["tailnum"] in ("", "NA") else row["tailnum"],
        distance=int(row["distance"]),
        scheduled_hour=int(row["sched_dep_time"]) // 100,
        scheduled_at=scheduled_at,
        departed_at=None if departure_delay is None else scheduled_at + timedelta(minutes=departure_delay),
        departed_late=departure_delay is not None and departure_delay > 15,
        landed_at=landed_at,
        arrival_delay=arrival_delay,
        is_late=arrival_delay is None or arrival_delay > 15,
        ended_at=landed_at or arrival_due + timedelta(minutes=16),
    )


def read_flights() -> list[Flight]:
    """All flights of the year, read from the package."""
    with open(data_folder() / "airports.csv", newline="") as file:
        zones = {row["faa"]: row["tzone"] for row in csv.DictReader(file)} | CARIBBEAN
    with (
        zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive,
        archive.open("flights.csv") as packed,
    ):
        return [flight_of(row, zones) for row in csv.DictReader(io.TextIOWrapper(packed, newline=""))]


def of_first_quarter(flights: list[Flight]) -> list[Flight]:
    return [flight for flight in flights if flight.flight_id < "2013-04"]


def moment_served(requested_at: datetime) -> datetime:
    """The moment that answers a question: that of the newest publication by then."""
    live = [datetime.fromisoformat(build) for build in LIVE_BUILDS]
    published = [build for build in live if build < requested_at]
    if published:
        return published[-1]
    moment = datetime.fromisoformat(FIRST_MOMENT)
    while moment + timedelta(hours=1) + LAG <= requested_at and moment < datetime.fromisoformat(LAST_MOMENT):
        moment += timedelta(hours=1)
    return moment


def share(late: list[bool]) -> float | None:
    return sum(late) / len(late) if late else None


def recompute(flight: Flight, flights: list[Flight]) -> dict[str, Any]:
    """The features of a flight as the service must answer them two hours before it is to leave."""
    moment = moment_served(flight.requested_at)
    if flight.requested_at - moment > MAX_AGE:
        raise AssertionError(f"{flight.flight_id} is asked about more than {MAX_AGE} after the newest moment")
    seen = {"airport": False, "carrier": False, "route": False, "aircraft": False}
    airport_late, carrier_late, route_late = [], [], []
    last_landing: tuple[datetime, str, int] | None = None
    for other in flights:
        same = {
            "airport": other.origin == flight.origin,
            "carrier": other.carrier == flight.carrier,
            "route": (other.origin, other.dest) == (flight.origin, flight.dest),
            "aircraft": other.tailnum == flight.tailnum,
        }
        if other.departed_at is not None and other.departed_at <= moment:
            for what in seen:
                seen[what] |= same[what]
            if same["airport"] and moment - other.departed_at < timedelta(hours=3):
                airport_late.append(other.departed_late)
        if other.ended_at <= moment and moment - other.ended_at < timedelta(days=7):
            if same["carrier"]:
                carrier_late.append(other.is_late)
            if same["route"]:
                route_late.append(other.is_late)
        if same["aircraft"] and other.landed_at is not None and other.landed_at <= moment:
            landing = (other.landed_at, other.flight_id, other.arrival_delay)
            last_landing = max(last_landing or landing, landing)
    status = "OK" if all(seen.values()) else "PARTIAL" if seen["airport"] else "NOT_FOUND"
    hours = (flight.requested_at - last_landing[0]) / timedelta(seconds=1) / 3600.0 if last_landing else None
    return {
        "status": status,
        "aircraft_last_arrival_delay": last_landing[2] if last_landing and seen["aircraft"] else None,
        "aircraft_hours_since_last_arrival": hours if seen["aircraft"] else None,
        "origin_late_share_3h": share(airport_late) if seen["airport"] else None,
        "carrier_late_share_7d": share(carrier_late) if seen["carrier"] else None,
        "route_late_share_7d": share(route_late) if seen["route"] else None,
        "distance_miles": flight.distance,
        "scheduled_hour": flight.scheduled_hour,
        "is_late": flight.is_late,
        "label_known_at": flight.ended_at,
    }


def same_bits(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one.hex() == other.hex()
    return type(one) is type(other) and one == other


def training_rows(flight_ids: list[str], file: Path = TRAINING) -> dict[str, dict[str, Any]]:
    """The training rows of flights that have one, by flight; times in UTC."""
    with duckdb.connect() as reader:
        reader.execute("set TimeZone = 'UTC'")
        found = reader.execute(
            "select * from read_parquet(?) where row_id in (select unnest(?))",
            [str(file), flight_ids],
        )
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        for name in ("prediction_time", "label_known_at"):
            row[name] = row[name].astimezone(UTC)
    return {row["row_id"]: row for row in rows}


def check(flights: list[Flight], seed: int, count: int) -> bool:
    """Compares the training rows of `count` flights, drawn by `seed`, with what is recomputed; prints each."""
    drawn = random.Random(seed).sample(of_first_quarter(flights), count)
    trained = training_rows([flight.flight_id for flight in drawn])
    equal = 0
    for flight in drawn:
        expected, row = recompute(flight, flights), trained.get(flight.flight_id, {})
        wrong = [name for name, value in expected.items() if name not in row or not same_bits(row[name], value)]
        equal += not wrong
        shown = ", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in expected.values())
        print(f"  {flight.flight_id:<24} asked {flight.requested_at:%m-%d %H:%M}  {shown}", flush=True)
        for name in wrong:
            print(f"    DIFFERENT: {name} is {expected[name]!r} by hand, {row.get(name, 'no row')!r} in training")
    print(f"{equal} of {count} flights equal, to the last bit (seed {seed})")
    return equal == count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2013)
    parser.add_argument("--count", type=int, default=10)
    options = parser.parse_args()
    if not check(read_flights(), options.seed, options.count):
        sys.exit("recomputed features differ from the training rows")


if __name__ == "__main__":
    main()
