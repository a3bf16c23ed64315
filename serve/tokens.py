"""Bearer tokens: only their SHA-256 is kept in the file, and the file may change under a running shim."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from pathlib import Path
from typing import NamedTuple

from .settings import ConfigurationError
from .snapshot import Service

log = logging.getLogger("asof.serve")


class Token(NamedTuple):
    """One caller. `services` holds names ("late_delivery"), versions of them ("late_delivery@1"), or "*"."""

    name: str
    sha256: str
    services: frozenset[str]

    def may_read(self, service: Service | None) -> bool:
        """Whether this token opens a service; everything, where none is named."""
        return not self.services.isdisjoint({"*", service.name, service.id} if service else {"*"})


class Tokens:
    """The tokens of a file: {"tokens": [{"name": "...", "sha256": "<hex of the token>", "services": ["*"]}]}."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError: a shim must not start on a file that it cannot read."""
        self._path = path
        self._content = path.read_bytes() if path.is_file() else None
        self._tokens = _read(path)

    def find(self, authorization: str | None) -> Token | None:
        """The token of an `Authorization: Bearer ...` header, None if there is none or it is unknown."""
        scheme, _, secret = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            return None
        digest = hashlib.sha256(secret.strip().encode("utf-8", "surrogateescape")).hexdigest()
        # All of them are compared, each in constant time: timing says nothing about any
        found = [token for token in self._tokens if hmac.compare_digest(token.sha256, digest)]
        return found[-1] if found else None

    def reload(self) -> None:
        """Reads the file again if it changed. The folder's thread does, with each look."""
        try:
            content = self._path.read_bytes()
        except OSError:
            content = None
        if content == self._content:
            return
        self._content = content
        try:
            self._tokens = _read(self._path)
            log.info("read %s tokens from %s", len(self._tokens), self._path)
        except ConfigurationError as error:
            # A half-written file must neither lock everybody out nor let anybody in
            log.error("%s; the tokens read before stay in force", error)


def _read(path: Path) -> list[Token]:
    try:
        raw = json.loads(path.read_bytes())["tokens"]
        if any(isinstance(each["services"], str) for each in raw):
            raise ValueError("services is not a list")
        tokens = [Token(each["name"], each["sha256"].lower(), frozenset(each["services"])) for each in raw]
    except OSError as error:
        raise ConfigurationError(f"tokens file {path}: {error.strerror}") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"tokens file {path}: {error!r}") from None
    for token in tokens:
        if not re.fullmatch(r"[0-9a-f]{64}", token.sha256):
            raise ConfigurationError(f"tokens file {path}: sha256 of {token.name!r} is not 64 hex digits")
    return tokens
