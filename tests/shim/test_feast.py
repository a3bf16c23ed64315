"""Feast's protocol, byte by byte. (`make feast` asks with the SDK itself.)"""

from __future__ import annotations

import json

import pytest
from asof.serve.request_log import RequestLog
from test_folder import tokens_file
from test_request_log import lines_of

EPOCH, AS_OF = "1970-01-01T00:00:00Z", "2026-05-01T08:58:00Z"


@pytest.fixture
def app(shared_app):
    return shared_app


@pytest.fixture
def feast(client):
    """Asks as the SDK does; returns the response."""

    def feast(headers=None, **body):
        flags = {"full_feature_names": False, "include_feature_view_version_metadata": False}
        return client.post("/get-online-features", json=flags | body, headers=headers)

    return feast


def columns(response):
    """{name: [(value, status, time), ...]}"""
    assert response.status_code == 200, response.get_data(as_text=True)
    names, results = response.json["metadata"]["feature_names"], response.json["results"]
    return {
        name: list(zip(each["values"], each["statuses"], each["event_timestamps"], strict=True))
        for name, each in zip(names, results, strict=True)
    }


def error(response, status):
    """(class, message) of an error, which is a JSON string that holds JSON."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    reported = json.loads(response.json)
    assert reported.keys() == {"module", "class", "message"}
    assert reported["module"] == "feast.errors"
    return reported["class"], reported["message"]


def test_a_view(feast):
    requested = ["shipment:distance_km", "shipment:carrier"]
    response = feast(entities={"order_id": ["O-204", "nobody", "O-160"]}, features=requested)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.get_data(as_text=True) == (
        '{"metadata":{"feature_names":["order_id","distance_km","carrier"]},"results":['
        '{"values":["O-204","nobody","O-160"],"statuses":["PRESENT","PRESENT","PRESENT"],'
        f'"event_timestamps":["{EPOCH}","{EPOCH}","{EPOCH}"]}},'
        '{"values":[620.0,null,null],"statuses":["PRESENT","NOT_FOUND","NULL_VALUE"],'
        f'"event_timestamps":["{AS_OF}","{EPOCH}","{AS_OF}"]}},'
        '{"values":["northline",null,null],"statuses":["PRESENT","NOT_FOUND","NULL_VALUE"],'
        f'"event_timestamps":["{AS_OF}","{EPOCH}","{AS_OF}"]}}]}}'
    )


def test_several_views_with_composite_keys_and_one_too_old(feast):
    found = columns(
        feast(
            entities={"right_id": ["11", "1"], "left_id": ["1", "11"]},
            features=["old:which", "pair@1:which"],
            full_feature_names=True,
        )
    )
    assert list(found) == ["right_id", "left_id", "old__which", "pair@1__which"]
    assert found["old__which"] == [(None, "OUTSIDE_MAX_AGE", AS_OF)] * 2
    assert found["pair@1__which"] == [("first", "PRESENT", AS_OF), ("second", "PRESENT", AS_OF)]


def test_the_spellings_that_the_sdk_can_read(feast):
    names = ["single", "twice", "big", "money", "moment", "day", "numbers", "words", "moments", "prices"]
    response = feast(entities={"id": [1, 2, 3]}, features=[f"kinds:{each}" for each in names])
    text = response.get_data(as_text=True)
    assert '"values":[[1.0,2.5],null,null],"statuses":["PRESENT","NULL_VALUE","NULL_VALUE"]' in text  # [] is null
    assert '"values":[1.5,null,null],"statuses":["PRESENT","NULL_VALUE","NULL_VALUE"]' in text  # NaN is null
    assert '"values":[0.1,null,null]' in text  # and so is an infinity
    assert '"values":[9223372036854775807,null,-9223372036854775808]' in text
    assert '"values":[620.10,null,-1234567890.12]' in text
    assert '"values":["2026-05-01T08:00:00.123456Z",null,"9999-12-31T00:00:00Z"]' in text
    # a list with a null cannot be read, and is not the same as none
    assert '"values":[[1.10],null,null],"statuses":["PRESENT","NULL_VALUE","INVALID"]' in text


def test_a_service_is_the_same_plan(feast, ask):
    orders = ["O-204", "O-150", "O-160", "new"]
    distances = [None, None, None, 480]
    entities = {"order_id": orders, "request_distance_km": distances}
    found = columns(feast(entities=entities, feature_service="late_delivery", features=["no:thing"]))
    rows = [
        {"order_id": order, "request_distance_km": distance} for order, distance in zip(orders, distances, strict=True)
    ]
    features = [row["features"] for row in ask("late_delivery", *rows).json["rows"]]
    for name in features[0]:
        assert [value for value, *_ in found[name]] == [row and row[name] for row in features]
    assert next(iter(found)) == "order_id"
    assert "request_distance_km" not in found
    # found; no warehouse; rejected; unknown, but completed by the request
    statuses = {name: [status for _, status, _ in each] for name, each in found.items()}
    assert statuses["queue_length"] == ["PRESENT", "NOT_FOUND", "INVALID", "NOT_FOUND"]
    assert statuses["distance_km"] == ["PRESENT", "PRESENT", "INVALID", "PRESENT"]
    assert statuses["hours_since_last_scan"] == ["PRESENT", "PRESENT", "INVALID", "NOT_FOUND"]
    versioned = feast(
        entities={"order_id": ["O-204"]},
        feature_service="late_delivery@1",
        full_feature_names=True,
        include_feature_view_version_metadata=True,
    )
    assert columns(versioned)["late_delivery@1__carrier"] == [("northline", "PRESENT", AS_OF)]
    assert versioned.json["metadata"]["feature_view_metadata"] == [{"name": "late_delivery", "version": 1}]


def test_no_entities(feast):
    assert columns(feast(entities={"order_id": []}, features=["shipment:carrier"])) == {"order_id": [], "carrier": []}
    assert columns(feast(entities={"order_id": []}, feature_service="late_delivery"))["carrier"] == []


ORDER, PAIR = {"order_id": ["O-204"]}, {"left_id": ["1"], "right_id": ["11"]}


@pytest.mark.parametrize(
    ("body", "status", "kind", "reported"),
    [
        ({"entities": ORDER, "features": ["nothing:x"]}, 404, "FeatureViewNotFoundException", "shipment@1"),
        ({"entities": ORDER, "features": ["shipment@9:carrier"]}, 404, "FeatureViewNotFoundException", "'shipment@9'"),
        ({"entities": ORDER, "features": ["carrier"]}, 404, "FeatureViewNotFoundException", "'carrier'"),
        ({"entities": ORDER, "features": ["shipment:x"]}, 404, "SpecifiedFeaturesNotPresentError", "carrier"),
        ({"entities": ORDER, "feature_service": "nothing"}, 404, "FeatureServiceNotFoundException", "late_delivery@1"),
        ({"entities": PAIR, "features": ["pair:which", "old:which"]}, 422, "FeatureNameCollisionError", "which"),
        ({"entities": PAIR, "features": ["pair:which"] * 2}, 422, "FeatureNameCollisionError", "which"),
        ({"entities": {"left_id": ["1"]}, "features": ["pair:which"]}, 422,
         "RequestDataNotFoundInEntityRowsException", "right_id"),
        ({"entities": {"left_id": []}, "feature_service": "pairs"}, 422,
         "RequestDataNotFoundInEntityRowsException", "right_id"),
        ({"entities": PAIR | {"x": [1]}, "features": ["pair:which"]}, 422, "FeastError", "/entities has x"),
        ({"entities": PAIR | {"x": [1]}, "feature_service": "pairs"}, 422, "FeastError", "/entities has x"),
        ({"entities": {"left_id": ["1"], "right_id": []}, "features": ["pair:which"]}, 422, "FeastError", "0, 1"),
        ({"entities": {"id": [1, "2"]}, "features": ["kinds:text"]}, 422, "FeastError", "/entities/id/1 is a string"),
        ({"entities": {"id": [None]}, "features": ["kinds:text"]}, 422, "FeastError", "/entities/id/0 is null"),
        ({"entities": {"order_id": ["a", 5]}, "feature_service": "late_delivery"}, 422, "FeastError",
         "/entities/order_id/1 is an integer"),
        ({"entities": {}, "features": ["kinds:text"]}, 422, "FeastError", "/entities"),
        ({"entities": {"id": 1}, "features": ["kinds:text"]}, 422, "FeastError", "/entities"),
        ({"entities": ORDER}, 422, "FeastError", "neither"),
        ({"entities": ORDER, "features": "shipment:carrier"}, 422, "FeastError", "/features"),
        ({"entities": ORDER, "feature_service": 1}, 422, "FeastError", "/feature_service"),
        ({"entities": ORDER, "features": ["shipment:carrier"], "full_feature_names": 1}, 422, "FeastError", "/full_"),
        ({"entities": {"id": [1] * 1001}, "features": ["kinds:text"]}, 413, "FeastError", "1001"),
    ],
)  # fmt: skip
def test_errors_are_feasts_own(feast, body, status, kind, reported):
    found, message = error(feast(**body), status)
    assert found == kind
    assert reported in message


def test_bodies_that_are_no_json(client, make_app, tmp_path):
    def post(data, content_type="application/json", client=client):
        return client.post("/get-online-features", data=data, content_type=content_type)

    assert error(post("{"), 400)[0] == "FeastError"
    assert error(post("[]"), 400)[0] == "FeastError"
    assert error(post("{}", "text/plain"), 415)[0] == "FeastError"
    response = post("{}", client=make_app(tmp_path / "none").test_client())
    assert error(response, 503)[0] == "FeastError"
    assert response.headers["Retry-After"]


def test_tokens(make_app, publisher, tmp_path):
    path = tokens_file(tmp_path / "tokens.json", all=["*"], pairs=["pairs"])
    client = make_app(publisher.folder, tokens=path).test_client()

    def post(token, **body):
        headers = {"Authorization": f"Bearer {token}"}
        return client.post("/get-online-features", json={"entities": PAIR} | body, headers=headers)

    assert error(post("wrong", features=["pair:which"]), 401)[0] == "FeastPermissionError"
    assert error(post("secret-pairs", features=["pair:which"]), 403)[0] == "FeastPermissionError"
    assert error(post("secret-pairs", feature_service="olds"), 403)[0] == "FeastPermissionError"
    assert post("secret-pairs", feature_service="pairs").status_code == 200
    assert post("secret-all", features=["pair:which"]).status_code == 200


def test_it_is_logged_and_counted_as_what_it_is(make_app, publisher, tmp_path):
    log = RequestLog(tmp_path / "log", share=1)
    client = make_app(publisher.folder, request_log=log).test_client()
    body = {"entities": PAIR, "feature_service": "pairs"}
    assert client.post("/get-online-features", json=body).status_code == 200
    body = {"entities": PAIR, "features": ["pair:which"]}
    assert client.post("/get-online-features", json=body).status_code == 200
    metrics = client.get("/metrics").get_data(as_text=True)
    answer = client.get("/v1/services/pairs?left_id=1&right_id=11").json
    log.stop()
    by_feast, by_get = map(json.loads, lines_of(tmp_path / "log"))  # a plain view is no service
    for line in (by_feast, by_get):
        del line["logged_at"], line["request_id"]
    assert by_feast == by_get
    assert by_feast["features"] == answer["rows"][0]["features"]
    assert 'asof_rows_total{service="pairs@1",status="OK"} 1.0' in metrics
    assert 'asof_view_rows_total{group="pair@1",status="PRESENT"} 1.0' in metrics
    assert 'path="/get-online-features",service="pairs@1",status="200"} 1.0' in metrics
