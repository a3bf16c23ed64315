"""Files that builds leave beside the snapshots, for people: `parity.json`, whether logged answers equal history,
`held.json`, which groups and services are held back, and `health.json`, what was found of the health of the data.

Each is read when it is asked for, never in a request for features. Whatever is wrong with it, answers go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from .clock import parse_rfc3339, rfc3339

FORMAT = 1

Finding = dict[str, Any]  # as the file has it: id, rule, level, kind, subject, column, since, message and more

_COUNTS = ("same", "different", "not_compared", "not_comparable", "open")
_TEXTS = ("id", "rule", "level", "kind", "subject", "message")
_PARTS = ("feeds", "groups", "profiles", "drift")

T = TypeVar("T")

log = logging.getLogger("asof.serve")


def read_parity(folder: Path, now: datetime) -> dict[str, dict[str, Any]]:
    """By service id the last comparison of its logged answers: `compared_at` (the now of that build, RFC 3339),
    `age_seconds` at `now` (UTC), and how many rows of the log were found how. `open` are those that differ, of any
    comparison, and that nobody accepted.
    """

    def parity(each: dict[str, Any]) -> dict[str, Any]:
        compared_at = parse_rfc3339(each["compared_at"])
        age = max(0.0, (now - compared_at).total_seconds())
        return {"compared_at": rfc3339(compared_at), "age_seconds": age} | {name: each[name] for name in _COUNTS}

    return _read(folder / "parity.json", lambda raw: {id_: parity(each) for id_, each in raw["services"].items()})


def read_held(folder: Path) -> dict[str, dict[str, str]]:
    """By the id of a group or service the `reason` why it is carried over, and `since` when (RFC 3339): the now of the
    first build that failed by it.
    """

    def held(each: dict[str, str]) -> dict[str, str]:
        return {"since": rfc3339(parse_rfc3339(each["since"])), "reason": each["reason"]}

    return _read(folder / "held.json", lambda raw: {id_: held(each) for id_, each in raw["held"].items()})


def read_health(folder: Path) -> dict[str, Any]:
    """`findings`, the standing ones, and `feeds`, `groups`, `profiles` and `drift` as the file has them; empty where
    there is none, or it cannot be read, which the log says.
    """

    def understood(raw: dict[str, Any]) -> dict[str, Any]:
        for each in raw["findings"]:
            if not all(isinstance(each[name], str) for name in _TEXTS):
                raise ValueError(f"one of {', '.join(_TEXTS)} of the finding {each['id']!r} is not text")
            parse_rfc3339(each["since"])
        for each in [*raw["feeds"].values(), *raw["groups"].values()]:
            if each["newest_known_at"]:
                parse_rfc3339(each["newest_known_at"])
        return {"findings": raw["findings"]} | {part: dict(raw.get(part) or {}) for part in _PARTS}

    return _read(folder / "health.json", understood) or {"findings": []} | {part: {} for part in _PARTS}


def findings_of(health: dict[str, Any], ids: Iterable[str]) -> list[Finding]:
    """The findings on groups and services with these ids, and on the event models that the groups read."""
    subjects = set(ids)
    subjects |= {feed for id_ in subjects for feed in health["groups"].get(id_, {}).get("feeds", [])}
    return [each for each in health["findings"] if each["subject"] in subjects]


def _read(path: Path, understood: Callable[[dict[str, Any]], dict[str, T]]) -> dict[str, T]:
    """What `understood` makes of a file; empty where there is none, or it cannot be read, which the log says."""
    try:
        raw = orjson.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise ValueError(f"its format is {raw['format']}, which this shim does not know")
        return understood(raw)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
