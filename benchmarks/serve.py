"""What the shim serves per second, beside a bare Flask on the same server, and Feast: `make bench-serve`.

    .venv/bin/python benchmarks/serve.py [--entities N] [--seconds S] [--rounds R] [--no-feast] [--swap N] [--memory]

One worker each. A million entities with ten features, random keys, no response cache, and all that a shim in use has:
tokens, validation, and 1% of the requests logged. The servers take turns, round by round, and medians are told with
their ratios within a round; on a machine that does other things too, the ratios are what counts. Feast answers the
same keys with the same values (held against the shim's before), and its stored features also where the shim's
`late_delivery` evaluates SQL at request time.
With --swap: the latency at a steady half of full load while new snapshots are taken up, and without.
With --memory: what loading takes, and the memory of one worker and of two.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from publisher import AS_OF, Publisher, ok, service, services  # noqa: E402

from benchmarks.load import GENERATOR, Figures, full_load, load, request  # noqa: E402
from benchmarks.peers import OPTIONS, Feast, requested_of_feast, verify  # noqa: E402
from benchmarks.report import markdown, write  # noqa: E402

TOKEN = "bench-token"
SETTINGS = {"late_delivery": ("late_delivery", 1), "stored": ("stored", 1), "stored-100": ("stored", 100)}  # and keys
WAREHOUSES = 1000
DOUBLES, DECIMALS, BIGINTS, INTEGERS = 4, 1, 3, 2
MAX_AGE = 10**9  # seconds
PUBLISHED = ("stored@1",)  # the service whose answers are published, since it reads nothing but what is stored


def groups(entities: int) -> dict:
    """Ten numeric features per customer, and the two groups of late_delivery, as `publisher.GROUPS`."""
    kinds = ["double"] * DOUBLES + ["decimal(12,2)"] * DECIMALS + ["bigint"] * BIGINTS + ["integer"] * INTEGERS
    features = {f"feature_{at}": kind for at, kind in enumerate(kinds)}
    drawn = [
        f"((hash(i * 31 + {at}) % 10000000) / {7.0 if kind == 'double' else 1})::{kind} as {name}"
        for at, (name, kind) in enumerate(features.items())
    ]
    customers = (
        f"select 'C-' || lpad(i::varchar, 7, '0') as customer_id, {', '.join(drawn)} from range({entities}) r(i)"
    )
    shipments = f"""select 'O-' || lpad(i::varchar, 7, '0') as order_id,
        ['northline', 'bluefreight', 'straße'][i % 3 + 1] as carrier, (hash(i) % 10000) / 7.0 as distance_km,
        'W-' || (hash(i) % {WAREHOUSES}) as origin_warehouse_id, i % 2 = 0 as is_expedited,
        timestamptz '2026-05-01 00:00:00+00' + (i % 20000) * interval 1 second as last_scan_at, {{mark}} as mark
        from range({entities}) r(i)"""
    warehouses = f"""select 'W-' || i as warehouse_id, i::integer as queue_length, {{mark}} as warehouse_mark
        from range({WAREHOUSES}) r(i)"""
    shipment = {"carrier": "varchar", "distance_km": "double", "origin_warehouse_id": "varchar"}
    shipment |= {"is_expedited": "boolean", "last_scan_at": "timestamptz", "mark": "bigint"}
    warehouse = {"queue_length": "integer", "warehouse_mark": "bigint"}
    return {
        "customer": (customers, {"customer_id": "varchar"}, features, MAX_AGE, AS_OF),
        "shipment": (shipments, {"order_id": "varchar"}, shipment, MAX_AGE, AS_OF),
        "warehouse": (warehouses, {"warehouse_id": "varchar"}, warehouse, MAX_AGE, AS_OF),
    }


def publish(folder: Path, entities: int, only: str | None = None) -> Publisher:
    """A first publication; `only`: of one service."""
    known = groups(entities)
    features = known["customer"][2]
    keys = {"customer_id": "varchar"}
    stored = {name: ok("customer", name) for name in features}
    made = {
        "stored@1": service("stored", keys, {}, {"customer": ["customer_id"]}, features, stored, known=known),
        "late_delivery@2": services()["late_delivery@2"],
    }
    if only:
        made = {name: each for name, each in made.items() if each["name"] == only}
        used = {lookup["group"].partition("@")[0] for each in made.values() for lookup in each["groups"]}
        known = {name: each for name, each in known.items() if name in used}
    publisher = Publisher(folder, known, made)
    publisher.publish(answers=PUBLISHED)
    return publisher


class ServedProcess:
    """A process that tells its port on the first line of standard output."""

    def __init__(self, *command: str | Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line.strip())[1])

    def memory(self) -> float:
        """Megabytes held by the process and all it started: a page that several share counts by its share (PSS)."""
        total, processes = 0, [str(self.process.pid)]
        while processes:
            process = Path("/proc", processes.pop())
            total += int(re.search(r"(?m)^Pss:\s+(\d+)", (process / "smaps_rollup").read_text())[1])
            for thread in process.glob("task/*/children"):
                with suppress(FileNotFoundError):  # a thread that has ended since
                    processes += thread.read_text().split()
        return total / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def shim(folder: Path, scratch: Path, workers: int = 1) -> ServedProcess:
    """The shim with all that a shim in use has."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    tokens = scratch / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [{"name": "bench", "sha256": digest, "services": ["*"]}]}))
    options = ["--tokens", tokens, "--request-log", scratch / "log", "--port", "0", "--workers", workers]
    one = ServedProcess("-m", "asof", "serve", "--folder", folder, *options)
    time.sleep(1)
    return one


def requested(service: str, rows: int, entities: int, count: int = 2000) -> list[bytes]:
    """Ready-made requests for random keys."""
    draw = random.Random(7)
    key, letter = ("customer_id", "C") if service == "stored" else ("order_id", "O")
    made = []
    for _ in range(max(20, count // rows)):
        found = [{key: f"{letter}-{draw.randrange(entities):07d}"} for _ in range(rows)]
        if service != "stored":
            found = [each | {"request_distance_km": round(draw.uniform(1, 900), 1)} for each in found]
        made.append(request(f"/v1/services/{service}", json.dumps({"entities": found}).encode(), TOKEN))
    return made


def size_of_answer(port: int, sent: bytes) -> int:
    """Bytes of the body."""
    import socket

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        assert data.startswith(b"HTTP/1.1 200"), data[:500]
        return int(re.search(rb"(?i)content-length: (\d+)", data)[1])


def throughput(servers: dict[str, Any], names: list[str], connections: list[int], options: Any) -> list[dict]:
    """A row per setting: medians over the rounds of what each server did, and of its ratios in the same round.

    `servers`: shim, bare, and those of Feast, as they take turns.
    """
    settings = []
    for name in names:
        service, rows = SETTINGS[name]
        sent = requested(service, rows, options.entities)
        size = size_of_answer(servers["shim"].port, sent[0])
        constant = [each.replace(f"/v1/services/{service}".encode(), f"/{size}".encode(), 1) for each in sent]
        requests = dict.fromkeys(servers, requested_of_feast(rows, options.entities))
        requests |= {"shim": sent, "bare": constant}
        settings += [(name, each, requests) for each in connections]
    found: dict[tuple, list[dict[str, Figures]]] = {}
    for number in range(options.rounds + 1):  # the first one warms up
        for name, count, requests in settings:
            turn = {}
            for what, server in servers.items():
                # Feast answers a hundred keys so rarely that what a turn cuts off would count
                times = 3 if "feast" in what and "100" in name else 1
                turn[what] = full_load(server.port, requests[what], count, times * options.seconds if number else 1)
                if turn[what].errors and not ("feast" in what and options.feast_defaults):  # it breaks connections
                    sys.exit(f"{what}, {name}, {count} connections: {turn[what].errors} errors")
            if number:
                found.setdefault((name, count), []).append(turn)
        print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    table = []
    for (name, count), turns in found.items():
        medians = {
            what: {
                part: statistics.median(getattr(turn[what], part) for turn in turns)
                for part in ("per_second", "p50", "p99")
            }
            | {"times": statistics.median(turn["shim"].per_second / turn[what].per_second for turn in turns)}
            for what in servers
        }
        service, rows = SETTINGS[name]
        table.append({"service": service, "keys": rows, "connections": count} | medians)
    return table


def swaps(one: ServedProcess, publisher: Publisher, entities: int, seconds: float, count: int) -> None:
    """Prints p99 at half load with a swap and without, and the memory after each swap."""
    sent = requested("stored", 1, entities)
    rate = load(one.port, sent, 8, 2).per_second / 2
    print(f"\nswaps, at a steady {rate:.0f} requests per second, half of what it can:")
    for number in range(count):
        without = load(one.port, sent, 8, seconds, rate)
        before = time.perf_counter()
        process = subprocess.Popen(["sleep", "0.1"])
        publisher.publish(mark=number + 100, answers=PUBLISHED)
        process.wait()
        during = load(one.port, sent, 8, seconds, rate)
        print(
            f"  p99 {without.percentile(99):.1f} ms without, {during.percentile(99):.1f} ms with one "
            f"({during.percentile(99) / without.percentile(99):.1f} times), "
            f"errors {without.errors + during.errors}, memory {one.memory():.0f} MB, "
            f"{time.perf_counter() - before:.1f} s",
            flush=True,
        )


def memory(scratch: Path, entities: int) -> None:
    """Prints load time, bytes per entity, and memory with one worker and two, of the ten features alone."""
    found: dict[tuple[int, int], list[float]] = {}
    for rows in (1, entities):
        folder = scratch / f"published-{rows}"
        publish(folder, rows, only="stored")
        sent = requested("stored", 100, rows)
        for workers in (1, 2):
            one = shim(folder, scratch, workers)
            try:
                for turn in range(3):
                    if turn:
                        full_load(one.port, sent, 8, 5)
                    time.sleep(5)  # in which memory goes back
                    found.setdefault((rows, workers), []).append(one.memory())
                loaded = load_seconds(one.port)
            finally:
                one.stop()
            reported = ", ".join(f"{each:.0f}" for each in found[rows, workers])
            print(
                f"{rows:,} entities, {workers} worker(s): loaded in {loaded:.2f} s; MB (PSS) {reported} loaded and warm"
            )
    for at, state in ((0, "loaded"), (-1, "warm")):
        one, two, empty = (found[each][at] for each in ((entities, 1), (entities, 2), (1, 1)))
        print(
            f"{state}: {(one - empty) * 2**20 / entities:.0f} bytes per entity; the first worker and what started it "
            f"{one:.0f} MB, the second {two - one:.0f} MB more"
        )


def load_seconds(port: int) -> float:
    """To check, load and warm the snapshot, as the shim's metrics have it."""
    requested = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(requested, timeout=10) as answer:
        return float(re.search(r"(?m)^asof_snapshot_load_seconds(?:{.*})? (\S+)", answer.read().decode())[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn; whole ones, for wrk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--services", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="some of them only")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--no-feast", action="store_true", help="leave Feast out")
    parser.add_argument(
        "--feast-stores", type=Path, default=ROOT / ".feast-stores", metavar="FOLDER", help="where they stay, filled"
    )
    parser.add_argument(
        "--feast-defaults",
        action="store_true",
        help="Feast without options: its worker ends each 1,000 requests",
    )
    parser.add_argument("--write", action="store_true", help="table and picture into docs/benchmarks.md")
    parser.add_argument("--swap", type=int, default=0, metavar="N", help="measure so many swaps instead")
    parser.add_argument("--memory", action="store_true", help="measure loading and memory instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        scratch = Path(name)
        if options.memory:
            memory(scratch, options.entities)
            return
        folder = scratch / "published"
        publisher = publish(folder, options.entities)
        servers: dict[str, Any] = {"shim": shim(folder, scratch)}
        stack.callback(servers["shim"].stop)
        if options.swap:
            swaps(servers["shim"], publisher, options.entities, options.seconds, options.swap)
            return
        servers["bare"] = ServedProcess("benchmarks/bare.py")
        stack.callback(servers["bare"].stop)
        if not options.no_feast:
            how = [] if options.feast_defaults else OPTIONS
            (parquet,) = folder.glob("customer_v1-*.parquet")
            for store in ("sqlite", "redis") if shutil.which("redis-server") else ("sqlite",):
                feast = servers[f"feast-{store}"] = Feast(store, options.feast_stores, parquet, options.entities, how)
                stack.callback(feast.stop)
                sent = requested_of_feast(100, options.entities)[0]
                verify(store, feast.port, sent, servers["shim"].port, requested("stored", 100, options.entities)[0])
        table = throughput(servers, options.services, options.connections, options)
    reported = (
        f"{datetime.now(UTC):%Y-%m-%d}, medians of {options.rounds} rounds of {options.seconds:.0f} s, on "
        f"{os.cpu_count()} cores; {options.entities:,} entities; load by {GENERATOR}"
        f"{'; Feast without options' if options.feast_defaults else ''}."
    )
    print(f"{markdown(table)}\n{reported}")
    if options.write:
        write(reported, table)


if __name__ == "__main__":
    main()
