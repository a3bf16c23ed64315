"""Answers that are errors, as application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

log = logging.getLogger("asof.serve")


class Problem(Exception):
    """An answer that is an error. `more` holds further members of the document."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        title = HTTPStatus(status).phrase
        self.document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def response_to(error: Exception) -> Response:
    """The answer to a request that raised: a Problem, or what Flask raises for a path or method that there is not.
    For all else the shim is to blame, and the log has the reason.
    """
    if isinstance(error, HTTPException):
        allowed = {name: value for name, value in error.get_headers() if name == "Allow"}
        error = Problem(error.code or 500, error.description or "", headers=allowed)
    if not isinstance(error, Problem):
        log.exception("a request failed", exc_info=error)
        error = Problem(500, "the shim failed; its log says why")
    return Response(json.dumps(error.document), error.status, error.headers, content_type="application/problem+json")
