"""What the builds found of the health of the data: `health.json` in the published folder, written by them.

It lies beside the snapshots and is read when it is asked for. Whatever is wrong with it, answers go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .clock import parse_rfc3339
from .parity import read_report

Finding = dict[str, Any]  # as the file has it: id, rule, level, kind, subject, column, since, message and more

_TEXTS = ("id", "rule", "level", "kind", "subject", "message")
_PARTS = ("feeds", "groups", "profiles", "drift")


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

    return read_report(folder / "health.json", understood) or {"findings": []} | {part: {} for part in _PARTS}


def findings_of(health: dict[str, Any], ids: Iterable[str]) -> list[Finding]:
    """The findings on groups and services with these ids, and on the event models that the groups read."""
    subjects = set(ids)
    subjects |= {feed for id_ in subjects for feed in health["groups"].get(id_, {}).get("feeds", [])}
    return [each for each in health["findings"] if each["subject"] in subjects]
