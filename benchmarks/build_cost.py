"""What the default tests cost: `dbt build` with them against without, in turns, on the worked example.

`make bench-build` prints the medians of several rounds, their ratio, and how much of a round is dbt's own start.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import demo  # noqa: E402

BUILDS = {
    "with all default tests": ["build"],
    "without replay": ["build", "--vars", "asof_replay: false"],
    "without tests": ["build", "--exclude", "resource_type:test", "resource_type:unit_test"],
}


def seconds(arguments: list[str], now: datetime) -> float:
    """How long one dbt command takes at a now; it must succeed."""
    environment = {**os.environ, **{name: str(path) for name, path in demo.PATHS.items()}}
    environment["ASOF_NOW"] = now.isoformat()
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments]
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    demo.build_example()
    now = datetime.fromisoformat(demo.SECOND_BUILD)
    took: dict[str, list[float]] = {name: [] for name in [*BUILDS, "dbt parse"]}
    for _ in range(options.rounds):
        for name, arguments in BUILDS.items():
            now += timedelta(minutes=5)
            seconds(["parse", *arguments[1:3]] if "--vars" in arguments else ["parse"], now)  # other vars parse anew
            took[name].append(seconds(arguments, now))
        took["dbt parse"].append(seconds(["parse"], now))
    medians = {name: statistics.median(times) for name, times in took.items()}
    print(f"\n{'':<26}{'seconds':>9}{'ratio':>8}   (medians of {options.rounds})")
    for name, median in medians.items():
        print(f"{name:<26}{median:>9.1f}{median / medians['without tests']:>8.2f}")


if __name__ == "__main__":
    main()
