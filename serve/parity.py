"""What the builds found when they compared logged answers with history: `parity.json` in the published folder.

It stands beside the snapshots and is read with each request for it. Whatever is wrong with it, answers go on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from .clock import parse_rfc3339

FORMAT = 1

T = TypeVar("T")

log = logging.getLogger("asof.serve")


@dataclass(frozen=True)
class Parity:
    """The last comparison of a service's logged answers. `compared_at` is the now of that build (UTC); the counts are
    rows of the log, `open` those that differ, of any comparison, and that nobody accepted.
    """

    compared_at: datetime
    same: int
    different: int
    not_compared: int
    not_comparable: int
    open: int

    def age_seconds(self, now: datetime) -> float:
        """Seconds since the comparison, at `now` (UTC)."""
        return max(0.0, (now - self.compared_at).total_seconds())


def read_parity(folder: Path) -> dict[str, Parity]:
    """By service id; empty where nothing was compared yet, or the file cannot be read, which the log says."""

    def parity(raw: dict[str, Any]) -> dict[str, Parity]:
        return {
            service: Parity(compared_at=parse_rfc3339(found.pop("compared_at")), **found)
            for service, found in raw["services"].items()
        }

    return read_report(folder / "parity.json", parity)


def read_report(path: Path, understood: Callable[[dict[str, Any]], dict[str, T]]) -> dict[str, T]:
    """What `understood` makes of a file that a build leaves beside the snapshots; empty where there is none, or it
    cannot be read, which the log says.
    """
    try:
        raw = json.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise ValueError(f"its format is {raw['format']}, which this shim does not know")
        return understood(raw)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
