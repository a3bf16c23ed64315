"""A million requests while builds publish over and over: each answer held against the publication that it names.

    .venv/bin/python benchmarks/endurance.py [--requests 1000000] [--fast 200000]

First real builds: the worked example plays now, `asof loop` builds, tests and publishes it without a pause,
and transactions, purchases, scans and queue lengths arrive all the while, so that every publication has other values.
Then swaps as often as the shim can take them: a small publisher (that of the tests) publishes four times per second.
One worker, tokens, request log; one to five keys per request, of services that read one group, two, and two with a link
between them. What is compared is in benchmarks/consistent.py. Ends with 1 if there was an error or an inconsistent
answer, or fewer than two publications were met.

The load, its checks and the reading of what was published share a process: latencies hold what that costs.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from benchmarks.consistent import CheckedShim, Published, kept_pointer, requested, serving  # noqa: E402
from benchmarks.freshness import FraudExample, played  # noqa: E402
from benchmarks.load import run  # noqa: E402

CONNECTIONS = 8
REQUESTS = 2000  # ready-made, sent in turn
LAND_SECONDS = 5.0
SWAP_SECONDS = 0.25
ENTITIES = 500  # of the small publisher


def arrive(example: FraudExample, seed: int) -> None:
    """Rows arrive, until the process is ended."""
    dice = random.Random(seed)
    cards = [row["card_id"] for row in example.landed("raw_cards")]
    orders = [row["order_id"] for row in example.landed("raw_shipments")]
    warehouses = [row["warehouse_id"] for row in example.landed("raw_warehouses")]
    customers = [row["customer_id"] for row in example.landed("raw_customers")]
    number = 0
    while True:
        number += 1
        now = datetime.now(UTC)
        one = {"loaded_at": now}
        amounts = [f"{dice.randint(100, 30000) / 100:.2f}" for _ in range(4)]
        spent = [
            {
                "transaction_id": f"N-{number}-{at}",
                "card_id": dice.choice(cards),
                "transacted_at": now,
                "amount": amount,
            }
            for at, amount in enumerate(amounts)
        ]
        example.land("raw_card_transactions", [each | one for each in spent])
        bought = {"purchase_id": f"N-{number}", "customer_id": dice.choice(customers), "amount": amounts[0]}
        example.land("raw_purchases", [bought | one | {"purchased_at": now}])
        queues = [
            {"measurement_id": f"N-{number}-{each}", "warehouse_id": each, "queue_length": dice.randint(0, 900)}
            for each in warehouses
        ]
        example.land("raw_queue_measurements", [each | one | {"measured_at": now} for each in queues])
        scan = {"scan_id": f"N-{number}", "order_id": dice.choice(orders), "site": "hub", "scanned_at": now}
        example.land("raw_scans", [scan | one])
        time.sleep(LAND_SECONDS)


def swap(folder: Path, seconds: float) -> None:
    """Publishes so often, until the process is ended. Each publication has other marks, in two groups."""
    from benchmarks.serve import publish

    publisher = publish(folder, ENTITIES)
    while True:
        os.link(folder / "current.json", folder / kept_pointer(publisher.sequence))
        time.sleep(seconds)
        publisher.publish(mark=publisher.sequence + 100)


@contextmanager
def beside(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Runs it in a process of its own, ended with the block; RuntimeError if it has ended by itself."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments, daemon=True)
    process.start()
    try:
        yield
        if not process.is_alive():
            raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()


def load(shim: CheckedShim, published: Published, requests: list, count: int) -> bool:
    """Sends so many requests and prints how they were answered; returns whether all was well."""
    published.look()
    published.begin()
    found = run(
        shim.port,
        [sent for sent, _ in requests],
        CONNECTIONS,
        count=count,
        check=lambda connection, number, body: published.check(connection, requests[number][1], body),
    )
    met, made = len(published.met), len(published.publications)
    print(
        f"  {published.answers:,} answers in {found.seconds:.0f} s ({found.per_second:,.0f} per second), from {met} "
        f"publications (of {made} made)\n"
        f"  errors {found.errors}, inconsistent {published.inconsistent}, "
        f"p50 {found.percentile(50):.1f} ms, p99 {found.percentile(99):.1f} ms, longest {found.latencies.max():.2f} s",
        flush=True,
    )
    for reason in published.reasons:
        print(f"  INCONSISTENT {reason}")
    if met < 2:
        print("  TOO FEW publications to show anything: more requests, please")
    return published.answers == count and not found.errors and not published.inconsistent and met > 1


def real_builds(count: int, seed: int) -> bool:
    """Under the loop's builds of the worked example."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        example, loop, shim = stack.enter_context(played(Path(scratch)))
        stack.enter_context(beside(arrive, example, seed))
        published = stack.enter_context(Published(example.published))

        def drawn(table: str, column: str) -> list[list[str]]:
            keys = [*sorted({row[column] for row in example.landed(table)}), "nobody"]
            return [dice.choices(keys, k=dice.randint(1, 5)) for _ in range(REQUESTS // 3)]

        requests = [
            *requested("late_delivery@1", "order_id", drawn("raw_shipments", "order_id")),
            *requested("churn@2", "customer_id", drawn("raw_customers", "customer_id")),
            *requested("fraud@1", "card_id", drawn("raw_cards", "card_id"), request_amount=25.5),
        ]
        dice.shuffle(requests)
        print(f"real builds of the worked example, {count:,} requests:", flush=True)
        is_well = load(shim, published, requests, count)
    print(f"  {len(loop.rounds)} green rounds, {len(loop.red)} others")
    for line in loop.red:
        print(f"  {line}")
    return is_well


def fast_swaps(count: int, seed: int) -> bool:
    """Under the small publisher."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch) / "published"
        stack.enter_context(beside(swap, folder, SWAP_SECONDS))
        published = stack.enter_context(Published(folder))
        shim = stack.enter_context(serving(folder, Path(scratch)))
        shim.wait_ready(60)
        keys = [f"O-{number:07d}" for number in range(ENTITIES + 5)]  # five of them unknown
        drawn = [dice.choices(keys, k=dice.randint(1, 5)) for _ in range(REQUESTS)]
        print(f"a small publisher, {1 / SWAP_SECONDS:.0f} times per second, {count:,} requests:", flush=True)
        return load(shim, published, requested("late_delivery@2", "order_id", drawn), count)


def main() -> int:
    """Runs both; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000, help="while real builds publish")
    parser.add_argument("--fast", type=int, default=200_000, help="while a small publisher does; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    is_well = real_builds(options.requests, options.seed) if options.requests else True
    if options.fast:
        is_well = fast_swaps(options.fast, options.seed) and is_well
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, one worker, {CONNECTIONS} connections")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
