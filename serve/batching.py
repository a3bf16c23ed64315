"""Evaluates the rows of concurrent requests in one execution of a service's SQL.

What an execution costs hardly depends on how many rows it has. No request waits for others to arrive: while DuckDB runs
for one, those that come meanwhile queue, and are the next batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

import duckdb

MAX_ROWS = 128  # in one batch; a request with more is a batch by itself
SQL_SECONDS = 5.0  # of one execution; a service's SQL takes a thousandth of that

Run = Callable[[duckdb.DuckDBPyConnection, list[Any]], list[Any]]


class _Job:
    """The rows of one request, and, once `done` can be taken, their results or why there are none."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.results: list[Any] = []
        self.error: Exception | None = None
        self.done = threading.Lock()  # a Future costs as much as the lookup
        self.done.acquire()


class Batcher:
    """A queue of requests, and a thread that runs batches as long as there are any.

    One thread for all batches, and not those of the requests in turn: each hand-over between threads waits for Python's
    lock, and meanwhile hardly any request joins the queue.
    """

    def __init__(self, run: Run, cursor: duckdb.DuckDBPyConnection, threads: Executor) -> None:
        """`run` is called with the cursor by one thread at a time; it returns a result for each row, or raises."""
        self._run = run
        self._cursor = cursor
        self._threads = threads
        self._lock = threading.Lock()
        self._queue: list[_Job] = []
        self._is_busy = False
        self._began: float | None = None  # when what runs now was begun

    def results(self, rows: Sequence[Any]) -> list[Any]:
        """A result for each row, in order. Raises what `run` raises for these rows, whatever others it ran with:
        duckdb.InterruptException where it takes more than SQL_SECONDS.
        """
        job = _Job(rows)
        with self._lock:
            self._queue.append(job)
            starts, self._is_busy = not self._is_busy, True
        if starts:
            self._threads.submit(self._work)
        while not job.done.acquire(timeout=SQL_SECONDS / 10):
            self._interrupt()
        if job.error:
            raise job.error
        return job.results

    def _interrupt(self) -> None:
        with self._lock:  # so that it does not come late, and meets what the cursor does next
            if self._began is not None and time.monotonic() - self._began > SQL_SECONDS:
                self._cursor.interrupt()

    def _work(self) -> None:
        while jobs := self._take():
            self._run_jobs(jobs)

    def _take(self) -> list[_Job]:
        """The first job of the queue, with those behind it that fit."""
        with self._lock:
            count, rows = 0, 0
            while count < len(self._queue) and (not count or rows + len(self._queue[count].rows) <= MAX_ROWS):
                rows += len(self._queue[count].rows)
                count += 1
            jobs, self._queue = self._queue[:count], self._queue[count:]
            self._is_busy = bool(jobs)
        return jobs

    def _run_jobs(self, jobs: list[_Job]) -> None:
        self._began = time.monotonic()
        try:
            results = iter(self._run(self._cursor, [row for job in jobs for row in job.rows]))
            for job in jobs:
                job.results = [next(results) for _ in job.rows]
        except Exception as error:
            # SQL that timed out would time out again
            if len(jobs) > 1 and isinstance(error, duckdb.Error) and not isinstance(error, duckdb.InterruptException):
                for job in jobs:  # only those that cannot be computed fail
                    self._run_jobs([job])
                return
            for job in jobs:
                job.error = error
        finally:
            with self._lock:
                self._began = None
        for job in jobs:
            job.done.release()
