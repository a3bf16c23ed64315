"""What comes back for good requests: statuses, lookups, types, and the exact shape of the answer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from asof.serve.clock import clock_from_environment
from asof.serve.settings import ConfigurationError
from publisher import AS_OF, KIND_TYPES, NOW, PUBLISHED


@pytest.fixture
def app(shared_app):
    return shared_app


def test_the_answer_has_the_documented_shape(ask):
    response = ask("late_delivery@1", {"order_id": "O-204"})
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.get_data(as_text=True) == json.dumps(
        {
            "service": "late_delivery",
            "version": 1,
            "snapshot_id": "20260501T085900Z-00000001",
            "definition": "sha256:late_delivery1",
            "sequence_number": 1,
            "as_of": {"shipment": "2026-05-01T08:58:00Z", "warehouse": "2026-05-01T08:58:00Z"},
            "published_at": "2026-05-01T08:59:00Z",
            "prediction_time": "2026-05-01T09:00:00Z",
            "rows": [
                {
                    "status": "OK",
                    "groups": {"shipment": "OK", "warehouse": "OK"},
                    "features": {
                        "carrier": "northline",
                        "distance_km": 620.0,
                        "hours_since_last_scan": 8.0,
                        "queue_length": 18,
                        "mark": 7,
                        "warehouse_mark": 7,
                    },
                }
            ],
        },
        separators=(",", ":"),
    )


def test_the_unversioned_name_is_the_latest_version(ask):
    assert ask("late_delivery", {"order_id": "O-204"}).json["version"] == 2


def test_rejected_rows_name_the_columns_and_have_no_features(ask):
    (row,) = ask("late_delivery", {"order_id": "O-160"}).json["rows"]
    assert list(row.items()) == [
        ("status", "REJECTED"),
        ("groups", {"shipment": "OK", "warehouse": "NOT_FOUND"}),
        ("features", None),
        ("rejected", ["distance_km"]),
    ]


def test_a_request_column_completes_an_unknown_entity(ask):
    (row,) = ask("late_delivery", {"order_id": "new", "request_distance_km": 480}).json["rows"]
    assert row["status"] == "NOT_FOUND"
    assert row["features"]["distance_km"] == 480.0
    assert row["features"]["carrier"] is None
    assert row["groups"] == {"shipment": "NOT_FOUND", "warehouse": "NOT_FOUND"}


def test_an_optional_request_column_may_be_null(ask):
    (row,) = ask("late_delivery", {"order_id": "O-204", "request_distance_km": None}).json["rows"]
    assert row["features"]["distance_km"] == 620.0


def test_a_null_link_makes_the_row_partial(ask):
    (row,) = ask("late_delivery", {"order_id": "O-150"}).json["rows"]
    assert (row["status"], row["groups"]["warehouse"]) == ("PARTIAL", "NOT_FOUND")


def test_a_stale_group_still_leads_to_the_warehouse(make_app, publisher):
    client = make_app(publisher.folder, now=lambda: AS_OF + timedelta(seconds=5400, microseconds=1)).test_client()
    entity = {"order_id": "O-204", "request_distance_km": 1.0}
    (row,) = client.post("/v1/services/late_delivery", json={"entities": [entity]}).json["rows"]
    assert row["status"] == "STALE"
    assert row["features"]["carrier"] is None

    def fresh_warehouse(manifest):
        manifest["groups"]["warehouse@1"]["max_age_seconds"] = 10_000

    publisher.publish(spoil=fresh_warehouse)
    client.application.extensions["asof"].folder.poll()
    (row,) = client.post("/v1/services/late_delivery", json={"entities": [entity]}).json["rows"]
    assert row["groups"] == {"shipment": "STALE", "warehouse": "OK"}
    assert row["features"]["queue_length"] == 18


def test_exactly_max_age_is_not_stale(make_app, publisher):
    client = make_app(publisher.folder, now=lambda: AS_OF + timedelta(seconds=5400)).test_client()
    assert client.get("/v1/services/late_delivery?order_id=O-204").json["rows"][0]["status"] == "OK"


def test_composite_keys_are_compared_as_columns(ask):
    sent = [
        {"left_id": "1", "right_id": "11"},
        {"left_id": "11", "right_id": "1"},
        {"left_id": "111", "right_id": ""},
    ]
    rows = ask("pairs", *sent).json["rows"]
    assert [row["features"]["which"] for row in rows] == ["first", "second", None]
    assert [row["status"] for row in rows] == ["OK", "OK", "NOT_FOUND"]


def test_rows_come_back_in_request_order(ask):
    requested = [{"left_id": str(at), "right_id": "11"} for at in range(999, -1, -1)]
    rows = ask("pairs", *requested).json["rows"]
    assert [row["status"] for row in rows] == ["OK" if each["left_id"] == "1" else "NOT_FOUND" for each in requested]


def test_no_entities_no_rows(ask):
    assert ask("pairs").json["rows"] == []


def test_every_type_keeps_its_value(ask):
    response = ask("kinds", {"id": 1}, {"id": 2}, {"id": 3})
    first, empty, last = (row["features"] for row in response.json["rows"])
    assert first == {
        "text": 'ä"\\',
        "tag": "6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11",
        "flag": True,
        "tiny": -128,
        "small": -32768,
        "medium": -2147483648,
        "big": 9223372036854775807,
        "single": 1.5,
        "twice": 0.1,
        "money": 620.1,
        "fine": 1e-10,
        "vast": -1.2345678901234568e27,
        "day": "2026-05-01",
        "moment": "2026-05-01T08:00:00.123456Z",
        "numbers": [1.0, 2.5],
        "words": ["a", "b"],
        "days": ["2026-05-01"],
        "moments": ["2026-05-01T00:00:00.000007Z"],
        "prices": [1.1],
    }
    assert empty == dict.fromkeys(KIND_TYPES)
    assert last["flag"] is False
    assert last["big"] == -(2**63)
    assert last["single"] is None
    assert last["twice"] is None
    assert last["day"] == "0001-01-01"
    assert last["moment"] == "9999-12-31T00:00:00Z"
    assert last["numbers"] == []
    assert last["moments"] == [None, "1969-12-31T23:59:59Z"]
    text = response.get_data(as_text=True)
    assert '"money":620.10' in text
    assert '"fine":0.0000000001' in text
    assert '"prices":[1.10]' in text
    assert '"numbers":[1.0,2.5]' in text
    assert '"fine":12345.6789012345' in text
    assert '"vast":-1234567890123456789012345678.0123456789' in text


SENT = {
    "id": 9,
    "request_text": "x\u0000y",
    "request_tag": "6F2C1E0A-53A4-4BD1-9D0E-2B7F6F6A8C11",
    "request_flag": False,
    "request_tiny": -128,
    "request_small": 32767,
    "request_medium": -(2**31),
    "request_big": 2**63 - 1,
    "request_single": 0.5,
    "request_twice": 1e-320,
    "request_money": 0.07,
    "request_fine": 12345.6789012345,
    "request_vast": 1e27,
    "request_day": "2024-02-29",
    "request_moment": "2026-05-01T11:00:00.000001+02:00",
    "request_numbers": [1, 2.5],
    "request_words": [],
    "request_days": ["2024-02-29"],
    "request_moments": ["2026-05-01T00:00:00-00:00"],
    "request_prices": [1, 2.25],
}


def test_every_type_can_be_sent(ask):
    response = ask("echo", SENT)
    features = response.json["rows"][0]["features"]
    expected = {name.replace("request_", "echo_"): value for name, value in SENT.items() if name != "id"}
    expected["echo_tag"] = expected["echo_tag"].lower()
    expected["echo_moment"] = "2026-05-01T09:00:00.000001Z"
    expected["echo_moments"] = ["2026-05-01T00:00:00Z"]
    assert features == expected
    assert '"echo_money":0.07,' in response.get_data(as_text=True)
    assert '"echo_numbers":[1.0,2.5]' in response.get_data(as_text=True)


def test_a_decimal_of_38_digits_comes_back_as_it_was_sent(client):
    number = "-9999999999999999999999999999.9999999999"
    query = f"id=9&request_tiny=1&request_vast={number}"
    assert f'"echo_vast":{number},' in client.get(f"/v1/services/echo?{query}").get_data(as_text=True)


def test_get_equals_post(client, ask):
    query = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in SENT.items()
        if value is not None
    }
    got = client.get("/v1/services/echo", query_string=query)
    assert got.status_code == 200, got.json
    assert got.get_data() == ask("echo", SENT).get_data()
    got = client.get("/v1/services/late_delivery@1?order_id=O-204")
    assert got.get_data() == ask("late_delivery@1", {"order_id": "O-204"}).get_data()


def test_now_is_never_before_the_publication(make_app, publisher):
    client = make_app(publisher.folder, now=lambda: NOW - timedelta(days=1)).test_client()
    answer = client.get("/v1/services/late_delivery?order_id=O-204").json
    assert answer["prediction_time"] == answer["published_at"] == "2026-05-01T08:59:00Z"


def test_microseconds_are_kept(make_app, publisher):
    client = make_app(publisher.folder, now=lambda: PUBLISHED + timedelta(microseconds=1)).test_client()
    answer = client.get("/v1/services/late_delivery?order_id=O-204").json
    assert answer["prediction_time"] == "2026-05-01T08:59:00.000001Z"


def test_the_clock_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ASOF_NOW", "2026-05-01T11:00:00+02:00")
    assert clock_from_environment()() == NOW
    for wrong in ("2026-05-01", "2026-05-01T09:00:00", "now"):
        monkeypatch.setenv("ASOF_NOW", wrong)
        with pytest.raises(ConfigurationError, match="ASOF_NOW"):
            clock_from_environment()


def test_the_catalog(client):
    catalog = client.get("/v1/catalog").json
    assert catalog["snapshot"]["sequence_number"] == 1
    assert {each["group"]: each["is_stale"] for each in catalog["groups"]} == {
        "shipment@1": False,
        "warehouse@1": False,
        "pair@1": False,
        "kinds@1": False,
        "old@1": True,
    }
    shipment = catalog["groups"][0]
    assert (shipment["as_of"], shipment["age_seconds"], shipment["rows"]) == (
        "2026-05-01T08:58:00Z",
        120.0,
        4,
    )
    assert [each["service"] for each in catalog["services"]][:2] == ["late_delivery@1", "late_delivery@2"]


def test_the_page_escapes_what_it_shows(client):
    response = client.get("/")
    page = response.get_data(as_text=True)
    assert response.content_type.startswith("text/html")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "the <b>" not in page
    assert "curl -s" in page
    assert "late_delivery@2" in page
    assert "http://localhost/v1/services" in page


def test_probes(client):
    assert client.get("/health").json["snapshot_id"] == "20260501T085900Z-00000001"
    assert client.get("/ready").status_code == 200
    assert client.get("/ready/late_delivery@1").status_code == 200
    stale = client.get("/ready/olds")
    assert stale.status_code == 503
    assert "old@1 is 120 s old" in stale.json["detail"]
    assert client.get("/ready/unknown").status_code == 404
