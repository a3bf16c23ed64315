"""The metrics for Prometheus: how requests fared, what was served, and how old it is. Names and counts, no values.

With several workers the counters lie in files that all share, so any worker gives the sum. Gauges are of the worker
that answers: all follow one folder.
"""

from __future__ import annotations

import math
import os
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from .clock import Clock, parse_rfc3339, serving_now
from .evaluate import Row
from .folder import PublishedFolder
from .reports import read_health, read_held, read_parity
from .snapshot import Group, Service

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
ROW_STATUSES = ("OK", "PARTIAL", "STALE", "NOT_FOUND", "REJECTED")
MAX_PENDING = 128  # rows that are not counted yet: more would make work for the garbage collector

disable_created_metrics()  # they would double the series


class Metrics:
    """The metrics of a process. All methods may be called from any thread."""

    def __init__(self, folder: PublishedFolder, clock: Clock, *, is_logging: bool) -> None:
        """`folder` and `clock` are what the shim serves from; `is_logging`: whether it has a request log."""
        self._counted = CollectorRegistry()
        self._gauges = _Gauges(folder, clock, is_logging)
        seconds = "Requests, and how long the shim took for them. service is empty where none was reached."
        labels = ["path", "service", "status"]
        requests = Histogram("asof_request_seconds", seconds, labels, buckets=BUCKETS, registry=self._counted)
        # Of a route, the id of a service and a status: never what a caller made up
        self.request = cache(requests.labels)
        count = self.counter
        self.rows = count("rows", "Rows answered, by row status.", "service", "status")
        self.published_rows = count("rows_published", "Of these, those sent as the build published them.", "service")
        self.nulls = count("feature_nulls", "Nulls answered, rejected rows aside.", "service", "feature")
        unseen = "Values answered that are none of the declared categories, `other` among them."
        self.unseen = count("feature_unseen", unseen, "service", "feature")
        self.denied = count("requests_denied", "Requests denied: 401 or 403.", "status")
        for status in ("401", "403"):
            self.denied.labels(status)
        self.snapshots_refused = count("snapshots_refused", "Snapshots refused, by each worker.")
        self.request_log_dropped = count("request_log_dropped_rows", "Rows that the request log could not take.")
        self._services: dict[str, _ServiceCounters] = {}

    def counter(self, name: str, documentation: str, *labels: str) -> Counter:
        """A counter that is told with the others; made once."""
        return Counter(f"asof_{name}", documentation, labels, registry=self._counted)

    def answered(self, service: Service, rows: list[Row], published: int = 0) -> None:
        """Counts the rows of an answer, `published` of them as the build wrote them."""
        counters = self._services.get(service.id)
        if counters is None or counters.service is not service:
            if counters:
                counters.flush()
            counters = self._services[service.id] = _ServiceCounters(self, service)
        if published:
            counters.published.inc(published)
        counters.add(rows)

    def flush(self) -> None:
        """Counts the rows that wait. The folder's thread does, with each look: of other workers one can read the
        counters only.
        """
        for counters in list(self._services.values()):
            counters.flush()

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        self.flush()
        counted = self._counted
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)
        return generate_latest(counted) + generate_latest(self._gauges)


class _ServiceCounters:
    """The counters of a service. Its rows are counted many at a time: one by one would cost as much as the look-up."""

    def __init__(self, metrics: Metrics, service: Service) -> None:
        self.service = service
        self.published = metrics.published_rows.labels(service.id)
        self._pending: deque[Row] = deque()
        self._rows = {status: metrics.rows.labels(service.id, status) for status in ROW_STATUSES}
        self._features = []  # nulls, whether it is a float, known categories, values that are none of them
        for each in service.features:
            known = frozenset(() if each.type.item else each.categories)
            unseen = metrics.unseen.labels(service.id, each.name) if known else None
            self._features.append((metrics.nulls.labels(service.id, each.name), each.type.is_float, known, unseen))

    def add(self, rows: list[Row]) -> None:
        """Takes note of rows."""
        self._pending.extend(rows)
        if len(self._pending) >= MAX_PENDING:
            self.flush()

    def flush(self) -> None:
        """Counts what was noted: statuses, and of each feature the nulls and the values of no known category."""
        rows: list[Row] = []
        with suppress(IndexError):
            while True:  # each row is taken by one thread only
                rows.append(self._pending.popleft())
        for status, count in Tally([row.status for row in rows]).items():
            self._rows[status].inc(count)
        columns = zip(*[row.features for row in rows if row.features is not None], strict=True)
        for (nulls, is_float, known, unseen), column in zip(self._features, columns, strict=False):
            missing = column.count(None)
            values = [value for value in column if value is not None] if missing else column
            if is_float and not math.isfinite(sum(values)):  # or too large a sum; JSON has no NaN and no infinity
                missing += sum([not math.isfinite(value) for value in values])
            if missing:
                nulls.inc(missing)
            if unseen is not None and (strange := sum([value not in known for value in values])):
                unseen.inc(strange)


@dataclass
class _Gauges(Collector):
    """Gauges of what is served at this moment, read from the folder with each scrape."""

    folder: PublishedFolder
    clock: Clock
    is_logging: bool

    def collect(self) -> Iterator[Metric]:
        folder, current = self.folder, self.folder.current
        yield _gauge("ready", "Whether a snapshot is served.", current is not None)
        yield _gauge("snapshot_refused", "Whether what current.json names is refused.", folder.refused is not None)
        yield _gauge("folder_missing", "Whether current.json cannot be read.", folder.missing)
        yield _gauge("request_log", "Whether requests are logged.", self.is_logging)
        if current is None:
            return
        pointer, now = current.pointer, serving_now(self.clock, current.pointer.published_at)
        loaded = folder.loaded_at.timestamp() if folder.loaded_at else math.nan
        age = (now - pointer.published_at).total_seconds()
        yield _gauge("sequence_number", "Of the publication that is served.", pointer.sequence_number)
        yield _gauge("published_timestamp_seconds", "When it was published.", pointer.published_at.timestamp())
        yield _gauge("snapshot_age_seconds", "Since it was published.", age)
        yield _gauge("on_hold", "Whether publishing is on hold.", pointer.hold is not None)
        yield _gauge("snapshot_load_seconds", "To check, load and warm what is served.", folder.load_seconds)
        yield _gauge("snapshot_swapped_timestamp_seconds", "When it took the place of the one before.", loaded)
        yield from _of_groups(list(current.snapshot.groups.values()), now)
        yield from _of_reports(folder.path, set(current.snapshot.services), now)


def _of_groups(groups: list[Group], now: datetime) -> Iterator[Metric]:
    def of_each(name: str, documentation: str, value: Callable[[Group], float | None]) -> Metric:
        return _gauge(name, documentation, {each.id: value(each) for each in groups}, "group")

    computed_for = "The moment that a group was computed for."
    yield of_each("group_as_of_timestamp_seconds", computed_for, lambda group: group.as_of.timestamp())
    yield of_each("group_age_seconds", "Since that moment.", lambda group: group.age_seconds(now))
    yield of_each("group_max_age_seconds", "The age beyond which it is stale.", lambda group: group.max_age_seconds)
    late = "The age beyond which it is late, where it has a target."
    yield of_each("target_seconds", late, lambda group: group.target_seconds)
    newest = "Since the newest event became known that a group knows."
    yield of_each("data_age_seconds", newest, lambda group: group.data_age_seconds(now))
    yield of_each("group_rows", "Entities in a group.", lambda group: group.table.rows)


def _of_reports(folder: Path, services: set[str], now: datetime) -> Iterator[Metric]:
    """What the builds say of what is held, of the health of the data, and of logged answers."""
    since = {id_: parse_rfc3339(each["since"]) for id_, each in read_held(folder).items()}
    held = {id_: max(0.0, (now - each).total_seconds()) for id_, each in since.items()}
    yield _gauge("held_seconds", "Since a build first failed by a group or service that is held.", held, "id")
    labels = ("rule", "level", "subject", "column")  # the log of requests and its service share a subject
    health = read_health(folder)
    told = [each for each in health["findings"] if not each.get("part_of")]  # one for all columns that moved in a day
    findings = sorted({tuple(str(each.get(label) or "") for label in labels) for each in told})
    yield _gauge("finding", "A finding of the builds that stands.", dict.fromkeys(findings, 1), *labels)
    drift = {
        (service, source, feature, found["state"]): found["statistic"]
        for service, each in health["drift"].items()
        for feature, sources in each["columns"].items()
        for source, found in sources.items()
    }
    documentation = "How far a feature is from the set that the model was trained on, from 0 to 1."
    yield _gauge("drift", documentation, drift, "service", "source", "feature", "state")
    parity = {id_: each for id_, each in read_parity(folder, now).items() if id_ in services}
    ages = {id_: each["age_seconds"] for id_, each in parity.items()}
    yield _gauge("parity_age_seconds", "Since a build last compared logged answers with history.", ages, "service")
    results = ("same", "different", "not_compared", "not_comparable")
    counts = {(id_, result): each[result] for id_, each in parity.items() for result in results}
    yield _gauge("parity_rows", "Rows of that comparison.", counts, "service", "result")
    differing = {id_: each["open"] for id_, each in parity.items()}
    documentation = "Logged answers that differ and that nobody accepted."
    yield _gauge("parity_open_differences", documentation, differing, "service")


def _gauge(name: str, documentation: str, value: float | Mapping[Any, float | None], *labels: str) -> Metric:
    """A gauge: one number; with labels, a number for each of their values (a tuple of them, if there are several)."""
    family = GaugeMetricFamily(f"asof_{name}", documentation, labels=labels)
    for key, each in value.items() if isinstance(value, Mapping) else (((), value),):
        if each is not None:
            family.add_metric([key] if isinstance(key, str) else list(key), float(each))
    return family
