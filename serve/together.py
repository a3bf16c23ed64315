"""Evaluates the rows of requests that come at the same time in one execution of a service's SQL.

What an execution costs hardly depends on how many rows it has. Nobody waits for company: while DuckDB runs for one
request, others gather, and go together next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb

MAX_ROWS = 128  # in one execution, unless one request has more: beyond some 500, text costs more than it saves

Asked = tuple[dict[str, Any], datetime]  # an entity, and its prediction time
Run = Callable[[list[Asked]], list[Any]]


class _Job:
    """The rows of one request, and what became of them."""

    def __init__(self, asked: list[Asked]) -> None:
        self.asked = asked
        self.rows: list[Any] = []
        self.error: Exception | None = None
        self.is_done = False
        self.wake = threading.Lock()  # held until the job is done, or is the one to lead
        self.wake.acquire()


class Together:
    """A queue of requests, and who of them runs what is in it: one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[_Job] = []
        self._is_busy = False

    def evaluate(self, run: Run, asked: list[Asked]) -> list[Any]:
        """The rows, in order. `run`, the same in every call, returns a row for each one asked, or raises.

        Raises what it raises for these rows, whatever others ask.
        """
        job = _Job(asked)
        with self._lock:
            self._queue.append(job)
            leads, self._is_busy = not self._is_busy, True
        if not leads:
            job.wake.acquire()
        if not job.is_done:
            self._lead(run)
        if job.error is not None:
            raise job.error
        return job.rows

    def _lead(self, run: Run) -> None:
        """Runs the first job of the queue, with those behind it that fit, and lets the next one lead."""
        with self._lock:
            count, rows = 1, len(self._queue[0].asked)
            while count < len(self._queue) and rows + len(self._queue[count].asked) <= MAX_ROWS:
                rows += len(self._queue[count].asked)
                count += 1
            jobs, self._queue = self._queue[:count], self._queue[count:]
        try:
            _run_jobs(run, jobs)
        finally:
            with self._lock:
                following = self._queue[0] if self._queue else None
                self._is_busy = following is not None
            for job in jobs[1:]:
                job.wake.release()
            if following:
                following.wake.release()


def _run_jobs(run: Run, jobs: list[_Job]) -> None:
    try:
        rows = iter(run([each for job in jobs for each in job.asked]))
        for job in jobs:
            job.rows = [next(rows) for _ in job.asked]
    except Exception as error:
        took_too_long = isinstance(error, duckdb.InterruptException)  # as one of them would again, and hold up others
        if len(jobs) > 1 and isinstance(error, duckdb.Error) and not took_too_long:
            for job in jobs:  # only those that cannot be computed fail
                _run_jobs(run, [job])
            return
        for job in jobs:
            job.error = error
    for job in jobs:
        job.is_done = True
