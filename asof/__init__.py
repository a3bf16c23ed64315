"""asof: machine-learning features from a dbt project. The commands of `asof`, and the shim in `asof.serve`.

In a notebook: `from asof import batch, training` (`sets.py`).
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`training` and `batch`, imported at their first use: the shim is installed without what they need."""
    if name in ("training", "batch"):
        from . import sets

        return getattr(sets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
