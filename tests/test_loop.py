"""`asof loop`: one build at a time, over and over, and a line per round."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from asof.loop import only_one, outcome, pause, reason_in
from tests.test_components import PART_Y, two
from tests.world import ROOT, World, inherited

__all__ = ["two"]  # a fixture


def started(world: Path, *options: str, python: str | Path = sys.executable) -> subprocess.Popen[str]:
    """python: the interpreter, beside which the loop finds its dbt."""
    return subprocess.Popen(
        [python, "-m", "asof", "loop", "--project", str(world), *options],
        cwd=ROOT,
        env=inherited(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[int]]:
    """What a test started, as it notes here; all of it is ended, however the test does."""
    noted: list[int] = []
    yield noted
    for process in noted:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def build_of(loop: subprocess.Popen[str]) -> int:
    """The process id of the build that a loop runs, once it runs one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):  # ended meanwhile
                if f"\nPPid:\t{loop.pid}\n" in status.read_text():
                    return int(status.parent.name)
        assert loop.poll() is None, loop.stderr.read()
        time.sleep(0.05)
    raise AssertionError("it runs no build")


def test_a_red_round_waits_longer_a_green_one_is_published_and_pruned_and_sigterm_ends_it(
    world: World, processes: list[int], warm: Path
) -> None:
    world.add("places", ("p", 5, "2026-05-01 08:00+00", "2026-05-01 08:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.event("e", "a", "2026-05-01 08:30", amount=10)
    world.replace("models/features/thing.yml", "[-1000, 100000]", "[-1000, 9]")  # the data test on it fails
    fresh = (
        "{loaded_at_field: known_at}",
        ("{loaded_at_field: known_at, freshness: {error_after: {count: 1, period: hour}}}"),
    )
    world.replace("models/sources.yml", *fresh)  # the newest event is months old by now
    alerts = world.folder / "alerts.jsonl"
    alert = ("--on-alert", f"cat >> {alerts}")
    loop = started(world.folder, "--every", "3s", "--back-off", "5s", "--keep", "1", *alert, python=warm / "python")
    processes.append(loop.pid)
    line = loop.stdout.readline()
    assert re.match(r"\S+Z round 1: exit 1 after [\d.]+ s; nothing published yet: nothing published: failed", line)
    assert line.endswith("; failure 1 in a row, next try in 5 s\n")  # twice three, but five at most
    world.replace("models/features/thing.yml", "[-1000, 9]", "[-1000, 100000]")
    world.replace("models/sources.yml", *fresh[::-1])
    finding = loop.stdout.readline()
    found = json.loads(finding)
    assert (found["rule"], found["level"], found["subject"]) == ("freshness", "warn", "stg_events")  # never published

    line = loop.stdout.readline()
    since = world.pointer["published_at"]
    assert re.match(rf"\S+Z round 2: exit 0 after [\d.]+ s; published 1 at {since}, snapshot \S+$", line), line
    assert "failure" not in line

    # told to end while the third builds: that one is finished and published
    build_of(loop)
    loop.send_signal(signal.SIGTERM)
    said, complained = loop.communicate(timeout=300)
    assert re.match(r"\S+Z round 3: exit 0 after [\d.]+ s; published 2 at .*; ends after a signal\n$", said)
    assert loop.returncode == 0
    assert alerts.read_text() == finding  # once
    assert "amount_total lies outside its declared range [-1000, 9]" in complained  # all that the red one said
    published = world.folder / "published"
    assert len(list(published.glob("snapshot-*.json"))) == 1

    # a loop that is killed leaves its build running, and that keeps others out; a second signal ends the build too
    killed = started(world.folder)
    build = build_of(killed)
    processes += [killed.pid, build]
    killed.kill()
    killed.communicate()
    second = started(world.folder)
    processes.append(second.pid)
    _, complained = second.communicate(timeout=60)
    os.killpg(build, signal.SIGKILL)
    assert second.returncode == 1
    assert f"another loop builds the same of this project: process {killed.pid} on " in complained
    assert "it is gone, but not the build that it began" in complained
    deadline = time.monotonic() + 60
    while second.returncode:  # the build is gone as soon as init has noticed
        assert time.monotonic() < deadline
        second = started(world.folder)
        processes.append(second.pid)
        try:
            processes.append(build_of(second))
        except AssertionError:
            continue
        second.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        second.send_signal(signal.SIGTERM)
        said, _ = second.communicate(timeout=60)
        assert re.match(r"\S+Z round 1: exit -9 after [\d.]+ s; still 2 since ", said)
    assert world.pointer["sequence_number"] == 2


def test_a_second_loop_is_reported_who_holds_the_first(tmp_path: Path) -> None:
    """Without dbt: the lock comes before any command."""
    (tmp_path / "dbt_project.yml").write_text("name: x\n")
    with only_one(tmp_path):
        second = started(tmp_path)
        _, complained = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "another loop builds the same of this project" in complained
    assert re.search(rf"process {os.getpid()} on \S+, since \S+Z", complained)
    with only_one(tmp_path):
        pass  # let go
    assert (
        subprocess.run(
            [sys.executable, "-m", "asof", "loop", "--project", str(tmp_path / "none")], cwd=ROOT, capture_output=True
        ).returncode
        == 2
    )


def test_two_loops_of_one_project_take_turns(two: World, processes: list[int], warm: Path) -> None:
    """One for a component, one for the whole: neither fails on the other, and neither waits for ever."""
    world = two
    loops = [started(world.folder, "--every", "1s", *part, python=warm / "python") for part in (PART_Y, ())]
    processes += [loop.pid for loop in loops]
    lines = [[loop.stdout.readline() for _ in range(rounds)] for loop, rounds in zip(loops, (2, 1), strict=True)]
    for loop in loops:
        loop.send_signal(signal.SIGTERM)
    for loop, said in zip(loops, lines, strict=True):
        assert all(re.match(r"\S+Z round \d: exit 0 after [\d.]+ s; published \d+ at ", line) for line in said), said
        more, complained = loop.communicate(timeout=120)
        assert (loop.returncode, complained) == (0, ""), more


def test_a_build_that_publishes_elsewhere_is_reported(tmp_path: Path) -> None:
    output = "10:00  asof: published s-3 as number 3 at 2026-05-01T09:00:00.000001Z: 5 groups, 4 services."
    said = outcome(tmp_path, 0, output)
    assert said.startswith("published 3 at 2026-05-01T09:00:00.000001Z, snapshot s-3, but not to ")
    assert said.endswith(f"{tmp_path}: name the right one by --folder")
    (tmp_path / "current.json").write_text("{")
    assert outcome(tmp_path, 0, "asof: nothing published: x").startswith("what is published cannot be read: current")


def test_waits_double_up_to_a_bound() -> None:
    assert [pause(60, failures, 900) for failures in (1, 2, 3, 4, 9, 9999)] == [120, 240, 480, 900, 900, 900]
    assert pause(3600, 1, 900) == 3600  # never sooner than it would be without a failure


@pytest.mark.parametrize(
    ("code", "output", "reason"),
    [
        (1, "10:00  asof: things: 3 rows\n10:00  asof: nothing published: failed tests: x. y\n", "failed tests: x. y"),
        (0, "10:00  asof: nothing published: on hold since z (bad feed).\n", "on hold since z (bad feed)."),
        (2, "Compilation Error\n  asof: the record ends at 3\n  > in macro refuse\n", "the record ends at 3"),
        (1, "asof: warning: slow\nRuntime Error\n  IO Error: Could not set lock on file\nDone.", "Could not set lock"),
        (-9, "Running with dbt\n", "dbt failed and did not say why"),
        (0, "Done.\n", "this target publishes nothing"),
    ],
)
def test_the_reason_is_one_line(code: int, output: str, reason: str) -> None:
    assert reason_in(code, output).endswith(reason) or reason in reason_in(code, output)
    assert "\n" not in reason_in(code, output)
