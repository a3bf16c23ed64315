"""What the routes share: who may ask, what is served, and how a request to a service is answered."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from werkzeug.http import parse_options_header

from . import feast, openapi
from .clock import Clock, rfc3339, serving_now
from .evaluate import Entity, Plan, Row
from .folder import Folder, Publication
from .limits import SQL_SECONDS, Admission, Busy
from .problem import Problem, unprocessable
from .request_log import RequestLog
from .snapshot import Service, Snapshot
from .tokens import Token, Tokens
from .validation import BadJson, FieldError, Invalid, TooMany, check_body, check_query, parse_json

if TYPE_CHECKING:
    from .metrics import Metrics

RETRY_AFTER = "5"  # seconds, while there is no snapshot
BUSY_RETRY_AFTER = "1"
SERVICE = "asof.service"  # in a request's environ: the id of the service that it reached

Environ = dict[str, Any]  # of a request, as WSGI (PEP 3333) has it

log = logging.getLogger("asof.serve")
audit = logging.getLogger("asof.audit")


class Request(NamedTuple):
    """A request to a service, understood and checked. `now` is its prediction time, aware UTC."""

    publication: Publication
    service: Service
    plan: Plan
    entities: list[Entity]
    now: datetime


class Shim:
    """The folder, the clock, the tokens, the limits, the request log and the metrics."""

    def __init__(
        self,
        folder: Folder,
        clock: Clock,
        tokens: Tokens | None,
        max_entities: int,
        max_body: int,
        request_log: RequestLog | None,
        metrics: Metrics,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.tokens = tokens
        self.max_entities = max_entities
        self.max_body = max_body
        self.request_log = request_log
        self.metrics = metrics
        self._admission = Admission()
        self._openapi: tuple[Snapshot, bytes] | None = None

    def publication(self) -> Publication:
        """The current publication; a request asks once and stays with it. Problem 503 if there is none."""
        current = self.folder.current
        if current is None:
            refused = self.folder.refused
            why = f"the snapshot was refused: {refused.reason}" if refused else "no snapshot is published yet"
            raise Problem(503, why, headers={"Retry-After": RETRY_AFTER})
        return current

    def authorise(self, environ: Environ) -> Token | None:
        """The caller's token; None where no tokens are set. Problem 401 without a valid one."""
        if self.tokens is None:
            return None
        token = self.tokens.find(environ.get("HTTP_AUTHORIZATION"))
        if token is None:
            self._deny(environ, 401, None)
            raise Problem(401, "a valid bearer token is required", headers={"WWW-Authenticate": "Bearer"})
        return token

    def check_scope(self, environ: Environ, token: Token | None, service: Service | None) -> None:
        """Problem 403 if the token does not open the service; or everything, where none is named: views belong to no
        service.
        """
        if token is None:
            return
        if service is None and not token.may_read_all:
            self._deny(environ, 403, token.name)
            raise Problem(403, f'the token {token.name!r} does not open plain views: they need one for "*"')
        if service and not token.may_read(service.name, service.version):
            self._deny(environ, 403, token.name)
            raise Problem(403, f"the token {token.name!r} does not open the service {service.id}")

    def _deny(self, environ: Environ, status: int, token: str | None) -> None:
        """The audit line of a denied request, and its count. Without the query, which may be personal, and headers."""
        self.metrics.denied(status)
        who = f"token {token!r}" if token else "no known token"
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        # As a literal, so that no path can forge a line
        method, caller = environ["REQUEST_METHOD"], environ.get("REMOTE_ADDR")
        audit.warning("DENIED %s %s %r from %s, %s", status, method, path, caller, who)

    def service(self, environ: Environ, publication: Publication, asked: str) -> Service:
        """The service that a path names, "name" (its latest version) or "name@version". Problem 404 if
        unknown.
        """
        name, at, version = asked.partition("@")
        service = publication.snapshot.service(name, version if at else None)
        if service is None:
            existing = sorted(publication.snapshot.services)
            raise Problem(404, f"no service {asked!r}; there are: {', '.join(existing) or 'none'}", services=existing)
        environ[SERVICE] = service.id
        return service

    def openapi(self, snapshot: Snapshot) -> bytes:
        """The OpenAPI document of a snapshot as JSON, written once."""
        written = self._openapi
        if written is None or written[0] is not snapshot:
            found = openapi.document(snapshot, with_tokens=self.tokens is not None, max_entities=self.max_entities)
            written = self._openapi = (snapshot, json.dumps(found).encode())
        return written[1]

    def close(self) -> None:
        """Looks after the folder no longer, and writes what is queued for the request log."""
        self.folder.stop()
        if self.request_log:
            self.request_log.stop()

    def post_service(self, environ: Environ, name: str) -> bytes:
        """The JSON that answers `POST /v1/services/<name>`. Raises Problem."""
        publication, service = self._reach(environ, name)
        with self._admitted(environ) as body:
            try:
                entities = check_body(service, _parse_object(body), self.max_entities)
            except TooMany as error:
                raise Problem(413, str(error)) from None
            except Invalid as error:
                raise unprocessable(error) from None
            return self.answer(self.request(publication, service, entities))

    def get_service(self, environ: Environ, name: str, arguments: dict[str, list[str]]) -> bytes:
        """The JSON that answers `GET /v1/services/<name>` with these query arguments. Raises Problem."""
        publication, service = self._reach(environ, name)
        with self._admitted(environ):
            try:
                entities = check_query(service, arguments)
            except Invalid as error:
                raise unprocessable(error) from None
            return self.answer(self.request(publication, service, entities))

    def _reach(self, environ: Environ, name: str) -> tuple[Publication, Service]:
        token = self.authorise(environ)
        publication = self.publication()
        service = self.service(environ, publication, name)
        self.check_scope(environ, token, service)
        return publication, service

    @contextmanager
    def _admitted(self, environ: Environ) -> Iterator[bytes]:
        """While a request is answered. Gives its body, which is read before large ones take turns:
        its sender may be slow.
        Problem 413, 415, and 503 if too many are under way.
        """
        size = _size(environ)
        try:
            with self._admission.of(size):
                body = _read_body(environ, size, self.max_body) if environ["REQUEST_METHOD"] == "POST" else b""
                with self._admission.turn(size):
                    yield body
        except Busy as error:
            raise Problem(503, f"{error}: try again", headers={"Retry-After": BUSY_RETRY_AFTER}) from None

    def request(self, publication: Publication, service: Service, entities: list[Entity]) -> Request:
        """Checked entities, to be answered from a publication as of now."""
        now = serving_now(self.clock, publication.pointer.published_at)
        return Request(publication, service, publication.plans[service.id], entities, now)

    def _rows(self, request: Request) -> list[Row]:
        """The rows of a request. Problem 422 where the SQL cannot compute them, 503 if it takes too long."""
        service = request.service
        try:
            rows = request.plan.rows(request.entities, request.now)
        except duckdb.InterruptException:
            log.error("service %s: its SQL was interrupted after %s s", service.id, SQL_SECONDS)
            why = f"with these values, or those of a request beside, {service.id} takes more than {SQL_SECONDS:g} s"
            raise Problem(503, why, headers={"Retry-After": RETRY_AFTER}) from None
        except duckdb.DataError as error:
            if len(service.inputs) == len(service.keys):
                raise
            # The SQL computes with what the caller sent, and cannot: a number too large to multiply, say
            wrong = FieldError("/entities", f"cannot be computed with: {error}", "other values in the request columns")
            raise Problem(422, "the service cannot compute with these values", errors=[wrong.as_json()]) from error
        self.metrics.answered(service, rows)
        return rows

    def answer(self, request: Request) -> bytes:
        """The JSON that answers a request. Raises Problem."""
        head, rows = _head(request), [request.plan.row_json(row) for row in self._rows(request)]
        self._log(request, head, rows)
        return f'{head},"rows":[{",".join(rows)}]}}'.encode()

    def _log(self, request: Request, head: str, rows: list[str]) -> None:
        """Hands an answer to the request log, if there is one and it is drawn."""
        if self.request_log and self.request_log.draws():
            self.request_log.put(request.plan, head, request.entities, rows)

    def answer_feast(self, environ: Environ) -> str:
        """The answer to a Feast SDK. Raises Problem, feast.Refused."""
        token = self.authorise(environ)
        publication = self.publication()
        with self._admitted(environ) as body:
            return self._answer_feast(environ, publication, token, _parse_object(body))

    def _answer_feast(
        self, environ: Environ, publication: Publication, token: Token | None, body: dict[str, Any]
    ) -> str:
        asked = feast.Asked.parse(body, self.max_entities)
        if asked.service is None:
            self.check_scope(environ, token, None)
            views = feast.find_views(publication.snapshot, asked)
            now = serving_now(self.clock, publication.pointer.published_at)
            columns, statuses = feast.view_columns(views, asked, now)
            for group, of_rows in statuses.items():
                self.metrics.answered_view(group, of_rows)
            versions = [(view.name, view.group.version) for view in views]
            return feast.answer_json(asked, list(asked.entities), columns, versions)
        service = self.service(environ, publication, asked.service)
        self.check_scope(environ, token, service)
        plan = publication.plans[service.id]
        request = self.request(publication, service, feast.service_entities(plan, asked, self.max_entities))
        rows = self._rows(request)
        self._log(request, _head(request), [plan.row_json(row) for row in rows])
        columns = feast.service_columns(plan, asked, rows)
        return feast.answer_json(asked, service.keys, columns, [(service.name, service.version)])


def _head(request: Request) -> str:
    """The answer's JSON up to its rows: but for the prediction time the same for every request to a publication."""
    publication, service = request.publication, request.service
    head = publication.heads.get(service.id)
    if head is None:
        fields = {
            "service": service.name,
            "version": service.version,
            "snapshot_id": publication.snapshot.snapshot_id,
            "definition": service.definition,
            "sequence_number": publication.pointer.sequence_number,
            "as_of": {lookup.name: rfc3339(lookup.group.as_of) for lookup in service.lookups},
            "published_at": rfc3339(publication.pointer.published_at),
        }
        head = publication.heads[service.id] = json.dumps(fields, separators=(",", ":"))[:-1]
    return f'{head},"prediction_time":"{rfc3339(request.now)}"'


def _parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Problem 400."""
    try:
        parsed = parse_json(body)
    except BadJson as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise Problem(400, 'the body is not an object, expected {"entities": ...}')
    return parsed


def _read_body(environ: Environ, size: int | None, limit: int) -> bytes:
    """The request's body, which says that it has `size` bytes. Problem 415 for another type, 413 beyond the limit."""
    kind = environ.get("CONTENT_TYPE", "")
    if kind != "application/json" and parse_options_header(kind)[0].lower() != "application/json":
        raise Problem(415, f"Content-Type is {kind or 'missing'}, expected application/json")
    data = b""
    if size is None or size <= limit:
        data = environ["wsgi.input"].read(limit + 1 if size is None else size)
    if (len(data) if size is None else size) > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    return data


def _size(environ: Environ) -> int | None:
    """What the request says that its body has of bytes; None if it is sent in chunks."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    length = environ.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else None
