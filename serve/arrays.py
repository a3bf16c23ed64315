"""Arrays in a file that many processes map into their memory, where it is there once for all of them."""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = b"asof arrays 1\n"
_ALIGN = 64


class Pack:
    """Arrays that go into one file; `add` gives each its number there."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []

    def add(self, array: np.ndarray) -> int:
        """The number that the array is opened by."""
        self._arrays.append(np.ascontiguousarray(array))
        return len(self._arrays) - 1

    def write(self, path: Path, told: Any) -> None:
        """Writes the file, whole or not at all, and in it what JSON can say of the arrays. Raises OSError."""
        places, at = [], 0
        for array in self._arrays:
            places.append((array.dtype.str, len(array), at))
            at += -(-array.nbytes // _ALIGN) * _ALIGN
        head = json.dumps({"arrays": places, "told": told}).encode()
        start = _MAGIC + len(head).to_bytes(8, "little") + head
        descriptor, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(start + bytes(-len(start) % _ALIGN))
                for array in self._arrays:
                    file.write(array.data)
                    file.write(bytes(-array.nbytes % _ALIGN))
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise


def open_pack(path: Path) -> tuple[Any, list[np.ndarray]]:
    """What was told of the arrays, and they themselves, read-only, by their numbers. The file may be deleted from then
    on. Raises OSError, ValueError.
    """
    with path.open("rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    size = len(_MAGIC)
    if bytes(memory[:size]) != _MAGIC:
        raise ValueError(f"{path.name} holds no arrays")
    end = size + 8 + int.from_bytes(memory[size : size + 8], "little")
    head = json.loads(bytes(memory[size + 8 : end]))
    begin = -(-end // _ALIGN) * _ALIGN
    arrays = [np.frombuffer(memory, dtype, count, begin + at) for dtype, count, at in head["arrays"]]
    return head["told"], arrays
