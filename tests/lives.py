"""Simulated lives of tables and feeds, and what the rules of data health make of them: `make lives` prints the tables.

The simulator knows nothing of the rules: it makes entities, features and events, and profiles them with numpy. The
rules are the SQL that dbt renders from macros/health, executed by DuckDB build by build, with findings kept as the gate
keeps them: a hold is never past, and a finding that stands is one.

A life has a season ('stationary', 'weekly' with quiet nights and weekends, 'growth' of 1 % a day) and a cadence
('5 minutes', 'hourly', 'daily'). Moments are numpy datetime64[us] in UTC, rates are rows an hour, lengths are hours.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import statistics
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd

from tests.world import World

SEASONS = ("stationary", "weekly", "growth")
CADENCES = {"5 minutes": 1 / 12, "hourly": 1.0, "daily": 24.0}
START = np.datetime64("2026-01-05T00:00:00", "us")  # a Monday
HOUR = np.timedelta64(3_600_000_000, "us")
BUILDS = 200
WARM_UP = {"5 minutes": 9 * 24, "hourly": 9 * 24, "daily": 40}  # builds; of the 5 minutes one an hour
FEED_WARM_UP = 40 * 24  # hours of events before the builds that are judged
TUNED_ON = range(10)  # the seeds that thresholds were chosen on; figures are of others
REPORTED = range(260, 280)

# what the rules read of asof_profiles and asof_findings
PROFILES = {
    "kind": "varchar",
    "subject": "varchar",
    "run_id": "varchar",
    "as_of": "timestamptz",
    "column_name": "varchar",
    "type": "varchar",
    "rows": "bigint",
    "nulls": "bigint",
    "mean": "double",
    "stddev": "double",
    "bins": "double[]",
    "histogram": "bigint[]",
    "top": "varchar",
    "checksum": "bigint",
    "details": "varchar",
    "state": "varchar",
}
FINDINGS = (
    "rule varchar, level varchar, subject varchar, column_name varchar, since timestamptz, times bigint, "
    "ended_at timestamptz, kind varchar default 'group'"
)
EVENT_COLUMNS = {
    "event_id": "varchar",
    "order_id": "varchar",
    "amount": "double",
    "weight": "double",
    "pieces": "integer",
    "place": "varchar",
    "shard": "varchar",
    "channel": "varchar",
    "note": "varchar",
    "occurred_at": "timestamptz",
    "known_at": "timestamptz",
}


def moment(hours: float | np.ndarray) -> Any:
    return START + (np.asarray(hours) * 3_600_000_000).astype("timedelta64[us]")


def render(folder: Path) -> tuple[str, str]:
    """The SQL of the rules, as dbt renders it: over profiles (of {run}), and over an event model (of now and since)."""
    world = World(folder)
    columns = [{"name": name, "type": type_} for name, type_ in EVENT_COLUMNS.items()]
    macro = f"""
        {{% macro lives() %}}
            {{%- do asof.write_text('profiles.sql', asof.profile_findings_sql('profiles', '{{run}}', 'findings',
                'accepted')) -%}}
            {{%- set measured = asof.event_measures_sql('events', {{'name': 'events', 'columns': {columns},
                'error_after_seconds': none}}, "cast($1 as timestamptz)", "cast($2 as timestamptz)", 'accepted') -%}}
            {{%- do asof.write_text('events.sql', 'with measured as materialized (' ~ measured ~ ') select * from ('
                ~ asof.event_findings_sql('measured', 'accepted') ~ ')') -%}}
        {{% endmacro %}}"""
    (folder / "macros" / "lives.sql").write_text(macro)
    world.dbt("run-operation", "lives", now=None)
    return (folder / "profiles.sql").read_text(), (folder / "events.sql").read_text()


def connect(threads: int = 1) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"create table profiles ({', '.join(map(' '.join, PROFILES.items()))})")
    connection.execute(f"create table findings ({FINDINGS})")
    connection.execute("create table accepted (id varchar, accepted_at timestamptz)")
    return connection


# ---- what happens: seasons and slow drifts


class Season:
    """How busy it is at an hour since the start, 1 on average over the first week."""

    def __init__(self, kind: str, holiday: float | None = None) -> None:
        self.kind = kind
        self.holiday = holiday  # the hour at which a public holiday begins

    def __call__(self, hours: np.ndarray) -> np.ndarray:
        hours = np.asarray(hours, dtype=float)
        busy = np.ones_like(hours)
        if self.kind == "weekly":
            by_day = np.array([1.15, 1.1, 1.1, 1.15, 1.2, 0.75, 0.55])[(hours // 24).astype(int) % 7]
            busy = by_day * np.clip(1.15 - 1.35 * np.cos((hours % 24 - 2) / 24 * 2 * np.pi), 0.05, None)
        elif self.kind == "growth":
            busy = 1.01 ** (hours / 24)
        if self.holiday is not None:
            busy = np.where((hours >= self.holiday) & (hours < self.holiday + 24), 0.3 * busy, busy)
        return busy

    def mean(self, until: np.ndarray, length: float) -> np.ndarray:
        """The mean over the window of that length before each hour."""
        steps = np.linspace(0, length, 25)
        return np.mean([self(np.maximum(until - step, 0)) for step in steps], axis=0)


def wander(random: np.random.Generator, hours: np.ndarray, half_life: float, shape: tuple[int, ...] = ()) -> np.ndarray:
    """A walk with a pull to 0 and a standard deviation of 1 (AR(1)), at these hours: (hours, *shape)."""
    now = random.standard_normal(shape)
    walk = np.empty((len(hours), *shape))
    for place, hour in enumerate(hours):
        keep = 0.5 ** ((hour - hours[place - 1]) / half_life) if place else 0.0
        now = keep * now + np.sqrt(1 - keep**2) * random.standard_normal(shape)
        walk[place] = now
    return walk


# ---- feature groups


class Table(NamedTuple):
    """A group as one build finds it: numbers (nan: null) and categories (-1: null) by column, a row per entity."""

    numbers: dict[str, np.ndarray]
    categories: dict[str, np.ndarray]

    @property
    def rows(self) -> int:
        return len(next(iter(self.numbers.values())))


def group_life(seed: int, season: Season, hours: np.ndarray) -> Iterator[Table]:
    """The group of some 200 entities and 30 columns at each of these hours."""
    random = np.random.default_rng([seed, 1])
    entities = int(random.integers(160, 320))
    at_most = int(entities * 1.01 ** (hours[-1] / 24)) + 8 if season.kind == "growth" else entities
    own = random.standard_normal((at_most, 30))
    level = wander(random, hours, 48, (30,))  # what all entities share
    half_lives = random.choice([24, 96, 480], 30)
    apart = random.standard_normal((at_most, 30))
    busy = {length: season.mean(hours, length) for length in (1, 24, 168, 720)}
    first = {
        name: random.dirichlet(np.full(size, 3.0))
        for name, size in {"carrier": 3, "region": 5, "tier": 4, "product": 8, "status": 5}.items()
    }
    first["rare"] = np.array([0.6, 0.3, 0.09, 0.01])
    drawn = {name: random.choice(len(shares), at_most, p=shares) for name, shares in first.items()}
    born = -random.uniform(100, 4000, at_most)
    lifetime = random.poisson(np.maximum(-born, 1) / 50.0)
    for place, hour in enumerate(hours):
        passed = hour - hours[place - 1] if place else 0.0
        there = int(entities * 1.01 ** (hour / 24)) if season.kind == "growth" else entities - int(random.integers(3))
        keep = 0.5 ** (passed / half_lives)
        apart = keep * apart + np.sqrt(1 - keep**2) * random.standard_normal(apart.shape)
        base = (0.85 * own + 0.5 * apart + 0.1 * level[place])[:there]
        numbers: dict[str, np.ndarray] = {}
        for column in range(6):
            numbers[f"amount_{column}"] = np.round(np.exp(3 + 0.4 * base[:, column]), 2)
        for column in range(6, 9):
            numbers[f"distance_{column}"] = np.round(np.maximum(50 + 15 * base[:, column], 0), 1)
        for column in range(9, 12):
            rate = np.exp(1.5 + 0.5 * base[:, column]) * busy[720][place]
            numbers[f"count_30d_{column}"] = np.floor(rate + 0.5 * apart[:there, column] + 0.5).clip(0)
        for column, length in ((12, 168), (13, 24), (14, 24)):
            rate = np.exp(1 + 0.4 * base[:, column]) * busy[length][place]
            numbers[f"count_{length}h_{column}"] = random.poisson(rate).astype(float)
        numbers["count_1h"] = random.poisson(0.6 * busy[1][place], there).astype(float)
        for column, length, share in ((16, 24, 0.03), (17, 168, 0.01)):
            value = np.round(np.exp(2 + 0.4 * base[:, column]), 2)
            missing = random.random(there) < share ** min(busy[length][place], 3)
            numbers[f"mean_{length}h"] = np.where(missing, np.nan, value)
        gaps = own[:there, 18] < -1.4  # entities that never have it
        numbers["optional"] = np.where(gaps, np.nan, np.round(10 + base[:, 18], 3))
        lifetime += random.poisson(passed * busy[24][place] / 50.0, at_most)
        numbers["count_lifetime"] = lifetime[:there].astype(float)
        numbers["age_days"] = np.floor((hour - born[:there]) / 24)
        numbers["flag_rate"] = (base[:, 21] > 0.8).astype(float)
        numbers["constant"] = np.full(there, 7.0)
        numbers["rarely"] = (random.random(there) < 0.002).astype(float)
        for name, shares in first.items():
            tilted = shares * np.exp(0.05 * level[place][: len(shares)])
            moved = random.random(at_most) < 1 - 0.5 ** (passed / 200)
            drawn[name] = np.where(moved, random.choice(len(shares), at_most, p=tilted / tilted.sum()), drawn[name])
        yield Table(numbers, {name: codes[:there].copy() for name, codes in drawn.items()})


def profile(table: Table, bins: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """The profile of each column: what PROFILES has from column_name to checksum.

    bins: the inner edges by column; tenths of the first table that it is given are taken, and kept.
    """
    rows: list[tuple[Any, ...]] = [("", None, table.rows, 0, *[None] * 6)]
    for name, values in table.numbers.items():
        filled = values[~np.isnan(values)]
        if name not in bins and len(filled):
            bins[name] = np.unique(np.quantile(filled, np.arange(1, 10) / 10))
        edges = bins.get(name, np.array([]))
        histogram = np.bincount(np.searchsorted(edges, filled, side="left"), minlength=len(edges) + 1)
        mean, stddev = (float(filled.mean()), float(filled.std(ddof=1))) if len(filled) > 1 else (None, None)
        checksum = round(float(filled.sum()) * 1000) % 10**15
        rows.append(
            (
                name,
                "double",
                table.rows,
                table.rows - len(filled),
                mean,
                stddev,
                edges.tolist(),
                histogram.tolist(),
                None,
                checksum,
            )
        )
    for name, codes in table.categories.items():
        values, counts = np.unique(codes[codes >= 0], return_counts=True)
        order = sorted(zip(counts.tolist(), values.tolist(), strict=True), key=lambda each: (-each[0], each[1]))
        top = json.dumps([[f"{name} {value}", count] for count, value in order[:20]])
        rows.append(
            (
                name,
                "varchar",
                table.rows,
                int((codes < 0).sum()),
                None,
                None,
                None,
                None,
                top,
                int((codes * np.arange(1, len(codes) + 1)).sum()),
            )
        )
    return rows


@dataclass
class Finding:
    key: tuple[str, ...]  # (rule, level, where...)
    since: datetime
    part_of: Finding | None = None
    times: int = 0
    ended_at: datetime | None = None
    is_told: bool = False

    @property
    def is_warning_of_column(self) -> bool:
        return self.key[1] == "warn" and self.key[-1] != ""

    def may_have_parts(self, now: datetime) -> bool:
        return self.is_warning_of_column and not self.part_of and now - self.since < timedelta(days=1)

    def is_alert(self, now: datetime) -> bool:
        ended = self.part_of and self.part_of.ended_at
        return self.ended_at is None and (not self.part_of or bool(ended and now - ended > timedelta(days=1)))


class Kept:
    """Findings, kept as the gate keeps them: one that stands is one, and so is a warning that returns within a day.
    What is warned of further columns within a day is part of the first, until that has been gone for a day.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def take(self, now: datetime, keys: Collection[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Those of a build, by (rule, level, ..., column). Gives the keys of which an alert is sent now."""
        for key in keys:
            same = [each for each in self.findings if each.key == key]
            if not same or (same[-1].ended_at and (key[1] == "hold" or now - same[-1].ended_at > timedelta(days=1))):
                finding = Finding(key, now)
                if finding.is_warning_of_column:
                    finding.part_of = next((each for each in self.findings if each.may_have_parts(now)), None)
                same.append(finding)
                self.findings.append(same[-1])
            same[-1].times += 1
            same[-1].ended_at = None
        for each in self.findings:
            if each.ended_at is None and each.key not in keys:
                each.ended_at = now
        alerts = [each for each in self.findings if each.is_alert(now) and not each.is_told]
        for each in alerts:
            each.is_told = True
        return [each.key for each in alerts]


class Judge:
    """Judges builds of groups, and keeps findings as the gate does."""

    def __init__(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """rows: (subject, run_id, as_of) and what profile() gives."""
        self.sql = sql
        self.rows = rows
        self.connection = connect()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "profiles.jsonl"
            lines = (json.dumps(dict(zip(PROFILES, ("group", *row, None, "healthy"), strict=True))) for row in rows)
            path.write_text("\n".join(lines))
            self.connection.execute(f"insert into profiles from read_json('{path}', columns = {PROFILES})")

    def found(self, runs: list[str]) -> list[tuple[str, ...]]:
        """What the rules find in each of these runs: (rule, level, kind, subject, column, was, found, allowed, run)."""
        listed = ", ".join(f"'{run}'" for run in runs)
        return self.connection.execute(self.sql.replace("'{run}'", listed)).fetchall()

    def life(self, runs: list[str]) -> Iterator[tuple[str, ...]]:
        """The new findings of runs, one after the other, where what was held or warned before tells on the next.

        A day of builds is judged at once, and anew from where something changes that the rules read of findings.
        """
        kept = Kept()
        at = dict(self.connection.execute("select distinct run_id, as_of from profiles").fetchall())
        ahead: dict[str, list[tuple[str, ...]]] = {}
        read: list[tuple[Any, ...]] = []
        for place, run in enumerate(runs):
            if run not in ahead:
                ahead = {each: [] for each in runs[place : place + 24]}
                for finding in self.found(list(ahead)):
                    ahead[finding[8]].append(finding)
            found = {(*finding[:2], *finding[3:5]): finding for finding in ahead[run]}
            yield from (found[key] for key in kept.take(at[run], found.keys()))
            before, read = read, [(*each.key, each.since, min(each.times, 3), each.ended_at) for each in kept.findings]
            if read != before:
                self.connection.execute("delete from findings")
                self.connection.executemany("insert into findings values (?, ?, ?, ?, ?, ?, ?, 'group')", read)
                ahead = {}
            if any(level == "hold" for _, level, *_ in found):
                self.connection.execute("update profiles set state = 'held' where run_id = ?", [run])
                ahead = {}


def build_hours(cadence: str, builds: int = BUILDS) -> np.ndarray:
    """When builds are, in hours since the start: those of the warm-up, then `builds` more."""
    warm = WARM_UP[cadence]
    step = CADENCES[cadence]
    before = np.arange(warm) * max(step, 1.0)
    return np.concatenate([before, before[-1] + step * np.arange(1, builds + 1)]) + 0.05


def quiet_groups(sql: str, season: str, cadence: str, seeds: range, holiday: bool = False) -> list[tuple[str, ...]]:
    """The new findings of lives in which nothing is wrong, as Judge.found gives them; of the warm-up its holds too.

    All builds are judged at once, as if nothing had been found before; from the first one on in which something is
    found, a life is then lived through build by build.
    """
    hours = build_hours(cadence)
    warm = WARM_UP[cadence]
    begins = np.floor(hours[warm + (100 if cadence == "5 minutes" else 60)] / 24) * 24 if holiday else None
    found = []
    for seed in seeds:
        rows, bins = [], {}
        for place, table in enumerate(group_life(seed, Season(season, begins), hours)):
            rows += [(f"g{seed}", f"r{place}", f"{moment(hours[place])}Z", *each) for each in profile(table, bins)]
        judge = Judge(sql, rows)
        found += [each for each in judge.found([f"r{place}" for place in range(0, warm, 4)]) if each[1] == "hold"]
        runs = [f"r{place}" for place in range(warm, len(hours))]
        first = min((int(each[8][1:]) for each in judge.found(runs)), default=len(hours))
        found += judge.life(runs[first - warm :])
    return found


# ---- feeds

Feed = dict[str, np.ndarray]  # the columns of an event model; times in hours since the start


def feed_life(seed: int, season: Season, cadence: str, until: float) -> Feed:
    """All events of a feed up to an hour: some 20 an hour, known within minutes, or at night where builds are daily."""
    random = np.random.default_rng([seed, 2])
    per_hour = float(random.uniform(15, 30))
    cells = np.arange(int(until))
    level = wander(random, cells, 24, (8,))
    busy = season(cells + 0.5)
    counts = random.poisson(per_hour * busy * np.exp(0.08 * level[:, 0]))
    cell = np.repeat(cells, counts)
    occurred = cell + random.random(len(cell))
    here = level[cell]
    size = len(cell)
    night = 0.5 - 0.5 * np.cos((occurred % 24 - 14) / 24 * 2 * np.pi) if season.kind == "weekly" else np.zeros(size)
    lateness = np.exp(np.log(8 / 60) + 0.7 * random.standard_normal(size) + 0.1 * here[:, 1])
    known = occurred + lateness
    if cadence == "daily":
        known = np.ceil((known - 2) / 24) * 24 + 2
    weights = np.exp(
        np.log(random.dirichlet(np.full(5, 4.0))) + 0.1 * here[:, 2:7] + 0.3 * np.outer(night, [1, -1, 0, 0, 0])
    )
    drawn = (np.cumsum(weights, axis=1) < random.random((size, 1)) * weights.sum(axis=1, keepdims=True)).sum(axis=1)
    feed = {
        "event_id": np.arange(size).astype(str).astype(object),
        "order_id": (np.arange(size) // 3).astype(str).astype(object),
        "amount": np.round(np.exp(3 + 0.6 * random.standard_normal(size) + 0.06 * here[:, 7] + 0.2 * night), 2),
        "weight": np.round(random.gamma(3, 2, size), 3),
        "pieces": (1 + random.poisson(1.5, size)).astype(float),
        "place": np.char.add("place ", drawn.astype(str)).astype(object),
        "shard": np.char.add("shard ", random.integers(0, 10, size).astype(str)).astype(object),
        "channel": np.where(random.random(size) < 0.3 + 0.2 * night, "app", "web").astype(object),
        "note": np.where(random.random(size) < 0.04 + 0.02 * night, None, "note").astype(object),
        "occurred_at": occurred,
        "known_at": known,
    }
    order = np.argsort(known, kind="stable")
    return {name: values[order] for name, values in feed.items()}


class FeedJudge:
    def __init__(self, sql: str, feed: Feed) -> None:
        self.connection = connect()
        frame = pd.DataFrame({**feed, **{name: moment(feed[name]) for name in ("occurred_at", "known_at")}})
        self.connection.register("frame", frame)
        columns = ", ".join(f"cast({name} as {type_}) as {name}" for name, type_ in EVENT_COLUMNS.items())
        self.connection.execute(f"create table events as select {columns} from frame order by known_at")
        self.connection.execute(f"prepare judge as {sql}")

    def found(self, now: float, since: float) -> list[tuple[str, ...]]:
        return self.connection.execute(f"execute judge('{moment(now)}Z', '{moment(since)}Z')").fetchall()

    def life(self, hours: np.ndarray) -> Iterator[tuple[Any, ...]]:
        kept = Kept()
        for before, now in itertools.pairwise(hours):
            found = {
                (rule, level, column): (now, *rest) for rule, level, _, _, column, *rest in self.found(now, before)
            }
            yield from ((*key, *found[key]) for key in kept.take(moment(now).item(), found.keys()))


def quiet_feeds(sql: str, season: str, cadence: str, seeds: range, holiday: bool = False) -> list[tuple[Any, ...]]:
    step = CADENCES[cadence]
    warm = FEED_WARM_UP
    hours = warm + step * np.arange(BUILDS + 1) + (3.0 if cadence == "daily" else 0.05)
    young = np.arange(24 * 3, warm, 37)  # the warm-up
    begins = np.floor(hours[100 if cadence == "5 minutes" else 60] / 24) * 24 if holiday else None
    found = []
    for seed in seeds:
        judge = FeedJudge(sql, feed_life(seed, Season(season, begins), cadence, hours[-1] + 1))
        found += [each for each in judge.life(young) if each[1] == "hold"]
        found += judge.life(hours)
    return found


# ---- faults

Fault = Callable[[np.random.Generator, Table, int], Table]


def with_numbers(table: Table, **numbers: np.ndarray) -> Table:
    return table._replace(numbers=table.numbers | numbers)


def with_categories(table: Table, **categories: np.ndarray) -> Table:
    return table._replace(categories=table.categories | categories)


def nulled(share: float) -> Fault:
    def fault(random: np.random.Generator, table: Table, _: int) -> Table:
        hit = random.random(table.rows) < share
        return with_numbers(table, distance_6=np.where(hit, np.nan, table.numbers["distance_6"]))

    return fault


def half_gone(random: np.random.Generator, table: Table, _: int) -> Table:
    kept = random.permutation(table.rows)[: table.rows // 2]
    return Table(*({name: values[kept] for name, values in part.items()} for part in table))


def in_metres(random: np.random.Generator, table: Table, _: int) -> Table:
    return with_numbers(table, distance_6=table.numbers["distance_6"] * 1000)


def shifted(random: np.random.Generator, table: Table, _: int) -> Table:
    values = table.numbers["distance_6"]
    return with_numbers(table, distance_6=values + values.std())


def renamed(random: np.random.Generator, table: Table, _: int) -> Table:
    codes = table.categories["region"]
    return with_categories(table, region=np.where(codes == 2, 99, codes))


def grown(builds: int) -> Fault:
    """A category of 1 % that grows to 20 % in so many builds."""

    def fault(random: np.random.Generator, table: Table, since: int) -> Table:
        share = 0.01 + 0.19 * min(since / builds, 1)
        codes = table.categories["tier"]
        return with_categories(table, tier=np.where(random.random(table.rows) < share, 98, codes % 4))

    return fault


def frozen(random: np.random.Generator, table: Table, _: int) -> Table:
    return table  # planted_group keeps the values


GROUP_FAULTS: dict[str, tuple[Fault, str, int]] = {  # and the column, and how many builds to wait for a finding
    "a column null": (nulled(1), "distance_6", 5),
    "half of the entities gone": (half_gone, "", 5),
    "a tenth null": (nulled(0.1), "distance_6", 5),
    "km to m": (in_metres, "distance_6", 5),
    "shifted by a standard deviation": (shifted, "distance_6", 5),
    "one of five categories renamed": (renamed, "region", 5),
    "a category grows from 1 % to 20 % in 20 builds": (grown(20), "tier", 40),
    "a category grows from 1 % to 20 % in 100 builds": (grown(100), "tier", 120),
    "frozen values of one column": (frozen, "distance_6", 120),
}


class Found(NamedTuple):
    """What found a fault: after how many builds (1: the first), by which rule, 'hold' or 'warn'."""

    builds: int | None
    rule: str = ""
    level: str = ""
    note: str = ""


def planted_group(sql: str, name: str, season: str, cadence: str, seed: int) -> Found:
    fault, column, wait = GROUP_FAULTS[name]
    random = np.random.default_rng([seed, 3])
    warm = WARM_UP[cadence]
    at = warm + int(random.integers(20, 60))
    hours = build_hours(cadence, at - warm + wait)
    rows, bins, kept = [], {}, {}
    for place, table in enumerate(group_life(seed, Season(season), hours)):
        if fault is frozen:  # of a table whose entities stay the same, else the values of the new ones move
            table = Table(*({each: values[:150] for each, values in part.items()} for part in table))
            if place >= at:
                table = with_numbers(table, distance_6=kept.setdefault("distance_6", table.numbers["distance_6"]))
        elif place >= at:
            if name.startswith("a category grows"):
                table = fault(random, table, place - at + 1)
            else:
                table = fault(random, table, place - at)
        elif name.startswith("a category grows"):
            table = fault(random, table, 0)
        rows += [(f"g{seed}", f"r{place}", f"{moment(hours[place])}Z", *each) for each in profile(table, bins)]
    judge = Judge(sql, rows)
    found = [each for each in judge.found([f"r{place}" for place in range(at, len(hours))]) if each[4] == column]
    first = min((int(each[8][1:]) for each in found), default=None)
    if first is None:
        return Found(None)
    best = min((each for each in found if int(each[8][1:]) == first), key=lambda each: each[1])
    return Found(first - at + 1, best[0], best[1], best[6])


FeedFault = Callable[[np.random.Generator, Feed, float], Feed]


def changed(feed: Feed, hit: np.ndarray, **columns: Any) -> Feed:
    """The feed with other values where `hit`: column=values, or a function of the old ones."""
    new = dict(feed)
    for name, value in columns.items():
        there = value(feed[name]) if callable(value) else value
        new[name] = np.where(hit, there, feed[name])
    return new


def kept(feed: Feed, rows: np.ndarray) -> Feed:
    return {name: values[rows] for name, values in feed.items()}


def copied(random: np.random.Generator, feed: Feed, at: float) -> Feed:
    twice = np.flatnonzero((feed["known_at"] > at) & (random.random(len(feed["known_at"])) < 0.1))
    copies = kept(feed, twice) | {"event_id": np.char.add("copy ", feed["event_id"][twice].astype(str)).astype(object)}
    both = {name: np.concatenate([feed[name], copies[name]]) for name in feed}
    return kept(both, np.argsort(both["known_at"], kind="stable"))


def later(random: np.random.Generator, feed: Feed, at: float) -> Feed:
    new = changed(feed, feed["known_at"] > at, known_at=2 * feed["known_at"] - feed["occurred_at"])
    return kept(new, np.argsort(new["known_at"], kind="stable"))


def new_rows(share: float = 1, **columns: Any) -> FeedFault:
    """Other values in that share of what becomes known after the fault."""

    def fault(random: np.random.Generator, feed: Feed, at: float) -> Feed:
        hit = (feed["known_at"] > at) & (random.random(len(feed["known_at"])) < share)
        return changed(feed, hit, **columns)

    return fault


def lost(which: Callable[[Feed], np.ndarray]) -> FeedFault:
    return lambda random, feed, at: kept(feed, (feed["known_at"] <= at) | ~which(feed))


FEED_FAULTS: dict[str, tuple[FeedFault, str]] = {  # and the column of the finding
    "nulls": (new_rows(amount=np.nan), "amount"),
    "nulls, until held": (new_rows(amount=np.nan), "amount"),
    "a tenth null": (new_rows(0.1, amount=np.nan), "amount"),
    "a category renamed": (new_rows(place=lambda old: np.where(old == "place 2", "Place 2", old)), "place"),
    "km to m": (new_rows(weight=lambda old: old * 1000), "weight"),
    "shifted by a standard deviation": (new_rows(weight=lambda old: old + 3.5), "weight"),
    "a tenth copied": (copied, ""),
    "clock an hour behind": (new_rows(occurred_at=lambda old: old - 1), "occurred_at"),
    "clock an hour ahead": (new_rows(occurred_at=lambda old: old + 1), "occurred_at"),
    "zone off by two hours for a fifth": (new_rows(0.2, occurred_at=lambda old: old - 2), "occurred_at"),
    "lateness doubled": (later, "occurred_at"),
    "one shard of ten missing": (lost(lambda feed: feed["shard"] == "shard 3"), "shard"),
    "stopped": (lost(lambda feed: feed["known_at"] >= 0), ""),
}


def planted_feed(sql: str, name: str, season: str, cadence: str, seed: int, builds: int) -> Found:
    """note: how many rows became known since the fault, and the hours."""
    fault, column = FEED_FAULTS[name]
    random = np.random.default_rng([seed, 4])
    step = CADENCES[cadence]
    at = FEED_WARM_UP + step * int(random.integers(0, 168 / step)) + (3.0 if cadence == "daily" else 0.05)
    feed = fault(random, feed_life(seed, Season(season), cadence, at + step * builds + 1), at)
    judge = FeedJudge(sql, feed)
    every = max(1, round(0.5 / step))  # of builds each 5 minutes, one in half an hour
    for build in range(every, builds + 1, every):
        now = at + build * step
        found = [each for each in judge.found(now, now - step) if each[4] == column]
        if found and (found[0][1] == "hold" or not name.endswith("until held")):
            rows = int(((feed["known_at"] > at) & (feed["known_at"] <= now)).sum())
            return Found(build, found[0][0], found[0][1], f"{rows} rows, {now - at:.3g} hours")
    return Found(None)


# ---- a life through dbt


class DbtLife:
    """A small project with a hundred things, to whose events a feed adds hour by hour, and its `dbt build`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.world = World(folder)
        self.hour = FEED_WARM_UP + 9.0  # a Saturday morning
        self.loaded = 0.0  # up to this hour
        self.published = 0  # the number of the newest publication
        self.feed = feed_life(seed, Season("weekly"), "hourly", self.hour + 72)
        begin = "2026-01-05 00:00+00"
        self.things = [f"t{number:02}" for number in range(100)]
        self.world.add("places", ("p", 7, begin, begin))
        self.world.add("things", *[(thing, "p", "red", begin, begin) for thing in self.things])

    def load(self) -> None:
        """What became known since the last time."""
        known = (self.feed["known_at"] > self.loaded) & (self.feed["known_at"] <= self.hour)
        rows = pd.DataFrame({name: values[known] for name, values in self.feed.items()})
        for name in ("occurred_at", "known_at"):
            rows[name] = moment(rows[name].to_numpy())
        with self.world.warehouse(read_only=False) as warehouse:
            warehouse.register("arrived", rows)
            warehouse.execute(
                "insert into raw.events select event_id, 't' || lpad(cast(cast(event_id as integer) % 100 as varchar), "
                "2, '0'), amount, occurred_at, known_at, false from arrived"
            )
        self.loaded = self.hour

    def build(self) -> tuple[set[tuple[str, str, str]], bool]:
        """The findings that stand after a build, (rule, level, where), and whether it was published."""
        run = self.world.build(str(moment(self.hour))[:19].replace("T", " "), fails=None)
        found = set(
            self.world.query(
                "select rule, level, concat_ws('.', subject, nullif(column_name, '')) from asof_findings "
                "where ended_at is null"
            )
        )
        before, self.published = self.published, self.world.pointer["sequence_number"]
        assert (run.code == 0) == (self.published > before), run.output
        for rule, level, where in found:
            assert level != "hold" or run.says(f"held by its health: {where}: {rule} is"), run.output
        self.hour += 1
        return found, self.published > before


def show_dbt_life(folder: Path, seed: int, honest: int) -> None:
    """Honest builds, one with a column gone null, one with it restored, and builds after the feed stopped."""
    life = DbtLife(folder, seed)
    say("through `dbt build`", "builds", "published", "findings")
    say(*["---"] * 4)

    def show(name: str, builds: int, is_fed: bool = True) -> None:
        """Until something is held, if the feed stopped."""
        found, published, done = set(), 0, 0
        while done < builds:
            done += 1
            if is_fed:
                life.load()
            standing, is_published = life.build()
            found |= standing
            published += is_published
            if not (is_fed or is_published):
                break
        say(name, done, published, ", ".join(f"{rule} ({level}) of {where}" for rule, level, where in sorted(found)))

    show("honest", honest)
    at = f"{moment(life.hour - 0.5)}+00"
    life.world.add("things", *[(thing, "p", None, at, at) for thing in life.things])
    show("a column null", 1)
    life.world.execute("delete from raw.things where color is null")
    show("restored", 1)
    show("the feed stopped", 48, is_fed=False)


# ---- the tables


def say(*cells: Any) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def show_silence(
    title: str,
    quiet: Callable[..., list[tuple[Any, ...]]],
    sql: str,
    seeds: range,
    cadences: list[str],
    holidays: tuple[bool, ...],
) -> None:
    say(title, "builds", "holds", "new warnings", "for each 1,000 builds", "rules")
    say(*["---"] * 6)
    for holiday in holidays:
        for cadence in cadences:
            for season in SEASONS:
                found = quiet(sql, season, cadence, seeds, holiday)
                warned = [each for each in found if each[1] == "warn"]
                builds = len(seeds) * BUILDS
                rules = collections.Counter(each[0] for each in warned)
                say(
                    f"{season}, {cadence}{', a public holiday' if holiday else ''}",
                    builds,
                    len(found) - len(warned),
                    len(warned),
                    f"{1000 * len(warned) / builds:.2f}",
                    ", ".join(f"{rule} {count}" for rule, count in rules.most_common()),
                )


def show_detection(
    title: str, faults: dict[str, Any], plant: Callable[[str, str, int], Found], seeds: range, cadences: list[str]
) -> None:
    """plant: the fault, the cadence and the seed."""
    say(title, "cadence", "found", "builds until found: median", "worst", "by", "median note", "worst note")
    say(*["---"] * 8)
    for name in faults:
        for cadence in cadences:
            found = [plant(name, cadence, seed) for seed in seeds]
            there = sorted((each for each in found if each.builds is not None), key=lambda each: each.builds or 0)
            rules = collections.Counter(f"{each.rule} ({each.level})" for each in there)
            say(
                name,
                cadence,
                f"{len(there)} of {len(found)}",
                statistics.median(each.builds for each in there) if there else "",
                there[-1].builds if there else "",
                ", ".join(f"{rule} {count}" for rule, count in rules.most_common()),
                there[len(there) // 2].note if there else "",
                there[-1].note if there else "",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=len(REPORTED), help="lives of each kind")
    parser.add_argument("--only", choices=["groups", "feeds", "dbt", "silence", "detection"], action="append")
    parser.add_argument("--cadence", choices=list(CADENCES), action="append")
    parser.add_argument("--builds", type=int, default=24, help="honest ones of the life that goes through dbt")
    parser.add_argument("--no-holiday", action="store_true")
    arguments = parser.parse_args()
    seeds = range(REPORTED.start, REPORTED.start + arguments.seeds)
    only = arguments.only or []
    about = [each for each in ("groups", "feeds", "dbt") if each in only] or ["groups", "feeds", "dbt"]
    what = [each for each in ("silence", "detection") if each in only] or ["silence", "detection"]
    cadences = arguments.cadence or list(CADENCES)
    holidays = (False,) if arguments.no_holiday else (False, True)
    with tempfile.TemporaryDirectory() as folder:
        if "dbt" in about:
            show_dbt_life(Path(folder) / "life", seeds[0], arguments.builds)
        profiles, events = render(Path(folder) / "world")

    def plant_group(name: str, cadence: str, seed: int) -> Found:
        return planted_group(profiles, name, SEASONS[seed % 2], cadence, seed)

    def plant_feed(name: str, cadence: str, seed: int) -> Found:
        return planted_feed(events, name, SEASONS[seed % 2], cadence, seed, builds=6 if cadence == "daily" else 60)

    if "groups" in about and "detection" in what:
        show_detection(
            "planted in a group", GROUP_FAULTS, plant_group, seeds, [each for each in cadences if each != "5 minutes"]
        )
    if "feeds" in about and "detection" in what:
        show_detection(
            "planted in new rows", FEED_FAULTS, plant_feed, seeds, [each for each in cadences if each != "5 minutes"]
        )
    if "groups" in about and "silence" in what:
        show_silence("groups", quiet_groups, profiles, seeds, cadences, holidays)
    if "feeds" in about and "silence" in what:
        show_silence("feeds", quiet_feeds, events, seeds, cadences, holidays)


if __name__ == "__main__":
    main()
