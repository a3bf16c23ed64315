"""Which groups and services are held back, since when and why: `held.json` in the published folder, by the builds.

It lies beside the snapshots and is read when it is asked for. Whatever is wrong with it, answers go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .clock import parse_rfc3339, rfc3339
from .parity import read_report


@dataclass(frozen=True)
class Held:
    """Why a group or service is carried over, and since when: the now of the first build that failed by it (UTC)."""

    since: datetime
    reason: str

    def as_json(self) -> dict[str, str]:
        """As the catalog and /ready show it."""
        return {"since": rfc3339(self.since), "reason": self.reason}


def read_held(folder: Path) -> dict[str, Held]:
    """By the id of a group or service; empty where nothing is held, or the file cannot be read, which the log says."""

    def held(raw: dict[str, Any]) -> dict[str, Held]:
        return {id_: Held(parse_rfc3339(each["since"]), each["reason"]) for id_, each in raw["held"].items()}

    return read_report(folder / "held.json", held)
