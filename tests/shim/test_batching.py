"""Requests that are evaluated in one batch are answered as each would be alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import duckdb
import pytest
from asof.serve.batching import MAX_ROWS, Batcher
from asof.serve.folder import PublishedFolder
from publisher import NOW, Publisher, service, services


@pytest.fixture
def threads():
    with ThreadPoolExecutor() as executor:
        yield executor


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    sent = {"word": ("varchar", True)}
    casts = service("casts", {"id": "bigint"}, sent, {"kinds": ["id"]}, {"n": "integer"}, {"n": "word::integer"})
    publisher = Publisher(tmp_path_factory.mktemp("batching"), services=services() | {"casts@1": casts})
    publisher.publish()
    watched = PublishedFolder(publisher.folder, allow_injected_now=True, clock=lambda: NOW)
    watched.poll()
    assert watched.refused is None
    return watched.current.plans


def test_many_at_once_are_answered_as_alone(plans):
    """Each request at its own time; those that cannot be computed fail, and no other."""
    delivery, casts = plans["late_delivery@1"], plans["casts@1"]
    orders = ["O-204", "O-150", "O-160", "new"]
    requests = [
        (delivery, [{"order_id": order, "request_distance_km": 1.5 * at} for order in orders[: at % 4 + 1]], at)
        for at in range(40)
    ] + [(casts, [{"id": 1, "word": "7" if at % 4 else "seven"}], at) for at in range(40)]
    results, start = [None] * len(requests), threading.Barrier(16)

    def work(worker):
        start.wait()
        for at in range(worker, len(requests), 16):
            plan, entities, minute = requests[at]
            try:
                results[at] = plan.rows(entities, NOW + timedelta(minutes=minute))
            except duckdb.ConversionException as error:
                results[at] = error

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result, (plan, entities, minute) in zip(results, requests, strict=True):
        if entities[0].get("word") == "seven":
            assert isinstance(result, duckdb.ConversionException)
        else:
            assert result == plan.rows(entities, NOW + timedelta(minutes=minute))


@pytest.mark.parametrize("rows", [0, 1, MAX_ROWS, MAX_ROWS + 1, 1000])
def test_however_many_rows_a_request_has(plans, rows):
    delivery = plans["late_delivery@1"]
    entities = [
        {"order_id": ("O-204", "O-160", "new")[at % 3], "request_distance_km": at / 7 if at % 2 else None}
        for at in range(rows)
    ]
    assert delivery.rows(entities, NOW) == [delivery.rows([each], NOW)[0] for each in entities]


def test_what_comes_while_a_batch_runs_is_the_next_one(threads):
    running, go_on, sizes = threading.Event(), threading.Event(), []

    def run(_, rows):
        sizes.append(len(rows))
        running.set()
        assert go_on.wait(10)
        return [row * 2 for row in rows]

    batcher, results = Batcher(run, None, threads), {}

    def ask(number):
        results[number] = batcher.results([number] * 60)

    askers = [threading.Thread(target=ask, args=[number]) for number in range(6)]
    askers[0].start()
    assert running.wait(10)
    for thread in askers[1:]:
        thread.start()
    while len(batcher._queue) < 5:
        pass
    go_on.set()
    for thread in askers:
        thread.join(10)
    assert results == {number: [number * 2] * 60 for number in range(6)}
    assert sizes == [60, 120, 120, 60]  # no batch of more than MAX_ROWS


def test_a_failure_of_the_machinery_fails_all_and_the_next_batch_runs(threads):
    fails = [True]

    def run(_, rows):
        if fails.pop():
            raise MemoryError
        return rows

    batcher = Batcher(run, None, threads)
    with pytest.raises(MemoryError):
        batcher.results([1])
    fails.append(False)
    assert batcher.results([1]) == [1]
