"""Prepares a snapshot: checks it, and writes what the shim serves it from into files that all workers map.

`python -m serve.prepare` is a process of its own, so that requests do not wait for it. It prints a line once the
snapshot can be served: {} if so, else {"refused": why}. What is not needed at once, it computes after that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from serve.ahead import Ahead, Computation
from serve.arrays import Pack, open_pack
from serve.clock import Clock, clock_from_environment, serving_now
from serve.columns import Column, Stored, fetch_column
from serve.dependence import Analyst, Dependent
from serve.index import fetch_index, hash_probe, open_index
from serve.snapshot import (
    Pointer,
    Snapshot,
    SnapshotError,
    Table,
    check_file,
    parquet,
    plain_name,
    reason_of,
    types_of,
)
from serve.sqltypes import SqlType, parse_type

SMALL = 50_000  # rows up to which a process of its own would take longer to start than to prepare
NICENESS = 10  # requests come first
_SOURCE = "stored"

log = logging.getLogger("asof.serve")


@dataclass(frozen=True)
class Prepared:
    """A snapshot, ready to be planned and served. `files` are those in the scratch folder that it is made of, now or
    later.
    """

    snapshot: Snapshot
    ahead: dict[str, Ahead]
    reads: dict[str, list[str]]  # by service: the columns of looked_up that its answers read
    tables: dict[str, Table]  # by file
    files: frozenset[str]


class Preparer:
    """Prepares snapshots in a scratch folder that the workers of a shim share, each snapshot once."""

    def __init__(self, folder: Path, scratch: Path, clock: Clock) -> None:
        self._folder = folder
        self._scratch = scratch
        self._clock = clock
        self._running: list[subprocess.Popen[bytes]] = []  # to be waited for when they end

    def prepare(self, pointer: Pointer, text: bytes, before: Prepared | None) -> Prepared:
        """The snapshot that a pointer names; `text` is what was read of it, `before` what was served until now, whose
        tables are taken over where they are the same. Raises SnapshotError, and then nothing has changed.
        """
        raw = Snapshot.read_manifest(self._folder, pointer)
        ready = self._ready(pointer)
        try:
            with self._locked():  # workers that come second wait, and find it done
                if ready.exists():
                    with suppress(FileNotFoundError):  # another worker, that has gone on, may have deleted a part
                        return self._open(pointer, raw, before)
                    ready.unlink()
                self._make(pointer, text, raw)
                return self._open(pointer, raw, before)
        except OSError as error:
            raise SnapshotError(f"{error.filename or self._scratch}: {error.strerror}") from None

    def _ready(self, pointer: Pointer) -> Path:
        return self._scratch / f"ready-{pointer.manifest_sha256}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._scratch / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make(self, pointer: Pointer, text: bytes, raw: dict[str, Any]) -> None:
        with suppress(TypeError, LookupError, AttributeError):  # of such a manifest, `prepare` says what is wrong
            is_small = sum(each["rows"] for each in raw["groups"].values()) <= SMALL
            if not is_small and os.environ.get("PYTHONHASHSEED", "random") != "random":
                self._run(text)
                return
        prepare(self._folder, pointer, self._scratch, serving_now(self._clock, pointer.published_at))

    def _run(self, text: bytes) -> None:
        """Has another process prepare it; returns when it can be served."""
        process = subprocess.Popen(
            [sys.executable, "-m", "serve.prepare", str(self._folder), str(self._scratch), text.decode()],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,  # nothing is written: it ends when this process does
            stdout=subprocess.PIPE,
        )
        self._running.append(process)
        with process.stdout:
            line = process.stdout.readline()
        if not line:
            raise SnapshotError(f"preparing it ended with exit code {process.wait()}; was there too little memory?")
        told = json.loads(line)
        if "refused" in told:
            raise SnapshotError(told["refused"])

    def _open(self, pointer: Pointer, raw: dict[str, Any], before: Prepared | None) -> Prepared:
        told = json.loads(self._ready(pointer).read_bytes())
        known = before.tables if before else {}
        tables = {}
        for group, name in told["tables"].items():
            keys, features = _columns_of(raw["groups"][group])
            tables[name] = known.get(name) or _open_table(self._scratch / name, keys, features)
        by_group = {group: tables[name] for group, name in told["tables"].items()}
        snapshot = Snapshot.load(self._folder, pointer, raw, by_group)
        ahead = {key: Ahead(snapshot.services[key], each) for key, each in told["ahead"].items()}
        for each in ahead.values():
            each.take_up(self._scratch)
        answers = [name for each in told["ahead"].values() for name in each["files"]]
        return Prepared(
            snapshot, ahead, told["reads"], tables, frozenset([self._ready(pointer).name, *tables, *answers])
        )

    def take_up(self, prepared: Prepared) -> None:
        """Opens what has been computed ahead since."""
        for each in prepared.ahead.values():
            each.take_up(self._scratch)
        for process in list(self._running):
            if process.poll() is not None:
                process.stdin.close()
                self._running.remove(process)

    def forget_all_but(self, pointer: Pointer, prepared: Prepared) -> None:
        """Deletes what snapshots before it are made of. Whoever has that open keeps it."""
        with self._locked():
            since = self._ready(pointer).stat().st_mtime_ns
            for path in self._scratch.iterdir():
                is_ours = path.name.startswith(("ready-", "table-", "answers-"))
                if is_ours and path.name not in prepared.files and path.stat().st_mtime_ns <= since:
                    path.unlink()


def prepare(
    folder: Path, pointer: Pointer, scratch: Path, now: datetime, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Writes the files of a snapshot; calls `on_ready` when it can be served at `now` (aware UTC), and then computes
    what later times will ask for, as when a group has become stale. Raises SnapshotError, OSError.
    """
    raw = Snapshot.read_manifest(folder, pointer)
    try:
        names = {key: _prepare_table(folder, scratch, each) for key, each in raw["groups"].items()}
        tables = {key: _open_table(scratch / names[key], *_columns_of(each)) for key, each in raw["groups"].items()}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise SnapshotError(f"{pointer.manifest}: {reason_of(error)}") from None
    snapshot = Snapshot.load(folder, pointer, raw, tables)
    computations, reads, analyst = {}, {}, Analyst()
    for number, service in enumerate(snapshot.services.values()):
        name = f"answers-{pointer.manifest_sha256}-{number}"
        reads[service.id] = analyst.columns_read(service)
        try:
            computations[service.id] = each = Computation(service, pointer.published_at, analyst, name)
            each.compute(scratch, now)
        except (Dependent, duckdb.Error) as error:
            log.info("service %s is computed per request: %s", service.id, error)
    ahead = {key: each.told for key, each in computations.items()}
    part = scratch / f".part-{os.getpid()}"
    part.write_text(json.dumps({"tables": names, "ahead": ahead, "reads": reads}))
    part.replace(scratch / f"ready-{pointer.manifest_sha256}")
    on_ready()
    for each in computations.values():
        each.compute(scratch)


# -------------------- tables


def _columns_of(raw: dict[str, Any]) -> tuple[dict[str, SqlType], dict[str, SqlType]]:
    return types_of(raw["keys"]), types_of(raw["features"])


def _prepare_table(folder: Path, scratch: Path, raw: dict[str, Any]) -> str:
    """Checks the file of a group and writes its table, if there is none of the same content; returns its name."""
    keys, features = _columns_of(raw)
    path = folder / plain_name(raw["file"])
    declared = [[[name, kind.name] for name, kind in each.items()] for each in (keys, features)]
    name = f"table-{hashlib.sha256(json.dumps([raw['sha256'], declared]).encode()).hexdigest()}"
    try:
        check_file(path, raw)
        if not (scratch / name).exists():
            _write_table(path, keys, features, scratch / name)
        rows = open_pack(scratch / name)[0]["rows"]
        if rows != raw["rows"]:
            raise ValueError(f"has {rows} rows, the manifest says {raw['rows']}")
    except OSError as error:
        raise SnapshotError(f"{path.name}: {error.strerror}") from None
    except (duckdb.Error, ValueError) as error:
        raise SnapshotError(f"{path.name}: {error}") from None
    return name


def _write_table(path: Path, keys: dict[str, SqlType], features: dict[str, SqlType], target: Path) -> None:
    kinds = {"as_of": parse_type("timestamptz")} | features
    pack = Pack()
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        _check_schema(connection, parquet(path), keys | kinds)
        connection.execute(f"create temp table {_SOURCE} as from {parquet(path)}")
        columns = {name: fetch_column(connection, _SOURCE, name, kind) for name, kind in kinds.items()}
        index = fetch_index(connection, _SOURCE, keys, pack)
        (rows,) = connection.execute(f"select count(*) from {_SOURCE}").fetchone()
    told = {name: each.pack(pack) for name, each in columns.items()}
    pack.write(target, {"probe": hash_probe(), "rows": rows, "index": index, "columns": told})


def _open_table(path: Path, keys: dict[str, SqlType], features: dict[str, SqlType]) -> Table:
    told, arrays = open_pack(path)
    if told["probe"] != hash_probe():
        raise ValueError(f"{path.name} was made by a process whose hashes are others")
    kinds = {"as_of": parse_type("timestamptz")} | features
    columns = {name: Column(kind, Stored.unpack(told["columns"][name], arrays)) for name, kind in kinds.items()}
    return Table(open_index(told["index"], arrays, keys), columns)


def _check_schema(connection: duckdb.DuckDBPyConnection, source: str, declared: dict[str, SqlType]) -> None:
    found = {name: kind for name, kind, *_ in connection.execute(f"describe select * from {source}").fetchall()}
    for name, kind in declared.items():
        if name not in found:
            raise ValueError(f"has no column {name!r}")
        if parse_type(found[name]) != kind:
            raise ValueError(f"column {name!r} is {found[name].lower()}, the manifest says {kind.name}")
    if surplus := sorted(set(found) - set(declared)):
        raise ValueError(f"has columns that the manifest does not: {', '.join(surplus)}")


# -------------------- the process


def main(folder: Path, scratch: Path, pointer: Pointer) -> int:
    """Prepares a snapshot; returns the exit code."""
    os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    threading.Thread(target=_end_with_stdin, daemon=True).start()

    def tell(told: dict[str, str]) -> None:
        print(json.dumps(told), flush=True)

    try:
        now = serving_now(clock_from_environment(), pointer.published_at)
        prepare(folder, pointer, scratch, now, on_ready=lambda: tell({}))
    except (SnapshotError, OSError) as error:
        tell({"refused": str(error)})
        return 1
    return 0


def _end_with_stdin() -> None:
    """Ends this process when the one that began it is gone."""
    os.read(0, 1)  # not sys.stdin: Python would wait for its lock when this process ends by itself
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Pointer.parse(sys.argv[3].encode())))
