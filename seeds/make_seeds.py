"""Writes the seed CSVs of the worked example (Python 3.11, standard library only).

    python seeds/make_seeds.py            # writes next to this script
    python seeds/make_seeds.py --out DIR  # writes elsewhere

The output is byte-identical on every run: each table draws integers from its own ``random.Random(<text>)``,
nothing reads a clock, and rows are sorted by (loaded_at, id) before they are written.

The example plays around 2026-05-01 09:00 UTC (builds at 08:58 and 09:05). Rows go on until 2026-05-05, so that a
leak from the future shows. All times are UTC. Ids from 9000 on (S-9001, P-9005, T-9000 ...) and the orders in
``FIXED_ORDERS`` are written by hand, so that tests can name them; everything else is drawn.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

LAST = datetime(2026, 5, 5, 23, 59, 59, tzinfo=UTC)  # nothing is loaded after this

Row = dict[str, object]


def at(text: str) -> datetime:
    """'05-01 08:58' or '2025-11-01 10:00:00.000001' as an aware UTC datetime; 2026 unless a year is given."""
    full = text if text[:2] == "20" else "2026-" + text
    return datetime.fromisoformat(full).replace(tzinfo=UTC)


def minutes(n: int) -> timedelta:
    return timedelta(minutes=n)


def seconds(n: int) -> timedelta:
    return timedelta(seconds=n)


def between(rng: random.Random, start: datetime, end: datetime) -> datetime:
    """A whole second in [start, end]."""
    return start + seconds(rng.randint(0, int((end - start).total_seconds())))


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def tenths(n: int | None) -> str | None:
    return None if n is None else f"{n // 10}.{n % 10}"


# --------------------------------------------------------------------------------------------------- shipments

# order: placed, and where it matters promised, delivered ("" = not delivered), carrier, km, warehouse, loaded
FIXED_ORDERS: dict[str, dict[str, object]] = {
    "O-101": {"placed": "03-20 09:00"},
    "O-115": {"placed": "04-01 09:10", "km": 2400},  # distance corrected, known a month later
    "O-120": {"placed": "04-03 11:00", "delivered": ""},  # cancelled
    "O-125": {"placed": "04-06 13:20"},  # exact duplicate row
    "O-133": {"carrier": None},
    "O-139": {"km": None},
    "O-146": {
        "placed": "04-22 15:00",
        "promised": "04-25 18:00",
        "delivered": "05-04 10:00",
    },  # the 168 h edge
    "O-147": {
        "placed": "04-21 09:00",
        "promised": "04-24 18:00",
        "delivered": "05-04 11:00",
    },  # older than 168 h
    "O-150": {"placed": "04-30 14:00", "delivered": "05-02 15:00", "warehouse": None},
    "O-160": {
        "placed": "04-30 08:00",
        "loaded": "04-30 09:30",
        "delivered": "05-02 09:00",
    },  # loaded 1.5 h late
    "O-170": {"placed": "04-29 15:00", "delivered": ""},  # cancelled 05-01 07:30
    "O-180": {"placed": "04-29 09:00", "km": 3100, "delivered": "05-01 16:00"},  # corrected before the build
    "O-181": {"placed": "04-29 17:00", "delivered": "05-02 10:00"},  # no scans at all
    "O-182": {"placed": "04-24 10:00", "delivered": "04-27 12:00"},  # scan loaded three days late
    "O-183": {"placed": "04-30 09:00", "delivered": "05-02 12:00"},  # scan loaded after the build
    "O-184": {"placed": "04-30 09:05", "delivered": "05-02 13:00"},  # scan redelivered after the build
    "O-185": {"placed": "04-30 09:10", "delivered": "05-02 14:00"},  # scan redelivered before the build
    "O-186": {"placed": "04-30 16:00", "delivered": ""},  # cancelled, known after the build
    "O-188": {"placed": "04-30 11:30", "delivered": "05-02 11:00"},  # exact duplicate row
    "O-189": {"placed": "04-30 12:10", "delivered": "05-03 09:00", "carrier": None},
    "O-192": {
        "placed": "04-30 15:30",
        "km": 4205,
        "delivered": "05-03 10:00",
    },  # corrected between the builds
    "O-193": {"placed": "04-30 17:45", "km": None, "warehouse": "W-1", "delivered": "05-03 12:00"},
    "O-194": {
        "placed": "04-30 18:20",
        "warehouse": "W-3",
        "delivered": "05-02 16:00",
    },  # queue not measured lately
    "O-195": {
        "placed": "04-30 19:00",
        "warehouse": "W-4",
        "delivered": "05-02 17:00",
    },  # queue never measured
    "O-196": {"placed": "04-30 07:00", "delivered": "05-02 08:00"},  # scans tied, loaded together
    "O-197": {"placed": "04-30 07:10", "delivered": "05-02 08:30"},  # scans tied, loaded apart
    "O-198": {
        "placed": "04-29 10:15",
        "promised": "05-01 08:30",
        "delivered": "05-01 09:02",
        "loaded_delivery": "05-01 09:03:30",
        "carrier": "bluefreight",
        "km": 3550,
        "warehouse": "W-1",
        "expedited": False,
    },
    "O-199": {"placed": "04-29 13:00", "carrier": "zephyr", "delivered": "05-02 09:30"},
    "O-201": {"carrier": None},
    "O-203": {"placed": "04-30 09:20", "carrier": "zephyr", "delivered": "05-02 10:30"},
    "O-204": {
        "placed": "04-30 10:00",
        "promised": "05-02 18:00",
        "delivered": "05-03 14:00",
        "loaded_delivery": "05-03 14:05",
        "carrier": "northline",
        "km": 6200,
        "warehouse": "W-2",
        "expedited": False,
    },
    "O-205": {
        "placed": "05-01 08:59",
        "loaded": "05-01 09:03",
        "carrier": "bluefreight",
        "km": 4800,
        "warehouse": "W-1",
        "expedited": False,
        "delivered": "05-03 11:00",
    },
    "O-215": {"km": None},
    "O-230": {"placed": "05-02 12:00", "delivered": ""},  # cancelled in the future
}

# order, new distance in tenths of a km, updated_at, loaded_at
CORRECTIONS = [
    ("O-115", 2755, "04-03 12:00", "05-02 10:10"),
    ("O-180", 3555, "04-30 11:00", "04-30 11:05"),
    ("O-192", 4610, "05-01 08:57", "05-01 09:04"),
]
EXACT_DUPLICATES = ["O-125", "O-188"]

# order, cancelled_at, loaded_at
CANCELLATIONS = [
    ("O-120", "04-04 09:00", "04-04 09:03"),
    ("O-170", "05-01 07:30", "05-01 07:32"),
    ("O-186", "05-01 08:50", "05-01 09:10"),
    ("O-230", "05-03 08:00", "05-03 08:02"),
]

# scan, order, scanned_at, site, loaded_at; orders named here get no drawn scans
SCANS = [
    ("S-9001", "O-204", "05-01 01:00", "hub-north", "05-01 01:02"),
    ("S-9002", "O-204", "05-01 08:59", "hub-east", "05-01 09:30"),
    ("S-9003", "O-198", "05-01 08:58", "door", "05-01 08:58"),  # happened and known exactly at the build
    ("S-9004", "O-146", "04-24 08:58", "hub-south", "04-24 09:00"),  # 168 h before the build: outside
    ("S-9005", "O-146", "04-24 08:58:00.000001", "hub-south", "04-24 09:00"),  # one microsecond later: inside
    ("S-9006", "O-147", "04-23 20:00", "hub-south", "04-23 20:04"),  # older than 168 h
    ("S-9007", "O-196", "04-30 15:00:00.250000", "hub-north", "04-30 15:03"),  # tie, loaded together
    ("S-9008", "O-196", "04-30 15:00:00.250000", "hub-east", "04-30 15:03"),
    (
        "S-9009",
        "O-197",
        "04-30 16:00:00.500000",
        "hub-east",
        "04-30 16:20",
    ),  # tie, the smaller id loaded later
    ("S-9010", "O-197", "04-30 16:00:00.500000", "hub-north", "04-30 16:02"),
    ("S-9011", "O-185", "04-30 18:00", "hub-west", "04-30 18:03"),  # delivered twice by the loader
    ("S-9011", "O-185", "04-30 18:00", "hub-west", "04-30 20:03"),
    ("S-9012", "O-184", "05-01 07:00", "hub-west", "05-01 07:02"),  # twice, the second after the build
    ("S-9012", "O-184", "05-01 07:00", "hub-west", "05-01 09:02"),
    ("S-9013", None, "04-30 21:00", "hub-east", "04-30 21:01"),  # label unreadable
    ("S-9014", "O-183", "04-30 22:00", "hub-south", "05-01 10:00"),  # late: unknown to both builds
    ("S-9015", "O-160", "04-30 08:45", "dock", "04-30 08:46"),  # known before its order is
    ("S-9016", "O-182", "04-25 06:00", "hub-south", "04-28 06:00"),  # loaded three days late, after delivery
    ("S-9017", "O-204", "04-30 12:00", "dock", "04-30 12:03"),
    ("S-9018", "O-204", "04-30 20:15", "hub-west", "04-30 20:17"),
    ("S-9019", "O-204", "05-02 06:00", "hub-east", "05-02 06:02"),
    ("S-9020", "O-204", "05-03 14:00", "door", "05-03 14:03"),
    ("S-9021", "O-198", "04-29 14:00", "dock", "04-29 14:02"),
    ("S-9022", "O-198", "04-30 09:30", "hub-north", "04-30 09:33"),
    ("S-9023", "O-198", "05-01 09:02", "door", "05-01 09:03:30"),
]
NO_SCANS = ["O-181", "O-193"]

# complaint, order, complained_at, text, loaded_at
COMPLAINTS = [
    ("CP-01", "O-204", "05-03 16:00", "A day late, and nobody said so.", "05-03 16:03"),
    ("CP-02", "O-198", "05-01 11:40", "Promised for half past eight, came after nine", "05-01 11:44"),
    ("CP-03", "O-182", "04-27 18:05", 'Driver said "not my parcel", then left it', "04-27 18:06"),
    ("CP-04", "O-125", "04-11 08:30", "Box was wet, contents fine", "04-11 08:35"),
    ("CP-05", "O-146", "04-29 20:00", "Where is it?", "04-29 20:01"),
    ("CP-06", "O-146", "05-02 07:15", "Still nothing, second complaint", "05-02 07:16"),
]


def shipments() -> tuple[list[Row], list[Row], list[Row]]:
    """Shipments (a row per version), scans and deliveries."""
    rng = random.Random("asof shipments 1")
    numbers = range(101, 261)
    free = [n for n in numbers if "placed" not in FIXED_ORDERS.get(f"O-{n}", {})]
    spans = [
        (101, 150, at("03-20 06:00"), at("04-24 00:00")),
        (151, 205, at("04-24 06:00"), at("05-01 08:40")),
        (206, 260, at("05-01 09:10"), at("05-04 20:00")),
    ]
    placed: dict[int, datetime] = {}
    for low, high, start, end in spans:
        ids = [n for n in free if low <= n <= high]
        for n, when in zip(ids, sorted(between(rng, start, end) for _ in ids), strict=True):
            placed[n] = when

    orders: list[Row] = []
    scans: list[Row] = []
    deliveries: list[Row] = []
    cancelled = {order: at(when) for order, when, _ in CANCELLATIONS}
    hand_scanned = {order for _, order, *_ in SCANS} | set(NO_SCANS)
    scan_number = 0
    for n in numbers:
        order = f"O-{n}"
        fixed = FIXED_ORDERS.get(order, {})
        when = at(fixed["placed"]) if "placed" in fixed else placed[n]
        carrier = rng.choice(["northline", "northline", "bluefreight", "bluefreight", "swiftpost", "meridian"])
        km: int | None = rng.randint(150, 14000)
        warehouse: str | None = rng.choice(["W-1", "W-1", "W-2", "W-2", "W-2", "W-3", "W-4"])
        expedited = rng.randint(1, 100) <= 20
        carrier = fixed.get("carrier", carrier)
        km = fixed.get("km", km)
        warehouse = fixed.get("warehouse", warehouse)
        expedited = fixed.get("expedited", expedited)
        days = 1 if expedited else 2 if (km or 5000) < 7000 else 3
        promised = (when + timedelta(days=days)).replace(hour=18, minute=0, second=0)
        if "promised" in fixed:
            promised = at(fixed["promised"])
        loaded = at(fixed["loaded"]) if "loaded" in fixed else when + seconds(rng.randint(40, 300))
        first = {
            "order_id": order,
            "carrier": carrier,
            "distance_km": tenths(km),
            "origin_warehouse_id": warehouse,
            "is_expedited": expedited,
            "placed_at": when,
            "promised_at": promised,
            "updated_at": when,
            "loaded_at": loaded,
        }
        orders.append(first)
        if order in EXACT_DUPLICATES:
            orders.append(dict(first))
        for corrected, new_km, updated, known in CORRECTIONS:
            if corrected == order:
                orders.append(
                    first | {"distance_km": tenths(new_km), "updated_at": at(updated), "loaded_at": at(known)}
                )

        # Late ones are likelier far away and with northline, so that a model has something to learn.
        chance = 18 + (14 if (km or 0) > 7000 else 0) + (14 if carrier == "northline" else 0) + (8 if expedited else 0)
        late = rng.randint(1, 100) <= chance
        shift = rng.randint(60, 26 * 60)
        delivered: datetime | None = (
            promised + minutes(shift) if late else max(promised - minutes(shift), when + timedelta(hours=20))
        )
        lost = rng.randint(1, 100) <= 3
        load_delay = seconds(rng.randint(300, 600))
        if "delivered" in fixed:
            delivered = at(fixed["delivered"]) if fixed["delivered"] else None
        elif lost:
            delivered = None
        if delivered is not None:
            known = at(fixed["loaded_delivery"]) if "loaded_delivery" in fixed else delivered + load_delay
            deliveries.append(
                {"delivery_id": f"D-{n}", "order_id": order, "delivered_at": delivered, "loaded_at": known}
            )

        count = rng.randint(0, 6)
        until = min(x for x in (delivered, cancelled.get(order), when + timedelta(days=3)) if x is not None)
        times = sorted(between(rng, when + minutes(30), max(until, when + minutes(40))) for _ in range(count))
        for position, scanned in enumerate(times):
            site = "dock" if position == 0 else rng.choice(["hub-north", "hub-east", "hub-south", "hub-west"])
            delay = seconds(rng.randint(60, 600))
            if rng.randint(1, 100) <= 4:
                delay = minutes(rng.randint(60, 1500))
            if order not in hand_scanned:
                scan_number += 1
                scans.append(
                    {
                        "scan_id": f"S-{scan_number:04d}",
                        "order_id": order,
                        "scanned_at": scanned,
                        "site": site,
                        "loaded_at": scanned + delay,
                    }
                )
    for scan, order, scanned, site, known in SCANS:
        scans.append(
            {
                "scan_id": scan,
                "order_id": order,
                "scanned_at": at(scanned),
                "site": site,
                "loaded_at": at(known),
            }
        )
    return orders, scans, deliveries


def cancellations() -> list[Row]:
    return [{"order_id": o, "cancelled_at": at(c), "loaded_at": at(k)} for o, c, k in CANCELLATIONS]


def complaints() -> list[Row]:
    return [
        {"complaint_id": i, "order_id": o, "complained_at": at(c), "text": text, "loaded_at": at(k)}
        for i, o, c, text, k in COMPLAINTS
    ]


# -------------------------------------------------------------------------------------------------- warehouses

WAREHOUSES = [
    ("W-1", "Hamburg North", "2025-02-03 08:00"),
    ("W-2", "Leipzig", "2025-04-14 08:00"),
    ("W-3", "Lyon", "2025-06-02 08:00"),
    ("W-4", "Turin", "2025-09-01 08:00"),  # its queue is never measured
]
# measurement, warehouse, measured_at, queue_length, loaded_at
QUEUE = [
    ("Q-9001", "W-2", "05-01 08:30", 18, "05-01 08:31"),
    ("Q-9002", "W-2", "05-01 08:50", 25, "05-01 09:20"),
    ("Q-9003", "W-2", "04-15 03:40", None, "04-15 03:41"),  # the sensor answered, without a number
    ("Q-9004", "W-1", "04-30 12:40", None, "04-30 12:41"),
    ("Q-9005", "W-3", "04-10 10:40", None, "04-10 10:41"),
    ("Q-9006", "W-1", "05-02 15:40", None, "05-02 15:41"),
]


def warehouses() -> list[Row]:
    return [
        {"warehouse_id": w, "name": n, "opened_at": at(o), "loaded_at": at(o) + minutes(5)} for w, n, o in WAREHOUSES
    ]


def queue_measurements() -> list[Row]:
    rng = random.Random("asof queues 1")
    rows: list[Row] = []
    number = 0
    hour = at("03-20 00:00")
    while hour < at("05-05 12:00"):
        for warehouse, base in (("W-1", 12), ("W-2", 20), ("W-3", 8)):
            jitter, length, delay = rng.randint(0, 1500), rng.randint(0, 14), rng.randint(30, 150)
            skipped, slow = rng.randint(1, 100) <= 3, rng.randint(1, 100) <= 2
            rush = 15 if 8 <= hour.hour <= 17 else 0
            by_hand = warehouse == "W-2" and at("05-01 08:00") <= hour <= at("05-01 09:00")
            if skipped or by_hand or (warehouse == "W-3" and hour >= at("04-20 00:00")):
                continue
            number += 1
            measured = hour + seconds(jitter)
            rows.append(
                {
                    "measurement_id": f"Q-{number:04d}",
                    "warehouse_id": warehouse,
                    "measured_at": measured,
                    "queue_length": base + rush + length,
                    "loaded_at": measured + (minutes(delay) if slow else seconds(delay)),
                }
            )
        hour += timedelta(hours=1)
    for measurement, warehouse, measured, length, known in QUEUE:
        rows.append(
            {
                "measurement_id": measurement,
                "warehouse_id": warehouse,
                "measured_at": at(measured),
                "queue_length": length,
                "loaded_at": at(known),
            }
        )
    return rows


# --------------------------------------------------------------------------------------------------- customers

# customer: signed_up_at, loaded_at
FIXED_CUSTOMERS = {
    "C-010": ("2025-11-05 10:00", "2025-11-05 10:02"),
    "C-011": ("2025-11-06 11:00", "2025-11-06 11:02"),
    "C-012": ("2025-11-08 12:00", "2025-11-08 12:02"),
    "C-013": ("2025-11-09 12:00", "2025-11-09 12:02"),
    "C-014": ("2025-11-10 12:00", "2025-11-10 12:02"),
    "C-015": ("2025-11-11 12:00", "2025-11-11 12:02"),
    "C-016": ("2025-11-12 12:00", "2025-11-12 12:02"),
    "C-017": ("2025-11-13 12:00", "2025-11-13 12:02"),
    "C-022": ("2025-11-14 09:00", "2025-11-14 09:03"),
    "C-031": ("2025-12-10 09:00", "2025-12-10 09:02"),
    "C-035": ("2025-11-16 09:00", "2025-11-16 09:03"),
    "C-040": ("2025-11-20 09:00", "2025-11-20 09:02"),
    "C-047": ("2025-12-01 09:00", "2025-12-01 09:03"),
    "C-053": ("2025-12-02 09:00", "2025-12-02 09:03"),
    "C-058": ("2025-12-03 09:00", "2025-12-03 09:03"),
    "C-062": ("2025-12-04 09:00", "2025-12-04 09:03"),
    "C-077": ("2026-01-05 09:00", "2026-01-05 09:02"),
    "C-078": ("2026-04-30 11:00", "2026-04-30 11:03"),  # new, no purchase
    "C-079": ("2026-05-01 08:30", "2026-05-01 08:31"),  # new, no purchase
    "C-080": ("2026-05-01 08:57", "2026-05-01 09:01"),  # new, no purchase, unknown to the 08:58 build
    "C-081": ("2026-05-02 10:00", "2026-05-02 10:02"),  # in the future
    "C-082": ("2026-05-03 10:00", "2026-05-03 10:02"),
}
SECOND_LIVES = [("C-040", "04-01 10:00", "04-01 10:02")]
# customer, closed_at, loaded_at
CLOSURES = [
    ("C-022", "01-20 12:00", "01-20 12:05"),
    ("C-031", "03-15 00:00", "03-15 00:05"),  # the churner
    ("C-035", "02-28 23:30", "02-28 23:35"),
    ("C-040", "02-10 00:00", "02-10 00:05"),  # comes back
    ("C-047", "04-10 15:00", "04-10 15:05"),
    ("C-053", "04-28 12:00", "05-02 08:00"),  # known four days late
    ("C-058", "05-01 08:00", "05-01 08:05"),  # gone an hour before the build
    ("C-062", "05-03 09:00", "05-03 09:05"),  # in the future
]
NEVER_BUY = ["C-071", "C-072", "C-073", "C-074", "C-075", "C-078", "C-079", "C-080"]
ONLY_BY_HAND = ["C-010", "C-011", "C-031", "C-040", "C-077"]

# purchase, customer, purchased_at, amount in cents, loaded_at
PURCHASES = [
    ("P-9001", "C-031", "01-10 12:00", 4990, "01-10 12:05"),
    ("P-9002", "C-031", "02-20 12:00", 1250, "02-20 12:05"),
    ("P-9003", "C-031", "03-01 12:00", 3300, "03-01 12:05"),
    ("P-9004", "C-031", "03-15 00:00", 999, "03-15 00:00"),  # at the very moment of closing
    ("P-9005", "C-010", "04-01 08:58", 2000, "04-01 09:03"),  # 30 d before the build: outside
    ("P-9006", "C-010", "04-01 08:58:00.000001", 2100, "04-01 09:03"),  # one microsecond later: inside
    ("P-9007", "C-011", "01-31 08:58", 5000, "01-31 09:03"),  # 90 d before the build: outside
    ("P-9008", "C-011", "01-31 08:58:00.000001", 5100, "01-31 09:03"),
    ("P-9009", "C-012", "04-20 10:00:00.125000", 1500, "04-20 10:04"),  # tie, loaded together
    ("P-9010", "C-012", "04-20 10:00:00.125000", 7500, "04-20 10:04"),
    ("P-9011", "C-013", "04-21 10:00:00.125000", 1600, "04-21 10:30"),  # tie, the smaller id loaded later
    ("P-9012", "C-013", "04-21 10:00:00.125000", 7600, "04-21 10:02"),
    ("P-9013", None, "03-30 17:00", 2500, "03-30 17:04"),  # guest checkout
    ("P-9014", None, "05-01 08:20", 2600, "05-01 08:22"),
    ("P-9015", "C-014", "04-29 10:00", 8800, "04-29 10:05"),  # loader retry
    ("P-9015", "C-014", "04-29 10:00", 8800, "04-29 10:35"),
    ("P-9016", "C-015", "04-28 10:00", 4200, "05-03 10:00"),  # late: unknown to both builds
    ("P-9017", "C-016", "03-10 10:00", 4300, "03-14 10:00"),  # four days late
    ("P-9018", "C-077", "05-01 09:01", 6400, "05-01 09:02"),
    ("P-9019", "C-077", "01-20 12:00", 3100, "01-20 12:05"),
    ("P-9020", "C-077", "03-05 12:00", 3200, "03-05 12:05"),
    ("P-9021", "C-077", "04-10 12:00", 3300, "04-10 12:05"),
    ("P-9022", "C-017", "05-01 08:40", 9100, "05-01 08:45"),  # loader retry, the second after the build
    ("P-9022", "C-017", "05-01 08:40", 9100, "05-01 09:02"),
    ("P-9023", "C-040", "01-15 12:00", 2700, "01-15 12:05"),  # first life
    ("P-9024", "C-040", "04-05 12:00", 2800, "04-05 12:05"),  # second life
]


def customers() -> list[Row]:
    rng = random.Random("asof customers 1")
    rows: list[Row] = []
    for n in range(1, 83):
        customer = f"C-{n:03d}"
        early = rng.randint(1, 100) <= 55
        signed = between(rng, at("2025-11-01 00:00"), at("2025-12-01 00:00") if early else at("04-20 00:00"))
        known = signed + seconds(rng.randint(30, 240))
        if customer in FIXED_CUSTOMERS:
            signed, known = (at(x) for x in FIXED_CUSTOMERS[customer])
        rows.append({"customer_id": customer, "signed_up_at": signed, "loaded_at": known})
    for customer, signed, known in SECOND_LIVES:
        rows.append({"customer_id": customer, "signed_up_at": at(signed), "loaded_at": at(known)})
    return rows


def account_closures() -> list[Row]:
    return [{"customer_id": c, "closed_at": at(w), "loaded_at": at(k)} for c, w, k in CLOSURES]


def purchases_and_returns(people: list[Row]) -> tuple[list[Row], list[Row]]:
    rng = random.Random("asof purchases 1")
    closed = {customer: at(when) for customer, when, _ in CLOSURES}
    drawn: list[Row] = []
    for person in people:
        customer, start = person["customer_id"], person["signed_up_at"]
        if customer in NEVER_BUY or customer in ONLY_BY_HAND:
            continue
        usual_gap = rng.randint(4, 20) * 1440
        end = min(closed.get(customer, at("05-04 22:00")), at("05-04 22:00"))
        if rng.randint(1, 100) <= 25:  # loses interest, without closing the account
            end = min(end, start + timedelta(days=rng.randint(20, 120)))
        when = start + minutes(rng.randint(5, 3000))
        while when < end:
            delay = seconds(rng.randint(20, 1500))
            if rng.randint(1, 100) <= 2:
                delay = minutes(rng.randint(1440, 7200))
            drawn.append(
                {
                    "customer_id": customer,
                    "purchased_at": when,
                    "amount": money(rng.randint(499, 24999)),
                    "loaded_at": when + delay,
                }
            )
            when += seconds(60 * rng.randint(usual_gap // 4, usual_gap * 7 // 4) + rng.randint(0, 59))
    drawn.sort(key=lambda row: (row["purchased_at"], row["customer_id"]))
    rows = [{"purchase_id": f"P-{n:04d}"} | row for n, row in enumerate(drawn, start=1)]

    returns: list[Row] = []
    for row in rows:
        returned = row["purchased_at"] + minutes(rng.randint(2 * 1440, 15 * 1440))
        delay = minutes(rng.randint(1, 30))
        if rng.randint(1, 100) <= 8:
            returns.append(
                {
                    "purchase_id": row["purchase_id"],
                    "customer_id": row["customer_id"],
                    "returned_at": returned,
                    "loaded_at": returned + delay,
                }
            )
    returns = [row for row in returns if row["loaded_at"] <= LAST]
    returns.sort(key=lambda row: (row["returned_at"], row["purchase_id"]))
    returns = [{"return_id": f"RT-{n:03d}"} | row for n, row in enumerate(returns, start=1)]

    for purchase, customer, when, cents, known in PURCHASES:
        rows.append(
            {
                "purchase_id": purchase,
                "customer_id": customer,
                "purchased_at": at(when),
                "amount": money(cents),
                "loaded_at": at(known),
            }
        )
    return rows, returns


# ------------------------------------------------------------------------------------------------------- cards

# transaction, card, transacted_at, amount in cents, loaded_at
TRANSACTIONS = [
    ("T-9000", "K-07", "05-01 09:00", 25000, "05-01 09:00:03"),  # the one being scored at 09:00
    ("T-9001", "K-07", "05-01 08:43", 1200, "05-01 08:43:02"),  # 15 min before the build: outside
    ("T-9002", "K-07", "05-01 08:44", 1900, "05-01 08:44:03"),
    ("T-9003", "K-07", "05-01 08:50", 4500, "05-01 08:50:05"),  # 15 min before the second build: outside
    ("T-9004", "K-07", "05-01 08:55", 8000, "05-01 08:55:04"),
    (
        "T-9005",
        "K-07",
        "05-01 08:57:59.999999",
        9900,
        "05-01 08:58:02",
    ),  # happened before the build, known after
    ("T-9006", "K-08", "05-01 08:57:40", 3600, "05-01 08:58"),  # known exactly at the build
    ("T-9007", "K-10", "05-01 08:52:00.750000", 700, "05-01 08:52:05"),  # tie, loaded together
    ("T-9008", "K-10", "05-01 08:52:00.750000", 710, "05-01 08:52:05"),
    ("T-9009", "K-09", "05-01 08:56", 5200, "05-01 09:01"),  # five minutes late: unknown to the first build
    ("T-9010", "K-29", "04-01 02:00", 3000, "04-01 02:00:05"),  # all of K-29: older than 30 d
    ("T-9011", "K-29", "04-01 05:00", 3100, "04-01 05:00:05"),
    ("T-9012", "K-11", "04-12 14:00", 42000, "04-12 14:00:06"),  # report corrected before the build
    ("T-9013", "K-12", "04-22 14:00", 39000, "04-22 14:00:06"),  # report corrected after the builds
    ("T-9014", "K-13", "04-05 14:00", 2700, "04-05 14:00:06"),  # never reported
    ("T-9015", "K-14", "04-24 14:00", 31000, "04-24 14:00:06"),  # report loaded a week late
]
# report, transaction, reported_at, is_fraud, loaded_at
REPORTS = [
    ("R-9001", "T-9000", "05-01 09:03", False, "05-01 09:03:20"),
    ("R-9002", "T-9012", "04-13 09:00", False, "04-13 09:00:20"),
    ("R-9003", "T-9012", "04-20 09:00", True, "04-20 09:00:20"),
    ("R-9004", "T-9013", "04-23 09:00", False, "04-23 09:00:20"),
    ("R-9005", "T-9013", "05-02 09:00", True, "05-02 09:00:20"),
    ("R-9006", "T-9015", "04-25 09:00", True, "05-02 09:00"),
]


def cards() -> list[Row]:
    rng = random.Random("asof cards 1")
    rows: list[Row] = []
    for n in range(1, 31):
        issued = between(rng, at("2025-06-01 00:00"), at("03-15 00:00"))
        if n == 28:
            issued = at("04-20 10:00")
        rows.append(
            {
                "card_id": f"K-{n:02d}",
                "issued_at": issued,
                "loaded_at": issued + seconds(rng.randint(60, 600)),
            }
        )
    return rows


def card_transactions(known_cards: list[Row]) -> tuple[list[Row], list[Row]]:
    """Transactions and the fraud reports on them."""
    rng = random.Random("asof transactions 1")
    issued = {row["card_id"]: row["issued_at"] for row in known_cards}
    usual = [f"K-{n:02d}" for n in range(1, 29)]
    burst = [card for card in usual if card != "K-07"]
    drawn: list[Row] = []

    def draw(card: str, when: datetime, high: bool) -> None:
        cents = rng.randint(20000, 90000) if high else rng.randint(150, 15000)
        delay = seconds(rng.randint(1, 20))
        if rng.randint(1, 100) <= 3:
            delay = minutes(rng.randint(2, 45))
        drawn.append(
            {
                "card_id": card,
                "transacted_at": when,
                "amount": money(cents),
                "loaded_at": when + delay,
                "_high": high,
            }
        )

    def draw_many(count: int, start: datetime, end: datetime) -> None:
        until = len(drawn) + count
        while len(drawn) < until:
            card = rng.choice(usual)
            when = between(rng, start, end) + timedelta(microseconds=rng.randint(0, 999_999))
            if when < issued[card] + timedelta(hours=1):
                continue
            if card == "K-07" and at("05-01 00:00") <= when < at("05-01 12:00"):
                continue
            draw(card, when, rng.randint(1, 100) <= 6)

    draw_many(800, at("04-01 00:00"), at("05-02 23:00"))
    draw_many(600, at("04-30 20:00"), at("05-01 08:55"))  # the hours that card@1 is backfilled for
    for _ in range(135):
        when = between(rng, at("05-01 08:30"), at("05-01 09:05")) + timedelta(microseconds=rng.randint(0, 999_999))
        draw(rng.choice(burst), when, rng.randint(1, 100) <= 10)
    drawn.sort(key=lambda row: (row["transacted_at"], row["card_id"]))
    drawn = [{"transaction_id": f"T-{n:04d}"} | row for n, row in enumerate(drawn, start=1)]

    reports: list[Row] = []
    for row in drawn:
        fraud = rng.randint(1, 100) <= (35 if row["_high"] else 2)
        answered = rng.randint(1, 100) <= 88
        # half of the cardholders answer on their phone at once, others when they read their mail or their statement
        sort = rng.randint(1, 100)
        low, high = (2, 90) if sort <= 50 else (120, 2880) if sort <= 80 else (2880, 20 * 1440)
        reported = row["transacted_at"].replace(microsecond=0) + minutes(rng.randint(low, high))
        delay, corrected, later = (
            seconds(rng.randint(10, 120)),
            rng.randint(1, 100) <= 12,
            minutes(rng.randint(1440, 8 * 1440)),
        )
        if not answered:
            continue
        first = {
            "transaction_id": row["transaction_id"],
            "reported_at": reported,
            "is_fraud": fraud,
            "loaded_at": reported + delay,
        }
        if fraud and corrected:  # the cardholder first thought it was fine
            reports.append(first | {"is_fraud": False})
            reports.append(first | {"reported_at": reported + later, "loaded_at": reported + later + delay})
        else:
            reports.append(first)
    reports = [row for row in reports if row["loaded_at"] <= LAST]
    reports.sort(key=lambda row: (row["reported_at"], row["transaction_id"]))
    # the last days have no report yet
    rng, known = random.Random("asof transactions 2"), len(drawn)
    drawn, earlier = [], drawn
    draw_many(75, at("05-02 23:00"), at("05-05 23:00"))
    drawn.sort(key=lambda row: (row["transacted_at"], row["card_id"]))
    drawn = earlier + [{"transaction_id": f"T-{n:04d}"} | row for n, row in enumerate(drawn, start=known + 1)]
    reports = [{"report_id": f"R-{n:04d}"} | row for n, row in enumerate(reports, start=1)]

    transactions = [{key: value for key, value in row.items() if key != "_high"} for row in drawn]
    for transaction, card, when, cents, known in TRANSACTIONS:
        transactions.append(
            {
                "transaction_id": transaction,
                "card_id": card,
                "transacted_at": at(when),
                "amount": money(cents),
                "loaded_at": at(known),
            }
        )
    for report, transaction, when, fraud, known in REPORTS:
        reports.append(
            {
                "report_id": report,
                "transaction_id": transaction,
                "reported_at": at(when),
                "is_fraud": fraud,
                "loaded_at": at(known),
            }
        )
    return transactions, reports


# ----------------------------------------------------------------------------------------------------- writing


def text(value: object) -> str:
    """A CSV cell: null is empty, a boolean true/false, a time ISO with +00:00."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def write(folder: Path, name: str, rows: list[Row]) -> None:
    """Rows loaded after LAST are left out: they haven't reached the warehouse."""
    rows = [row for row in rows if row["loaded_at"] <= LAST]
    columns = list(rows[0])
    rows.sort(key=lambda row: (row["loaded_at"], *(text(row[column]) for column in columns)))
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([text(row[column]) for column in columns])
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    print(f"{name:24} {len(rows):6} rows {path.stat().st_size:8} bytes  {digest}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)

    orders, scans, deliveries = shipments()
    people = customers()
    purchases, returns = purchases_and_returns(people)
    plastic = cards()
    transactions, reports = card_transactions(plastic)
    for name, rows in [
        ("raw_shipments", orders),
        ("raw_cancellations", cancellations()),
        ("raw_scans", scans),
        ("raw_deliveries", deliveries),
        ("raw_complaints", complaints()),
        ("raw_queue_measurements", queue_measurements()),
        ("raw_warehouses", warehouses()),
        ("raw_customers", people),
        ("raw_account_closures", account_closures()),
        ("raw_purchases", purchases),
        ("raw_returns", returns),
        ("raw_card_transactions", transactions),
        ("raw_cards", plastic),
        ("raw_fraud_reports", reports),
    ]:
        write(folder, name, rows)


if __name__ == "__main__":
    main()
