"""SIGKILL to the shim at random moments, and to a build at each fault point: whole snapshots are served each time.

    .venv/bin/python benchmarks/kills.py [--kills 100] [--points "before_pointer ..."]

The shim: it runs under load while a small publisher publishes four times per second. At a random moment, of its start
or of its work, its main process is killed, or that and its worker. It is started again on the same port, as systemd
would; then its answers must all be 200, and each what a publication says that was current when it was killed
or came since. What is answered up to the kill must be consistent too.

A build: real `dbt` commands on the small project of the tests stand still at each fault point in macros/ and are killed
there (tests/test_faults.py holds what the warehouse is then). The shim that runs all the while, and one that is started
after the kill, must serve the old publication or the new one, whole; a build that comes after must be served by both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from benchmarks.consistent import CheckedShim, Published, requested, serving  # noqa: E402
from benchmarks.endurance import ENTITIES, SWAP_SECONDS, beside, swap  # noqa: E402
from benchmarks.load import LoadResult, run  # noqa: E402
from tests.test_faults import BACKFILLING, CAPTURING, HOLDING, KEEPING, REPAIRING, REPORTING, UPGRADING  # noqa: E402
from tests.test_observed import observing  # noqa: E402
from tests.world import World  # noqa: E402

CONNECTIONS = 4
CHECKED = 60  # requests after each restart
BACK_SECONDS = 60  # by then it must serve again
VICTIMS = ["shim", "all"]
BACKFILL = "{backfill: {from: '2026-05-01 05:00:00Z', to: '2026-05-01 08:00:00Z', every: 1 hour}}"


def kill(shim: CheckedShim, victim: str) -> None:
    """SIGKILL to the shim's main process, with which its worker ends, or to both."""
    with contextlib.suppress(ProcessLookupError):
        if victim == "all":
            os.killpg(shim.process.pid, signal.SIGKILL)
            return
        shim.process.kill()


class Kills:
    """One shim after the other, on one port."""

    def __init__(self, folder: Path, scratch: Path, published: Published, seed: int) -> None:
        self._folder, self._scratch, self._published = folder, scratch, published
        self._dice = random.Random(seed)
        keys = [f"O-{number:07d}" for number in range(ENTITIES + 5)]  # five of them unknown
        drawn = [self._dice.choices(keys, k=self._dice.randint(1, 5)) for _ in range(500)]
        self._requests = requested("late_delivery@2", "order_id", drawn)
        self.errors = 0  # answers other than 200, and after a restart connections that broke
        self.counts: Counter[str] = Counter()
        self.back: list[float] = []  # seconds from each kill to a snapshot that is served
        began = time.monotonic()
        self._shim = CheckedShim(folder, scratch)
        self._shim.wait()
        self._serves_again()
        self._start_seconds = time.monotonic() - began

    def end(self) -> None:
        """Leaves nothing behind."""
        self._shim.end()

    def once(self) -> None:
        """One kill, and what comes after."""
        victim, at_start = self._dice.choice(VICTIMS), self._dice.random() < 0.3
        if at_start:
            self._shim.end()
            self._start()
            time.sleep(self._dice.uniform(0, self._start_seconds))
            kill(self._shim, victim)
        else:
            timer = threading.Timer(self._dice.uniform(0, 2), kill, [self._shim, victim])
            timer.start()
            with contextlib.suppress(ConnectionError):  # killed before the load had begun
                found = self._load(seconds=4)
                self.errors += found.errors - found.broken
            timer.join()
        killed = time.monotonic()
        self._published.begin(self._published.look())  # from here on nothing older is answered
        self._shim.process.wait()
        self._wait_closed()
        self._serves_again()
        self.back.append(time.monotonic() - killed)
        self.counts[f"{victim} killed {'at its start' if at_start else 'at work'}"] += 1
        self.errors += self._load(count=CHECKED).errors

    def _load(self, **bounds: float) -> LoadResult:
        return run(self._shim.port, [each for each, _ in self._requests], CONNECTIONS, check=self._check, **bounds)

    def _check(self, connection: int, number: int, body: bytes) -> None:
        self._published.check(connection, self._requests[number][1], body)

    def _start(self) -> None:
        self._shim = CheckedShim(self._folder, self._scratch, port=self._shim.port)

    def _wait_closed(self) -> None:
        until = time.monotonic() + BACK_SECONDS
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < until:
                socket.create_connection(("127.0.0.1", self._shim.port)).close()
                time.sleep(0.01)
            raise RuntimeError(f"the port is held {BACK_SECONDS} s after the shim was killed")

    def _serves_again(self) -> None:
        """Waits until a snapshot is served; a shim that has ended meanwhile is started again, as systemd would."""
        until = time.monotonic() + BACK_SECONDS
        while self._shim.process.poll() is not None or not self._shim.ready():
            if time.monotonic() > until:
                raise RuntimeError(f"no snapshot is served after {BACK_SECONDS} s; {self._shim.log} says why")
            if self._shim.process.poll() is not None:
                self._shim.end()
                self._start()
            time.sleep(0.02)


def shim_kills(count: int, seed: int) -> bool:
    """Kills the shim so often; prints what came of it, and returns whether all was well."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch) / "published"
        stack.enter_context(beside(swap, folder, SWAP_SECONDS))
        published = stack.enter_context(Published(folder))
        kills = Kills(folder, Path(scratch), published, seed)
        stack.callback(kills.end)
        for _ in range(count):
            kills.once()
    print(f"the shim killed {count} times, {len(published.publications)} publications meanwhile:")
    for what, times in sorted(kills.counts.items()):
        print(f"  {times:3} x {what}")
    print(
        f"  {published.answers:,} answers, from {len(published.met)} publications; errors {kills.errors}, inconsistent "
        f"{published.inconsistent}\n  served again after {statistics.median(kills.back):.1f} s in the median, "
        f"{max(kills.back):.1f} s at most",
        flush=True,
    )
    for reason in published.reasons:
        print(f"  INCONSISTENT {reason}")
    return not kills.errors and not published.inconsistent


class Builds:
    """A small project whose builds are killed, and the shim that serves it all the while."""

    def __init__(self, folder: Path, observed: bool = False) -> None:
        self._scratch = folder
        self._world = World(folder / "world")
        self._now = datetime(2026, 5, 1, 10, tzinfo=UTC)
        self._number = 0
        for thing in ("a", "b", "c"):
            self._world.thing(thing, "2026-05-01 04:15")
        if observed:
            observing(self._world)
        else:
            self._world.add("places", ("p", 5, "2026-05-01 04:15+00", "2026-05-01 04:15+00"))
        self._dbt("build")
        self._requests = requested("score", "thing_id", [["a"], ["b", "c"], ["c", "nobody", "a"]], request_amount=1)
        self._requests = [(sent, ("score@1", keys)) for sent, (_, keys) in self._requests]
        self.published = Published(self._world.folder / "published")
        self.errors = 0

    def _next(self) -> str:
        """A later now; something has happened before it."""
        self._number += 1
        self._now += timedelta(seconds=10)
        happened = f"{self._now - timedelta(seconds=5):%Y-%m-%d %H:%M:%S}"
        self._world.event(f"e{self._number}", "a", happened)
        self._world.example(f"x{self._number}", "a", happened)
        return f"{self._now:%Y-%m-%d %H:%M:%S}"

    def _dbt(self, *command: str) -> None:
        self._world.dbt(*command, now=self._next())

    def killed(self, point: str) -> str:
        """Kills a command at the point; returns what is published then. AssertionError if it is not served."""
        if point in REPAIRING:  # it begins with what another kill has left
            self._world.killed_at("after_pointer", "build", now=self._next())
        before = self._world.pointer["sequence_number"]
        with self.serving() as running:
            with self._world.paused_at(point, *command_to(point), now=self._next()) as paused:
                self._ask(running)
                paused.kill()
            after = self._world.pointer["sequence_number"]
            assert after - before in (0, 1), f"{after} follows {before}"
            self._ask(running)
            with self.serving() as fresh:
                self._ask(fresh)
            if self._world.pointer["hold"]:
                self._dbt("run-operation", "release")
            self._dbt("build")  # all goes on as if nothing had been
            assert self._world.pointer["sequence_number"] == after + 1
            self._ask(running)
        return f"{'the new' if after > before else 'the old'} publication, {after}"

    def serving(self) -> AbstractContextManager[CheckedShim]:
        """A shim, at a time by which nothing is stale."""
        return serving(self._world.folder / "published", self._scratch, ASOF_NOW="2026-05-01T10:00:00Z")

    def _ask(self, shim: CheckedShim) -> None:
        """Asserts that it serves what is current, whole, or does so soon."""
        current = self._world.pointer["sequence_number"]
        until = time.monotonic() + BACK_SECONDS
        while shim.sequence_number() != current:
            assert time.monotonic() < until, f"publication {current} is not served"
            time.sleep(0.02)
        self.published.look()
        self.published.begin(current)
        found = run(
            shim.port,
            [sent for sent, _ in self._requests],
            2,
            count=4 * len(self._requests),
            check=lambda connection, number, body: self.published.check(connection, self._requests[number][1], body),
        )
        self.errors += found.errors


def command_to(point: str) -> list[str]:
    """A dbt command that comes to a fault point."""
    if point in HOLDING:
        return ["run-operation", "hold", "--args", "{reason: a test}"]
    if point in BACKFILLING:
        return ["run", "--select", "+thing_v1_history", "--vars", BACKFILL]
    if point in KEEPING:
        return ["run-operation", "training_set", "--args", "{service: score}"]
    return ["build"]


def build_kills(points: list[str]) -> bool:
    """Kills builds at these points; prints what was served, and returns whether all was well."""
    with tempfile.TemporaryDirectory() as scratch:
        plain, observed = Builds(Path(scratch) / "plain"), Builds(Path(scratch) / "observed", observed=True)
        print("killed at: both the shim that ran on and a fresh one serve")
        for point in points:
            print(f"  {point:22}{(observed if point in CAPTURING else plain).killed(point)}", flush=True)
    both = (plain, observed)
    answers, inconsistent = (
        sum(getattr(each.published, what) for each in both) for what in ("answers", "inconsistent")
    )
    errors = plain.errors + observed.errors
    print(f"  {len(points)} kills, {answers} answers; errors {errors}, inconsistent {inconsistent}")
    for reason in plain.published.reasons + observed.published.reasons:
        print(f"  INCONSISTENT {reason}")
    return not errors and not inconsistent


def main() -> int:
    """Runs both; returns the exit code."""
    macros = "".join(path.read_text() for path in (ROOT / "macros").rglob("*.sql"))
    # an upgrade, and a component that is held, are not of this project: test_upgrade.py, test_carried.py
    found = set(re.findall(r"asof\.fault_point\('(\w+)'\)", macros)) - {*UPGRADING, *REPORTING}
    points = [*BACKFILLING, *sorted(found - {*BACKFILLING})]  # no backfill comes after builds
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of the shim")
    parser.add_argument("--points", type=str.split, default=points, help="of builds, as 'one another'; all of them")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    is_well = shim_kills(options.kills, options.seed) if options.kills else True
    if options.points:
        is_well = build_kills(options.points) and is_well
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
