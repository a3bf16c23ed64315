"""What imports what: the shim in layers, extensions and commands above it, and nothing that is not declared."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# The shim, from what is called to what calls: a module imports its own layer and those above it in this list
LAYERS = {
    "snapshot": "settings clock sql sqltypes columns snapshot loader reports",
    "evaluation": "lookup batching evaluate published_answers folder",
    "http": "validation problem limits tokens request_log metrics shim app server __main__ __init__",
}
# What a package of the index is called where it is imported, if not by its own name
IMPORTED_AS = {"pyyaml": "yaml", "psycopg2-binary": "psycopg2"}
PACKAGES = {"serve": "asof.serve", "asof": "asof", "asof/extensions": "asof.extensions"}  # by folder


def modules(package: str) -> dict[str, ast.Module]:
    """The modules of a package's folder, by name."""
    return {path.stem: ast.parse(path.read_text()) for path in (ROOT / package).glob("*.py")}


def imported(tree: ast.Module, package: str) -> set[str]:
    """What a module of this folder imports: `asof.x`, `asof.serve.x`, and the first names of what is outside."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            above = PACKAGES[package].split(".")[: 1 - node.level or None]
            assert above, "imports from above the package"
            base = ".".join([*above, node.module] if node.module else above)
            found |= {f"{base}.{alias.name}" for alias in node.names} if base in PACKAGES.values() else {base}
    return found


def test_the_shim_imports_in_one_direction_and_nothing_of_the_commands() -> None:
    layer_of = {name: number for number, names in enumerate(LAYERS.values()) for name in names.split()}
    trees = modules("serve")
    assert set(layer_of) == set(trees)
    for name, tree in trees.items():
        for each in imported(tree, "serve"):
            if each.partition(".")[0] == "asof":
                assert each.startswith("asof.serve."), f"serve/{name}.py imports {each}, which is not of the shim"
                assert layer_of[each.removeprefix("asof.serve.")] <= layer_of[name], f"serve/{name}.py imports {each}"


def test_extensions_import_of_asof_the_shim_only() -> None:
    for name, tree in modules("asof/extensions").items():
        for each in imported(tree, "asof/extensions"):
            is_own = each.startswith(("asof.serve.", "asof.extensions."))
            assert is_own or each.partition(".")[0] != "asof", f"asof/extensions/{name}.py imports {each}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_imports_in_a_circle(package: str) -> None:
    graph = {f"{PACKAGES[package]}.{name}": imported(tree, package) for name, tree in modules(package).items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def names_of(requirements: list[str]) -> set[str]:
    """The names by which what is required is imported."""
    names = [Requirement(text).name for text in requirements]
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    shim = names_of(project["dependencies"]) | set(sys.stdlib_module_names)
    extras = project["optional-dependencies"]
    declared = {
        "serve": shim,
        "asof/extensions": shim,
        "asof": shim | {"pandas"} | names_of(extras["dbt"]) | names_of(extras["postgres"]),
    }
    for package in PACKAGES:
        for name, tree in modules(package).items():
            outside = {each for each in imported(tree, package) if each.partition(".")[0] != "asof"}
            assert outside <= declared[package], f"{package}/{name}.py"


def test_the_package_is_importable_in_any_folder_and_old_commands_name_the_new_ones(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "from asof import batch, training; import asof.serve.app; print(asof.serve.app.__file__)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == str(ROOT / "serve" / "app.py"), run.stderr
    run = subprocess.run([sys.executable, "-m", "serve", "prove"], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (2, "`python -m serve prove` is no command any more; run: asof prove\n")
