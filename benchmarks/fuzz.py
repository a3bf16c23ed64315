"""Fuzzes a running shim: whatever its OpenAPI document allows and forbids, then bodies that are no JSON any more.

    .venv/bin/python benchmarks/fuzz.py [--cases 20000] [--steady 200000] [--seed 1]

Prints how many cases there were and how they were answered. Then the memory: a fixed mix of requests (valid, invalid,
spoilt, of all sizes up to the limit) over and over, and a line fitted to the worker's memory in the second half, when
caches are warm and malloc has what it keeps. Ends with 1 for a 5xx (but a documented 503), an answer outside the
document, a worker that was replaced, or memory that grows faster or higher than the bounds below.
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
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from asof.serve.settings import MAX_BODY  # noqa: E402
from fuzz import attack, read_document, spoilt  # noqa: E402
from publisher import Publisher  # noqa: E402
from schemathesis.core.failures import FailureGroup  # noqa: E402
from server import Server  # noqa: E402

from asof.extensions.feast import PATH as FEAST  # noqa: E402

MIB = 1024 * 1024
ROUND = 20  # cases of each operation and mode
NOISE = 1000  # spoilt bodies per round
CONNECTIONS = 8  # of the steady phase
SAMPLES = 200  # of memory, in it
SLOPE = 50.0  # bytes per request, at most; what is seen without a leak is noise to both sides of 0
HIGH = 256  # MiB above the start, at most: what few large requests need at a time (serve/limits.py)


def main() -> int:
    """Runs rounds until there were so many cases; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--steady", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    statuses: Counter[int] = Counter()
    failures, started = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch) / "published")
        publisher.publish()
        shim = Server("--folder", publisher.folder, ASOF_NOW="2026-05-01T09:00:00Z")
        try:
            (process,) = shim.workers()
            schema, first = read_document(shim.url), resident(process)
            number = options.seed
            while statuses.total() < options.cases:
                try:
                    attack(schema, ROUND, number, statuses)
                except FailureGroup as found:
                    failures += 1
                    print(f"seed {number}: {str(found)[:2000]}")
                noise(shim.url, number, statuses)
                print(f"{statuses.total():>7} cases, {resident(process) / MIB:.1f} MiB", flush=True)
                number += 1
            cases, seconds = statuses.total(), time.monotonic() - started
            memory = steady(shim.url, process, options.steady, options.seed, statuses)
            same = shim.workers() == [process]
        finally:
            shim.end()
    errors = sum(count for status, count in statuses.items() if status >= 500 and status != 503)
    print(f"{cases} cases in {seconds:.0f} s, {statuses.total() - cases} more: {dict(sorted(statuses.items()))}")
    print(f"5xx but 503: {errors}; outside the document: {failures}; the worker lived: {same}")
    late = memory[len(memory) // 2 :]
    slope = float(np.polyfit(late[:, 0], late[:, 1], 1)[0])
    high = (memory[:, 1].max() - first) / MIB
    print(f"memory: {first / MIB:.1f} MiB at the start, at most {high:.1f} MiB more (bound: {HIGH})")
    print(f"in the last {len(late)} of {len(memory)} samples {slope:+.1f} bytes per request (bound: {SLOPE})")
    return int(bool(errors or failures or not same or slope > SLOPE or high > HIGH))


def steady(url: str, process: int, count: int, seed: int, statuses: Counter[int]) -> np.ndarray:
    """Sends the same mix over and over on several connections. Returns pairs: requests so far, bytes of memory."""
    mix = fixed_mix(random.Random(seed))

    def send(first: int, last: int) -> Counter[int]:
        reported: Counter[int] = Counter()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        for number in range(first, last):
            path, body = mix[number % len(mix)]
            try:
                connection.request("POST", path, body, {"Content-Type": "application/json"})
            except (BrokenPipeError, ConnectionResetError):
                if len(body) <= MAX_BODY:
                    raise
                connection.close()  # over the limit: answered, and ended, before it was read
                reported[0] += 1
                continue
            response = connection.getresponse()
            response.read()
            reported[response.status] += 1
            if len(body) > MAX_BODY:
                connection.close()  # what it left unread, the server does not skip
        connection.close()
        return reported

    memory, part = [], max(1, count // SAMPLES // CONNECTIONS)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for sample in range(SAMPLES):
            firsts = range(sample * CONNECTIONS * part, (sample + 1) * CONNECTIONS * part, part)
            for reported in pool.map(lambda first: send(first, first + part), firsts):
                statuses += reported
            memory.append((firsts.stop, resident(process)))
            if sample % (SAMPLES // 10) == 0:
                print(f"{firsts.stop:>7} more, {memory[-1][1] / MIB:.1f} MiB", flush=True)
    return np.array(memory)


def fixed_mix(dice: random.Random) -> list[tuple[str, bytes]]:
    """A thousand requests: mostly small and valid; some invalid, some spoilt, some up to the largest body."""
    one = {"id": 1, "request_tiny": 5, "request_text": "ä", "request_numbers": [1.5]}
    views = {"entities": {"id": [1, 2, 9]}, "features": ["kinds:text", "kinds:days"], "full_feature_names": True}

    def echo(rows: int, text: int) -> bytes:
        entity = one | {"request_text": "x" * text}
        return json.dumps({"entities": [entity] * rows}).encode()

    mix = [("/v1/services/late_delivery", b'{"entities": [{"order_id": "O-204"}]}')] * 400
    mix += [("/v1/services/echo", echo(1 + at % 3, at)) for at in range(300)]
    mix += [(FEAST, json.dumps(views).encode())] * 100
    mix += [("/v1/services/echo", echo(1, 5).replace(b"5", b"500"))] * 90
    mix += [("/v1/services/echo", body) for body in islice(spoilt(echo(1, 5), dice), 90)]
    mix += [("/v1/services/echo", echo(int(1000**share), int(900**share))) for share in np.linspace(0.5, 1, 19)]
    mix += [("/v1/services/echo", echo(1000, 1100))]  # over the limit
    dice.shuffle(mix)
    return mix


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


def resident(process: int) -> int:
    """Bytes of memory that a process has of its own."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise LookupError(process)


if __name__ == "__main__":
    sys.exit(main())
