"""What the loop tells of the findings that the builds leave in health.json: by real commands, without dbt."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path
from typing import Any

import pytest

from asof.alerts import Alerts


def finding(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "rule": "null_rate",
        "level": "hold",
        "kind": "group",
        "subject": "thing@1",
        "column": "color",
        "since": "2026-05-01T08:00:00.000000Z",
        "message": f"{id_}: 'null' in 100% of ünits\nwas 1%",
        "part_of": "f-1" if id_ == "part of f-1" else None,
    }


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    return folder


def write(published: Path, *ids: str) -> None:
    found = {"format": 1, "findings": [finding(each) for each in ids], "feeds": {}, "groups": {}}
    (published / "health.json").write_text(json.dumps(found))


def ids(text: str) -> list[str]:
    """Of lines of JSON, each whole on its own line."""
    return sorted(json.loads(line)["id"] for line in text.splitlines())


def test_each_finding_is_told_once(published: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sent, told = tmp_path / "sent", tmp_path / "told"
    alerts = Alerts(published, told, f"cat >> {sent}")
    alerts.tell()  # nothing is published yet
    assert not sent.exists()
    write(published, "f-1", "f-2", "part of f-1")
    alerts.tell()
    alerts.tell()
    assert ids(sent.read_text()) == ids(capsys.readouterr().out) == ["f-1", "f-2"]
    assert json.loads(sent.read_text().splitlines()[0]) in [finding("f-1"), finding("f-2")]
    write(published, "f-2", "f-3")
    alerts.tell()
    assert ids(capsys.readouterr().out) == ["f-3"]
    # a loop that begins anew shows again what stands, and does not send it again
    Alerts(published, told, f"cat >> {sent}").tell()
    assert ids(capsys.readouterr().out) == ["f-2", "f-3"]
    assert ids(sent.read_text()) == ["f-1", "f-2", "f-3"]
    # whatever is wrong with the file, the loop goes on
    (published / "health.json").write_text("{")
    alerts.tell()
    assert capsys.readouterr().out == ""


def test_a_command_that_fails_is_tried_again(
    published: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sent, told = tmp_path / "sent", tmp_path / "told"
    write(published, "f-1", "f-2")
    Alerts(published, told, "false").tell()
    assert "loop: --on-alert exited with 1 for the finding f-" in capsys.readouterr().err
    assert told.read_text() == ""
    Alerts(published, told, "exit 0 < /dev/null").tell()  # which reads nothing
    assert len(told.read_text().split()) == 2
    told.unlink()

    began = time.monotonic()
    hanging = Alerts(published, told, f"sleep 60; cat >> {sent}", seconds=0.3)
    hanging.tell()
    assert time.monotonic() - began < 10
    assert "loop: --on-alert took longer than 0 s" in capsys.readouterr().err
    assert (told.read_text(), sent.exists()) == ("", False)

    # while another loop of the project is at it, it is left to that
    with told.open("a+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        Alerts(published, told, f"cat >> {sent}").tell()
    assert not sent.exists()
    Alerts(published, told, f"cat >> {sent}").tell()
    assert ids(sent.read_text()) == ["f-1", "f-2"]
