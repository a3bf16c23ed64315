"""Deletes old snapshots from a published folder, and nothing that it does not know."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .serve.clock import parse_rfc3339
from .serve.snapshot import Pointer, SnapshotError

_MANIFEST = re.compile(r"snapshot-(.+)\.json")


@dataclass(frozen=True)
class Stored:
    """A snapshot in the folder: its manifest and the Parquet files that the manifest names."""

    snapshot_id: str
    created_at: str  # sorts by time: UTC with six digits
    manifest: str
    files: frozenset[str]


def stored_snapshots(folder: Path) -> list[Stored]:
    """The snapshots whose manifests can be read, oldest first; what cannot be read is left alone."""
    found = []
    for path in folder.iterdir():
        match = _MANIFEST.fullmatch(path.name)
        if not match or not path.is_file():
            continue
        try:
            raw = json.loads(path.read_bytes())
            # Only files of this snapshot's own naming: a manifest must not talk us into deleting anything
            # else
            ending = f"-{match[1]}.parquet"
            answers = [each["answers"] for each in raw["services"].values() if "answers" in each]
            files = {each["file"] for each in [*raw["groups"].values(), *answers]}
            own = frozenset(name for name in files if Path(name).name == name and name.endswith(ending))
            created_at = parse_rfc3339(raw["created_at"]).isoformat(timespec="microseconds")
            if raw["snapshot_id"] == match[1]:
                found.append(Stored(match[1], created_at, path.name, own))
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            continue
    return sorted(found, key=lambda each: (each.created_at, each.snapshot_id))


def prune(folder: Path, keep: int, *, dry_run: bool = False) -> list[str]:
    """Deletes all but the newest `keep` snapshots and the current one; returns the deleted files' names.

    Raises SnapshotError or OSError if current.json cannot be read: nothing is then safe to delete.
    """
    if keep < 1:
        raise ValueError("--keep must be at least 1")
    snapshots = stored_snapshots(folder)
    # Read after the listing: what was published meanwhile is newer than anything listed, or in the pointer
    current = Pointer.parse((folder / "current.json").read_bytes())
    kept = [*snapshots[-keep:], *(each for each in snapshots if each.manifest == current.manifest)]
    in_use = {name for each in kept for name in (each.manifest, *each.files)}
    deleted = []
    for snapshot in snapshots:
        if snapshot in kept:
            continue
        # The manifest last: killed half-way, the next run still knows what belongs to it
        for name in [*sorted(snapshot.files), snapshot.manifest]:
            if name not in in_use and (folder / name).is_file():
                if not dry_run:
                    (folder / name).unlink()
                deleted.append(name)
    return deleted


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `prune` to the command line."""
    parser = commands.add_parser("prune", help="delete old snapshots from the published folder")
    parser.add_argument("--folder", type=Path, default=Path("published"), help="the published folder")
    parser.add_argument("--keep", type=int, default=10, help="how many of the newest snapshots stay")
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, delete nothing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        deleted = prune(options.folder, options.keep, dry_run=options.dry_run)
    except (SnapshotError, ValueError) as error:
        print(f"nothing deleted: {error}")
        return 1
    except OSError as error:
        print(f"nothing more deleted: {error}")
        return 1
    verb = "would delete" if options.dry_run else "deleted"
    for name in deleted:
        print(f"{verb} {name}")
    print(f"{verb} {len(deleted)} files; kept the newest {options.keep} snapshots and the current one")
    return 0
