"""History and training against plain Python over lists of events: no SQL is shared, and no rule is read off the models.

Two hundred little worlds, told apart by the prefix of their ids, share one project. Each is random: late rows,
corrections, retractions, ties, rows loaded twice, events without a thing, things that go and come back, and times a
microsecond around every border. The last test counts that each kind really occurs.

Features bear names that the machinery once used inside; keys are text and integers that no double holds; values are of
every kind of type, -0.0 among them; one service looks groups up twice under aliases; columns have declared ranges.
There are two components over one entity. A build is of one of them, or a planted test of one fails: then the other is
carried over. SEED=7 makes up other worlds, and draws other builds. ENGINE=postgres and ENGINE=spark evaluate the
groups there, at twice as many moments (make test-engines).
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asof.__main__ import main
from tests.exact import mean
from tests.test_as_served import check_exported, name_publications
from tests.test_lookups import columns_yaml, model_yaml, write
from tests.test_types import Number, spelled
from tests.world import World

SEED = int(os.environ.get("SEED", "20240229"))
ENGINE = os.environ.get("ENGINE")
WORLDS = 200
MICROSECOND = timedelta(microseconds=1)
LAG = timedelta(minutes=1)
WINDOW = timedelta(days=30)
SHORT = timedelta(hours=2)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# When the leap day begins and ends, and when clocks change in New York and Berlin.
LEAP_DAY = utc("2024-02-29 00:00")
CLOCK_CHANGES = [utc("2024-03-10 07:00"), utc("2024-03-31 01:00")]
# One moment as the leap day begins, one within two hours of each change of clocks, and the days between them.
EVERY = timedelta(hours=62, minutes=14, seconds=30) / (2 if ENGINE else 1)
BACKFILL = [LEAP_DAY + n * EVERY for n in range(27 if ENGINE else 14)]
BUILDS = [utc(f"2024-04-03 {hour}:00") for hour in (10, 12, 14, 15, 19)]
ROLLBACK = utc("2024-04-03 12:30")
MOMENTS = BACKFILL + BUILDS
MAX_AGE = {
    "thing": timedelta(minutes=100),
    "place": timedelta(minutes=45),
    "activity": timedelta(minutes=80),
    "pulse": timedelta(minutes=70),
}
# The groups of each component, what selects it, and the test of it that can be made to fail.
COMPONENTS = {
    "score": (
        ("thing", "place", "activity"),
        ["--select", "@thing.v1", "@place.v1", "@activity.v1"],
        "ref('score', v=1)",
    ),
    "beat": (("pulse",), ["--select", "@pulse.v1"], "ref('pulse_v1_latest')"),
}
AMOUNT_RANGE = (Decimal("0.00"), Decimal("100.00"))  # of what callers may send
PLACES_FROM = 2**53 + 1  # a double does not hold every second one of these keys
NOWHERE = -1
ERRORS = 100  # at most, in one answer
LATER_MAX_AGE = MAX_AGE | {"place": timedelta(hours=3)}


@dataclass(frozen=True)
class OraclePublication:
    """What the shim had from `published_at` on: each group as of a moment."""

    number: int
    published_at: datetime
    as_of: dict[str, datetime]
    max_age: dict[str, timedelta]


@dataclass(frozen=True)
class PartBuild:
    """A build of which one component goes out: the other is not selected, or its test fails."""

    out: str
    fails: bool

    def run(self, world: World, now: str, **environment: str) -> None:
        held = next(each for each in COMPONENTS if each != self.out)
        selection = [] if self.fails else COMPONENTS[self.out][1]
        failing = {"FAIL": held} if self.fails else {}
        run = world.build(now, *selection, fails=self.fails, **failing, **environment)
        assert run.says("carried over: beat@1, pulse@1:" if held == "beat" else "carried over: activity@1, pair@1, "), (
            run.said
        )


def draw_parts() -> list[PartBuild]:
    """The builds between the first and the last: one of either component before the rollback, and both after it."""
    rng = random.Random(SEED)
    first, then = (rng.sample(list(COMPONENTS), 2) for _ in range(2))
    # an engine hands over all groups: its builds are not of a part
    return [PartBuild(out, rng.random() < 0.5 or bool(ENGINE)) for out in (first[0], *then)]


PARTS = draw_parts()


def publications() -> list[OraclePublication]:
    """A build under a frozen clock goes out a microsecond after its moment. The rollback, after the second one, brings
    back the rows of the first.
    """
    made = [OraclePublication(1, BUILDS[0] + MICROSECOND, dict.fromkeys(MAX_AGE, BUILDS[0]), MAX_AGE)]
    for moment, part in zip(BUILDS[1:], PARTS, strict=False):
        before, groups = made[-1], COMPONENTS[part.out][0]
        declared = MAX_AGE if moment < ROLLBACK else LATER_MAX_AGE
        as_of = before.as_of | dict.fromkeys(groups, moment)
        max_age = before.max_age | {group: declared[group] for group in groups}
        made.append(OraclePublication(len(made) + 1, moment + MICROSECOND, as_of, max_age))
        if len(made) == 2:
            made.append(replace(made[0], number=3, published_at=ROLLBACK))
    return made


PUBLICATIONS = publications()


def moments_of(group: str) -> list[datetime]:
    """Those that count: the backfilled ones, and the builds that the group went out with."""
    live = {publication.as_of[group] for publication in PUBLICATIONS}
    return [*BACKFILL, *sorted(live), BUILDS[-1]]


def in_force(at: datetime) -> OraclePublication | None:
    """The newest publication at a time."""
    return max((p for p in PUBLICATIONS if p.published_at <= at), key=lambda p: p.number, default=None)


@dataclass(frozen=True)
class Version:
    """What a source said of a thing or place (`value`: its attributes), and when that was known."""

    entity: str | int
    value: tuple
    occurred_at: datetime
    known_at: datetime

    @property
    def event_id(self) -> str:
        return f"{self.entity} {self.value}"


@dataclass(frozen=True)
class Event:
    event_id: str
    thing: str | None
    amount: Decimal
    occurred_at: datetime
    known_at: datetime
    is_retracted: bool


@dataclass(frozen=True)
class LabelledRequest:
    row_id: str
    thing: str
    other: str
    at: datetime
    amount: Decimal
    color: str | None
    number: int | None = None  # the publication that its request log names


@dataclass
class Tale:
    """All that ever happened, of all little worlds together."""

    things: list[Version] = field(default_factory=list)
    departures: list[tuple[str, datetime]] = field(default_factory=list)  # thing, known_at
    places: list[Version] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    examples: list[LabelledRequest] = field(default_factory=list)


# --------------------------------------------------------------------------------------------------- making it up


def border(rng: random.Random) -> datetime:
    """A time on or right beside one that matters: a moment, the far end of its windows, or anything between."""
    if rng.random() < 0.1:
        odd = rng.choice([LEAP_DAY, LEAP_DAY + timedelta(days=1), *CLOCK_CHANGES])
        return odd + rng.choice([timedelta(0), -MICROSECOND, timedelta(seconds=rng.randint(-7200, 7200))])
    moment = rng.choice(MOMENTS)
    within_short, within_both = -timedelta(seconds=rng.randint(1, 7200)), -timedelta(seconds=rng.randint(1, 40 * 86400))
    shift = rng.choice([timedelta(0), timedelta(0), -WINDOW, -SHORT, within_short, within_both])
    return moment + shift + rng.choice([-1, 0, 0, 1]) * MICROSECOND


def delay(rng: random.Random) -> timedelta:
    return rng.choice(
        [timedelta(0), timedelta(0), MICROSECOND, timedelta(seconds=rng.randint(1, 7200)), timedelta(days=3.5), WINDOW]
    )


def little_world(rng: random.Random, number: int, tale: Tale) -> None:
    prefix = f"w{number}-"
    things = [f"{prefix}t{n}" for n in range(rng.randint(1, 3))]
    places = [PLACES_FROM + 2 * number + n for n in range(rng.randint(0, 2))]
    for place in places:
        for occurred in {border(rng) for _ in range(rng.randint(1, 3))}:
            size = rng.choice([None, 1, 2, 3])
            tale.places.append(Version(place, (size,), occurred, occurred + delay(rng)))
    for thing in things:
        spoken_of = set()
        for _ in range(rng.randint(1, 4)):
            occurred = rng.choice([version.occurred_at for version in tale.things[-1:]] + [border(rng)] * 3)
            value = (rng.choice([*places, *places, None, NOWHERE]), rng.choice(["red", "green", "blue", None]))
            version = Version(thing, value, occurred, occurred + delay(rng))
            if (value, occurred) not in spoken_of:  # ties in time, but one row per event_id
                spoken_of.add((value, occurred))
                tale.things.append(version)
        first = min(version.known_at for version in tale.things if version.entity == thing)
        for known in {border(rng) for _ in range(rng.choice([0, 0, 1, 1, 2]))}:
            if known > first:
                tale.departures.append((thing, known))
    tied = None
    for number in range(rng.randint(0, 12)):
        event_id, occurred = f"{prefix}e{number}", border(rng)
        thing, known = rng.choice([*things, *things, None]), occurred + delay(rng)
        if tied and rng.random() < 0.25:
            thing, occurred, known = tied
        tied = (thing, occurred, known)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            amount = rng.choice([Decimal("5.00"), Decimal("7.25"), Decimal(rng.randint(-500, 20000)).scaleb(-2)])
            version = Event(event_id, thing, amount, occurred, known, rng.random() < 0.15)
            tale.events += [version] * rng.choice([1, 1, 1, 1, 1, 2])  # loaded twice
            # corrected: the amount, when it happened, whose it was, or that it ever was
            known += max(delay(rng), MICROSECOND)
            occurred = rng.choice([occurred, occurred, min(border(rng), known)])
            thing = rng.choice([thing, thing, thing, *things])
    for number in range(rng.randint(4, 12)):
        tale.examples.append(example(rng, f"{prefix}x{number}", [*things, f"{prefix}stranger"]))


def example(rng: random.Random, row_id: str, things: list[str]) -> LabelledRequest:
    """Asked on or beside the border of a publication, of a backfilled moment's, or of somebody's max_age."""
    by_number = rng.random() < 0.15
    publication = rng.choice(PUBLICATIONS)
    starts = [(p.published_at, p.as_of, p.max_age) for p in PUBLICATIONS]
    starts += [(moment + LAG, dict.fromkeys(MAX_AGE, moment), MAX_AGE) for moment in rng.sample(BACKFILL, 8)]
    published_at, as_of, max_age = rng.choice(starts)
    if by_number:
        published_at, as_of, max_age = publication.published_at, publication.as_of, publication.max_age
    at = rng.choice(
        [
            published_at,
            *(as_of[group] + max_age[group] for group in MAX_AGE),
            published_at + timedelta(seconds=rng.randint(0, 9000)),
        ]
    )
    at += rng.choice([-1, 0, 0, 1]) * MICROSECOND
    if by_number:
        at = max(at, published_at)
    at = min(at, BUILDS[-1] - MICROSECOND)
    return replace(request(rng, row_id, things, at, AMOUNTS), number=publication.number * by_number or None)


AMOUNTS = [AMOUNT_RANGE[0], Decimal("12.50"), AMOUNT_RANGE[1]]
TOO_MUCH = [AMOUNT_RANGE[0] - Decimal("0.01"), AMOUNT_RANGE[1] + Decimal("0.01")]


def request(
    rng: random.Random, row_id: str, things: list[str], at: datetime, amounts: list[Decimal]
) -> LabelledRequest:
    thing, other = rng.choice(things), rng.choice(things)
    return LabelledRequest(row_id, thing, other, at, rng.choice(amounts), rng.choice([None, "blue"]))


def make_up() -> Tale:
    rng, tale = random.Random(SEED), Tale()
    for number in range(WORLDS):
        little_world(rng, number, tale)
    before = BACKFILL[0] + LAG - MICROSECOND  # there is no snapshot yet
    tale.examples.append(request(rng, "before all", [tale.things[0].entity], before, AMOUNTS))
    return tale


# -------------------------------------------------------------------------------------------------- the oracle


def last_event(event_id: str) -> UUID | str:
    """Spark has no uuid."""
    digest = hashlib.md5(event_id.encode()).hexdigest()
    return digest if ENGINE == "spark" else UUID(digest)


def last_said(versions: list[Version], entity: str | int, moment: datetime) -> tuple | None:
    known = [v for v in versions if v.entity == entity and v.occurred_at <= moment and v.known_at <= moment]
    return max(known, key=lambda v: (v.occurred_at, v.known_at, v.event_id)).value if known else None


class Oracle:
    """What each group was at a moment, from the lists alone; None where there is no point."""

    def __init__(self, tale: Tale) -> None:
        self.tale = tale
        self.things = {version.entity for version in tale.things}
        self.places = {version.entity for version in tale.places}
        self._of: dict[str | int, list[Version]] = {}
        for version in tale.things + tale.places:
            self._of.setdefault(version.entity, []).append(version)
        self._events: dict[str, list[Event]] = {}
        for event in tale.events:
            self._events.setdefault(event.event_id.split("e")[0], []).append(event)
        self._left: dict[str, list[datetime]] = {}
        for thing, known_at in tale.departures:
            self._left.setdefault(thing, []).append(known_at)

    def is_there(self, thing: str, moment: datetime) -> bool:
        """Something was said of it since it last went."""
        left = [known for known in self._left.get(thing, []) if known <= moment]
        since = max(left, default=datetime.min.replace(tzinfo=UTC))
        return any(since <= version.known_at <= moment for version in self._of.get(thing, []))

    def thing(self, thing: str, moment: datetime) -> dict[str, Any] | None:
        if not self.is_there(thing, moment):
            return None
        place, color = last_said(self._of[thing], thing, moment) or (None, None)
        seen = self.events_of(thing, moment)
        return {
            "place_id": place,
            "color": color,
            "events_lifetime": len(seen),
            "events_30d": sum(event.occurred_at > moment - WINDOW for event in seen),
            "amount_total": sum((event.amount for event in seen), Decimal(0)) if seen else None,
            "last_event_at": max((event.occurred_at for event in seen), default=None),
        }

    def events_of(self, thing: str, moment: datetime) -> list[Event]:
        """Of each event the last version known, if it still says that it happened, by then, to this thing; in order."""
        as_known: dict[str, Event] = {}
        for event in sorted(self._events.get(thing.split("t")[0], []), key=lambda event: event.known_at):
            if event.known_at <= moment:
                as_known[event.event_id] = event
        seen = [e for e in as_known.values() if e.thing == thing and not e.is_retracted and e.occurred_at <= moment]
        return sorted(seen, key=lambda event: (event.occurred_at, event.known_at, event.event_id))

    def activity(self, thing: str, moment: datetime) -> dict[str, Any] | None:
        if not self.is_there(thing, moment):
            return None
        row: dict[str, Any] = {}
        for name, length in (("2h", SHORT), ("30d", WINDOW), ("lifetime", None)):
            amounts = [e.amount for e in self.events_of(thing, moment) if not length or e.occurred_at > moment - length]
            row |= {
                f"count_{name}": len(amounts),
                f"sum_{name}": sum(amounts, Decimal(0)) if amounts else None,
                f"mean_{name}": mean(amounts, 2),
                f"min_{name}": min(amounts, default=None),
                f"max_{name}": max(amounts, default=None),
                f"distinct_{name}": len(set(amounts)),
                f"last_{name}": amounts[-1] if amounts else None,
                f"minus_{name}": -float(len(amounts)) + 0.0,  # never -0.0
            }
        seen = self.events_of(thing, moment)
        return row | {
            "recency": row["count_lifetime"],
            "sequence_number": row["count_2h"],
            "superseded_at": max((event.occurred_at for event in seen), default=None),
            "named_publication": seen[-1].event_id if seen else None,
            "is_backfilled": len(seen) > 3,
            "last_event": last_event(seen[-1].event_id) if seen else None,
        }

    def pulse(self, thing: str, moment: datetime) -> dict[str, Any] | None:
        row = self.activity(thing, moment)
        return row and {"beats": row["count_2h"], "strength": row["last_lifetime"]}

    def place(self, place: int, moment: datetime) -> dict[str, Any] | None:
        if not any(version.known_at <= moment for version in self._of.get(place, [])):
            return None
        (size,) = last_said(self._of[place], place, moment)
        return {"size": size}

    def trained(self, service: OracleService, requested: LabelledRequest) -> dict[str, Any] | None:
        """The training row by the as-served rule; None without a snapshot, or where it is rejected."""
        publication = in_force(requested.at) if requested.number is None else PUBLICATIONS[requested.number - 1]
        standing = [moment for moment in BACKFILL if moment + LAG <= requested.at]
        if publication is None and not standing:
            return None
        if publication:
            as_of, max_age = publication.as_of, publication.max_age
        else:
            as_of, max_age = dict.fromkeys(MAX_AGE, max(standing)), MAX_AGE
        answer = self.answer(service, requested, as_of, max_age)
        if answer["status"] == "REJECTED":
            return None
        return {
            "row_id": requested.row_id,
            "prediction_time": requested.at,
            "sequence_number": publication.number if publication else None,
            "is_backfilled": publication is None,
            "status": answer["status"],
            "outcome": True,
            "label_known_at": requested.at,
            **service.keys(requested),
            **{f"{lookup}_status": status for lookup, status in answer["groups"].items()},
            **answer["features"],
        }

    def answer(
        self,
        service: OracleService,
        requested: LabelledRequest,
        as_of: dict[str, datetime],
        max_age: dict[str, timedelta],
    ) -> dict[str, Any]:
        """What the API answers of one row, from groups that each stand as of a moment."""
        found: dict[str, dict[str, Any] | None] = {}
        groups: dict[str, str] = {}
        for lookup, (group, key_of) in service.lookups.items():
            key = key_of(requested, found)
            found[lookup] = None if key is None else getattr(self, group)(key, as_of[group])
            is_stale = requested.at - as_of[group] > max_age[group]
            groups[lookup] = "NOT_FOUND" if found[lookup] is None else "STALE" if is_stale else "OK"
        stored = {lookup: row if groups[lookup] == "OK" else None for lookup, row in found.items()}
        features, rejected = service.features(requested, stored), []
        for name, value in features.items():
            low, high, is_nulled, rejects_null = service.rules.get(name, (None, None, False, False))
            is_outside = value is not None and (
                (low is not None and value < low) or (high is not None and value > high)
            )
            if is_outside and is_nulled:
                features[name] = None
            if (is_outside and not is_nulled) or (rejects_null and features[name] is None):
                rejected.append(name)
        if rejected:
            return {"status": "REJECTED", "groups": groups, "features": None, "rejected": rejected}
        if next(iter(groups.values())) == "NOT_FOUND":
            status = "NOT_FOUND"
        else:
            status = next((each for each in ("STALE", "NOT_FOUND") if each in groups.values()), "OK")
            status = "PARTIAL" if status == "NOT_FOUND" else status
        return {"status": status, "groups": groups, "features": features}


def of(stored: dict[str, Any] | None, name: str) -> Any:
    """A stored value, or null where its group is not OK."""
    return None if stored is None else stored[name]


def score(requested: LabelledRequest, stored: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    thing, activity = stored["thing"], stored["activity"]
    last, total, minus = of(thing, "last_event_at"), of(thing, "amount_total"), of(activity, "minus_2h")
    return {
        "color": requested.color if requested.color is not None else of(thing, "color"),
        "events_30d": of(thing, "events_30d") or 0,
        "amount_total": None if total is None else float(total),
        "hours_since_last_event": None if last is None else (requested.at - last).total_seconds() / 3600,
        "place_size": of(stored["place"], "size"),
        "request_amount": requested.amount,
        "is_known": thing is not None,
        **{as_: of(activity, name) for name, as_ in SERVED.items()},
        "turned": None if minus is None else -minus + 0.0,
    }


def beat(requested: LabelledRequest, stored: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    return {
        "beats": of(stored["pulse"], "beats"),
        "strength": of(stored["pulse"], "strength"),
        "beats_beside": of(stored["beside"], "beats"),
    }


def pair(requested: LabelledRequest, stored: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    one, two = (of(stored[each], "events_30d") for each in ("first", "second"))
    return {
        "first_color": of(stored["first"], "color"),
        "second_color": of(stored["second"], "color"),
        "more_at_second": None if one is None or two is None else two - one,
        "here_size": of(stored["here"], "size"),
        "there_size": of(stored["there"], "size"),
        "busy_recency": of(stored["busy"], "recency") or 0,
        "busy_mean_lifetime": of(stored["busy"], "mean_lifetime"),
        "here_is_ok": stored["here"] is not None,
    }


@dataclass(frozen=True)
class OracleService:
    """By hand. `lookups`: by alias, in order, the group and its key; `features`: from what is sent and what is stored
    in groups that are OK; `rules`: by column, least, most, whether it is null outside, whether null is rejected.
    """

    keys: Callable[[LabelledRequest], dict[str, str]]
    sent: Callable[[LabelledRequest], dict[str, Any]]
    lookups: dict[str, tuple[str, Callable[[LabelledRequest, dict[str, Any]], Any]]]
    features: Callable[[LabelledRequest, dict[str, dict[str, Any] | None]], dict[str, Any]]
    rules: dict[str, tuple[Any, Any, bool, bool]]


SERVICES = {
    "score": OracleService(
        keys=lambda requested: {"thing_id": requested.thing},
        sent=lambda requested: {"request_amount": requested.amount, "request_color": requested.color},
        lookups={
            "thing": ("thing", lambda requested, found: requested.thing),
            "activity": ("activity", lambda requested, found: requested.thing),
            "place": ("place", lambda requested, found: of(found["thing"], "place_id")),
        },
        features=score,
        rules={
            "color": (None, None, False, True),
            "place_size": (None, 2, True, False),
            "count_2h": (0, 2, False, False),
            "last_lifetime": (Decimal(5), Decimal(100), True, False),
        },
    ),
    "beat": OracleService(
        keys=lambda requested: {"thing_id": requested.thing, "other_id": requested.other},
        sent=lambda requested: {"request_amount": requested.amount},
        lookups={
            "pulse": ("pulse", lambda requested, found: requested.thing),
            "beside": ("pulse", lambda requested, found: requested.other),
        },
        features=beat,
        rules={
            "beats": (0, 1, False, False),
            "beats_beside": (0, 1, False, False),
            "strength": (Decimal(5), Decimal(100), False, False),
        },
    ),
    "pair": OracleService(
        keys=lambda requested: {"first_id": requested.thing, "second_id": requested.other},
        sent=lambda requested: {"request_amount": requested.amount},
        lookups={
            "first": ("thing", lambda requested, found: requested.thing),
            "second": ("thing", lambda requested, found: requested.other),
            "busy": ("activity", lambda requested, found: requested.other),
            "here": ("place", lambda requested, found: of(found["first"], "place_id")),
            "there": ("place", lambda requested, found: of(found["second"], "place_id")),
        },
        features=pair,
        rules={
            "more_at_second": (-3, 3, False, False),
            "busy_recency": (0, 5, True, True),  # null outside, and then missing
            "busy_mean_lifetime": (Decimal(-1), None, True, False),
        },
    ),
}
RANGES = {
    service: {
        name: f"{{{f'range: [{low}, {high}], out_of_range: null' if is_nulled else f'range: [{low}, {high}]'}"
        f"{', missing: reject' if rejects_null else ''}}}".replace("None", "null")
        for name, (low, high, is_nulled, rejects_null) in each.rules.items()
        if (low, high) != (None, None)
    }
    for service, each in SERVICES.items()
}


# --------------------------------------------------------------------------------------------------- the project

KINDS = {
    "count": ("count(event.event_id) filter (where {{ %s }})", "bigint"),
    "sum": ("sum(event.amount) filter (where {{ %s }})", "decimal(14,2)"),
    "mean": ("{{ asof.mean('event.amount', 2, where=%s) }}", "decimal(14,2)"),
    "min": ("min(event.amount) filter (where {{ %s }})", "decimal(12,2)"),
    "max": ("max(event.amount) filter (where {{ %s }})", "decimal(12,2)"),
    "distinct": ("count(distinct event.amount) filter (where {{ %s }})", "bigint"),
    "last": ("{{ last_of('event.amount', %s) }}", "decimal(12,2)"),
    "minus": ("-cast(count(event.event_id) filter (where {{ %s }}) as float)", "float"),
}
WINDOWS = {
    "2h": "asof.within('event', '2 hours')",
    "30d": "asof.within('event', '30 days')",
    "lifetime": "'event.event_id is not null'",
}
LAST_ID = "{{ last_of('event.event_id', 'true') }}"
LAST_OF = """
{% macro last_of(x, where) %}{{ return(adapter.dispatch('last_of')(x, where)) }}{% endmacro %}

{% macro default__last_of(x, where) -%}
    last({{ x }} {{ asof.in_order('event') }}) filter (where {{ where }})
{%- endmacro %}

{% macro spark__last_of(x, where) -%}
    max_by({{ x }}, struct(event.occurred_at, event.known_at, event.event_id)) filter (where {{ where }})
{%- endmacro %}
"""
NAMED = {  # but for the last one, what the machinery once called columns of its own
    "recency": ("count(event.event_id)", "bigint"),
    "sequence_number": (f"count(event.event_id) filter (where {{{{ {WINDOWS['2h']} }}}})", "bigint"),
    "superseded_at": ("max(event.occurred_at)", "timestamptz"),
    "named_publication": (LAST_ID, "varchar"),
    "is_backfilled": ("count(event.event_id) > 3", "boolean"),
    "last_event": (f"cast(md5({LAST_ID}) as uuid)", "uuid") if ENGINE != "spark" else (f"md5({LAST_ID})", "varchar"),
}
ACTIVITY = {f"{kind}_{name}": type_ for name in WINDOWS for kind, (_, type_) in KINDS.items()}
ACTIVITY |= {name: type_ for name, (_, type_) in NAMED.items()} | {"sum_lifetime": "decimal(38,2)"}
SERVED = {name: name for name in ["count_2h", "mean_30d", "last_lifetime", "minus_2h", "sum_lifetime", *NAMED]}
SERVED |= {"sequence_number": "seq", "is_backfilled": "filled"}  # what a training set has beside the features


def add_activity(world: World) -> None:
    """A feature group with every common aggregate over two windows and over all, looked up by the service too."""
    selected = ["point.thing_id", "point.as_of"]
    for name, within in WINDOWS.items():
        selected += [
            f"cast({sql % within} as {ACTIVITY[f'{kind}_{name}']}) as {kind}_{name}" for kind, (sql, _) in KINDS.items()
        ]
    selected += [f"{sql} as {name}" for name, (sql, _) in NAMED.items()]
    models = world.folder / "models"
    (models / "features" / "activity_v1.sql").write_text(
        f"select {', '.join(selected)} from {{{{ asof.points(ref('things')) }}}} as point\n"
        "{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id', corrected=true) }} group by 1, 2\n"
    )
    (models / "history" / "activity_v1_history.sql").write_text("{{ asof.history() }}\n")
    (models / "online" / "activity_v1_latest.sql").write_text("{{ asof.latest() }}\n")
    columns = {"thing_id": "varchar", "as_of": "timestamptz"} | ACTIVITY
    (models / "features" / "activity.yml").write_text(
        "models:\n  - name: activity\n    latest_version: 1\n    description: What a thing did.\n"
        "    config: {meta: {owner: tests, max_age: 80 minutes}}\n    data_tests: [asof.feature_group]\n    columns:\n"
        + "".join(f'      - {{name: {c}, data_type: "{t}", description: As named.}}\n' for c, t in columns.items())
        + "    versions: [{v: 1}]\n"
    )
    world.replace("models/services/score_v1_rows.sql", "'place@1'", "'place@1', 'activity@1'")
    served = ", ".join(f"{name} as {as_}" for name, as_ in SERVED.items())
    world.replace(
        "models/services/score_v1.sql", "as is_known\n", f"as is_known, {served}, -cast(minus_2h as double) as turned\n"
    )
    columns = {as_: ACTIVITY[name] for name, as_ in SERVED.items()} | {"turned": "double"}
    world.replace(
        "models/services/score.yml", "    versions:", columns_yaml(columns, **RANGES["score"]) + "    versions:"
    )
    world.replace(
        "models/services/score.yml",
        "Size of its place.}",
        f"Size., config: {{meta: {RANGES['score']['place_size']}}}}}",
    )
    low, high = AMOUNT_RANGE
    world.replace(
        "models/services/score.yml",
        '"decimal(12,2)", description: Sent along.}',
        f'"decimal(12,2)", description: Sent along., config: {{meta: {{range: [{low}, {high}]}}}}}}',
    )


def add_beat(world: World) -> None:
    """A component of its own, over the same entity: a group, and a service that looks it up twice."""
    columns = {"thing_id": "varchar", "as_of": "timestamptz", "beats": "bigint", "strength": "decimal(12,2)"}
    sent = {"row_id": "varchar", "thing_id": "varchar", "other_id": "varchar", "request_amount": "decimal(12,2)"}
    times = {"prediction_time": "timestamptz", "label_known_at": "timestamptz"}
    examples = columns_yaml(
        sent | times | {"outcome": "boolean", "sequence_number": "bigint"},
        outcome="{label: true}",
        request_amount=f"{{range: [{AMOUNT_RANGE[0]}, {AMOUNT_RANGE[1]}]}}",
    )
    features = {"row_id": "varchar", "beats": "bigint", "strength": "decimal(12,2)", "beats_beside": "bigint"}
    version = "    versions: [{v: 1}]\n"
    (count, _), (last, _) = KINDS["count"], KINDS["last"]
    group = "{meta: {owner: tests, max_age: 70 minutes}}"
    service = "{meta: {owner: tests, lookups: {beside: other_id}}}"
    write(
        world,
        {
            "features/pulse_v1.sql": "select point.thing_id, point.as_of,\n"
            f"    {count % WINDOWS['2h']} as beats, cast({last % WINDOWS['lifetime']} as decimal(12, 2)) as strength\n"
            "from {{ asof.points(ref('things')) }} as point\n"
            "{{ asof.left_join_known(ref('stg_events'), as='event', on='thing_id', corrected=true) }} group by 1, 2\n",
            "features/pulse.yml": "models:\n"
            + model_yaml("pulse", "How a thing beats.", group, "feature_group", columns_yaml(columns), version),
            "history/pulse_v1_history.sql": "{{ asof.history() }}\n",
            "online/pulse_v1_latest.sql": "{{ asof.latest() }}\n",
            "services/beat_examples.sql": "select row_id, thing_id, other_id, request_amount, prediction_time,\n"
            "    outcome, label_known_at, sequence_number\nfrom {{ source('raw', 'examples') }}\n",
            "services/beat_v1_rows.sql": "{{ asof.rows(['pulse@1', 'pulse@1 as beside']) }}\n",
            "services/beat_v1.sql": "select row_id, beats, strength, beside_beats as beats_beside\n"
            "from {{ ref('beat_v1_rows') }}\n",
            "services/beat.yml": "models:\n"
            + model_yaml("beat_examples", "One row per request.", "{materialized: table}", "examples", examples)
            + model_yaml(
                "beat", "One row per two.", service, "service", columns_yaml(features, **RANGES["beat"]), version
            ),
            "training/beat_v1_training.sql": "{{ asof.training() }}\n",
        },
    )
    (world.folder / "tests").mkdir(exist_ok=True)
    for name, (_, _, refers_to) in COMPONENTS.items():
        (world.folder / "tests" / f"fails_{name}.sql").write_text(
            f"select 1 as problem where '{{{{ env_var('FAIL', '') }}}}' = '{name}' -- {{{{ {refers_to} }}}}\n"
        )


def add_pair(world: World) -> None:
    """A service that looks up things and places twice, and activity under an alias."""
    rows = ["thing@1 as first", "thing@1 as second", "place@1 as here", "place@1 as there", "activity@1 as busy"]
    lookups = "{first: first_id, second: second_id, here: first.place_id, there: second.place_id, busy: second_id}"
    times = {"prediction_time": "timestamptz", "label_known_at": "timestamptz"}
    sent = {"row_id": "varchar", "first_id": "varchar", "second_id": "varchar", "request_amount": "decimal(12,2)"}
    features = {
        "first_color": "varchar",
        "second_color": "varchar",
        "more_at_second": "bigint",
        "here_size": "integer",
        "there_size": "integer",
        "busy_recency": "bigint",
        "busy_mean_lifetime": "decimal(14,2)",
        "here_is_ok": "boolean",
    }
    examples = columns_yaml(
        sent | times | {"outcome": "boolean", "sequence_number": "bigint"},
        outcome="{label: true}",
        request_amount=f"{{range: [{AMOUNT_RANGE[0]}, {AMOUNT_RANGE[1]}]}}",
    )
    write(
        world,
        {
            "services/pair_examples.sql": "select row_id, thing_id as first_id, other_id as second_id,\n"
            "    request_amount, prediction_time, outcome, label_known_at, sequence_number\n"
            "from {{ source('raw', 'examples') }}\n",
            "services/pair_v1_rows.sql": f"{{{{ asof.rows({rows}) }}}}\n",
            "services/pair_v1.sql": "select row_id, first_color, second_color, here_size, there_size,\n"
            "    second_events_30d - first_events_30d as more_at_second,\n"
            "    coalesce(busy_recency, 0) as busy_recency, busy_mean_lifetime, here_status = 'OK' as here_is_ok\n"
            "from {{ ref('pair_v1_rows') }}\n",
            "services/pair.yml": "models:\n"
            + model_yaml("pair_examples", "One row per request.", "{materialized: table}", "examples", examples)
            + model_yaml(
                "pair",
                "One row per two things.",
                f"{{meta: {{owner: tests, lookups: {lookups}}}}}",
                "service",
                columns_yaml({"row_id": "varchar", **features}, **RANGES["pair"]),
                "    versions: [{v: 1}]\n",
            ),
            "training/pair_v1_training.sql": "{{ asof.training() }}\n",
        },
    )


@dataclass
class Answered:
    """One answered row, and the oracle's; with numbers as they are spelled."""

    service: str
    requested: LabelledRequest
    row: dict[str, Any]
    expected: dict[str, Any]


class Asking:
    """Asks the API, its log on, about every thing at a time, in all services."""

    def __init__(self, world: World, oracle: Oracle) -> None:
        self.world, self.oracle = world, oracle
        self.rng = random.Random(SEED)
        self.answers: list[Answered] = []
        self.refused = 0

    def ask(self, publication: OraclePublication, at: datetime) -> None:
        things = [*sorted(self.oracle.things), "stranger"]
        requests = [
            replace(
                request(self.rng, "", things, max(at, publication.published_at), 3 * AMOUNTS + TOO_MUCH), thing=thing
            )
            for thing in things
        ]
        with self.world.shim(f"{at:%Y-%m-%d %H:%M:%S.%f}", is_logged=True) as client:
            for name, service in SERVICES.items():

                def post(some: list[LabelledRequest], name: str = name, service: OracleService = service) -> Any:
                    entities = [service.keys(each) | service.sent(each) for each in some]
                    body = json.dumps({"entities": entities}, default=float)
                    return client.post(f"/v1/services/{name}", data=body, content_type="application/json")

                outside = [number for number, each in enumerate(requests) if each.amount in TOO_MUCH]
                refused = post(requests)
                assert refused.status_code == 422
                detail = "lies outside its declared range"
                assert [(each["pointer"], each["detail"]) for each in refused.get_json()["errors"]] == [
                    (f"/entities/{number}/request_amount", detail) for number in outside[:ERRORS]
                ]
                self.refused += len(outside)
                taken = [each for each in requests if each.amount not in TOO_MUCH]
                answer = post(taken)
                assert answer.status_code == 200, answer.get_data(as_text=True)
                decoder = json.JSONDecoder(parse_float=Number, parse_int=Number)
                decoded = decoder.decode(answer.get_data(as_text=True))
                assert decoded["sequence_number"] == str(publication.number)
                for requested, row in zip(taken, decoded["rows"], strict=True):
                    expected = self.oracle.answer(service, requested, publication.as_of, publication.max_age)
                    self.answers.append(Answered(name, requested, row, expected))


@dataclass
class BuiltOracle:
    world: World
    oracle: Oracle
    asking: Asking


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> Iterator[BuiltOracle]:
    """The tale in a project, run on a machine in New York (or TZ): backfilled, built, rolled back, released, built in
    parts.
    """
    with engine_of_oracle() as made:
        yield build_oracle(made(tmp_path_factory.mktemp("oracle") / "world", template=parsed_world))


@contextmanager
def engine_of_oracle() -> Iterator[Callable[..., World]]:
    """What makes the project: on DuckDB, or where ENGINE says so on a server of that engine."""
    if not ENGINE:
        yield World
        return
    if ENGINE == "spark":
        from tests.spark import SparkWorld
        from tests.spark import running as running_spark

        with running_spark() as cluster:
            yield partial(SparkWorld, cluster=cluster)
        return
    from tests.postgres import LAST, PostgresWorld, running

    with running() as server:
        server.execute(LAST)
        yield partial(PostgresWorld, server=server)


def build_oracle(world: World) -> BuiltOracle:
    tale = make_up()
    oracle = Oracle(tale)
    asking = Asking(world, oracle)
    make_project(world)
    world.add(
        "things",
        *[(v.entity, *v.value, v.occurred_at, v.known_at, f"{v.event_id} {v.occurred_at}") for v in tale.things],
    )
    world.add("departures", *[(thing, known, known) for thing, known in tale.departures])
    world.add("places", *[(v.entity, *v.value, v.occurred_at, v.known_at) for v in tale.places])
    world.add(
        "events",
        *[(e.event_id, e.thing, e.amount, e.occurred_at, e.known_at, e.is_retracted) for e in tale.events],
    )
    zone = {"TZ": os.environ.get("TZ", "America/New_York")}
    every = f"{EVERY.total_seconds():.0f} seconds"
    first, second, rolled_back, third, last = PUBLICATIONS
    world.backfill("2024-02-29T00:00", "2024-04-03T00:00", every, now="2024-04-03 09:00", **zone)
    world.dbt("build", now="2024-04-03 10:00", **zone)
    asking.ask(first, BUILDS[0])  # by a clock that is behind the builder's
    asking.ask(first, BUILDS[0] + MAX_AGE["activity"] + MICROSECOND)
    PARTS[0].run(world, "2024-04-03 12:00", **zone)
    asking.ask(second, BUILDS[1] + timedelta(minutes=10))
    world.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2024-04-03 12:30", **zone)
    asking.ask(rolled_back, ROLLBACK)
    world.dbt("run-operation", "release", now="2024-04-03 13:00", **zone)
    world.replace("models/features/place.yml", "max_age: 45 minutes", "max_age: 3 hours")
    PARTS[1].run(world, "2024-04-03 14:00", **zone)
    asking.ask(third, BUILDS[2] + timedelta(minutes=10))
    PARTS[2].run(world, "2024-04-03 15:00", **zone)
    for group, beyond in (("activity", 0), ("thing", 0), ("pulse", 1), ("place", 1)):
        asking.ask(last, last.as_of[group] + LATER_MAX_AGE[group] + beyond * MICROSECOND)
    world.add(
        "examples",
        *[(x.row_id, x.thing, x.at, x.amount, x.color, True, x.at, x.number, x.other) for x in tale.examples],
    )
    world.dbt("build", now="2024-04-03 19:00", **zone)
    return BuiltOracle(world, oracle, asking)


def make_project(world: World) -> None:
    """The small project, with what the tale needs."""
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 100 minutes")
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 45 minutes")
    for file in ("thing", "place"):
        world.replace(f"models/features/{file}.yml", "place_id, data_type: varchar", "place_id, data_type: bigint")
    (world.folder / "macros" / "last_of.sql").write_text(LAST_OF)
    add_activity(world)
    add_pair(world)
    add_beat(world)
    # loaded twice; and a model that has the name of the known-joins
    world.replace("models/staging/stg_events.sql", "select event_id", "select distinct event_id")
    late = "cast('2100-01-01 00:00:00+00:00' as {{ asof.type_timestamptz() }})"
    names = f"is_retracted, {late} as superseded_at, 1 as recency"
    world.replace("models/staging/stg_events.sql", "is_retracted", names)
    # several versions may have occurred at one time: told apart, and ordered, by what they say
    world.replace(
        "models/staging/stg_things.sql",
        "thing_id || ' ' || {{ asof.time_text('occurred_at') }} as event_id",
        "said as event_id",
    )
    name_publications(world)
    for change in (
        "things alter place_id type bigint",
        "places alter place_id type bigint",
        "things add column said varchar",
        "examples add column other_id varchar",
    ):
        world.execute(f"alter table raw.{change}")


def up_to_last_bit(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same, where a quotient of doubles may be off by its last bits: engines differ in them."""
    if row is None:
        return None
    return {
        name: pytest.approx(value, rel=1e-14) if name.startswith("hours_since_") and value is not None else value
        for name, value in row.items()
    }


def typed(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Each value beside its type, and with its sign: 0.0 and -0.0 differ, and so do 1 and Decimal(1)."""
    if row is None:
        return None
    return {name: (type(value), str(value).startswith("-")) for name, value in row.items()}


@pytest.mark.parametrize("group", ["thing", "place", "activity", "pulse"])
def test_history_at_every_moment_equals_the_oracle(built: BuiltOracle, group: str) -> None:
    """Every aggregate over every window, and last attributes, of every entity at every backfilled and live moment."""
    world, oracle = built.world, built.oracle
    entity_name = "place" if group == "place" else "thing"
    by_hand = getattr(oracle, group)
    names = {
        "thing": ["place_id", "color", "events_lifetime", "events_30d", "amount_total", "last_event_at"],
        "place": ["size"],
        "activity": list(ACTIVITY),
        "pulse": ["beats", "strength"],
    }[group]
    rows: dict[str, list[tuple]] = {}
    for key, as_of, is_tombstone, *values in world.history(
        group, f"{entity_name}_id, as_of, is_tombstone, {', '.join(names)}"
    ):
        rows.setdefault(key, []).append((as_of, None if is_tombstone else dict(zip(names, values, strict=True))))
    found = gone = 0
    for entity in getattr(oracle, f"{entity_name}s"):
        for moment in moments_of(group):
            stored = [row for as_of, row in rows.get(entity, []) if as_of <= moment]
            expected = by_hand(entity, moment)
            assert (stored[-1] if stored else None) == up_to_last_bit(expected), (entity, moment)
            assert typed(stored[-1] if stored else None) == typed(expected), (entity, moment)
            found += bool(stored and stored[-1])
            gone += bool(stored and stored[-1] is None)
    assert rows.keys() <= getattr(oracle, f"{entity_name}s")
    assert found > 1000
    assert gone > 100 or group == "place"


@pytest.mark.parametrize("group", ["thing", "activity", "pulse"])
def test_history_holds_changes_only(built: BuiltOracle, group: str) -> None:
    """A row where something appeared, changed or went, and no other; no entity begins with a tombstone."""
    before: dict[str, Any] = {}
    for thing, as_of in built.world.history(group, "thing_id, as_of"):
        row = getattr(built.oracle, group)(thing, as_of)
        assert row != before.get(thing), (thing, as_of)
        before[thing] = row


@pytest.mark.parametrize("service", SERVICES)
def test_training_equals_the_oracle_by_the_as_served_rule(built: BuiltOracle, service: str) -> None:
    """Which publication or backfilled moment, found or not, stale or not, through the link or not, and every value."""
    training, examples = built.world.training(f"{service}_v1"), built.oracle.tale.examples
    seen: Counter[tuple] = Counter()
    for requested in examples:
        expected = built.oracle.trained(SERVICES[service], requested)
        found = training.get(requested.row_id)
        assert found == up_to_last_bit(expected), requested
        assert typed(found) == typed(expected), requested
        if expected:
            seen[expected["status"], expected["is_backfilled"]] += 1
    # every status, backfilled and live, or this proves little
    statuses = {(status, back) for status in ("OK", "PARTIAL", "STALE", "NOT_FOUND") for back in (True, False)}
    assert {kind for kind, count in seen.items() if count >= 5} == statuses
    assert any(requested.at < BACKFILL[0] + LAG for requested in examples)  # without a snapshot
    assert len(examples) / 2 < len(training) < len(examples)
    print(f"{service}: {len(examples)} examples, {len(training)} training rows compared, {dict(seen)}")


def test_answers_equal_the_oracle(built: BuiltOracle) -> None:
    """Status, the groups' statuses, what is rejected, and every value as JSON spells it; parity finds the same."""
    seen: Counter[tuple] = Counter()
    for each in built.asking.answers:
        row, expected, where = dict(each.row), dict(each.expected), (each.service, each.requested)
        seen[each.service, row["status"]] += 1
        if expected["features"] is not None:
            expected["features"] = {name: spelled(value) for name, value in expected["features"].items()}
            hours = [
                features.pop("hours_since_last_event", None) for features in (row["features"], expected["features"])
            ]
            assert (hours[0] is None) == (hours[1] is None), where
            assert hours[0] is None or float(hours[0]) == pytest.approx(float(hours[1]), rel=1e-14), where
        assert row == expected, where
    statuses = ("OK", "PARTIAL", "STALE", "NOT_FOUND", "REJECTED")
    assert {kind for kind, count in seen.items() if count >= 20} == {
        (s, status) for s in SERVICES for status in statuses
    }
    assert built.asking.refused > 200
    parity = built.world.query("select parity, count(*) from asof_requests group by 1")
    assert parity == [("same", len(built.asking.answers))]
    print(f"{len(built.asking.answers)} answers compared, {built.asking.refused} rows refused, {dict(seen)}")


# --------------------------------------------------------------------------------------------------- the way out


@pytest.fixture(scope="module")
def repository(built: BuiltOracle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `asof feast` writes."""
    folder = tmp_path_factory.mktemp("feast") / "it's" / "new"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in built.world.environment("2024-04-03 19:00").items():
            patch.setenv(name, value)
        assert main(["feast", "--to", str(folder), "--project", str(built.world.folder)]) == 0
    return folder


def test_the_last_row_served_by_then_is_what_was_looked_up(built: BuiltOracle, repository: Path) -> None:
    """By Feast's rule alone, an entity's last row at or before a time, and the SQL written beside it: stored values as
    in the rows, answers as in training. (`make feast` has Feast itself look.)
    """
    world, oracle = built.world, built.oracle
    # Feast knows of the time only: examples that name another publication than the newest are left aside
    requested = [x for x in oracle.tale.examples if x.number is None or PUBLICATIONS[x.number - 1] == in_force(x.at)]
    assert len(requested) > len(oracle.tale.examples) / 2
    groups = {"thing": "thing_id", "place": "place_id", "activity": "thing_id"}
    answered = check_exported(world, repository, groups, [x.row_id for x in requested])
    assert {row["status"] for row in answered.values()} == {"OK", "STALE", "PARTIAL", "NOT_FOUND"}


def test_the_definitions_are_python_and_say_what_the_manifest_says(repository: Path) -> None:
    parsed = ast.parse((repository / "definitions.py").read_text())
    made = {
        each.targets[0].id: {key.arg: ast.unparse(key.value) for key in each.value.keywords}
        for each in parsed.body
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
    }
    assert [name for name in made if name.endswith("_v1")] == [
        *("activity_v1", "place_v1", "pulse_v1", "thing_v1", "beat_v1", "pair_v1", "score_v1")
    ]
    assert made["thing_id_entity"]["value_type"] == "ValueType.STRING"
    place, score = made["place_v1"], made["score_v1"]
    assert (place["description"], place["owner"]) == ("'One row per place and moment.'", "'tests'")
    assert place["entities"] == "[place_id_entity]"
    assert "Field(name='size', dtype=Int32, description='How large.')" in place["schema"]
    assert "'asof_max_age_seconds': '10800'" in place["tags"]
    assert "dtype=Decimal" in made["thing_v1"]["schema"]
    assert score["features"] == "[thing_v1, activity_v1, place_v1]"
    assert "'asof_sql': 'services/score_v1.sql'" in score["tags"]
    for data in ("activity_v1", "place_v1", "thing_v1"):
        assert f"path='data/{data}.parquet'" in made[data]["source"]
        assert (repository / f"data/{data}.parquet").exists()
    text = (repository / "README.md").read_text()
    assert "| `score_v1` | `thing_v1` `activity_v1` `place_v1` | request_amount (decimal(12,2)) request_color" in text
    assert "place_id: place_id of thing" in text


def test_nothing_is_written_over_and_nothing_is_left_of_a_refused_export(
    built: BuiltOracle,
    repository: Path,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refusal(to: Path, **environment: str) -> str:
        for name, value in (world.environment("2024-04-03 19:00") | environment).items():
            monkeypatch.setenv(name, value)
        assert main(["feast", "--to", str(to), "--project", str(world.folder)]) == 2
        return capsys.readouterr().err

    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}
    assert f"no Feast repository: {repository} is there already, and not empty: name another" in refusal(repository)
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before
    assert "nothing was published yet in published" in refusal(tmp_path / "new")
    said = refusal(tmp_path / "new", ASOF_PUBLISHED=str(built.world.folder / "published"))  # another warehouse's
    assert "the publication record ends at 0 but" in said
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


# --------------------------------------------------------------------------------------------------- what was told


def test_the_tale_holds_every_kind_of_trouble(built: BuiltOracle) -> None:
    """Counted in the lists themselves: without them the tests above would prove little."""
    world, oracle = built.world, built.oracle
    tale = oracle.tale
    versions: dict[str, list[Event]] = {}
    for event in dict.fromkeys(tale.events):
        versions.setdefault(event.event_id, []).append(event)
    lives = [[oracle.is_there(thing, moment) for moment in MOMENTS] for thing in oracle.things]
    ends = {end: {moment - end for moment in MOMENTS} for end in (timedelta(0), SHORT, WINDOW)}

    def at(times: Iterable[datetime], end: timedelta, beside: timedelta) -> int:
        return sum(time - beside in ends[end] for time in times)

    occurred = [event.occurred_at for event in dict.fromkeys(tale.events) if event.thing]
    known = [event.known_at for event in dict.fromkeys(tale.events) if event.thing]
    pairs = [pair for of_one in versions.values() for pair in pairwise(of_one)]
    ties = Counter((e.thing, e.occurred_at, e.known_at) for e, *_ in versions.values() if e.thing)
    counts = {
        "late": sum(any(e.occurred_at <= m < e.known_at for m in MOMENTS) for e in tale.events),
        "amount corrected": sum(a.amount != b.amount for a, b in pairs),
        "time corrected": sum(a.occurred_at != b.occurred_at for a, b in pairs),
        "thing corrected": sum(a.thing != b.thing for a, b in pairs),
        "retracted": sum(b.is_retracted and not a.is_retracted for a, b in pairs),
        "restored": sum(a.is_retracted and not b.is_retracted for a, b in pairs),
        "tied": sum(count for count in ties.values() if count > 1),
        "loaded twice": len(tale.events) - len(set(tale.events)),
        "without a thing": sum(event.thing is None for event in tale.events),
        "going": sum(a and not b for life in lives for a, b in pairwise(life)),
        "coming": sum(b and not a for life in lives for a, b in pairwise(life)),
        "coming back": sum(life[life.index(True) :].count(False) > 0 and life[-1] for life in lives if True in life),
        "on the leap day": sum(LEAP_DAY <= time < LEAP_DAY + timedelta(days=1) for time in occurred),
        "as clocks change in New York": sum(abs(time - CLOCK_CHANGES[0]) <= timedelta(hours=1) for time in occurred),
        "as clocks change in Berlin": sum(abs(time - CLOCK_CHANGES[1]) <= timedelta(hours=1) for time in occurred),
        "just known": at(known, timedelta(0), timedelta(0)),
        "just not known": at(known, timedelta(0), MICROSECOND),
        "at the near end": at(occurred, timedelta(0), timedelta(0)),
        "past the near end": at(occurred, timedelta(0), MICROSECOND),
        "at the far end of 2 hours": at(occurred, SHORT, timedelta(0)),
        "within the far end of 2 hours": at(occurred, SHORT, MICROSECOND),
        "at the far end of 30 days": at(occurred, WINDOW, timedelta(0)),
        "within the far end of 30 days": at(occurred, WINDOW, MICROSECOND),
    }
    assert min(counts.values()) >= 10, counts
    ((raw, once),) = world.query("select (select count(*) from raw.events), (select count(*) from stg_events)")
    # of what stays on an engine, data health has the rows of 56 days
    since = BUILDS[-1] - timedelta(days=56)
    kept = [event for event in set(tale.events) if not ENGINE or since < event.known_at <= BUILDS[-1]]
    assert (raw, once) == (len(tale.events), len(kept))
