"""A life of a project: rows arrive, builds go well, badly or are killed, snapshots go back, and the API is asked.

Time is the injectable now, which the shim has as a clock that can be moved. What the life expects to be published is
held against the pointer after each command; everything that the shim answers is kept.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asof.serve.app import create_app
from asof.serve.request_log import RequestLog

from tests.engines import NewWorld
from tests.postgres import PostgresWorld
from tests.postgres import running as running_postgres
from tests.spark import SparkWorld
from tests.spark import running as running_spark
from tests.time_machine.oracle import MICROSECOND, LifePublication, Row
from tests.time_machine.project import LifeProject
from tests.world import World, kill

PICKUP = timedelta(seconds=5)  # as declared by default (var asof_pickup)
UNIT_TESTS_OUT = {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"}  # they say nothing of rows and take a fifth of each build
SHIM_LIVES = 25  # turns after which the shim is started again
BY_ENTITY = ["before_history", "after_history", "before_commit", "after_moment", "within_entity", "after_entity"]
FAULT_POINTS = {  # name: how often it may be passed by first; and those after which the snapshot is out
    **dict.fromkeys(BY_ENTITY, 1),
    **dict.fromkeys(["within_definition", "after_definition", "within_together", "between_parquet"], 1),
    **dict.fromkeys(["after_results", "before_training_file", "after_training_file"], 0),
    **dict.fromkeys(["before_parquet", "after_parquet", "before_pointer", "after_pointer", "after_record"], 0),
}
PUBLISHED_AT = {"after_pointer", "after_record"}
HELD_AT = ["before_held", "after_held"]  # come to where a component is held; the pointer has moved, if it does


@dataclass(frozen=True)
class Built:
    """What a command builds, and which planted tests fail. ids: the groups and services that it builds whole.

    hit: those that something is wrong with.
    """

    ids: frozenset[str]
    arguments: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    hit: frozenset[str] = frozenset()

    @property
    def fails(self) -> bool:
        return bool(self.hit & self.ids)

    @property
    def environment(self) -> dict[str, str]:
        return {"FAIL": " ".join(self.failing)}


@dataclass(frozen=True)
class Record:
    """What remains of a life, beside its folder: enough to compare, also later."""

    project: LifeProject
    answers: list[Answer]
    publications: list[LifePublication]
    counts: dict[str, int]


@dataclass(frozen=True)
class Answer:
    """One answered row. `tags`: what was going on."""

    row_id: str
    service: str
    request: Row
    at: datetime
    publication: LifePublication
    row: Row
    tags: frozenset[str]


class LifeClock:
    """The shim's now."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def running_on(engine: str) -> Iterator[NewWorld]:
    """What makes worlds on a server of an engine, `postgres` or `spark`, that ends with the block."""
    if engine == "spark":
        with running_spark() as cluster:
            yield lambda folder, template: SparkWorld(folder, cluster, template)
    else:
        with running_postgres() as server:
            yield lambda folder, template: PostgresWorld(folder, server, template)


class Life:
    """`rows`: how many are asked at each instant and service, at most.

    engine: makes the world of a project whose events are there, and not in DuckDB.
    """

    def __init__(
        self, project: LifeProject, folder: Path, *, seed: int, publications: int, rows: int,
        say: Callable[[str], None], engine: NewWorld | None = None,
    ) -> None:  # fmt: skip
        self.project, self.rows, self.say, self.engine = project, rows, say, engine
        self.rng = random.Random(seed)
        shutil.rmtree(folder / "world", ignore_errors=True)
        template = project.template(_fresh(folder / "template"))
        self.world: World = (engine or World)(folder / "world", template)
        (self.world.folder / "tests").mkdir(exist_ok=True)
        project.prepare(self.world)
        project.plant_tests(self.world)
        self.wanted = publications
        self.oracle_services = project.oracle().services
        self.now = project.start
        self.clock = LifeClock(project.start)
        self.publications: list[LifePublication] = []
        self.served: LifePublication | None = None  # what the shim has picked up
        self.counted_to: dict[str, datetime] = {}  # by group: the newest moment that counts
        self.leaving: set[str] = set()  # services that nobody asks any more
        self.is_held = False
        self.trouble = False  # a run failed or was killed since the last publication
        self.answers: list[Answer] = []
        self.counts: dict[str, int] = {}
        self._revealed = 0
        self._closed: list[Path] = []
        self._times = [arrival.at for arrival in project.arrivals]
        self._open_shim()

    # ----------------------------------------------------------------------------------------------- the shim

    def _open_shim(self) -> None:
        self.log = RequestLog(self.world.folder / "request_log", share=1)
        self.log.make_folder()
        self.app = create_app(self.world.folder / "published", now=self.clock, request_log=self.log)
        self.folder = self.app.extensions["asof"].folder
        self.folder.stop()  # it looks when it is told, so that a life can be lived again
        self.client = self.app.test_client()
        self.served = self.publications[-1] if self.publications else None

    def close_shim(self) -> None:
        self.log.stop()

    def restart_shim(self) -> None:
        self.close_shim()
        self._closed = list((self.world.folder / "request_log").glob("*.jsonl"))
        self._open_shim()

    def pick_up(self) -> None:
        """The shim looks at the published folder."""
        self.folder.poll()
        assert self.folder.refused is None, self.folder.refused
        self.served = self.publications[-1] if self.publications else None

    def ask(self, at: datetime, *tags: str) -> None:
        """Some of the services are asked about some entities at an instant."""
        self.clock.now = at
        services = [each for each in self.project.services if each not in self.leaving]
        for service in self.rng.sample(services, self.rng.randint(1, len(services))):
            entities = self.project.requests(self.rng, service, at, self.rng.randint(1, self.rows))
            response = self.client.post(f"/v1/services/{service}", json={"entities": entities})
            refused = [self.oracle_services[service].refused(entity) for entity in entities]
            if response.status_code == 422:
                reported = {error["pointer"] for error in response.get_json()["errors"]}
                assert reported == {f"/entities/{n}/{name}" for n, names in enumerate(refused) for name in names}
                self._count("requests answered 422")
                entities = [entity for entity, names in zip(entities, refused, strict=True) if not names]
                refused = []
                response = self.client.post(f"/v1/services/{service}", json={"entities": entities})
            if self.served is None or service not in self.served.services:
                assert response.status_code == (503 if self.served is None else 404), response.get_data(as_text=True)
                self._count(f"requests answered {response.status_code}")
                continue
            assert response.status_code == 200, response.get_data(as_text=True)
            assert not any(refused), refused
            self._keep(service, entities, at, response.get_data(as_text=True), set(tags))

    def _keep(self, service: str, entities: list[Row], at: datetime, text: str, tags: set[str]) -> None:
        answer, served = json.loads(text), self.served
        requested_at = max(at, served.published_at)
        assert answer["sequence_number"] == served.number
        assert _time(answer["published_at"]) == served.published_at
        assert _time(answer["prediction_time"]) == requested_at
        assert len(answer["rows"]) == len(entities)
        if any(abs(requested_at - border) <= MICROSECOND for border in self.borders(service)):
            tags.add("at a boundary")
        if served.is_carried(group for group, _ in self.oracle_services[service].groups.values()):
            tags.add("of carried groups")
        if served.is_rollback:
            tags.add("after a rollback")
        if self.trouble:
            tags.add("after a failed or killed run")
        for entity, row in zip(entities, answer["rows"], strict=True):
            row_id = f"{len(self.answers)}"
            self.answers.append(Answer(row_id, service, entity, requested_at, served, row, frozenset(tags)))

    def borders(self, service: str | None = None) -> list[datetime]:
        """Where the served publication begins, and where its groups (those of a service) become too old."""
        groups = self.served.as_of
        if service:
            read = self.oracle_services[service].groups.values()
            groups = {group: groups[group] for group, _ in read}
        return [self.served.published_at, *(as_of + self.served.max_age[group] for group, as_of in groups.items())]

    def ask_until(self, end: datetime) -> None:
        """Requests from now to `end`, at any time and at the borders."""
        span = (end - self.now) // MICROSECOND
        instants = {self.now + self.rng.randint(0, span) * MICROSECOND for _ in range(self.rng.randint(1, 4))}
        if self.served:
            around = [border + shift * MICROSECOND for border in self.borders() for shift in (-1, 0, 1)]
            instants |= {at for at in around if self.now <= at <= end}
        for at in sorted(instants | {end}):
            self.ask(at)
        self.now = end

    # --------------------------------------------------------------------------------------------- the builder

    def reveal(self, now: datetime) -> None:
        """Puts into the raw tables what becomes visible until now."""
        arrivals, first = self.project.arrivals, self._revealed
        while self._revealed < len(arrivals) and arrivals[self._revealed].at <= now:
            self._revealed += 1
        by_table: dict[str, list[tuple]] = {}
        for arrival in arrivals[first : self._revealed]:
            by_table.setdefault(arrival.table, []).append(arrival.values)
        if not by_table:
            return
        with self.world.warehouse(read_only=False) as warehouse:
            warehouse.begin()
            for table, rows in by_table.items():
                marks = ", ".join("?" * len(rows[0]))
                for at in range(0, len(rows), 200):  # many rows to a statement
                    some = rows[at : at + 200]
                    values = ", ".join([f"({marks})"] * len(some))
                    warehouse.execute(f"insert into {table} values {values}", [value for row in some for value in row])
            warehouse.commit()

    def next_moment(self) -> datetime:
        """When the next build begins; often just as a row becomes visible."""
        ranges, weights = zip(*self.project.gaps, strict=True)
        low, high = self.rng.choices(ranges, weights)[0]
        moment = self.now + timedelta(microseconds=self.rng.randint(low * 60_000_000, high * 60_000_000))
        if self.rng.random() < 0.4:
            near = bisect_left(self._times, moment)
            if near < len(self._times) and self._times[near] - moment < timedelta(hours=1):
                moment = self._times[near] + self.rng.choice([-1, 0, 1]) * MICROSECOND
        return max(moment, self.now + MICROSECOND)

    def command(self, *arguments: str, now: datetime, fails: bool = False, **environment: str) -> None:
        self._count("dbt commands")
        self.world.dbt(*arguments, now=text_of(now), fails=fails, **environment, **UNIT_TESTS_OUT)

    def groups_of(self, service: str) -> set[str]:
        return {group for group, _ in self.oracle_services[service].groups.values()}

    def components(self) -> list[set[str]]:
        """Groups and services of the project that hang together."""
        found: list[set[str]] = [{group} for group in self.project.groups]
        for service in self.project.services:
            joined = [each for each in found if each & self.groups_of(service)]
            found = [each for each in found if each not in joined] + [{service}.union(*joined)]
        return found

    def whole(self) -> Built:
        return Built(frozenset([*self.project.groups, *self.project.services]))

    def drawn(self) -> Built:
        """Most builds are of a part, but for those of an engine, and in some a planted test or two fail."""
        built, components = self.whole(), self.components()
        if not self.engine and len(components) > 1 and self.rng.random() < 0.75:
            count = 1 if len(components) < 3 or self.rng.random() < 0.75 else 2
            sampled = self.rng.sample(components, count)
            if self.project.often and self.rng.random() < 0.6:
                sampled = [each for each in components if self.project.often in each]
            groups = [group for each in sampled for group in sorted(each) if group in self.project.groups]
            if self.rng.random() < 0.15:
                groups = [self.rng.choice(groups)]  # which may leave others of its component out
            services = [each for each in self.project.services if self.groups_of(each) & set(groups)]
            built = Built(
                frozenset([*groups, *services]), ["--select", *(f"@{group.replace('@', '.v')}" for group in groups)]
            )
            self._count("builds of a part")
        if self.rng.random() < 0.2:
            names = [name for name, (_, hit) in self.project.failing.items() if hit & built.ids]
            failing = self.rng.sample(sorted(names), min(len(names), self.rng.choice([1, 1, 1, 2])))
            hit = frozenset().union(*(self.project.failing[name][1] for name in failing))
            built = replace(built, failing=failing, hit=hit)
            self._count("builds with a planted failure")
        return built

    def coming(self, built: Built, moment: datetime, now: datetime) -> LifePublication | None:
        """What a build of `moment` that ends at `now` publishes.

        A component goes out that was built whole, and that nothing is wrong with. Of the others stays what there is.
        """
        components = self.components()
        going = [each for each in components if each <= built.ids and not each & built.hit]
        if self.is_held or not going:
            return None
        out, project = set().union(*going), self.project
        stays = set().union(*components) - out
        current = self.publications[-1] if self.publications else None
        as_of, max_age, made, services = {}, {}, {}, []
        number = len(self.publications) + 1
        if current:
            services = [each for each in current.services if each in stays]
            for group in stays & set(current.as_of):
                as_of[group], max_age[group] = current.as_of[group], current.max_age[group]
                made[group] = current.made[group]
        for group in out & set(project.groups):
            as_of[group] = max(moment, self.counted_to.get(group, moment))
            max_age[group], made[group] = project.max_age[group], number
        services = tuple(sorted([*services, *(out & set(project.services))]))
        if current and (as_of, max_age, services) == (current.as_of, current.max_age, current.services):
            return None
        return LifePublication(number, self.stamp(now, *as_of.values()), number, as_of, max_age, made, services)

    def stamp(self, now: datetime, *moments: datetime) -> datetime:
        """published_at: later than each moment and than the publication before."""
        before = [self.publications[-1].published_at] if self.publications else []
        return max([now, *(each + MICROSECOND for each in [*moments, *before])])

    def check_published(self, expected: LifePublication | None) -> None:
        """The pointer must say what is expected of the command that has run; None: what it said before."""
        pointer = self.world.pointer
        number = pointer["sequence_number"] if pointer else 0
        if expected is None:
            assert number == len(self.publications), pointer
            return
        assert (number, _time(pointer["published_at"])) == (expected.number, expected.published_at), pointer
        self.publications.append(expected)
        if not expected.is_rollback:
            self.counted_to |= {group: max(at, self.counted_to.get(group, at)) for group, at in expected.as_of.items()}
        if len(set(expected.made.values())) > 1:
            self._count("publications with carried groups")

    def go_out(self, expected: LifePublication | None, is_trouble: bool = False) -> None:
        """After a command: what it published is picked up, now and then a little late."""
        self.check_published(expected)
        self.trouble = is_trouble or (self.trouble and expected is None)
        if expected is None:
            return
        self.now = max(self.now, expected.published_at)
        if self.served and self.rng.random() < 0.15:
            late = expected.published_at + self.rng.randint(0, PICKUP // MICROSECOND) * MICROSECOND
            self.ask(expected.published_at)
            self.ask(late)
            self.pick_up()
            self.now = late
        else:
            self.pick_up()
            # a clock that is behind the builder's: the answer is given at published_at
            behind = expected.published_at - timedelta(seconds=self.rng.choice([0, 0, 30]))
            self.ask(behind)
        self.ask(self.now + MICROSECOND)
        self.now += MICROSECOND
        self.is_held = self.is_held or expected.is_rollback

    def green(self, moment: datetime | None = None, built: Built | None = None) -> None:
        """A build of all or of a part, as drawn. One in five takes a while: requests fall into it."""
        moment, built = moment or self.next_moment(), built or self.drawn()
        if moment > self.now:
            self.ask_until(moment)
        self.reveal(moment)
        if self.engine or self.rng.random() < 0.8:
            self.command("build", *built.arguments, now=moment, fails=built.fails, **built.environment)
            self.go_out(self.coming(built, moment, moment))
        else:
            self.command("run", *built.arguments, now=moment, **built.environment)
            end = moment + timedelta(microseconds=self.rng.randint(1, 900_000_000))
            self.ask_until(max(end, self.now))
            self.reveal(self.now)  # rows that the run could not see lie there now
            self.command("test", *built.arguments, now=self.now, fails=built.fails, **built.environment)
            self.go_out(self.coming(built, moment, self.now))
        for path in self._closed:  # taken in; the record holds them
            (self.world.folder / "archive").mkdir(exist_ok=True)
            path.rename(self.world.folder / "archive" / path.name)
        self._closed = []

    def red(self) -> None:
        """The feed is bad, the build fails; mended, it runs again, sometimes for the same moment."""
        moment = self.next_moment()
        self.ask_until(moment)
        self.reveal(moment)
        mishap = self.project.spoil(self.rng, self.world, moment)
        self._execute(mishap.spoil, mishap.parameters)
        built = replace(self.whole(), hit=mishap.hits)
        self.command("build", now=moment, fails=True)
        self._count("failed runs")
        self.go_out(self.coming(built, moment, moment), is_trouble=True)
        self.ask(self.now)
        self._execute(mishap.mend, mishap.parameters)
        self.green(moment if self.rng.random() < 0.4 else None)

    def _execute(self, statements: list[str], parameters: Row) -> None:
        with self.world.warehouse(read_only=False) as warehouse:
            for statement in statements:
                used = {name: value for name, value in parameters.items() if f"${name}" in statement}
                warehouse.execute(statement, used) if used else warehouse.execute(statement)

    def killed(self) -> None:
        """SIGKILL at a fault point, or at any moment; then the same again, or later."""
        moment = self.next_moment()
        self.ask_until(moment)
        self.reveal(moment)
        built = self.drawn()
        expected = self.coming(built, moment, moment)
        self._count("dbt commands")
        command = ["build", *built.arguments]
        environment = built.environment | UNIT_TESTS_OUT
        if self.rng.random() < 0.75:
            # a run that fails or builds a part comes to fewer of them, and where it holds something to two more
            is_plain = not built.arguments and not built.failing
            points = list(FAULT_POINTS) if is_plain else ["after_results", *([] if built.failing else BY_ENTITY)]
            if expected and not is_plain:
                points += ["before_pointer", *PUBLISHED_AT, *(HELD_AT if built.fails else [])]
            point = self.rng.choice(sorted(points))
            passes = self.rng.randint(0, FAULT_POINTS[point]) if is_plain else 0
            self.world.killed_at(point, *command, now=text_of(moment), passes=passes, **environment)
            expected = expected if point in PUBLISHED_AT or point in HELD_AT else None
        else:
            expected = expected if self._killed_at_any_moment(command, moment, environment) else None
        self._count("killed runs")
        self.go_out(expected, is_trouble=True)
        self.ask(self.now)
        self.green(moment if self.rng.random() < 0.3 else None)

    def _killed_at_any_moment(self, command: list[str], moment: datetime, environment: dict[str, str]) -> bool:
        """Whether it came as far as to publish: the pointer is the truth."""
        log = self.world.folder / "command.log"
        process = self.world.started(log, *command, now=text_of(moment), **environment)
        time.sleep(self.rng.uniform(1, 30 if self.engine else 8))
        if process.is_alive():
            kill(process)
        return (self.world.pointer or {"sequence_number": 0})["sequence_number"] > len(self.publications)

    def rolled_back(self) -> None:
        """To the snapshot before, or further; builds under the hold; released, and built again."""
        while len(self.publications) < 2:
            self.green()
        at = self.now + timedelta(microseconds=self.rng.randint(0, 1_800_000_000))
        self.ask_until(at)
        current, others = self.publications[-1], self.publications[:-1]
        first = min(each.number for each in self.publications if each.snapshot == current.snapshot)
        before = [each for each in others if each.snapshot != current.snapshot and each.number < first]
        chosen = [each for each in others if each.snapshot != current.snapshot][-5:]
        to = before[-1] if before and self.rng.random() < 0.5 else self.rng.choice(chosen)
        # sometimes by a machine whose clock is behind, by less than the declared pickup
        now = at - timedelta(seconds=self.rng.choice([0, 0, 0, 3]))
        expected = replace(to, number=len(self.publications) + 1, published_at=self.stamp(now, *to.as_of.values()))
        operation = ["run-operation", "rollback", "--args", f"{{to: {to.number}}}"]
        is_killed = self.rng.random() < 0.25
        if is_killed:
            self.world.killed_at(self.rng.choice(sorted(PUBLISHED_AT)), *operation, now=text_of(now))
            self._count("killed runs")
        else:
            self.command(*operation, now=now)
        self._count("rollbacks")
        self.go_out(expected, is_trouble=is_killed)
        self._until_released()

    def held(self) -> None:
        """The current snapshot is kept for a while."""
        self.command("run-operation", "hold", "--args", "{reason: looked into}", now=self.now)
        self.check_published(None)
        self.is_held = True
        self._count("holds")
        self._until_released()

    def _until_released(self) -> None:
        self.pick_up()
        if self.rng.random() < 0.6:
            self.green()
        self.ask_until(self.next_moment())
        self.command("run-operation", "release", now=self.now)
        self.check_published(None)
        self.is_held = False
        self.pick_up()
        self.green()

    def aged(self) -> None:
        """A group declares another max_age; what was OK stays OK."""
        self.project.change_max_age(self.world)
        self._count("changes of max_age")
        self.green()

    def forgotten(self) -> None:
        self.project.forget(self.rng, self.world, self.now)
        self._count("times that a source lost or found entities")
        self.green()

    def new_version(self) -> None:
        """A version is added and given a past; the backfill is killed and goes on where it stopped."""
        before = min(self.publications[0].as_of.values())
        histories = self.project.add_version(self.world)
        step = max((self.now - before) // 12, timedelta(minutes=1))
        # an engine hands over all groups, and no backfill goes in between moments that count
        start, end = (before - 9 * step, before - step / 2) if self.engine else (before - 3 * step, self.now - step / 2)
        variables = (
            f"{{backfill: {{from: '{start:%Y-%m-%dT%H:%M:%SZ}', to: '{end:%Y-%m-%dT%H:%M:%SZ}', "
            f"every: {step // timedelta(minutes=1)} minutes}}}}"
        )
        selected = ["build"] if self.engine else ["run", "--select", *(f"+{each}" for each in histories.split())]
        arguments = [*selected, "--vars", variables]
        self.world.killed_at("after_moment", *arguments, now=text_of(self.now), passes=3)
        self._count("killed runs")
        self.trouble = True
        self.ask(self.now)
        self.command(*arguments, now=self.now)
        self.check_published(None)
        self._count("versions added and backfilled")
        self.green()

    def joined(self) -> None:
        """A service appears that joins two components."""
        self.project.join(self.world)
        self.project.services.append(self.project.joining)
        self.leaving.discard(self.project.joining)
        self._count("components merged")
        self.green()

    def parted(self) -> None:
        """It disappears: nobody asks it any more, what was logged is compared, then its files go."""
        self.leaving.add(self.project.joining)
        self.restart_shim()
        self.green()
        self.project.part(self.world)
        self.project.services.remove(self.project.joining)
        self._count("components split")
        self.green()

    def lead(self) -> Record:
        """All of it: what happens in which order is drawn once."""
        self.ask(self.now)  # before anything is published
        self.green(built=self.whole())
        turns = self._turns()
        for number, turn in enumerate(turns):
            if number and number % SHIM_LIVES == 0:
                self.restart_shim()
            started = time.monotonic()
            turn()
            self.say(
                f"{len(self.publications):>4} publications, {len(self.answers):>7,} rows, {self.now:%m-%d %H:%M}  "
                f"{turn.__name__:<12} {time.monotonic() - started:5.1f} s"
            )
        while len(self.publications) < self.wanted:
            self.green()
        if self.project.joining and self.project.joining not in self.project.services:
            self.joined()  # what it answered is compared too
        self.ask_until(self.next_moment())
        self.close_shim()
        self.reveal(self.now)
        self.command("build", now=self.now)  # takes in the last of the log, and compares it
        self.check_published(self.coming(self.whole(), self.now, self.now))
        record = Record(self.project, self.answers, self.publications, self.counts)
        (self.world.folder / "life.pickle").write_bytes(pickle.dumps(record))
        return record

    def _turns(self) -> list[Callable[[], None]]:
        """What happens, in an order that is drawn: each kind of trouble at least once, and plain builds."""
        shares = {self.red: 0.09, self.killed: 0.12, self.rolled_back: 0.06, self.held: 0.03, self.forgotten: 0.04}
        if not self.project.forgets:
            del shares[self.forgotten]
        turns = [turn for turn, share in shares.items() for _ in range(max(1, round(share * self.wanted)))]
        # there is one before these, and a rollback is a publication too
        published = 1 + len(turns) + turns.count(self.rolled_back) + 2
        turns += [self.green] * (self.wanted - published)
        self.rng.shuffle(turns)
        turns.insert(len(turns) // 3, self.new_version)
        turns.insert(len(turns) // 2, self.aged)
        if self.project.joining:
            turns.insert(len(turns) // 4, self.joined)
            turns.insert(2 * len(turns) // 5, self.parted)
        return turns

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def text_of(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
