"""The Flask application: routes, and how answers and errors are written. Everything else is in the modules
beside it.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from datetime import datetime
from http import HTTPStatus
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from serve import catalog, feast, openapi
from serve.clock import Clock, clock_from_environment, serving_now
from serve.evaluate import Entity, Plan, Row
from serve.folder import Folder, Publication
from serve.limits import SQL_SECONDS, Turns, end_stuck_connections_forever, keep_few_arenas
from serve.request_log import RequestLog, request_log_from_environment
from serve.snapshot import Service, Snapshot
from serve.sqltypes import rfc3339
from serve.tokens import Token, Tokens
from serve.validation import BadJson, FieldError, Invalid, TooMany, check_body, check_query, parse_json

if TYPE_CHECKING:
    from serve.metrics import Metrics

MAX_ENTITIES = 1000
MAX_BODY = 1024 * 1024  # bytes
IDLE_SECONDS = 75  # a connection may wait for its next request: longer than balancers keep one, which is 60
REQUEST_SECONDS = 15  # to send a request's body and to take its answer
SWITCH_SECONDS = 0.0005  # so soon a request gets its turn while a snapshot is loading; Python's own is ten times that
RETRY_AFTER = "5"  # seconds, while there is no snapshot

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


class Shim:
    """What the routes share: the folder, the clock, the tokens, the limits and the request log."""

    def __init__(
        self,
        folder: Folder,
        clock: Clock,
        tokens: Tokens | None,
        max_entities: int,
        request_log: RequestLog | None,
        metrics: Metrics,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.tokens = tokens
        self.max_entities = max_entities
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

    def authorise(self, service: Service | None = None) -> None:
        """Problem 401 without a valid token, 403 if it does not open the service. Nothing where no tokens
        are set.
        """
        if self.tokens is None:
            return
        token = self._token()
        if token is None:
            self._deny(401, None)
            raise Problem(401, "a valid bearer token is required", headers={"WWW-Authenticate": "Bearer"})
        if service and not token.may_read(service.name, service.version):
            self._deny(403, token.name)
            raise Problem(403, f"the token {token.name!r} does not open the service {service.id}")

    def _token(self) -> Token | None:
        """The caller's token; looked for once per request, since the file is looked at too."""
        if "token" not in g:
            g.token = self.tokens.find(request.headers.get("Authorization"))
        return g.token

    def authorise_views(self) -> None:
        """Problem 403 for a token that does not open everything: views belong to no service."""
        token = self._token() if self.tokens else None
        if token and not token.may_read_all:
            self._deny(403, token.name)
            raise Problem(403, f'the token {token.name!r} does not open plain views: they need one for "*"')

    def _deny(self, status: int, token: str | None) -> None:
        """The audit line of a denied request, and its count. Without the query, which may be personal, and headers."""
        self.metrics.denied(status)
        who = f"token {token!r}" if token else "no known token"
        # As a literal, so that no path can forge a line
        audit.warning("DENIED %s %s %r from %s, %s", status, request.method, request.path, request.remote_addr, who)

    def service(self, publication: Publication, asked: str) -> Service:
        """The service that a path names, "name" (its latest version) or "name@version". Problem 404 if
        unknown.
        """
        name, at, version = asked.partition("@")
        service = publication.snapshot.service(name, version if at else None)
        if service is None:
            existing = sorted(publication.snapshot.services)
            raise Problem(404, f"no service {asked!r}; there are: {', '.join(existing) or 'none'}", services=existing)
        g.service = service.id
        return service

    def openapi(self, snapshot: Snapshot) -> bytes:
        """The OpenAPI document of a snapshot as JSON, written once."""
        written = self._openapi
        if written is None or written[0] is not snapshot:
            found = openapi.document(snapshot, with_tokens=self.tokens is not None, max_entities=self.max_entities)
            written = self._openapi = (snapshot, json.dumps(found).encode())
        return written[1]

    def evaluate(
        self, publication: Publication, service: Service, entities: list[Entity]
    ) -> tuple[datetime, list[Row]]:
        """The prediction time, the same for all, and the rows of checked entities. Problem 422 where the SQL cannot."""
        now = serving_now(self.clock, publication.pointer.published_at)
        try:
            rows = publication.plans[service.id].answer(self.folder.engine, entities, now)
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
        return now, rows

    def answer(self, publication: Publication, service: Service, entities: list[Entity]) -> Response:
        """The answer for checked entities."""
        plan = publication.plans[service.id]
        now, rows = self.evaluate(publication, service, entities)
        head = _head(publication, service, now)
        body = b'%b,"rows":%b}' % (head.encode(), orjson.dumps([row.ready for row in rows]))
        self._log(plan, head, entities, rows)
        return Response(body, content_type="application/json")

    def _log(self, plan: Plan, head: str, entities: list[Entity], rows: list[Row]) -> None:
        """Hands an answer to the request log, if there is one and it is drawn."""
        if self.request_log and self.request_log.draws():
            self.request_log.put(plan, head, entities, [orjson.dumps(row.ready).decode() for row in rows])

    def answer_feast(self, publication: Publication, asked: feast.Asked) -> str:
        """The answer to a Feast SDK. Raises Problem, feast.Refused."""
        if asked.service is None:
            self.authorise_views()
            views = feast.find_views(publication.snapshot, asked)
            now = serving_now(self.clock, publication.pointer.published_at)
            columns, statuses = feast.view_columns(views, asked, now)
            for group, of_rows in statuses.items():
                self.metrics.answered_view(group, of_rows)
            versions = [(view.name, view.group.version) for view in views]
            return feast.answer_json(asked, list(asked.entities), columns, versions)
        service = self.service(publication, asked.service)
        self.authorise(service)
        plan = publication.plans[service.id]
        entities = feast.service_entities(plan, asked, self.max_entities)
        now, rows = self.evaluate(publication, service, entities)
        self._log(plan, _head(publication, service, now), entities, rows)
        columns = feast.service_columns(plan, asked, rows)
        return feast.answer_json(asked, service.keys, columns, [(service.name, service.version)])


def _head(publication: Publication, service: Service, now: datetime) -> str:
    """The answer's JSON up to its rows: but for the prediction time the same for every request to a publication."""
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
    return f'{head},"prediction_time":"{rfc3339(now)}"'


def create_app(
    folder: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    tokens: str | os.PathLike[str] | None = None,
    max_entities: int = MAX_ENTITIES,
    max_body: int = MAX_BODY,
    now: Clock | None = None,
    request_log: RequestLog | None = None,
) -> Flask:
    """The shim over a published folder, which need not exist yet. `now` replaces the clock (aware datetimes);
    `request_log` is started.

    `host` is where the server will listen: it decides what is allowed.
    Raises ConfigurationError, TokensError, ClockError.
    """
    # Here and no earlier: the library looks at its import whether several workers share the counters
    from serve.metrics import Metrics

    check_exposure(host, tokens)
    clock = now or clock_from_environment()
    on_load = (lambda snapshot: request_log.check_services(snapshot.services.values())) if request_log else None
    watched = Folder(Path(folder), allow_injected_now=is_loopback(host), clock=clock, on_load=on_load)
    metrics = Metrics(watched, clock)
    watched.on_refuse = metrics.snapshots_refused.inc
    if request_log:
        request_log.on_drop = metrics.request_log_dropped.inc
    shim = Shim(watched, clock, Tokens(Path(tokens)) if tokens else None, max_entities, request_log, metrics)
    app = Flask("serve", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body
    app.wsgi_app = Turns(app.wsgi_app, max_body)
    app.json.sort_keys = False
    app.extensions["asof"] = shim
    _register_errors(app)
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

    @app.errorhandler(Exception)
    def failure(error: Exception) -> Response:
        log.exception("a request failed", exc_info=error)
        return Problem(500, "the shim failed; its log says why").response()


def _register_metrics(app: Flask, shim: Shim) -> None:
    from serve.metrics import CONTENT_TYPE

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        path = request.url_rule.rule if request.url_rule else ""
        shim.metrics.request(path, g.get("service", ""), response.status_code, time.perf_counter() - g.began)
        return response

    @app.get("/metrics")
    def get_metrics() -> Response:
        shim.authorise()  # it names services, features and groups, and says how they fare
        return Response(shim.metrics.text(), content_type=CONTENT_TYPE)


def _register_services(app: Flask, shim: Shim) -> None:
    @app.post("/v1/services/<asked>")
    def post_service(asked: str) -> Response:
        shim.authorise()
        publication = shim.publication()
        service = shim.service(publication, asked)
        shim.authorise(service)
        body = _read_object(app.config["MAX_CONTENT_LENGTH"])
        try:
            entities = check_body(service, body, shim.max_entities)
        except TooMany as error:
            raise Problem(413, str(error)) from None
        except Invalid as error:
            raise _unprocessable(error) from None
        return shim.answer(publication, service, entities)

    @app.get("/v1/services/<asked>")
    def get_service(asked: str) -> Response:
        shim.authorise()
        publication = shim.publication()
        service = shim.service(publication, asked)
        shim.authorise(service)
        try:
            entities = check_query(service, request.args.to_dict(flat=False))
        except Invalid as error:
            raise _unprocessable(error) from None
        return shim.answer(publication, service, entities)


def _register_feast(app: Flask, shim: Shim) -> None:
    @app.post("/get-online-features")
    def post_feast() -> Response:
        try:
            shim.authorise()
            publication = shim.publication()
            asked = feast.Asked.parse(_read_object(app.config["MAX_CONTENT_LENGTH"]), shim.max_entities)
            return Response(shim.answer_feast(publication, asked), content_type="application/json")
        except feast.Refused as error:
            written = feast.error_json(error.status, str(error), error.kind)
            return Response(written, error.status, content_type="application/json")
        except Problem as error:
            written = feast.error_json(error.status, str(error))
            return Response(written, error.status, error.headers, content_type="application/json")


def _read_object(limit: int) -> dict[str, Any]:
    """The JSON object that the request's body is. Problem 400, 413, 415."""
    if request.mimetype != "application/json":
        raise Problem(415, f"Content-Type is {request.mimetype or 'missing'}, expected application/json")
    try:
        body = parse_json(_read_body(limit))
    except BadJson as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Problem(400, 'the body is not an object, expected {"entities": ...}')
    return body


def _read_body(limit: int) -> bytes:
    """The request's body. Problem 413 if it is larger than `limit` bytes."""
    data = request.get_data(cache=False)
    # Sent without a length, a body is cut at the limit without a word; the rest may have changed its meaning
    if request.content_length is None and len(data) >= limit:
        raise Problem(413, f"the body has {limit} bytes or more")
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
        shim.authorise()
        publication = shim.publication()
        return catalog.catalog(publication, now_for(publication))

    @app.get("/openapi.json")
    def get_openapi() -> Response:
        shim.authorise()
        return Response(shim.openapi(shim.publication().snapshot), content_type="application/json")

    @app.get("/")
    def get_page() -> Response:
        shim.authorise()
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
        service = shim.service(publication, asked)
        now = now_for(publication)
        stale = [each.group for each in service.lookups if catalog.is_stale(each.group, now)]
        if stale:
            told = [
                f"{each.id} is {catalog.age_seconds(each, now):.0f} s old, of {each.max_age_seconds} s"
                for each in stale
            ]
            raise Problem(503, f"{service.id} is stale: {'; '.join(told)}", headers={"Retry-After": RETRY_AFTER})
        return {"status": "ready", "service": service.id, **state()}


def _end_with(parent: BaseProcess) -> None:
    """Ends this worker when the process that began it is gone: killed, it could not tell, and the port stayed taken."""
    parent.join()
    os._exit(1)


def create_from_environment() -> Flask:
    """The factory that each server process calls; `python -m serve` puts its options into the environment."""
    sys.setswitchinterval(SWITCH_SECONDS)
    keep_few_arenas()
    if parent := multiprocessing.parent_process():
        # Until granian sets its own, a worker has the handlers of the main process, which would only note the signal
        for how in (signal.SIGTERM, signal.SIGINT):
            signal.signal(how, lambda *_: os._exit(0))
        threading.Thread(target=_end_with, args=[parent], name="asof-parent", daemon=True).start()
    if port := os.environ.get("ASOF_PORT"):
        seconds = float(os.environ.get("ASOF_IDLE_SECONDS", IDLE_SECONDS))
        seconds += float(os.environ.get("ASOF_REQUEST_SECONDS", REQUEST_SECONDS))
        end_stuck_connections_forever(int(port), seconds)
    return create_app(
        os.environ.get("ASOF_FOLDER", "published"),
        host=os.environ.get("ASOF_HOST", "127.0.0.1"),
        tokens=os.environ.get("ASOF_TOKENS") or None,
        max_entities=int(os.environ.get("ASOF_MAX_ENTITIES", MAX_ENTITIES)),
        max_body=int(os.environ.get("ASOF_MAX_BODY", MAX_BODY)),
        request_log=request_log_from_environment(),
    )
