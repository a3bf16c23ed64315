"""The request log: what was really served, one JSON line per row, in files that are only ever appended to.

A request hands over what it has at hand (logging's QueueHandler); one thread per worker writes (QueueListener).
Whatever fails here, answers go on: rows are dropped and counted, and the count is logged.
"""

from __future__ import annotations

import argparse
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
from datetime import datetime
from io import FileIO
from itertools import accumulate
from logging.handlers import BufferingHandler, QueueHandler, QueueListener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from .clock import Clock, machine_clock
from .evaluate import Plan
from .lookup import Entity
from .settings import OPTIONS, ConfigurationError
from .snapshot import Service

SHARE = 0.01
MAX_BYTES = 1024**3  # of the folder
MAX_FILE_BYTES = 16 * 1024**2
MAX_QUEUED = 10_000  # rows
BUFFERED = 256  # records that are written at once
FLUSH_SECONDS = 0.05
WARN_SECONDS = 60.0
MIN_SECRET = 16  # characters; a shorter one is found by trying

log = logging.getLogger("asof.serve")


class RequestLog(BufferingHandler):
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
        `workers` how many share the folder, `clock` the wall clock, whatever the shim's now is. ConfigurationError.
        """
        super().__init__(capacity=BUFFERED)
        if not 0 <= share <= 1:
            raise ConfigurationError(f"--request-log-share is {share}, expected 0 to 1")
        # Half of the folder at most are files that are still open, which nobody may delete
        self._file_bytes = min(MAX_FILE_BYTES, max_bytes // (2 * workers))
        if self._file_bytes < 4096:
            raise ConfigurationError(f"--request-log-bytes is {max_bytes}, expected {8192 * workers} at least")
        self.folder = Path(folder).absolute()
        self.on_drop: Callable[[int], None] = lambda rows: None  # called with each count of rows that are dropped
        self._share = share
        self._max_closed = max_bytes - workers * self._file_bytes
        self._secret = _read_secret(Path(key)) if key else None
        self._clock = clock
        self._refused: set[str] = set()  # services that the log has named
        self._counting = threading.Lock()  # of the next two
        self._waiting = 0  # rows that are queued and not written yet
        self._dropped: Counter[str] = Counter()  # rows that no warning has counted yet, by reason
        self._warn_at = 0.0
        self._file: FileIO | None = None
        self._number = 0
        self._queue = QueueHandler(SimpleQueue())
        self._queue.addFilter(self._has_room)
        self._listener: _Listener | None = None

    def start(self) -> None:
        """Starts the writer. `stop` it, or what is queued then is lost."""
        self._listener = _Listener(self._queue.queue, self)
        self._listener.start()

    def stop(self) -> None:
        """Writes what is queued and ends the writer."""
        if self._listener:
            self._listener.stop()
            self._listener = None
            self.flush()
            self._end_file()
            self._warn()

    def make_folder(self) -> None:
        """Makes the folder. Raises ConfigurationError if it cannot be written to: at the start, that is a mistake."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError(None, "is not writable")
        except OSError as error:
            raise ConfigurationError(f"--request-log {self.folder}: {error.strerror}") from None

    def check_services(self, services: Iterable[Service]) -> None:
        """Says, once each, which services cannot be logged."""
        for service in services:
            if not self._may_log(service) and service.id not in self._refused:
                self._refused.add(service.id)
                personal = ", ".join(name for name, each in service.inputs.items() if each.personal)
                log.error("NOT LOGGING requests of %s: personal, and no --request-log-key: %s", service.id, personal)

    def put(self, plan: Plan, head: str, entities: list[Entity], rows: Iterable[str]) -> None:
        """Queues an answer's rows if it is of the share that is logged, or drops them all. `head` is its JSON up to its
        rows, `rows` the JSON of each.
        """
        if random.random() < self._share and self._may_log(plan.service):
            answer = (self._clock(), plan, head, entities, rows)
            self._queue.handle(logging.makeLogRecord({"answer": answer, "rows": len(entities)}))

    def _may_log(self, service: Service) -> bool:
        return self._secret is not None or not any(each.personal for each in service.inputs.values())

    def _has_room(self, record: Any) -> bool:
        with self._counting:
            # A request with more rows than the bound is let in when nothing else waits
            has_room = not self._waiting or self._waiting + record.rows <= MAX_QUEUED
            self._waiting += record.rows if has_room else 0
        if not has_room:
            self._drop(record.rows, "the queue was full")
        return has_room

    def _drop(self, rows: int, reason: str) -> None:
        with self._counting:
            self._dropped[reason] += rows
        self.on_drop(rows)

    # -------------------- the writer's thread

    def flush(self) -> None:
        """Writes what is buffered, or drops it."""
        records: list[Any] = self.buffer
        self.buffer = []
        lines = [line for record in records for line in self._lines(*record.answer)]
        try:
            if self._file and self._is_over(self._file):
                self._end_file()
            while lines:
                lines = lines[self._append(lines) :]
        except Exception as error:  # the writer's thread goes on
            if not isinstance(error, OSError):
                log.exception("writing the request log failed in a way that was not foreseen")
            self._end_file()
            self._drop(len(lines), getattr(error, "strerror", None) or str(error))
        with self._counting:
            self._waiting -= sum(record.rows for record in records)
        if time.monotonic() >= self._warn_at:
            self._warn()

    def _warn(self) -> None:
        with self._counting:
            dropped, self._dropped = self._dropped, Counter()
        if dropped:
            self._warn_at = time.monotonic() + WARN_SECONDS
            why = ", ".join(f"{rows}: {reason}" for reason, rows in dropped.items())
            log.warning("the request log dropped %s rows (%s)", dropped.total(), why)

    def _lines(self, at: datetime, plan: Plan, head: str, entities: list[Entity], rows: Iterable[str]) -> list[bytes]:
        time_ = at.replace(tzinfo=None).isoformat(timespec="microseconds")
        start = f'{{"logged_at":"{time_}Z","request_id":"{uuid.uuid4().hex}","row":'
        requests = [plan.request_json(entity, self._pseudonym) for entity in entities]
        return [
            f'{start}{number},{head[1:]},"request":{request},{row[1:]}\n'.encode()
            for number, (request, row) in enumerate(zip(requests, rows, strict=True))
        ]

    def _pseudonym(self, text: str) -> str:
        return "sha256:" + hashlib.sha256(f"{self._secret}|{text}".encode()).hexdigest()

    def _append(self, lines: list[bytes]) -> int:
        """Appends as many of the lines as the current file takes; returns how many. Raises OSError."""
        if self._file and self._file.tell() + len(lines[0]) > self._file_bytes:
            self._end_file()
        file = self._file = self._file or self._open_file()
        size = file.tell()
        ends = accumulate(map(len, lines), initial=size)
        count = max(1, sum(end <= self._file_bytes for end in ends) - 1)
        data = memoryview(b"".join(lines[:count]))
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            with suppress(OSError):
                file.truncate(size)  # no part of a line stays
            raise
        return count

    def _is_over(self, file: FileIO) -> bool:
        """Whether the open file is of another hour, or was taken away."""
        return f"-{self._clock():%Y%m%dT%H}" not in str(file.name) or not os.path.exists(file.name)

    def _open_file(self) -> FileIO:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_room()
        self._number += 1
        name = f"requests-{self._clock():%Y%m%dT%H%M%S%fZ}-{os.getpid()}-{self._number}.jsonl"  # sorts by time
        file = (self.folder / name).open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held while it is open, also by a worker that is killed
        return file

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file:
            with suppress(OSError):
                if not os.fstat(file.fileno()).st_size:
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
            with suppress(BlockingIOError):  # a worker has it open
                with suppress(FileNotFoundError), path.open("rb") as file:  # another worker was faster
                    # Shared: it meets the lock of whoever writes, but not that of another worker that makes room
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    path.unlink()
                surplus -= size


class _Listener(QueueListener):
    """The writer's thread."""

    def dequeue(self, block: bool) -> logging.LogRecord:
        """The next record. The queue is looked at now and then: a switch of threads for each record costs requests."""
        while True:
            with suppress(Empty):
                return super().dequeue(False)
            for handler in self.handlers:
                handler.flush()
            time.sleep(FLUSH_SECONDS)


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--request-log-key {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(secret) < MIN_SECRET:
        raise ConfigurationError(f"--request-log-key {path}: the secret has fewer than {MIN_SECRET} characters")
    return secret


def request_log_from(options: argparse.Namespace) -> RequestLog | None:
    """The log that the options of serving ask for, not started; None without one. Raises ConfigurationError."""
    if options.request_log:
        share, size = options.request_log_share, options.request_log_bytes or MAX_BYTES
        share, workers = SHARE if share is None else share, max(1, options.workers)
        return RequestLog(
            options.request_log, share=share, max_bytes=size, key=options.request_log_key, workers=workers
        )
    for each in OPTIONS:
        if each.name.startswith("request_log_") and getattr(options, each.name) is not None:
            raise ConfigurationError(
                f"{each.flag} ({each.variable}) is set, but nothing is logged: "
                "name the folder by --request-log (ASOF_REQUEST_LOG), or leave it out"
            )
    return None
