"""What the request log costs: requests per second, and CPU time per request, without it, at 1% and at 100%.

    .venv/bin/python benchmarks/request_log.py

One worker; one row per request, and a hundred. Each setting is run three times, taking turns; the medians are printed.
The clients are threads of this process that send ready-made bytes. They compete with the worker for the cores, and so
does whatever else the machine does: the worker's CPU time is the surer figure.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim")]

from publisher import Publisher  # noqa: E402

SECONDS, ROUNDS, CLIENTS = 3.0, 3, 4
SETTINGS = {"no log": None, "1%": 0.01, "100%": 1}


def measure(published: Path, log: Path, share: float | None, rows: int) -> tuple[float, float]:
    """Requests per second, and milliseconds of the worker's CPU per request, of a fresh shim."""
    body = json.dumps({"entities": [{"order_id": "O-204", "request_distance_km": 480.0}] * rows})
    head = f"POST /v1/services/late_delivery HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    sent = f"{head}\r\nContent-Type: application/json\r\n\r\n{body}".encode()
    options = ["--request-log", str(log), "--request-log-share", str(share)] if share is not None else []
    command = [sys.executable, "-m", "serve", "--port", "0", "--folder", str(published), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
    environment["ASOF_NOW"] = "2026-05-01T09:00:00Z"
    shim = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
    )
    try:
        port = int(re.search(r":(\d+)$", shim.stdout.readline().strip())[1])
        (worker,) = Path(f"/proc/{shim.pid}/task/{shim.pid}/children").read_text().split()
        load(port, sent, 0.5)
        before = cpu_seconds(worker)
        done = load(port, sent, SECONDS)
        return done / SECONDS, 1000 * (cpu_seconds(worker) - before) / done
    finally:
        shim.terminate()
        told = shim.communicate(timeout=20)[1]
        if " dropped " in told:
            print(told)


def cpu_seconds(process: str) -> float:
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
    """Prints the medians, and each as a part of what there is without a log."""
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch) / "published")
        publisher.publish()
        for rows in (1, 100):
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
            for at in range(ROUNDS):
                for name, share in SETTINGS.items():
                    runs[name].append(measure(publisher.folder, Path(scratch) / f"{rows}-{at}-{name}", share, rows))
            print(f"rows per request: {rows}")
            medians = {
                name: [statistics.median(each) for each in zip(*them, strict=True)] for name, them in runs.items()
            }
            base_rate, base_cpu = medians["no log"]
            for name, (rate, cpu) in medians.items():
                print(f"  {name:7}{rate:8.0f} requests/s ({rate / base_rate:.2f})", end="")
                print(f"{cpu:9.3f} ms of CPU per request ({cpu / base_cpu:.2f})  ", end="")
                print("runs:", ", ".join(f"{each:.3f}" for _, each in runs[name]))


if __name__ == "__main__":
    main()
