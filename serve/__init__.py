"""The thin Flask shim of asof: it serves published snapshots over HTTP.

It knows snapshots and services, never a feature's meaning: rows are looked up in memory, and the SQL text of
the manifest is run over them. A request goes server -> app -> shim -> validation ->
evaluate (lookup, batch, DuckDB); a snapshot goes folder -> loader -> manifest and columns -> evaluate (plans).

For a notebook, of a dbt project: `from serve import batch, training` (`sets.py`).
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`training` and `batch`, once they are asked for: the shim imports nothing that it does not need."""
    if name in ("training", "batch"):
        from serve import sets

        return getattr(sets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
