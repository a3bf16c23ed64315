"""The worked example from end to end: `make demo`, `make serve`, `make prove`, `make dbt-test` and the tests.

Everything lives in a scratch folder (.demo/), made anew each time, so that it never meets a warehouse of yours. The
example plays around 2026-05-01 09:00 UTC; its now is injected into each command by ASOF_NOW.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
DBT = Path(sys.executable).with_name("dbt")
SCRATCH = ROOT / ".demo"
PATHS = {
    "ASOF_WAREHOUSE": SCRATCH / "asof.duckdb",
    "ASOF_PUBLISHED": SCRATCH / "published",
    "ASOF_TRAINING": SCRATCH / "training",
    "ASOF_REQUEST_LOG": SCRATCH / "request_log",  # where the shim logs its answers, and each build compares them
}
FIRST_BUILD, REQUESTED, SECOND_BUILD = "2026-05-01T08:58:00Z", "2026-05-01T09:00:00Z", "2026-05-01T09:05:00Z"
LABELLED_BUILD = "2026-05-05T08:58:00Z"  # when the label of every request that the demo sends is known

# Each group's history as often as its freshness asks for.
BACKFILLS = [
    ("+shipment_v1_history +warehouse_v1_history", "2026-04-20", "2026-05-01T08:00:00Z", "1 hour"),
    ("+customer_v1_history +customer_value_v1_history", "2026-02-01", "2026-05-01", "1 day"),
    ("+card_v1_history", "2026-04-30T20:00:00Z", "2026-05-01T08:55:00Z", "5 minutes"),
]

# What is asked at 09:00, and the example that the same request became: (service, request, row_id).
LOOKUPS = [
    ("late_delivery", {"order_id": "O-204"}, "O-204/2026-05-01"),
    ("late_delivery", {"order_id": "O-198"}, "O-198/2026-05-01"),
    (
        "late_delivery",
        {"order_id": "O-205", "request_distance_km": 480.0, "request_carrier": "bluefreight"},
        "O-205/placed",
    ),
    ("churn@1", {"customer_id": "C-077"}, "C-077/2026-05-01 09:00:00+00"),
    ("churn@2", {"customer_id": "C-077"}, "C-077/2026-05-01 09:00:00+00"),
    ("upsell", {"customer_id": "C-077"}, "C-077/2026-05-01 09:00:00+00"),
    ("fraud", {"card_id": "K-07", "request_amount": 250.00}, "T-9000"),
]


def dbt(*arguments: str, now: str) -> None:
    """Runs dbt in the project as a user would, shows what asof says, and stops the demo if it fails."""
    started = time.monotonic()
    environment = {**os.environ, **{name: str(path) for name, path in PATHS.items()}, "ASOF_NOW": now}
    command = [str(DBT), "--no-use-colors", *arguments]
    shown = " ".join(f"'{word}'" if " " in word else word for word in arguments)
    print(f"\n$ ASOF_NOW={now} dbt {shown}", flush=True)
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    for line in run.stdout.splitlines():
        text = line[10:] if line[2:3] == ":" else line
        if text.startswith(("asof: ", "Done. ")) and "backfilled " not in text:
            print("  " + text)
    if run.returncode:
        sys.exit(f"{run.stdout}\n{run.stderr}\ndbt {arguments[0]} failed; its output stands above")
    print(f"  ({time.monotonic() - started:.1f} s)", flush=True)


def build_example() -> None:
    """Seeds, backfills and the first build with all its tests, which publishes."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)  # what is written to lies in it, and is made by the builds
    dbt("seed", now=FIRST_BUILD)
    for selection, start, end, every in BACKFILLS:
        variables = f"{{backfill: {{from: {start}, to: {end}, every: {every}}}}}"
        dbt("run", "--select", *selection.split(), "--vars", variables, now=FIRST_BUILD)
    dbt("build", now=FIRST_BUILD)


class DemoShim:
    """`asof serve` on the published folder, its now fixed at 09:00; stopped on leaving the block."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        published, log = (str(PATHS[name].relative_to(ROOT)) for name in ("ASOF_PUBLISHED", "ASOF_REQUEST_LOG"))
        options = ["--folder", published, "--port", str(port), "--request-log", log, "--request-log-share", "1"]
        print(f"\n$ ASOF_NOW={REQUESTED} asof serve {' '.join(options)}", flush=True)
        command = [sys.executable, "-m", "asof", "serve", *options]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "ASOF_NOW": REQUESTED})

    def __enter__(self) -> DemoShim:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit("the shim ended; its message stands above")
            try:
                urllib.request.urlopen(self.url + "/ready", timeout=0.5).read()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        sys.exit("the shim was not ready within 30 s")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def ask(self, service: str, entity: dict) -> dict:
        request = urllib.request.Request(
            f"{self.url}/v1/services/{service}",
            data=json.dumps({"entities": [entity]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def training_row(service: str, row_id: str) -> dict:
    """The training row that a request became."""
    name, _, version = service.partition("@")
    table = f"{name}_v{version or 1}_training"
    with duckdb.connect(str(PATHS["ASOF_WAREHOUSE"]), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        found = warehouse.execute(f'select * from "{table}" where row_id = ?', [row_id])
        columns = [column[0] for column in found.description]
        if row := found.fetchone():
            return dict(zip(columns, row, strict=True))
    sys.exit(f"no row {row_id} in {table}: the demo is broken")


def show(answers: list[tuple[str, str, dict]]) -> bool:
    """Each answer beside the training row it became; returns whether all are equal."""
    same = True
    for service, row_id, answer in answers:
        row, trained = answer["rows"][0], training_row(service, row_id)
        print(f"\n{service}  {row_id}  ({row['status']}, publication {answer['sequence_number']})")
        print(f"  {'feature':<26}{'answered at 09:00':>22}  {'training row':>22}")
        for feature, value in row["features"].items():
            equal = value == trained[feature]
            same &= equal
            print(f"  {feature:<26}{value!s:>22}  {trained[feature]!s:>22}{'' if equal else '  <- DIFFERENT'}")
    return same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="keep the shim running on 127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="where --serve listens")
    parser.add_argument("--build-only", action="store_true", help="build and publish, look nothing up")
    parser.add_argument("--prove", action="store_true", help="build, then prove that nothing from the future enters")
    options = parser.parse_args()

    build_example()
    if options.build_only or options.prove:
        dbt("build", now=SECOND_BUILD)
    if options.prove:
        print(f"\n$ ASOF_NOW={SECOND_BUILD} asof prove", flush=True)
        environment = {**os.environ, **{name: str(path) for name, path in PATHS.items()}, "ASOF_NOW": SECOND_BUILD}
        sys.exit(subprocess.run([sys.executable, "-m", "asof", "prove"], cwd=ROOT, env=environment).returncode)
    if options.build_only:
        return
    if options.serve:
        with DemoShim(options.port) as shim:
            print(f"\nServing on {shim.url} until Ctrl-C. In another terminal:")
            print(f"  curl '{shim.url}/v1/services/late_delivery?order_id=O-204'")
            try:
                shim.process.wait()
            except KeyboardInterrupt:
                print()
        return
    with DemoShim(free_port()) as shim:
        answers = [(service, row_id, shim.ask(service, entity)) for service, entity, row_id in LOOKUPS]
    print(f"\n$ curl {shim.url}/v1/services/late_delivery?order_id=O-204")
    print(json.dumps(answers[0][2], indent=2))
    dbt("build", now=LABELLED_BUILD)
    if not show(answers):
        sys.exit("an answer differs from the training row it became")
    print(
        "\nEvery answer equals the training row it became, value for value.\n"
        "Next: `make serve` keeps the API running; README.md shows how to add a feature and read training data."
    )


if __name__ == "__main__":
    main()
