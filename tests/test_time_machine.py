"""A short life with every kind of trouble; the long ones are `make time-machine` (docs/time-machine.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.time_machine.compare import AGAINST, compare, recomputed, result_of, trained
from tests.time_machine.example import ExampleProject
from tests.time_machine.life import Life, Record, running_on

TROUBLE = (
    "failed runs",
    "killed runs",
    "rollbacks",
    "holds",
    "versions added and backfilled",
    "changes of max_age",
    "times that a source lost or found entities",
    "publications with carried groups",
    "requests answered 404",
    "requests answered 503",
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Life, Record]:
    life = Life(
        ExampleProject(1, small=True), tmp_path_factory.mktemp("life"), seed=1, publications=8, rows=16, say=print
    )
    return life, life.lead()


def test_training_parity_and_the_oracle_say_what_was_answered(lived: tuple[Life, Record]) -> None:
    life, record = lived
    result = result_of(record, life.world)
    assert not result["told"], "\n".join(result["told"])
    rows = len(record.answers)
    assert result["parity"] == {"same": rows}
    assert result["compared"][AGAINST[0]] == result["compared"][AGAINST[2]] == rows
    assert result["compared"][AGAINST[1]] > rows / 2  # the others fell into a pickup
    # and it was a life to speak of
    assert rows >= 300
    assert result["publications"] >= 8
    assert all(record.counts.get(what, 0) > 0 for what in TROUBLE), record.counts
    assert set(result["statuses"]) == {"OK", "STALE", "NOT_FOUND", "PARTIAL", "REJECTED"}
    assert set(result["tags"]) == {
        "at a boundary",
        "after a rollback",
        "after a failed or killed run",
        "of carried groups",
    }
    assert set(result["services"]) == {"late_delivery@1", "fraud@1"}


@pytest.mark.engines
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("engine", ["postgres", "spark"])
def test_a_life_whose_events_are_on_an_engine(tmp_path: Path, engine: str) -> None:
    """Fewer publications, since each takes several dbt commands, and more answers of each."""
    project = ExampleProject(1, small=True, is_of_engine=True)
    with running_on(engine) as there:
        life = Life(project, tmp_path / "life", seed=1, publications=6, rows=300, say=print, engine=there)
        record = life.lead()
    result = result_of(record, life.world)
    assert not result["told"], "\n".join(result["told"])
    assert result["parity"] == {"same": len(record.answers)}
    assert len(record.answers) >= 10_000
    print(result["compared"], record.counts)


def test_an_answer_or_a_stored_value_that_is_not_right_is_found(lived: tuple[Life, Record]) -> None:
    life, record = lived
    oracle = record.project.oracle()
    requested = [each for each in record.answers if each.service == "late_delivery@1"]
    found = next(each for each in requested if each.row["status"] == "OK" and each.row["features"]["origin_backlog"])
    rows = recomputed(oracle, requested)
    faults = {
        "status": {"status": "STALE"},
        "groups": {"groups": {"shipment": "OK", "warehouse": "STALE"}},
        "origin_backlog": {"features": {**found.row["features"], "origin_backlog": 0.5}},
        "expedited": {"features": {**found.row["features"], "expedited": float(found.row["features"]["expedited"])}},
        "rejected": {"rejected": ["distance_km"]},
    }
    for what, fault in faults.items():
        [(_, wrong)] = compare([replace(found, row={**found.row, **fault})], rows)
        assert [line.split(":")[0] for line in wrong] == [what]
    # one value of the history, and every row that it was answered in
    origin = "select distinct origin_warehouse_id from shipment_v1_history where order_id = ?"
    warehouses = life.world.query(origin, [found.request["order_id"]])
    names = ", ".join(f"'{name}'" for (name,) in warehouses)
    life.world.execute(f"update warehouse_v1_history set backlog = backlog + 1 where warehouse_id in ({names})")
    service = oracle.services["late_delivery@1"]
    different = compare(requested, trained(life.world, "late_delivery@1", service, requested, by_number=True))
    assert found.row_id in {answer.row_id for answer, _ in different}
    assert Counter(line.split(":")[0] for _, wrong in different for line in wrong).keys() == {"origin_backlog"}
