"""The Flask application: routes, and how answers and errors are written. Everything else is in the modules
beside it.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from serve import catalog, feast, openapi
from serve.clock import Clock, clock_from_environment, serving_now
from serve.evaluate import Entity, Plan, Row
from serve.folder import Folder, Publication
from serve.limits import SQL_SECONDS
from serve.request_log import RequestLog
from serve.snapshot import Service, Snapshot
from serve.sqltypes import rfc3339
from serve.tokens import Token, Tokens
from serve.validation import BadJson, FieldError, Invalid, TooMany, check_body, check_query, parse_json

if TYPE_CHECKING:
    from serve.metrics import Metrics

MAX_ENTITIES = 1000
MAX_BODY = 1024 * 1024  # bytes
RETRY_AFTER = "5"  # seconds, while there is no snapshot
SERVICES = "/v1/services/"
SERVICE = "asof.service"  # in a request's environ: the id of the service that it reached

Environ = dict[str, Any]  # of a request, as WSGI (PEP 3333) has it

log = logging.getLogger("asof.serve")
audit = logging.getLogger("asof.audit")


class ConfigurationError(ValueError):
    """The shim must not start like this."""


class Problem(Exception):
    """An answer that is an error, as application/problem+json (RFC 9457). `more` holds further members of
    it.
    """

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        title = HTTPStatus(status).phrase
        self.document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}

    def response(self) -> Response:
        """The Flask response."""
        return Response(json.dumps(self.document), self.status, self.headers, content_type="application/problem+json")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(host: str, tokens: str | os.PathLike[str] | None) -> None:
    """Raises ConfigurationError for what may only be done on loopback: no tokens, or a frozen clock."""
    if is_loopback(host):
        return
    if not tokens:
        raise ConfigurationError(f"{host} is not a loopback address: give a tokens file (--tokens, ASOF_TOKENS)")
    if os.environ.get("ASOF_NOW"):
        raise ConfigurationError(f"{host} is not a loopback address: ASOF_NOW, a frozen clock, is for loopback only")


class Asked(NamedTuple):
    """A request to a service, understood and checked. `now` is its prediction time, aware UTC."""

    publication: Publication
    service: Service
    plan: Plan
    entities: list[Entity]
    now: datetime

    def begin(self) -> list[Row] | Future[list[Row]]:
        """As `Plan.begin`."""
        return self.plan.begin(self.entities, self.now)


class Shim:
    """What the routes share: the folder, the clock, the tokens, the limits and the request log."""

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

    def ask(self, publication: Publication, service: Service, entities: list[Entity]) -> Asked:
        """Checked entities, to be answered from a publication as of now."""
        now = serving_now(self.clock, publication.pointer.published_at)
        return Asked(publication, service, publication.plans[service.id], entities, now)

    def rows(self, asked: Asked, begun: list[Row] | Future[list[Row]]) -> list[Row]:
        """The rows that `Asked.begin` began, once they are there. Problem 422 where the SQL cannot, 503 if it takes too
        long.
        """
        service = asked.service
        try:
            rows = begun if isinstance(begun, list) else begun.result()
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

    def close(self) -> None:
        """Looks after the folder no longer, and writes what is queued for the request log."""
        self.folder.stop()
        if self.request_log:
            self.request_log.close()

    def count(self, environ: Environ, path: str, status: int, began: float) -> None:
        """Counts a request that was answered. `path` is its route, `began` of time.perf_counter."""
        self.metrics.request(path, environ.get(SERVICE, ""), status, time.perf_counter() - began)

    def ask_by_post(self, environ: Environ, name: str) -> Asked:
        """What `POST /v1/services/<name>` asks. Raises Problem."""
        token = self.authorise(environ)
        publication = self.publication()
        service = self.service(environ, publication, name)
        self.check_scope(environ, token, service)
        try:
            entities = check_body(service, _read_object(environ, self.max_body), self.max_entities)
        except TooMany as error:
            raise Problem(413, str(error)) from None
        except Invalid as error:
            raise _unprocessable(error) from None
        return self.ask(publication, service, entities)

    def answer(self, asked: Asked, begun: list[Row] | Future[list[Row]]) -> bytes:
        """The answer as JSON, once the rows that `Asked.begin` began are there. Raises Problem."""
        rows = self.rows(asked, begun)
        head = _head(asked)
        body = b'%b,"rows":%b}' % (head.encode(), orjson.dumps([row.ready for row in rows]))
        self._log(asked, head, rows)
        return body

    def _log(self, asked: Asked, head: str, rows: list[Row]) -> None:
        """Hands an answer to the request log, if there is one and it is drawn."""
        if self.request_log and self.request_log.draws():
            self.request_log.put(asked.plan, head, asked.entities, [orjson.dumps(row.ready).decode() for row in rows])

    def answer_feast(self, environ: Environ) -> str:
        """The answer to a Feast SDK. Raises Problem, feast.Refused."""
        token = self.authorise(environ)
        publication = self.publication()
        asked = feast.Asked.parse(_read_object(environ, self.max_body), self.max_entities)
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
        one = self.ask(publication, service, feast.service_entities(plan, asked, self.max_entities))
        rows = self.rows(one, one.begin())
        self._log(one, _head(one), rows)
        columns = feast.service_columns(plan, asked, rows)
        return feast.answer_json(asked, service.keys, columns, [(service.name, service.version)])


def _head(asked: Asked) -> str:
    """The answer's JSON up to its rows: but for the prediction time the same for every request to a publication."""
    publication, service = asked.publication, asked.service
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
    return f'{head},"prediction_time":"{rfc3339(asked.now)}"'


def create_app(
    folder: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    tokens: str | os.PathLike[str] | None = None,
    max_entities: int = MAX_ENTITIES,
    max_body: int = MAX_BODY,
    now: Clock | None = None,
    request_log: RequestLog | None = None,
    scratch: str | os.PathLike[str] | None = None,
) -> Flask:
    """The shim over a published folder, which need not exist yet. `now` replaces the clock (aware datetimes);
    `request_log` is started. `scratch` is a folder where the processes that serve together prepare snapshots.

    `host` is where the server will listen: it decides what is allowed.
    Raises ConfigurationError, TokensError, ClockError.
    """
    # Here and no earlier: the library looks at its import whether several workers share the counters
    from serve.metrics import Metrics

    check_exposure(host, tokens)
    clock = now or clock_from_environment()
    on_load = (lambda snapshot: request_log.check_services(snapshot.services.values())) if request_log else None
    watched = Folder(
        Path(folder),
        allow_injected_now=is_loopback(host),
        clock=clock,
        scratch=Path(scratch) if scratch else None,
        on_load=on_load,
    )
    metrics = Metrics(watched, clock)
    watched.on_refuse = metrics.snapshots_refused.inc
    watched.on_look = metrics.count
    if request_log:
        request_log.on_drop = metrics.request_log_dropped.inc
    shim = Shim(watched, clock, Tokens(Path(tokens)) if tokens else None, max_entities, max_body, request_log, metrics)
    app = Flask("serve", static_folder=None)
    app.json.sort_keys = False
    app.extensions["asof"] = shim
    _register_errors(app)
    app.wsgi_app = _Counted(app.wsgi_app, shim)
    _register_metrics(app, shim)
    _register_services(app, shim)
    _register_feast(app, shim)
    _register_pages(app, shim)
    watched.start()
    if request_log:
        request_log.start()
    return app


def _register_errors(app: Flask) -> None:
    app.register_error_handler(Problem, Problem.response)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        code = error.code or 500
        if code < 400:  # a redirect is no problem
            return error.get_response()
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return Problem(code, error.description or "", headers=headers).response()

    app.register_error_handler(Exception, failed)


class _Counted:
    """WSGI middleware that counts and times the requests that reach Flask."""

    def __init__(self, flask: Callable[..., Any], shim: Shim) -> None:
        self._flask = flask
        self._shim = shim

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        began = time.perf_counter()

        def start(status: str, *more: Any) -> Any:
            rule = environ["werkzeug.request"].url_rule
            self._shim.count(environ, rule.rule if rule else "", int(status[:3]), began)
            return start_response(status, *more)

        return self._flask(environ, start)


def failed(error: Exception) -> Response:
    """The answer where the shim is to blame; the log has the reason."""
    log.exception("a request failed", exc_info=error)
    return Problem(500, "the shim failed; its log says why").response()


def _register_metrics(app: Flask, shim: Shim) -> None:
    from serve.metrics import CONTENT_TYPE

    @app.get("/metrics")
    def get_metrics() -> Response:
        shim.authorise(request.environ)  # it names services, features and groups, and says how they fare
        return Response(shim.metrics.text(), content_type=CONTENT_TYPE)


def _register_services(app: Flask, shim: Shim) -> None:
    @app.post(f"{SERVICES}<asked>")
    def post_service(asked: str) -> Response:
        one = shim.ask_by_post(request.environ, asked)
        return Response(shim.answer(one, one.begin()), content_type="application/json")

    @app.get(f"{SERVICES}<asked>")
    def get_service(asked: str) -> Response:
        token = shim.authorise(request.environ)
        publication = shim.publication()
        service = shim.service(request.environ, publication, asked)
        shim.check_scope(request.environ, token, service)
        try:
            entities = check_query(service, request.args.to_dict(flat=False))
        except Invalid as error:
            raise _unprocessable(error) from None
        one = shim.ask(publication, service, entities)
        return Response(shim.answer(one, one.begin()), content_type="application/json")


def _register_feast(app: Flask, shim: Shim) -> None:
    @app.post("/get-online-features")
    def post_feast() -> Response:
        try:
            return Response(shim.answer_feast(request.environ), content_type="application/json")
        except feast.Refused as error:
            written = feast.error_json(error.status, str(error), error.kind)
            return Response(written, error.status, content_type="application/json")
        except Problem as error:
            written = feast.error_json(error.status, str(error))
            return Response(written, error.status, error.headers, content_type="application/json")


def _read_object(environ: Environ, limit: int) -> dict[str, Any]:
    """The JSON object that the request's body is. Problem 400, 413, 415."""
    kind = environ.get("CONTENT_TYPE", "")
    if kind != "application/json" and parse_options_header(kind)[0].lower() != "application/json":
        raise Problem(415, f"Content-Type is {kind or 'missing'}, expected application/json")
    try:
        body = parse_json(_read_body(environ, limit))
    except BadJson as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Problem(400, 'the body is not an object, expected {"entities": ...}')
    return body


def _read_body(environ: Environ, limit: int) -> bytes:
    """The request's body. Problem 413 if it is larger than `limit` bytes."""
    length = environ.get("CONTENT_LENGTH") or ""
    size = int(length) if length.isdecimal() else limit + 1  # sent without a length, it is read up to the limit
    data = environ["wsgi.input"].read(size) if not length or size <= limit else b""
    if (size if length else len(data)) > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    return data


def _unprocessable(error: Invalid) -> Problem:
    first = error.errors[0]
    detail = f"{first.pointer} {first.detail}"
    if len(error.errors) > 1:
        detail += f", and {len(error.errors) - 1} more errors"
    return Problem(422, detail, errors=[each.as_json() for each in error.errors])


def _register_pages(app: Flask, shim: Shim) -> None:
    def now_for(publication: Publication | None) -> datetime:
        return serving_now(shim.clock, publication.pointer.published_at) if publication else shim.clock()

    def state() -> dict[str, Any]:
        current, refused = shim.folder.current, shim.folder.refused
        return {
            "snapshot_id": current.snapshot.snapshot_id if current else None,
            "sequence_number": current.pointer.sequence_number if current else None,
            "hold": current.pointer.hold if current else None,
            "folder_missing": shim.folder.missing,
            "refused": {
                "snapshot_id": refused.snapshot_id,
                "reason": refused.reason,
                "since": rfc3339(refused.since),
            }
            if refused
            else None,
        }

    @app.get("/v1/catalog")
    def get_catalog() -> dict[str, Any]:
        shim.authorise(request.environ)
        publication = shim.publication()
        return catalog.catalog(publication, now_for(publication))

    @app.get("/openapi.json")
    def get_openapi() -> Response:
        shim.authorise(request.environ)
        return Response(shim.openapi(shim.publication().snapshot), content_type="application/json")

    @app.get("/")
    def get_page() -> Response:
        shim.authorise(request.environ)
        current, refused = shim.folder.current, shim.folder.refused
        base, with_token = request.host_url.rstrip("/"), shim.tokens is not None
        html = catalog.page(current, refused.reason if refused else None, now_for(current), base, with_token=with_token)
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return response

    # Probes need no token: a balancer has none, and they tell no value
    @app.get("/health")
    def get_health() -> dict[str, Any]:
        return {"status": "up", **state()}

    @app.get("/ready")
    def get_ready() -> dict[str, Any]:
        shim.publication()
        return {"status": "ready", **state()}

    @app.get("/ready/<asked>")
    def get_ready_service(asked: str) -> dict[str, Any]:
        publication = shim.publication()
        service = shim.service(request.environ, publication, asked)
        now = now_for(publication)
        stale = [each.group for each in service.lookups if catalog.is_stale(each.group, now)]
        if stale:
            told = [
                f"{each.id} is {catalog.age_seconds(each, now):.0f} s old, of {each.max_age_seconds} s"
                for each in stale
            ]
            raise Problem(503, f"{service.id} is stale: {'; '.join(told)}", headers={"Retry-After": RETRY_AFTER})
        return {"status": "ready", "service": service.id, **state()}
