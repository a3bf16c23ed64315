"""Copies what is published to another folder: the snapshot's files first, the pointer last. The warehouse is not
opened.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from serve.prune import prune
from serve.snapshot import Pointer, Snapshot, SnapshotError, check_file, plain_name

_PART = ".asof-sync-"  # what a copy is called until it is whole
_LEFT_OVER_SECONDS = 86_400  # a copy that old belongs to a sync that was killed


class SyncError(Exception):
    """The target still points at what it pointed at before; the message says what is in the way."""


def sync(source: Path, target: Path) -> tuple[Pointer, list[str]]:
    """Makes the current publication of `source` that of `target`; returns it, and the names of the files that were
    copied.

    A file is copied under another name, held against the manifest's size and sha256, and then renamed; so is the
    pointer, once all others are there. Raises SyncError, SnapshotError or OSError, and then the pointer of the target
    is as it was.
    """
    text = _read(source / "current.json")
    if text is None:
        raise SyncError(f"{source / 'current.json'} is not there: nothing was published yet, or this is another folder")
    pointer = Pointer.parse(text)
    manifest = Snapshot.read_manifest(source, pointer)
    if not target.is_dir():
        # Not made here: where a disk or bucket is not mounted, that would fill the disk below it
        raise SyncError(f"{target} is not a folder: make it, or mount what it stands for, and try again")
    before = _read(target / "current.json")
    _check_order(pointer, before, target)

    try:
        files = {plain_name(each["file"]): each for each in manifest["groups"].values()}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise SnapshotError(f"{pointer.manifest}: its groups cannot be read: {error}") from None
    # The manifest after what it names: a folder never holds one whose files are not there
    size = (source / pointer.manifest).stat().st_size
    files[pointer.manifest] = {"bytes": size, "sha256": pointer.manifest_sha256}
    _sweep(target)
    copied = [name for name, declared in files.items() if _bring(source / name, target / name, declared)]
    found = _read(source / "parity.json")
    if found and found != _read(target / "parity.json"):
        _put(target / "parity.json", found)  # no part of the snapshot: what builds found in logged answers
    if text != before:
        _flush(target)  # a power cut must not keep the pointer and lose what it points at
        _check_order(pointer, _read(target / "current.json"), target)  # another sync may have been faster
        _put(target / "current.json", text)
        _flush(target)
    return pointer, copied


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _check_order(pointer: Pointer, before: bytes | None, target: Path) -> None:
    """Refuses to go back, and to mix two warehouses: their publications are numbered alike."""
    if before is None:
        return
    way_out = f"If it is to follow this source from now on, delete {target / 'current.json'} first"
    try:
        there = Pointer.parse(before)
    except SnapshotError as error:
        raise SyncError(f"the target's {error}. {way_out}") from None
    if there.sequence_number > pointer.sequence_number:
        raise SyncError(
            f"{target} is at publication {there.sequence_number}, newer than the source's {pointer.sequence_number}: "
            f"the source was put back, or is another. {way_out}"
        )
    if there.sequence_number == pointer.sequence_number and there.snapshot_id != pointer.snapshot_id:
        raise SyncError(
            f"publication {pointer.sequence_number} is {there.snapshot_id} in {target}, but {pointer.snapshot_id} in "
            f"the source: they belong to two warehouses. {way_out}"
        )


def _bring(source: Path, target: Path, declared: dict[str, Any]) -> bool:
    """Copies a file unless it is there already, byte for byte; whether it did. What is there under its name but is
    another is replaced.
    """
    with suppress(ValueError, FileNotFoundError):
        check_file(target, declared)
        return False
    part = _new_part(target.parent)
    try:
        shutil.copyfile(source, part)
        try:
            check_file(part, declared)  # what arrived, not what was sent
        except ValueError as error:
            raise SyncError(f"{source.name}: the copy {error}; is the source being written or pruned?") from None
        _flush(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _put(path: Path, content: bytes) -> None:
    """Replaces a small file, whole."""
    part = _new_part(path.parent)
    try:
        part.write_bytes(content)
        _flush(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _new_part(folder: Path) -> Path:
    """A new empty file that no other sync writes to, readable for those who can read the folder's files."""
    descriptor, name = tempfile.mkstemp(prefix=_PART, dir=folder)
    os.close(descriptor)
    mask = os.umask(0)
    os.umask(mask)
    with suppress(OSError):  # mounted buckets know no modes
        os.chmod(name, 0o666 & ~mask)
    return Path(name)


def _flush(path: Path) -> None:
    """What was written to a file, or the names in a folder, reach the disk. Mounted buckets may know no such thing
    for a folder.
    """
    is_folder = path.is_dir()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not is_folder:
            raise
    finally:
        os.close(descriptor)


def _sweep(target: Path) -> None:
    """Deletes what syncs left that were killed."""
    for part in target.glob(f"{_PART}*"):
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > _LEFT_OVER_SECONDS:
                part.unlink()


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `sync` to the command line."""
    parser = commands.add_parser("sync", help="copy what is published to another folder, the pointer last")
    parser.add_argument("source", type=Path, metavar="from", help="the published folder")
    parser.add_argument("target", type=Path, metavar="to", help="a folder that is there: another disk, a mount")
    parser.add_argument("--keep", type=int, metavar="N", help="then prune the target: its newest N snapshots stay")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.keep is not None and options.keep < 1:
        print("sync: --keep must be at least 1", file=sys.stderr)
        return 2
    try:
        print(synced(options.source, options.target, options.keep))
    except (SyncError, SnapshotError, OSError) as error:
        print(f"sync: {error}", file=sys.stderr)
        return 1
    return 0


def synced(source: Path, target: Path, keep: int | None = None) -> str:
    """`sync`, and `prune` if `keep` says how many snapshots stay; returns a line that says what was done. Raises
    what they raise; SyncError only where the pointer did not move.
    """
    pointer, copied = sync(source, target)
    deleted = prune(target, keep) if keep else []
    return (
        f"{target} is at publication {pointer.sequence_number}, snapshot {pointer.snapshot_id}: "
        f"{len(copied)} files copied" + (f", {len(deleted)} deleted" if deleted else "")
    )
