"""The worked example, grown: a few hundred entities, and raw tables for its seeds, so that rows arrive."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.exact import mean
from tests.time_machine.oracle import LifeOracle, LifeService, Row, hours, known_at
from tests.time_machine.project import Arrival, LifeProject, Mishap, replace_in
from tests.world import ROOT, World

CARRIERS = ["northline", "bluefreight", "swiftpost", "meridian"]
MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

CARD = ["services/fraud*", "training/fraud*", "features/card*", "history/card*", "online/card*", "entities/cards*"]
VALUE = ["features/customer_value*", "history/customer_value*", "online/customer_value*"]
UPSELL = ["services/upsell*", "training/upsell*"]
CHURN = ["services/churn*", "training/churn*", "features/customer*", "history/customer*", "online/customer*", *UPSELL]
CHURN_2 = ["services/churn_v2*", "training/churn_v2*", *VALUE]
# A service of this project only: it looks one group up twice, and its columns have ranges that bind.
REROUTE = {
    "services/reroute_examples.sql": """\
select row_id, order_id, to_warehouse_id, prediction_time, request_parcels, true as is_taken,
    prediction_time as label_known_at
from {{ asof.logged('reroute') }} as logged
""",
    "services/reroute_v1_rows.sql": """\
{{ asof.rows(["shipment@1", "warehouse@1 as origin", "warehouse@1 as target"]) }}
""",
    "services/reroute_v1.sql": """\
select
    row_id,
    request_parcels + 0 as parcels,
    origin_backlog,
    target_backlog,
    target_backlog - origin_backlog as more_at_target,
    origin_recency,
    target_sequence_number as target_seq,
    {{ asof.hours_between('target_superseded_at', 'prediction_time') }} as hours_since_target
from {{ ref('reroute_v1_rows') }}
""",
    "training/reroute_v1_training.sql": "{{ asof.training() }}\n",
    "services/reroute.yml": """\
models:
  - name: reroute_examples
    description: One row per logged request.
    config: {materialized: table}
    data_tests: [asof.examples]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: order_id, data_type: varchar, description: The order.}
      - {name: to_warehouse_id, data_type: varchar, description: Where it may go.}
      - {name: prediction_time, data_type: timestamptz, description: When asked.}
      - {name: request_parcels, data_type: integer, description: How many., config: {meta: {range: [1, 50]}}}
      - {name: is_taken, data_type: boolean, description: What came of it., config: {meta: {label: true}}}
      - {name: label_known_at, data_type: timestamptz, description: When that was known.}
  - name: reroute
    latest_version: 1
    description: One row per order that may leave from another warehouse.
    config: {meta: {owner: tests, lookups: {origin: shipment.origin_warehouse_id, target: to_warehouse_id}}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: parcels, data_type: integer, description: As sent.}
      - name: origin_backlog
        data_type: integer
        description: Its queue.
        config: {meta: {range: [null, 50], out_of_range: null}}
      - {name: target_backlog, data_type: integer, description: Its queue., config: {meta: {range: [0, 55]}}}
      - name: more_at_target
        data_type: integer
        description: The difference.
        config: {meta: {range: [-40, 40], out_of_range: null}}
      - {name: origin_recency, data_type: integer, description: Whether it is not known.}
      - {name: target_seq, data_type: integer, description: What was last measured.}
      - {name: hours_since_target, data_type: double, description: Since it was measured.}
    versions: [{v: 1}]
""",
}
# Features of the warehouse with names that the machinery once used inside
NAMES_ONCE_INNER = {
    "recency": ("cast(queue.queue_length is null as integer)", "integer"),
    "sequence_number": ("queue.queue_length", "integer"),
    "superseded_at": ("queue.occurred_at", "timestamptz"),
}
# A service that joins two components while it is there: who pays with which card.
CHECKOUT = {
    "services/checkout_examples.sql": """\
select row_id, card_id, customer_id, prediction_time, request_amount, true as is_fraud,
    prediction_time as label_known_at
from {{ asof.logged('checkout') }} as logged
""",
    "services/checkout_v1_rows.sql": "{{ asof.rows(['card@1', 'customer@1']) }}\n",
    "services/checkout_v1.sql": """\
select
    row_id,
    transactions_15m,
    orders_30d,
    cast(request_amount as double) / nullif(cast(avg_order_value_90d as double), 0) as amount_to_average
from {{ ref('checkout_v1_rows') }}
""",
    "training/checkout_v1_training.sql": "{{ asof.training() }}\n",
    "services/checkout.yml": """\
models:
  - name: checkout_examples
    description: One row per logged request.
    config: {materialized: table}
    data_tests: [asof.examples]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: card_id, data_type: varchar, description: The card.}
      - {name: customer_id, data_type: varchar, description: Who pays.}
      - {name: prediction_time, data_type: timestamptz, description: When asked.}
      - {name: request_amount, data_type: "decimal(12,2)", description: How much.}
      - {name: is_fraud, data_type: boolean, description: What came of it., config: {meta: {label: true}}}
      - {name: label_known_at, data_type: timestamptz, description: When that was known.}
  - name: checkout
    latest_version: 1
    description: One row per payment of a customer.
    config: {meta: {owner: tests}}
    data_tests: [asof.service]
    columns:
      - {name: row_id, data_type: varchar, description: The request.}
      - {name: transactions_15m, data_type: bigint, description: Of the card.}
      - {name: orders_30d, data_type: bigint, description: Of the customer.}
      - {name: amount_to_average, data_type: double, description: To the customer's mean.}
    versions: [{v: 1}]
""",
}


def without_the_log(files: dict[str, str]) -> dict[str, str]:
    """The files of a service with examples that list nothing: the request log is in DuckDB, which no engine reads."""
    yaml_path = next(path for path in files if path.endswith(".yml"))
    columns = yaml.safe_load(files[yaml_path])["models"][0]["columns"]
    type_of = "{{{{ asof.spark_type('{0}') if target.type == 'spark' else '{0}' }}}}".format
    listed = ", ".join(f"cast(null as {type_of(each['data_type'])}) as {each['name']}" for each in columns)
    return {
        path: f"select * from (select {listed}) as logged where row_id is not null\n" if "asof.logged" in text else text
        for path, text in files.items()
    }


STREAMS_OF_CHURN = ["entities/customers*", "staging/stg_signups*", "staging/stg_account*", "staging/stg_purchases*"]


def delay(rng: random.Random) -> timedelta:
    """From nothing to days: most rows come soon, some late and so out of order."""
    kind = rng.random()
    if kind < 0.05:
        return timedelta(0)
    if kind < 0.6:
        return timedelta(microseconds=rng.randint(1, 60_000_000))
    if kind < 0.85:
        return rng.randint(1, 30) * MINUTES
    return timedelta(seconds=rng.randint(3600, 8 * 3600 if kind < 0.95 else 3 * 86400))


def between(rng: random.Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(microseconds=rng.randrange(max(1, (end - start) // timedelta(microseconds=1))))


class ExampleProject(LifeProject):
    """`small`: two of its services only, of which one comes later, for the test that runs with the others.

    is_of_engine: its events are not in DuckDB.
    """

    name = "example"
    target = "dev"
    gaps = (((2, 9), 0.3), ((10, 45), 0.38), ((60, 240), 0.25), ((360, 1800), 0.07))

    def __init__(self, seed: int, small: bool = False, is_of_engine: bool = False) -> None:
        self.is_small = small
        self._reroute, self._checkout = REROUTE, CHECKOUT
        if is_of_engine:
            self._reroute, self._checkout = without_the_log(REROUTE), without_the_log(CHECKOUT)
        self.start = datetime(2026, 4, 19, 6, tzinfo=UTC)
        self.end = self.start + (4 if small else 24) * DAYS
        self.max_age = {
            "shipment@1": timedelta(minutes=90),
            "warehouse@1": timedelta(minutes=90),
            "card@1": timedelta(minutes=10),
        }
        self.groups = ["shipment@1", "warehouse@1"]
        self.services = ["late_delivery@1"]
        self.later_groups, self.later_services = ["card@1"], ["fraud@1"]
        self.failing = {
            "warehouse": ("ref('warehouse_v1_latest')", frozenset({"warehouse@1"})),
            "late_delivery": ("ref('late_delivery', v=1)", frozenset({"late_delivery@1"})),
        }
        self.later_failing = {"card": ("ref('card_v1_latest')", frozenset({"card@1"}))}
        if not small:
            self.max_age |= {"customer@1": timedelta(hours=26), "customer_value@1": timedelta(hours=26)}
            self.groups += ["card@1", "customer@1"]
            self.services += ["fraud@1", "churn@1", "upsell@1", "reroute@1"]
            self.later_groups, self.later_services = ["customer_value@1"], ["churn@2"]
            self.joining = "checkout@1"
            self.failing |= self.later_failing | {
                "cards": ("ref('cards')", frozenset({"card@1"})),
                "customers": ("ref('customers')", frozenset({"customer@1", "customer_value@1"})),
                "customer": ("ref('customer_v1_latest')", frozenset({"customer@1"})),
                "upsell": ("ref('upsell', v=1)", frozenset({"upsell@1"})),
            }
            self.later_failing = {"churn_2": ("ref('churn', v=2)", frozenset({"churn@2"}))}
        self.warehouses = 15 if small else 60
        self.absent: dict[str, list[list[datetime | None]]] = defaultdict(list)
        self.raw: dict[str, list[Row]] = defaultdict(list)
        self._make_up(random.Random(seed))
        self.arrivals = sorted(
            (
                Arrival(row["loaded_at"], f"raw.{table}", tuple(row.values()))
                for table, rows in self.raw.items()
                for row in rows
            ),
            key=lambda arrival: arrival.at,
        )

    # ------------------------------------------------------------------------------------------ the project

    def template(self, folder: Path) -> Path:
        for name in ("models", "macros"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("published", "training"):
            (folder / name).mkdir()
        for name in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(ROOT / name, folder / name)
        replace_in(folder / "profiles.yml", "warehouse/asof.duckdb", "warehouse.duckdb")
        seeds = yaml.safe_load((ROOT / "seeds" / "seeds.yml").read_text())["seeds"]
        self.tables = {f"raw.{seed['name']}": seed["config"]["column_types"] for seed in seeds}
        for path in (folder / "models").rglob("*.sql"):
            text = path.read_text()
            for seed in seeds:
                text = text.replace(f"ref('{seed['name']}')", f"source('raw', '{seed['name']}')")
            path.write_text(text)
        (folder / "models" / "sources.yml").write_text(
            yaml.safe_dump({"sources": [{"name": "raw", "tables": [{"name": seed["name"]} for seed in seeds]}]})
        )
        self._add_names(folder / "models" / "features")
        if not self.is_small:
            for path, text in self._reroute.items():
                (folder / "models" / path).write_text(text)
        shutil.copytree(folder / "models", folder / "full")
        if self.is_small:
            _remove(folder / "models", *CHURN, *STREAMS_OF_CHURN, *CARD)
        else:
            _remove(folder / "models", *CHURN_2)
            churn = folder / "models" / "services" / "churn.yml"
            second = (
                "      - v: 2\n        columns:\n          - include: all\n            exclude: [avg_order_value_90d]\n"
            )
            replace_in(churn, second, "")
            replace_in(churn, "      - ref('churn', v=2)\n", "")
        return folder

    def _add_names(self, features: Path) -> None:
        selected = "".join(f",\n    {sql} as {name}" for name, (sql, _) in NAMES_ONCE_INNER.items())
        replace_in(features / "warehouse_v1.sql", " end as backlog", f" end as backlog{selected}")
        declared = "".join(
            f"      - {{name: {name}, data_type: {type_}, description: As measured.}}\n"
            for name, (_, type_) in NAMES_ONCE_INNER.items()
        )
        replace_in(features / "warehouse.yml", "    versions:", f"{declared}    versions:")

    def add_version(self, world: World) -> str:
        """Puts the rest of the project in place; returns what to backfill."""
        for pattern in CARD if self.is_small else [*CHURN_2, "services/churn.yml"]:
            for path in (world.folder / "full").glob(pattern):
                shutil.copy(path, world.folder / "models" / path.parent.name / path.name)
        self.groups += self.later_groups
        self.services += self.later_services
        self.failing |= self.later_failing
        self.plant_tests(world)
        return " ".join(f"{group.replace('@', '_v')}_history" for group in self.later_groups)

    def join(self, world: World) -> None:
        for path, text in self._checkout.items():
            (world.folder / "models" / path).write_text(text)

    def part(self, world: World) -> None:
        for path in CHECKOUT:
            (world.folder / "models" / path).unlink()

    def change_max_age(self, world: World) -> None:
        world.replace("models/features/warehouse.yml", "max_age: 90 minutes", "max_age: 1 hour")
        self.max_age = self.max_age | {"warehouse@1": timedelta(hours=1)}

    def spoil(self, rng: random.Random, world: World, now: datetime) -> Mishap:
        """Something bad in the feed, that a test finds."""
        known = now - timedelta(microseconds=rng.randint(0, 50_000_000))
        shipment = "values ('O-bad', 'northline', 620000, 'W-1', false, $at, $at, $at, $at)"
        queues = "select 'Q-' || warehouse_id, warehouse_id, $now, -5, $now from raw.raw_warehouses"
        scans = "values ('S-bad', 'O-1', $at, 'x', $at), ('S-bad', 'O-2', $at, 'x', $at)"
        kept = "create table raw.kept as from raw.raw_warehouses where hash(warehouse_id) % 2 = 0"
        spoil, mend = rng.choice(
            [
                (
                    [f"insert into raw.raw_shipments {shipment}"],
                    ["delete from raw.raw_shipments where order_id = 'O-bad'"],
                ),
                (
                    [f"insert into raw.raw_queue_measurements {queues}"],
                    ["delete from raw.raw_queue_measurements where queue_length = -5"],
                ),
                # a value that was right, wrong for a while, and put right in place
                (
                    ["update raw.raw_shipments set distance_km = distance_km + 600000 where order_id like 'O-1%'"],
                    ["update raw.raw_shipments set distance_km = distance_km - 600000 where order_id like 'O-1%'"],
                ),
                ([f"insert into raw.raw_scans {scans}"], ["delete from raw.raw_scans where scan_id = 'S-bad'"]),
                # half of a source missing, and an event twice
                (
                    [
                        kept,
                        "delete from raw.raw_warehouses where warehouse_id in (select warehouse_id from raw.kept)",
                        f"insert into raw.raw_scans {scans}",
                    ],
                    [
                        "insert into raw.raw_warehouses from raw.kept",
                        "drop table raw.kept",
                        "delete from raw.raw_scans where scan_id = 'S-bad'",
                    ],
                ),
            ]
        )
        return Mishap(spoil, mend, frozenset({"shipment@1", "warehouse@1"}), {"at": known, "now": now})

    def forget(self, rng: random.Random, world: World, now: datetime) -> None:
        """The source loses two warehouses; it has those again that it lost before."""
        with world.warehouse(read_only=False) as warehouse:
            for row in self.raw["raw_warehouses"]:
                spans = self.absent[row["warehouse_id"]]
                if spans and spans[-1][1] is None:
                    spans[-1][1] = now
                    warehouse.execute("insert into raw.raw_warehouses values (?, ?, ?, ?)", list(row.values()))
            there = [row["warehouse_id"] for row in self.raw["raw_warehouses"] if row["loaded_at"] <= now]
            for warehouse_id in rng.sample(there, 2):
                self.absent[warehouse_id].append([now, None])
                warehouse.execute("delete from raw.raw_warehouses where warehouse_id = ?", [warehouse_id])

    # ------------------------------------------------------------------------------------------ making it up

    def _make_up(self, rng: random.Random) -> None:
        begin, end = self.start - 20 * DAYS, self.end
        scale = 1 if not self.is_small else 0.25
        for number in range(self.warehouses):
            opened = between(rng, begin - 100 * DAYS, begin if rng.random() < 0.8 else end)
            warehouse = f"W-{number}"
            self._row(
                "raw_warehouses", warehouse_id=warehouse, name=None, opened_at=opened, loaded_at=opened + delay(rng)
            )
            at = max(opened, self.start - 2 * DAYS)
            while at < end and number % 7:  # some are never measured
                at += rng.choice([timedelta(seconds=rng.randint(600, 6 * 3600))] * 20 + [30 * HOURS])
                for tie in range(rng.choice([1] * 9 + [2])):  # two sensors at one instant
                    self._row(
                        "raw_queue_measurements",
                        measurement_id=f"Q-{number}-{at:%d%H%M%S}-{tie}",
                        warehouse_id=warehouse,
                        measured_at=at,
                        queue_length=rng.choice([None, *range(60)]) if rng.random() < 0.9 else 0,
                        loaded_at=at + delay(rng),
                    )
        self.orders = []
        for number in range(int(700 * scale)):
            self._order(rng, f"O-{number}", between(rng, self.start - 3 * DAYS, end))
        self.customers, self.cards = [], []
        if not self.is_small:
            for number in range(300):
                self._customer(rng, f"C-{number}")
        for number in range(int(150 * scale)):
            self._card(rng, f"K-{number}")

    def _row(self, table: str, **row: Any) -> None:
        self.raw[table].append(row)

    def _order(self, rng: random.Random, order: str, placed: datetime) -> None:
        updated, versions = placed, []
        for _ in range(rng.choice([1, 1, 2, 3, 4])):
            version = {
                "order_id": order,
                "carrier": rng.choice([*CARRIERS, *CARRIERS, "zephyr", None]),
                "distance_km": rng.choice([None, *(Decimal(rng.randint(10, 19999)) / 10 for _ in range(5))]),
                "origin_warehouse_id": rng.choice(
                    [None, "W-nowhere", f"W-{rng.randrange(self.warehouses)}", f"W-{rng.randrange(9)}"]
                ),
                "is_expedited": rng.random() < 0.3,
                "placed_at": placed,
                "promised_at": placed + 2 * DAYS,
                "updated_at": updated,
                "loaded_at": updated + delay(rng),
            }
            versions.append(version)
            for again in range(rng.choice([1] * 9 + [2])):
                self._row("raw_shipments", **version | {"loaded_at": version["loaded_at"] + again * delay(rng)})
            updated += timedelta(seconds=rng.randint(60, 86400))
        first_known = min(version["loaded_at"] for version in versions)
        self.orders.append((placed, order))
        for number in range(rng.choice([0, 1, 2, 4, 8])):
            at = between(rng, placed, placed + 3 * DAYS)
            loaded = at + delay(rng)
            scan = {
                "scan_id": f"S-{order}-{number}",
                "order_id": order if rng.random() < 0.95 else None,
                "scanned_at": at,
                "site": "hub",
                "loaded_at": loaded,
            }
            self._row("raw_scans", **scan)
            if rng.random() < 0.1:
                self._row("raw_scans", **scan | {"loaded_at": loaded + delay(rng)})
        ended = placed + timedelta(seconds=rng.randint(86400, 4 * 86400))
        if rng.random() < 0.15:
            cancelled = between(rng, first_known, first_known + 2 * DAYS) + timedelta(microseconds=1)
            self._row("raw_cancellations", order_id=order, cancelled_at=cancelled, loaded_at=cancelled + delay(rng))
        elif rng.random() < 0.9:
            self._row(
                "raw_deliveries",
                delivery_id=f"D-{order}",
                order_id=order,
                delivered_at=ended,
                loaded_at=ended + delay(rng),
            )

    def _customer(self, rng: random.Random, customer: str) -> None:
        signed = between(rng, self.start - 120 * DAYS, self.start if rng.random() < 0.7 else self.end)
        for _ in range(rng.choice([1, 1, 2, 3])):  # lives
            self._row("raw_customers", customer_id=customer, signed_up_at=signed, loaded_at=signed + delay(rng))
            closed = self.raw["raw_customers"][-1]["loaded_at"] + timedelta(seconds=rng.randint(3600, 100 * 86400))
            if rng.random() < 0.5 or closed > self.end:
                break
            self._row("raw_account_closures", customer_id=customer, closed_at=closed, loaded_at=closed + delay(rng))
            signed = self.raw["raw_account_closures"][-1]["loaded_at"] + timedelta(seconds=rng.randint(1, 10 * 86400))
        self.customers.append(customer)
        for number in range(rng.choice([0, 1, 3, 8, 20])):
            purchase, at = f"P-{customer}-{number}", between(rng, self.start - 120 * DAYS, self.end)
            amount, loaded = Decimal(rng.randint(1, 40000)) / 100, at + delay(rng)
            bought = {
                "purchase_id": purchase,
                "customer_id": customer,
                "purchased_at": at,
                "amount": amount,
                "loaded_at": loaded,
            }
            self._row("raw_purchases", **bought)
            kind = rng.random()
            if kind < 0.1:  # loaded twice
                self._row("raw_purchases", **bought | {"loaded_at": loaded + delay(rng)})
            elif kind < 0.2:  # corrected
                corrected = {"amount": amount + 1, "loaded_at": loaded + delay(rng) + timedelta(microseconds=1)}
                self._row("raw_purchases", **bought | corrected)
            elif kind < 0.35:
                back = loaded + timedelta(seconds=rng.randint(1, 10 * 86400))
                self._row(
                    "raw_returns",
                    return_id=f"R-{purchase}",
                    purchase_id=purchase,
                    customer_id=customer,
                    returned_at=back,
                    loaded_at=back,
                )

    def _card(self, rng: random.Random, card: str) -> None:
        issued = between(rng, self.start - 60 * DAYS, self.start if rng.random() < 0.8 else self.end)
        self._row("raw_cards", card_id=card, issued_at=issued, loaded_at=issued + delay(rng))
        self.cards.append(card)
        for burst in range(rng.choice([2, 5, 12])):
            at = between(rng, max(issued, self.start - 35 * DAYS), self.end)
            for number in range(rng.choice([1, 2, 6])):
                at += timedelta(microseconds=rng.randint(1, 600_000_000))
                spent = f"T-{card}-{burst}-{number}"
                self._row(
                    "raw_card_transactions",
                    transaction_id=spent,
                    card_id=card,
                    transacted_at=at,
                    amount=Decimal(rng.randint(1, 30000)) / 100,
                    loaded_at=at + delay(rng),
                )
                if rng.random() < 0.2:
                    reported = at + delay(rng)
                    self._row(
                        "raw_fraud_reports",
                        report_id=f"F-{spent}",
                        transaction_id=spent,
                        reported_at=reported,
                        is_fraud=rng.random() < 0.5,
                        loaded_at=reported + delay(rng),
                    )

    # ------------------------------------------------------------------------------------------ what is asked

    def requests(self, rng: random.Random, service: str, at: datetime, count: int) -> list[Row]:
        if service == "late_delivery@1":
            recent = [order for placed, order in self.orders if -HOURS < at - placed < 5 * DAYS] or ["O-0"]
            every = [order for _, order in self.orders]
            requested = []
            for _ in range(count):
                order = rng.choice(recent) if rng.random() < 0.85 else rng.choice([*every, "O-unheard-of"])
                request: Row = {"order_id": "O-unheard-of" if rng.random() < 0.06 else order}
                if rng.random() < 0.7:
                    known = [rng.randint(1, 20000) / 10, rng.random() * 2000]
                    request["request_distance_km"] = rng.choice(known * 40 + [-0.5, 0.0, 20000.0, 20000.5])
                    request["request_carrier"] = rng.choice([None, "zephyr", *CARRIERS])
                elif rng.random() < 0.3:
                    request["request_distance_km"] = None
                requested.append(request)
            return requested
        if service == "fraud@1":
            cards = [*self.cards, "K-unheard-of", "K-lost"]
            return [{"card_id": rng.choice(cards), "request_amount": rng.randint(1, 50000) / 100} for _ in range(count)]
        if service == "checkout@1":
            customers = self.requests(rng, "churn@1", at, count)
            return [card | who for card, who in zip(self.requests(rng, "fraud@1", at, count), customers, strict=True)]
        if service == "reroute@1":
            names = [f"W-{number}" for number in range(self.warehouses)] + ["W-nowhere"]
            late = self.requests(rng, "late_delivery@1", at, count)
            parcels = [*range(1, 51), 0, 51]
            return [
                {
                    "order_id": each["order_id"],
                    "to_warehouse_id": rng.choice(names),
                    "request_parcels": rng.choice(parcels),
                }
                for each in late
            ]
        customers = [*self.customers, "C-unheard-of"]
        return [{"customer_id": rng.choice(customers)} for _ in range(count)]

    # ------------------------------------------------------------------------------------------ by hand

    def oracle(self) -> LifeOracle:
        by: dict[tuple[str, str], list[Row]] = defaultdict(list)

        def events(table: str, key: str, identity: str, occurred: str) -> None:
            for row in self.raw[table]:
                by[table, row[key]].append(
                    row | {"id": row[identity], "occurred": row[occurred], "known": row["loaded_at"]}
                )

        events("raw_shipments", "order_id", "order_id", "updated_at")
        events("raw_scans", "order_id", "scan_id", "scanned_at")
        events("raw_cancellations", "order_id", "order_id", "cancelled_at")
        events("raw_warehouses", "warehouse_id", "warehouse_id", "opened_at")
        events("raw_queue_measurements", "warehouse_id", "measurement_id", "measured_at")
        events("raw_cards", "card_id", "card_id", "issued_at")
        events("raw_card_transactions", "card_id", "transaction_id", "transacted_at")
        events("raw_customers", "customer_id", "customer_id", "signed_up_at")
        events("raw_account_closures", "customer_id", "customer_id", "closed_at")
        events("raw_purchases", "customer_id", "purchase_id", "purchased_at")
        returned = {row["purchase_id"]: row["loaded_at"] for row in self.raw["raw_returns"]}

        def shipment(key: tuple, moment: datetime) -> Row | None:
            versions = known_at(by["raw_shipments", key[0]], moment)
            if not versions or known_at(by["raw_cancellations", key[0]], moment):
                return None
            scans = known_at(by["raw_scans", key[0]], moment)
            last = versions[-1]
            kept = ("carrier", "distance_km", "is_expedited", "origin_warehouse_id")
            return {name: last[name] for name in kept} | {"last_scan_at": scans[-1]["occurred"] if scans else None}

        def warehouse(key: tuple, moment: datetime) -> Row | None:
            if not known_at(by["raw_warehouses", key[0]], moment):
                return None
            for since, until in self.absent[key[0]]:
                if since <= moment and (until is None or moment < until):
                    return None
            reported = [row for row in by["raw_queue_measurements", key[0]] if row["queue_length"] is not None]
            measured = known_at(reported, moment)
            is_fresh = measured and measured[-1]["occurred"] > moment - DAYS
            last = measured[-1]["queue_length"] if measured else None
            return {
                "backlog": last if is_fresh else None,
                "recency": int(last is None),
                "sequence_number": last,
                "superseded_at": measured[-1]["occurred"] if measured else None,
            }

        def card(key: tuple, moment: datetime) -> Row | None:
            if not known_at(by["raw_cards", key[0]], moment):
                return None
            spent = known_at(by["raw_card_transactions", key[0]], moment)
            lately = [row["amount"] for row in spent if row["occurred"] > moment - 15 * MINUTES]
            month = [row["amount"] for row in spent if row["occurred"] > moment - 30 * DAYS]
            return {
                "transactions_15m": len(lately),
                "amount_15m": sum(lately, Decimal(0)),
                "mean_amount_30d": mean(month, 2),
            }

        def is_there(customer: str, moment: datetime) -> bool:
            signed = [row["known"] for row in known_at(by["raw_customers", customer], moment)]
            closed = [row["known"] for row in known_at(by["raw_account_closures", customer], moment)]
            return bool(signed) and (not closed or max(signed) > max(closed))

        def purchases(customer: str, moment: datetime) -> list[Row]:
            last: dict[str, Row] = {}
            for row in sorted(by["raw_purchases", customer], key=lambda row: row["known"]):
                if row["known"] <= moment:
                    is_back = row["id"] in returned and returned[row["id"]] <= moment
                    last[row["id"]] = row | {"is_returned": is_back}
            return list(last.values())

        def customer(key: tuple, moment: datetime) -> Row | None:
            if not is_there(key[0], moment):
                return None
            bought = purchases(key[0], moment)
            kept = [r["amount"] for r in bought if not r["is_returned"] and r["occurred"] > moment - 90 * DAYS]
            return {
                "last_order_at": max((row["occurred"] for row in bought), default=None),
                "orders_30d": sum(row["occurred"] > moment - 30 * DAYS for row in bought),
                "avg_order_value_90d": mean(kept, 2),
            }

        def customer_value(key: tuple, moment: datetime) -> Row | None:
            if not is_there(key[0], moment):
                return None
            kept = [row["amount"] for row in purchases(key[0], moment) if not row["is_returned"]]
            return {"customer_lifetime_value": sum(kept, Decimal(0))}

        states = {
            "shipment@1": shipment,
            "warehouse@1": warehouse,
            "card@1": card,
            "customer@1": customer,
            "customer_value@1": customer_value,
        }
        return LifeOracle(states, SERVICES)


def late_delivery(stored: Row, request: Row, at: datetime) -> Row:
    sent, known = request.get("request_distance_km"), stored.get("distance_km")
    carrier = request.get("request_carrier")
    carrier = stored.get("carrier") if carrier is None else carrier
    since = hours(stored.get("last_scan_at"), at)
    expedited, backlog = stored.get("is_expedited"), stored.get("backlog")
    return {
        "distance_km": float(sent) if sent is not None else None if known is None else float(known),
        "carrier": carrier if carrier is None or carrier in CARRIERS else "other",
        "expedited": None if expedited is None else int(expedited),
        "hours_since_last_scan": None if since is None else min(since, 168.0),
        "origin_backlog": None if backlog is None else float(backlog),
        "origin_backlog_missing": int(backlog is None),
    }


def reroute(stored: Row, request: Row, at: datetime) -> Row:
    origin, target = stored.get("origin_backlog"), stored.get("target_backlog")
    return {
        "parcels": request["request_parcels"],
        "origin_backlog": origin,
        "target_backlog": target,
        "more_at_target": None if origin is None or target is None else target - origin,
        "origin_recency": stored.get("origin_recency"),
        "target_seq": stored.get("target_sequence_number"),
        "hours_since_target": hours(stored.get("target_superseded_at"), at),
    }


def fraud(stored: Row, request: Row, at: datetime) -> Row:
    amount, usual = stored.get("amount_15m"), stored.get("mean_amount_30d")
    return {
        "transactions_15m": stored.get("transactions_15m"),
        "amount_15m": None if amount is None else float(amount),
        "amount_to_mean_30d": float(request["request_amount"]) / float(usual) if usual else None,
    }


def checkout(stored: Row, request: Row, at: datetime) -> Row:
    average = stored.get("avg_order_value_90d")
    return {
        "transactions_15m": stored.get("transactions_15m"),
        "orders_30d": stored.get("orders_30d"),
        "amount_to_average": float(request["request_amount"]) / float(average) if average else None,
    }


def churn(stored: Row, request: Row, at: datetime) -> Row:
    since, average = hours(stored.get("last_order_at"), at), stored.get("avg_order_value_90d")
    return {
        "days_since_last_purchase": None if since is None else since / 24,
        "orders_30d": stored.get("orders_30d"),
        "avg_order_value_90d": None if average is None else float(average),
    }


def churn_2(stored: Row, request: Row, at: datetime) -> Row:
    value, row = stored.get("customer_lifetime_value"), churn(stored, request, at)
    del row["avg_order_value_90d"]
    return row | {"customer_lifetime_value": None if value is None else float(value)}


def upsell(stored: Row, request: Row, at: datetime) -> Row:
    orders, average = stored.get("orders_30d"), stored.get("avg_order_value_90d")
    average = None if average is None else float(average)
    spend = None if average is None else orders * average
    return {"orders_30d": orders, "avg_order_value_90d": average, "spend_30d": spend}


def _origin(request: Row, found: dict[str, Row | None]) -> tuple | None:
    origin = found["shipment"] and found["shipment"]["origin_warehouse_id"]
    return (origin,) if origin else None


SERVICES = {
    "late_delivery@1": LifeService(
        keys={"order_id": "varchar"},
        sent={"request_distance_km": "double", "request_carrier": "varchar"},
        groups={
            "shipment": ("shipment@1", lambda request, found: (request["order_id"],)),
            "warehouse": ("warehouse@1", _origin),
        },
        features=late_delivery,
        rejecting=("distance_km",),
        sent_ranges={"request_distance_km": (0, 20000)},
    ),
    "reroute@1": LifeService(
        keys={"order_id": "varchar", "to_warehouse_id": "varchar"},
        sent={"request_parcels": "integer"},
        groups={
            "shipment": ("shipment@1", lambda request, found: (request["order_id"],)),
            "target": ("warehouse@1", lambda request, found: (request["to_warehouse_id"],)),
            "origin": ("warehouse@1", _origin),
        },
        features=reroute,
        ranges={"origin_backlog": (None, 50), "target_backlog": (0, 55), "more_at_target": (-40, 40)},
        nulled=("origin_backlog", "more_at_target"),
        sent_ranges={"request_parcels": (1, 50)},
    ),
    "fraud@1": LifeService(
        keys={"card_id": "varchar"},
        sent={"request_amount": "decimal(12,2)"},
        groups={"card": ("card@1", lambda request, found: (request["card_id"],))},
        features=fraud,
    ),
    "checkout@1": LifeService(
        keys={"card_id": "varchar", "customer_id": "varchar"},
        sent={"request_amount": "decimal(12,2)"},
        groups={
            "card": ("card@1", lambda request, found: (request["card_id"],)),
            "customer": ("customer@1", lambda request, found: (request["customer_id"],)),
        },
        features=checkout,
    ),
    "churn@1": LifeService(
        keys={"customer_id": "varchar"},
        sent={},
        groups={"customer": ("customer@1", lambda request, found: (request["customer_id"],))},
        features=churn,
    ),
    "churn@2": LifeService(
        keys={"customer_id": "varchar"},
        sent={},
        groups={
            "customer": ("customer@1", lambda request, found: (request["customer_id"],)),
            "customer_value": ("customer_value@1", lambda request, found: (request["customer_id"],)),
        },
        features=churn_2,
    ),
    "upsell@1": LifeService(
        keys={"customer_id": "varchar"},
        sent={},
        groups={"customer": ("customer@1", lambda request, found: (request["customer_id"],))},
        features=upsell,
    ),
}


def _remove(models: Path, *patterns: str) -> None:
    for pattern in patterns:
        found = list(models.glob(pattern))
        assert found, f"nothing matches {pattern}"
        for path in found:
            path.unlink()
