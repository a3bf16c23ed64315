"""What the shim serves per second, beside a bare Flask on the same server: `make bench-serve`.

    .venv/bin/python benchmarks/serve.py [--entities N] [--seconds S] [--rounds R] [--swap]

One worker each. A million entities with ten features, random keys, no response cache, and all that a shim in use has:
tokens, validation, and 1% of the requests logged. The settings take turns, round by round, and medians are told with
their ratio to the bare Flask of the same round; on a machine that does other things too, the ratios are what counts.
With --swap: the latency at a steady half of full load while new snapshots are taken up, and without.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from publisher import AS_OF, Publisher, ok, service, services  # noqa: E402

from benchmarks.load import load, request  # noqa: E402

TOKEN = "bench-token"
CONNECTIONS = (1, 8, 32)
WAREHOUSES = 1000
DOUBLES, DECIMALS, BIGINTS, INTEGERS = 4, 1, 3, 2
MAX_AGE = 10**9  # seconds


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


def publish(folder: Path, entities: int) -> Publisher:
    """A first publication."""
    known = groups(entities)
    features = known["customer"][2]
    keys = {"customer_id": "varchar"}
    stored = {name: ok("customer", name) for name in features}
    made = {
        "stored@1": service("stored", keys, {}, {"customer": ["customer_id"]}, features, stored, known=known),
        "late_delivery@2": services()["late_delivery@2"],
    }
    publisher = Publisher(folder, known, made)
    publisher.publish()
    return publisher


class Server:
    """A process that tells its port on the first line of standard output."""

    def __init__(self, *command: str | Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.port = int(re.search(r":(\d+)$", line.strip())[1])

    def memory(self) -> float:
        """Megabytes held by the worker."""
        (worker,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        status = Path(f"/proc/{worker}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def shim(folder: Path, scratch: Path) -> Server:
    """The shim with all that a shim in use has."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    tokens = scratch / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [{"name": "bench", "sha256": digest, "services": ["*"]}]}))
    options = ["--tokens", tokens, "--request-log", scratch / "log", "--port", "0"]
    return Server("-m", "serve", "--folder", folder, *options)


def asked(service: str, rows: int, entities: int, count: int = 2000) -> list[bytes]:
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


def throughput(one: Server, bare: Server, entities: int, seconds: float, rounds: int) -> list[dict]:
    """Requests per second, p50 and p99 in ms, and the ratio to bare Flask, by service, keys and connections."""
    settings = []
    for name, rows in (("stored", 1), ("stored", 100), ("late_delivery", 1)):
        sent = asked(name, rows, entities)
        size = size_of_answer(one.port, sent[0])
        constant = [each.replace(f"/v1/services/{name}".encode(), f"/{size}".encode(), 1) for each in sent]
        settings += [(name, rows, connections, sent, constant) for connections in CONNECTIONS]
    found: dict = {}
    for number in range(rounds + 1):  # the first one warms up
        for name, rows, connections, sent, constant in settings:
            for what, port, requests in (("shim", one.port, sent), ("bare", bare.port, constant)):
                result = load(port, requests, connections, seconds if number else 0.3)
                if result.errors:
                    sys.exit(f"{what} {name} {rows}: {result.errors} errors")
                if number:
                    found.setdefault((name, rows, connections), {}).setdefault(what, []).append(result)
    table = []
    for (name, rows, connections), each in found.items():
        pairs = zip(each["shim"], each["bare"], strict=True)
        middle = {what: statistics.median(result.per_second for result in each[what]) for what in each}
        table.append(
            {
                "service": name,
                "keys": rows,
                "connections": connections,
                "per_second": middle["shim"],
                "bare": middle["bare"],
                "ratio": statistics.median(one.per_second / two.per_second for one, two in pairs),
                "p50": statistics.median(result.percentile(50) for result in each["shim"]),
                "p99": statistics.median(result.percentile(99) for result in each["shim"]),
            }
        )
    return table


def swaps(one: Server, publisher: Publisher, entities: int, seconds: float, count: int) -> None:
    """Prints p99 at half load with a swap and without, and the memory after each swap."""
    sent = asked("stored", 1, entities)
    rate = load(one.port, sent, 8, 2).per_second / 2
    print(f"\nswaps, at a steady {rate:.0f} requests per second, half of what it can:")
    for number in range(count):
        without = load(one.port, sent, 8, seconds, rate)
        before = time.perf_counter()
        process = subprocess.Popen(["sleep", "0.1"])
        publisher.publish(mark=number + 100)
        process.wait()
        during = load(one.port, sent, 8, seconds, rate)
        print(
            f"  p99 {without.percentile(99):.1f} ms without, {during.percentile(99):.1f} ms with one "
            f"({during.percentile(99) / without.percentile(99):.1f} times), "
            f"errors {without.errors + during.errors}, memory {one.memory():.0f} MB, "
            f"{time.perf_counter() - before:.1f} s",
            flush=True,
        )


def picture(table: list[dict[str, Any]]) -> str:
    """The ratios as an SVG."""
    title = "Requests per second, as a share of bare Flask on the same server"
    height = 40 + 24 * len(table)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="640" height="{height}" fill="#fff"/>',
        f'<text x="8" y="18" font-weight="bold">{title}</text>',
    ]
    for number, row in enumerate(table):
        y, width = 46 + 24 * number, round(360 * row["ratio"])
        plural = [f"{row[each]} {each[:-1] if row[each] == 1 else each}" for each in ("keys", "connections")]
        lines.append(
            f'<text x="8" y="{y}">{row["service"]}, {", ".join(plural)}</text>'
            f'<rect x="230" y="{y - 14}" width="{width}" height="18" fill="#2a6f97"/>'
            f'<text x="{236 + width}" y="{y}">{row["ratio"]:.0%}</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--picture", type=Path, help="an SVG to write, as docs/benchmarks.svg")
    parser.add_argument("--swap", type=int, default=0, metavar="N", help="measure so many swaps instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "published"
        publisher = publish(folder, options.entities)
        one, bare = shim(folder, Path(scratch)), Server("benchmarks/bare.py")
        try:
            time.sleep(1)
            if options.swap:
                swaps(one, publisher, options.entities, options.seconds, options.swap)
                return
            table = throughput(one, bare, options.entities, options.seconds, options.rounds)
        finally:
            one.stop()
            bare.stop()
    print("| service | keys | connections | shim, per second | p50, ms | p99, ms | bare Flask, per second | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for row in table:
        print(
            f"| {row['service']} | {row['keys']} | {row['connections']} | {row['per_second']:,.0f} "
            f"| {row['p50']:.1f} | {row['p99']:.1f} | {row['bare']:,.0f} | {row['ratio']:.0%} |"
        )
    if options.picture:
        options.picture.write_text(picture(table))
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {options.rounds} rounds of {options.seconds:.0f} s, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
