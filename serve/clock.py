"""Times as text (RFC 3339), and the shim's now: one injectable clock, UTC."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime

from .settings import ConfigurationError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Without \d: in the OpenAPI document, not every reader takes it for 0 to 9
RFC3339_PATTERN = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_RFC3339 = re.compile(RFC3339_PATTERN)

Clock = Callable[[], datetime]


def parse_rfc3339(text: str) -> datetime:
    """An RFC 3339 time with an offset as an aware UTC datetime, to the microsecond. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        hint = "; in a query string, a + must be written %2B" if " " in text else ""
        raise ValueError(f"is not an RFC 3339 time with an offset and at most 6 digits of a second{hint}")
    day, clock, fraction, offset = match.groups()
    try:
        time = datetime.fromisoformat(f"{day}T{clock}{(fraction or '.0').ljust(7, '0')}{offset.upper()}")
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a time ({error})") from None


def rfc3339(time: datetime) -> str:
    """A UTC time, naive ones taken as UTC: "2026-05-01T08:58:00Z", with six digits of a second where not zero."""
    return time.replace(tzinfo=None).isoformat() + "Z"


def machine_clock() -> datetime:
    """The machine's now, aware, UTC."""
    return datetime.now(UTC)


def clock_from_environment() -> Clock:
    """A clock frozen at ASOF_NOW (RFC 3339 with an offset; else ConfigurationError); the machine's without it."""
    text = os.environ.get("ASOF_NOW", "")
    if not text:
        return machine_clock
    try:
        now = parse_rfc3339(text)
    except ValueError as error:
        raise ConfigurationError(f"ASOF_NOW={text!r} {error}; expected something like 2026-05-01T09:00:00Z") from None
    return lambda: now


def serving_now(clock: Clock, published_at: datetime) -> datetime:
    """The now that an answer is given at: never earlier than the publication it is given from.

    The builder's clock may be later than the shim's; without this an answer could predate its own snapshot.
    """
    now = clock()
    return max(now if now.tzinfo is UTC else now.astimezone(UTC), published_at)
