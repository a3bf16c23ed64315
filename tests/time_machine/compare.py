"""What was answered, against the training rows of exactly those requests and against the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.time_machine.life import Answer, Life
from tests.time_machine.oracle import Oracle, Row


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
    return found + [
        f"{name}: answered {one[name]!r}, {two.get(name)!r}" for name in one if not same(one[name], two.get(name))
    ]


def compare(answers: Iterable[Answer], other: dict[str, Row]) -> list[tuple[Answer, list[str]]]:
    """The answers that differ from the rows of the other by row_id, and in what; a row that is missing differs."""
    found = []
    for answer in answers:
        wrong = differences(answer.row, other[answer.row_id]) if answer.row_id in other else ["no such row"]
        if wrong:
            found.append((answer, wrong))
    return found


def by_oracle(oracle: Oracle, answers: Iterable[Answer]) -> dict[str, Row]:
    return {each.row_id: oracle.answer(each.publication, each.service, each.request, each.at) for each in answers}


def tell(what: str, found: list[tuple[Answer, list[str]]]) -> list[str]:
    """Lines on the first few that differ."""
    return [
        f"  DIFFERENT from {what}: row {answer.row_id} of {answer.service}, {answer.request} at {answer.at} "
        f"(publication {answer.publication.number}): {'; '.join(wrong)}"
        for answer, wrong in found[:5]
    ]


def shares(answers: list[Answer]) -> tuple[Counter[str], Counter[str]]:
    """Rows by status and by what was going on."""
    return Counter(each.row["status"] for each in answers), Counter(tag for each in answers for tag in each.tags)


def parity(life: Life) -> Counter[str]:
    """What parity found of each row of the request log, in the builds of the life."""
    return Counter(
        dict(life.world.query("select coalesce(parity, 'not looked at'), count(*) from asof_requests group by 1"))
    )
