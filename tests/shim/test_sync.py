"""`python -m serve sync`: the pointer of the target moves last, and only to what is there whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from publisher import GROUPS
from server import ROOT

import serve.sync
from serve.__main__ import main


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def sync(publisher, target, capsys):
    """Runs the command over the two folders; returns the exit code, what it said, and what it complained of."""

    def sync(*options, source=publisher.folder, target=target):
        code = main(["sync", str(source), str(target), *options])
        return code, *capsys.readouterr()

    return sync


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_missing_is_copied_and_the_shim_serves_it(publisher, target, sync, make_app):
    code, said, _ = sync()
    assert (code, content(target)) == (0, content(publisher.folder))
    assert f"is at publication 1, snapshot 20260501T085900Z-00000001: {len(GROUPS) + 1} files copied" in said
    client = make_app(target).test_client()
    assert client.get("/v1/services/late_delivery?order_id=O-204").get_json()["sequence_number"] == 1

    # what was found in logged answers goes along, also where nothing was published since
    for found in (b'{"format":1,"services":{}}', b'{"format":1,"services":{"pairs@1":{}}}'):
        (publisher.folder / "parity.json").write_bytes(found)
        assert "0 files copied" in sync()[1]
        assert (target / "parity.json").read_bytes() == found

    # again: nothing is written
    times = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}
    assert "0 files copied" in sync()[1]
    assert {path.name: path.stat().st_mtime_ns for path in target.iterdir()} == times

    first = publisher.pointer
    for mark in (8, 9):
        publisher.publish(mark=mark)
    assert "publication 3" in sync()[1]  # the second was never seen there, nor is it needed
    assert len(list(target.glob("*.parquet"))) == 2 * len(GROUPS)
    # a hold changes the pointer alone; a rollback names files that are there
    publisher.point(publisher.pointer | {"hold": {"reason": "bad feed", "since": "2026-05-01T09:00:00.000000Z"}})
    assert "0 files copied" in sync()[1]
    publisher.point(first | {"sequence_number": 4, "kind": "rollback"})
    assert "0 files copied" in sync()[1]
    assert (target / "current.json").read_bytes() == (publisher.folder / "current.json").read_bytes()


def test_keep_prunes_the_target_only(publisher, target, sync):
    for mark in (8, 9, 10):
        sync("--keep", "2")
        publisher.publish(mark=mark)
    code, said, _ = sync("--keep", "2")
    assert code == 0
    assert f"{len(GROUPS) + 1} deleted" in said
    assert len(list(target.glob("snapshot-*.json"))) == 2
    assert len(list(publisher.folder.glob("snapshot-*.json"))) == 4
    assert sync("--keep", "0")[0] == 2


def spoil_source(publisher, target):
    """A Parquet file of the right length, but not of the right content."""
    path = next(publisher.folder.glob("pair_v1-*2.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def cut_source(publisher, target):
    path = next(publisher.folder.glob("pair_v1-*2.parquet"))
    path.write_bytes(path.read_bytes()[:100])


def prune_source(publisher, target):
    next(publisher.folder.glob("pair_v1-*2.parquet")).unlink()


def spoil_manifest(publisher, target):
    path = next(publisher.folder.glob("snapshot-*2.json"))
    path.write_bytes(path.read_bytes() + b" ")


def empty_source(publisher, target):
    (publisher.folder / "current.json").unlink()


def spoil_pointer(publisher, target):
    (publisher.folder / "current.json").write_text("{")


def go_back(publisher, target):
    publisher.point(publisher.pointer | {"sequence_number": 0})


def number_alike(publisher, target):
    publisher.point(publisher.pointer | {"sequence_number": 1})


def point_elsewhere(publisher, target):
    (publisher.folder.parent / "x.parquet").write_text("not published")
    publisher.publish(spoil=lambda manifest: manifest["groups"]["pair@1"].update(file="../x.parquet"))


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (spoil_source, "its sha256 is not the one in the manifest"),
        (cut_source, "has 100 bytes, the manifest says"),
        (prune_source, "No such file"),
        (spoil_manifest, "its sha256 is not the one in current.json"),
        (empty_source, "nothing was published yet"),
        (spoil_pointer, "current.json: "),
        (go_back, "newer than the source's 0"),
        (number_alike, "they belong to two warehouses"),
        (point_elsewhere, "is not the name of a file in the published folder"),
    ],
)
def test_on_any_failure_the_target_stays_as_it_was(publisher, target, sync, harm, complaint):
    assert sync()[0] == 0
    before = content(target)
    publisher.publish(mark=8)
    harm(publisher, target)
    code, _, complained = sync()
    assert code == 1
    assert complaint in complained
    after = content(target)
    assert {name: after[name] for name in before} == before  # the old snapshot, and the pointer to it
    assert not list(target.glob(".*"))  # and no half of anything


def test_a_target_that_is_not_there_or_cannot_be_read_is_not_guessed_at(publisher, target, sync, tmp_path):
    code, _, complained = sync(target=tmp_path / "not mounted")
    assert code == 1
    assert "mount what it stands for" in complained
    assert not (tmp_path / "not mounted").exists()
    (target / "current.json").write_text("{")
    code, _, complained = sync()
    assert code == 1
    assert f"delete {target / 'current.json'} first" in complained
    (target / "current.json").unlink()
    assert sync()[0] == 0


def test_what_is_damaged_at_the_target_is_mended_before_the_pointer_moves(publisher, target, sync):
    sync()
    path = next(target.glob("pair_v1-*.parquet"))
    path.write_bytes(b"half")
    assert "1 files copied" in sync()[1]
    assert content(target) == content(publisher.folder)


def test_a_full_disk_leaves_the_pointer(publisher, target, sync, monkeypatch):
    sync()
    before = content(target)
    publisher.publish(mark=8)
    copied, copyfile = [], shutil.copyfile

    def copy(source, part):
        if len(copied) == 2:
            part.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))
        copied.append(copyfile(source, part))

    with monkeypatch.context() as full:
        full.setattr(shutil, "copyfile", copy)
        code, _, complained = sync()
    assert code == 1
    assert "No space left" in complained
    assert content(target)["current.json"] == before["current.json"]
    assert not list(target.glob(".*"))
    assert sync()[0] == 0
    assert content(target) == content(publisher.folder)


def test_a_slow_sync_does_not_go_back_behind_a_faster_one(publisher, target, sync, monkeypatch):
    bring = serve.sync._bring

    def overtaken(source, path, declared):
        if not (target / "current.json").exists():
            later = publisher.pointer | {"sequence_number": 2}
            (target / "current.json").write_text(json.dumps(later))
        return bring(source, path, declared)

    monkeypatch.setattr(serve.sync, "_bring", overtaken)
    code, _, complained = sync()
    assert code == 1
    assert "is at publication 2, newer than the source's 1" in complained
    assert json.loads(content(target)["current.json"])["sequence_number"] == 2


def test_killed_anywhere_it_leaves_a_whole_snapshot(publisher, target):
    """SIGKILL after some files have arrived: what the target points at is whole, and the next sync completes."""
    command = [sys.executable, "-m", "serve", "sync", str(publisher.folder), str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    for mark, arrived in enumerate([0, 3, len(GROUPS)], 8):
        publisher.publish(mark=mark)
        before = (target / "current.json").read_bytes()
        there = len(list(target.glob("*.parquet")))
        # a sync that stops for good once so many files have arrived, as if the network hung
        hang = (
            "import sys, time, serve.sync as sync\nfrom pathlib import Path\nbring, n = sync._bring, []\n"
            f"def slow(*a):\n    if len(n) == {arrived}: (a[1].parent / '.asof-sync-half').write_bytes(b'x'); "
            "time.sleep(600)\n    n.append(0)\n    return bring(*a)\n"
            "sync._bring = slow\nsync.sync(Path(sys.argv[1]), Path(sys.argv[2]))"
        )
        process = subprocess.Popen([sys.executable, "-c", hang, *command[-2:]], cwd=ROOT)
        deadline = time.monotonic() + 60
        while not (target / ".asof-sync-half").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (target / "current.json").read_bytes() == before
        assert len(list(target.glob("*.parquet"))) == there + arrived
        os.utime(target / ".asof-sync-half", (0, 0))  # left the day before yesterday
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
        assert content(target) == content(publisher.folder)
        assert json.loads(content(target)["current.json"])["sequence_number"] == publisher.sequence


def test_two_at_once_do_no_harm(publisher, tmp_path):
    """The snapshot arrives whole, whichever of them moves the pointer."""
    target = tmp_path / "target"
    target.mkdir()
    publisher.publish(mark=8)
    command = [sys.executable, "-m", "serve", "sync", str(publisher.folder), str(target)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    assert (target / "current.json").read_bytes() == (publisher.folder / "current.json").read_bytes()
    assert not list(target.glob(".*"))
