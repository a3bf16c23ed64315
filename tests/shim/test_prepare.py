"""Snapshots prepared by a process of their own, in files that all workers map: once, whole or not at all, and gone with
the shim.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from publisher import Publisher, ok, service
from test_folder import current, set_in

from serve.prepare import SMALL

ROWS = SMALL + 1
MANY = f"""select i as id, 'name ' || i as name, i / 8 as size, case when i % 3 > 0 then i::decimal(12,2) end as price,
    {{mark}}::bigint as mark from range({ROWS}) r(i)"""
FEATURES = {"name": "varchar", "size": "double", "price": "decimal(12,2)", "mark": "bigint"}
KEYS = """select * from (values
    (0.10::decimal(9,2), date '1969-12-31', timestamptz '1969-12-31 23:59:59.999999+00', true, 1),
    (-0.10, date '9999-12-31', timestamptz '0001-01-01 00:00:00+00', false, 2)) as t (price, day, moment, flag, n)"""
KEY_TYPES = {"price": "decimal(9,2)", "day": "date", "moment": "timestamptz", "flag": "boolean"}


@pytest.fixture
def large(tmp_path):
    groups = {"many": (MANY, {"id": "bigint"}, FEATURES, 10**9)}
    stored = {name: ok("many", name) for name in FEATURES}
    found = service("many", {"id": "bigint"}, {}, {"many": ["id"]}, FEATURES, stored, known=groups)
    publisher = Publisher(tmp_path / "published", groups, {"many@1": found})
    publisher.publish()
    return publisher


@pytest.fixture
def scratch(tmp_path):
    """Where shims that are started with TMPDIR there have their shared folders."""
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def names(scratch: Path, prefix: str = "") -> list[str]:
    return sorted(path.name for path in scratch.glob(f"asof-shim-*/snapshots/{prefix}*"))


def row(server, key: int) -> dict:
    answer = server.get(f"/v1/services/many?id={key}")
    return {"publication": answer["sequence_number"], **(answer["rows"][0]["features"])}


def current_number(server) -> int | None:
    """The publication that is served, None as long as there is none."""
    return server.get("/health")["sequence_number"]


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_is_prepared_once_for_all_workers_and_what_was_before_is_deleted(start, large, scratch):
    server = start("--folder", large.folder, "--workers", "2", TMPDIR=str(scratch))
    wait_for(lambda: current_number(server) == 1)
    first = names(scratch, "table-")
    assert len(first) == 1
    wait_for(lambda: len(names(scratch, "answers-")) == 2)  # while the group is fresh, and when it is stale
    for key in (0, 1, 12_345, ROWS - 1):
        price = f"{key}.00" if key % 3 else None
        told = {"publication": 1, "name": f"name {key}", "size": key / 8, "price": price and float(price), "mark": 7}
        assert [row(server, key) for _ in range(6)] == [told] * 6  # whichever worker answers
    assert server.get(f"/v1/services/many?id={ROWS}")["rows"][0]["status"] == "NOT_FOUND"

    large.publish(mark=8)
    wait_for(lambda: {row(server, 5)["publication"] for _ in range(8)} == {2})
    assert row(server, 5)["mark"] == 8
    wait_for(lambda: len(names(scratch, "answers-")) == 2)
    assert len(names(scratch, "table-")) == 1
    assert names(scratch, "table-") != first

    large.publish(mark=9, spoil=set_in("groups", "many@1", "sha256", "0" * 64))
    seen = []
    wait_for(lambda: seen.append(server.get("/health")["refused"]) or seen[-1])
    assert seen[-1]["reason"].endswith(".parquet: its sha256 is not the one in the manifest")
    assert row(server, 5)["mark"] == 8

    assert server.stop() == 0
    assert list(scratch.iterdir()) == []


def test_what_a_killed_shim_leaves_is_deleted_by_the_next(start, large, scratch):
    killed = start("--folder", large.folder, TMPDIR=str(scratch))
    wait_for(lambda: current_number(killed) == 1)
    killed.end()
    (left,) = scratch.iterdir()
    other = start("--folder", large.folder, TMPDIR=str(scratch))
    wait_for(lambda: current_number(other) == 1)
    assert left not in scratch.iterdir()
    third = start("--folder", large.folder, TMPDIR=str(scratch))  # what is in use stays
    assert len(list(scratch.iterdir())) == 2
    assert (third.stop(), other.stop()) == (0, 0)


def test_a_preparing_process_that_is_killed_is_a_refusal_and_tried_again(start, large, scratch):
    server = start("--folder", large.folder, TMPDIR=str(scratch))
    wait_for(lambda: current_number(server) == 1)
    large.publish(mark=8)
    killed = 0
    while not killed:
        for child in Path(f"/proc/{server.process.pid}/task").glob("*/children"):
            for each in child.read_text().split():
                os.kill(int(each), signal.SIGKILL)
                killed = 1
        if current_number(server) == 2:
            pytest.fail("it was prepared before it could be killed")
    wait_for(lambda: server.get("/health")["refused"] or current_number(server) == 2)
    wait_for(lambda: current_number(server) == 2)
    assert row(server, 5)["mark"] == 8
    assert server.stop() == 0


def test_keys_of_every_type_are_found(make_app, tmp_path):
    groups = {"keyed": (KEYS, KEY_TYPES, {"n": "integer"}, 10**9)}
    lookup = {"keyed": list(KEY_TYPES)}
    found = service("keyed", KEY_TYPES, {}, lookup, {"n": "integer"}, {"n": ok("keyed", "n")}, known=groups)
    publisher = Publisher(tmp_path / "published", groups, {"keyed@1": found})
    publisher.publish()
    client = make_app(publisher.folder).test_client()

    def ask(*keys):
        entity = dict(zip(KEY_TYPES, keys, strict=True))
        answer = client.post("/v1/services/keyed", json={"entities": [entity]}).json["rows"][0]
        return answer["features"]["n"], answer["status"]

    assert ask(0.1, "1969-12-31", "1969-12-31T23:59:59.999999Z", True) == (1, "OK")
    assert ask(-0.10, "9999-12-31", "0001-01-01T00:00:00Z", False) == (2, "OK")
    assert ask(0.1, "1969-12-31", "1970-01-01T00:59:59.999999+01:00", True) == (1, "OK")
    assert ask(0.1, "1969-12-31", "1969-12-31T23:59:59.999999Z", False) == (None, "NOT_FOUND")


def test_a_table_of_other_hashes_is_not_used(make_app, large, monkeypatch):
    """As by a process with another seed: every look-up would say NOT_FOUND."""
    made = iter([1, 2, 3, 4])
    monkeypatch.setattr("serve.prepare.hash_probe", lambda: next(made))
    client = make_app(large.folder).test_client()
    assert client.get("/ready").status_code == 503
    assert "hashes are others" in client.get("/ready").json["detail"]
    assert current(client)["sequence_number"] is None
