"""What the builds found of the data's health (health.json), as the catalog, probes, metrics and page show it."""

from __future__ import annotations

import json
import random
import re

import pytest
from publisher import Publisher, ok, service
from test_metrics import samples

from asof.extensions.plots import HEIGHT, POINTS, bars, line

FINDING = {
    "id": "f-1",
    "rule": "null_rate",
    "level": "hold",
    "kind": "group",
    "subject": "shipment@1",
    "column": "distance_km",
    "was": "0.01",
    "is": "1.0",
    "limit": "0.5",
    "since": "2026-05-01T08:00:00.000000Z",
    "times": 3,
    "message": "shipment@1.distance_km: null in 100% of <rows>",
    "components": ["shipment@1"],
}
STOPPED = FINDING | {
    "id": "f-2",
    "rule": "stopped",
    "level": "warn",
    "kind": "events",
    "subject": "stg_scans",
    "column": "",
    "message": "stg_scans: no row for 5 hours",
}
ELSEWHERE = FINDING | {"id": "f-3", "subject": "pair@1", "level": "warn", "message": "pair@1.which: moved"}


def health(*findings, **parts):
    return {
        "format": 1,
        "written_at": "2026-05-01T08:59:00.000000Z",
        "findings": list(findings),
        "feeds": {
            "stg_scans": {
                "newest_known_at": "2026-05-01T04:00:00.000000Z",
                "newest_occurred_at": "2026-05-01T03:50:00.000000Z",
                "rows": 812,
                "error_after_seconds": None,
            }
        },
        "groups": {"shipment@1": {"newest_known_at": "2026-05-01T04:00:00.000000Z", "feeds": ["stg_scans"]}},
        "profiles": {},
        "drift": {},
    } | parts


@pytest.fixture
def report(publisher):
    """Writes health.json."""

    def report(found):
        (publisher.folder / "health.json").write_text(found if isinstance(found, str) else json.dumps(found))

    return report


@pytest.fixture
def standing(client):
    """{labels: value} of the findings among the metrics."""

    def standing():
        found = samples(client.get("/metrics").get_data(as_text=True))
        return {key[1:]: value for key, value in found.items() if key[0] == "asof_finding"}

    return standing


def test_standing_findings_are_metrics_and_in_catalog_probes_and_page(client, report, standing):
    assert standing() == {}
    assert client.get("/ready/late_delivery").json["findings"] == []
    assert "Findings" not in client.get("/").get_data(as_text=True)
    part = FINDING | {"id": "f-4", "column": "carrier", "part_of": "f-1"}
    report(health(FINDING, STOPPED, ELSEWHERE, FINDING | {"kind": "requests"}, part))
    # labels in the order of their names: column, level, rule, subject
    assert standing() == {
        ("distance_km", "hold", "null_rate", "shipment@1"): 1,
        ("", "warn", "stopped", "stg_scans"): 1,
        ("distance_km", "warn", "null_rate", "pair@1"): 1,
    }
    catalog = client.get("/v1/catalog").json
    assert [each["id"] for each in catalog["health"]["findings"]] == ["f-1", "f-2", "f-3", "f-1", "f-4"]
    assert catalog["health"]["feeds"]["stg_scans"]["rows"] == 812
    # of a service: what is on its groups, and on the event models that these read; no values, since it needs no token
    ready = client.get("/ready/late_delivery").json
    assert ready["findings"][:2] == [
        {
            "rule": "null_rate",
            "level": "hold",
            "subject": "shipment@1",
            "column": "distance_km",
            "since": "2026-05-01T08:00:00.000000Z",
        },
        {
            "rule": "stopped",
            "level": "warn",
            "subject": "stg_scans",
            "column": "",
            "since": "2026-05-01T08:00:00.000000Z",
        },
    ]
    assert {each["subject"] for each in ready["findings"]} == {"shipment@1", "stg_scans"}
    report(health())
    assert standing() == {}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        json.dumps(health() | {"format": 2}),
        json.dumps({"format": 1}),
        json.dumps(health(FINDING | {"rule": None})),
        json.dumps(health(FINDING | {"since": "yesterday"})),
        json.dumps(health(feeds={"stg_scans": {"rows": 1}})),
        json.dumps(health(groups=[1])),
    ],
)
def test_whatever_is_wrong_with_it_answers_go_on(client, report, standing, text, caplog):
    report(text)
    assert standing() == {}
    assert "health.json cannot be read" in caplog.text
    for path in ("/", "/v1/catalog", "/ready/late_delivery", "/v1/services/late_delivery?order_id=O-204"):
        assert client.get(path).status_code == 200


def test_drift_against_training_is_a_metric_and_on_the_page(client, report):
    moved = {"statistic": 0.31, "training_rows": 500, "rows": 400, "state": "drifted"}
    alike = moved | {"statistic": 0.02, "state": "alike"}
    columns = {"mark": {"examples": alike, "requests": moved}, "carrier": {"examples": alike}}
    report(health(drift={"late_delivery@2": {"trained_on": "late_delivery_v2-0123", "columns": columns}}))
    found = samples(client.get("/metrics").get_data(as_text=True))
    # labels in the order of their names: feature, service, source, state
    assert {key[1:]: value for key, value in found.items() if key[0] == "asof_drift"} == {
        ("mark", "late_delivery@2", "examples", "alike"): 0.02,
        ("mark", "late_delivery@2", "requests", "drifted"): 0.31,
        ("carrier", "late_delivery@2", "examples", "alike"): 0.02,
    }
    page = client.get("/").get_data(as_text=True)
    assert page.count("Against the training set late_delivery_v2-0123") == 1
    assert "mark 0.31 (requests)" in page
    assert "carrier 0.02" not in page


def test_three_ages(client, publisher):
    """Of the run against its target and its max_age, and of the data."""

    def with_targets(manifest):
        manifest["groups"]["shipment@1"]["target_seconds"] = 100
        manifest["groups"]["warehouse@1"]["target_seconds"] = 600

    publisher.publish(spoil=with_targets)
    client.application.extensions["asof"].folder.poll()
    groups = {each["group"]: each for each in client.get("/v1/catalog").json["groups"]}
    names = ("age_seconds", "target_seconds", "max_age_seconds", "data_age_seconds", "is_late", "is_stale")
    assert {id_: tuple(each[name] for name in names) for id_, each in groups.items()} == {
        "shipment@1": (120, 100, 5400, 150, True, False),
        "warehouse@1": (120, 600, 5400, None, False, False),
        "pair@1": (120, None, 5400, None, False, False),
        "kinds@1": (120, None, 5400, None, False, False),
        "old@1": (120, None, 60, None, False, True),
    }
    assert groups["shipment@1"]["newest_known_at"] == "2026-05-01T08:57:30Z"
    assert client.get("/ready/late_delivery").json["ages"]["shipment@1"] == {
        "age_seconds": 120,
        "target_seconds": 100,
        "max_age_seconds": 5400,
        "data_age_seconds": 150,
    }
    found = samples(client.get("/metrics").get_data(as_text=True))
    assert {key[1]: value for key, value in found.items() if key[0] == "asof_target_seconds"} == {
        "shipment@1": 100,
        "warehouse@1": 600,
    }
    assert {key[1]: value for key, value in found.items() if key[0] == "asof_data_age_seconds"} == {"shipment@1": 150}
    page = client.get("/").get_data(as_text=True)
    assert "late after 100 s" in page


# -------------------- profiles and their plots


def walked(path):
    """The points of a plot's path: of each stroke, the pairs of x and y."""
    strokes = []
    for x, y, steps in re.findall(r"M(\d+) (\d+)l0 0([^M]*)", path):
        at = [int(x), int(y)]
        strokes.append([tuple(at)])
        for dx, dy in re.findall(r" (\d+) ?(-?\d+)", steps):
            at = [at[0] + int(dx), at[1] + int(dy)]
            strokes[-1].append(tuple(at))
    return strokes


def test_a_line_shows_the_newest_values_with_gaps():
    assert walked(line([0, 1, None, 3, 2])) == [[(0, 9), (1, 6)], [(3, 0), (4, 3)]]
    assert walked(line([0.5, 1.0], 0)) == [[(0, 4), (1, 0)]]
    assert (line([]), line([None]), line([2, 2, 2])) == ("", "", "")  # nothing changed
    numbers = random.Random(1)
    values = [numbers.gauss(0, 1) for _ in range(60)]
    [stroke] = walked(line(values))
    assert [x for x, _ in stroke] == list(range(POINTS))
    assert {min(y for _, y in stroke), max(y for _, y in stroke)} <= {*range(HEIGHT + 1)}
    shown = values[-POINTS:]
    high, low = max(shown), min(shown)
    assert [y for _, y in stroke] == [round(HEIGHT * (high - each) / (high - low)) for each in shown]
    assert line([1.0, float("nan"), 2.0]) == line([1.0, None, 2.0])


def test_bars_show_a_histogram():
    assert bars([1, 0, 4, 2]) == "M0 9v-2M2 9v-9M3 9v-4"
    assert bars([0, 0]) == bars([]) == ""


def profile(columns, seed):
    """As the builds write it at its worst: every value of 60 builds is another one."""
    numbers = random.Random(seed)
    return {
        "as_of": ["2026-05-01T08:58:00.000000Z"] * 60,
        "columns": {
            name: {
                "type": "double",
                "rows": [numbers.randrange(1000, 2000) for _ in range(60)],
                "null_rate": [numbers.random() for _ in range(60)],
                "mean": [numbers.gauss(0, 1000) for _ in range(60)],
                "histogram": [numbers.randrange(100) for _ in range(20)],
                "bins": [float(each) for each in range(19)],
                "top": None,
            }
            for name in columns
        },
    }


def test_a_page_of_500_columns_is_small(make_app, tmp_path):
    columns = {f"feature_number_{number}": "double" for number in range(500)}
    sql = f"select 'a' as id, {', '.join(f'1.5 as {each}' for each in columns)}"
    groups = {"wide": (sql, {"id": "varchar"}, columns, 5400)}
    wide = service(
        "scores", {"id": "varchar"}, {}, {"wide": ["id"]}, columns, {each: ok("wide", each) for each in columns},
        known=groups,
    )  # fmt: skip
    publisher = Publisher(tmp_path / "published", groups, {"scores@1": wide})
    publisher.publish()
    found = health(
        *(FINDING | {"id": each, "column": each, "message": "null in 100% of the rows; " * 8} for each in columns),
        profiles={
            "group:wide@1": profile(columns, 1),
            "service:scores@1": profile([*columns, "of_the_service"], 2),
            "events:stg_scans": profile(["site"], 3),
        },
    )
    found["profiles"]["events:stg_scans"]["columns"]["site"] |= {"top": [["north <3", 7], ["south", 2]], "mean": None}
    (publisher.folder / "health.json").write_text(json.dumps(found))
    page = make_app(publisher.folder).test_client().get("/").get_data(as_text=True)
    assert len(page.encode()) < 300_000
    # what the service returns of the group is shown once; plots of rows, nulls and means, and bars
    assert page.count("<td>feature_number_7<td>double") == 2  # with the plots, and as what the service answers
    assert "<td>of_the_service<td>double<td>" in page
    assert page.count("<svg>") == 3 + 2 * 501 + 1
    assert page.count('<svg class="bars">') == 502
    assert "north &lt;3, south" in page
    assert "And 450 more, which the catalog has as JSON." in page
