"""What the request log costs: requests per second, and CPU time per request, without it, at 1% and at 100%.

    .venv/bin/python benchmarks/request_log.py

One worker; one row per request, and a hundred. The three shims run side by side and are asked in turn, in another order
in each round, and each is held against the one without a log in the same round, so that what else the machine does
cancels; the medians of these ratios are printed, with their quartiles. The clients are threads of this process that
send ready-made bytes and compete with the worker for the cores: the worker's CPU time is the surer figure.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from publisher import Publisher  # noqa: E402
from server import workers_of  # noqa: E402

SECONDS, ROUNDS, CLIENTS = 1.5, 15, 4
SETTINGS = {"no log": None, "1%": 0.01, "100%": 1}


class LoggingShim:
    """A shim of one worker that was asked a few times already; it is ended with the block."""

    def __init__(self, published: Path, log: Path, share: float | None, rows: int) -> None:
        body = json.dumps({"entities": [{"order_id": "O-204", "request_distance_km": 480.0}] * rows})
        head = f"POST /v1/services/late_delivery HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
        self._sent = f"{head}\r\nContent-Type: application/json\r\n\r\n{body}".encode()
        options = ["--request-log", str(log), "--request-log-share", str(share)] if share is not None else []
        command = [sys.executable, "-m", "asof", "serve", "--port", "0", "--folder", str(published), *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
        environment["ASOF_NOW"] = "2026-05-01T09:00:00Z"
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
        )

    def __enter__(self) -> LoggingShim:
        self._port = int(re.search(r":(\d+)$", self._process.stdout.readline().strip())[1])
        load(self._port, self._sent, 0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        reported = self._process.communicate(timeout=30)[1]
        if " dropped " in reported:
            print(reported)

    def measure(self) -> tuple[float, float]:
        """Requests per second, and milliseconds of the worker's CPU per request."""
        (worker,) = workers_of(self._process.pid)
        before = cpu_seconds(worker)
        done = load(self._port, self._sent, SECONDS)
        time.sleep(0.6)  # what is queued is written within half a second: it is this turn's cost
        return done / SECONDS, 1000 * (cpu_seconds(worker) - before) / done


def cpu_seconds(process: int) -> float:
    """User and system time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, sent: bytes, seconds: float) -> int:
    """Asks for so many seconds over kept connections; returns how many answers came."""
    counts = []

    def client() -> None:
        done, stop = 0, time.monotonic() + seconds
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < stop:
                connection.sendall(sent)
                answer = connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                while not answer.endswith(b"}]}"):
                    answer += connection.recv(65536)
                done += 1
        counts.append(done)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == CLIENTS
    return sum(counts)


def main() -> None:
    """Prints the medians over the rounds, and those of the ratios to the run without a log of the same round."""
    names = list(SETTINGS)
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch) / "published")
        publisher.publish()
        for rows in (1, 100):
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
            with ExitStack() as stack:
                shims = {
                    name: stack.enter_context(
                        LoggingShim(publisher.folder, Path(scratch) / f"{rows}-{name}", share, rows)
                    )
                    for name, share in SETTINGS.items()
                }
                for at in range(ROUNDS):
                    for name in names[at % len(names) :] + names[: at % len(names)]:
                        runs[name].append(shims[name].measure())
            print(f"rows per request: {rows}")
            for name in names:
                rate, cpu = (statistics.median(each) for each in zip(*runs[name], strict=True))
                reported = [f"{rate:.0f} requests/s", f"{cpu:.3f} ms of CPU per request"]
                for which in (0, 1):
                    ratios = [run[which] / base[which] for run, base in zip(runs[name], runs["no log"], strict=True)]
                    low, middle, high = statistics.quantiles(ratios)
                    reported[which] += f" ({middle:.2f}, {low:.2f} to {high:.2f})"
                print(f"  {name:7}{'; '.join(reported)}")


if __name__ == "__main__":
    main()
