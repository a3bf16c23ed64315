"""The metrics for Prometheus: how requests fared, what was served, and how old it is. Names and counts, no values.

Requests and loads are counted; with several workers in files that all of them share, so that any worker can give the
sum. Gauges describe the snapshot of the worker that answers: all follow one folder. The library chooses between the two
when it is imported, so import this module in a worker only.
"""

from __future__ import annotations

import math
import os
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from .clock import Clock, serving_now
from .evaluate import Row
from .folder import Folder
from .health import Finding, read_health
from .held import Held, read_held
from .parity import Parity, read_parity
from .snapshot import Group, Service

CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
ROW_STATUSES = ("OK", "PARTIAL", "STALE", "NOT_FOUND", "REJECTED")
MAX_PENDING = 128  # answers whose rows are not counted yet
MANY = 16  # rows that are enough to be counted at once: kept, they would make work for the garbage collector

disable_created_metrics()  # they would double the series


@dataclass(frozen=True)
class _ServiceCounters:
    """The counters of a service, found once, and the answers that are still to be counted."""

    service: Service
    rows: dict[str, Counter]  # by status
    features: list[tuple[Counter, bool, Counter | None, frozenset[str]]]  # nulls, is a float, unseen, known categories
    pending: deque[list[Row]] = field(default_factory=deque)


class Metrics:
    """The metrics of a process. All methods may be called from any thread."""

    def __init__(self, folder: Folder, clock: Clock, *, is_logging: bool) -> None:
        """`folder` and `clock` are what the shim serves from; they are read when Prometheus asks. `is_logging`: whether
        it has a request log.
        """
        self._counted = CollectorRegistry()
        self._gauges = CollectorRegistry()
        self._gauges.register(_Gauges(folder, clock, is_logging))
        self._seconds = Histogram(
            "asof_request_seconds",
            "Requests, and how long the shim took for them. service is empty where none was reached.",
            ["path", "service", "status"],
            buckets=BUCKETS,
            registry=self._counted,
        )
        count = self._counter
        self._rows = count("rows", "Rows answered, by row status.", "service", "status")
        published = "Of these, those sent as the build published them."
        self.published_rows = count("rows_published", published, "service")
        self._view_rows = count("view_rows", "Rows of plain views answered to Feast.", "group", "status")
        self._nulls = count("feature_nulls", "Nulls answered, rejected rows aside.", "service", "feature")
        unseen = "Values answered that are none of the declared categories, `other` among them."
        self._unseen = count("feature_unseen", unseen, "service", "feature")
        self._denied = count("requests_denied", "Requests denied: 401 or 403.", "status")
        for status in ("401", "403"):
            self._denied.labels(status)
        self.snapshots_refused = count("snapshots_refused", "Snapshots refused, by each worker.")
        self.request_log_dropped = count("request_log_dropped_rows", "Rows that the request log could not take.")
        self._requests: dict[tuple[str, str, int], Histogram] = {}
        self._served: dict[str, _ServiceCounters] = {}

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"asof_{name}", documentation, labels, registry=self._counted)

    def request(self, path: str, service: str, status: int, seconds: float) -> None:
        """Counts a request. `path` is the route, `service` its id; neither is ever what a caller made up."""
        key = (path, service, status)
        child = self._requests.get(key)
        if child is None:
            child = self._requests[key] = self._seconds.labels(path, service, str(status))
        child.observe(seconds)

    def denied(self, status: int) -> None:
        """Counts a request that was denied."""
        self._denied.labels(str(status)).inc()

    def answered(self, service: Service, rows: list[Row]) -> None:
        """Takes note of the rows of an answer, to be counted with others: one by one it would cost as much as the
        look-up.
        """
        served = self._served.get(service.id)
        if served is None or served.service is not service:
            if served:
                _count(served)
            served = self._served[service.id] = self._counters(service)
        served.pending.append(rows)
        if len(rows) > MANY or len(served.pending) >= MAX_PENDING:
            _count(served)

    def count(self) -> None:
        """Counts what was noted. With several workers it is called now and then: a worker can read all counters,
        but can only count its own.
        """
        for served in list(self._served.values()):
            _count(served)

    def answered_view(self, group: str, statuses: list[str]) -> None:
        """Counts the rows of a plain view; `group` is its id."""
        for status, count in Tally(statuses).items():
            self._view_rows.labels(group, status).inc(count)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        self.count()
        counted = self._counted
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)
        return generate_latest(counted) + generate_latest(self._gauges)

    def _counters(self, service: Service) -> _ServiceCounters:
        features = []
        for each in service.features:
            nulls = self._nulls.labels(service.id, each.name)
            known = each.categories if not each.type.item else ()
            unseen = self._unseen.labels(service.id, each.name) if known else None
            features.append((nulls, each.type.kind in ("float", "double"), unseen, frozenset(known)))
        return _ServiceCounters(service, {each: self._rows.labels(service.id, each) for each in ROW_STATUSES}, features)


def _count(served: _ServiceCounters) -> None:
    """Counts the rows of the pending answers: their statuses, and of each feature the nulls and unseen categories."""
    rows: list[Row] = []
    with suppress(IndexError):
        while True:  # each answer is taken by one thread only
            rows += served.pending.popleft()
    for status, count in Tally([row.status for row in rows]).items():
        served.rows[status].inc(count)
    columns = zip(*[row.features for row in rows if row.features is not None], strict=True)
    for (nulls, is_float, unseen, known), column in zip(served.features, columns, strict=False):
        missing = column.count(None)
        values = [value for value in column if value is not None] if missing else column
        if is_float and not math.isfinite(sum(values)):  # or too large a sum; JSON has no NaN and no infinity
            missing += sum([not math.isfinite(value) for value in values])
        if missing:
            nulls.inc(missing)
        if unseen is not None and (strange := sum([value not in known for value in values])):
            unseen.inc(strange)


class _Gauges:
    """Gauges of what is served at this moment, read from the folder with each scrape."""

    def __init__(self, folder: Folder, clock: Clock, is_logging: bool) -> None:
        self._folder = folder
        self._clock = clock
        self._is_logging = is_logging

    def describe(self) -> list[Metric]:
        return []  # without it, the registry would collect at once, to see the names

    def collect(self) -> Iterator[Metric]:
        folder, current = self._folder, self._folder.current
        yield _gauge("asof_ready", "Whether a snapshot is served.", current is not None)
        yield _gauge("asof_snapshot_refused", "Whether what current.json names is refused.", folder.refused is not None)
        yield _gauge("asof_folder_missing", "Whether current.json cannot be read.", folder.missing)
        yield _gauge("asof_request_log", "Whether requests are logged.", self._is_logging)
        if current is None:
            return
        pointer = current.pointer
        now = serving_now(self._clock, pointer.published_at)
        age = (now - pointer.published_at).total_seconds()
        published = pointer.published_at.timestamp()
        yield _gauge("asof_sequence_number", "Of the publication that is served.", pointer.sequence_number)
        yield _gauge("asof_published_timestamp_seconds", "When it was published.", published)
        yield _gauge("asof_snapshot_age_seconds", "Since it was published.", age)
        yield _gauge("asof_on_hold", "Whether publishing is on hold.", pointer.hold is not None)
        yield _gauge("asof_snapshot_load_seconds", "To check, load and warm what is served.", folder.load_seconds)
        loaded = folder.loaded_at.timestamp() if folder.loaded_at else math.nan
        yield _gauge("asof_snapshot_swapped_timestamp_seconds", "When it took the place of the one before.", loaded)
        for name, documentation, value in _PER_GROUP:
            family = GaugeMetricFamily(name, documentation, labels=["group"])
            for group in current.snapshot.groups.values():
                if (found := value(group, now)) is not None:
                    family.add_metric([group.id], found)
            yield family
        services = current.snapshot.services
        yield _held(read_held(folder.path), now)
        yield _findings(read_health(folder.path)["findings"])
        yield from _parity({id_: found for id_, found in read_parity(folder.path).items() if id_ in services}, now)


_PER_GROUP: list[tuple[str, str, Callable[[Group, datetime], float | None]]] = [
    (
        "asof_group_as_of_timestamp_seconds",
        "The moment that a group was computed for.",
        lambda group, now: group.as_of.timestamp(),
    ),
    ("asof_group_age_seconds", "Since that moment.", Group.age_seconds),
    (
        "asof_group_max_age_seconds",
        "The age beyond which it is stale.",
        lambda group, now: group.max_age_seconds,
    ),
    (
        "asof_target_seconds",
        "The age beyond which it is late, where it has a target.",
        lambda group, now: group.target_seconds,
    ),
    ("asof_data_age_seconds", "Since the newest event became known that a group knows.", Group.data_age_seconds),
    ("asof_group_rows", "Entities in a group.", lambda group, now: group.table.rows),
]


def _held(found: dict[str, Held], now: datetime) -> Metric:
    """For how long groups and services are held, by id."""
    family = GaugeMetricFamily(
        "asof_held_seconds",
        "Since a build first failed by a group or service that is held.",
        labels=["id"],
    )
    for id_, each in found.items():
        family.add_metric([id_], max(0.0, (now - each.since).total_seconds()))
    return family


def _findings(found: list[Finding]) -> Metric:
    """The standing findings; the log of requests and its service share a name."""
    labels = ["rule", "level", "subject", "column"]
    family = GaugeMetricFamily("asof_finding", "A finding of the builds that stands.", labels=labels)
    for each in sorted({tuple(str(finding.get(label) or "") for label in labels) for finding in found}):
        family.add_metric(each, 1)
    return family


def _parity(found: dict[str, Parity], now: datetime) -> Iterator[Metric]:
    """What the builds found in logged answers, by service."""
    age = GaugeMetricFamily(
        "asof_parity_age_seconds", "Since a build last compared logged answers with history.", labels=["service"]
    )
    rows = GaugeMetricFamily("asof_parity_rows", "Rows of that comparison.", labels=["service", "result"])
    differing = GaugeMetricFamily(
        "asof_parity_open_differences", "Logged answers that differ and that nobody accepted.", labels=["service"]
    )
    for service, each in found.items():
        age.add_metric([service], each.age_seconds(now))
        differing.add_metric([service], each.open)
        for result in ("same", "different", "not_compared", "not_comparable"):
            rows.add_metric([service, result], getattr(each, result))
    yield from (age, rows, differing)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value=float(value))
