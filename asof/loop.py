"""Builds, tests and publishes over and over, by `dbt build` or `asof build --engine`: a line per round, one at a time.

Several loops of a project, each for what it selects, take turns at the warehouse.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

from .alerts import Alerts
from .dbt import add_project_options, dbt_program, duration
from .prune import prune
from .serve.snapshot import Pointer, SnapshotError

_LOOK_SECONDS = 0.2  # how soon a signal is noticed while waiting
_LOGS = Path("logs")  # dbt's folder for what is not kept in git
_TURN = "asof-loop.lock"  # held while a build runs
_TOLD = "asof-alerts.txt"  # the findings that the command of --on-alert took


class LoopError(Exception):
    """The loop cannot begin; the message says why."""


@contextmanager
def only_one(project: Path, selection: Sequence[str] = ()) -> Iterator[IO[str]]:
    """Holds the lock of the loops that build the same of a project; yields its open file. Raises LoopError, which names
    the loop that holds it already.

    Whoever inherits the file holds the lock too: the build of a loop that was killed keeps others out until it ends.
    """
    name = re.sub(r"\W+", "-", " ".join(selection)).strip("-") or "all"
    path = project / _LOGS / f"asof-loop-{name}.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LoopError(f"another loop builds the same of this project: {_holder(file.read())} ({path})") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, since {_text(datetime.now(UTC))}\n")
        file.flush()
        yield file


def _holder(text: str) -> str:
    """Who holds the lock, as its file says."""
    found = re.match(r"process (\d+) on (\S+),", text)
    if found and found[2] == socket.gethostname():
        try:
            os.kill(int(found[1]), 0)
        except ProcessLookupError:
            return f"{text.strip()}; it is gone, but not the build that it began: wait for that, or end it"
        except PermissionError:
            pass  # it is there, and somebody else's
    return text.strip() or "one that has only just started"


def pause(every: float, failures: int, bound: float) -> float:
    """Seconds to wait after the so many-th failure in a row: twice `every`, four times, ... up to `bound`."""
    return min(every * 2.0 ** min(failures, 30), max(bound, every))


class Loop:
    """The rounds. A first SIGTERM or SIGINT ends them after the build that runs, a second one ends the build too."""

    def __init__(self, options: argparse.Namespace, lock: IO[str]) -> None:
        self._options = options
        self._folder = options.project / options.folder
        self._lock = lock
        self._turn = options.project / _LOGS / _TURN
        self._alerts = Alerts(self._folder, options.project / _LOGS / _TOLD, options.on_alert)
        self._is_stopping = False
        self._build: subprocess.Popen[bytes] | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """The handler of signals."""
        if self._is_stopping and self._build:
            with suppress(ProcessLookupError):  # it has just ended
                # Killed anywhere, a build leaves the old snapshot or the new one
                os.killpg(self._build.pid, signal.SIGKILL)
        self._is_stopping = True

    def run(self) -> None:
        """Rounds until a signal comes."""
        rounds = failures = 0
        while not self._is_stopping:
            with self._turn.open("a") as turn:
                if not self._takes(turn):
                    return
                rounds += 1
                began = time.monotonic()
                code, output = self._dbt_build(turn)
                ended = time.monotonic()
            failures = failures + 1 if code else 0
            following = ""
            due = began + self._options.every
            if failures:
                seconds = pause(self._options.every, failures, self._options.back_off)
                due = ended + seconds
                following = f"; failure {failures} in a row, next try in {seconds:.0f} s"
                print(output, file=sys.stderr, flush=True)  # the line names the reason; this is all of it
            if self._is_stopping:
                following = "; ends after a signal"
            line = f"round {rounds}: exit {code} after {ended - began:.1f} s; {outcome(self._folder, code, output)}"
            print(f"{_text(datetime.now(UTC))} {line}{self._pruned()}{following}", flush=True)
            self._alerts.tell()
            due = max(due, time.monotonic() + 2 * _LOOK_SECONDS)  # another loop, which looks as often, takes its turn
            while not self._is_stopping and (left := due - time.monotonic()) > 0:
                time.sleep(min(left, _LOOK_SECONDS))

    def _takes(self, turn: IO[str]) -> bool:
        """Waits until no other loop of the project builds; False where a signal ended that."""
        while not self._is_stopping:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                time.sleep(_LOOK_SECONDS)
        return False

    def _dbt_build(self, turn: IO[str]) -> tuple[int, str]:
        """Runs it to its end; returns its exit code and all that it printed."""
        # A file, not a pipe: a build whose loop was killed must be able to go on printing
        with tempfile.TemporaryFile("w+", errors="replace") as printed:
            try:
                self._build = subprocess.Popen(
                    command_of(self._options),
                    cwd=self._options.project,
                    env={**os.environ, "DBT_USE_COLORS": "false"},
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in a terminal is for the loop
                    pass_fds=[self._lock.fileno(), turn.fileno()],
                )
            except OSError as error:
                return 127, f"dbt cannot be run: Error: {error.strerror}"
            code, self._build = self._build.wait(), None
            printed.seek(0)
            return code, printed.read()

    def _pruned(self) -> str:
        """Prunes, with `--keep`; returns what went wrong, for the round's line. The next round tries again."""
        try:
            if self._options.keep and (self._folder / "current.json").exists():
                prune(self._folder, self._options.keep)
        except (SnapshotError, OSError) as error:
            return f"; NOT PRUNED: {error}"
        return ""


def command_of(options: argparse.Namespace) -> list[str]:
    """What a round runs: `dbt build`, or with an engine `asof build`, which runs dbt on both."""
    if options.engine:
        on_engine = [sys.executable, "-m", "asof", "build", "--engine", options.engine]
        limit = [f"--timeout={options.timeout}s"] if options.timeout else []
        return [*on_engine, *limit, f"--dbt={shlex.join(options.dbt)}"]
    return [dbt_program(), "build", *selection_of(options), *options.dbt]


def selection_of(options: argparse.Namespace) -> list[str]:
    """What the loop builds, as options of dbt."""
    named = ["--selector", options.selector] if options.selector else []
    return [*named, *(["--select", *options.select] if options.select else [])]


def outcome(folder: Path, code: int, output: str) -> str:
    """What a build published, or why it did not and what is current instead."""
    number = None
    try:
        pointer = Pointer.parse((folder / "current.json").read_bytes())
        number = pointer.sequence_number
        current = f"still {number} since {_text(pointer.published_at)}"
    except FileNotFoundError:
        current = "nothing published yet"
    except (SnapshotError, OSError) as error:
        current = f"what is published cannot be read: {error}"
    if found := re.search(r"asof: published (\S+) as number (\d+) at (\S+Z)", output):
        elsewhere = "" if number == int(found[2]) else f", but not to {folder}: name the right one by --folder"
        return f"published {found[2]} at {found[3]}, snapshot {found[1]}{elsewhere}"
    return f"{current}: {reason_in(code, output)}"


def reason_in(code: int, output: str) -> str:
    """Why a build published nothing, in one line: asof's own words, else the last error that dbt names."""
    patterns = [r"asof: (nothing published: .*|publication held: .*)"]
    if code:
        patterns += [r"asof: ((?!warning: ).*)", r"(.*\bError\b.*)"]
    for pattern in patterns:
        if found := re.findall(pattern, output):
            return str(found[-1]).strip()
    return "dbt failed and did not say why" if code else "this target publishes nothing"


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `loop` to the command line."""
    parser = commands.add_parser("loop", help="dbt build over and over, publishing what is green")
    parser.add_argument("--every", type=duration, default=60.0, help="from start to start: 30s, 1m (the default), 2h")
    parser.add_argument(
        "--back-off", type=duration, default=900.0, help="after failures it waits ever longer, up to so long (15m)"
    )
    parser.add_argument(
        "--folder", type=Path, default=os.environ.get("ASOF_PUBLISHED") or "published", help="where it publishes to"
    )
    parser.add_argument("--select", nargs="+", metavar="MODEL", help="build a part: what dbt's --select takes")
    parser.add_argument("--selector", metavar="NAME", help="the same, by a selector of selectors.yml")
    parser.add_argument(
        "--engine", metavar="TARGET", help="groups are evaluated on this target's engine: `asof build --engine TARGET`"
    )
    parser.add_argument("--timeout", type=duration, help="after so long dbt on the engine is killed (default: never)")
    parser.add_argument("--keep", type=_positive, metavar="N", help="prune then: N snapshots of each group stay")
    parser.add_argument(
        "--on-alert", metavar="COMMAND", help="run once per finding of the builds, with its JSON on standard input"
    )
    add_project_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not (options.project / "dbt_project.yml").exists():
        print(
            f"loop: there is no dbt_project.yml in {options.project.resolve()}; name it by --project", file=sys.stderr
        )
        return 2
    if options.engine and selection_of(options):
        print(
            "loop: an engine hands over all groups of a project: leave out --select and --selector, or --engine",
            file=sys.stderr,
        )
        return 2
    try:
        with only_one(options.project, selection_of(options)) as lock:
            loop = Loop(options, lock)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, loop.stop)
            loop.run()
    except (LoopError, OSError) as error:
        print(f"loop: {error}", file=sys.stderr)
        return 1
    return 0
