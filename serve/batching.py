"""Evaluates the rows of concurrent requests in one execution of a service's SQL.

What an execution costs hardly depends on how many rows it has. No request waits for others to arrive: while DuckDB runs
for one, those that come meanwhile queue, and are the next batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import duckdb

MAX_ROWS = 128  # in one batch; a request with more is evaluated by itself

Run = Callable[[list[Any]], list[Any]]


class _Job:
    """The rows of one request, and what becomes of them."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.results: list[Any] | None = None
        self.error: BaseException | None = None
        self.wake = threading.Lock()  # held until there is a result, or it is this request's turn to run a batch
        self.wake.acquire()

    @property
    def is_done(self) -> bool:
        return self.results is not None or self.error is not None


class Batcher:
    """A queue of requests. The thread of one of them runs a batch, and then hands over to the first that waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[_Job] = []
        self._is_busy = False

    def results(self, rows: Sequence[Any], run: Run) -> list[Any]:
        """A result for each row, in order. `run`, the same for all requests, is called by one thread at a time; it
        returns a result for each row, or raises. Raises what it raises for these rows, whatever others it ran with.
        """
        job = _Job(rows)
        with self._lock:
            self._queue.append(job)
            must_wait, self._is_busy = self._is_busy, True
        if must_wait:
            job.wake.acquire()
        if not job.is_done:
            self._run_batch(run)
        if job.error:
            raise job.error
        return job.results or []

    def _run_batch(self, run: Run) -> None:
        jobs = self._take()
        try:
            _run_jobs(jobs, run)
        finally:
            for job in jobs[1:]:  # the first is this thread's own
                job.wake.release()
            with self._lock:
                self._is_busy = bool(self._queue)
                if self._queue:
                    self._queue[0].wake.release()

    def _take(self) -> list[_Job]:
        """The first job of the queue, with those behind it that fit."""
        with self._lock:
            count, rows = 0, 0
            while count < len(self._queue) and (not count or rows + len(self._queue[count].rows) <= MAX_ROWS):
                rows += len(self._queue[count].rows)
                count += 1
            jobs, self._queue = self._queue[:count], self._queue[count:]
        return jobs


def _run_jobs(jobs: list[_Job], run: Run) -> None:
    try:
        results = iter(run([row for job in jobs for row in job.rows]))
        for job in jobs:
            job.results = [next(results) for _ in job.rows]
    except Exception as error:
        # SQL that took too long would again, and hold up others
        took_too_long = isinstance(error, duckdb.InterruptException)
        if len(jobs) > 1 and isinstance(error, duckdb.Error) and not took_too_long:
            for job in jobs:  # only those that cannot be computed fail
                _run_jobs([job], run)
            return
        for job in jobs:
            job.error = error
