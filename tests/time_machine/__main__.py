"""Lives simulated lives of a project, and compares all that its API answered: see docs/time-machine.md.

A life that was lived to its end is kept in its folder and not lived again.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests.time_machine.compare import AGAINST, result_of
from tests.time_machine.example import ExampleProject
from tests.time_machine.flights import Flights
from tests.time_machine.life import Life, running_on
from tests.world import World

PROJECTS = {"example": ExampleProject, "flights": Flights}
ROWS = {"example": 40, "flights": 170}  # asked at each instant and service, at most
OF_ENGINE = 4  # times as many: a build through an engine takes longer
FULL = 200  # publications; what is required below is required of these
REQUIRED_ROWS = {"example": 20_000, "flights": 100_000}
REQUIRED_SHARE = ("STALE", "NOT_FOUND", "PARTIAL"), 0.05
REQUIRED_CARRIED = 1 / 3  # of the rows
REQUIRED_COUNT = ("REJECTED", "at a boundary", "after a rollback", "after a failed or killed run"), 500


def folder_of(options: argparse.Namespace, seed: int) -> Path:
    return options.folder / f"{options.project}{options.engine and '-' + options.engine}-{seed}"


def live(options: argparse.Namespace, seed: int) -> None:
    """One life from its beginning to its end, and its comparison, in this process."""
    folder = folder_of(options, seed)
    kept = folder / "world" / "life.pickle"
    if not kept.exists():
        project = ExampleProject(seed, is_of_engine=True) if options.engine else PROJECTS[options.project](seed)
        wanted = -(-options.publications // options.lives)
        rows = ROWS[options.project] * (OF_ENGINE if options.engine else 1)
        with running_on(options.engine) if options.engine else nullcontext() as engine:
            Life(project, folder, seed=seed, publications=wanted, rows=rows, say=print, engine=engine).lead()
    result = result_of(pickle.loads(kept.read_bytes()), World.at(folder / "world"))
    (folder / "result.json").write_text(json.dumps(result, indent=2))


def live_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All lives, some at a time, each in a process of its own; their results. Exits where one broke off."""
    seeds = list(range(options.seed, options.seed + options.lives))
    waiting = [seed for seed in seeds if not (folder_of(options, seed) / "result.json").exists()]
    running: dict[int, subprocess.Popen] = {}
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                seed = waiting.pop(0)
                folder_of(options, seed).mkdir(parents=True, exist_ok=True)
                with (folder_of(options, seed) / "life.log").open("a") as log:
                    command = [sys.executable, "-u", "-m", "tests.time_machine", *sys.argv[1:], "--life", str(seed)]
                    running[seed] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            for seed, process in list(running.items()):
                if process.poll() is not None:
                    del running[seed]
                    log = folder_of(options, seed) / "life.log"
                    if process.returncode:
                        sys.exit(f"{log.read_text()[-4000:]}\nthe life {seed} broke off; see {log}")
                    print(
                        f"the life {seed} is over, {len(seeds) - len(waiting) - len(running)} of {len(seeds)}",
                        flush=True,
                    )
            time.sleep(0.5)
    finally:
        for process in running.values():
            process.terminate()
    return [json.loads((folder_of(options, seed) / "result.json").read_text()) for seed in seeds]


def show(options: argparse.Namespace, results: list[dict[str, Any]]) -> bool:
    """Prints the table; returns whether nothing differs, and in the full size nothing required is missing."""

    def total(key: str) -> Counter[str]:
        return sum((Counter(result[key]) for result in results), Counter())

    rows = sum(result["rows"] for result in results)
    publications = sum(result["publications"] for result in results)
    statuses, tags, parity = total("statuses"), total("tags"), total("parity")
    counts = {"rows answered": rows, "publications": publications, **total("happenings"), **statuses, **tags}
    print(f"\n{options.project}: {len(results)} lives, seeds {options.seed} to {options.seed + options.lives - 1}")
    for what, count in counts.items():
        share = f"  {count / rows:6.1%}" if what in statuses or what in tags else ""
        print(f"  {what:<44}{count:>10,}{share}")
    for what, count in total("services").items():
        print(f"  {f'rows of {what}':<44}{count:>10,}")
    different = total("different")
    print(f"\n  {'answers held against':<44}{'compared':>10}{'different':>11}")
    for what in AGAINST:
        print(f"  {what:<44}{total('compared')[what]:>10,}{different[what]:>11,}")
    print(f"  {'parity, as each build found it':<44}{parity.total():>10,}{parity.total() - parity['same']:>11,}")
    wrong = [line for result in results for line in result["told"]]
    wrong += [f"parity: {count} rows {what}" for what, count in parity.items() if what != "same"]
    if parity.total() != rows:
        wrong.append(f"{rows} rows were answered, and parity knows {parity.total()}")
    if options.publications >= FULL:
        names, share = REQUIRED_SHARE
        wrong += [f"fewer than {share:.0%} of the rows are {name}" for name in names if statuses[name] < share * rows]
        if tags["of carried groups"] < REQUIRED_CARRIED * rows:
            wrong.append(f"fewer than {REQUIRED_CARRIED:.0%} of the rows are of carried groups")
        names, least = REQUIRED_COUNT
        wrong += [f"fewer than {least} rows {name}" for name in names if counts.get(name, 0) < least]
        if rows < REQUIRED_ROWS[options.project] or publications < FULL:
            wrong.append(f"fewer than {REQUIRED_ROWS[options.project]:,} rows or {FULL} publications")
    for line in wrong:
        print(f"  {line}")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.time_machine", description=__doc__)
    parser.add_argument("project", choices=PROJECTS)
    parser.add_argument("--publications", type=int, default=FULL, help="of all lives together")
    parser.add_argument("--lives", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="of the first life; the next has the next")
    parser.add_argument("--engine", choices=["postgres", "spark"], default="", help="where the events are, not DuckDB")
    parser.add_argument("--jobs", type=int, default=2, help="lives at a time")
    parser.add_argument("--folder", type=Path, default=Path(".time_machine"))
    parser.add_argument("--life", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine and options.project != "example":
        parser.error("only the example is lived on an engine")
    options.folder = options.folder.resolve()
    if options.life is not None:
        live(options, options.life)
    elif not show(options, live_all(options)):
        sys.exit("\nnot as it should be; what is wrong stands above")


if __name__ == "__main__":
    main()
