"""A small project for tests: its raw tables are written by the test, its commands are real dbt commands.

A World lives in a folder of its own, installs the package from macros/ as any project would, and is run under an
injected now. Times are UTC text such as '2026-05-01 10:00'.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
from flask.testing import FlaskClient

from tests.forks import Forked

ROOT = Path(__file__).resolve().parent.parent

RAW_TABLES = {
    "things": "thing_id varchar, place_id varchar, color varchar, occurred_at timestamptz, known_at timestamptz",
    "departures": "thing_id varchar, occurred_at timestamptz, known_at timestamptz",
    "events": "event_id varchar, thing_id varchar, amount decimal(12,2), occurred_at timestamptz, "
    "known_at timestamptz, is_retracted boolean",
    "places": "place_id varchar, size integer, occurred_at timestamptz, known_at timestamptz",
    "examples": "row_id varchar, thing_id varchar, prediction_time timestamptz, request_amount decimal(12,2), "
    "request_color varchar, outcome boolean, label_known_at timestamptz",
}


def copy_example(folder: Path, target: str = "") -> None:
    """The dbt project of the worked example in a folder, which need not exist. target: YAML of one beside DuckDB's."""
    for name in ("models", "macros", "seeds"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("dbt_project.yml", "selectors.yml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "profiles.yml").write_text((ROOT / "profiles.yml").read_text() + target)


def inherited() -> dict[str, str]:
    """What a command inherits of the environment: no setting of asof or dbt, and little else, since dbt looks through
    all of it for each line that it may print.
    """
    kept = ("PATH", "HOME", "LANG", "LC_", "LD_", "TMP", "TZ", "PYTHON", "VIRTUAL_ENV", "JAVA_HOME")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


def backfill_of(start: str, end: str, every: str) -> list[str]:
    """The option of dbt for a backfill, of times such as '2026-05-01 10:00'."""
    return ["--vars", f"{{backfill: {{from: '{start}:00Z', to: '{end}:00Z', every: {every}}}}}"]


class Run:
    """What a dbt command did: exit code, all it printed, and what asof said."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output
        self.said = [match[1] for match in re.finditer(r"asof: (.*)", output)]

    def says(self, text: str) -> bool:
        return text in re.sub(r"\s+", " ", self.output)


def kill(process: Forked) -> None:
    """SIGKILL to its whole process group. Waits for all of it: what dies behind its leader still has the warehouse."""
    os.killpg(process.pid, signal.SIGKILL)
    process.join(timeout=60)
    assert not process.is_alive()
    deadline = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        raise AssertionError(f"some of the process group {process.pid} is alive a minute after it was killed")


class Paused:
    """A dbt command that stands still at a fault point, on a pipe whose other end this holds."""

    def __init__(self, process: Forked, pipe: Path, log: Path, seconds: float) -> None:
        """seconds: how long it may take to the point."""
        self.process = process
        self._seconds = seconds
        self._pipe = pipe
        self._log = log
        self._held = self._opened()

    def _opened(self) -> int:
        """The pipe, once the command has it open for reading; fails if it ends before, or takes too long."""
        deadline = time.monotonic() + self._seconds
        while time.monotonic() < deadline:
            try:
                return os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # ENXIO: nobody reads yet
                    raise
            assert self.process.is_alive(), f"it ended before the fault point: {self._log.read_text()}"
            time.sleep(0.01)
        raise AssertionError(f"it did not come to the fault point: {self._log.read_text()}")

    def _let_go(self, onto: Path) -> None:
        # what the command opens next is another file, so that nobody waits on the pipe that is closed here
        os.replace(onto, self._pipe)
        os.close(self._held)

    def pass_by(self) -> None:
        """Lets it go on to the next time that it comes to the point."""
        another = self._pipe.with_suffix(".next")
        os.mkfifo(another)
        self._let_go(another)
        self._held = self._opened()

    def go_on(self) -> Run:
        """Lets it go on to its end; asserts that it succeeds."""
        plain = self._pipe.with_suffix(".next")
        plain.write_text("")
        self._let_go(plain)
        self.process.join(timeout=120)
        assert self.process.exitcode == 0, self._log.read_text()
        return Run(0, self._log.read_text())

    def kill(self) -> None:
        """SIGKILL to its whole process group, as a machine that dies would."""
        kill(self.process)


class World:
    fault_point_seconds = 60

    def __init__(self, folder: Path, template: Path = ROOT / "tests" / "world") -> None:
        self.folder = folder
        shutil.copytree(template, folder, symlinks=True)
        if template != ROOT / "tests" / "world":
            return
        for name in ("published", "training", "dbt_packages"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT / 'macros'}\n")
        (folder / "dbt_packages" / "asof").symlink_to(ROOT / "macros")  # what `dbt deps` does for a local package
        with self.warehouse(read_only=False) as warehouse:
            warehouse.execute("create schema raw")
            for name, columns in RAW_TABLES.items():
                warehouse.execute(f"create table raw.{name} ({columns})")

    @classmethod
    def at(cls, folder: Path) -> World:
        """The world that an earlier process left in a folder."""
        world = cls.__new__(cls)
        world.folder = folder
        return world

    def warehouse(self, read_only: bool = True) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=read_only)
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple]:
        with self.warehouse() as warehouse:
            return warehouse.execute(sql, list(parameters)).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        with self.warehouse(read_only=False) as warehouse:
            warehouse.execute(sql, list(parameters))

    def add(self, table: str, *rows: Sequence[Any]) -> None:
        """Appends rows to a raw table; text stands for times."""
        with self.warehouse(read_only=False) as warehouse:
            marks = ", ".join("?" * len(rows[0]))
            warehouse.begin()  # one transaction, not one for each row
            warehouse.executemany(f"insert into raw.{table} values ({marks})", [list(row) for row in rows])
            warehouse.commit()

    def thing(self, thing_id: str, at: str, *, place: str | None = "p", color: str | None = "red") -> None:
        self.add("things", (thing_id, place, color, f"{at}+00", f"{at}+00"))

    def event(self, event_id: str, thing_id: str, occurred: str, known: str | None = None, amount: float = 1) -> None:
        self.add("events", (event_id, thing_id, amount, f"{occurred}+00", f"{known or occurred}+00", False))

    def example(self, row_id: str, thing_id: str, at: str, **columns: Any) -> None:
        """A request to train on; its label is known at once unless said (label_known_at)."""
        known = columns.get("label_known_at", at)
        self.add(
            "examples",
            (
                row_id,
                thing_id,
                f"{at}+00",
                columns.get("request_amount", 1),
                columns.get("request_color"),
                columns.get("outcome", True),
                f"{known}+00" if known else None,
            ),
        )

    def environment(self, now: str | None) -> dict[str, str]:
        logged = {"ASOF_REQUEST_LOG": "request_log"} if (self.folder / "request_log").exists() else {}  # by the shim
        fixed = {"ASOF_NOW": now.replace(" ", "T") + ("Z" if len(now) > 16 else ":00Z")} if now else {}
        # nobody reads dbt's debug log and artifacts here, and they take a tenth of each command
        return inherited() | fixed | logged | {"DBT_LOG_LEVEL_FILE": "none", "DBT_WRITE_JSON": "false"}

    def started(self, log: Path, *arguments: str, now: str | None, **environment: str) -> Forked:
        """A dbt command that has begun; what it prints goes to `log`."""
        log.write_text("")
        if "--vars" in arguments:  # dbt parses all again where they differ from those of the command before
            environment = {"DBT_TARGET_PATH": "target/vars"} | environment
        return Forked(list(arguments), self.folder, self.environment(now) | environment, log)

    def dbt(self, *arguments: str, now: str | None, fails: bool | None = False, **environment: str) -> Run:
        """A dbt command at a now ('2026-05-01 10:00'). Asserts that it succeeded, or with `fails` that it did not.

        fails=None: either.
        """
        log = self.folder / "command.log"
        process = self.started(log, *arguments, now=now, **environment)
        process.join(timeout=300)
        output = log.read_text()
        assert process.exitcode is not None, f"it has not ended after 300 s: {output}"
        assert fails in (None, bool(process.exitcode)), output
        return Run(process.exitcode, output)

    @contextmanager
    def paused_at(self, point: str, *arguments: str, now: str, **environment: str) -> Iterator[Paused]:
        """A dbt command that stands still at a fault point (macros/base/fault_point.sql). Killed if still there."""
        pipe, log = self.folder / "fault.pipe", self.folder / "paused.log"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe)
        environment |= {"ASOF_FAULT_POINT": point, "ASOF_FAULT_PIPE": str(pipe)}
        process = self.started(log, *arguments, now=now, **environment)
        try:
            yield Paused(process, pipe, log, self.fault_point_seconds)
        finally:
            if process.is_alive():
                kill(process)
            pipe.unlink()

    def killed_at(self, point: str, *arguments: str, now: str, passes: int = 0, **environment: str) -> None:
        """A dbt command that is killed at a fault point, the first time it comes there or after some passes."""
        with self.paused_at(point, *arguments, now=now, **environment) as paused:
            for _ in range(passes):
                paused.pass_by()
            paused.kill()

    def build(self, now: str, *arguments: str, fails: bool | None = False, **environment: str) -> Run:
        return self.dbt("build", *arguments, now=now, fails=fails, **environment)

    def backfill(
        self, start: str, end: str, every: str, *, now: str, groups: str = "path:models/history", **more: Any
    ) -> Run:
        selected = [f"+{group}" for group in groups.split()]
        return self.dbt("run", "--select", *selected, *backfill_of(start, end, every), now=now, **more)

    def replace(self, file: str, old: str, new: str) -> None:
        """Edits a file of the project, as a developer would; fails if there is nothing to replace."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    def refused(self, faults: Sequence[Sequence[str]], *arguments: str, now: str, **environment: str) -> Run:
        """A command over faults, each a file, a text in it, what is put in its place and what is said of it."""
        for file, old, new, _ in faults:
            self.replace(file, old, new)
        run = self.dbt(*arguments, now=now, fails=True, **environment)
        for *_, said in faults:
            assert run.says(said), (said, run.output)
        return run

    @property
    def pointer(self) -> dict | None:
        path = self.folder / "published" / "current.json"
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def manifest(self) -> dict:
        return json.loads((self.folder / "published" / self.pointer["manifest"]).read_text())

    def history(self, group: str = "thing", columns: str = "thing_id, as_of, is_tombstone") -> list[tuple]:
        """The rows of a group's history that count, oldest first."""
        return self.query(
            f"select {columns} from {group}_v1_history where run_id in "
            f"(select run_id from asof_counted_moments where group_id = '{group}@1') order by as_of, 1"
        )

    @contextmanager
    def shim(self, now: str, is_logged: bool = False) -> Iterator[FlaskClient]:
        """A client of the shim over the published folder at a now; what it answers may be logged in request_log/."""
        from asof.serve.app import create_app
        from asof.serve.request_log import RequestLog

        key = self.folder / "request_log.key"  # hashes what is personal, where a test wrote one
        log = RequestLog(self.folder / "request_log", share=1, key=key if key.exists() else None) if is_logged else None
        if log:
            log.make_folder()
        os.environ["ASOF_NOW"] = self.environment(now)["ASOF_NOW"]
        try:
            app = create_app(self.folder / "published", request_log=log)
            yield app.test_client()
            app.extensions["asof"].folder.stop()
            if log:
                log.stop()
        finally:
            del os.environ["ASOF_NOW"]

    def ask(self, service: str, entities: list[dict], now: str, is_logged: bool = False) -> dict:
        """What the shim answers from the published folder at a now, through its own routes."""
        with self.shim(now, is_logged) as client:
            response = client.post(f"/v1/services/{service}", json={"entities": entities})
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def training(self, service: str = "score_v1") -> dict[str, dict]:
        """The training rows by row_id."""
        with self.warehouse() as warehouse:
            found = warehouse.execute(f"select * from {service}_training order by row_id")
            names = [column[0] for column in found.description]
            return {row[0]: dict(zip(names, row, strict=True)) for row in found.fetchall()}
