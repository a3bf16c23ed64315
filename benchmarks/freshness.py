"""From event to answer: how long until a card transaction shows in the fraud service's answer, with the loop running.

    .venv/bin/python benchmarks/freshness.py [--events 30] [--settings whole,fraud-lean]

The worked example plays now: its sources are files in a landing folder, where a loader drops what arrives (a row's
loaded_at is when its file is there). `asof loop --every 1s` builds, tests and publishes without a pause, the
shim serves, transactions arrive at random moments, and the HTTP API is asked until its answer counts them. The clock is
the machine's. Each answer's transactions_15m is held against the transactions that were sent, by its own as_of.

Settings: the whole example; in it the component of fraud, whose loop runs beside another that builds all of it each
hour; or a project of the fraud service alone. `lean` leaves out the unit tests (they test code, on made-up rows; the
data tests stay) and the artifacts and debug log that nobody reads.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.consistent import TOKEN, CheckedShim, serving  # noqa: E402

PLAYS_AT = datetime(2026, 5, 1, 9, tzinfo=UTC)  # what becomes now
FRAUD = [
    *("services/fraud*", "training/fraud*", "features/card*", "history/card*", "online/card*", "entities/cards*"),
    *("staging/stg_card*", "staging/stg_fraud*", "clock/*"),
]
LEAN = "--no-write-json --log-level-file none", "--exclude-resource-type unit_test"
SETTINGS = ["whole", "whole-lean", "component", "component-lean", "fraud", "fraud-lean"]
WINDOW = timedelta(minutes=15)  # of transactions_15m
POLL_SECONDS = 0.02


class FraudExample:
    """A copy of the worked example that plays now, its raw tables read from files in landing/."""

    def __init__(self, folder: Path, only_fraud: bool = False) -> None:
        self.folder, self.published = folder, folder / "published"
        shutil.copytree(ROOT / "models", folder / "models")
        shutil.copytree(ROOT / "macros", folder / "macros")
        for name in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(ROOT / name, folder / name)
        for name in ("published", "training", "warehouse"):
            (folder / name).mkdir()
        if only_fraud:
            kept = {path for pattern in FRAUD for path in (folder / "models").glob(pattern)}
            for path in set((folder / "models").rglob("*.*")) - kept:
                path.unlink()
        else:
            shutil.copy(ROOT / "selectors.yml", folder / "selectors.yml")
        seeds = yaml.safe_load((ROOT / "seeds" / "seeds.yml").read_text())["seeds"]
        self._types = {seed["name"]: seed["config"]["column_types"] for seed in seeds}
        self._later = datetime.now(UTC) - PLAYS_AT
        self._files = 0
        for path in (folder / "models").rglob("*.sql"):
            path.write_text(re.sub(r"ref\('(raw_\w+)'\)", r"source('raw', '\1')", path.read_text()))
        (folder / "models" / "sources.yml").write_text(yaml.safe_dump(self._sources(), width=10_000))

    def _sources(self) -> dict[str, Any]:
        """Lands what the seeds hold, as if all had happened that much later; returns where dbt reads it."""
        tables = []
        for name, types in self._types.items():
            (self.folder / "landing" / name).mkdir(parents=True)
            with (ROOT / "seeds" / f"{name}.csv").open() as file:
                self.land(name, [self._moved(row, types) for row in csv.DictReader(file)])
            columns = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
            read = f"read_csv('landing/{name}/*.csv', header = true, columns = {{{columns}}})"
            # oldstyle: dbt-duckdb would take braces for something to fill in
            tables.append({"name": name, "config": {"meta": {"external_location": read, "formatter": "oldstyle"}}})
        return {"sources": [{"name": "raw", "tables": tables}]}

    def _moved(self, row: dict[str, str], types: dict[str, str]) -> dict[str, str]:
        times = {name for name, kind in types.items() if kind == "timestamptz"}
        return {
            name: str(datetime.fromisoformat(value) + self._later) if value and name in times else value
            for name, value in row.items()
        }

    def land(self, table: str, rows: list[dict[str, Any]]) -> None:
        """A file with rows, there whole or not at all."""
        self._files += 1
        path = self.folder / "landing" / table / f"{self._files:06d}.csv"
        with path.with_suffix(".part").open("w") as file:
            writer = csv.DictWriter(file, list(self._types[table]))
            writer.writeheader()
            writer.writerows(rows)
        os.replace(file.name, path)

    def landed(self, table: str) -> list[dict[str, str]]:
        """All rows so far."""
        found = []
        for path in sorted((self.folder / "landing" / table).glob("*.csv")):
            with path.open() as file:
                found += csv.DictReader(file)
        return found


class LoopProcess:
    """`asof loop` over an example; `rounds`: the seconds that each took, red rounds apart."""

    def __init__(self, example: FraudExample, lean: bool, every: str = "1s", selector: str = "") -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ASOF_", "DBT_"))}
        options = [f"--dbt={' '.join(LEAN)}"] if lean else []
        options += ["--selector", selector] if selector else []
        command = [sys.executable, "-m", "asof", "loop", "--every", every, "--back-off", "1s"]
        self._process = subprocess.Popen(
            [*command, "--project", example.folder, "--folder", example.published, *options],
            cwd=ROOT,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=(example.folder / "loop.log").open("w"),
            text=True,
        )
        self.rounds: list[float] = []
        self.red: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            found = re.search(r"exit (\S+) after ([\d.]+) s; (.*)", line)
            if found and found[1] == "0" and found[3].startswith("published"):
                self.rounds.append(float(found[2]))
            else:
                self.red.append(line.strip())

    def end(self) -> None:
        """Lets the running round finish."""
        self._process.terminate()
        try:
            self._process.wait(300)
        except subprocess.TimeoutExpired:
            self._process.terminate()  # a second time: that ends the build too
            self._process.wait(60)
        self._reader.join()
        self._process.stdout.close()


@contextmanager
def played(
    scratch: Path, *, only_fraud: bool = False, lean: bool = False, component: bool = False
) -> Iterator[tuple[FraudExample, LoopProcess, CheckedShim]]:
    """An example with its loop, and a shim that serves its first publication."""
    example = FraudExample(scratch / "project", only_fraud)
    loop = LoopProcess(example, lean, "1h" if component else "1s")
    loops = [loop]
    try:
        with serving(example.published, scratch) as shim:
            shim.wait_ready(300)
            if component:
                loop = LoopProcess(example, lean, selector="fraud")
                loops.append(loop)
            yield example, loop, shim
    finally:
        for each in loops:
            each.end()


class Transactions:
    """What was spent on each card, as landed: (occurred at, known at)."""

    def __init__(self, example: FraudExample, dice: random.Random) -> None:
        self._example, self._dice = example, dice
        now = datetime.now(UTC)
        cards = example.landed("raw_cards")
        self.cards = sorted({row["card_id"] for row in cards if datetime.fromisoformat(row["loaded_at"]) < now})
        self._times: dict[str, list[tuple[datetime, datetime]]] = {row["card_id"]: [] for row in cards}
        for row in example.landed("raw_card_transactions"):
            times = tuple(datetime.fromisoformat(row[each]) for each in ("transacted_at", "loaded_at"))
            self._times[row["card_id"]].append(times)
        self._number = 0

    def spend(self, card: str) -> datetime:
        """A transaction happens and is loaded, now; returns when."""
        now, self._number = datetime.now(UTC), self._number + 1
        row = {"transaction_id": f"N-{self._number}", "card_id": card, "transacted_at": now, "loaded_at": now}
        self._example.land("raw_card_transactions", [row | {"amount": f"{self._dice.randint(100, 30000) / 100:.2f}"}])
        self._times[card].append((now, now))
        return now

    def counted(self, card: str, as_of: datetime) -> int:
        """What transactions_15m is at a moment."""
        return sum(as_of - WINDOW < occurred <= as_of and known <= as_of for occurred, known in self._times[card])


def ask(shim: CheckedShim, cards: list[str]) -> dict[str, Any]:
    """The fraud service's answer."""
    body = json.dumps({"entities": [{"card_id": card, "request_amount": 10} for card in cards]}).encode()
    head = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    requested = urllib.request.Request(f"http://127.0.0.1:{shim.port}/v1/services/fraud", body, head)
    with urllib.request.urlopen(requested, timeout=10) as response:
        return json.load(response)


def measure(name: str, events: int, seconds: float, seed: int) -> bool:
    """Prints how long so many events took to show, `seconds` apart on average; returns whether all was right."""
    kind, _, lean = name.partition("-")
    setting = {"only_fraud": kind == "fraud", "component": kind == "component", "lean": bool(lean)}
    dice = random.Random(seed)
    waits, wrong = [], []
    with tempfile.TemporaryDirectory() as scratch, played(Path(scratch), **setting) as playing:
        example, loop, shim = playing
        spent = Transactions(example, dice)
        pending: dict[str, datetime] = {}
        following = time.monotonic()
        while pending or len(waits) < events:
            free = [card for card in spent.cards if card not in pending]
            if free and len(waits) + len(pending) < events and time.monotonic() >= following:
                card = dice.choice(free)
                pending[card] = spent.spend(card)
                following = time.monotonic() + dice.expovariate(1 / seconds)
            if not pending:
                time.sleep(POLL_SECONDS)
                continue
            answer, requested = ask(shim, list(pending)), list(pending)
            answered = datetime.now(UTC)
            as_of, published = (
                datetime.fromisoformat(each) for each in (answer["as_of"]["card"], answer["published_at"])
            )
            for card, row in zip(requested, answer["rows"], strict=True):
                reported, right = row["features"]["transactions_15m"], spent.counted(card, as_of)
                if reported != right:
                    wrong.append(f"{card}: {reported}, not {right}, as of {as_of} ({row['status']})")
                if as_of >= pending[card]:
                    begin = pending.pop(card)
                    parts = (as_of - begin, published - as_of, answered - published, answered - begin)
                    waits.append([each.total_seconds() for each in parts])
            time.sleep(POLL_SECONDS)
    tell(name, loop, waits)
    for each in [*wrong[:5], *loop.red[:5]]:
        print(f"  WRONG {each}")
    return not wrong and not loop.red


def tell(name: str, loop: LoopProcess, waits: list[list[float]]) -> None:
    """A row of the table."""
    middles = [statistics.median(each) for each in zip(*waits, strict=True)]
    late = statistics.quantiles([each[-1] for each in waits], n=20)[-1]
    rounds = statistics.median(loop.rounds)
    shown = " | ".join(f"{each:.1f}" for each in (middles[3], late, *middles[:3], rounds))
    print(f"| {name} | {len(waits)} | {shown} |", flush=True)


def main() -> int:
    """Prints a table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=4.0, help="between two of them, on average")
    parser.add_argument("--settings", type=lambda text: text.split(","), default=SETTINGS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| project | events | median, s | p95, s | to the next moment | to its publication | to the answer | round |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    is_right = [measure(name, options.events, options.seconds, options.seed) for name in options.settings]
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; parts and round are medians, each by itself")
    return 0 if all(is_right) else 1


if __name__ == "__main__":
    sys.exit(main())
