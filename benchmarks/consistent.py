"""Whether answers are consistent with exactly one publication: held against the published files, not against the shim.

Features that are a stored column, or a cast of one, are compared value by value; the others are left to the tests.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson

from benchmarks.load import request

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "endurance-token"
LOOK_SECONDS = 0.02  # so often the pointer is looked at; nothing here publishes more often than ten times that
KEPT = 40  # publications whose rows stay in memory; those of an older one are read again

# Of each service that is asked about: where its features are stored, as (lookup, column), and which must not be null.
STORED = {
    "late_delivery@1": {
        "distance_km": ("shipment", "distance_km"),
        "expedited": ("shipment", "is_expedited"),
        "origin_backlog": ("warehouse", "backlog"),
    },
    "churn@2": {
        "orders_30d": ("customer", "orders_30d"),
        "customer_lifetime_value": ("customer_value", "customer_lifetime_value"),
    },
    "fraud@1": {"transactions_15m": ("card", "transactions_15m"), "amount_15m": ("card", "amount_15m")},
    # of tests/shim/publisher.py and tests/world
    "late_delivery@2": {name: ("shipment", name) for name in ("carrier", "distance_km", "mark")}
    | {name: ("warehouse", name) for name in ("queue_length", "warehouse_mark")},
    "score@1": {name: ("thing", name) for name in ("color", "events_30d", "amount_total")}
    | {"place_size": ("place", "size")},
}
REJECTING = {"late_delivery@1": "distance_km", "late_delivery@2": "distance_km", "score@1": "color"}
ZERO_WHERE_NOT_OK = {("score@1", "events_30d")}  # its SQL says coalesce(events_30d, 0)


class Inconsistent(Exception):
    """An answer that no publication can have given; the message says how it differs."""


@dataclass
class PublishedTables:
    """A pointer, its manifest, and the rows of its files by group and key."""

    pointer: dict[str, Any]
    manifest: dict[str, Any]
    tables: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    expected: dict[tuple[str, Any], Any] = field(default_factory=dict)
    heads: set[tuple] = field(default_factory=set)  # found right already


def kept_pointer(number: int) -> str:
    """What a publisher that is faster than `Published` calls the copies of its pointers."""
    return f"pointer-{number}.json"


class Published:
    """All that a folder has held while the block lasts: a thread looks at the pointer, and reads the files it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.publications: dict[int, PublishedTables] = {}
        self.met: set[int] = set()  # numbers that answers were from
        self.answers = self.inconsistent = 0
        self.reasons: list[str] = []  # the first few
        self._text = b""
        self._last: dict[int, int] = {}  # connection: sequence number
        self._floor = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __enter__(self) -> Published:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def look(self, name: str = "current.json") -> int:
        """Reads the pointer, and what is new of it. Returns the current number, 0 before the first publication."""
        with self._lock:
            try:
                text = (self.folder / name).read_bytes()
            except FileNotFoundError:
                return 0
            pointer = json.loads(text)
            if text != self._text:
                manifest = (self.folder / pointer["manifest"]).read_bytes()
                assert hashlib.sha256(manifest).hexdigest() == pointer["manifest_sha256"]
                found = PublishedTables(pointer, json.loads(manifest))
                self._read(found)
                self.publications[pointer["sequence_number"]] = found
                for old in sorted(self.publications)[:-KEPT]:
                    self.publications[old].tables, self.publications[old].expected = {}, {}
                self._text = text
            return pointer["sequence_number"]

    def _read(self, publication: PublishedTables) -> None:
        with duckdb.connect(config={"threads": 1}) as connection:
            for name, group in publication.manifest["groups"].items():
                (key, *more) = [each["name"] for each in group["keys"]]
                if more:
                    continue  # no service above has a composite key
                found = connection.execute(f"from read_parquet('{self.folder / group['file']}')")
                names = [column[0] for column in found.description]
                rows = (dict(zip(names, row, strict=True)) for row in found.fetchall())
                publication.tables[name] = {row[key]: row for row in rows}

    def begin(self, floor: int = 0) -> None:
        """New connections begin, which know of no answer yet. `floor`: no answer may be older than that publication."""
        self._last, self._floor = {}, floor

    def check(self, connection: int, requested: tuple[str, list[Any]], body: bytes) -> None:
        """Holds an answer about (service, keys) against the publication that it names; counts what is wrong."""
        self.answers += 1
        try:
            self._check(connection, *requested, orjson.loads(body))
        except (Inconsistent, KeyError, ValueError, TypeError) as error:
            self.inconsistent += 1
            if len(self.reasons) < 5:
                self.reasons.append(f"{type(error).__name__}: {error}; asked {requested}: {body[:600]!r}")

    def _check(self, connection: int, service_id: str, keys: list[Any], answer: dict[str, Any]) -> None:
        number = answer["sequence_number"]
        if number not in self.publications:
            self.look()
        if number not in self.publications:
            self.look(kept_pointer(number))  # current for less time than it takes to look at it
        publication = self.publications[number]
        self.met.add(number)
        if number < self._last.get(connection, self._floor):
            raise Inconsistent(f"{number} after {self._last.get(connection, self._floor)}")
        self._last[connection] = number
        service = publication.manifest["services"][service_id]
        self._check_head(publication, service, answer)
        if not publication.tables:
            with self._lock:
                self._read(publication)
        at = datetime.fromisoformat(answer["prediction_time"])
        if at < datetime.fromisoformat(publication.pointer["published_at"]):
            raise Inconsistent(f"answered at {at}, before it was published")
        if len(answer["rows"]) != len(keys):
            raise Inconsistent(f"{len(answer['rows'])} rows for {len(keys)} keys")
        for key, row in zip(keys, answer["rows"], strict=True):
            expected = publication.expected.get((service_id, key))
            if expected is None:
                expected = publication.expected[service_id, key] = _expected(publication, service, key)
            _check_row(service_id, expected, at, row)

    def _check_head(self, publication: PublishedTables, service: dict[str, Any], answer: dict[str, Any]) -> None:
        """What an answer says of its publication, apart from its rows."""
        reported = ("service", "version", "snapshot_id", "definition", "published_at")
        head = (*(answer[each] for each in reported), *answer["as_of"].items())
        if head in publication.heads:
            return
        pointer, groups = publication.pointer, publication.manifest["groups"]
        right = (service["name"], service["version"], pointer["snapshot_id"], service["definition"])
        as_of = {each["name"]: datetime.fromisoformat(groups[each["group"]]["as_of"]) for each in service["groups"]}
        if (
            head[:4] != right
            or datetime.fromisoformat(answer["published_at"]) != datetime.fromisoformat(pointer["published_at"])
            or {name: datetime.fromisoformat(text) for name, text in answer["as_of"].items()} != as_of
        ):
            raise Inconsistent(f"not what publication {pointer['sequence_number']} is")
        publication.heads.add(head)


def _expected(publication: PublishedTables, service: dict[str, Any], key: Any) -> tuple[dict, dict]:
    """By lookup: (is found, when it becomes stale); and by feature: (lookup, stored value)."""
    rows: dict[str, dict[str, Any] | None] = {}
    groups: dict[str, tuple[bool, datetime]] = {}
    for lookup in service["groups"]:
        via = lookup.get("via")
        this = (rows[via["group"]] or {}).get(via["column"]) if via else key
        rows[lookup["name"]] = publication.tables[lookup["group"]].get(this)
        group = publication.manifest["groups"][lookup["group"]]
        until = datetime.fromisoformat(group["as_of"]) + timedelta(seconds=group["max_age_seconds"])
        groups[lookup["name"]] = rows[lookup["name"]] is not None, until
    features = {}
    for feature, (name, column) in STORED[f"{service['name']}@{service['version']}"].items():
        value = rows[name][column] if rows[name] else None
        features[feature] = name, float(value) if isinstance(value, Decimal) else value
    return groups, features


def _check_row(service_id: str, expected: tuple[dict, dict], at: datetime, row: dict[str, Any]) -> None:
    groups, features = expected
    statuses = {
        name: "NOT_FOUND" if not found else "STALE" if at > until else "OK" for name, (found, until) in groups.items()
    }
    if row["groups"] != statuses:
        raise Inconsistent(f"groups {row['groups']}, not {statuses}")
    answered = row["features"]
    if reject := REJECTING.get(service_id):
        name, value = features[reject]
        is_rejected = statuses[name] != "OK" or value is None
        if is_rejected != (row["status"] == "REJECTED") or is_rejected != (answered is None):
            raise Inconsistent(f"status {row['status']} where {reject} is stored as {value}")
        if is_rejected:
            return
    for feature, (name, value) in features.items():
        right = value if statuses[name] == "OK" else 0 if (service_id, feature) in ZERO_WHERE_NOT_OK else None
        if answered[feature] != right:
            raise Inconsistent(f"{feature} is {answered[feature]!r}, stored as {right!r}")


def requested(
    service: str, key: str, drawn: list[list[str]], **columns: Any
) -> list[tuple[bytes, tuple[str, list[str]]]]:
    """Requests to load with, each with what `Published.check` is to know of it. `columns`: sent along with each row."""
    made = []
    for keys in drawn:
        body = json.dumps({"entities": [{key: each, **columns} for each in keys]}).encode()
        made.append((request(f"/v1/services/{service}", body, TOKEN), (service, keys)))
    return made


class CheckedShim:
    """`asof serve` over a folder, with tokens and a request log, one worker unless said. It logs to a file."""

    def __init__(self, folder: Path, scratch: Path, *options: str, port: int = 0, **environment: str) -> None:
        tokens = scratch / "tokens.json"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(json.dumps({"tokens": [{"name": "endurance", "sha256": digest, "services": ["*"]}]}))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
        command = [sys.executable, "-m", "asof", "serve", "--folder", folder, "--port", port]
        command += ["--tokens", tokens, *options]
        self.log = scratch / "shim.log"  # not a pipe: nobody reads it, and a full one would stop the shim
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*map(str, command), "--request-log", str(scratch / "requests")],
                cwd=ROOT,
                env=clean | environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.port = port

    def wait(self) -> bool:
        """Until a worker answers, or the process has ended; returns whether one does."""
        line = self.process.stdout.readline().strip()
        if line:
            self.port = int(line.rpartition(":")[2])
        return bool(line)

    def ready(self) -> bool:
        """Whether a snapshot is served."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=1):
            return True
        return False

    def sequence_number(self) -> int | None:
        """Of the publication that is served."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as response:
            return json.load(response)["sequence_number"]

    def wait_ready(self, seconds: float) -> None:
        """Until a snapshot is served; TimeoutError after so long."""
        until = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() > until:
                raise TimeoutError(f"not ready after {seconds:.0f} s; {self.log} says why")
            time.sleep(0.02)

    def end(self) -> None:
        """SIGKILL to all of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def serving(*arguments: Any, **options: Any) -> Iterator[CheckedShim]:
    """A Shim that answers, ended with the block."""
    shim = CheckedShim(*arguments, **options)
    try:
        if not shim.wait():
            raise RuntimeError(f"the shim ended; {shim.log} says why")
        yield shim
    finally:
        shim.end()
