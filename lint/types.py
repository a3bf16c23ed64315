"""mypy over both packages, laid out as in the wheel, where `serve/` is asof.serve."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Returns mypy's exit code."""
    wheel = ROOT / ".mypy_cache" / "wheel"
    shutil.rmtree(wheel, ignore_errors=True)
    (wheel / "asof").mkdir(parents=True)
    for path in [*(ROOT / "asof").glob("*.py"), ROOT / "asof" / "extensions", ROOT / "serve"]:
        (wheel / "asof" / path.name).symlink_to(path)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        ROOT / "pyproject.toml",
        "--cache-dir",
        ROOT / ".mypy_cache",
    ]
    return subprocess.run(command, cwd=wheel).returncode


if __name__ == "__main__":
    sys.exit(main())
