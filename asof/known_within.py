"""Whether examples were known at their prediction time: one that exists only because of its outcome was not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from .rebuild import Model
from .sandbox import Sandbox, dotted
from .serve.sql import literal

# Lengths of time, in seconds, after which the known examples are counted
RUNGS = [*(60 * each for each in (1, 5, 15, 30)), *(3600 * each for each in (1, 2, 6, 12))]
RUNGS += [86400 * each for each in (1, 2, 7, 30, 90, 365)]
TRIED_ON_A_RUNG = 8


class KnownWithin:
    """Which examples of a model became known later than its YAML says (`known_within`), and how much later."""

    def __init__(self, sandbox: Sandbox, model: Model, number: int, now: datetime) -> None:
        """Takes the examples that the model lists as it stands, built at now."""
        self.model = model
        self._sandbox = sandbox
        self._now = now
        self._table = f"asof_proof.main.example_{number}"
        # missing: the longest time after its prediction_time that an example was not listed yet, in microseconds
        sandbox.run(f"""
            create or replace table {self._table} as
            select cast(row_id as varchar) as row_id, min(prediction_time) as requested_at, 0::bigint as missing
            from {dotted(model.path)}
            where prediction_time < {literal(now)}
            group by 1
        """)

    def note(self, moment: datetime) -> None:
        """Notes which examples the model lists, as it was built at a moment with the future cut off."""
        at = literal(moment)
        self._sandbox.run(f"""
            update {self._table}
            set missing = greatest(missing, datediff('microsecond', requested_at, {at}))
            where
                requested_at < {at}
                and row_id not in (
                    select cast(row_id as varchar) from {dotted(self.model.path)} where row_id is not null
                )
        """)

    def late_after(self, seconds: int) -> int:
        """How many examples are known to have been missing longer than that."""
        return int(self._sandbox.value(f"select count(*) from {self._table} where missing > {seconds * 1_000_000}"))

    def seek(self, build: Callable[[datetime], bool], count: int, seed: int) -> str | None:
        """Tries so many examples at the moment at which each has just to be known; returns what is wrong, if anything.

        build: builds the model at a moment with the future cut off, and says whether it could.
        """
        within = self.model.known_within
        self._try(within, build, count, seed)
        late = self.late_after(within)
        if not late:
            return None
        known, enough = [], None
        for seconds in (each for each in RUNGS if each > within):
            tried, missing = self._try(seconds, build, TRIED_ON_A_RUNG, seed)
            if not tried:
                break
            known.append(f"{(tried - missing) / tried:.0%} within {length(seconds)}")
            if not missing and not self.late_after(seconds):
                enough = length(seconds)
                break
        total = self._sandbox.value(f"select count(*) from {self._table}")
        return (
            f"{self.model.name}: at least {late:,} of {total:,} examples became known later than {length(within)} "
            f"after their prediction_time.\nBecame known of those tried: {', '.join(known) or 'none before now'}.\n"
            "An example that exists only because of what came of it becomes known with the outcome: take its "
            "prediction_time from\nthe moment of the request. Where the warehouse learns of such requests only later, "
            f"say so in\n{self.model.yaml}: `config: {{meta: {{known_within: {enough or '...'}}}}}`."
        )

    def _try(self, seconds: int, build: Callable[[datetime], bool], count: int, seed: int) -> tuple[int, int]:
        """Builds at moments that lie so long after examples; returns how many were tried and how many were missing."""
        border = f"requested_at + to_microseconds({seconds * 1_000_000 + 1})"
        sample = self._sandbox.run(
            f"select row_id, {border} from {self._table} where {border} <= {literal(self._now)} "
            f"order by hash(row_id, {seed}) limit {count}"
        ).fetchall()
        missing = 0
        for row_id, moment in sample:
            if build(moment.astimezone(UTC)):
                self.note(moment)
                query = f"select count(*) from {self._table} where row_id = ? and missing > {seconds * 1_000_000}"
                ((found,),) = self._sandbox.run(query, [row_id]).fetchall()
                missing += found
        return len(sample), missing


def length(seconds: int) -> str:
    """A length of time as YAML takes it: `2 days 3 hours`, `45 seconds`."""
    parts = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0 seconds"
