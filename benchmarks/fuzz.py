"""Fuzzes a running shim: whatever its OpenAPI document allows and forbids, then bodies that are no JSON any more.

    .venv/bin/python benchmarks/fuzz.py [--cases 20000] [--seed 1]

Prints how many cases there were and how they were answered; ends with 1 for a 5xx (but a documented 503), an answer
outside the document, or a worker that is another process than before. The worker's memory is measured between rounds:
the slope is over the second half, when caches are warm.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from fuzz import attack, read_document, spoilt  # noqa: E402
from publisher import Publisher  # noqa: E402
from schemathesis.core.failures import FailureGroup  # noqa: E402
from server import Server  # noqa: E402

from serve.openapi import FEAST  # noqa: E402

ROUND = 20  # cases of each operation and mode
NOISE = 1000  # spoilt bodies per round


def main() -> int:
    """Runs rounds until there were so many cases; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    statuses: Counter[int] = Counter()
    memory, failures, started = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch) / "published")
        publisher.publish()
        shim = Server("--folder", publisher.folder, ASOF_NOW="2026-05-01T09:00:00Z")
        try:
            worker = worker_of(shim)
            schema = read_document(shim.url)
            number = options.seed
            while statuses.total() < options.cases:
                try:
                    attack(schema, ROUND, number, statuses)
                except FailureGroup as found:
                    failures += 1
                    print(f"seed {number}: {str(found)[:2000]}")
                noise(shim.url, number, statuses)
                memory.append((statuses.total(), resident(worker)))
                print(f"{statuses.total():>7} cases, {memory[-1][1] / 1024:.1f} MiB", flush=True)
                number += 1
            same = worker_of(shim) == worker
        finally:
            shim.end()
    errors = sum(count for status, count in statuses.items() if status >= 500 and status != 503)
    print(f"{statuses.total()} cases in {time.monotonic() - started:.0f} s: {dict(sorted(statuses.items()))}")
    print(f"5xx but 503: {errors}; outside the document: {failures}; the worker lived: {same}")
    late = memory[len(memory) // 2 :]
    grown = late[-1][1] - late[0][1]
    asked = max(1, late[-1][0] - late[0][0])
    print(f"memory, second half: {grown:+d} KiB in {asked} cases, {1024 * grown / asked:+.1f} bytes per case")
    return int(bool(errors or failures or not same))


def noise(url: str, number: int, statuses: Counter[int]) -> None:
    """Sends spoilt bodies to a service and to Feast's path. Whatever they are, the connection lives on."""
    dice = random.Random(number)
    services = json.dumps({"entities": [{"id": 1, "request_tiny": 5, "request_text": "ä", "request_numbers": [1.5]}]})
    views = json.dumps(
        {"entities": {"id": [1, 2, 9]}, "features": ["kinds:text", "kinds:days"], "full_feature_names": True}
    )
    feast = json.dumps({"entities": {"order_id": ["O-204", "x"]}, "feature_service": "late_delivery"})
    targets = {"/v1/services/echo": [services], FEAST: [views, feast]}
    bodies = [(path, spoilt(body.encode(), dice)) for path, texts in targets.items() for body in texts]
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    for _ in range(NOISE):
        path, spoiler = dice.choice(bodies)
        connection.request("POST", path, next(spoiler), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        statuses[response.status] += 1
    connection.close()


def worker_of(shim: Server) -> str:
    """The process id of the one worker."""
    (worker,) = Path(f"/proc/{shim.process.pid}/task/{shim.process.pid}/children").read_text().split()
    return worker


def resident(process: str) -> int:
    """KiB of memory that a process has of its own."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1])
    raise LookupError(process)


if __name__ == "__main__":
    sys.exit(main())
