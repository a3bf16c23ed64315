"""The third voice: what must have been answered, in plain Python, from the raw events and the list of publications.

It reads neither the warehouse nor the published files, and shares no SQL and no code with the shim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MICROSECOND = timedelta(microseconds=1)

Row = dict[str, Any]
# A group's row at a moment by its key, or None where there is no such point: state(key, moment).
State = Callable[[tuple, datetime], Row | None]
# Least and most; None: no end.
Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class LifePublication:
    """What the shim has from `published_at` on: each group as of a moment, and how old that may grow."""

    number: int
    published_at: datetime
    snapshot: int  # the publication that first brought it: a rollback brings back an older one
    as_of: dict[str, datetime]
    max_age: dict[str, timedelta]
    made: dict[str, int]  # the publication that each group last went out with; in an older one it was carried over
    services: tuple[str, ...]

    @property
    def is_rollback(self) -> bool:
        return self.snapshot != self.number

    def is_carried(self, groups: Iterable[str]) -> bool:
        """Whether one of the groups was carried over into the snapshot."""
        return any(self.made[group] != self.snapshot for group in groups)


@dataclass(frozen=True)
class LifeService:
    """A service by hand. `keys` and `sent`: its request, name to SQL type (for the file of examples).

    `groups`: in order, by its name in the answer, the group's id and how its key comes from the request and the rows
    found so far (None: there is none). `features(stored, request, at)`: its formulas over the stored features of
    the groups that are OK, under their names, or `<alias>_<name>` where the group is looked up under an alias.
    `rejecting`: the features that reject the row where they are null, or outside `ranges` (least and most, None: no
    end); `nulled`: those that are null outside. `sent_ranges`: what a request column may be, or the request is refused.
    """

    keys: dict[str, str]
    sent: dict[str, str]
    groups: dict[str, tuple[str, Callable[[Row, dict[str, Row | None]], tuple | None]]]
    features: Callable[[Row, Row, datetime], Row]
    rejecting: tuple[str, ...] = ()
    ranges: dict[str, Range] = field(default_factory=dict)
    nulled: tuple[str, ...] = ()
    sent_ranges: dict[str, Range] = field(default_factory=dict)

    def refused(self, request: Row) -> list[str]:
        """The request columns outside what they may be."""
        return [name for name, range_ in self.sent_ranges.items() if is_outside(request.get(name), range_)]


@dataclass
class LifeOracle:
    """`states`: by group id. A point is worked out once per publication."""

    states: dict[str, State]
    services: dict[str, LifeService]
    _seen: dict[tuple, Row | None] = field(default_factory=dict)

    def point(self, group: str, key: tuple, moment: datetime) -> Row | None:
        at = (group, key, moment)
        if at not in self._seen:
            if len(self._seen) > 200_000:
                self._seen.clear()
            self._seen[at] = self.states[group](key, moment)
        return self._seen[at]

    def answer(self, publication: LifePublication, service_id: str, request: Row, at: datetime) -> Row:
        """The row of the answer: status, groups, features (None where rejected), rejected."""
        service = self.services[service_id]
        found: dict[str, Row | None] = {}
        statuses: dict[str, str] = {}
        stored: Row = {}
        for name, (group, key_of) in service.groups.items():
            key = key_of(request, found)
            found[name] = None if key is None else self.point(group, key, publication.as_of[group])
            if found[name] is None:
                statuses[name] = "NOT_FOUND"
            elif at - publication.as_of[group] > publication.max_age[group]:
                statuses[name] = "STALE"
            else:
                statuses[name] = "OK"
                prefix = "" if name == group.split("@")[0] else f"{name}_"
                stored |= {f"{prefix}{column}": value for column, value in found[name].items()}
        features = service.features(stored, request, at)
        outside = {name for name, range_ in service.ranges.items() if is_outside(features[name], range_)}
        features |= dict.fromkeys(outside & set(service.nulled))
        no_null = set(service.rejecting)
        rejected = [
            name
            for name, value in features.items()
            if (value is None and name in no_null) or (name in outside and name not in service.nulled)
        ]
        first = next(iter(statuses.values()))
        if rejected:
            return {"status": "REJECTED", "groups": statuses, "features": None, "rejected": rejected}
        if first == "NOT_FOUND":
            status = "NOT_FOUND"
        elif "STALE" in statuses.values():
            status = "STALE"
        elif "NOT_FOUND" in statuses.values():
            status = "PARTIAL"
        else:
            status = "OK"
        return {"status": status, "groups": statuses, "features": features, "rejected": []}


def is_outside(value: float | None, range_: Range) -> bool:
    low, high = range_
    return value is not None and ((low is not None and value < low) or (high is not None and value > high))


def hours(since: datetime | None, at: datetime) -> float | None:
    """As a double: whole days of seconds and the rest of them added up, then divided."""
    if since is None:
        return None
    passed = at - since
    rest = (passed.seconds * 1_000_000 + passed.microseconds) / 1e6
    return (passed.days * 86400 + rest) / 3600.0


def known_at(rows: list[Row], moment: datetime) -> list[Row]:
    """Those that had happened and were known by then, in the one order of events."""
    seen = [row for row in rows if row["known"] <= moment and row["occurred"] <= moment]
    return sorted(seen, key=lambda row: (row["occurred"], row["known"], row["id"]))
