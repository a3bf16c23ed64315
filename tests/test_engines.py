"""Groups, entities and examples evaluated in PostgreSQL or Spark: equal to DuckDB's, and whole or not there at all.

A moment of the worked example is compared in test_example.py, in every `make test`.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import psycopg2
import pytest

from asof.dbt import dbt_program
from asof.engine import Relation
from asof.handover import prune
from asof.postgres import Postgres
from tests import test_history, test_replay
from tests.engines import EngineWorld, NewWorld, recorded
from tests.postgres import PostgresWorld, Server, running
from tests.spark import SparkWorld
from tests.spark import running as running_spark
from tests.test_proof import BASE, HONEST, STAGING, compared, differences, prove, write
from tests.world import ROOT, World, inherited

pytestmark = [pytest.mark.engines, pytest.mark.timeout(3600)]
BACKFILL = "--vars '{backfill: {from: 2026-04-02, to: 2026-05-01T12:00:00Z, every: 1 day}}'"
ACCEPT_ALL = """
{% macro accept_all() %}
    {%- for group in ["card", "customer", "customer_value", "shipment", "warehouse"] -%}
        {%- do asof.accept_definition(group ~ "@1", "moved") -%}
    {%- endfor -%}
{% endmacro %}
"""


class Project:
    """A copy of the worked example, its warehouse and its published folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "asof.duckdb"

    def environment(self, now: str) -> dict[str, str]:
        own = {"ASOF_WAREHOUSE": str(self.warehouse), "ASOF_NOW": now, "ASOF_TRAINING": str(self.folder / "training")}
        return {**inherited(), **own, "ASOF_PUBLISHED": str(self.folder / "published")}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "asof", "build", "--engine", "postgres", *arguments]

    def run(self, command: list[str], now: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment(now) | more
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1500)

    def build(self, now: str, *arguments: str, fails: bool = False) -> str:
        """`asof build --engine postgres`; returns all that it said."""
        run = self.run(self.command(*arguments), now)
        assert bool(run.returncode) == fails, run.stdout + run.stderr
        return re.sub(r"\s+", " ", run.stdout + run.stderr)

    def dbt(self, now: str, *arguments: str, fails: bool = False, **more: str) -> str:
        run = self.run([str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments], now, **more)
        assert bool(run.returncode) == fails, run.stdout
        return re.sub(r"\s+", " ", run.stdout)

    @property
    def sequence_number(self) -> int:
        pointer = self.folder / "published" / "current.json"
        return json.loads(pointer.read_text())["sequence_number"] if pointer.exists() else 0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(has_locale=True) as server:
        yield server


@pytest.fixture(scope="module", params=["postgres", "spark"])
def new_world(request: pytest.FixtureRequest) -> Iterator[NewWorld]:
    """What makes a project of a template in a folder, on each engine, which has nothing of it yet."""
    if request.param == "spark":
        with running_spark() as cluster:
            yield lambda folder, template: SparkWorld(folder, cluster, template)
        return
    server, numbers = request.getfixturevalue("server"), itertools.count()
    yield lambda folder, template: PostgresWorld(folder, server.database(f"world_{next(numbers)}"), template)


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Project:
    """The worked example, on a server without tables."""
    server.execute("drop schema if exists asof cascade")
    folder = server.example(tmp_path / "project")
    for name in ("published", "training"):
        (folder / name).mkdir()
    return Project(folder)


def test_thirty_moments_equal_those_of_duckdb_and_an_engine_is_changed_by_consent(
    project: Project, tmp_path: Path
) -> None:
    """History, lives, rows and training sets, by value and type; then the project on DuckDB moves to PostgreSQL."""
    project.build("2026-05-02T00:00:00Z", f"--dbt={BACKFILL}")
    alone = Project(tmp_path / "alone")
    shutil.copytree(project.folder, alone.folder, ignore=shutil.ignore_patterns("asof.duckdb*", "handovers", "target"))
    alone.dbt("2026-05-02T00:00:00Z", "build", *BACKFILL.replace("'", "").split(" ", 1))
    expected, found = recorded(alone.warehouse), recorded(project.warehouse)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert sum(map(len, expected.values())) > 11000
    print({name: len(rows) - len(expected[name][0]) for name, rows in expected.items()})

    alone.dbt("2026-05-02T00:00:00Z", "build")
    said = alone.build("2026-05-03T00:00:00Z", fails=True)
    assert "card@1 was published as duckdb evaluates it, and is now evaluated by postgres. Compared with" in said
    assert re.search(r"Compared with what was recorded: the same for \d\d+ points at [1-8] recorded moments\.", said)
    assert alone.sequence_number == 1
    # accept_definition, for all of them in one command
    (alone.folder / "macros" / "accept_all.sql").write_text(ACCEPT_ALL)
    alone.dbt("2026-05-03T00:00:00Z", "run-operation", "accept_all")
    alone.build("2026-05-03T00:01:00Z")
    assert alone.sequence_number == 2


def test_a_month_of_flights_equals_that_of_duckdb(new_world: NewWorld, tmp_path: Path) -> None:
    """Groups, lives and examples of January at 30 moments (make test-engines installs the package of the flights)."""
    sys.path.insert(0, str(ROOT / "examples" / "flights"))
    load = importlib.import_module("load").load
    template = tmp_path / "template"
    shutil.copytree(
        ROOT / "examples" / "flights", template,
        ignore=shutil.ignore_patterns(".demo", "target", "logs", "dbt_packages", "__pycache__"),
    )  # fmt: skip
    (template / "dbt_packages").mkdir()
    (template / "dbt_packages" / "asof").symlink_to(ROOT / "macros")
    (template / "packages.yml").write_text(f"packages:\n  - local: {ROOT / 'macros'}\n")
    profile = (template / "profiles.yml").read_text()
    (template / "profiles.yml").write_text(profile.replace(".demo/flights.duckdb", "warehouse.duckdb"))
    load(template / ".demo")
    with duckdb.connect(str(template / ".demo" / "flights.duckdb")) as warehouse:
        warehouse.execute("delete from raw.flights where month <> '1'")
    (template / ".demo" / "flights.duckdb").rename(template / "warehouse.duckdb")
    alone = World(tmp_path / "alone", template)
    there = new_world(tmp_path / "there", template)
    backfill = "{backfill: {from: '2013-01-02T12:00:00Z', to: '2013-01-31T12:00:00Z', every: 1 day}}"
    for world in (alone, there):
        world.build("2013-02-01 12:00", "--vars", backfill)
    expected, found = (recorded(world.folder / "warehouse.duckdb") for world in (alone, there))
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    print({name: len(rows) for name, rows in expected.items()})
    assert len(expected["route_v1_history"]) > 1000


# What an engine gives, by the rows of the table in docs/engines.md: SQL that is true
CHECKLIST = r"""
{% macro checklist_time(text) %} cast('{{ text }}' as {{ asof.type_timestamptz() }}) {% endmacro %}

{% macro checklist_mean(type, values, mean) %}
    (
        select {{ asof.mean('x', 2) }}
        from (values {% for x in values %}(cast({{ x }} as {{ type }})){{ ', ' if not loop.last }}{% endfor %}) as v (x)
    ) = {{ mean }}
{% endmacro %}

{% macro checklist_within(occurred) %}
    (
        select count(*)
        from (select {{ checklist_time(occurred) }} as occurred_at) as event
        cross join (select {{ checklist_time('2026-05-01 10:00:00.000001+00:00') }} as as_of) as point
        where {{ asof.within('event', '30 days') }}
    )
{% endmacro %}

{% macro checklist() %}
    {%- do asof.check_session() -%}
    {%- set ten = checklist_time('2026-05-01 10:00:00.000001+00:00') -%}
    {%- set days_later = checklist_time('2026-05-03 13:00:00.000002+02:00') -%}
    {%- set string = dbt.type_string() -%}
    {%- set checks = {
        'times with a zone, in microseconds': [
            ten ~ ' = ' ~ checklist_time('2026-05-01 12:00:00.000001+02:00'),
            ten ~ ' < ' ~ checklist_time('2026-05-01 12:00:00.000002+02:00'),
        ],
        'decimals with fixed digits that round half away from zero': [
            checklist_mean('decimal(12, 2)', ['1.00', '1.01'], '1.01'),
            checklist_mean('decimal(12, 2)', ['-1.00', '-1.01'], '-1.01'),
            checklist_mean('decimal(18, 2)', ['9007199254740993.01', '9007199254740993.02'], '9007199254740993.02'),
            checklist_mean('bigint', ['1', '2', '2'], '1.67'),
            '(select ' ~ asof.mean('x', 2) ~ ' from (values (1)) as v (x) where x > 1) is null',
        ],
        'text ordered by bytes, or a check that refuses': [
            "(select min(x) from (values ('a'), ('B'), ('_'), ('😀'), ('ｱ')) as v (x)) = 'B'",
            "(select max(x) from (values ('a'), ('B'), ('_'), ('😀'), ('ｱ')) as v (x)) = '😀'",
        ],
        '`asof.first_by`, `asof.hours_between`, `asof.series` and `asof.within` with the values of DuckDB': [
            '(select ' ~ asof.first_by('x', ['t', 'id']) ~ " from (values ('a', 1, 'b'), ('z', 1, 'B'), ('y', 2, 'A'))"
                ~ " as v (x, t, id)) = 'z'",
            '(select ' ~ asof.first_by('x', ['t']) ~ ' from (values (cast(null as ' ~ string ~ "), 1), ('y', 2))"
                ~ ' as v (x, t)) is null',
            'cast(' ~ asof.hours_between(ten, days_later) ~ ' as ' ~ asof.type_double() ~ ') = cast('
                ~ "'HOURS' as " ~ asof.type_double() ~ ')',
            '(select count(*) from ' ~ asof.series('2026-05-01', '2026-05-02', '6 hours') ~ ' as s) = 5',
            '(select max(moment) from ' ~ asof.series('2026-05-01', '2026-05-02', '7 hours') ~ ' as s) = '
                ~ checklist_time('2026-05-01 21:00:00+00:00'),
            checklist_within('2026-04-01 10:00:00.000001+00:00') ~ ' = 0',
            checklist_within('2026-04-01 10:00:00.000002+00:00') ~ ' = 1',
        ],
        '`nulls last`': [
            '(select min(n) from (select x, row_number() over (order by x nulls last) as n from (values (cast(null as '
                ~ 'integer)), (1)) as v (x)) as o where x is null) = 2',
        ],
    } -%}
    {%- for row, conditions in checks.items() -%}
        {%- for condition in conditions if not run_query('select ' ~ condition ~ ' as holds').rows[0][0] -%}
            {%- do print('not given: ' ~ row ~ ': ' ~ condition) -%}
        {%- endfor -%}
        {%- do print('asked: ' ~ row) -%}
    {%- endfor -%}
{% endmacro %}
"""


def test_an_engine_gives_what_the_docs_ask_of_it(new_world: NewWorld, tmp_path: Path, parsed_world: Path) -> None:
    """The rows of the table in docs/engines.md, but the last two, of which the other tests with `new_world` are."""
    table = (ROOT / "docs" / "engines.md").read_text().partition("| what | why |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()]
    ((hours,),) = duckdb.sql("select extract(epoch from interval '49 hours 1 microsecond') / 3600.0").fetchall()
    for world in (World(tmp_path / "alone", parsed_world), new_world(tmp_path / "there", parsed_world)):
        (world.folder / "macros" / "checklist.sql").write_text(CHECKLIST.replace("HOURS", repr(hours)))
        target = world.engine if isinstance(world, EngineWorld) else "test"
        run = subprocess.run(
            [dbt_program(), "--no-use-colors", "run-operation", "checklist", "--target", target],
            cwd=world.folder, env=world.environment("2026-05-01 10:00"), capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert "not given" not in run.stdout, run.stdout
        assert re.findall("asked: (.*)", run.stdout) == rows[:-2], run.stdout
    assert len(rows) == 7


LINGUISTIC = "template template0 encoding 'UTF8' locale 'en_US.UTF-8'"
MEAN = """    cast({{ asof.mean('event.amount', 2) }} as decimal(12, 2)) as mean_amount,
    max("""


def differing(new_world: NewWorld, folder: Path, parsed_world: Path, plant: Callable[[World], None]) -> list[str]:
    """The tables that differ between the small project on an engine and on DuckDB alone.

    Means end in a half, and of what was said of a thing at one time the last by bytes is not the last by language.
    plant: puts a fault into each project, whose macros are its own.
    """
    tables = []
    for world in (World(folder / "alone", parsed_world), new_world(folder / "there", parsed_world)):
        with_macros_of_its_own(world)
        world.replace("models/staging/stg_things.sql", "thing_id || ' '", "color || ' '")
        world.replace("models/features/thing_v1.sql", "    max(", MEAN)
        world.replace(
            "models/features/thing.yml",
            "- {name: last_event_at",
            '- {name: mean_amount, data_type: "decimal(12,2)", description: Mean.}\n      - {name: last_event_at',
        )
        for color in ("a", "B"):
            world.thing("t", "2026-05-01 08:00", color=color)
        for number, amount in enumerate((1.00, 1.01)):
            world.event(f"e{number}", "t", "2026-05-01 08:30", amount=amount)
        plant(world)
        world.build("2026-05-01 10:00")
        tables.append(recorded(world.folder / "warehouse.duckdb"))
    assert tables[0].keys() == tables[1].keys()
    return [name for name in tables[0] if tables[0][name] != tables[1][name]]


def with_macros_of_its_own(world: World) -> None:
    """The package as a copy, which a test may change."""
    macros = world.folder / "dbt_packages" / "asof"
    macros.unlink()
    shutil.copytree(ROOT / "macros", macros)


def let_pass(world: World, file: str, macro: str) -> None:
    """Takes the check of that name out of the project's macros, so that what it refuses is built."""
    text, kept = (world.folder / "dbt_packages" / "asof" / file).read_text(), "{% macro " + macro
    head, _, rest = text.partition(kept)
    (world.folder / "dbt_packages" / "asof" / file).write_text(
        head + kept + rest.partition("%}")[0] + "%}{% endmacro %}" + rest.partition("{% endmacro %}")[2]
    )


def test_avg_in_place_of_the_exact_mean_is_found(new_world: NewWorld, tmp_path: Path, parsed_world: Path) -> None:
    def plant(world: World) -> None:
        let_pass(world, "guards/check_row_order.sql", "check_row_order")
        world.replace("models/features/thing_v1.sql", "{{ asof.mean('event.amount', 2) }}", "avg(event.amount)")

    assert differing(new_world, tmp_path / "exact", parsed_world, lambda world: None) == []
    assert sorted(differing(new_world, tmp_path / "avg", parsed_world, plant)) == [
        "thing_v1_history",
        "thing_v1_latest",
    ]


def test_a_database_that_orders_text_by_a_language_is_refused_and_would_give_other_values(
    server: Server, tmp_path: Path, parsed_world: Path
) -> None:
    database = server.database("by_language", LINGUISTIC)
    world = PostgresWorld(tmp_path / "world", database, parsed_world)
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("the database by_language orders text by the rules of a language, and DuckDB by bytes")
    assert database.execute("select count(*) from pg_class where relname = 'stg_things'") == [(0,)]
    (line,) = re.findall("`create database by_language_by_bytes (.*?)`", re.sub(r"\s+", " ", run.output))

    def on(database: Server) -> NewWorld:
        return lambda folder, template: PostgresWorld(folder, database, template)

    assert differing(on(server.database("by_language_by_bytes", line)), tmp_path / "right", parsed_world, print) == []
    found = differing(
        on(database), tmp_path / "wrong", parsed_world,
        lambda world: let_pass(world, "engine/postgres.sql", "postgres__check_session"),
    )  # fmt: skip
    assert {"thing_v1_history", "thing_v1_latest"} <= set(found)


def test_a_column_that_is_ordered_by_a_language_is_refused(server: Server, tmp_path: Path, parsed_world: Path) -> None:
    world = PostgresWorld(tmp_path / "world", server.database("columns"), parsed_world)
    world.server.execute("create collation english (locale = 'en_US.UTF-8')")
    world.replace("models/staging/stg_things.sql", "place_id, color", 'place_id, color collate "english" as color')
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("stg_things: its column color has the collation english")
    assert run.says('`color collate "C" as color`')


def test_what_is_no_hand_over_of_this_run_is_refused(project: Project) -> None:
    project.build("2026-05-02T00:00:00Z")
    (first,) = (project.folder / "handovers").glob("2*")
    project.build("2026-05-03T00:00:00Z")

    def refused(says: str, *arguments: str, folder: Path = first) -> None:
        command = ["build", *arguments]
        said = project.dbt("2026-05-04T00:00:00Z", *command, fails=True, ASOF_HANDOVER=str(folder))
        assert says in said, said

    refused("which was taken already")
    newest = max((project.folder / "handovers").glob("2*"))
    torn = project.folder / "handovers" / "torn"
    shutil.copytree(newest, torn)
    with (torn / "card_v1-0.parquet").open("ab") as file:
        file.write(b"x")
    refused("is torn: card_v1-0.parquet is another file than the one that was sealed", folder=torn)
    (torn / "handover.json").unlink()
    refused("handover.json, which is written last, is not there", folder=torn)
    refused("this backfill asks for", "--vars", "{backfill: {from: 2026-04-01, to: "
            "2026-04-02, every: 1 day}}", folder=newest)  # fmt: skip
    model = project.folder / "models" / "features" / "card_v1.sql"
    model.write_text(model.read_text() + "\n-- edited\n")
    refused("was made from another text of card", folder=newest)
    assert project.sequence_number == 2


def test_a_test_that_fails_on_the_engine_holds_its_component_and_the_others_go_out(project: Project) -> None:
    seed = project.folder / "seeds" / "raw_card_transactions.csv"
    rows = seed.read_text().splitlines()
    seed.write_text("\n".join([*rows, rows[-1]]) + "\n")  # an event_id twice
    said = project.build("2026-05-02T00:00:00Z", fails=True)
    assert re.search(r"published \S+ as number 1 at \S+: .*late_delivery@1.* left out: card@1, fraud@1", said), said
    assert project.sequence_number == 1


@pytest.fixture(scope="module")
def published(new_world: NewWorld, tmp_path_factory: pytest.TempPathFactory, parsed_world: Path) -> EngineWorld:
    """The small project, published once."""
    return published_once(new_world(tmp_path_factory.mktemp("published") / "world", parsed_world))


@pytest.fixture
def small(published: EngineWorld, tmp_path: Path) -> EngineWorld:
    """A copy of it. Its builds make anew what is on the engine."""
    shutil.copytree(published.folder, tmp_path / "world", symlinks=True)
    return published.copied(tmp_path / "world")


def published_once(world: EngineWorld) -> EngineWorld:
    world.thing("t", "2026-05-01 08:00")
    world.event("e", "t", "2026-05-01 08:30")
    world.build("2026-05-01 10:00")
    return world


def files_of(world: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (world.folder / "published").iterdir()}


@pytest.mark.parametrize("stage", ["begun", "reading", "sealed"])
def test_killed_anywhere_the_snapshot_before_stays_and_the_next_build_is_whole(small: EngineWorld, stage: str) -> None:
    before = files_of(small)
    known = set((small.folder / "handovers").glob("2*"))
    mark = {"begun": "", "reading": "*.parquet", "sealed": "handover.json"}[stage]
    process = small.begun("2026-05-01 10:05")
    deadline = time.monotonic() + 300
    while not any(
        not mark or any(path.glob(mark)) for path in (small.folder / "handovers").glob("2*") if path not in known
    ):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert files_of(small) == before
    small.build("2026-05-01 10:10")
    assert small.pointer["sequence_number"] == 2
    assert len(list((small.folder / "handovers").glob("2*"))) <= 3


def test_a_server_that_stops_while_it_is_read(tmp_path: Path, parsed_world: Path) -> None:
    with running() as server:
        world = published_once(PostgresWorld(tmp_path / "world", server, parsed_world))
        before = files_of(world)
        process = world.begun_reading("2026-05-01 10:05")
        holder = psycopg2.connect(**server.address)
        holder.cursor().execute("lock table asof.score_examples in access exclusive mode")
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        while server.execute(waiting) == [(0,)]:
            assert process.poll() is None, process.stdout.read()
        server.stop()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "no hand-over was made, and nothing was built of it. PostgreSQL (score_examples): " in said, said
        assert files_of(world) == before
        assert len(list((world.folder / "handovers").glob("2*"))) == 1
        server.start()
        world.build("2026-05-01 10:10")
        assert world.pointer["sequence_number"] == 2


def test_a_disk_that_is_full(small: EngineWorld) -> None:
    """No file of the process that writes the hand-over may grow."""
    before = files_of(small)
    process = small.begun_reading("2026-05-01 10:05")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    # of what stays in Spark, dbt compiles the examples for DuckDB first
    where = "dbt ended with" if small.engine == "spark" else r"\w+ could not be written to \S+:"
    assert re.search(rf"nothing was built of it\. {where} .*File too large", said), said
    assert files_of(small) == before
    assert len(list((small.folder / "handovers").glob("2*"))) == 1
    small.build("2026-05-01 10:10")
    assert small.pointer["sequence_number"] == 2


def test_a_clock_in_examples_is_refused_whatever_sql_the_engine_writes(small: EngineWorld) -> None:
    """Also where DuckDB's parser does not read that: Spark has no quotes around the name of the schema, `asof`."""
    small.replace(
        "models/services/score_examples.sql",
        "from {{ source('raw', 'examples') }}",
        "from {{ source('raw', 'examples') }} inner join {{ ref('stg_things') }} as thing using (thing_id)\n"
        "where prediction_time < current_timestamp",
    )
    run = small.build("2026-05-01 10:05", fails=True)
    assert run.says("models/services/score_examples.sql uses current_timestamp: the examples would be others")
    assert small.pointer["sequence_number"] == 1


def test_without_the_server_nothing_is_built_and_the_message_says_so(project: Project, server: Server) -> None:
    profile = project.folder / "profiles.yml"
    profile.write_text(profile.read_text().replace(f'host: "{server.address["host"]}"', 'host: "/nowhere"'))
    said = project.build("2026-05-02T00:00:00Z", fails=True)
    assert "no hand-over was made, and nothing was built of it. PostgreSQL cannot be reached" in said
    assert project.sequence_number == 0


def test_the_loop_builds_with_an_engine(server: Server, tmp_path: Path, parsed_world: Path) -> None:
    world = PostgresWorld(tmp_path / "world", server.database("looped"), parsed_world)
    world.thing("t", "2026-05-01 08:00")
    world.load()
    environment = inherited()
    command = [sys.executable, "-m", "asof", "loop", "--engine", "postgres", "--every", "1s"]
    loop = subprocess.Popen(command, cwd=world.folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        for number in (1, 2):
            assert re.match(rf"\S+Z round {number}: exit 0 .*; published {number} at \S+, ", loop.stdout.readline())
        loop.send_signal(signal.SIGTERM)
        said, _ = loop.communicate(timeout=300)
        assert loop.returncode == 0, said
    finally:
        loop.kill()
    part = subprocess.run([*command, "--select", "thing"], cwd=world.folder, env=environment, capture_output=True)
    assert (part.returncode, part.stderr.decode().count("leave out --select and --selector, or --engine")) == (2, 1)


def test_the_published_rows_are_kept_in_postgresql(server: Server, tmp_path: Path, parsed_world: Path) -> None:
    """What is published, and never what is held; a view of a reader's own stays over builds."""
    world = PostgresWorld(tmp_path / "world", server.database("latest"), parsed_world)
    world.replace("dbt_project.yml", "vars:\n", "vars:\n  asof_latest_in_engine: true\n")
    columns = "thing_id, as_of, color, events_lifetime, amount_total, last_event_at"
    zone = "set time zone 'UTC'; "

    def shown(relation: str = "asof.thing_v1_latest") -> list[tuple]:
        return world.server.execute(f"{zone}select {columns} from {relation} order by thing_id")

    def published() -> list[tuple]:
        file = world.folder / "published" / world.manifest["groups"]["thing@1"]["file"]
        return world.query(f"select {columns} from '{file}' order by thing_id")

    def state() -> list[tuple]:
        said = "sequence_number, to_char(as_of, 'HH24:MI'), snapshot_id, max_age = interval '2 hours'"
        return world.server.execute(f"{zone}select {said} from asof.asof_published where relation = 'thing_v1_latest'")

    world.thing("t", "2026-05-01 08:00")
    world.event("e", "t", "2026-05-01 08:30")
    world.build("2026-05-01 10:00")
    first = shown()
    assert len(first) == 1
    assert first == published()
    assert state() == [(1, "10:00", world.pointer["snapshot_id"], True)]
    kinds = "select relkind from pg_class where relname = '{}'"
    assert world.server.execute(kinds.format("thing_v1_latest")) == [("m",)]

    world.server.execute(f"create view asof.report as select {columns} from asof.thing_v1_latest")
    world.thing("u", "2026-05-01 10:01")
    world.event("f", "u", "2026-05-01 10:02", known="2026-05-01 10:01")  # known before it happened
    world.build("2026-05-01 10:05", fails=True)
    assert (shown(), state()[0][:2]) == (first, (1, "10:00"))
    world.execute("delete from raw.events where thing_id = 'u'")
    world.build("2026-05-01 10:10")
    assert [row[0] for row in shown()] == ["t", "u"]
    assert shown() == published() == shown("asof.report")
    assert state()[0][:2] == (2, "10:10")

    world.dbt("run-operation", "rollback", "--args", "{to: 1}", now="2026-05-01 10:11")
    world.build("2026-05-01 10:15")
    assert shown() == first == shown("asof.report")
    assert state()[0][:2] == (3, "10:00")


def test_all_types_of_published_rows_are_kept_in_postgresql(server: Server, tmp_path: Path) -> None:
    """Also where the columns change from one publication to the next, and a group that leaves."""
    database = server.database("kinds")
    database.execute("create schema asof")
    values = {
        "varchar": r"""'a"b\c,{d} é' || chr(10)""", "uuid": "'6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11'", "boolean": "true",
        "tinyint": "-7", "smallint": "7", "integer": "7", "bigint": "9007199254740993", "decimal(18,4)": "-1.0005",
        "float": "0.1", "double": "0.1", "date": "'0001-02-03'", "timestamptz": "'2026-05-01 08:00:00.000001+00'",
    }  # fmt: skip
    values |= {"float ": "'infinity'", "double ": "'nan'"}
    values |= {f"{type_}[]": f"[{value}, null, {value}]" for type_, value in values.items() if type_.strip() == type_}
    features = [{"name": f"c{place}", "type": type_.strip()} for place, type_ in enumerate(values)]

    def show(number: int, features: list[dict[str, str]], groups: set[str]) -> None:
        picked = [
            f"cast({value} as {each['type']}) as {each['name']}"
            for each, value in zip(features, values.values(), strict=False)
        ]
        nulls = [f"null::{each['type']}" for each in features]
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            rows = connection.sql(
                f"select 'full' as k, timestamptz '2026-05-01 08:00+00' as as_of, {', '.join(picked)} "
                f"union all select '', timestamptz '2026-05-01 08:00+00', {', '.join(nulls)}"
            )
            rows.write_parquet(str(tmp_path / "g.parquet"))
        pointer = {"sequence_number": number, "snapshot_id": str(number), "published_at": "2026-05-01T08:00:01Z"}
        (tmp_path / "current.json").write_text(json.dumps({**pointer, "manifest": "m.json"}))
        made = {"version": 1, "as_of": "2026-05-01T08:00:00Z", "max_age_seconds": 60, "file": "g.parquet"}
        made |= {"keys": [{"name": "k", "type": "varchar"}], "features": features}
        (tmp_path / "m.json").write_text(json.dumps({"groups": {name: {**made, "name": name} for name in groups}}))
        engine = Postgres(database.address)
        engine.show_published("asof", tmp_path)
        types = {"k": "varchar", "as_of": "timestamptz"} | {each["name"]: each["type"] for each in features}
        engine.write(Relation("asof", "g_v1_latest"), types, None, tmp_path / "back.parquet")
        engine.close()
        rows = [duckdb.sql(f"from '{tmp_path / name}' order by k").fetchall() for name in ("g.parquet", "back.parquet")]
        assert repr(rows[0]) == repr(rows[1])

    def relations() -> list[tuple]:
        return database.execute("select matviewname from pg_matviews order by 1")

    show(1, features, {"g", "h"})
    assert relations() == [("g_v1_latest",), ("h_v1_latest",)]
    show(2, features[:2], {"g"})
    assert relations() == [("g_v1_latest",)]


def judged(world: World) -> list[list[tuple]]:
    """A month of events of which the last have no amount, and then silence: profiles of event models, and findings."""
    world.replace(
        "models/sources.yml",
        "{loaded_at_field: known_at}",
        "{loaded_at_field: known_at, freshness: {error_after: {count: 3, period: hour}}}",
    )
    world.thing("t", "2026-04-01 08:00")
    times = [datetime(2026, 4, 1) + timedelta(minutes=30 * number) for number in range(30 * 48)]
    rows = [(str(at), "t", at.hour, f"{at}+00", f"{at + timedelta(minutes=at.hour)}+00", False) for at in times]
    world.add("events", *rows[:-48], *[(id_, thing, None, *rest) for id_, thing, _, *rest in rows[-48:]])
    world.build("2026-05-01 00:30", fails=None)
    world.build("2026-05-01 10:30", fails=None)
    measured = "rows, nulls, mean, bins, top, details"
    return [
        world.query(
            f"select subject, column_name, as_of, {measured} from asof_profiles where kind = 'events' order by all"
        ),
        world.query("select rule, level, subject, column_name, was, found, allowed from asof_findings order by all"),
    ]


def test_event_models_that_stay_on_an_engine_are_judged_as_those_in_duckdb(
    new_world: NewWorld, tmp_path: Path, parsed_world: Path
) -> None:
    there = new_world(tmp_path / "there", parsed_world)
    profiles, findings = judged(there)
    assert [profiles, findings] == judged(World(tmp_path / "alone", parsed_world))
    assert {("freshness", "hold", "stg_events"), ("null_rate", "warn", "stg_events")} <= {each[:3] for each in findings}
    assert len(profiles) > 20
    # of many rows a part, in which each hour keeps its share
    part = tmp_path / "part.parquet"
    if isinstance(there, PostgresWorld):
        engine, stg = Postgres(there.server.address), Relation("asof", "stg_events")
        engine.recent_rows = 100
        engine.write_recent(stg, engine.columns(stg), "2026-05-01 10:30:00+00:00", part)
        engine.close()
    else:
        with_macros_of_its_own(there)
        there.replace("dbt_packages/asof/engine/spark.sql", "/ build.rows", "/ 100")
        there.build("2026-05-01 10:35", fails=None)
        part = max((there.folder / "handovers").glob("2*")) / "stg_events.parquet"
    ((rows, days),) = duckdb.execute(
        "select count(*), count(distinct cast(known_at as date)) from read_parquet(?)", [str(part)]
    ).fetchall()
    assert 60 < rows < 160
    assert days > 25


def test_explain_says_what_it_cannot_do(small: EngineWorld) -> None:
    def said(*command: str) -> str:
        run = subprocess.run(
            [sys.executable, "-m", "asof", *command],
            cwd=small.folder, env=small.environment("2026-05-01 10:05"), capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        return re.sub(r"\s+", " ", run.stdout + run.stderr)

    explained = said("explain", "score", "thing_id=t", "request_amount=1", "2026-05-01T10:04:00Z")
    assert "row recorded at 2026-05-01T10:00:00Z" in explained
    assert f"evaluated again now: not known, and no events are shown: both are in {small.engine}" in explained


def test_past_moments_are_replayed_in_postgresql(server: Server, tmp_path: Path, parsed_world: Path) -> None:
    """What was changed in place there is found in moments that were handed over before."""
    world = PostgresWorld(tmp_path / "world", server.database("replayed"), parsed_world)
    test_replay.test_a_rewritten_past_is_found_named_and_can_be_accepted(world)
    samples = [
        json.loads(path.read_text())["samples"] for path in (world.folder / "handovers").glob("2*/handover.json")
    ]
    assert min(map(len, samples)) > 2


def test_lives_go_back_to_postgresql(server: Server, tmp_path: Path, parsed_world: Path) -> None:
    """What the source forgot is remembered there: with the lives that counted before."""
    world = PostgresWorld(tmp_path / "world", server.database("remembered"), parsed_world)
    test_history.test_who_left_and_came_back_between_two_runs_has_two_lives(world)
    world.execute("delete from raw.things; delete from raw.departures")
    world.thing("b", "2026-05-01 11:30")
    world.build("2026-05-01 12:00", "--vars", "asof_replay: false", fails=None)
    lives = world.server.execute("select thing_id, gone_at is null from asof.things order by first_seen_at")
    assert lives == [("a", False), ("a", False), ("b", True)]
    assert world.query("select thing_id, gone_at is null from things order by first_seen_at") == lives


LEAKS = ["stg_lead", "stg_count", "stg_target_mean", "stg_early", "stg_through_base"]
# as dbt does not write it for either engine
PAST_THE_SOURCE = "select event_id, occurred_at, known_at, thing_id from {}"
PAST = {"postgres": "raw.events", "spark": "`raw`.`events`"}


def test_the_proof_rebuilds_staging_on_the_engine_and_finds_what_leaks_there(
    new_world: NewWorld, tmp_path: Path, parsed_world: Path
) -> None:
    """Honest staging first, then leaks in it, then a model that reads past source(); nothing is left on the engine."""
    world = new_world(tmp_path / "world", parsed_world)
    # in Spark each rebuild is a dbt command
    moments, seconds = ("2", 1800) if world.engine == "spark" else ("4", 300)
    # its feeds end days before it is built, which is no matter of the proof
    world.replace("dbt_project.yml", "{+materialized: view}", "{+materialized: view, +meta: {health: false}}")
    for number in range(8):
        thing, day = f"t{number}", 2 + number
        world.thing(thing, f"2026-04-{day:02} 08:00")
        for count in range(5):
            at = f"2026-04-{day + 3 * count:02} 10:{number:02}"
            world.event(f"{thing}/{count}", thing, at, f"2026-04-{day + 3 * count:02} 1{count}:30", amount=number)
        world.example(f"x{number}", thing, f"2026-04-20 12:{10 + number}")  # soon after the first publication
    world.add("departures", ("t1", "2026-04-20 10:00+00", "2026-04-20 11:00+00"))
    world.add("places", ("p", 7, "2026-04-01 08:00+00", "2026-04-01 08:00+00"))
    world.replace(
        "models/services/score_examples.sql",
        "'examples') }}",
        "'examples') }} where prediction_time < {{ asof.cutoff() }}",
    )
    write(world, {name: HONEST[name] for name in ("stg_so_far", "stg_joined")}, "models/staging/{}.sql")
    world.build("2026-04-20 12:00")
    world.build("2026-05-01 09:00")
    run = prove(world, Path(sys.executable).parent, "--moments", moments, now="2026-05-01 10:00", seconds=seconds)
    assert run.returncode == 0, run.stdout + run.stderr
    found = compared(run.stdout)
    assert {"stg_events", "stg_so_far", "stg_joined", "things", "thing@1", "score@1"} <= found.keys()
    assert all(found.values()), found
    print(f"{sum(found.values()):,} points of {len(found)} models")

    write(world, {name: STAGING[name] for name in LEAKS}, "models/staging/{}.sql")
    write(world, {"base_lead": BASE}, "models/base/{}.sql")
    world.build("2026-05-01 09:05")
    run = prove(world, Path(sys.executable).parent, "--moments", moments, now="2026-05-01 10:00", seconds=seconds)
    assert run.returncode == 1, run.stdout + run.stderr
    assert sorted(name for name, count in differences(run.stdout).items() if count) == sorted(LEAKS), run.stdout

    write(world, {"stg_past": PAST_THE_SOURCE.format(PAST[world.engine])}, "models/staging/{}.sql")
    run = prove(world, Path(sys.executable).parent, "--moments", moments, now="2026-05-01 10:00", seconds=seconds)
    assert run.returncode == 2
    assert "not proven: stg_past reads raw.events by its literal name" in run.stderr
    if isinstance(world, PostgresWorld):
        assert world.server.execute("select count(*) from pg_namespace where nspname like 'asof_proof%'") == [(0,)]
    else:
        assert list((world.folder / "tables").glob("asof_proof*")) == []


def test_prune_keeps_the_newest_that_were_sealed(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / f"2026050{number}"
        folder.mkdir()
        if number != 4:
            (folder / "handover.json").write_text("{}")
    prune(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20260502", "20260503"]
