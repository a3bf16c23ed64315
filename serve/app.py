"""The Flask application: routes, and how answers and errors are written. What is answered is in serve/shim.py."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from prometheus_client import CONTENT_TYPE_LATEST

from .clock import Clock, clock_from_environment, rfc3339
from .folder import PublishedFolder
from .limits import Admission, Environ
from .metrics import Metrics
from .problem import response_to
from .request_log import RequestLog
from .settings import EXTENSIONS, MAX_BODY, MAX_ENTITIES, ConfigurationError, check_exposure, is_loopback
from .shim import SERVICE, Shim
from .tokens import Tokens

SERVICES = "/v1/services/"
SERVICES_ROUTE = f"{SERVICES}<service>"

Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def create_app(
    folder: str | PathLike[str],
    *,
    host: str = "127.0.0.1",
    tokens: str | PathLike[str] | None = None,
    max_entities: int = MAX_ENTITIES,
    max_body: int = MAX_BODY,
    now: Clock | None = None,
    request_log: RequestLog | None = None,
    extensions: Iterable[str] = EXTENSIONS,
) -> Flask:
    """The shim over a published folder, which need not exist yet. Raises ConfigurationError.

    `host` is where the server will listen: it decides what is allowed. `now` replaces the clock (aware datetimes).
    `extensions` name modules with `init_app(app)`, which may add routes; the shim is `app.extensions["asof"]`.
    """
    check_exposure(host, tokens)
    clock = now or clock_from_environment()
    watched = PublishedFolder(Path(folder), allow_injected_now=is_loopback(host), clock=clock)
    metrics = Metrics(watched, clock, is_logging=request_log is not None)
    known = Tokens(Path(tokens)) if tokens else None
    watched.on_refuse = metrics.snapshots_refused.inc
    watched.on_look = [metrics.flush, *([known.reload] if known else [])]
    if request_log:
        watched.on_load = request_log.check_services
        request_log.on_drop = metrics.request_log_dropped.inc
    shim = Shim(watched, clock, known, Admission(max_body), max_entities, metrics, request_log)
    app = Flask(__package__, static_folder=None)
    app.json = DefaultJSONProvider(app)
    app.json.sort_keys = False
    app.extensions["asof"] = shim
    app.register_error_handler(Exception, response_to)
    _register(app, shim)
    for name in dict.fromkeys(extensions):  # one that is named twice is there once
        extension(name)(app)
    app.wsgi_app = ServicesFirst(app.wsgi_app, shim)  # type: ignore[method-assign]
    watched.start()
    if request_log:
        request_log.start()
    return app


def extension(name: str) -> Callable[[Flask], None]:
    """The `init_app` of a module. Raises ConfigurationError if it cannot be imported, or has none."""
    try:
        found: Callable[[Flask], None] = import_module(name).init_app
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"--extensions {name}: {error}") from None
    return found


class ServicesFirst:
    """WSGI middleware: counts and times requests, and answers `POST /v1/services/...` by what Flask's route calls,
    without Flask's own work for a request, which takes as long as a lookup. All else goes to Flask.
    """

    _plain = re.compile(f"{SERVICES}([A-Za-z0-9_@]+)")

    def __init__(self, flask: Wsgi, shim: Shim) -> None:
        self._flask = flask
        self._shim = shim

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        began = time.perf_counter()

        def start(status: str, *more: Any) -> Any:
            seconds, route = time.perf_counter() - began, SERVICES_ROUTE if plain else _route(environ)
            self._shim.metrics.request(route, environ.get(SERVICE, ""), status[:3]).observe(seconds)
            return start_response(status, *more)

        plain = environ["REQUEST_METHOD"] == "POST" and self._plain.fullmatch(environ["PATH_INFO"])
        if not plain:
            return self._flask(environ, start)
        try:
            body = self._shim.ask(environ, plain[1])
        except Exception as error:
            return response_to(error)(environ, start)
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _route(environ: Environ) -> str:
    """Flask's route that answers a request; empty if none does, or an extension's own middleware."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return str(rule.rule) if rule else ""


def _register(app: Flask, shim: Shim) -> None:
    """The routes. Each authorises, but for probes, which are open: a balancer has no token, and their answers hold no
    values. Whatever is new stands in asof/extensions/templates/openapi.json, too.
    """

    # The middleware is faster, and takes POSTs to whatever can be the name of a service: others come here
    @app.route(SERVICES_ROUTE, methods=["GET", "POST"])
    def ask_service(service: str) -> Response:
        arguments = None if request.method == "POST" else request.args.to_dict(flat=False)
        return Response(shim.ask(request.environ, service, arguments), content_type="application/json")

    def state() -> dict[str, Any]:
        current, refused = shim.folder.current, shim.folder.refused
        return {
            "snapshot_id": current.snapshot.snapshot_id if current else None,
            "sequence_number": current.pointer.sequence_number if current else None,
            "hold": current.pointer.hold if current else None,
            "folder_missing": shim.folder.missing,
            "refused": refused and refused._asdict() | {"since": rfc3339(refused.since)},
        }

    @app.get("/health")
    def get_health() -> dict[str, Any]:
        return {"status": "up", **state()}

    @app.get("/ready")
    def get_ready() -> dict[str, Any]:
        shim.publication()
        return {"status": "ready", **state()}

    @app.get("/ready/<service>")
    def get_ready_service(service: str) -> dict[str, Any]:
        return {"status": "ready", **shim.readiness(request.environ, service), **state()}

    @app.get("/metrics")
    def get_metrics() -> Response:
        shim.authorise(request.environ)
        return Response(shim.metrics.text(), content_type=CONTENT_TYPE_LATEST)
