"""Has Feast read from asof, and asof's history from Feast: run.py <the Python that Feast is installed for>

Two shims, one with tokens, are asked by sdk.py. The worked example as it was built in .demo/, and a small project with
composite keys and all types, are exported, applied and asked (exported.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/shim"), str(ROOT / "tests/feast")]

import exported  # noqa: E402
from publisher import Publisher  # noqa: E402
from server import Server  # noqa: E402

from scripts import demo  # noqa: E402


def main(python: str) -> int:
    """Returns the exit code."""
    if code := ask_shims(python):
        return code
    with tempfile.TemporaryDirectory() as scratch:
        world = exported.live(Path(scratch) / "world")
        example = {name: str(path) for name, path in demo.PATHS.items()} | {"ASOF_NOW": demo.SECOND_BUILD}
        warehouse = demo.PATHS["ASOF_WAREHOUSE"]
        for name, project, file, environment in [
            ("the worked example", ROOT, warehouse, example),
            (
                "composite keys and all types",
                world.folder,
                world.folder / "warehouse.duckdb",
                {"ASOF_NOW": exported.NOW},
            ),
        ]:
            os.environ.update(environment)
            compared = exported.check(python, project, file, Path(scratch) / project.name)
            print(f"Feast gives the same from an exported repository, {name}: {compared}, 0 different")
            for key in environment:
                del os.environ[key]
    return 0


def ask_shims(python: str) -> int:
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
    sys.exit(main(str(Path(sys.argv[1]).absolute())))  # not resolved: the link is what makes it a virtual environment
