"""The shim's now: one injectable clock, UTC."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from .sqltypes import parse_rfc3339

Clock = Callable[[], datetime]


class ClockError(ValueError):
    """ASOF_NOW is set, but is not a time."""


def machine_clock() -> datetime:
    """The machine's now, aware, UTC."""
    return datetime.now(UTC)


def clock_from_environment() -> Clock:
    """A frozen clock if ASOF_NOW is set (RFC 3339 with an offset; else ClockError), otherwise the
    machine's.
    """
    text = os.environ.get("ASOF_NOW", "")
    if not text:
        return machine_clock
    try:
        now = parse_rfc3339(text)
    except ValueError as error:
        raise ClockError(f"ASOF_NOW={text!r} {error}; expected something like 2026-05-01T09:00:00Z") from None
    return lambda: now


def serving_now(clock: Clock, published_at: datetime) -> datetime:
    """The now that an answer is given at: never earlier than the publication it is given from.

    The builder's clock may be ahead of the shim's; without this an answer could predate its own snapshot.
    """
    now = clock()
    return max(now if now.tzinfo is UTC else now.astimezone(UTC), published_at)
