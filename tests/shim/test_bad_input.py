"""Every row of the table of bad input in docs/http-api.md, and whatever else Hypothesis thinks of: a named 4xx, never a
5xx.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal

import pytest
from asof.serve.sqltypes import SqlType, WrongValue, from_json, parse_type
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from publisher import KIND_TYPES, Publisher, service


def problem(response, status):
    """Checks that the response is a problem document of this status, and returns it."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    document = response.json
    assert list(document)[:4] == ["type", "title", "status", "detail"]
    assert document["status"] == status
    return document


def errors(response):
    """{pointer: detail} of a 422."""
    found = problem(response, 422)["errors"]
    assert all(list(each) == ["pointer", "detail", "expected"] and each["expected"] for each in found)
    return {each["pointer"]: each["detail"] for each in found}


@pytest.fixture
def app(shared_app):
    return shared_app


@pytest.fixture
def post(client):
    """Posts raw text."""

    def post(text, service="late_delivery", content_type="application/json"):
        return client.post(f"/v1/services/{service}", data=text, content_type=content_type)

    return post


@pytest.mark.parametrize(
    "text",
    ["", "{", "nope", "[]", "1", "null", '"x"', b"\xff\xfe", "[" * 100_000,
     '{"entities": [], "entities": []}',
     '{"entities": [{"order_id": "a", "order_id": "b"}]}'],
)  # fmt: skip
def test_a_body_that_is_no_json_object(post, text):
    problem(post(text), 400)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_wrong_content_type(post, content_type):
    assert "application/json" in problem(post('{"entities": []}', content_type=content_type), 415)["detail"]


def test_a_content_type_with_parameters_is_right(post):
    assert post('{"entities": []}', content_type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    "name", ["unknown", "late_delivery@9", "late_delivery@", "late_delivery@01", "@1", "late_delivery@1@1"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_service_lists_those_that_exist(client, method, name):
    document = problem(getattr(client, method)(f"/v1/services/{name}"), 404)
    assert "late_delivery@2" in document["detail"]
    assert "late_delivery@1" in document["services"]


def test_flasks_own_errors_are_problems_too(client):
    problem(client.get("/nowhere"), 404)
    assert "POST" in client.delete("/v1/services/pairs").headers["Allow"]
    problem(client.delete("/v1/services/pairs"), 405)


def test_a_failure_is_a_problem_that_gives_nothing_away(client, app, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(app.extensions["asof"], "answer", fail)
    assert "secret" not in str(problem(client.get("/v1/services/late_delivery?order_id=x"), 500))


@pytest.mark.parametrize("body", [{}, {"entities": None}, {"entities": {}}, {"entities": "x"}])
def test_entities_must_be_a_list(post, body):
    assert "/entities" in errors(post(json.dumps(body)))


def test_an_unknown_member_of_the_body(post):
    assert errors(post('{"entities": [], "a/b~c": 1}')) == {"/a~1b~0c": "is not known"}


@pytest.mark.parametrize("entity", [None, 1, "x", []])
def test_an_entity_must_be_an_object(ask, entity):
    assert errors(ask("pairs", entity)) == {"/entities/0": "is not an object"}


def test_a_missing_key(ask):
    assert errors(ask("late_delivery", {"order_id": "x"}, {})) == {"/entities/1/order_id": "is missing"}


def test_half_of_a_composite_key(ask):
    assert errors(ask("pairs", {"left_id": "1"})) == {"/entities/0/right_id": "is missing"}


def test_a_null_key(ask):
    assert errors(ask("pairs", {"left_id": "1", "right_id": None})) == {"/entities/0/right_id": "is null"}


def test_a_missing_or_null_required_request_column(ask):
    assert errors(ask("echo", {"id": 1})) == {"/entities/0/request_tiny": "is missing"}
    assert errors(ask("echo", {"id": 1, "request_tiny": None})) == {"/entities/0/request_tiny": "is null"}


def test_an_unknown_column(ask):
    assert errors(ask("pairs", {"left_id": "1", "right_id": "1", "~/": 1})) == {"/entities/0/~0~1": "is not known"}


WRONG = {
    "text": [1, True, [], "\ud800", 1.5],
    "tag": [1, "", "6f2c1e0a53a44bd19d0e2b7f6f6a8c11", "{6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11}"],
    "flag": [0, 1, "true", []],
    "tiny": [128, -129, True, "5", 1.0, 1e0, 10**30, [], {}],
    "small": [32768, False],
    "medium": [2**31, "1"],
    "big": [2**63, -(2**63) - 1, 10**400, 1.5],
    "single": [3.5e38, "1.5", True],
    "twice": ["1", True, 10**400, []],
    "money": [0.001, 10**10, "1.00", True, 10000000000.00],
    "fine": [1e-11, 100000],
    "vast": [1e-11, 10**28, "1", -(10**28)],
    "day": ["2026-02-30", "20260501", "2026-05-01T00:00:00Z", 20260501, "٢٠٢٦-05-01", "0000-01-01"],
    "moment": ["2026-05-01T09:00:00", "2026-05-01", "2026-05-01T09:00:00.0000001Z", "2026-05-01 09:00:00Z",
               "2026-05-01T25:00:00Z", "2026-05-01T09:00:00+2", "0001-01-01T00:00:00+01:00", 0, "now",
               "2026-05-01T09:00:60Z", "9999-12-31T23:59:59-01:00"],
    "numbers": [1.5, ["1"], [None], [True], [[1.0]]],
    "words": ["a", [1]],
    "days": [["2026-02-30"]],
    "moments": [["2026-05-01"]],
    "prices": [[0.001]],
}  # fmt: skip


def sent(column, text):
    """The body of a request to `echo` that is right but for one column, given as JSON text."""
    columns = {"request_tiny": "1", "id": "1", f"request_{column}": text}
    return '{"entities": [{' + ", ".join(f'"{name}": {value}' for name, value in columns.items()) + "}]}"


@pytest.mark.parametrize(("column", "value"), [(column, value) for column, values in WRONG.items() for value in values])
def test_a_wrong_value(post, column, value):
    assert list(errors(post(sent(column, json.dumps(value)), "echo"))) == [f"/entities/0/request_{column}"]


JUST_ABOVE = f"{int(sys.float_info.max)}.5"  # rounds to the largest double


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999999999999999999999999", "-1e400", "1" + "0" * 5000, JUST_ABOVE]
)
@pytest.mark.parametrize("column", ["twice", "single", "money", "fine", "big"])
def test_numbers_that_are_none(post, column, number):
    assert list(errors(post(sent(column, number), "echo"))) == [f"/entities/0/request_{column}"]


@pytest.mark.parametrize("column", ["single", "twice"])
def test_the_largest_numbers(post, column):
    most = {"single": 3.4028234663852886e38, "twice": sys.float_info.max}[column]
    answer = post(sent(column, repr(-most)), "echo")
    assert answer.json["rows"][0]["features"][f"echo_{column}"] == -most
    above = repr(most).replace("e+", "1e+")
    assert list(errors(post(sent(column, above), "echo"))) == [f"/entities/0/request_{column}"]


@pytest.mark.parametrize("number", ["1e-999999999", "1E-30"])
def test_a_decimal_with_too_many_digits_is_not_rounded(post, number):
    assert errors(post(sent("money", number), "echo")) == {
        "/entities/0/request_money": "has more than 2 digits after the point"
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.10", "1.10"), ("1.1000", "1.10"), ("0e5", "0.00"), ("1e3", "1000.00"), ("-0.0", "0.00")],
)
def test_decimals_that_fit(text, value):
    assert str(from_json(parse_type("decimal(12,2)"), Decimal(text))) == value


def test_all_errors_are_collected_up_to_a_hundred(ask):
    assert len(problem(ask("pairs", *[{"left_id": 1, "x": 1}] * 30), 422)["errors"]) == 90
    assert len(problem(ask("pairs", *[{"left_id": 1, "x": 1}] * 50), 422)["errors"]) == 100


@pytest.mark.parametrize(("how", "sent"), [("7 // parts", 0), ("7 % parts", 0), ("medium + parts", -1)])
def test_values_that_the_sql_cannot_compute_with(make_app, tmp_path, how, sent):
    """Nor does a stored row that it cannot compute with, on which each service is tried, hold the snapshot."""
    found = [
        service(name, {"id": "bigint"}, {"parts": ("integer", True)}, {"kinds": ["id"]}, {"n": "integer"}, {"n": sql})
        for name, sql in {"of_request": how, "of_stored": "7 // (medium - medium)"}.items()
    ]
    publisher = Publisher(tmp_path, services={f"{each['name']}@1": each for each in found})
    publisher.publish()
    client = make_app(publisher.folder).test_client()

    def ask(name, parts):
        return client.post(f"/v1/services/{name}", json={"entities": [{"id": 1, "parts": parts}]})

    assert ask("of_request", 5).status_code == 200
    for response in (ask("of_request", sent), ask("of_stored", 5)):
        assert "cannot be computed with" in errors(response)["/entities"]


def test_more_entities_than_the_limit(ask, make_app, publisher):
    entity = {"left_id": "1", "right_id": "1"}
    assert ask("pairs", *[entity] * 1000).status_code == 200
    assert "1001" in problem(ask("pairs", *[entity] * 1001), 413)["detail"]
    client = make_app(publisher.folder, max_entities=1).test_client()
    problem(client.post("/v1/services/pairs", json={"entities": [entity] * 2}), 413)


def test_a_body_over_the_limit(post):
    problem(post(" " * (1024 * 1024 + 1)), 413)


def test_no_snapshot_yet(make_app, tmp_path):
    client = make_app(tmp_path / "nothing").test_client()
    for path in ("/v1/services/x", "/v1/catalog", "/openapi.json", "/ready", "/ready/x"):
        response = client.get(path)
        problem(response, 503)
        assert response.headers["Retry-After"]
    assert client.get("/health").status_code == 200
    assert "No snapshot" in client.get("/").get_data(as_text=True)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "order_id"),
        ("order_id=a&order_id=b", "order_id"),
        ("order_id=a&x=1", "x"),
        ("order_id=a&request_distance_km=five", "request_distance_km"),
        ("order_id=a&request_distance_km=NaN", "request_distance_km"),
        ("order_id=a&request_distance_km=", "request_distance_km"),
        ("order_id=a&request_distance_km=null", "request_distance_km"),
        ('order_id=a&request_distance_km="5"', "request_distance_km"),
        ("order_id=a&request_distance_km=true", "request_distance_km"),
    ],
)
def test_bad_queries(client, query, pointer):
    assert f"/entities/0/{pointer}" in errors(client.get(f"/v1/services/late_delivery?{query}"))


def test_a_plus_that_became_a_space_is_explained(client):
    found = errors(client.get("/v1/services/echo?id=1&request_tiny=1&request_moment=2026-05-01T09:00:00+02:00"))
    assert "%2B" in found["/entities/0/request_moment"]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
entity = st.fixed_dictionaries(
    {"id": anything | st.integers(-5, 5)},
    optional={f"request_{name}": anything | st.integers(-200, 200) for name in KIND_TYPES},
)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(anything | st.fixed_dictionaries({"entities": anything | st.lists(entity)}))
@example({"entities": [{"id": 1, "request_tiny": 1, "request_text": "\udfff"}]})
def test_any_json_gets_an_answer_or_a_4xx(client, body):
    response = client.post("/v1/services/echo", data=json.dumps(body), content_type="application/json")
    assert response.status_code in (200, 400, 413, 422)
    json.loads(response.get_data(), parse_constant=pytest.fail)


@relaxed
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_get_a_4xx(client, body):
    response = client.post("/v1/services/echo", data=body, content_type="application/json")
    assert 400 <= response.status_code < 500


@relaxed
@given(st.dictionaries(st.sampled_from(["id", *(f"request_{name}" for name in KIND_TYPES)]) | st.text(), st.text()))
def test_any_query_gets_an_answer_or_a_4xx(client, query):
    assert client.get("/v1/services/echo", query_string=query).status_code in (200, 422)


@pytest.mark.parametrize("kind", [*KIND_TYPES.values()])
@relaxed
@given(value=anything.filter(lambda value: value is not None and not isinstance(value, float)))
def test_validation_gives_the_type_or_says_what_is_wrong(kind, value):
    declared: SqlType = parse_type(kind)
    try:
        reported = from_json(declared, value)
    except WrongValue as error:
        reported = str(error) and error.expected
    assert reported is not None
    assert reported != "" or value == ""


@pytest.mark.parametrize(
    "text", ["hugeint", "struct(a int)", "map(int, int)", "decimal(39,2)", "", "[]", "timestamp", "json"]
)
def test_other_types_are_refused(text):
    with pytest.raises(ValueError, match="type"):
        parse_type(text)
