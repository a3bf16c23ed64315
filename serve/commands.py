"""The commands of `python -m serve` besides serving. Each module here has a `register(commands)` that adds
its own.
"""

from __future__ import annotations

from serve import compare, explain, feast_repository, loop, new, prove, prune, sets, sync

MODULES = [prune, sync, loop, prove, explain, sets, compare, new, feast_repository]
