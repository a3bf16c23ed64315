"""Real flights: some days of 2013, each flight's row filled in as it is scheduled, leaves and lands."""

from __future__ import annotations

import csv
import importlib
import io
import random
import shutil
import sys
import zipfile
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.time_machine.oracle import LifeOracle, LifeService, Row, hours
from tests.time_machine.project import Arrival, LifeProject, Mishap, replace_in
from tests.world import ROOT, World

FLIGHTS = ROOT / "examples" / "flights"
# examples/flights/check.py reads the raw rows by hand, in plain Python. It is a script, so its folder comes first.
sys.path.insert(0, str(FLIGHTS))
hand = importlib.import_module("check")
DAYS = timedelta(days=1)
KEY = ["year", "month", "day", "carrier", "flight", "origin"]

ORIGIN_2 = """select
    point.origin,
    point.as_of,
    count(departure.event_id) as departures_1h,
    count(departure.event_id) filter (where departure.is_late) as late_departures_1h
from {{ asof.points(ref('airports')) }} as point
{{ asof.left_join_known(ref('stg_departures'), as='departure', on='origin') }}
    and {{ asof.within('departure', '1 hour') }}
group by 1, 2
"""
LATE_ARRIVAL_2 = """select
    row_id,
    last_arrival_delay as aircraft_last_arrival_delay,
    cast(late_departures_1h as double) / nullif(departures_1h, 0) as origin_late_share_1h,
    cast(carrier_late_7d as double) / nullif(carrier_flights_7d, 0) as carrier_late_share_7d,
    cast(route_late_7d as double) / nullif(route_flights_7d, 0) as route_late_share_7d,
    request_distance_miles as distance_miles,
    request_scheduled_hour as scheduled_hour
from {{ ref('late_arrival_v2_rows') }}
"""
# A service that joins two components while it is there: whether a flight meets another delay where it lands.
TRANSFER = {
    "services/transfer_examples.sql": """select row_id, origin, dest, prediction_time, true as is_missed,
    prediction_time as label_known_at
from {{ asof.logged('transfer') }} as logged
""",
    "services/transfer_v1_rows.sql": "{{ asof.rows(['origin@1', 'destination@1']) }}\n",
    "services/transfer_v1.sql": """select
    row_id,
    late_departures_3h - late_arrivals_6h as more_late_at_origin,
    arrivals_6h as destination_arrivals_6h
from {{ ref('transfer_v1_rows') }}
""",
    "training/transfer_v1_training.sql": "{{ asof.training() }}\n",
    "services/transfer.yml": """models:
  - name: transfer_examples
    description: One row per logged request.
    config: {materialized: table}
    data_tests: [asof.examples]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: origin, data_type: varchar, description: Where it leaves.}
      - {name: dest, data_type: varchar, description: Where it goes.}
      - {name: prediction_time, data_type: timestamptz, description: When asked.}
      - {name: is_missed, data_type: boolean, description: What came of it., config: {meta: {label: true}}}
      - {name: label_known_at, data_type: timestamptz, description: When that was known.}
  - name: transfer
    latest_version: 1
    description: One row per flight that another waits for.
    config: {meta: {owner: tests}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: more_late_at_origin, data_type: bigint, description: The difference.}
      - {name: destination_arrivals_6h, data_type: bigint, description: How many.}
    versions: [{v: 1}]
""",
}
VERSION_2 = {
    "features/origin_v2.sql": ORIGIN_2,
    "history/origin_v2_history.sql": "{{ asof.history() }}\n",
    "online/origin_v2_latest.sql": "{{ asof.latest() }}\n",
    "services/late_arrival_v2.sql": LATE_ARRIVAL_2,
    "services/late_arrival_v2_rows.sql": "{{ asof.rows(['origin@2', 'carrier@1', 'route@1', 'aircraft@1']) }}\n",
    "training/late_arrival_v2_training.sql": "{{ asof.training() }}\n",
}
ORIGIN_COLUMNS = """
      - {name: departures_1h, data_type: bigint, description: Flights that left in the last hour.}
      - {name: late_departures_1h, data_type: bigint, description: Those that left late.}
    versions:
      - v: 1
        columns: [{include: all, exclude: [departures_1h, late_departures_1h]}]
      - v: 2
        columns: [{include: all, exclude: [departures_3h, late_departures_3h]}]
"""
SERVICE_COLUMNS = """
      - {name: origin_late_share_1h, data_type: double, description: Of one hour., config: {meta: {range: [0, 1]}}}
    versions:
      - v: 1
        columns: [{include: all, exclude: [origin_late_share_1h]}]
      - v: 2
        columns:
          - include: all
            exclude: [aircraft_last_arrival_delay, aircraft_hours_since_last_arrival, origin_late_share_3h]
          - name: aircraft_last_arrival_delay
            data_type: integer
            description: Minutes late of the last arrival of its aircraft; without one there is no prediction.
            config: {meta: {missing: reject, range: [-120, 2880]}}
"""


class Flights(LifeProject):
    """Eight days from one in January that the seed says, and the three days before them."""

    name = "flights"
    target = "flights"
    gaps = (((5, 40), 0.5), ((40, 110), 0.3), ((130, 300), 0.15), ((480, 840), 0.05))
    forgets = False

    def __init__(self, seed: int) -> None:
        self.start = datetime(2013, 1, 5 + seed % 10, 11, tzinfo=UTC)
        self.groups = ["origin@1", "carrier@1", "route@1", "aircraft@1", "destination@1"]
        self.services = ["late_arrival@1", "pickup@1"]
        self.joining, self.often = "transfer@1", "pickup@1"
        self.failing = {
            "destination": ("ref('destination_v1_latest')", frozenset({"destination@1"})),
            "destinations": ("ref('destinations')", frozenset({"destination@1"})),
            "pickup": ("ref('pickup', v=1)", frozenset({"pickup@1"})),
            "airports": ("ref('airports')", frozenset({"origin@1", "origin@2"})),
            "late_arrival": ("ref('late_arrival', v=1)", frozenset({"late_arrival@1"})),
        }
        self.later_groups, self.later_services = ["origin@2"], ["late_arrival@2"]
        self.max_age = dict.fromkeys([*self.groups, *self.later_groups], timedelta(hours=2))
        self.flights, self.arrivals = [], []
        for row, flight in self._read():
            self.flights.append(flight)
            self._arrive(row, flight)
        self.flights.sort(key=lambda flight: flight.scheduled_at)
        self.arrivals.sort(key=lambda arrival: arrival.at)
        self._scheduled = [flight.scheduled_at for flight in self.flights]

    def _read(self) -> list[tuple[Row, Any]]:
        with open(hand.data_folder() / "airports.csv", newline="") as file:
            self.zones = {row["faa"]: row["tzone"] for row in csv.DictReader(file)} | hand.CARIBBEAN
        first, last, read = self.start - 3 * DAYS, self.start + 8 * DAYS, []
        with (
            zipfile.ZipFile(hand.data_folder() / "flights.csv.zip") as archive,
            archive.open("flights.csv") as packed,
        ):
            for row in csv.DictReader(io.TextIOWrapper(packed, newline="")):
                day = datetime(int(row["year"]), int(row["month"]), int(row["day"]), tzinfo=UTC)
                if day > last:
                    break
                if first <= day:
                    read.append((row, hand.flight_of(row, self.zones)))
        self.columns = list(read[0][0])
        return read

    def _arrive(self, row: Row, flight: Any) -> None:
        """A flight's row three times: in the schedule, once it left, and once its outcome is certain."""
        text = {name: None if value in ("", "NA") else value for name, value in row.items()}
        landed = dict.fromkeys(["arr_time", "arr_delay", "air_time"])
        self._version(flight.scheduled_at - DAYS, 1, text | landed | dict.fromkeys(["dep_time", "dep_delay"]))
        if flight.departed_at:
            self._version(flight.departed_at, 2, text | landed)
        if flight.landed_at:
            certain = flight.landed_at + timedelta(minutes=16 - flight.arrival_delay)
            self._version(min(flight.landed_at, certain), 3, text)

    def _version(self, at: datetime, number: int, text: Row) -> None:
        self.arrivals.append(Arrival(at, "raw.flight_versions", (number, *text.values())))

    # ------------------------------------------------------------------------------------------ the project

    def template(self, folder: Path) -> Path:
        shutil.copytree(FLIGHTS / "models", folder / "models")
        shutil.copytree(FLIGHTS / "macros", folder / "macros")
        shutil.copytree(FLIGHTS / "tests", folder / "tests")
        for name in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(FLIGHTS / name, folder / name)
        for name in ("published", "training"):
            (folder / name).mkdir()
        shutil.copytree(ROOT / "macros", folder / "dbt_packages" / "asof")
        (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT / 'macros'}\n")
        replace_in(folder / "profiles.yml", ".demo/flights.duckdb", "warehouse.duckdb")
        replace_in(folder / "dbt_project.yml", ".demo/", "")
        self.tables = {
            "raw.flight_versions": {"version": "integer"} | dict.fromkeys(self.columns, "varchar"),
            "raw.airports": {"faa": "varchar", "tzone": "varchar"},
        }
        return folder

    def prepare(self, world: World) -> None:
        super().prepare(world)
        with world.warehouse(read_only=False) as warehouse:
            zones = [[faa, None if zone == "NA" else zone] for faa, zone in self.zones.items()]
            known = [zone for zone in zones if zone[0] not in hand.CARIBBEAN]
            warehouse.executemany("insert into raw.airports values (?, ?)", known)
            warehouse.execute(
                "create view raw.flights as select * exclude (version) from raw.flight_versions "
                f"qualify row_number() over (partition by {', '.join(KEY)} order by version desc) = 1"
            )

    def add_version(self, world: World) -> str:
        for path, text in VERSION_2.items():
            (world.folder / "models" / path).write_text(text)
        origin = "Those that left more than 15 minutes late.}"
        world.replace("models/features/features.yml", f"{origin}\n    versions: [{{v: 1}}]\n", origin + ORIGIN_COLUMNS)
        hour = "Local hour of its scheduled departure., config: {meta: {range: [0, 24]}}}"
        world.replace("models/services/services.yml", f"{hour}\n    versions: [{{v: 1}}]\n", hour + SERVICE_COLUMNS)
        self.groups += self.later_groups
        self.services += self.later_services
        return "origin_v2_history"

    def join(self, world: World) -> None:
        for path, text in TRANSFER.items():
            (world.folder / "models" / path).write_text(text)

    def part(self, world: World) -> None:
        for path in TRANSFER:
            (world.folder / "models" / path).unlink()

    def change_max_age(self, world: World) -> None:
        world.replace("models/features/features.yml", "max_age: 2 hours", "max_age: 90 minutes")
        self.max_age = dict.fromkeys(self.max_age, timedelta(minutes=90))

    def spoil(self, rng: random.Random, world: World, now: datetime) -> Mishap:
        """A destination that nobody knows, a distance that is no number, or arrivals hours too early."""
        wrong, which = rng.choice(
            [
                ("'XXX' as dest", "true order by day desc, flight limit 1"),
                ("'far' as distance", "true order by day desc, flight limit 1"),
                ("'-200' as arr_delay", "arr_delay is not null and carrier = 'UA'"),
            ]
        )
        bad = f"insert into raw.flight_versions select 9, * replace ({wrong}) from raw.flights where {which}"
        mend = ["delete from raw.flight_versions where version = 9"]
        return Mishap([bad], mend, frozenset(self.groups))  # all of them are made of these rows

    # ------------------------------------------------------------------------------------------ what is asked

    def requests(self, rng: random.Random, service: str, at: datetime, count: int) -> list[Row]:
        """Flights of the next hours; of some the airport, of some the aircraft is not known."""
        first = bisect_right(self._scheduled, at)
        soon = self.flights[first : bisect_right(self._scheduled, at + timedelta(hours=4))]
        if len(soon) < 50:
            soon = self.flights[first : first + 300] or self.flights[-300:]
        requested = []
        for _ in range(count):
            request, kind = dict(rng.choice(soon).request), rng.random()
            request = {name: request[name] for name in {**SERVICES[service].keys, **SERVICES[service].sent}}
            if kind < 0.09 and "origin" in request:
                request["origin"] = rng.choice(["SFO", "nowhere"])
            elif kind < 0.18 and "tailnum" in request:
                request["tailnum"] = rng.choice(["none", "N-unheard-of"])
            elif kind < 0.22:
                request["dest"] = "XXX"
            requested.append(request)
        return requested

    # ------------------------------------------------------------------------------------------ by hand

    def oracle(self) -> LifeOracle:
        left: dict[tuple, list] = defaultdict(list)  # by origin, carrier, route and aircraft: when, and whether late
        ended: dict[tuple, list] = defaultdict(list)
        landed: dict[str, list] = defaultdict(list)  # by aircraft, and below by destination
        arrived: dict[str, list] = defaultdict(list)
        for flight in self.flights:
            keys = [("origin", flight.origin), ("carrier", flight.carrier), ("route", flight.origin, flight.dest)]
            for key in [*keys, ("aircraft", flight.tailnum)]:
                if flight.departed_at:
                    left[key].append((flight.departed_at, flight.departed_late))
                ended[key].append((flight.ended_at, flight.is_late))
            if flight.landed_at:
                landed[flight.tailnum].append((flight.landed_at, flight.flight_id, flight.arrival_delay))
                arrived[flight.dest].append((flight.landed_at, flight.arrival_delay))
        for events in (*left.values(), *ended.values(), *landed.values()):
            events.sort()

        def within(events: list, moment: datetime, length: timedelta) -> list[bool]:
            return [late for at, late in events if moment - length < at <= moment]

        def is_there(key: tuple, moment: datetime) -> bool:
            return bool(left[key]) and left[key][0][0] <= moment

        def of_origin(length: timedelta, suffix: str) -> Any:
            def origin(key: tuple, moment: datetime) -> Row | None:
                if not is_there(("origin", *key), moment):
                    return None
                late = within(left["origin", key[0]], moment, length)
                return {f"departures_{suffix}": len(late), f"late_departures_{suffix}": sum(late)}

            return origin

        def of_outcomes(what: str) -> Any:
            def outcomes(key: tuple, moment: datetime) -> Row | None:
                if not is_there((what, *key), moment):
                    return None
                late = within(ended[(what, *key)], moment, 7 * DAYS)
                return {f"{what}_flights_7d": len(late), f"{what}_late_7d": sum(late)}

            return outcomes

        def aircraft(key: tuple, moment: datetime) -> Row | None:
            if not is_there(("aircraft", *key), moment):
                return None
            before = [event for event in landed[key[0]] if event[0] <= moment]
            if not before:
                return {"last_arrival_delay": None, "last_arrival_at": None}
            return {"last_arrival_delay": before[-1][2], "last_arrival_at": before[-1][0]}

        def destination(key: tuple, moment: datetime) -> Row | None:
            if not any(at <= moment for at, _ in arrived[key[0]]):
                return None
            late = [late for at, late in arrived[key[0]] if moment - timedelta(hours=6) < at <= moment]
            return {
                "arrivals_6h": len(late),
                "late_arrivals_6h": sum(each > 15 for each in late),
                "arrival_delay_6h": sum(late) if late else None,
            }

        states = {
            "destination@1": destination,
            "origin@1": of_origin(timedelta(hours=3), "3h"),
            "origin@2": of_origin(timedelta(hours=1), "1h"),
            "carrier@1": of_outcomes("carrier"),
            "route@1": of_outcomes("route"),
            "aircraft@1": aircraft,
        }
        return LifeOracle(states, SERVICES)


def share(stored: Row, late: str, of: str) -> float | None:
    return stored[late] / stored[of] if stored.get(of) else None


def late_arrival(stored: Row, request: Row, at: datetime) -> Row:
    return {
        "aircraft_last_arrival_delay": stored.get("last_arrival_delay"),
        "aircraft_hours_since_last_arrival": hours(stored.get("last_arrival_at"), at),
        "origin_late_share_3h": share(stored, "late_departures_3h", "departures_3h"),
        "carrier_late_share_7d": share(stored, "carrier_late_7d", "carrier_flights_7d"),
        "route_late_share_7d": share(stored, "route_late_7d", "route_flights_7d"),
        "distance_miles": request["request_distance_miles"],
        "scheduled_hour": request["request_scheduled_hour"],
    }


def pickup(stored: Row, request: Row, at: datetime) -> Row:
    return {
        "destination_arrivals_6h": stored.get("arrivals_6h"),
        "destination_late_share_6h": share(stored, "late_arrivals_6h", "arrivals_6h"),
        "destination_mean_delay_6h": share(stored, "arrival_delay_6h", "arrivals_6h"),
    }


def transfer(stored: Row, request: Row, at: datetime) -> Row:
    here, there = stored.get("late_departures_3h"), stored.get("late_arrivals_6h")
    return {
        "more_late_at_origin": None if here is None or there is None else here - there,
        "destination_arrivals_6h": stored.get("arrivals_6h"),
    }


def late_arrival_2(stored: Row, request: Row, at: datetime) -> Row:
    row = late_arrival(stored, request, at)
    del row["aircraft_hours_since_last_arrival"], row["origin_late_share_3h"]
    return row | {"origin_late_share_1h": share(stored, "late_departures_1h", "departures_1h")}


def _service(origin: str, features: Any, rejecting: tuple[str, ...]) -> LifeService:
    return LifeService(
        keys=dict.fromkeys(["origin", "carrier", "dest", "tailnum"], "varchar"),
        sent=dict.fromkeys(["request_distance_miles", "request_scheduled_hour"], "integer"),
        groups={
            "origin": (origin, lambda request, found: (request["origin"],)),
            "carrier": ("carrier@1", lambda request, found: (request["carrier"],)),
            "route": ("route@1", lambda request, found: (request["origin"], request["dest"])),
            "aircraft": ("aircraft@1", lambda request, found: (request["tailnum"],)),
        },
        features=features,
        rejecting=rejecting,
    )


SERVICES = {
    "late_arrival@1": _service("origin@1", late_arrival, ()),
    "late_arrival@2": _service("origin@2", late_arrival_2, ("aircraft_last_arrival_delay",)),
    "pickup@1": LifeService(
        keys={"dest": "varchar"},
        sent={},
        groups={"destination": ("destination@1", lambda request, found: (request["dest"],))},
        features=pickup,
    ),
    "transfer@1": LifeService(
        keys={"origin": "varchar", "dest": "varchar"},
        sent={},
        groups={
            "origin": ("origin@1", lambda request, found: (request["origin"],)),
            "destination": ("destination@1", lambda request, found: (request["dest"],)),
        },
        features=transfer,
    ),
}
