"""Metrics and the audit line: what is counted, who may read it, and that alerts and dashboard name nothing else."""

from __future__ import annotations

import json
import logging
import re
import time
import urllib.request

import pytest
import yaml
from asof.serve.request_log import RequestLog
from prometheus_client.parser import text_string_to_metric_families
from publisher import GROUPS
from server import ROOT
from test_folder import tokens_file

CARRIERS = ["northline", "swiftpost"]


def categories(manifest):
    for service in ("late_delivery@1", "late_delivery@2"):
        manifest["services"][service]["features"][0]["categories"] = CARRIERS


def samples(text):
    """{(name, labels...): value} of a page of metrics; the labels sorted by name."""
    return {
        (each.name, *(value for _, value in sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


@pytest.fixture
def scrape(client):
    def scrape():
        response = client.get("/metrics")
        assert response.status_code == 200
        assert response.content_type.startswith("text/plain; version=")
        return samples(response.get_data(as_text=True))

    return scrape


def test_what_is_answered_is_counted(client, ask, scrape, publisher):
    publisher.publish(spoil=categories)
    client.application.extensions["asof"].folder.poll()
    orders = ["O-204", "O-150", "O-170", "O-160"]
    ask("late_delivery", *({"order_id": each} for each in orders))
    ask("late_delivery", {"order_id": 5})
    client.get("/v1/services/late_delivery@1?order_id=unknown&request_distance_km=1.5")
    client.get("/v1/services/unknown?secret=O-204")
    client.get("/nowhere/O-204")
    found = scrape()
    path = "/v1/services/<service>"
    assert found["asof_request_seconds_count", path, "late_delivery@2", "200"] == 1
    assert found["asof_request_seconds_count", path, "late_delivery@2", "422"] == 1
    assert found["asof_request_seconds_count", path, "late_delivery@1", "200"] == 1
    assert found["asof_request_seconds_count", path, "", "404"] == 1
    assert found["asof_request_seconds_count", "", "", "404"] == 1
    assert found["asof_request_seconds_bucket", "+Inf", path, "late_delivery@2", "200"] == 1
    rows = {key[2]: value for key, value in found.items() if key[:2] == ("asof_rows_total", "late_delivery@2")}
    assert rows == {"OK": 2, "PARTIAL": 1, "REJECTED": 1, "STALE": 0, "NOT_FOUND": 0}
    nulls = {
        key[1]: value for key, value in found.items() if key[0] == "asof_feature_nulls_total" and key[2][-1] == "2"
    }
    # distance_km of O-170 is NaN, which is answered as null
    assert nulls == {
        "carrier": 0,
        "distance_km": 1,
        "hours_since_last_scan": 1,
        "queue_length": 1,
        "mark": 0,
        "warehouse_mark": 1,
    }
    # bluefreight and straße
    assert found["asof_feature_unseen_total", "carrier", "late_delivery@2"] == 2
    assert found["asof_feature_unseen_total", "carrier", "late_delivery@1"] == 0
    assert not any("O-204" in str(key) for key in found)


def test_what_is_served_is_reported(client, scrape, publisher):
    found = scrape()
    assert found["asof_ready",] == 1
    assert found["asof_sequence_number",] == 1
    assert found["asof_snapshot_age_seconds",] == 60
    assert found["asof_published_timestamp_seconds",] == 1777625940
    assert found["asof_snapshot_load_seconds",] > 0
    for name, (*_, max_age) in GROUPS.items():
        assert found["asof_group_age_seconds", f"{name}@1"] == 120
        assert found["asof_group_max_age_seconds", f"{name}@1"] == max_age
    assert found["asof_group_rows", "shipment@1"] == 4
    newest = {key[1]: value for key, value in found.items() if key[0] == "asof_data_age_seconds"}
    assert newest == {"shipment@1": 150}  # the others tell of no events
    publisher.publish(manifest_sha256="0" * 64)
    client.application.extensions["asof"].folder.poll()
    found = scrape()
    assert (found["asof_snapshot_refused",], found["asof_snapshots_refused_total",]) == (1, 1)
    assert found["asof_sequence_number",] == 1
    (publisher.folder / "current.json").unlink()
    client.application.extensions["asof"].folder.poll()
    assert scrape()["asof_folder_missing",] == 1


def test_what_parity_found_is_reported(client, make_app, scrape, publisher, tmp_path):
    reported = {"same": 812, "different": 2, "not_compared": 1, "not_comparable": 3, "open": 5}
    services = {"pairs@1": {"compared_at": "2026-05-01T08:00:00.000000Z", **reported}}
    services["gone@1"] = services["pairs@1"]  # which is served no more
    assert not any(key[0].startswith("asof_parity") for key in scrape())
    (publisher.folder / "parity.json").write_text(json.dumps({"format": 1, "services": services}))
    found = {key: value for key, value in scrape().items() if key[0].startswith("asof_parity")}
    assert found == {
        ("asof_parity_age_seconds", "pairs@1"): 3600,
        ("asof_parity_open_differences", "pairs@1"): 5,
        ("asof_parity_rows", "same", "pairs@1"): 812,
        ("asof_parity_rows", "different", "pairs@1"): 2,
        ("asof_parity_rows", "not_compared", "pairs@1"): 1,
        ("asof_parity_rows", "not_comparable", "pairs@1"): 3,
    }
    listed = {each["service"]: each["parity"] for each in client.get("/v1/catalog").get_json()["services"]}
    assert listed["pairs@1"] == {"compared_at": "2026-05-01T08:00:00Z", "age_seconds": 3600} | reported
    assert listed["late_delivery@1"] is None
    page = client.get("/").get_data(as_text=True)
    assert "60 min ago: 812 same, 2 different, 4 not compared. Open differences: 5." in page
    assert "No logged answer was compared with history yet." in page
    # whatever is wrong with it, answers go on
    for text in ("{", '{"format": 2, "services": {}}', '{"format": 1, "services": {"pairs@1": {"same": 1}}}'):
        (publisher.folder / "parity.json").write_text(text)
        assert not any(key[0].startswith("asof_parity") for key in scrape())
    assert scrape()["asof_request_log",] == 0
    logged = make_app(publisher.folder, request_log=(log := RequestLog(tmp_path / "log", share=1))).test_client()
    assert samples(logged.get("/metrics").get_data(as_text=True))["asof_request_log",] == 1
    log.stop()


def test_without_a_snapshot_it_says_so(make_app, tmp_path):
    found = samples(make_app(tmp_path / "none").test_client().get("/metrics").get_data(as_text=True))
    assert found["asof_ready",] == 0


def test_rows_that_the_request_log_drops(make_app, publisher, tmp_path):
    folder = tmp_path / "log"
    folder.write_text("a file where the folder should be")
    log = RequestLog(folder, share=1)
    client = make_app(publisher.folder, request_log=log).test_client()
    client.get("/v1/services/pairs?left_id=1&right_id=11")
    log.stop()
    found = samples(client.get("/metrics").get_data(as_text=True))
    assert found["asof_request_log_dropped_rows_total",] == 1


def test_several_workers_tell_one_sum(start, publisher):
    server = start("--folder", publisher.folder, "--workers", "2", ASOF_NOW="2026-05-01T09:00:00Z")
    for at in range(60):
        server.get(f"/v1/services/pairs?left_id={at}&right_id=11")

    def scraped():
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
            return samples(response.read().decode())

    deadline = time.monotonic() + 10
    while scraped()["asof_rows_total", "pairs@1", "NOT_FOUND"] < 59:  # each worker counts now and then
        assert time.monotonic() < deadline
    for _ in range(6):  # whichever of them answers
        found = scraped()
        assert found["asof_rows_total", "pairs@1", "NOT_FOUND"] == 59
        assert found["asof_request_seconds_count", "/v1/services/<service>", "pairs@1", "200"] == 60
        assert found["asof_sequence_number",] == 1
    assert server.stop() == 0


def test_who_may_read_them_and_who_was_denied(make_app, publisher, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tokens_file(tmp_path / "tokens.json", all=["*"], pairs=["pairs"])
    client = make_app(publisher.folder, tokens=path).test_client()

    def get(path, token):
        return client.get(path, headers={"Authorization": f"Bearer {token}"})

    assert client.get("/metrics").status_code == 401
    assert get("/metrics", "secret-guessed").status_code == 401
    assert get("/metrics", "secret-pairs").status_code == 200
    assert get("/v1/services/late_delivery?order_id=O-204", "secret-pairs").status_code == 403
    assert get("/v1/services/x%0ADENIED%20forged?order_id=O-204", "secret-guessed").status_code == 401
    lines = [each.getMessage() for each in caplog.records if each.name == "asof.audit"]
    assert lines == [
        "DENIED 401 GET '/metrics' from 127.0.0.1, no known token",
        "DENIED 401 GET '/metrics' from 127.0.0.1, no known token",
        "DENIED 403 GET '/v1/services/late_delivery' from 127.0.0.1, token 'pairs'",
        "DENIED 401 GET '/v1/services/x\\nDENIED forged' from 127.0.0.1, no known token",
    ]
    assert "secret-" not in caplog.text
    assert "O-204" not in caplog.text
    found = samples(get("/metrics", "secret-all").get_data(as_text=True))
    assert (found["asof_requests_denied_total", "401"], found["asof_requests_denied_total", "403"]) == (3, 1)


# -------------------- alerts and dashboard


def expressions():
    """All that is asked of Prometheus, by file."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/asof.rules.yml").read_text())
    board = json.loads((ROOT / "deploy/grafana/asof.json").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


def unknown(requested, exported):
    """The metrics and labels in expressions that are not exported. `exported`: samples()."""
    names = {key[0] for key in exported} | {"up"}
    found = {name for text in requested for name in re.findall(r"\b(?:asof_\w+|up)\b", text)}
    return found - names


def test_alerts_and_dashboard_ask_for_what_there_is(client, ask, scrape):
    client.get("/v1/services/late_delivery?order_id=O-204")
    client.post("/get-online-features", json={"features": ["shipment:mark"], "entities": {"order_id": ["O-204"]}})
    page = client.get("/metrics").get_data(as_text=True)
    exported, declared = scrape(), set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE))
    exported |= {(name,): 0.0 for name in declared}  # of a counter with labels, nothing may have been counted yet
    requested = list(expressions())
    assert len(requested) > 20
    assert unknown(requested, exported) == set()
    labels = {"instance", "group", "path", "service", "status", "feature", "result", "le", "id"}
    labels |= {"rule", "level", "subject", "column", "source", "state"}
    for text in requested:
        for part in re.findall(r"\b(?:by|on) \(([^)]*)\)", text):
            assert {each.strip() for each in part.split(",")} <= labels, text
    # and what is exported is shown or watched, but for the raw times
    used = " ".join(requested)
    shown = {name for name in declared if not name.endswith("timestamp_seconds")}
    assert {name for name in shown if name not in used} <= {"asof_group_rows"}
    # a wrong name would have been seen
    assert unknown([*requested, "rate(asof_rowz_total[5m])"], exported) == {"asof_rowz_total"}
