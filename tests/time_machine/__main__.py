"""`python -m tests.time_machine example|flights`: lives one or more simulated lives, and compares all that was answered."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.time_machine.example import Example
from tests.time_machine.life import Life


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", choices=["example", "flights"])
    parser.add_argument("--publications", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    if options.project == "example":
        project, rows = Example(options.seed), 16
    else:
        from tests.time_machine.flights import Flights

        project, rows = Flights(options.seed), 170
    life = Life(
        project,
        options.folder / f"{options.project}-{options.seed}",
        seed=options.seed,
        publications=options.publications,
        rows=rows,
        say=lambda text: print(text, flush=True),
    )
    record = life.lead()
    print(record.counts)


if __name__ == "__main__":
    main()
