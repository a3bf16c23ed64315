"""Groups, entities and examples evaluated in PostgreSQL: equal to DuckDB's, and whole or not there at all.

A moment of the worked example is compared in test_example.py, in every `make test`.
"""

from __future__ import annotations

import json
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

from asof.handover import prune
from tests.postgres import Server, running

pytestmark = pytest.mark.engines
BACKFILL = "--vars '{backfill: {from: 2026-04-03, to: 2026-05-01T12:00:00Z, every: 1 day}}'"
# What differs by the run, and not by the engine
OF_A_RUN = ("run_id", "asof_seen_in_run", "asof_forgotten_in_run")


class Project:
    """A copy of the worked example, its warehouse and its published folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "asof.duckdb"

    def environment(self, now: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ASOF_", "DBT_"))}
        own = {"ASOF_WAREHOUSE": str(self.warehouse), "ASOF_NOW": now, "ASOF_TRAINING": str(self.folder / "training")}
        return {**inherited, **own, "ASOF_PUBLISHED": str(self.folder / "published")}

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

    def tables(self) -> dict[str, list[tuple]]:
        """What was recorded and made of it, by table: types, and rows in order."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            names = connection.execute(
                "select table_name, list(column_name order by ordinal_position) from information_schema.columns "
                r"where regexp_matches(table_name, '_(history|latest|rows|examples|training)$') "
                "or table_name in ('cards', 'customers', 'shipments', 'warehouses', 'asof_known_rows') group by 1"
            ).fetchall()
            found = {}
            for name, columns in names:
                kept = ", ".join(each for each in columns if each not in OF_A_RUN)
                rows = connection.execute(f"select {kept} from main.{name} order by all")
                types = [tuple(map(str, column[:2])) for column in rows.description]
                found[name] = types + rows.fetchall()
            return found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Project:
    """The worked example, on a server without tables."""
    server.execute("drop schema if exists asof cascade")
    folder = server.example(tmp_path / "project")
    for name in ("published", "training"):
        (folder / name).mkdir()
    return Project(folder)


@pytest.mark.timeout(1800)
def test_thirty_moments_equal_those_of_duckdb_and_an_engine_is_changed_by_consent(
    project: Project, tmp_path: Path
) -> None:
    """History, lives, rows and training sets, by value and type; then the project on DuckDB moves to PostgreSQL."""
    project.build("2026-05-02T00:00:00Z", f"--dbt={BACKFILL}")
    project.build("2026-05-02T00:00:00Z")
    alone = Project(tmp_path / "alone")
    shutil.copytree(project.folder, alone.folder, ignore=shutil.ignore_patterns("asof.duckdb*", "handovers", "target"))
    shutil.rmtree(alone.folder / "published")
    (alone.folder / "published").mkdir()
    alone.dbt("2026-05-02T00:00:00Z", "build", *BACKFILL.replace("'", "").split(" ", 1))
    alone.dbt("2026-05-02T00:00:00Z", "build")
    expected, found = alone.tables(), project.tables()
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    assert sum(map(len, expected.values())) > 13000

    said = alone.build("2026-05-03T00:00:00Z", fails=True)
    assert "the compiled text of card@1 changed" in said
    assert alone.sequence_number == 1
    for group in ("card", "customer", "customer_value", "shipment", "warehouse"):
        arguments = f"{{id: {group}@1, reason: moved}}"
        alone.dbt("2026-05-03T00:00:00Z", "run-operation", "accept_definition", "--args", arguments)
    alone.build("2026-05-03T00:01:00Z")
    assert alone.sequence_number == 2


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


@pytest.mark.parametrize("stage", ["begun", "reading", "sealed"])
def test_killed_anywhere_the_snapshot_before_stays_and_the_next_build_is_whole(project: Project, stage: str) -> None:
    project.build("2026-05-02T00:00:00Z")
    before = {path: path.read_bytes() for path in (project.folder / "published").iterdir()}
    known = set((project.folder / "handovers").glob("2*"))

    def reached() -> bool:
        new = [path for path in (project.folder / "handovers").glob("2*") if path not in known]
        marks = {"begun": "*", "reading": "*.parquet", "sealed": "handover.json"}
        return bool(new) and (stage == "begun" or any(new[0].glob(marks[stage])))

    kill_when(project, reached)
    assert {path: path.read_bytes() for path in (project.folder / "published").iterdir()} == before
    project.build("2026-05-04T00:00:00Z")
    assert project.sequence_number == 2
    assert len(list((project.folder / "handovers").glob("2*"))) <= 3


def kill_when(project: Project, reached: Callable[[], bool]) -> None:
    """Begins a build and ends its process group by SIGKILL as soon as it has come so far."""
    environment = project.environment("2026-05-03T00:00:00Z")
    process = subprocess.Popen(project.command(), cwd=project.folder, env=environment, start_new_session=True)
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_without_the_server_nothing_is_built_and_the_message_says_so(project: Project, server: Server) -> None:
    profile = project.folder / "profiles.yml"
    profile.write_text(profile.read_text().replace(f'host: "{server.address["host"]}"', 'host: "/nowhere"'))
    said = project.build("2026-05-02T00:00:00Z", fails=True)
    assert "no hand-over was made, and nothing was built of it. PostgreSQL cannot be reached" in said
    assert project.sequence_number == 0


def test_prune_keeps_the_newest_that_were_sealed(tmp_path: Path) -> None:
    for number in range(5):
        folder = tmp_path / f"2026050{number}"
        folder.mkdir()
        if number != 4:
            (folder / "handover.json").write_text("{}")
    prune(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20260502", "20260503"]
