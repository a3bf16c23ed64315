"""The real process, `asof serve`, for tests: on a free loopback port, or to its end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Server:
    """A running shim; `url` is where."""

    def __init__(self, *options, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASOF_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "asof", "serve", "--port", "0", *map(str, options)],
            cwd=ROOT,
            env=clean | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that `end` reaches the workers too
        )
        line = self.process.stdout.readline()
        found = re.fullmatch(r"asof serves on (https?://\S+)\n", line)
        if not found:
            self.end()
        assert found, line
        self.url = found[1]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def workers(self):
        """The process ids of its workers."""
        return workers_of(self.process.pid)

    def end(self):
        """Leaves nothing behind, whatever the test did."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self, how=signal.SIGTERM):
        """Sends the signal; returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(20)


def workers_of(process):
    """The process ids of the workers of a shim whose main process this is."""
    found = []
    with contextlib.suppress(OSError):  # ended
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def run(*options, **environment):
    return subprocess.run(
        [sys.executable, "-m", "asof", "serve", *map(str, options)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=20,
    )
