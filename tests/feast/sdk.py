"""Asks a running shim as a user of Feast does: its SDK as it is, a `remote` online store, and no registry content.

Run by run.py, by the Python that Feast is installed for: sdk.py <url> <url that asks for tokens> <token> <narrow token>
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

from feast import FeatureService, FeatureStore, RepoConfig
from feast.errors import (
    FeastPermissionError,
    FeatureNameCollisionError,
    FeatureServiceNotFoundException,
    FeatureViewNotFoundException,
    RequestDataNotFoundInEntityRowsException,
    SpecifiedFeaturesNotPresentError,
)
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.version import get_version

TYPES = ["text", "flag", "tiny", "small", "medium", "big", "single", "twice", "money", "fine", "day", "moment",
         "numbers", "words", "days", "moments", "prices"]  # fmt: skip


def store(url: str, token: str | None = None) -> FeatureStore:
    """A store over an empty registry."""
    auth = {"type": "oidc", "token": token} if token else {"type": "no_auth"}
    registry = Path(tempfile.mkdtemp()) / "registry.db"
    online = {"type": "remote", "path": url, "connection_retries": 0}
    config = RepoConfig(project="asof", provider="local", registry=str(registry), online_store=online, auth=auth)
    return FeatureStore(config=config)


def statuses(response) -> dict[str, list[str]]:
    """The statuses by feature, as Feast names them."""
    names = response.proto.metadata.feature_names.val
    return {
        name: [FieldStatus.Name(each) for each in vector.statuses]
        for name, vector in zip(names, response.proto.results, strict=True)
    }


def raises(error: type[Exception], ask, *arguments, **options) -> str:
    """The message of the exception of exactly that type which is raised."""
    found: Exception | None = None
    try:
        ask(*arguments, **options)
    except Exception as raised:
        found = raised
    assert type(found) is error, f"{found!r} is no {error.__name__}"
    return str(found)


def check_views(ask) -> None:
    """Plain views: values, statuses, composite keys, names."""
    rows = [{"order_id": each} for each in ("O-204", "O-150", "nobody", "O-170")]
    response = ask(features=["shipment:carrier", "shipment:distance_km", "shipment:is_expedited"], entity_rows=rows)
    assert response.to_dict() == {
        "order_id": ["O-204", "O-150", "nobody", "O-170"],
        "carrier": ["northline", "bluefreight", None, "straße"],
        "distance_km": [620.0, 10.5, None, None],
        "is_expedited": [False, True, None, None],
    }
    assert statuses(response)["distance_km"] == ["PRESENT", "PRESENT", "NOT_FOUND", "NULL_VALUE"]
    assert len(response.to_df()) == 4
    pairs = [{"left_id": "1", "right_id": "11"}, {"left_id": "11", "right_id": "1"}, {"left_id": "1", "right_id": "1"}]
    response = ask(features=["pair:which", "old@1:which"], entity_rows=pairs, full_feature_names=True)
    assert response.to_dict()["pair__which"] == ["first", "second", None]
    assert response.to_dict()["old@1__which"] == [None, None, None]
    assert statuses(response)["old@1__which"] == ["OUTSIDE_MAX_AGE", "OUTSIDE_MAX_AGE", "NOT_FOUND"]


def check_types(ask) -> None:
    """Every type that a group can store."""
    found = ask(features=[f"kinds:{each}" for each in TYPES], entity_rows=[{"id": each} for each in (1, 2, 3)])
    first, second, third = (
        {name: values[row] for name, values in found.to_dict().items() if name != "id"} for row in range(3)
    )
    assert first == {
        "text": 'ä"\\', "flag": True, "tiny": -128, "small": -32768, "medium": -(2**31), "big": 2**63 - 1,
        "single": 1.5, "twice": 0.1, "money": 620.1, "fine": 1e-10, "day": str(date(2026, 5, 1)),
        "moment": "2026-05-01T08:00:00.123456Z", "numbers": [1.0, 2.5], "words": ["a", "b"], "days": ["2026-05-01"],
        "moments": ["2026-05-01T00:00:00.000007Z"], "prices": [1.1],
    }  # fmt: skip
    assert set(second.values()) == {None}
    assert (third["big"], third["single"], third["twice"], third["text"]) == (-(2**63), None, None, "")
    assert (third["numbers"], third["moments"]) == (None, None)
    assert {name for name, (_, null, _) in statuses(found).items() if null == "NULL_VALUE"} == set(TYPES)
    assert statuses(found)["moments"][2] == "INVALID"


def check_services(ask) -> None:
    """Services, by name and by version; a service in place of features."""
    rows = [{"order_id": "O-204", "request_distance_km": None}, {"order_id": "O-160", "request_distance_km": None},
            {"order_id": "new", "request_distance_km": 480.5}]  # fmt: skip
    for name in ("late_delivery", "late_delivery@1"):
        response = ask(features=FeatureService(name=name, features=[]), entity_rows=rows)
        found = response.to_dict()
        assert found["order_id"] == ["O-204", "O-160", "new"]
        assert found["distance_km"] == [620.0, None, 480.5]
        assert found["hours_since_last_scan"] == [8.0, None, None]
        assert statuses(response)["hours_since_last_scan"] == ["PRESENT", "INVALID", "NOT_FOUND"]
    response = ask(features=FeatureService(name="olds", features=[]), entity_rows=[{"left_id": "1", "right_id": "11"}])
    assert statuses(response)["which"] == ["OUTSIDE_MAX_AGE"]


def check_errors(ask) -> None:
    """Typed exceptions."""
    order, pair = [{"order_id": "O-204"}], [{"left_id": "1", "right_id": "11"}]
    assert "shipment@1" in raises(FeatureViewNotFoundException, ask, features=["nothing:x"], entity_rows=order)
    raises(SpecifiedFeaturesNotPresentError, ask, features=["shipment:x"], entity_rows=order)
    raises(FeatureNameCollisionError, ask, features=["pair:which", "old:which"], entity_rows=pair)
    half = raises(
        RequestDataNotFoundInEntityRowsException, ask, features=["pair:which"], entity_rows=[{"left_id": "1"}]
    )
    assert "right_id" in half
    unknown = FeatureService(name="nothing", features=[])
    raises(FeatureServiceNotFoundException, ask, features=unknown, entity_rows=order)


def main(url: str, guarded: str, token: str, narrow: str) -> None:
    ask = store(url).get_online_features
    check_views(ask)
    check_types(ask)
    check_services(ask)
    check_errors(ask)
    order = [{"order_id": "O-204"}]
    guarded_by = store(guarded, token).get_online_features
    assert guarded_by(features=["shipment:carrier"], entity_rows=order).to_dict()["carrier"] == ["northline"]
    narrowed = store(guarded, narrow).get_online_features
    raises(FeastPermissionError, narrowed, features=["shipment:carrier"], entity_rows=order)
    pairs = FeatureService(name="pairs", features=[])
    assert narrowed(features=pairs, entity_rows=[{"left_id": "1", "right_id": "11"}]).to_dict()["which"] == ["first"]
    raises(FeastPermissionError, store(guarded).get_online_features, features=["shipment:carrier"], entity_rows=order)
    print(f"Feast {get_version()} reads views, services, types, statuses and errors from the shim")


if __name__ == "__main__":
    main(*sys.argv[1:])
