"""Evaluates the rows of requests that come at the same time in one execution of a service's SQL.

What an execution costs hardly depends on how many rows it has. Nobody waits for company: while DuckDB runs for one
request, others gather, and go together next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any

import duckdb

MAX_ROWS = 128  # in one execution, unless one request has more: beyond some 500, text costs more than it saves

Asked = tuple[dict[str, Any], datetime]  # an entity, and its prediction time
Run = Callable[[list[Asked]], list[Any]]
_Job = tuple[list[Asked], Future[list[Any]]]  # the rows of one request, and what becomes of them


class Together:
    """A queue of requests, and a thread that runs what is in it."""

    def __init__(self, threads: Executor, run: Run) -> None:
        """`run`, on one of the threads at a time, returns a row for each one asked, or raises."""
        self._threads = threads
        self._run = run
        self._lock = threading.Lock()
        self._queue: list[_Job] = []
        self._is_busy = False

    def begin(self, asked: list[Asked]) -> Future[list[Any]]:
        """The rows, in order, or what `run` raises for these rows, whatever others ask."""
        future: Future[list[Any]] = Future()
        with self._lock:
            self._queue.append((asked, future))
            begins, self._is_busy = not self._is_busy, True
        if begins:
            self._threads.submit(self._work)
        return future

    def _work(self) -> None:
        while jobs := self._take():
            self._run_jobs(jobs)

    def _take(self) -> list[_Job]:
        """The first job of the queue, with those behind it that fit."""
        with self._lock:
            count, rows = 0, 0
            while count < len(self._queue) and (not count or rows + len(self._queue[count][0]) <= MAX_ROWS):
                rows += len(self._queue[count][0])
                count += 1
            jobs, self._queue = self._queue[:count], self._queue[count:]
            self._is_busy = bool(jobs)
        return jobs

    def _run_jobs(self, jobs: list[_Job]) -> None:
        try:
            rows = iter(self._run([each for asked, _ in jobs for each in asked]))
            done = [[next(rows) for _ in asked] for asked, _ in jobs]
        except Exception as error:
            # One of them would again, and hold up others
            took_too_long = isinstance(error, duckdb.InterruptException)
            if len(jobs) > 1 and isinstance(error, duckdb.Error) and not took_too_long:
                for job in jobs:  # only those that cannot be computed fail
                    self._run_jobs([job])
                return
            for _, future in jobs:
                future.set_exception(error)
            return
        for (_, future), rows_of_one in zip(jobs, done, strict=True):
            future.set_result(rows_of_one)
