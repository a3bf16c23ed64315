"""History and training against plain Python over lists of events: no SQL is shared, and no rule is read off the models.

A hundred little worlds, told apart by the prefix of their ids, share one project. Each is random: late rows,
corrections, retractions, ties, events without a thing, things that go and come back, and times a microsecond around
every border.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.world import World

SEED = 20240229
WORLDS = 100
MICROSECOND = timedelta(microseconds=1)
LAG = timedelta(minutes=1)
WINDOW = timedelta(days=30)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Over a leap day and the changes of clocks in New York (March 10) and Berlin (March 31).
BACKFILL = [utc("2024-02-27 12:00") + n * timedelta(hours=84) for n in range(11)]
BUILDS = [utc("2024-04-03 10:00"), utc("2024-04-03 12:00"), utc("2024-04-03 14:00"), utc("2024-04-03 18:00")]
ROLLBACK = utc("2024-04-03 12:30")
MOMENTS = BACKFILL + BUILDS
MAX_AGE = {"thing": timedelta(minutes=100), "place": timedelta(minutes=45)}
LATER_MAX_AGE = {"thing": timedelta(minutes=100), "place": timedelta(hours=3)}


@dataclass(frozen=True)
class Publication:
    """What the shim had from `published_at` on: both groups as of one moment."""

    number: int
    published_at: datetime
    as_of: datetime
    max_age: dict[str, timedelta]


# A build under a frozen clock goes out a microsecond after its moment; the rollback brings back the first one's rows.
PUBLICATIONS = [
    Publication(1, BUILDS[0] + MICROSECOND, BUILDS[0], MAX_AGE),
    Publication(2, BUILDS[1] + MICROSECOND, BUILDS[1], MAX_AGE),
    Publication(3, ROLLBACK, BUILDS[0], MAX_AGE),
    Publication(4, BUILDS[2] + MICROSECOND, BUILDS[2], LATER_MAX_AGE),
]


@dataclass(frozen=True)
class Version:
    """What a source said of a thing or place (`value`: its attributes), and when that was known."""

    entity: str
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
class Example:
    row_id: str
    thing: str
    at: datetime
    color: str | None
    number: int | None  # the publication that its request log names


@dataclass
class Tale:
    """All that ever happened, of all little worlds together."""

    things: list[Version] = field(default_factory=list)
    departures: list[tuple[str, datetime]] = field(default_factory=list)  # thing, known_at
    places: list[Version] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


# --------------------------------------------------------------------------------------------------- making it up


def border(rng: random.Random) -> datetime:
    """A time on or right beside one that matters: a moment, the far end of its window, or anything between."""
    moment = rng.choice(MOMENTS)
    shift = rng.choice([timedelta(0), timedelta(0), -WINDOW, -timedelta(seconds=rng.randint(1, 40 * 86400))])
    return moment + shift + rng.choice([-1, 0, 0, 1]) * MICROSECOND


def delay(rng: random.Random) -> timedelta:
    return rng.choice(
        [timedelta(0), timedelta(0), MICROSECOND, timedelta(seconds=rng.randint(1, 7200)), timedelta(days=3.5), WINDOW]
    )


def little_world(rng: random.Random, prefix: str, tale: Tale) -> None:
    things = [f"{prefix}t{n}" for n in range(rng.randint(1, 3))]
    places = [f"{prefix}p{n}" for n in range(rng.randint(0, 2))]
    for place in places:
        for occurred in {border(rng) for _ in range(rng.randint(1, 3))}:
            size = rng.choice([None, 1, 2, 3])
            tale.places.append(Version(place, (size,), occurred, occurred + delay(rng)))
    for thing in things:
        spoken_of = set()
        for _ in range(rng.randint(1, 4)):
            occurred = rng.choice([version.occurred_at for version in tale.things[-1:]] + [border(rng)] * 3)
            value = (rng.choice([*places, *places, None, "nowhere"]), rng.choice(["red", "green", "blue", None]))
            version = Version(thing, value, occurred, occurred + delay(rng))
            if (value, occurred) not in spoken_of:  # ties in time, but one row per event_id
                spoken_of.add((value, occurred))
                tale.things.append(version)
        first = min(version.known_at for version in tale.things if version.entity == thing)
        for known in {border(rng) for _ in range(rng.choice([0, 0, 1, 1, 2]))}:
            if known > first:
                tale.departures.append((thing, known))
    for number in range(rng.randint(0, 12)):
        event_id, occurred = f"{prefix}e{number}", border(rng)
        thing, known = rng.choice([*things, *things, None]), occurred + delay(rng)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            amount = Decimal(rng.randint(-500, 20000)) / 100
            tale.events.append(Event(event_id, thing, amount, occurred, known, rng.random() < 0.15))
            # corrected: the amount, when it happened, whose it was, or that it ever was
            known += max(delay(rng), MICROSECOND)
            occurred = rng.choice([occurred, occurred, min(border(rng), known)])
            thing = rng.choice([thing, thing, thing, *things])
    for number in range(rng.randint(4, 12)):
        tale.examples.append(example(rng, f"{prefix}x{number}", [*things, f"{prefix}stranger"]))


def example(rng: random.Random, row_id: str, things: list[str]) -> Example:
    """Asked on or beside the border of a publication, of a backfilled moment's, or of somebody's max_age."""
    by_number = rng.random() < 0.15
    publication = rng.choice(PUBLICATIONS)
    starts = [(p.published_at, p.as_of, p.max_age) for p in PUBLICATIONS]
    starts += [(moment + LAG, moment, MAX_AGE) for moment in rng.sample(BACKFILL, 4)]
    published_at, as_of, max_age = rng.choice(starts)
    if by_number:
        published_at, as_of, max_age = publication.published_at, publication.as_of, publication.max_age
    at = rng.choice(
        [
            published_at,
            as_of + max_age["thing"],
            as_of + max_age["place"],
            published_at + timedelta(seconds=rng.randint(0, 9000)),
        ]
    )
    at += rng.choice([-1, 0, 0, 1]) * MICROSECOND
    if by_number:
        at = max(at, published_at)
    color = rng.choice([None, "blue"])
    return Example(
        row_id, rng.choice(things), min(at, BUILDS[-1] - MICROSECOND), color, publication.number * by_number or None
    )


def make_up() -> Tale:
    rng, tale = random.Random(SEED), Tale()
    for number in range(WORLDS):
        little_world(rng, f"w{number}-", tale)
    return tale


# -------------------------------------------------------------------------------------------------- the oracle


def last_said(versions: list[Version], entity: str, moment: datetime) -> tuple | None:
    known = [v for v in versions if v.entity == entity and v.occurred_at <= moment and v.known_at <= moment]
    return max(known, key=lambda v: (v.occurred_at, v.known_at, v.event_id)).value if known else None


class Oracle:
    """What each group was at a moment, from the lists alone; None where there is no point."""

    def __init__(self, tale: Tale) -> None:
        self.tale = tale
        self.things = {version.entity for version in tale.things}
        self.places = {version.entity for version in tale.places}
        self._of: dict[str, list[Version]] = {}
        for version in tale.things + tale.places:
            self._of.setdefault(version.entity, []).append(version)
        self._events: dict[str, list[Event]] = {}
        for event in tale.events:
            self._events.setdefault(event.event_id.split("e")[0], []).append(event)

    def is_there(self, thing: str, moment: datetime) -> bool:
        """Something was said of it since it last went."""
        left = [known for gone, known in self.tale.departures if gone == thing and known <= moment]
        since = max(left, default=datetime.min.replace(tzinfo=UTC))
        return any(since <= version.known_at <= moment for version in self._of.get(thing, []))

    def thing(self, thing: str, moment: datetime) -> dict[str, Any] | None:
        if not self.is_there(thing, moment):
            return None
        place, color = last_said(self._of[thing], thing, moment) or (None, None)
        as_known: dict[str, Event] = {}
        for event in sorted(self._events.get(thing.split("t")[0], []), key=lambda event: event.known_at):
            if event.known_at <= moment:
                as_known[event.event_id] = event
        seen = [event for event in as_known.values() if event.thing == thing and not event.is_retracted]
        return {
            "place_id": place,
            "color": color,
            "events_lifetime": len(seen),
            "events_30d": sum(event.occurred_at > moment - WINDOW for event in seen),
            "amount_total": sum((event.amount for event in seen), Decimal(0)) if seen else None,
            "last_event_at": max((event.occurred_at for event in seen), default=None),
        }

    def place(self, place: str, moment: datetime) -> dict[str, Any] | None:
        if not any(version.known_at <= moment for version in self._of.get(place, [])):
            return None
        (size,) = last_said(self._of[place], place, moment)
        return {"size": size}

    def answer(self, asked: Example) -> dict[str, Any] | None:
        """The training row by the as-served rule; None without a snapshot, or where it is rejected."""
        candidates = [p for p in PUBLICATIONS if p.published_at <= asked.at]
        publication = max(candidates, key=lambda p: p.number) if candidates else None
        if asked.number is not None:
            publication = PUBLICATIONS[asked.number - 1]
        if publication is not None:
            as_of, max_age = publication.as_of, publication.max_age
        else:
            standing = [moment for moment in BACKFILL if moment + LAG <= asked.at]
            if not standing:
                return None
            as_of, max_age = max(standing), MAX_AGE
        thing = self.thing(asked.thing, as_of)
        place = self.place(thing["place_id"], as_of) if thing and thing["place_id"] is not None else None

        def status(group: str, row: dict | None) -> str:
            if row is None:
                return "NOT_FOUND"
            return "STALE" if asked.at - as_of > max_age[group] else "OK"

        groups = {"thing": status("thing", thing), "place": status("place", place)}
        stored = (
            thing
            if groups["thing"] == "OK"
            else dict.fromkeys(["color", "events_30d", "amount_total", "last_event_at"])
        )
        color = asked.color if asked.color is not None else stored["color"]
        if color is None:
            return None
        if groups["thing"] == "NOT_FOUND":
            row_status = "NOT_FOUND"
        elif "STALE" in groups.values():
            row_status = "STALE"
        else:
            row_status = "PARTIAL" if groups["place"] == "NOT_FOUND" else "OK"
        last = stored["last_event_at"]
        total = stored["amount_total"]
        return {
            "row_id": asked.row_id,
            "thing_id": asked.thing,
            "prediction_time": asked.at,
            "sequence_number": publication.number if publication else None,
            "is_backfilled": publication is None,
            "status": row_status,
            "thing_status": groups["thing"],
            "place_status": groups["place"],
            "color": color,
            "events_30d": stored["events_30d"] or 0,
            "amount_total": None if total is None else float(total),
            "hours_since_last_event": None if last is None else (asked.at - last).total_seconds() / 3600,
            "place_size": place["size"] if groups["place"] == "OK" else None,
            "request_amount": Decimal("12.50"),
            "is_known": groups["thing"] == "OK",
            "outcome": True,
            "label_known_at": asked.at,
        }


# --------------------------------------------------------------------------------------------------- the project


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> tuple[World, Oracle]:
    """The tale in a project, run on a machine in New York: backfilled, built, rolled back, released and built again."""
    world, tale = World(tmp_path_factory.mktemp("oracle") / "world", template=parsed_world), make_up()
    world.replace("models/features/thing.yml", "max_age: 2 hours", "max_age: 100 minutes")
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 45 minutes")
    # several versions may have occurred at one time: told apart, and ordered, by what they say
    world.replace(
        "models/staging/stg_things.sql",
        "thing_id || ' ' || cast(occurred_at as varchar) as event_id",
        "said as event_id",
    )
    world.execute("alter table raw.things add column said varchar")
    world.execute("alter table raw.examples add column sequence_number bigint")
    world.replace("models/services/score_examples.sql", "label_known_at\n", "label_known_at, sequence_number\n")
    world.replace(
        "models/services/score.yml",
        "  - name: score\n",
        "      - {name: sequence_number, data_type: bigint, description: The publication that answered.}\n"
        "  - name: score\n",
    )
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
    zone = {"TZ": "America/New_York"}
    first, last = (moment.strftime("%Y-%m-%dT%H:%M") for moment in (BACKFILL[0], BACKFILL[-1]))
    world.backfill(first, last, "84 hours", now="2024-04-03 09:00", **zone)
    world.dbt("build", now="2024-04-03 10:00", **zone)
    world.dbt("build", now="2024-04-03 12:00", **zone)
    world.dbt("run-operation", "rollback", now="2024-04-03 12:30", **zone)
    world.dbt("run-operation", "release", now="2024-04-03 13:00", **zone)
    world.replace("models/features/place.yml", "max_age: 45 minutes", "max_age: 3 hours")
    world.dbt("build", now="2024-04-03 14:00", **zone)
    world.add("examples", *[(x.row_id, x.thing, x.at, 12.5, x.color, True, x.at, x.number) for x in tale.examples])
    world.dbt("build", now="2024-04-03 18:00", **zone)
    return world, Oracle(tale)


@pytest.mark.parametrize("group", ["thing", "place"])
def test_history_at_every_moment_equals_the_oracle(told: tuple[World, Oracle], group: str) -> None:
    """Counts, sums, windows, last attributes and maxima, of every entity at every backfilled and live moment."""
    world, oracle = told
    by_hand = oracle.thing if group == "thing" else oracle.place
    names = {
        "thing": ["place_id", "color", "events_lifetime", "events_30d", "amount_total", "last_event_at"],
        "place": ["size"],
    }[group]
    rows: dict[str, list[tuple]] = {}
    for key, as_of, is_tombstone, *values in world.history(
        group, f"{group}_id, as_of, is_tombstone, {', '.join(names)}"
    ):
        rows.setdefault(key, []).append((as_of, None if is_tombstone else dict(zip(names, values, strict=True))))
    found = gone = 0
    for entity in getattr(oracle, f"{group}s"):
        for moment in MOMENTS:
            stored = [row for as_of, row in rows.get(entity, []) if as_of <= moment]
            assert (stored[-1] if stored else None) == by_hand(entity, moment), (entity, moment)
            found += bool(stored and stored[-1])
            gone += bool(stored and stored[-1] is None)
    assert rows.keys() <= getattr(oracle, f"{group}s")
    assert found > 500
    assert gone > 50 or group == "place"


def test_history_holds_changes_only(told: tuple[World, Oracle]) -> None:
    """A row where something appeared, changed or went, and no other; no entity begins with a tombstone."""
    world, oracle = told
    before: dict[str, Any] = {}
    for thing, as_of in world.history("thing", "thing_id, as_of"):
        row = oracle.thing(thing, as_of)
        assert row != before.get(thing), (thing, as_of)
        before[thing] = row


def test_training_equals_the_oracle_by_the_as_served_rule(told: tuple[World, Oracle]) -> None:
    """Which publication or backfilled moment, found or not, stale or not, through the link or not, and every value."""
    world, oracle = told
    training = world.training()
    seen: dict[tuple, int] = {}
    for asked in oracle.tale.examples:
        expected = oracle.answer(asked)
        if expected and expected["hours_since_last_event"] is not None:
            # a quotient of doubles: engines differ in its last bit
            expected["hours_since_last_event"] = pytest.approx(expected["hours_since_last_event"], rel=1e-14)
        assert training.get(asked.row_id) == expected, asked
        if expected:
            kind = (expected["status"], expected["is_backfilled"])
            seen[kind] = seen.get(kind, 0) + 1
            for name in ("events_30d", "amount_total", "place_size", "request_amount", "is_known"):
                assert type(training[asked.row_id][name]) is type(expected[name]), (asked, name)
    # every status, backfilled and live, or this proves little
    statuses = {(status, back) for status in ("OK", "PARTIAL", "STALE", "NOT_FOUND") for back in (True, False)}
    assert {kind for kind, count in seen.items() if count >= 5} == statuses
    assert any(asked.at < BACKFILL[0] + LAG for asked in oracle.tale.examples)  # without a snapshot
    assert len(oracle.tale.examples) / 2 < len(training) < len(oracle.tale.examples)
