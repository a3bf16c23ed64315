"""Taking up snapshots, and refusing bad ones: whole or not at all, and the old one stays."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from datetime import timedelta

import pytest
from asof.serve import folder as folder_module
from asof.serve.folder import POLL_SECONDS
from asof.serve.settings import ConfigurationError
from publisher import GROUPS, NOW, Publisher

from asof.__main__ import main
from asof.prune import prune


@pytest.fixture
def watched(app):
    return app.extensions["asof"].folder


def current(client):
    return client.get("/health").json


def spoil_file(publisher, name, change):
    path = publisher.folder / f"{name}_v1-{publisher.pointer['snapshot_id']}.parquet"
    path.write_bytes(change(path.read_bytes()))


def test_a_new_publication_is_taken_up(client, publisher, watched):
    publisher.publish(mark=8)
    watched.poll()
    answer = client.get("/v1/services/late_delivery?order_id=O-204").json
    assert (answer["sequence_number"], answer["rows"][0]["features"]["mark"]) == (2, 8)


def test_unchanged_tables_are_not_loaded_again(publisher, watched):
    before = watched.current.snapshot.groups
    publisher.publish(mark=8)
    watched.poll()
    after = watched.current.snapshot.groups
    assert after["pair@1"].table is before["pair@1"].table
    assert after["shipment@1"].table is not before["shipment@1"].table


def test_the_keys_of_a_table_are_freed_once_no_request_uses_it(publisher, watched):
    held = watched.current
    keys = {name: held.snapshot.groups[f"{name}@1"].table.rows_by_key for name in ("shipment", "pair")}
    publisher.publish(mark=8)
    watched.poll()
    watched.free()
    assert held.snapshot.groups["shipment@1"].table.find(["O-204"]) is not None
    del held
    watched.free()
    assert keys["shipment"] == {}
    assert keys["pair"]  # the next snapshot uses it
    publisher.publish(mark=9)
    watched.poll()
    watched.free()
    assert watched.current.snapshot.groups["pair@1"].table.find(["1", "11"]) is not None


def test_a_hold_shows_without_loading(client, publisher, watched):
    snapshot = watched.current.snapshot
    publisher.point(publisher.pointer | {"hold": {"reason": "bad feed", "since": "2026-05-01T09:00:00.000000Z"}})
    watched.poll()
    assert watched.current.snapshot is snapshot
    assert client.get("/v1/catalog").json["snapshot"]["hold"]["reason"] == "bad feed"
    assert "bad feed" in client.get("/").get_data(as_text=True)


def test_a_rollback_is_followed(client, publisher, watched):
    first = publisher.pointer
    publisher.publish(mark=8)
    watched.poll()
    publisher.point(first | {"sequence_number": 3, "kind": "rollback"})
    watched.poll()
    answer = client.get("/v1/services/late_delivery?order_id=O-204").json
    assert (answer["sequence_number"], answer["rows"][0]["features"]["mark"]) == (3, 7)


def rename_feature(manifest):
    manifest["groups"]["pair@1"]["features"][0]["name"] = "other"


def retype_feature(manifest):
    manifest["groups"]["shipment@1"]["features"][1]["type"] = "float"


def break_sql(manifest):
    manifest["services"]["pairs@1"]["sql"] = "select nonsense from looked_up"


def read_files(manifest):
    manifest["services"]["pairs@1"]["sql"] = "select * from read_csv('/etc/passwd')"


def retype_answer(manifest):
    manifest["services"]["pairs@1"]["features"][0]["type"] = "bigint"


def set_in(*path):
    *parents, last, value = path

    def change(manifest):
        for step in parents:
            manifest = manifest[step]
        manifest[last] = value

    return change


SPOILS = {
    "newer format": set_in("format", 99),
    "other snapshot": set_in("snapshot_id", "x"),
    "missing column": rename_feature,
    "wrong type": retype_feature,
    "unsupported type": set_in("groups", "pair@1", "features", 0, "type", "hugeint"),
    "wrong row count": set_in("groups", "pair@1", "rows", 99),
    "wrong size": set_in("groups", "pair@1", "bytes", 1),
    "wrong hash": set_in("groups", "pair@1", "sha256", "0" * 64),
    "file elsewhere": set_in("groups", "pair@1", "file", "../x.parquet"),
    "no file": set_in("groups", "pair@1", "file", "x.parquet"),
    "no groups": set_in("groups", None),
    "group not there": set_in("services", "pairs@1", "groups", 0, "group", "pair@2"),
    "broken sql": break_sql,
    "sql that reads files": read_files,
    "other answer": retype_answer,
    "unknown looked_up": set_in("services", "pairs@1", "looked_up", 0, "name", "x"),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_bad_manifest_is_refused_and_the_old_one_stays(client, publisher, watched, spoil, caplog):
    publisher.publish(mark=8, spoil=spoil)
    watched.poll()
    state = current(client)
    assert state["sequence_number"] == 1
    assert state["refused"]["snapshot_id"] == publisher.pointer["snapshot_id"]
    assert state["refused"]["reason"]
    assert "REFUSED" in caplog.text
    assert "not foreseen" not in caplog.text
    assert client.get("/v1/services/late_delivery?order_id=O-204").json["rows"][0]["features"]["mark"] == 7
    publisher.publish(mark=9)
    watched.poll()
    assert current(client)["refused"] is None
    assert current(client)["sequence_number"] == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-100],
        lambda data: data[:200] + b"\0" + data[201:],
        lambda data: b"",
        lambda data: b"x" * len(data),
    ],
    ids=["truncated", "flipped byte", "empty", "garbage"],
)
def test_a_corrupt_parquet_is_refused_and_the_old_one_stays(client, publisher, watched, change):
    text = publisher.folder / "current.json"
    before = text.read_bytes()
    publisher.publish(mark=8)
    after = text.read_bytes()
    spoil_file(publisher, "shipment", change)
    assert before != after
    watched.poll()
    assert current(client)["sequence_number"] == 1
    assert "shipment_v1" in current(client)["refused"]["reason"]


def test_a_corrupt_parquet_with_the_right_hash_is_refused(client, publisher, watched):
    def spoil(manifest):
        group = manifest["groups"]["shipment@1"]
        path = publisher.folder / group["file"]
        path.write_bytes(path.read_bytes()[:-50])
        group |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    publisher.publish(spoil=spoil)
    watched.poll()
    assert current(client)["sequence_number"] == 1
    assert current(client)["refused"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 3}', "\xff"])
def test_a_bad_pointer_is_refused(client, publisher, watched, text):
    (publisher.folder / "current.json").write_text(text, encoding="latin-1")
    watched.poll()
    assert current(client)["sequence_number"] == 1
    assert "current.json" in current(client)["refused"]["reason"]


def test_a_manifest_that_is_not_the_one_pointed_at_is_refused(client, publisher, watched):
    publisher.publish(manifest_sha256="0" * 64)
    watched.poll()
    assert current(client)["sequence_number"] == 1
    assert "sha256" in current(client)["refused"]["reason"]


def test_a_refused_snapshot_is_tried_again(client, publisher, watched, monkeypatch):
    publisher.publish(mark=8)
    path = publisher.folder / f"shipment_v1-{publisher.pointer['snapshot_id']}.parquet"
    content = path.read_bytes()
    path.unlink()
    watched.poll()
    assert current(client)["refused"]
    path.write_bytes(content)  # a slow copy arrives
    monkeypatch.setattr(folder_module, "RETRY_SECONDS", 0.0)
    watched._retry_at = 0.0
    watched.poll()
    assert current(client)["sequence_number"] == 2


def test_duplicate_keys_are_refused(client, publisher, watched, monkeypatch):
    sql, *rest = GROUPS["pair"]
    monkeypatch.setitem(GROUPS, "pair", (f"{sql} union all {sql}", *rest))
    publisher.publish()
    watched.poll()
    assert "repeat the key" in current(client)["refused"]["reason"]


def test_null_keys_are_refused(client, publisher, watched, monkeypatch):
    sql, *rest = GROUPS["pair"]
    monkeypatch.setitem(GROUPS, "pair", (f"{sql} union all select null, 'x', 'y'", *rest))
    publisher.publish()
    watched.poll()
    assert "null" in current(client)["refused"]["reason"]


def test_an_empty_group_is_served(client, publisher, watched, monkeypatch):
    for name, (sql, *rest) in list(GROUPS.items()):
        monkeypatch.setitem(GROUPS, name, (f"select * from ({sql}) where false", *rest))
    publisher.publish()
    watched.poll()
    assert current(client)["refused"] is None
    answer = client.get("/v1/services/pairs?left_id=1&right_id=11").json
    assert answer["sequence_number"] == 2
    assert answer["rows"][0]["status"] == "NOT_FOUND"


def test_a_table_of_several_chunks(client, publisher, watched, monkeypatch):
    monkeypatch.setattr("asof.serve.columns.CHUNK", 1)
    publisher.publish(mark=8)
    watched.poll()
    sent = [{"order_id": each, "request_distance_km": 1.0} for each in ("O-150", "O-160", "O-170", "O-204")]
    rows = client.post("/v1/services/late_delivery", json={"entities": sent}).json["rows"]
    assert [row["features"]["carrier"] for row in rows] == ["bluefreight", None, "straße", "northline"]


def test_a_folder_that_disappears_does_no_harm(client, publisher, watched):
    shutil.rmtree(publisher.folder)
    watched.poll()
    assert client.get("/v1/services/late_delivery?order_id=O-204").status_code == 200
    assert current(client)["folder_missing"] is True
    Publisher(publisher.folder).publish(mark=9)
    watched.poll()
    assert current(client)["folder_missing"] is False


def test_a_request_finishes_on_the_snapshot_it_began_with(app, publisher, watched):
    shim = app.extensions["asof"]
    held = shim.publication()
    publisher.publish(mark=8)
    watched.poll()
    entities = [{"order_id": "O-204", "request_distance_km": None}]
    answer = json.loads(shim.answer(held, held.snapshot.services["late_delivery@1"], entities))
    assert (answer["sequence_number"], answer["rows"][0]["features"]["mark"]) == (1, 7)


# -------------------- exposure and tokens


def tokens_file(path, **services):
    entries = [
        {"name": name, "sha256": hashlib.sha256(f"secret-{name}".encode()).hexdigest(), "services": allowed}
        for name, allowed in services.items()
    ]
    path.write_text(json.dumps({"tokens": entries}))
    return path


def test_off_loopback_needs_tokens(make_app, publisher, tmp_path, monkeypatch):
    for host in ("0.0.0.0", "192.0.2.1", "example.org", "::"):
        with pytest.raises(ConfigurationError, match="tokens"):
            make_app(publisher.folder, host=host)
    tokens = tokens_file(tmp_path / "tokens.json", one=["*"])
    make_app(publisher.folder, host="0.0.0.0", tokens=tokens)
    monkeypatch.setenv("ASOF_NOW", "2026-05-01T09:00:00Z")
    with pytest.raises(ConfigurationError, match="ASOF_NOW"):
        make_app(publisher.folder, host="0.0.0.0", tokens=tokens)


@pytest.mark.parametrize("where", ["both", "manifest only"])
def test_off_loopback_refuses_an_injected_now(make_app, tmp_path, where):
    publisher = Publisher(tmp_path / "published")
    if where == "both":
        publisher.publish(now_injected=True)
    else:
        publisher.publish(spoil=set_in("now_injected", True))
    assert make_app(publisher.folder).test_client().get("/ready").status_code == 200
    tokens = tokens_file(tmp_path / "tokens.json", one=["*"])
    client = make_app(publisher.folder, host="0.0.0.0", tokens=tokens).test_client()
    response = client.get("/ready")
    assert response.status_code == 503
    assert "injected now" in response.json["detail"]


def test_tokens(make_app, publisher, tmp_path):
    path = tokens_file(tmp_path / "tokens.json", all=["*"], pairs=["pairs"], old=["late_delivery@1"], none=[])
    client = make_app(publisher.folder, tokens=path).test_client()

    def status(url, token=None, scheme="Bearer"):
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        return client.get(url, headers=headers).status_code

    pairs, delivery = "/v1/services/pairs?left_id=1&right_id=11", "/v1/services/late_delivery"
    for url in (pairs, "/v1/catalog", "/", "/openapi.json", "/v1/services/unknown"):
        assert status(url) == status(url, "wrong") == status(url, "secret-all", "Basic") == 401
        assert client.get(url).headers["WWW-Authenticate"] == "Bearer"
    assert (
        status(pairs, "secret-all") == status(pairs, "secret-pairs") == status(pairs, "secret-pairs", "bearer") == 200
    )
    assert status(pairs, "secret-none") == status(delivery + "?order_id=O-204", "secret-pairs") == 403
    assert status(delivery + "@1?order_id=O-204", "secret-old") == 200
    assert status(delivery + "@2?order_id=O-204", "secret-old") == 403
    assert client.post(pairs, json={}, headers={"Authorization": "Bearer secret-none"}).status_code == 403
    assert status("/health") == status("/ready") == 200
    tokens_file(path, new=["*"])
    time.sleep(2 * POLL_SECONDS)
    assert status(pairs, "secret-all") == 401
    assert status(pairs, "secret-new") == 200
    path.write_text("{")
    time.sleep(2 * POLL_SECONDS)
    assert status(pairs, "secret-new") == 200
    path.unlink()
    time.sleep(2 * POLL_SECONDS)
    assert status(pairs, "secret-new") == 200
    assert status(pairs) == 401


# -------------------- prune


def test_prune_keeps_the_newest_the_current_and_the_unknown(publisher, capsys):
    first = publisher.pointer
    for mark in range(8, 12):
        publisher.publish(mark=mark)
    publisher.point(first | {"sequence_number": 9, "kind": "rollback"})
    folder = publisher.folder
    (folder / "notes.txt").write_text("mine")
    (folder / "snapshot-mine.json").write_text("{}")
    (folder / "pair_v1-other.parquet").write_text("mine")
    before = {path.name for path in folder.iterdir()}
    options = ["prune", "--folder", str(folder), "--keep", "2"]
    assert main([*options, "--dry-run"]) == 0
    assert {path.name for path in folder.iterdir()} == before
    assert "would delete" in capsys.readouterr().out
    assert main(options) == 0
    gone = before - {path.name for path in folder.iterdir()}
    assert gone == {name for name in before if "-00000002" in name or "00000002.json" in name or "-00000003" in name}
    assert len(gone) == 2 * (len(GROUPS) + 1)
    assert prune(folder, 2) == []


def test_prune_keeps_what_a_kept_manifest_carries_over(publisher):
    """A group that went out long ago keeps its newest file, and so many publications, whatever else went out since."""
    manifests = [publisher.publish(mark=8), publisher.publish(mark=9)]

    def carry(manifest):
        for id_ in manifest["groups"].keys() - {"pair@1"}:
            (publisher.folder / manifest["groups"][id_]["file"]).unlink()
            manifest["groups"][id_] = manifests[-1]["groups"][id_]

    for mark in range(10, 14):
        manifests.append(publisher.publish(mark=mark, spoil=carry))
    files = [{each["file"] for each in manifest["groups"].values()} for manifest in manifests]
    prune(publisher.folder, 1)
    assert {path.name for path in publisher.folder.glob("*.parquet")} == files[1] | files[-1]
    publisher.publish()
    # nothing names them any more, and nothing is left behind
    prune(publisher.folder, 1)
    assert len([*publisher.folder.glob("*.parquet")]) == len(GROUPS)


def test_prune_deletes_nothing_without_a_pointer(publisher, capsys):
    publisher.publish()
    (publisher.folder / "current.json").write_text("{")
    before = sorted(publisher.folder.iterdir())
    assert main(["prune", "--folder", str(publisher.folder), "--keep", "1"]) == 1
    assert main(["prune", "--folder", str(publisher.folder), "--keep", "0"]) == 1
    assert sorted(publisher.folder.iterdir()) == before
    assert "nothing deleted" in capsys.readouterr().out


def test_prune_does_not_follow_a_manifest_out_of_the_folder(publisher, tmp_path):
    victim = tmp_path / "x-20260501T085900Z-00000002.parquet"
    victim.write_text("mine")
    publisher.publish(spoil=set_in("groups", "pair@1", "file", f"../{victim.name}"))
    publisher.publish()
    prune(publisher.folder, 1)
    assert victim.exists()


def test_the_clock_of_refusals_is_the_shims(client, publisher, watched):
    publisher.publish(manifest_sha256="0" * 64)
    watched.poll()
    assert current(client)["refused"]["since"] == NOW.isoformat().replace("+00:00", "Z")
    assert timedelta(0) == NOW.utcoffset()
