"""The OpenAPI document: valid, true of every answer, and written anew with each snapshot."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from fuzz import attack, read_document
from schemathesis.core.failures import FailureGroup
from test_folder import tokens_file

from asof.extensions import openapi


@pytest.fixture
def app(shared_app):
    return shared_app


def test_no_answer_lies_outside_the_document(app):
    statuses = Counter()
    attack(read_document(app), 6, 1, statuses)
    assert statuses.total() > 200
    assert {200, 400, 404, 422} <= statuses.keys() <= {200, 400, 404, 413, 415, 422, 503}


def test_with_tokens_too(make_app, publisher, tmp_path):
    path = tokens_file(tmp_path / "tokens.json", all=["*"], pairs=["pairs"])
    statuses = Counter()
    for name in ("all", "pairs"):
        headers = {"Authorization": f"Bearer secret-{name}"}
        schema = read_document(make_app(publisher.folder, tokens=path), headers=headers)
        attack(schema.include(path_regex="pairs|late_delivery$|ready$|catalog|online"), 3, 1, statuses, headers=headers)
    assert {200, 403, 422} <= statuses.keys()


def forget_a_feature(document):
    features = document["components"]["schemas"]["late_delivery_v2_features"]
    del features["properties"]["mark"]
    features["required"].remove("mark")


def forget_a_status(document):
    del document["paths"]["/v1/services/late_delivery"]["post"]["responses"]["422"]


def tell_a_wrong_type(document):
    features = document["components"]["schemas"]["late_delivery_v2_features"]
    features["properties"]["queue_length"]["type"] = "string"


def promise_a_bound(document):
    document["components"]["schemas"]["late_delivery_v2_entity"]["properties"]["order_id"]["maxLength"] = 1


@pytest.mark.parametrize("plant", [forget_a_feature, forget_a_status, tell_a_wrong_type, promise_a_bound])
def test_an_untrue_document_is_caught(make_app, publisher, monkeypatch, plant):
    true = openapi.document

    def untrue(*arguments, **options):
        document = json.loads(json.dumps(true(*arguments, **options)))
        plant(document)
        return document

    monkeypatch.setattr(openapi, "document", untrue)
    schema = read_document(make_app(publisher.folder)).include(path="/v1/services/late_delivery")
    with pytest.raises(FailureGroup):
        attack(schema, 20, 1, Counter())


def test_a_service_is_described_as_it_is_declared(client):
    document = client.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    assert document["paths"]["/v1/services/late_delivery"]["post"]["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/late_delivery_v2_request"}}
    }
    assert schemas["late_delivery_v2_request"]["properties"]["entities"]["maxItems"] == 1000
    entity = schemas["late_delivery_v2_entity"]
    assert entity["required"] == ["order_id"]
    assert entity["properties"]["order_id"]["type"] == "string"
    assert entity["properties"]["request_distance_km"]["type"] == ["number", "null"]
    features = schemas["late_delivery_v2_features"]["properties"]
    assert features["queue_length"]["type"] == ["integer", "null"]
    assert features["queue_length"]["maximum"] == 2**31 - 1
    assert schemas["kinds_v1_features"]["properties"]["moments"]["items"]["type"] == ["string", "null"]
    assert "securitySchemes" not in document["components"]


def test_it_is_written_once_per_snapshot(make_app, publisher, monkeypatch):
    written, document = [], openapi.document
    monkeypatch.setattr(openapi, "document", lambda *given: written.append(given) or document(*given))
    app = make_app(publisher.folder)
    client, shim = app.test_client(), app.extensions["asof"]
    first = client.get("/openapi.json").get_data()
    assert client.get("/openapi.json").get_data() == first
    assert len(written) == 1

    publisher.publish(mark=8)
    shim.folder.poll()
    assert client.get("/openapi.json").get_data() == first  # the same services: a typed client stays as it is

    def without_olds(manifest):
        del manifest["services"]["olds@1"]

    publisher.publish(spoil=without_olds)
    shim.folder.poll()
    second = client.get("/openapi.json").json
    assert "/v1/services/pairs" in second["paths"]
    assert "/v1/services/olds" not in second["paths"]
