"""Starts two shims, one with tokens, and has sdk.py ask them: run.py <the Python that Feast is installed for>"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/shim")]

from publisher import Publisher  # noqa: E402
from server import Server  # noqa: E402


def main(python: str) -> int:
    """Returns the exit code of sdk.py."""
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch) / "published")
        publisher.publish()
        tokens = Path(scratch) / "tokens.json"
        entries = [("all", ["*"]), ("narrow", ["pairs"])]
        written = [
            {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "services": services}
            for name, services in entries
        ]
        tokens.write_text(json.dumps({"tokens": written}))
        options = ["--folder", publisher.folder]
        shims = [Server(*options, *more, ASOF_NOW="2026-05-01T09:00:00Z") for more in ([], ["--tokens", tokens])]
        try:
            command = [python, str(ROOT / "tests/feast/sdk.py"), *(each.url for each in shims), "all", "narrow"]
            return subprocess.run(command, cwd=scratch, timeout=300).returncode
        finally:
            for shim in shims:
                shim.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
