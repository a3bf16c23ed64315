"""What a project must bring along to be lived through."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.time_machine.oracle import LifeOracle, Row
from tests.world import World


@dataclass(frozen=True)
class Arrival:
    """A row that becomes visible in a raw table at `at`."""

    at: datetime
    table: str
    values: tuple


@dataclass(frozen=True)
class Mishap:
    """Statements that make the feed bad, so that a build must fail, and those that mend it.

    hits: the groups and services whose components are held by it.
    """

    spoil: list[str]
    mend: list[str]
    hits: frozenset[str]
    parameters: dict[str, Any] = field(default_factory=dict)


class LifeProject:
    """`gaps`: how many minutes pass to the next build, from and to, and how often. All times are aware, UTC."""

    name: str
    target: str
    start: datetime
    gaps: tuple[tuple[tuple[int, int], float], ...]
    max_age: dict[str, timedelta]  # by group, as declared now
    groups: list[str]  # those published now, and below those that a version brings later
    services: list[str]
    later_groups: list[str]
    later_services: list[str]
    often = ""  # a service whose component is built more often than the others
    joining = ""  # a service that joins two components, where the project has one
    failing: dict[str, tuple[str, frozenset[str]]]  # tests to plant: what each refers to, and what is held by it
    arrivals: list[Arrival]  # by time
    tables: dict[str, dict[str, str]]  # raw tables: column to type
    forgets = True  # whether its sources may lose entities

    def template(self, folder: Path) -> Path:
        """Writes the dbt project, with its warehouse to be in warehouse.duckdb and its request log in request_log."""
        raise NotImplementedError

    def prepare(self, world: World) -> None:
        """Makes the raw tables, empty."""
        with world.warehouse(read_only=False) as warehouse:
            warehouse.execute("create schema raw")
            for name, columns in self.tables.items():
                warehouse.execute(f"create table {name} ({', '.join(f'{c} {t}' for c, t in columns.items())})")

    def add_version(self, world: World) -> str:
        """Adds the later groups and services, as a developer would; returns the histories to backfill."""
        raise NotImplementedError

    def join(self, world: World) -> None:
        """Adds the service that joins two components."""
        raise NotImplementedError

    def part(self, world: World) -> None:
        """Takes it out again."""
        raise NotImplementedError

    def plant_tests(self, world: World) -> None:
        """Writes the tests of `failing`: each fails where the environment's FAIL names it."""
        for name, (refers_to, _) in self.failing.items():
            (world.folder / "tests" / f"fails_{name}.sql").write_text(
                f"select 1 as problem where ' {{{{ env_var('FAIL', '') }}}} ' like '% {name} %' "
                f"-- {{{{ {refers_to} }}}}\n"
            )

    def change_max_age(self, world: World) -> None:
        raise NotImplementedError

    def spoil(self, rng: random.Random, world: World, now: datetime) -> Mishap:
        raise NotImplementedError

    def forget(self, rng: random.Random, world: World, now: datetime) -> None:
        """The source loses something, or has again what it lost."""

    def requests(self, rng: random.Random, service: str, at: datetime, count: int) -> list[Row]:
        """That many entities to ask a service about."""
        raise NotImplementedError

    def oracle(self) -> LifeOracle:
        raise NotImplementedError


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new))
