"""The worked example evaluated in Spark, by a master and two workers: equal to DuckDB's, and whole after a fault."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from asof.engine import EngineError, EntityInput, Relation, Start
from asof.spark import Spark
from tests.engines import recorded
from tests.spark import Cluster, running
from tests.test_engines import Project

BACKFILL = "{backfill: {from: 2026-04-02, to: 2026-05-01T12:00:00Z, every: 1 day}}"


class SparkProject(Project):
    """A copy of the worked example whose engine is Spark."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "asof", "build", "--engine", "spark", *arguments]

    def environment(self, now: str) -> dict[str, str]:
        return super().environment(now) | {"SPARK_LOCAL_IP": "127.0.0.1"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> SparkProject:
    folder = cluster.example(tmp_path / "project")
    for name in ("published", "training"):
        (folder / name).mkdir()
    return SparkProject(folder)


@pytest.mark.engines
@pytest.mark.timeout(3600)
def test_thirty_moments_and_a_live_build_equal_those_of_duckdb(project: SparkProject, tmp_path: Path) -> None:
    """History, lives, rows and training sets, by value and type; then the project on DuckDB moves to Spark."""
    alone = SparkProject(tmp_path / "alone")
    shutil.copytree(project.folder, alone.folder)
    project.build("2026-05-02T00:00:00Z", f"--dbt=--vars '{BACKFILL}'")
    project.build("2026-05-03T00:00:00Z")
    assert project.sequence_number == 1
    alone.dbt("2026-05-02T00:00:00Z", "build", "--vars", BACKFILL)
    alone.dbt("2026-05-03T00:00:00Z", "build")
    expected, found = recorded(alone.warehouse), recorded(project.warehouse)
    for tables in (expected, found):
        del tables["asof_due_rows"]  # not counted of an engine's events: docs/engines.md
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert sum(map(len, expected.values())) > 11000

    # docs/move-to-spark.md, from the first build on
    said = alone.build("2026-05-04T00:00:00Z", fails=True)
    assert "card@1 was published as duckdb evaluates it, and is now evaluated by spark. Compared with" in said
    assert alone.sequence_number == 1
    for group in ("card", "customer", "customer_value", "shipment", "warehouse"):
        arguments = f"{{id: {group}@1, reason: moved to Spark}}"
        alone.dbt("2026-05-04T00:00:00Z", "run-operation", "accept_definition", "--args", arguments)
    alone.build("2026-05-04T00:01:00Z")
    assert alone.sequence_number == 2


@pytest.mark.engines
@pytest.mark.timeout(3600)
def test_a_worker_that_is_killed_while_it_writes_is_made_up_for(project: SparkProject, cluster: Cluster) -> None:
    """And a build that is killed itself leaves the snapshot before; the next one is whole."""
    written = "spark/out/*/asof_moment=*"
    run = kill_when(project, "2026-05-02T00:00:00Z", written, lambda process: cluster.kill())
    cluster.add_worker()
    assert run == 0
    assert project.sequence_number == 1
    before = {path: path.read_bytes() for path in (project.folder / "published").iterdir()}
    assert kill_when(project, "2026-05-03T00:00:00Z", written, lambda it: os.killpg(it.pid, signal.SIGKILL)) != 0
    assert {path: path.read_bytes() for path in (project.folder / "published").iterdir()} == before
    project.build("2026-05-04T00:00:00Z")
    assert project.sequence_number == 2
    assert len(list((project.folder / "handovers").glob("2*"))) == 2
    with duckdb.connect(str(project.warehouse), read_only=True) as connection:
        counted = connection.execute("select count(distinct as_of) from asof_counted_moments").fetchone()
    assert counted == (2,)


def kill_when(project: SparkProject, now: str, pattern: str, kill: Callable[[subprocess.Popen[bytes]], None]) -> int:
    """Begins a build, kills when a new hand-over holds such a path, and returns how the build ended."""
    known = set((project.folder / "handovers").glob("2*"))
    process = subprocess.Popen(
        project.command(), cwd=project.folder, env=project.environment(now), start_new_session=True
    )
    deadline = time.monotonic() + 900
    while not any(any(each.glob(pattern)) for each in set((project.folder / "handovers").glob("2*")) - known):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    kill(process)
    return process.wait(timeout=1200)


@pytest.mark.engines
@pytest.mark.timeout(3600)
def test_a_session_that_would_give_other_values_is_refused(project: SparkProject) -> None:
    profile = project.folder / "profiles.yml"
    profile.write_text(profile.read_text().replace("timeZone: UTC\n", "timeZone: Europe/Berlin\n"))
    said = project.build("2026-05-02T00:00:00Z", fails=True)
    assert "no hand-over was made, and nothing was built of it. the session of Spark has" in said
    assert re.search(r'profiles.yml: `spark.sql.session.timeZone: "UTC"`', said), said
    assert project.sequence_number == 0


@pytest.mark.engines
@pytest.mark.timeout(3600)
def test_without_a_worker_the_build_ends_by_its_time_limit(project: SparkProject, cluster: Cluster) -> None:
    """Spark itself waits without an end. The last test of the cluster: it has no workers then."""
    for _ in range(2):
        cluster.kill()
    said = project.build("2026-05-02T00:00:00Z", "--timeout", "2m", fails=True)
    assert "no hand-over was made, and nothing was built of it. dbt build did not end within 120 seconds" in said
    assert project.sequence_number == 0
    assert list((project.folder / "handovers").glob("2*")) == []


# -------------------- what Spark wrote, without Spark


def test_what_spark_wrote_is_read_in_the_declared_types_or_refused(tmp_path: Path) -> None:
    group, other = Relation("asof", "thing_v1"), Relation("asof", "other_v1")
    moments = ["2026-05-01 10:00:00.000001+00:00", "2026-05-02 10:00:00.000000+00:00"]
    entity = EntityInput(Relation("asof", "things"), {"thing_id": "varchar"}, tmp_path / "things.csv", False)
    (tmp_path / "things.csv").write_text('"a","2026-05-01 00:00:00+00",,"run 1",\n')
    engine = Spark({})
    start = Start(tmp_path, Relation("asof", "clock"), moments, [entity], moments[1], {group: moments}, None)
    assert engine.prepare(start) == {"ASOF_ENGINE_FOLDER": str(tmp_path / "spark")}
    with pytest.raises(EngineError, match="did not finish writing its last step"):
        engine.begin_reading()
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        lives = connection.sql(f"from '{tmp_path}/spark/in/lives_things.parquet'")
        assert lives.types[1] == "TIMESTAMP WITH TIME ZONE"
        assert [(row[0], row[2], row[4]) for row in lives.fetchall()] == [("a", None, None)]

        def put(name: str, query: str, is_finished: bool = True) -> None:
            folder = tmp_path / "spark" / "out" / name
            folder.mkdir(parents=True)
            connection.sql(query).write_parquet(str(folder / "part-0.parquet"))
            if is_finished:
                (folder.parent if "=" in name else folder).joinpath("_SUCCESS").touch()

        columns = "('asof.thing_v1', 1, 'as_of', 'timestamp'), ('asof.thing_v1', 2, 'amount', 'decimal(22,2)'), "
        columns += "('asof.other_v1', 1, 'place', 'map<string,int>')"
        put("columns", f"select * from (values {columns}) as columns (relation, place, name, type)")
        row = "select timestamp '2026-05-01 10:00:00.000001' as as_of, cast(1.5 as decimal(22, 2)) as amount"
        put("asof.thing_v1/asof_moment=1777629600000001", row)
        put("asof.other_v1", "select 1 as place", is_finished=False)
    engine.begin_reading()
    assert engine.columns(group) == {"as_of": "timestamptz", "amount": "decimal(22,2)"}
    given = {"as_of": "timestamptz", "amount": "decimal(22, 2)"}
    for moment, rows in zip(moments, (1, 0), strict=True):
        assert engine.write(group, given, moment, tmp_path / "thing.parquet") == rows
        types = duckdb.sql(f"from '{tmp_path}/thing.parquet'").types
        assert list(map(str, types)) == ["TIMESTAMP WITH TIME ZONE", "DECIMAL(22,2)"]
    declared = given | {"amount": "decimal(12,2)"}
    with pytest.raises(EngineError, match=r"amount is decimal\(22,2\) in Spark, and decimal\(12,2\) is declared"):
        engine.write(group, declared, moments[0], tmp_path / "thing.parquet")
    with pytest.raises(EngineError, match="its column place is map<string,int>, of which DuckDB has no type"):
        engine.columns(other)
    engine.close()
    assert not (tmp_path / "spark").exists()
