"""What was answered, against the training rows of exactly those requests and against the oracle."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import duckdb

from tests.time_machine.life import Answer, Record, text_of
from tests.time_machine.oracle import LifeOracle, LifePublication, LifeService, Row
from tests.world import World

AGAINST = ("training, by publication named", "training, by time alone", "the oracle")


def same(one: Any, other: Any) -> bool:
    """Equal and of one type; floats to the last bit."""
    if type(one) is not type(other):
        return False
    return one.hex() == other.hex() if isinstance(one, float) else one == other


def differences(answered: Row, other: Row) -> list[str]:
    """What of an answered row is not as in the other; both {status, groups, features, rejected}."""
    found = [
        f"{what}: answered {answered.get(what, [])}, {other[what]}"
        for what in ("status", "rejected", "groups")
        if answered.get(what, []) != other[what]
    ]
    one, two = answered["features"], other["features"]
    if one is None or two is None:
        return found + ([f"features: answered {one}, {two}"] if one is not two else [])
    if set(one) != set(two):
        found.append(f"features: answered {list(one)}, {list(two)}")
    wrong = [name for name in one if not same(one[name], two.get(name))]
    return found + [f"{name}: answered {one[name]!r}, {two.get(name)!r}" for name in wrong]


def compare(answers: Iterable[Answer], other: dict[str, Row]) -> list[tuple[Answer, list[str]]]:
    """The answers that differ from the rows of the other by row_id, and in what; a row that is missing differs."""
    found = []
    for answer in answers:
        wrong = differences(answer.row, other[answer.row_id]) if answer.row_id in other else ["no such row"]
        if wrong:
            found.append((answer, wrong))
    return found


def recomputed(oracle: LifeOracle, answers: Iterable[Answer]) -> dict[str, Row]:
    """The rows as the oracle answers them."""
    return {each.row_id: oracle.answer(each.publication, each.service, each.request, each.at) for each in answers}


def in_force(publications: list[LifePublication], answer: Answer) -> LifePublication:
    """The newest publication out when it was asked. For as long as a pickup takes, the shim has the one before."""
    later = publications[answer.publication.number :]
    return next((each for each in reversed(later) if each.published_at <= answer.at), answer.publication)


def trained(
    world: World, service_id: str, service: LifeService, answers: list[Answer], by_number: bool
) -> dict[str, Row]:
    """The training rows of just these requests, made by dbt from the warehouse as it is now.

    by_number: the examples name the publication that answered them.
    """
    path = world.folder / "asked.parquet"
    types = {"row_id": "varchar", **service.keys, **service.sent, "prediction_time": "timestamptz"}
    if by_number:
        types["sequence_number"] = "bigint"
    lines = path.with_suffix(".json")
    with lines.open("w") as file:
        for each in answers:
            head = {"row_id": each.row_id, "prediction_time": each.at.isoformat()}
            file.write(json.dumps({**each.request, **head, "sequence_number": each.publication.number}) + "\n")
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in types.items())
    with duckdb.connect() as writer:
        writer.execute("set TimeZone = 'UTC'")
        read = f"read_json('{lines}', format = 'newline_delimited', columns = {{{columns}}})"
        writer.execute(f"copy (select * from {read}) to '{path}'")
    now = max(each.at for each in answers) + timedelta(days=1)
    requested = {"service": service_id, "examples": str(path), "every": True}
    run = world.dbt("run-operation", "training_set", "--args", json.dumps(requested), now=text_of(now))
    printed = re.search(r"^\S+/sets/\S+\.json$", run.output, re.MULTILINE)
    assert printed, run.output
    manifest = json.loads((world.folder / printed[0]).read_text())
    return _rows(world.folder / "training" / "sets" / manifest["files"]["rows"]["file"], service)


def _rows(path: Any, service: LifeService) -> dict[str, Row]:
    """The rows of a training set in the shape of answers."""
    fixed = ["row_id", "sequence_number", "status", "rejected_columns", *(f"{name}_status" for name in service.groups)]
    with duckdb.connect() as reader:
        reader.execute("set TimeZone = 'UTC'")
        names = [name for name, *_ in reader.execute(f"select * from '{path}' limit 0").description]
        not_features = {*fixed, *service.keys, "prediction_time", "is_backfilled"}
        features = [name for name in names if name not in not_features]
        found = reader.execute(f"select {', '.join(fixed + features)} from '{path}'").fetchall()
    rows = {}
    for row_id, number, status, rejected, *rest in found:
        values = rest[len(service.groups) :]
        rows[row_id] = {
            "sequence_number": number,
            "status": status,
            "rejected": rejected.split(",") if rejected else [],
            "groups": dict(zip(service.groups, rest, strict=False)),
            "features": None if status == "REJECTED" else dict(zip(features, values, strict=True)),
        }
    return rows


def result_of(record: Record, world: World) -> dict[str, Any]:
    """Everything about a life that was lived: counts, and what differs; the lines of `told` say the first few."""
    answers, oracle = record.answers, record.project.oracle()
    compared: Counter[str] = Counter()
    different: Counter[str] = Counter()
    reported: list[str] = []

    def hold(against: str, some: list[Answer], other: dict[str, Row]) -> None:
        found = compare(some, other)
        compared[against] += len(some)
        different[against] += len(found)
        reported.extend(tell(against, found))

    for service_id, service in oracle.services.items():
        requested = [each for each in answers if each.service == service_id]
        if not requested:
            continue
        rows = trained(world, service_id, service, requested, by_number=True)
        hold(AGAINST[0], requested, rows)
        # by time alone, an answer of the publication before, within the pickup, is none that training could know of
        timely = [each for each in requested if in_force(record.publications, each) is each.publication]
        hold(AGAINST[1], timely, trained(world, service_id, service, timely, by_number=False))
        hold(AGAINST[2], requested, recomputed(oracle, requested))
    parity = world.query("select coalesce(parity, 'not looked at'), count(*) from asof_requests group by 1")
    return {
        "rows": len(answers),
        "publications": len(record.publications),
        "statuses": Counter(each.row["status"] for each in answers),
        "tags": Counter(tag for each in answers for tag in each.tags),
        "services": Counter(each.service for each in answers),
        "happenings": record.counts,
        "compared": compared,
        "different": different,
        "parity": dict(parity),
        "told": reported,
    }


def tell(what: str, found: list[tuple[Answer, list[str]]]) -> list[str]:
    """Lines on the first few that differ."""
    return [
        f"DIFFERENT from {what}: row {answer.row_id} of {answer.service}, {answer.request} at {answer.at} "
        f"(publication {answer.publication.number}): {'; '.join(wrong)}"
        for answer, wrong in found[:5]
    ]
