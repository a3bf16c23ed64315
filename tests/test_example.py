"""The worked example of the repository root: built as the demo builds it, then held against answers worked out by hand.

It is built at 08:58 and 09:05 on 2026-05-01, and once more four days later, when the labels are in.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from asof.serve.app import create_app
from asof.serve.request_log import RequestLog
from werkzeug.serving import WSGIRequestHandler, make_server

from asof.handover import Target, make
from scripts import demo
from tests.exact import mean
from tests.postgres import running
from tests.world import ROOT, World, copy_example, inherited

REQUESTED = demo.REQUESTED
BUILDS = [demo.FIRST_BUILD, demo.SECOND_BUILD, demo.LABELLED_BUILD]
SERVICES = ["late_delivery@1", "churn@1", "churn@2", "upsell@1", "fraud@1"]
MICROSECOND = timedelta(microseconds=1)

Row = dict[str, Any]


def at(text: str) -> datetime:
    """'05-01 08:58' as an aware UTC datetime of 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def base(service: str) -> str:
    return service.replace("@", "_v")


class BuiltExample:
    """The built example: its warehouse, what dbt said, and the published folder as each build left it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "asof.duckdb"

    def published(self, build: int) -> Path:
        """The published folder as the build of that number (from 1) left it."""
        return self.folder / f"published-{build}"

    def pointer(self, build: int) -> Row:
        return json.loads((self.published(build) / "current.json").read_text())

    def manifest(self, build: int) -> Row:
        return json.loads((self.published(build) / self.pointer(build)["manifest"]).read_text())

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            found = connection.execute(sql, list(parameters))
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def training(self, service: str) -> dict[str, Row]:
        return {row["row_id"]: row for row in self.rows(f"select * from {base(service)}_training")}

    def stored(self, group: str, key: str, moment: datetime) -> dict[str, Row]:
        """What counts in a group's history at a moment: entity to row, those that are gone left out."""
        found = self.rows(
            f"""
            select * exclude (recency, run_id) from (
                select history.*, row_number() over (partition by {key} order by as_of desc) as recency
                from {group}_v1_history as history
                where as_of <= ? and run_id in (select run_id from asof_counted_moments where group_id = '{group}@1')
            ) where recency = 1 and not is_tombstone
            """,
            moment,
        )
        return {row[key]: row for row in found}


def build_once(folder: Path, dbt: Path) -> None:
    """Through the demo's own functions, in a folder of the tests."""
    paths = {"ASOF_WAREHOUSE": "asof.duckdb", "ASOF_PUBLISHED": "published", "ASOF_TRAINING": "training"}
    paths["ASOF_REQUEST_LOG"] = "request_log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SCRATCH", folder)
        patch.setattr(demo, "PATHS", {name: folder / path for name, path in paths.items()})
        for name in list(os.environ):
            if name.startswith(("ASOF_", "DBT_")):
                patch.delenv(name)
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
        patch.setenv("DBT_LOG_LEVEL_FILE", "none")
        patch.setattr(demo, "DBT", dbt)
        with (folder.parent / "said-1.txt").open("w") as said, contextlib.redirect_stdout(said):
            demo.build_example()  # makes its folder anew
        shutil.move(folder.parent / "said-1.txt", folder)
        with contextlib.redirect_stdout(io.StringIO()):
            demo.dbt("source", "freshness", now=BUILDS[0])
        shutil.copytree(folder / "published", folder / "published-1")
        log_lookups(folder)
        for number, now in enumerate(BUILDS[1:], start=2):
            with (folder / f"said-{number}.txt").open("w") as said, contextlib.redirect_stdout(said):
                demo.dbt("build", now=now)
            shutil.copytree(folder / "published", folder / f"published-{number}")
    # a forked dbt ends without closing it, and what is committed may still lie beside the file that tests copy
    with duckdb.connect(str(folder / "asof.duckdb")) as warehouse:
        warehouse.execute("checkpoint")


def log_lookups(folder: Path) -> None:
    """The requests of the demo, answered at 09:00 and logged: the next build compares them."""
    log = RequestLog(folder / "request_log", share=1)
    app = create_app(folder / "published", now=lambda: at("05-01 09:00"), request_log=log)
    for service, entity, _ in demo.LOOKUPS:
        answer = app.test_client().post(f"/v1/services/{service}", json={"entities": [entity]})
        assert answer.status_code == 200
    app.extensions["asof"].folder.stop()
    log.stop()


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> BuiltExample:
    """Built once per session: with several test processes, the others wait for the first."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "example"
    with (shared / "example.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "example.done").exists():
            build_once(folder, warm / "dbt")
            (shared / "example.done").touch()
    return BuiltExample(folder)


def post(url: str, service: str, entities: list[Row]) -> Row:
    request = urllib.request.Request(
        f"{url}/v1/services/{service}",
        data=json.dumps({"entities": entities}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


@pytest.fixture(scope="session")
def ask(example: BuiltExample) -> Iterator[Callable[..., Row]]:
    """Asks a `asof serve` process that serves the first build at 09:00; one row, its answer with the envelope."""
    environment = inherited()
    process = subprocess.Popen(
        [sys.executable, "-m", "asof", "serve", "--folder", str(example.published(1)), "--port", "0"],
        cwd=ROOT,
        env=environment | {"ASOF_NOW": REQUESTED},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = process.stdout.readline().split()[-1]
        yield lambda service, **entity: post(url, service, [entity])
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


class Quiet(WSGIRequestHandler):
    """Without a line on the console per request."""

    def log_request(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Callable[[str, list[Row], datetime], Row]]:
    """The shim over real HTTP, in this process, so that its now can be set for each request."""
    now = [at("05-01 09:00")]
    app = create_app(folder, now=lambda: now[0])
    server = make_server("127.0.0.1", 0, app, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask_at(service: str, entities: list[Row], moment: datetime) -> Row:
        now[0] = moment
        return post(f"http://127.0.0.1:{server.server_port}", service, entities)

    try:
        yield ask_at
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["asof"].folder.stop()


def same(answered: Any, trained: Any) -> bool:
    """Equal in value and in type: an integer is no float, and true is no 1."""
    return type(answered) is type(trained) and answered == trained


# ----------------------------------------------------------------------------------------------- late delivery


def test_the_order_of_the_readme_is_answered_as_it_stood_at_nine(ask: Callable[..., Row]) -> None:
    answer = ask("late_delivery", order_id="O-204")
    (row,) = answer["rows"]
    assert row["status"] == "OK"
    assert row["groups"] == {"shipment": "OK", "warehouse": "OK"}
    expected = {
        "distance_km": 620.0,
        "carrier": "northline",
        "expedited": 0,
        "hours_since_last_scan": 8.0,  # its scan at 08:59 was not known before 09:30
        "origin_backlog": 18.0,  # the queue of 25 measured at 08:50 was not known before 09:20
        "origin_backlog_missing": 0,
    }
    assert list(row["features"]) == list(expected)
    for name, value in expected.items():
        assert same(row["features"][name], value), name
    assert answer["as_of"] == {"shipment": "2026-05-01T08:58:00Z", "warehouse": "2026-05-01T08:58:00Z"}
    assert answer["prediction_time"] == REQUESTED


def test_the_order_of_the_readme_is_trained_on_as_it_was_answered(example: BuiltExample) -> None:
    row = example.training("late_delivery@1")["O-204/2026-05-01"]
    assert row["prediction_time"] == at("05-01 09:00")
    assert (row["status"], row["sequence_number"], row["is_backfilled"]) == ("OK", 1, False)
    for name, value in {
        "distance_km": 620.0,
        "carrier": "northline",
        "expedited": 0,
        "hours_since_last_scan": 8.0,
        "origin_backlog": 18.0,
        "origin_backlog_missing": 0,
        "is_late": True,
    }.items():
        assert same(row[name], value), name
    assert row["label_known_at"] == at("05-03 14:05")


def test_neither_an_answer_nor_a_stored_feature_holds_the_delivery_or_the_complaint(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    assert "05-03" not in json.dumps(ask("late_delivery", order_id="O-204"))
    stored = example.stored("shipment", "order_id", at("05-04 23:00"))["O-204"]
    assert stored["last_scan_at"] == at("05-01 01:00")  # as of the build at 09:05
    assert set(stored) == {
        "order_id",
        "as_of",
        "is_tombstone",
        "carrier",
        "distance_km",
        "is_expedited",
        "origin_warehouse_id",
        "last_scan_at",
    }


def test_an_order_of_a_minute_ago_is_scored_with_what_the_caller_sends(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    """Its row says that the snapshot does not know it; what could not be sent is null, the missing backlog said so."""
    (row,) = ask("late_delivery", order_id="O-205", request_distance_km=480.0, request_carrier="bluefreight")["rows"]
    expected = {
        "distance_km": 480.0,
        "carrier": "bluefreight",
        "expedited": None,
        "hours_since_last_scan": None,
        "origin_backlog": None,
        "origin_backlog_missing": 1,
    }
    assert row == {
        "status": "NOT_FOUND",
        "groups": {"shipment": "NOT_FOUND", "warehouse": "NOT_FOUND"},
        "features": expected,
    }
    trained = example.training("late_delivery@1")["O-205/placed"]
    assert trained["status"] == "NOT_FOUND"
    assert all(same(trained[name], value) for name, value in expected.items())


def test_an_unknown_order_without_a_distance_is_rejected_and_so_are_training_rows(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    (row,) = ask("late_delivery", order_id="O-205")["rows"]
    assert row == {
        "status": "REJECTED",
        "groups": {"shipment": "NOT_FOUND", "warehouse": "NOT_FOUND"},
        "features": None,
        "rejected": ["distance_km"],
    }
    # known, but without a distance in the source, and none sent
    assert ask("late_delivery", order_id="O-193")["rows"][0]["status"] == "REJECTED"
    assert "O-193/placed" not in example.training("late_delivery@1")


@pytest.mark.parametrize(
    ("order", "status", "features"),
    [
        ("O-199", "OK", {"carrier": "other"}),  # zephyr, which no model was trained on
        ("O-203", "OK", {"carrier": "other"}),
        ("O-189", "OK", {"carrier": None}),  # not assigned, which is no carrier and not `other`
        ("O-194", "OK", {"origin_backlog": None, "origin_backlog_missing": 1}),  # W-3: not measured for days
        ("O-195", "OK", {"origin_backlog": None, "origin_backlog_missing": 1}),  # W-4: never measured
        ("O-150", "PARTIAL", {"origin_backlog": None, "origin_backlog_missing": 1}),  # no warehouse
        ("O-192", "OK", {"distance_km": 420.5}),  # corrected at 08:57, which was known at 09:04
        ("O-180", "OK", {"distance_km": 355.5}),  # corrected the day before
        ("O-181", "OK", {"hours_since_last_scan": None}),  # never scanned
        ("O-183", "OK", {"hours_since_last_scan": None}),  # its only scan came in after the build
        ("O-184", "OK", {"hours_since_last_scan": 2.0}),  # a scan loaded twice is known since the first time
        ("O-185", "OK", {"hours_since_last_scan": 15.0}),
        ("O-147", "OK", {"hours_since_last_scan": 168.0}),  # older than a week: a week
        ("O-146", "OK", {"hours_since_last_scan": 168.0}),
        ("O-198", "OK", {"hours_since_last_scan": 2 / 60}),  # scanned and known exactly at the build's moment
    ],
)
def test_awkward_orders_are_answered_as_worked_out_by_hand(
    ask: Callable[..., Row], order: str, status: str, features: Row
) -> None:
    (row,) = ask("late_delivery", order_id=order)["rows"]
    assert row["status"] == status
    for name, value in features.items():
        assert same(row["features"][name], value), name


def test_a_cancelled_order_is_not_found_once_its_cancellation_is_known(ask: Callable[..., Row]) -> None:
    statuses = {
        order: ask("late_delivery", order_id=order, request_distance_km=1.0)["rows"][0]["groups"]["shipment"]
        for order in ("O-170", "O-186")  # cancelled at 07:30; at 08:50, known at 09:10
    }
    assert statuses == {"O-170": "NOT_FOUND", "O-186": "OK"}


def test_a_corrected_distance_holds_from_the_moment_it_was_known(example: BuiltExample) -> None:
    known = {
        ("O-180", "04-30 11:00"): Decimal("310.0"),
        ("O-180", "04-30 12:00"): Decimal("355.5"),
        ("O-192", "05-01 08:58"): Decimal("420.5"),
        ("O-192", "05-01 09:05"): Decimal("461.0"),
        ("O-115", "05-01 09:05"): Decimal("240.0"),  # corrected on April 3, which was known on May 2
        ("O-115", "05-05 08:58"): Decimal("275.5"),
    }
    found = {
        (order, moment): example.stored("shipment", "order_id", at(moment))[order]["distance_km"]
        for order, moment in known
    }
    assert found == known


def test_a_scan_of_a_week_ago_counts_as_a_week_to_the_microsecond(example: BuiltExample) -> None:
    """O-146 was scanned twice, a microsecond apart; the later one is a week old just when the snapshot goes out."""
    assert example.stored("shipment", "order_id", at("05-01 08:58"))["O-146"]["last_scan_at"] == at(
        "04-24 08:58:00.000001"
    )
    with serving(example.published(1)) as ask_at:
        for later, hours in [(0, 168.0), (1, 168.0), (60_000_000, 168.0)]:
            moment = at("05-01 08:58:00.000001") + later * MICROSECOND
            (row,) = ask_at("late_delivery", [{"order_id": "O-146"}], moment)["rows"]
            assert same(row["features"]["hours_since_last_scan"], hours)
    day_before = example.rows("select * from late_delivery_v1 where row_id = 'O-146/2026-04-30'")[0]
    assert day_before["hours_since_last_scan"] == pytest.approx(144 + 2 / 60, abs=1e-8)


# ------------------------------------------------------------------------------------------------ churn, fraud


def test_the_churner_is_trained_on_the_day_before(example: BuiltExample) -> None:
    """The moment of March 15, 00:00 goes out a minute later, so that the purchase of that very instant is not seen."""
    row = example.training("churn@1")["C-031/2026-03-15 00:00:00+00"]
    assert row["prediction_time"] == at("03-15 00:00")
    assert same(row["days_since_last_purchase"], 13.5)  # since 2026-03-01 12:00
    assert same(row["orders_30d"], 2)
    assert same(row["avg_order_value_90d"], 31.8)  # (49.90 + 12.50 + 33.00) / 3
    assert (row["status"], row["is_backfilled"], row["is_churned"]) == ("OK", True, True)
    place = example.rows(
        "select customer__as_of from (select max(as_of) as customer__as_of from asof_counted_moments "
        "where group_id = 'customer@1' and published_at <= ?)",
        at("03-15 00:00"),
    )
    assert place == [{"customer__as_of": at("03-14 00:00")}]


def test_the_closed_account_is_gone_from_the_next_moment_on(example: BuiltExample) -> None:
    """Closed at midnight, known five minutes later: a point at midnight, none the day after."""
    assert "C-031" in example.stored("customer", "customer_id", at("03-15 00:00"))
    assert "C-031" not in example.stored("customer", "customer_id", at("03-16 00:00"))


def test_the_transaction_being_scored_is_not_counted_in_its_own_window(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    (row,) = ask("fraud", card_id="K-07", request_amount=250.00)["rows"]
    trained = example.training("fraud@1")["T-9000"]
    assert (row["status"], trained["status"]) == ("OK", "OK")
    for name, value in {"transactions_15m": 3, "amount_15m": 144.0}.items():
        assert same(row["features"][name], value), name
        assert same(trained[name], value), name
    assert same(row["features"]["amount_to_mean_30d"], trained["amount_to_mean_30d"])
    assert trained["is_fraud"] is False
    assert trained["label_known_at"] == at("05-01 09:03:20")


def test_a_card_that_was_long_unused_and_one_that_never_was_have_no_mean(ask: Callable[..., Row]) -> None:
    for card in ("K-29", "K-30"):
        (row,) = ask("fraud", card_id=card, request_amount=10.0)["rows"]
        assert row["status"] == "OK"
        assert row["features"] == {"transactions_15m": 0, "amount_15m": 0.0, "amount_to_mean_30d": None}
        assert type(row["features"]["transactions_15m"]) is int


def test_upsell_reads_stored_features_of_churns_group_and_nothing_else(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    (served,) = [service for id_, service in example.manifest(1)["services"].items() if id_ == "upsell@1"]
    assert served["request"] == []
    assert served["groups"] == [group for group in example.manifest(1)["services"]["churn@1"]["groups"]]
    assert "prediction_time" not in (ROOT / "models/services/upsell_v1.sql").read_text()
    assert [id_ for id_, each in example.manifest(1)["services"].items() if "answers" in each] == ["upsell@1"]
    (row,) = ask("upsell", customer_id="C-077")["rows"]
    assert row["status"] == "OK"
    for name, value in {"orders_30d": 1, "avg_order_value_90d": 32.5, "spend_30d": 32.5}.items():
        assert same(row["features"][name], value), name
    # two orders before, of a mean of (49.90 + 12.50 + 33.00) / 3, and none of 50 euros or more after
    trained = example.training("upsell@1")["C-031/2026-03-09 09:00:00+00"]
    assert (trained["orders_30d"], trained["avg_order_value_90d"], trained["spend_30d"]) == (2, 31.8, 63.6)
    assert (trained["has_large_order"], trained["label_known_at"]) == (False, at("03-23 09:00"))


def test_versions_have_features_of_their_own_and_the_bare_name_is_the_latest(
    example: BuiltExample, ask: Callable[..., Row]
) -> None:
    first, second, bare = (ask(name, customer_id="C-077") for name in ("churn@1", "churn@2", "churn"))
    assert list(first["rows"][0]["features"]) == ["days_since_last_purchase", "orders_30d", "avg_order_value_90d"]
    assert list(second["rows"][0]["features"]) == ["days_since_last_purchase", "orders_30d", "customer_lifetime_value"]
    assert (first["version"], second["version"]) == (1, 2)
    assert first["definition"] != second["definition"]
    served = example.manifest(1)["services"]
    (latest,) = [id_ for id_, service in served.items() if service["name"] == "churn" and service["is_latest"]]
    assert bare == ask(latest, customer_id="C-077")


def test_the_feeds_are_fresh_at_the_first_build(example: BuiltExample) -> None:
    """`dbt source freshness`, under that now: later rows of the seeds are not there yet."""
    found = json.loads((example.folder / "target" / "sources.json").read_text())["results"]
    newest = {each["unique_id"].rpartition(".")[2]: datetime.fromisoformat(each["max_loaded_at"]) for each in found}
    assert newest == {
        "raw_card_transactions": at("05-01 08:58"),
        "raw_purchases": at("05-01 08:45"),
        "raw_queue_measurements": at("05-01 08:31"),
        "raw_scans": at("05-01 08:58"),
        "raw_shipments": at("05-01 06:00:26"),
    }
    assert {each["status"] for each in found} == {"pass"}
    assert {datetime.fromisoformat(each["snapshotted_at"]) for each in found} == {at("05-01 08:58")}


def test_nothing_from_the_future_enters_it(example: BuiltExample, warm: Path) -> None:
    """The proof, as a user runs it, on a machine in another zone and another day."""
    environment = inherited()
    run = subprocess.run(
        [warm / "python", "-m", "asof", "prove", "--moments", "5", "--seed", "2"],
        cwd=ROOT,
        env=environment
        | {"ASOF_WAREHOUSE": str(example.folder / "asof.duckdb"), "ASOF_NOW": BUILDS[2], "TZ": "Pacific/Kiritimati"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    counts = re.findall(r"^(\S+) +(?:entity|group|examples|rows|service) +5 +([\d,]+) +0$", run.stdout, re.MULTILINE)
    assert {"shipments", "shipment@1", "late_delivery_examples", "late_delivery_v1_rows", *SERVICES} <= dict(
        counts
    ).keys()
    assert "0" not in dict(counts).values()


@pytest.fixture(scope="module")
def copy(example: BuiltExample, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A copy of the project, its warehouse and what the third build published."""
    folder = tmp_path_factory.mktemp("copy")
    copy_example(folder)
    shutil.copy(example.warehouse, folder / "asof.duckdb")
    shutil.copytree(example.published(3), folder / "published")
    (folder / "training").mkdir()
    return World.at(folder)


PATHS = {"ASOF_WAREHOUSE": "asof.duckdb", "ASOF_PUBLISHED": "published", "ASOF_TRAINING": "training"}


def test_changing_one_version_leaves_the_definition_of_the_other_alone(example: BuiltExample, copy: World) -> None:
    """In a copy of the project and its warehouse, churn@2 is written anew, accepted and published."""
    copy.replace(
        "models/services/churn_v2.sql",
        "/ 24 as days_since_last_purchase",
        "/ 24 + 1 as days_since_last_purchase",
    )
    copy.dbt("run", now="2026-05-05 09:05", **PATHS)
    accept = ("run-operation", "accept_definition", "--args", "{id: churn@2, reason: a test}")
    copy.dbt(*accept, now="2026-05-05 09:05", **PATHS)
    copy.dbt("test", "--exclude", "test_type:unit", now="2026-05-05 09:05", **PATHS)
    assert copy.pointer["sequence_number"] == 4
    now, before = copy.manifest, example.manifest(3)
    changed = {
        service
        for service in before["services"]
        if now["services"][service]["definition"] != before["services"][service]["definition"]
    }
    assert changed == {"churn@2"}
    assert {id_: group["definition"] for id_, group in now["groups"].items()} == {
        id_: group["definition"] for id_, group in before["groups"].items()
    }


def test_columns_gone_null_and_stopped_feeds_are_held(copy: World) -> None:
    """In the copy: carrier, distance and warehouse null for all shipments; then no row of any feed for 56 days."""
    before = copy.manifest["groups"]
    seed = copy.folder / "seeds" / "raw_shipments.csv"
    loaded = seed.read_text()
    newest = {row["order_id"]: row for row in csv.DictReader(io.StringIO(loaded))}
    nulled = {"carrier": "", "distance_km": "", "origin_warehouse_id": ""}
    nulled |= {"updated_at": "2026-05-05T09:10:00+00:00", "loaded_at": "2026-05-05T09:11:00+00:00"}
    with seed.open("a") as file:
        csv.DictWriter(file, newest["O-101"], lineterminator="\n").writerows(row | nulled for row in newest.values())
    run = copy.build("2026-05-05 09:30", "--exclude", "test_type:unit", fails=True, **PATHS)
    for column in nulled.keys() - {"updated_at", "loaded_at"}:
        assert run.says(f"held by its health: shipment@1.{column}: null_rate is 1.0 and was")
    assert run.says("the limit is 0.5 (held, since 2026-05-05T09:30:00.000000Z). Next: look at the")
    assert run.says("carried over: late_delivery@1, shipment@1, warehouse@1: ")
    now = copy.manifest["groups"]
    assert {id_ for id_ in now if now[id_]["as_of"] != before[id_]["as_of"]} == {
        "card@1",
        "customer@1",
        "customer_value@1",
    }

    seed.write_text(loaded)
    run = copy.build("2026-06-30 09:30", "--exclude", "test_type:unit", fails=True, **PATHS)
    assert run.says("nothing published: card@1, fraud@1: stg_card_transactions: gap is")
    for feed in ("stg_scans", "stg_purchases", "stg_queue_measurements"):
        assert run.says(f"held by its health: {feed}: gap is")
    assert copy.manifest["groups"] == now


# ------------------------------------------------------------------------- the stored features, worked out anew


@functools.cache
def read(table: str) -> list[Row]:
    """A seed's rows; times as datetimes, an empty cell as None."""
    with (ROOT / "seeds" / f"{table}.csv").open(newline="") as file:
        rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    for row in rows:
        for name, value in row.items():
            if value is not None and name.endswith("_at"):
                row[name] = datetime.fromisoformat(value)
    return rows


def first_loaded(rows: list[Row], key: str) -> list[Row]:
    """One row per key, the one that was loaded first: the loader sends some rows again."""
    first: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row["loaded_at"]):
        first.setdefault(row[key], row)
    return list(first.values())


def customers_at(moment: datetime) -> dict[str, Row]:
    """customer and customer_value at a moment, by plain loops over the raw rows."""
    alive = set()
    for signup in read("raw_customers"):
        closings = [
            closing["loaded_at"]
            for closing in read("raw_account_closures")
            if closing["customer_id"] == signup["customer_id"] and closing["loaded_at"] > signup["loaded_at"]
        ]
        if signup["loaded_at"] <= moment and (not closings or moment < min(closings)):
            alive.add(signup["customer_id"])
    returned = {row["purchase_id"] for row in read("raw_returns") if row["loaded_at"] <= moment}
    bought = defaultdict(list)
    for row in first_loaded(read("raw_purchases"), "purchase_id"):
        if row["loaded_at"] <= moment and row["purchased_at"] <= moment:
            bought[row["customer_id"]].append(row)
    rows = {}
    for customer in alive:
        purchases = bought[customer]
        kept = [
            (row["purchased_at"], Decimal(row["amount"])) for row in purchases if row["purchase_id"] not in returned
        ]
        rows[customer] = {
            "last_order_at": max((row["purchased_at"] for row in purchases), default=None),
            "orders_30d": sum(row["purchased_at"] > moment - timedelta(days=30) for row in purchases),
            "avg_order_value_90d": mean([amount for when, amount in kept if when > moment - timedelta(days=90)], 2),
            "customer_lifetime_value": sum((amount for _, amount in kept), Decimal(0)),
        }
    return rows


def cards_at(moment: datetime) -> dict[str, Row]:
    spent = defaultdict(list)
    for row in read("raw_card_transactions"):
        if row["loaded_at"] <= moment and row["transacted_at"] <= moment:
            spent[row["card_id"]].append((row["transacted_at"], Decimal(row["amount"])))
    rows = {}
    for card in read("raw_cards"):
        if card["loaded_at"] <= moment:
            seen = spent[card["card_id"]]
            lately = [amount for when, amount in seen if when > moment - timedelta(minutes=15)]
            rows[card["card_id"]] = {
                "transactions_15m": len(lately),
                "amount_15m": sum(lately, Decimal(0)),
                "mean_amount_30d": mean([amount for when, amount in seen if when > moment - timedelta(days=30)], 2),
            }
    return rows


def shipments_at(moment: datetime) -> dict[str, Row]:
    cancelled = {row["order_id"] for row in read("raw_cancellations") if row["loaded_at"] <= moment}
    scans = defaultdict(list)
    for row in first_loaded(read("raw_scans"), "scan_id"):
        if row["loaded_at"] <= moment:
            scans[row["order_id"]].append(row["scanned_at"])
    last: dict[str, Row] = {}
    for row in sorted(read("raw_shipments"), key=lambda row: (row["updated_at"], row["loaded_at"])):
        if row["loaded_at"] <= moment and row["order_id"] not in cancelled:
            last[row["order_id"]] = row
    return {
        order: {
            "carrier": row["carrier"],
            "distance_km": Decimal(row["distance_km"]) if row["distance_km"] else None,
            "is_expedited": row["is_expedited"] == "true",
            "origin_warehouse_id": row["origin_warehouse_id"],
            "last_scan_at": max(scans[order], default=None),
        }
        for order, row in last.items()
    }


def warehouses_at(moment: datetime) -> dict[str, Row]:
    measured: dict[str, Row] = {}
    for row in sorted(read("raw_queue_measurements"), key=lambda row: (row["measured_at"], row["loaded_at"])):
        if row["loaded_at"] <= moment and row["queue_length"] is not None:
            measured[row["warehouse_id"]] = row
    rows = {}
    for warehouse in read("raw_warehouses"):
        last = measured.get(warehouse["warehouse_id"])
        fresh = last is not None and last["measured_at"] > moment - timedelta(days=1)
        rows[warehouse["warehouse_id"]] = {"backlog": int(last["queue_length"]) if fresh else None}
    return rows


def hours(first: str, count: int, step: timedelta) -> list[datetime]:
    return [at(first) + n * step for n in range(count)]


LIVE = [at("05-01 08:58"), at("05-01 09:05"), at("05-05 08:58")]


@pytest.mark.parametrize(
    ("group", "key", "by_hand", "moments"),
    [
        ("customer", "customer_id", customers_at, hours("02-01 00:00", 30, timedelta(days=3))),
        ("customer_value", "customer_id", customers_at, hours("02-01 00:00", 30, timedelta(days=3))),
        ("card", "card_id", cards_at, hours("04-30 20:00", 78, timedelta(minutes=10))),
        ("shipment", "order_id", shipments_at, hours("04-20 00:00", 39, timedelta(hours=7))),
        ("warehouse", "warehouse_id", warehouses_at, hours("04-20 00:00", 39, timedelta(hours=7))),
    ],
)
def test_every_stored_value_equals_plain_loops_over_the_raw_rows(
    example: BuiltExample,
    group: str,
    key: str,
    by_hand: Callable[[datetime], dict[str, Row]],
    moments: list[datetime],
) -> None:
    """Late rows, corrections, returns, ties, duplicates and both ends of every window, backfilled and live."""
    for moment in moments + LIVE:
        stored, expected = example.stored(group, key, moment), by_hand(moment)
        assert stored.keys() == expected.keys(), moment
        for entity, row in stored.items():
            for name in row.keys() - {key, "as_of", "is_tombstone"}:
                assert row[name] == expected[entity][name], (moment, entity, name)


@pytest.mark.parametrize(
    ("group", "entity", "moment", "feature", "value"),
    [
        ("customer", "C-010", "05-01 08:58", "orders_30d", 1),  # one 30 days before, one a microsecond later
        ("customer", "C-011", "05-01 08:58", "avg_order_value_90d", Decimal("51.00")),  # 90 days before, likewise
        ("customer", "C-056", "05-01 08:58", "avg_order_value_90d", Decimal("75.70")),  # of 142.55 and 8.84: 75.695
        ("customer", "C-040", "04-20 00:00", "last_order_at", at("04-05 12:00")),  # in its second life
        ("customer_value", "C-040", "04-20 00:00", "customer_lifetime_value", Decimal("55.00")),
        ("card", "K-07", "05-01 08:58", "transactions_15m", 3),  # not the one of 08:43:00
        ("card", "K-07", "05-01 09:05", "transactions_15m", 3),  # not the one of 08:50:00
        ("card", "K-07", "05-01 09:05", "amount_15m", Decimal("429.00")),
        ("warehouse", "W-2", "05-01 08:58", "backlog", 18),
    ],
)
def test_the_named_awkward_rows_are_where_the_windows_end(
    example: BuiltExample, group: str, entity: str, moment: str, feature: str, value: Any
) -> None:
    key = {"customer": "customer_id", "customer_value": "customer_id", "card": "card_id", "warehouse": "warehouse_id"}
    assert example.stored(group, key[group], at(moment))[entity][feature] == value


def test_a_late_purchase_counts_from_the_first_moment_that_knows_it(example: BuiltExample) -> None:
    """P-9017 of C-016, made on March 10 and loaded on the 14th at 10:00."""
    before, after = (
        example.stored("customer", "customer_id", at(day))["C-016"] for day in ("03-14 00:00", "03-15 00:00")
    )
    loaded_between = [
        row["purchase_id"]
        for row in read("raw_purchases")
        if row["customer_id"] == "C-016" and at("03-14 00:00") < row["loaded_at"] <= at("03-15 00:00")
    ]
    assert loaded_between == ["P-9017"]
    assert after["orders_30d"] == before["orders_30d"] + 1
    # and the training row of that Sunday still does not know it
    trained = example.training("churn@1")["C-016/2026-03-15 00:00:00+00"]
    assert trained["orders_30d"] == before["orders_30d"]


def test_a_returned_purchase_leaves_the_mean_once_its_return_is_known(example: BuiltExample) -> None:
    """At the first moment that knows of the return, and not at the moment before."""
    seen = 0
    for returned in read("raw_returns"):
        purchase = next(row for row in read("raw_purchases") if row["purchase_id"] == returned["purchase_id"])
        after = returned["loaded_at"].replace(hour=0, minute=0, second=0) + timedelta(days=1)
        before = after - timedelta(days=1)
        if not at("02-02 00:00") <= before < after <= at("05-01 00:00"):
            continue
        customer = returned["customer_id"]
        worth = [example.stored("customer_value", "customer_id", moment).get(customer) for moment in (before, after)]
        others = [
            row
            for table in ("raw_purchases", "raw_returns")
            for row in read(table)
            if row["customer_id"] == customer and before < row["loaded_at"] <= after
        ]
        if None in worth or len(others) != 1 or purchase["loaded_at"] > before:
            continue
        fell = worth[0]["customer_lifetime_value"] - worth[1]["customer_lifetime_value"]
        assert fell == Decimal(purchase["amount"]), returned
        seen += 1
    assert seen >= 10


# --------------------------------------------------------------------------------------- training, as a whole


def backfilled(t: datetime, first: datetime, last: datetime, step: timedelta) -> datetime | None:
    """The latest backfilled moment that stands for a publication (a minute later) at or before t."""
    moments = [first + n * step for n in range((last - first) // step + 1)]
    return max((moment for moment in moments if moment + timedelta(minutes=1) <= t), default=None)


def moment_in_force(t: datetime, first: datetime, last: datetime, step: timedelta) -> datetime | None:
    """By the rules: the newest build published by then (a microsecond after its moment here), else a backfilled one."""
    live = [moment for moment in LIVE if moment + MICROSECOND <= t]
    return max(live) if live else backfilled(t, first, last, step)


def late_delivery_by_hand(cutoff: datetime) -> list[str]:
    """What becomes of each example: 'training', 'no_snapshot', 'rejected' or 'not_yet_labelled'."""
    fates = []
    first: dict[str, Row] = {}
    for row in sorted(read("raw_shipments"), key=lambda row: (row["updated_at"], row["loaded_at"])):
        first.setdefault(row["order_id"], row)
    delivered = {row["order_id"]: row["loaded_at"] for row in read("raw_deliveries")}
    cancelled = {row["order_id"]: row["loaded_at"] for row in read("raw_cancellations")}
    mornings = hours("04-20 09:00", 15, timedelta(days=1))
    stored: dict[datetime, dict[str, Row]] = {}
    for order, row in first.items():
        settled = min((t for t in (delivered.get(order), cancelled.get(order)) if t is not None), default=None)
        requested = [(row["placed_at"] + timedelta(minutes=1), row["distance_km"])]
        requested += [(t, None) for t in mornings if row["placed_at"] < t and (settled is None or settled > t)]
        for t, sent in requested:
            if t >= cutoff:
                continue
            moment = moment_in_force(t, at("04-20 00:00"), at("05-01 08:00"), timedelta(hours=1))
            if moment is None:
                fates.append("no_snapshot")
                continue
            known = stored.setdefault(moment, shipments_at(moment)).get(order)
            fresh = known is not None and t - moment <= timedelta(minutes=90)
            distance = sent or (known["distance_km"] if fresh else None)
            if distance is None:
                fates.append("rejected")
            else:
                labelled = order in delivered and delivered[order] <= cutoff
                fates.append("training" if labelled else "not_yet_labelled")
    return fates


def churn_by_hand(cutoff: datetime) -> list[str]:
    fates = []
    requested = hours("02-01 00:00", 14, timedelta(days=7)) + hours("04-24 09:00", 11, timedelta(days=1))
    signed_up: dict[str, datetime] = {}
    for row in read("raw_customers"):
        signed_up[row["customer_id"]] = min(row["signed_up_at"], signed_up.get(row["customer_id"], row["signed_up_at"]))
    purchases = first_loaded([row for row in read("raw_purchases") if row["customer_id"]], "purchase_id")
    for customer, since in signed_up.items():
        for t in requested:
            if t >= cutoff or since > t:
                continue
            until = t + timedelta(days=30)
            bought = [
                row["loaded_at"]
                for row in purchases
                if row["customer_id"] == customer and t < row["purchased_at"] <= until
            ]
            closed = [
                row["loaded_at"]
                for row in read("raw_account_closures")
                if row["customer_id"] == customer and t <= row["closed_at"] <= until
            ]
            known = min(bought) if bought else min(closed) if closed else until
            if moment_in_force(t, at("02-01 00:00"), at("05-01 00:00"), timedelta(days=1)) is None:
                fates.append("no_snapshot")
            else:
                fates.append("training" if known <= cutoff else "not_yet_labelled")
    return fates


def upsell_by_hand(cutoff: datetime) -> list[str]:
    fates = []
    mondays, mornings = hours("02-02 09:00", 14, timedelta(days=7)), hours("04-24 09:00", 11, timedelta(days=1))
    purchases = first_loaded([row for row in read("raw_purchases") if row["customer_id"]], "purchase_id")
    for t in sorted({*mondays, *mornings}):
        if t >= cutoff:
            continue
        moment = moment_in_force(t, at("02-01 00:00"), at("05-01 00:00"), timedelta(days=1))
        for customer in customers_at(t):
            until = t + timedelta(days=14)
            large = [
                row["loaded_at"]
                for row in purchases
                if row["customer_id"] == customer
                and t < row["purchased_at"] <= until
                and row["loaded_at"] <= cutoff
                and Decimal(row["amount"]) >= 50
            ]
            known = min(large, default=until)
            fates.append("no_snapshot" if moment is None else "training" if known <= cutoff else "not_yet_labelled")
    return fates


def fraud_by_hand(cutoff: datetime) -> list[str]:
    fates = []
    reported = {row["transaction_id"] for row in read("raw_fraud_reports") if row["loaded_at"] <= cutoff}
    for row in read("raw_card_transactions"):
        t = row["transacted_at"]
        if t < cutoff:
            moment = moment_in_force(t, at("04-30 20:00"), at("05-01 08:55"), timedelta(minutes=5))
            if moment is None:
                fates.append("no_snapshot")
            else:
                fates.append("training" if row["transaction_id"] in reported else "not_yet_labelled")
    return fates


@pytest.mark.parametrize(
    ("service", "by_hand"),
    [
        ("late_delivery@1", late_delivery_by_hand),
        ("churn@1", churn_by_hand),
        ("churn@2", churn_by_hand),
        ("upsell@1", upsell_by_hand),
        ("fraud@1", fraud_by_hand),
    ],
)
def test_training_has_every_example_but_those_counted_out(
    example: BuiltExample, service: str, by_hand: Callable[[datetime], list[str]]
) -> None:
    """Rejected, without a snapshot, or not labelled yet: recomputed from the raw rows, and said by the build."""
    fates = Counter(by_hand(LIVE[-1]))
    assert len(example.training(service)) == fates["training"] > 0
    said = (
        f"asof: {service}: {fates['training']} training rows of {fates.total()} examples; left out: "
        f"{fates['no_snapshot']} without a snapshot, {fates['rejected']} rejected, "
        f"{fates['not_yet_labelled']} not yet labelled."
    )
    assert said in (example.folder / "said-3.txt").read_text()
    if service == "late_delivery@1":
        assert min(fates[fate] for fate in ("training", "no_snapshot", "rejected", "not_yet_labelled")) > 0


def test_every_service_has_training_rows_from_the_first_build_on(example: BuiltExample) -> None:
    """And fraud, whose labels come in within hours, some hundreds of them, most of which found their card fresh."""
    said = (example.folder / "said-1.txt").read_text()
    counts = {service: int(rows) for service, rows in re.findall(r"asof: (\S+@\d): (\d+) training rows", said)}
    assert counts.keys() == set(SERVICES)
    assert min(counts.values()) > 50
    assert 200 <= counts["fraud@1"] <= 900
    trained = example.training("fraud@1").values()
    assert all(row["label_known_at"] > row["prediction_time"] for row in trained)
    assert sum(row["status"] == "OK" for row in trained) > 200
    assert sum(row["is_fraud"] for row in trained) > 10


def test_logged_answers_are_compared_with_history_by_the_next_build(example: BuiltExample) -> None:
    """Without anything that the project would have to declare; what was found is published for the shim."""
    said = (example.folder / "said-2.txt").read_text()
    counts = Counter(f"{service}@1" if "@" not in service else service for service, *_ in demo.LOOKUPS)
    for service in SERVICES:
        assert f"parity of {service}, logged answers against history: {counts[service]} same." in said
    published = json.loads((example.published(3) / "parity.json").read_text())["services"]
    assert {service: found["same"] for service, found in published.items()} == dict(counts)
    assert {(found["compared_at"], found["open"]) for found in published.values()} == {
        ("2026-05-01T09:05:00.000000Z", 0)
    }


def test_the_demo_shows_training_rows_only(example: BuiltExample, ask: Callable[..., Row]) -> None:
    """Each answer that it shows has become a training row by the build that it ends with, and equals it."""
    answers = [(service, row_id, ask(service, **entity)) for service, entity, row_id in demo.LOOKUPS]
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setattr(demo, "PATHS", {"ASOF_WAREHOUSE": example.warehouse})
        assert demo.show(answers)
        service, row_id, answer = answers[0]
        answer["rows"][0]["features"]["distance_km"] += 1
        assert not demo.show([(service, row_id, answer)])
    assert {service.split("@")[0] for service, *_ in answers} == {service.split("@")[0] for service in SERVICES}
    assert shown.getvalue().count("training row") == len(answers) + 1
    assert shown.getvalue().count("<- DIFFERENT") == 1


def test_make_serve_takes_a_port() -> None:
    run = subprocess.run(["make", "-n", "serve", "PORT=8010"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "scripts/demo.py --serve --port 8010\n" in run.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_every_request_between_the_builds_equals_its_training_row(example: BuiltExample, service: str) -> None:
    """The same request at the same time over HTTP: value, type, status, and the publication that answers."""
    served = example.manifest(1)["services"][service]
    sent = [column["name"] for column in served["keys"] + served["request"]]
    groups = [group["name"] for group in served["groups"]]
    features = [feature["name"] for feature in served["features"]]
    examples = example.rows(f"select * from {served['name']}_examples order by prediction_time, row_id")
    training = example.training(service)
    evaluated = {row["row_id"]: row for row in example.rows(f"select * from {base(service)}")}
    looked_up = {row["row_id"]: row for row in example.rows(f"select * from {base(service)}_rows")}
    statuses: Counter[str] = Counter()
    trained = 0
    for build in (1, 2):
        start, end = (datetime.fromisoformat(example.pointer(number)["published_at"]) for number in (build, build + 1))
        by_time = defaultdict(list)
        for row in examples:
            if start <= row["prediction_time"] < end:
                by_time[row["prediction_time"]].append(row)
        with serving(example.published(build)) as ask_at:
            for t, rows in by_time.items():
                entities = [
                    {n: float(row[n]) if isinstance(row[n], Decimal) else row[n] for n in sent if row[n] is not None}
                    for row in rows
                ]
                answer = ask_at(service, entities, t)
                assert answer["sequence_number"] == build
                for row, answered in zip(rows, answer["rows"], strict=True):
                    row_id = row["row_id"]
                    statuses[answered["status"]] += 1
                    assert answered["groups"] == {g: looked_up[row_id][f"{g}_status"] for g in groups}, row_id
                    labelled = row["label_known_at"] is not None and row["label_known_at"] <= LIVE[-1]
                    assert (row_id in training) == (labelled and answered["status"] != "REJECTED"), row_id
                    if answered["status"] == "REJECTED":
                        assert answered["features"] is None
                        continue
                    # not labelled yet: what it was evaluated to waits in the service's view
                    became = training.get(row_id, evaluated[row_id])
                    for name in features:
                        assert same(answered["features"][name], became[name]), (row_id, name)
                    if row_id in training:
                        trained += 1
                        assert became["status"] == answered["status"], row_id
                        assert {g: became[f"{g}_status"] for g in groups} == answered["groups"], row_id
                        assert (became["sequence_number"], became["is_backfilled"]) == (build, False)
    # nothing was built for four days: without a distance a stale order is rejected, the others are stale
    assert statuses["OK"] > 0
    assert statuses["REJECTED" if service == "late_delivery@1" else "STALE"] > 0
    assert trained > 20


# ------------------------------------------------------------------------------------------------------- seeds


def test_the_seeds_are_written_byte_for_byte_by_their_script_and_stay_small(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "seeds" / "make_seeds.py"), "--out", str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    committed = {path.name: path.read_bytes() for path in (ROOT / "seeds").glob("*.csv")}
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")} == committed
    assert sum(len(content) for content in committed.values()) < 2_000_000


# -------------------- another engine


def test_a_moment_evaluated_in_postgresql_equals_that_of_duckdb(
    example: BuiltExample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: Path
) -> None:
    """Groups, entities' lives and examples at the last build's moment, value for value and type for type."""
    monkeypatch.setattr(sys, "executable", str(warm / "python"))  # beside which dbt is found
    for name in list(os.environ):
        if name.startswith(("ASOF_", "DBT_")):
            monkeypatch.delenv(name)
    warehouse = tmp_path / "asof.duckdb"
    shutil.copy(example.warehouse, warehouse)
    monkeypatch.setenv("ASOF_WAREHOUSE", str(warehouse))
    monkeypatch.setenv("ASOF_NOW", demo.LABELLED_BUILD)
    with running() as server:
        folder = make(Target(server.example(tmp_path / "project"), "postgres", []))
    manifest = json.loads((folder / "handover.json").read_text())
    assert set(manifest["results"].values()) == {"success", "pass"}
    compared = 0
    for entry in manifest["relations"].values():
        if entry["role"] not in ("group", "entity", "examples"):
            continue
        relation = entry["name"].replace(".v", "_v")
        own = ("as_of", "run_id", "asof_seen_in_run", "asof_forgotten_in_run")
        columns = ", ".join(name for name in entry["columns"] if name not in own)
        there = f"read_parquet('{folder}/{entry['files'][0]['file']}')"
        here = f"{relation}_latest" if entry["role"] == "group" else relation
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            found = [
                (result := connection.execute(f"select {columns} from {each} order by all"), result.fetchall())[1]
                for each in (here, there)
            ]
        assert found[0] == found[1], relation
        compared += len(found[0])
    assert compared > 4000
