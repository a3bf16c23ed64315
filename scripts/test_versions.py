"""The tests on other versions than the locked ones, each set in an environment of its own under .venv-versions/.

    .venv/bin/python scripts/test_versions.py [--only lowest] [pytest arguments]

lowest: of each dependency the lowest version that pyproject.toml admits. newest: what pip installs today.
dbt-1.12: the locked versions, with dbt-core 1.12.0, the one release of 1.12 that a package index alone gives.
Exits 1 where the tests fail on one of them; the others are run all the same.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from argparse import ArgumentParser
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-versions"
DBT_1_12 = ["--only-binary=dbt-core-experimental-parser", "dbt-core==1.12.0"]


def lowest_versions() -> list[str]:
    """`name==version` for each dependency with a floor, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = []
    extras = project["optional-dependencies"]
    for text in [*project["dependencies"], *extras["dbt"], *extras["dev"]]:
        requirement = Requirement(text)
        pinned += [f"{requirement.name}=={part.version}" for part in requirement.specifier if part.operator == ">="]
    return pinned


def install(name: str) -> Path:
    """Makes the environment of a set of versions, or brings it up to date, and returns its Python."""
    folder = FOLDER / name
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if name == "dbt-1.12":
        subprocess.run([*pip, "-r", ROOT / "requirements.lock"], check=True)
        subprocess.run([*pip, *DBT_1_12], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", ROOT], check=True)
        return python
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(lowest_versions() if name == "lowest" else []))
    upgrade = ["--upgrade", "--upgrade-strategy=eager"]
    subprocess.run([*pip, *upgrade, "--editable", f"{ROOT}[dev]", "-c", constraints], check=True)
    return python


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["lowest", "newest", "dbt-1.12"], help="one set of versions")
    arguments, pytest_arguments = parser.parse_known_args()
    failed = []
    for name in [arguments.only] if arguments.only else ["lowest", "newest", "dbt-1.12"]:
        python = install(name)
        print(f"== {name}", flush=True)
        listed = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
        print(", ".join(line for line in listed.split() if line.startswith(("duckdb==", "dbt-core==", "dbt-duckdb=="))))
        if subprocess.run([python, "-m", "pytest", *pytest_arguments], cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"the tests fail on: {', '.join(failed)}")


if __name__ == "__main__":
    main()
