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
# Of a snapshot's file: what a manifest names otherwise is left alone, so that none can talk us into deleting it
_FILE = re.compile(r"\w+-\d{8}T\d{6}Z-[0-9a-f]{8}\.parquet")


@dataclass(frozen=True)
class Stored:
    """A snapshot in the folder: its manifest, the Parquet files that it names, carried ones too, and the groups that
    were published anew with it.
    """

    snapshot_id: str
    created_at: str  # sorts by time: UTC with six digits
    manifest: str
    files: frozenset[str]
    groups: frozenset[str]


def stored_snapshots(folder: Path) -> list[Stored]:
    """The snapshots whose manifests can be read, oldest first; what cannot be read is left alone."""
    found = []
    for path in folder.iterdir():
        match = _MANIFEST.fullmatch(path.name)
        if not match or not path.is_file():
            continue
        try:
            raw = json.loads(path.read_bytes())
            entries = list(raw["groups"].items()) + [
                (id_, each["answers"]) for id_, each in raw["services"].items() if "answers" in each
            ]
            named = {id_: each["file"] for id_, each in entries if _FILE.fullmatch(each["file"])}
            groups = frozenset(id_ for id_, name in named.items() if name.endswith(f"-{match[1]}.parquet"))
            created_at = parse_rfc3339(raw["created_at"]).isoformat(timespec="microseconds")
            if raw["snapshot_id"] == match[1]:
                found.append(Stored(match[1], created_at, path.name, frozenset(named.values()), groups))
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            continue
    return sorted(found, key=lambda each: (each.created_at, each.snapshot_id))


def prune(folder: Path, keep: int, *, dry_run: bool = False) -> list[str]:
    """Deletes all but the newest `keep` snapshots of each group, the current one, and what those name; returns
    the deleted files' names.

    Raises SnapshotError or OSError if current.json cannot be read: nothing is then safe to delete.
    """
    if keep < 1:
        raise ValueError("--keep must be at least 1")
    snapshots = stored_snapshots(folder)
    # Read after the listing: what was published meanwhile is newer than anything listed, or in the pointer
    current = Pointer.parse((folder / "current.json").read_bytes())
    kept = [each for each in snapshots if each.manifest == current.manifest]
    for group in frozenset().union(*(each.groups for each in snapshots)):
        kept += [each for each in snapshots if group in each.groups][-keep:]
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
    parser.add_argument("--keep", type=int, default=10, help="how many of the newest snapshots of each group stay")
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
