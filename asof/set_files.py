"""A training set on disk: its manifest, and the files of its rows and examples."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]


class SetError(Exception):
    """A training set or a batch could not be made or found; the message says why and what to do."""


def read_manifest(path: Path) -> Manifest:
    """A set's manifest, with `path`, where it was read. Raises SetError."""
    try:
        manifest: Manifest = json.loads(path.read_bytes())
        return manifest | {"path": str(path)}
    except (OSError, ValueError) as error:
        raise SetError(f"the manifest {path} cannot be read: {error}") from None


def find_set(name: str, project: str | Path = ".") -> Manifest:
    """The manifest of a set by its path, its name or its id. Raises SetError."""
    if name.endswith(".json"):
        return read_manifest(Path(name))
    folder = Path(project) / (os.environ.get("ASOF_TRAINING") or "training") / "sets"
    found = [path for path in sorted(folder.glob("*.json")) if name in (path.stem, path.stem.rpartition("-")[2])]
    if len(found) != 1:
        there = ", ".join(path.stem for path in sorted(folder.glob("*.json"))) or "none"
        raise SetError(f"there is no training set {name} in {folder} (there: {there}); name its .json otherwise")
    return read_manifest(found[0])


def files_of(manifest: Manifest) -> tuple[Path, Path]:
    """The files of a set: its rows, and the examples that it is of."""
    folder, files = Path(manifest["path"]).parent, manifest["files"]
    return folder / files["rows"]["file"], folder / files["examples"]["file"]
