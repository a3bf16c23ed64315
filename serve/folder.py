"""Watches the published folder: the current publication, swapped whole, and never for a bad one."""

from __future__ import annotations

import json
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from .clock import Clock, rfc3339, serving_now
from .columns import CHUNK
from .evaluate import Evaluator, Plan, plan_all
from .loader import load_snapshot
from .published_answers import PublishedAnswers, load_answers
from .snapshot import Pointer, Service, Snapshot, SnapshotError

POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0  # a refused snapshot is tried again this often: a copy of the folder may still be arriving

log = logging.getLogger("asof.serve")


@dataclass(frozen=True)
class Publication:
    """A pointer and what it points at, loaded and ready. Requests hold on to the one that they began with."""

    pointer: Pointer
    snapshot: Snapshot
    plans: dict[str, Plan]
    answers: dict[str, PublishedAnswers]  # by service id: those that the build published
    heads: dict[str, str] = field(default_factory=dict)  # by service id: the answer's JSON up to the prediction time

    def head(self, service: Service, now: datetime) -> str:
        """An answer's JSON up to its rows, not closed: but for the prediction time the same for every request."""
        head = self.heads.get(service.id)
        if head is None:
            fields = {
                "service": service.name,
                "version": service.version,
                "snapshot_id": self.snapshot.snapshot_id,
                "definition": service.definition,
                "sequence_number": self.pointer.sequence_number,
                "as_of": {lookup.name: rfc3339(lookup.group.as_of) for lookup in service.lookups},
                "published_at": rfc3339(self.pointer.published_at),
            }
            head = self.heads[service.id] = json.dumps(fields, separators=(",", ":"))[:-1]
        return f'{head},"prediction_time":"{rfc3339(now)}"'


class Refusal(NamedTuple):
    """Why what current.json says is not served, since when (UTC)."""

    snapshot_id: str | None
    reason: str
    since: datetime


class PublishedFolder:
    """The published folder as the shim sees it. `current`, `refused` and `missing` may be read from any thread."""

    def __init__(self, path: Path, *, allow_injected_now: bool, clock: Clock) -> None:
        """`allow_injected_now`: whether a snapshot made under an injected now may be served (only on loopback).

        `on_load` is called with the services of each snapshot before it is served, `on_refuse` for each that is
        refused, and what is in `on_look` with each look at the folder.
        """
        self.path = Path(path)
        self.evaluator = Evaluator()
        self.current: Publication | None = None
        self.refused: Refusal | None = None
        self.on_load: Callable[[Iterable[Service]], None] = lambda services: None
        self.on_refuse: Callable[[], None] = lambda: None
        self.on_look: list[Callable[[], None]] = []
        self.load_seconds = 0.0  # what it took to check, load and warm the current publication
        self.loaded_at: datetime | None = None
        self.missing = False  # current.json cannot be read; the loaded snapshot is still served
        self._allow_injected_now = allow_injected_now
        self._clock = clock
        self._seen: bytes | None = None
        self._retry_at = 0.0
        self._stop = threading.Event()
        self._polling = threading.Lock()
        self._unused: list[dict[Any, int]] = []  # the keys of tables that no request uses any more

    def start(self) -> None:
        """Loads what is there, then polls in a daemon thread."""
        self.poll()
        threading.Thread(target=self._watch, name="asof-folder", daemon=True).start()

    def stop(self) -> None:
        """Ends the polling; what is loaded stays."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                for call in self.on_look:
                    call()
                self.poll()
                self.free()
            except Exception:  # the thread goes on, whatever the folder holds
                log.exception("watching %s failed; trying again", self.path)

    def poll(self) -> None:
        """Looks once at current.json, and loads or refuses what it names. One thread at a time does."""
        with self._polling:
            try:
                # A few hundred bytes: comparing them is surer than comparing file times
                text = (self.path / "current.json").read_bytes()
            except OSError as error:
                if not self.missing:
                    log.warning("%s: %s", self.path / "current.json", error.strerror)
                self.missing = True
                return
            self.missing = False
            if text != self._seen or (self.refused and time.monotonic() >= self._retry_at):
                self._seen = text
                self._switch(text)

    def _switch(self, text: bytes) -> None:
        """Serves what the text of current.json names, or refuses it."""
        pointer = None
        began = time.perf_counter()
        try:
            pointer = Pointer.parse(text)
            publication = self._load(pointer)
        except Exception as error:
            if not isinstance(error, (SnapshotError, MemoryError)):
                log.exception("loading the snapshot failed in a way that was not foreseen")
            self._refuse(str(error) or type(error).__name__, pointer)
            return
        before = self.current
        self.load_seconds, self.loaded_at = time.perf_counter() - began, self._clock()
        self.current = publication  # the swap: requests under way keep the one they hold
        self.refused = None
        if before and pointer.sequence_number < before.pointer.sequence_number:
            log.warning("publication %s follows %s", pointer.sequence_number, before.pointer.sequence_number)
        log.info("serving publication %s, snapshot %s", pointer.sequence_number, pointer.snapshot_id)

    def _load(self, pointer: Pointer) -> Publication:
        before = self.current
        same = before if before and before.pointer.manifest_sha256 == pointer.manifest_sha256 else None
        snapshot = same.snapshot if same else load_snapshot(self.path, pointer, before.snapshot if before else None)
        if (pointer.now_injected or snapshot.now_injected) and not self._allow_injected_now:
            raise SnapshotError("was made under an injected now; the shim serves such a snapshot on loopback only")
        if same:
            return Publication(pointer, snapshot, same.plans, same.answers)  # a hold, or published again
        now = serving_now(self._clock, pointer.published_at)
        plans = plan_all(snapshot, self.evaluator, now)
        answers = load_answers(self.path, plans, before.answers if before else {})
        self.on_load(snapshot.services.values())
        for group in snapshot.groups.values():
            if before is None or group.table not in [each.table for each in before.snapshot.groups.values()]:
                weakref.finalize(group.table, self._unused.append, group.table.rows_by_key).atexit = False  # type: ignore[misc]
        return Publication(pointer, snapshot, plans, answers)

    def free(self) -> None:
        """Frees the keys of tables that are no longer in use, part by part: all at once, requests would wait for it."""
        while self._unused:
            rows = self._unused.pop()
            while rows:
                for _ in range(min(CHUNK, len(rows))):
                    rows.popitem()
                time.sleep(0)  # lets a request run

    def _refuse(self, reason: str, pointer: Pointer | None) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS
        snapshot_id = pointer.snapshot_id if pointer else None
        if self.refused and self.refused[:2] == (snapshot_id, reason):
            return  # it was logged before
        self.refused = Refusal(snapshot_id, reason, self._clock())
        self.on_refuse()
        kept = self.current.pointer.snapshot_id if self.current else None
        log.error("REFUSED snapshot %s: %s; still serving %s", snapshot_id, reason, kept or "nothing")
