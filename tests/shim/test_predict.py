"""The prediction service of the flights example, over a real shim: it needs no scikit-learn."""

from __future__ import annotations

import importlib
import json
import math

import pytest
from publisher import Publisher
from server import ROOT, Server

# The terms of a regression on features of the small folder that these tests publish; some orders lack one.
TERMS = [
    {"name": "hours_since_last_scan", "weight": 0.125, "if_missing": 0.5},
    {"name": "queue_length", "weight": 0.0625, "if_missing": -2.0},
]
MODEL = {"service": "late_delivery@1", "definition": "sha256:late_delivery1", "intercept": -1.5, "terms": TERMS}


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """Where a shim is, as a process of its own."""
    publisher = Publisher(tmp_path_factory.mktemp("predict") / "published")
    publisher.publish()
    server = Server("--folder", publisher.folder, ASOF_NOW="2026-05-01T09:00:00Z")
    yield server.url
    server.end()


@pytest.fixture
def predicting(monkeypatch, tmp_path, shim):
    """Makes prediction services, as test clients, of the model above with other fields or features from elsewhere."""
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "flights"))
    predict = importlib.import_module("predict")

    def make(url=shim, **fields):
        file = tmp_path / "model.json"
        file.write_text(json.dumps(MODEL | fields))
        model = predict.DelayModel.read(file)
        return predict.create_app(model, predict.features_of(url, model)).test_client()

    return make


def test_scores_are_made_of_what_the_shim_answers(predicting):
    orders = ["O-204", "O-150", "O-160"]
    answer = predicting().post("/predict", json={"flights": [{"order_id": order} for order in orders]}).json
    rows = answer.pop("rows")
    assert answer == {
        "snapshot_id": "20260501T085900Z-00000001",
        "sequence_number": 1,
        "prediction_time": "2026-05-01T09:00:00Z",
    }
    assert [row["status"] for row in rows] == ["OK", "PARTIAL", "REJECTED"]
    assert rows[0]["score"] == 1 / (1 + math.exp(1.5 - 0.125 * 8.0 - 0.0625 * 18))
    assert rows[1]["features"]["queue_length"] is None
    hours = rows[1]["features"]["hours_since_last_scan"]
    assert rows[1]["score"] == pytest.approx(1 / (1 + math.exp(1.5 - 0.125 * hours + 2.0)), abs=1e-15)
    assert rows[2]["score"] is None


def test_a_model_of_another_definition_is_not_used(predicting):
    response = predicting(service="late_delivery").post("/predict", json={"flights": [{"order_id": "O-204"}]})
    assert response.status_code == 503
    assert "trained on sha256:late_delivery1, but late_delivery is sha256:late_delivery2" in response.json["detail"]


def test_what_the_shim_refuses_is_passed_on_and_a_shim_that_is_away_is_said(predicting):
    response = predicting().post("/predict", json={"flights": [{"order": "O-204"}]})
    assert response.status_code == 422
    assert "order_id" in response.json["detail"]
    response = predicting(url="http://127.0.0.1:9").post("/predict", json={"flights": [{"order_id": "O-204"}]})
    assert response.status_code == 503
    assert "no features from http://127.0.0.1:9" in response.json["detail"]
