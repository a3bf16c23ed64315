"""The request log: what was really served, one JSON line per row, in files that are only ever appended to.

A request hands over what it has at hand; one thread per worker writes. Whatever fails here, answers go on: rows are
dropped, counted, and the count is told.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path

from .clock import Clock, machine_clock
from .evaluate import Entity, Plan
from .snapshot import Service

SHARE = 0.01
MAX_BYTES = 1024**3  # of the folder
MAX_FILE_BYTES = 16 * 1024**2
MAX_QUEUED = 10_000  # rows
FLUSH_SECONDS = 0.5
RETRY_SECONDS = 5.0  # after the disk failed
WARN_SECONDS = 60.0
CLOSE_SECONDS = 5.0
MIN_SECRET = 16  # characters; a shorter one is found by trying

log = logging.getLogger("asof.serve")


class RequestLogError(ValueError):
    """The request log must not start like this."""


@dataclass(frozen=True)
class Served:
    """An answered request. `head` is the answer's JSON up to its rows, `rows` the JSON of each."""

    at: datetime
    plan: Plan
    head: str
    entities: list[Entity]
    rows: list[str]


class RequestLog:
    """The log of one worker. `put` may be called from any thread, and neither waits nor fails."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        share: float = SHARE,
        max_bytes: int = MAX_BYTES,
        key: str | os.PathLike[str] | None = None,
        workers: int = 1,
        clock: Clock = machine_clock,
    ) -> None:
        """`share` is the part of the requests that is logged, `key` the file with the secret for personal values,
        `workers` how many processes share the folder, `clock` the wall clock, whatever the shim's now is.

        Raises RequestLogError.
        """
        if not 0 <= share <= 1:
            raise RequestLogError(f"--request-log-share is {share}, expected 0 to 1")
        # Half of the folder at most are files that are still open, which nobody may delete
        self._file_bytes = min(MAX_FILE_BYTES, max_bytes // (2 * workers))
        if self._file_bytes < 4096:
            raise RequestLogError(f"--request-log-bytes is {max_bytes}, expected {8192 * workers} at least")
        self.folder = Path(folder).absolute()
        self._share = share
        self._max_closed = max_bytes - workers * self._file_bytes
        self._secret = _read_secret(Path(key)) if key else None
        self._clock = clock
        self._random = random.Random()  # its own: workers are forked, and would all draw alike
        self._lock = threading.Lock()  # of the queue and the count of what was dropped
        self._queue: list[Served] = []
        self._queued = 0  # rows
        self._dropped: Counter[str] = Counter()  # rows not yet told of, by reason
        self.on_drop: Callable[[int], None] = lambda rows: None  # whoever sets it is told of each, at once
        self._refused: set[str] = set()  # services, each said once
        self._wake = threading.Event()
        self._closing = False
        self._warn_at = self._retry_at = 0.0
        self._failure = ""
        self._file: FileIO | None = None
        self._hour = ""
        self._size = self._number = 0
        self._thread = threading.Thread(target=self._run, name="asof-request-log", daemon=True)

    def make_folder(self) -> None:
        """Makes the folder. Raises RequestLogError if it cannot be written to: at the start, that is a mistake."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(None, "is not writable")
        except OSError as error:
            raise RequestLogError(f"--request-log {self.folder}: {error.strerror}") from None

    def start(self) -> None:
        """Starts the writer. `close` it, or what is queued then is lost."""
        self._thread.start()

    def close(self) -> None:
        """Writes what is queued and ends the writer; waits for it, but not for ever."""
        self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)

    def check_services(self, services: Iterable[Service]) -> None:
        """Says, once each, which services cannot be logged."""
        for service in services:
            if not self._may_log(service) and service.id not in self._refused:
                self._refused.add(service.id)
                personal = ", ".join(name for name, each in service.inputs.items() if each.personal)
                log.error("NOT LOGGING requests of %s: personal, and no --request-log-key: %s", service.id, personal)

    def draws(self) -> bool:
        """Whether this request is one of those to be logged."""
        return self._random.random() < self._share

    def put(self, plan: Plan, head: str, entities: list[Entity], rows: list[str]) -> None:
        """Queues the rows of an answered request, or drops them all. `head` and `rows` are JSON as answered."""
        if not self._may_log(plan.service):
            return
        served = Served(self._clock(), plan, head, entities, rows)
        with self._lock:
            # More rows than ever fit are let in when they are alone
            if self._queue and self._queued + len(rows) > MAX_QUEUED:
                is_full = True
            else:
                is_full = False
                self._queue.append(served)
                self._queued += len(rows)
            is_urgent = self._queued > MAX_QUEUED // 4
        if is_full:
            self._drop(len(rows), "the queue was full")
        elif is_urgent:  # not for every request: each switch of threads costs the requests
            self._wake.set()

    def _may_log(self, service: Service) -> bool:
        return self._secret is not None or not any(each.personal for each in service.inputs.values())

    # -------------------- the writer's thread

    def _run(self) -> None:
        closing = False
        while not closing:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            closing = self._closing  # looked at before the queue: what was put before it is written
            with self._lock:
                batch, self._queue, self._queued = self._queue, [], 0
            try:
                self._write(batch)
            except Exception as error:  # whatever it is, the writer must outlive it
                log.exception("writing the request log failed in a way that was not foreseen")
                self._drop(sum(len(served.rows) for served in batch), str(error))
            self._warn(at_once=closing)
        self._end_file()

    def _write(self, batch: list[Served]) -> None:
        if self._file and self._is_over():
            self._end_file()
        lines = [line for served in batch for line in self._lines(served)]
        while lines:
            if time.monotonic() < self._retry_at:
                self._drop(len(lines), self._failure)
                return
            try:
                lines = lines[self._append(lines) :]
            except OSError as error:
                self._failure, self._retry_at = error.strerror or str(error), time.monotonic() + RETRY_SECONDS
                self._end_file()

    def _lines(self, served: Served) -> list[bytes]:
        start = f'{{"logged_at":"{_six_digits(served.at)}","request_id":"{uuid.uuid4().hex}","row":'
        lines = []
        for at, (entity, row) in enumerate(zip(served.entities, served.rows, strict=True)):
            asked = served.plan.request_json(entity, self._pseudonym)
            lines.append(f'{start}{at},{served.head[1:]},"request":{asked},{row[1:]}\n'.encode())
        return lines

    def _pseudonym(self, text: str) -> str:
        return "sha256:" + hashlib.sha256(f"{self._secret}|{text}".encode()).hexdigest()

    def _append(self, lines: list[bytes]) -> int:
        """Appends as many of the lines as the current file takes; returns how many. Raises OSError."""
        if self._file and self._size + len(lines[0]) > self._file_bytes:
            self._end_file()
        if self._file is None:
            self._open_file()
        count, size = 1, self._size + len(lines[0])
        while count < len(lines) and size + len(lines[count]) <= self._file_bytes:
            size += len(lines[count])
            count += 1
        data = memoryview(b"".join(lines[:count]))
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)  # dropped whole, and no line is left torn
            raise
        self._size = size
        return count

    def _is_over(self) -> bool:
        """Whether the open file is of another hour, or was taken away."""
        return self._hour != f"{self._clock():%Y%m%dT%H}" or not os.path.exists(self._file.name)

    def _open_file(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        now = self._clock()
        self._number += 1
        name = f"requests-{now:%Y%m%dT%H%M%S%fZ}-{os.getpid()}-{self._number}.jsonl"  # sorts by time
        file = (self.folder / name).open("xb", buffering=0)
        self._file, self._size, self._hour = file, 0, f"{now:%Y%m%dT%H}"
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held while it is open, also by a worker that is killed

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with suppress(OSError):
            if self._size == 0:
                os.unlink(file.name)
            file.close()

    def _make_room(self) -> None:
        """Deletes the oldest closed files, so that every worker can fill one more within the bound."""
        sizes = {}
        for path in sorted(self.folder.glob("requests-*.jsonl")):
            with suppress(FileNotFoundError):
                sizes[path] = path.stat().st_size
        surplus = sum(sizes.values()) - self._max_closed
        for path, size in sizes.items():
            if surplus <= 0:
                break
            if _delete_closed(path):
                surplus -= size

    # -------------------- what was dropped

    def _drop(self, rows: int, reason: str) -> None:
        if rows:
            with self._lock:
                self._dropped[reason] += rows
            self.on_drop(rows)

    def _warn(self, *, at_once: bool) -> None:
        if not self._dropped or (time.monotonic() < self._warn_at and not at_once):
            return
        self._warn_at = time.monotonic() + WARN_SECONDS
        with self._lock:
            dropped, self._dropped = self._dropped, Counter()
        why = ", ".join(f"{rows}: {reason}" for reason, rows in dropped.items())
        log.warning("the request log dropped %s rows (%s)", dropped.total(), why)


def _delete_closed(path: Path) -> bool:
    """Deletes a file that no worker has open; whether it is gone."""
    try:
        with path.open("rb") as file:
            # Shared: it meets the lock of whoever writes, but not that of another worker that makes room
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            path.unlink()
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass  # another worker was faster
    return True


def _six_digits(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise RequestLogError(f"--request-log-key {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(secret) < MIN_SECRET:
        raise RequestLogError(f"--request-log-key {path}: the secret has fewer than {MIN_SECRET} characters")
    return secret


def request_log_from_environment() -> RequestLog | None:
    """The log that ASOF_REQUEST_LOG and its like ask for, not started; None without one. Raises RequestLogError."""
    env = os.environ.get
    if not (folder := env("ASOF_REQUEST_LOG")):
        return None
    return RequestLog(
        folder,
        share=float(env("ASOF_REQUEST_LOG_SHARE") or SHARE),
        max_bytes=int(env("ASOF_REQUEST_LOG_BYTES") or MAX_BYTES),
        key=env("ASOF_REQUEST_LOG_KEY"),
        workers=max(1, int(env("ASOF_WORKERS") or 1)),
    )
