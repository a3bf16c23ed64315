"""The commands of `python -m serve` besides serving. Each module here has a `register(commands)` that adds
its own.
"""

from __future__ import annotations

from serve import compare, explain, new, prove, prune, sets

MODULES = [prune, prove, explain, sets, compare, new]
