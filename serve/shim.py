"""What the routes share: authorisation, the current publication, and the answers of services."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from .batching import SQL_SECONDS
from .clock import Clock, serving_now
from .evaluate import CANNOT_COMPUTE, Plan, Row
from .folder import Publication, PublishedFolder
from .limits import Admission, Environ
from .lookup import Entity
from .metrics import Metrics
from .problem import Problem
from .reports import findings_of, read_health, read_held
from .request_log import RequestLog
from .snapshot import Service, Snapshot
from .tokens import Token, Tokens
from .validation import FieldError, check_body, check_query, parse_object

RETRY_AFTER = {"Retry-After": "5"}  # seconds, while there is no snapshot
SERVICE = "asof.service"  # in a request's environ: the id of the service that it reached
FINDING_WITHOUT_VALUES = ("rule", "level", "subject", "column", "since")

log = logging.getLogger("asof.serve")
audit = logging.getLogger("asof.audit")


@dataclass(eq=False)
class Shim:
    """What serves: a folder at a clock, to whom, within which limits, counted and logged."""

    folder: PublishedFolder
    clock: Clock
    tokens: Tokens | None
    admission: Admission
    max_entities: int  # per request
    metrics: Metrics
    request_log: RequestLog | None
    # Of extensions: each gives the `paths` and `schemas` that it adds to the OpenAPI document of a snapshot
    describe: list[Callable[[dict[str, Any], Snapshot], dict[str, Any]]] = field(default_factory=list)

    def publication(self) -> Publication:
        """The current publication; a request asks once and stays with it. Problem 503 if there is none."""
        current = self.folder.current
        if current is None:
            refused = self.folder.refused
            why = f"the snapshot was refused: {refused.reason}" if refused else "no snapshot is published yet"
            raise Problem(503, why, headers=RETRY_AFTER)
        return current

    def now(self, publication: Publication) -> datetime:
        """The now (UTC) at which a publication is served."""
        return serving_now(self.clock, publication.pointer.published_at)

    def close(self) -> None:
        """Stops watching the folder, and writes what is queued for the request log."""
        self.folder.stop()
        if self.request_log:
            self.request_log.stop()

    # -------------------- authorisation

    def authorise(self, environ: Environ) -> Token | None:
        """The caller's token; None where no tokens are set. Problem 401 without a valid one."""
        if self.tokens is None:
            return None
        token = self.tokens.find(environ.get("HTTP_AUTHORIZATION"))
        if token is None:
            self._deny(environ, 401, "no known token")
            raise Problem(401, "a valid bearer token is required", headers={"WWW-Authenticate": "Bearer"})
        return token

    def check_scope(self, environ: Environ, token: Token | None, service: Service | None) -> None:
        """Problem 403 if the token does not open the service; without one, everything: views belong to no service."""
        if token is None or token.may_read(service):
            return
        self._deny(environ, 403, f"token {token.name!r}")
        what = f"the service {service.id}" if service else 'plain views: they need one for "*"'
        raise Problem(403, f"the token {token.name!r} does not open {what}")

    def _deny(self, environ: Environ, status: int, who: str) -> None:
        """The audit line of a denied request, and its count. Without the query, which may be personal, and headers."""
        self.metrics.denied.labels(str(status)).inc()
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        # As a literal, so that no path can forge a line
        method, caller = environ["REQUEST_METHOD"], environ.get("REMOTE_ADDR")
        audit.warning("DENIED %s %s %r from %s, %s", status, method, path, caller, who)

    # -------------------- services

    def service(self, environ: Environ, publication: Publication, asked: str) -> Service:
        """The service that a caller asks for: "name" (its latest version) or "name@version". Problem 404 if unknown."""
        service = publication.snapshot.service(asked)
        if service is None:
            existing = sorted(publication.snapshot.services)
            raise Problem(404, f"no service {asked!r}; there are: {', '.join(existing) or 'none'}", services=existing)
        environ[SERVICE] = service.id
        return service

    def readiness(self, environ: Environ, asked: str) -> dict[str, Any]:
        """How a service and its groups stand. Problem 503 where one is stale, 404 for an unknown service."""
        publication = self.publication()
        found, now = self.service(environ, publication, asked), self.now(publication)
        groups = [each.group for each in found.lookups]
        if stale := [each for each in groups if each.is_stale(now)]:
            old = [f"{each.id} is {each.age_seconds(now):.0f} s old, of {each.max_age_seconds} s" for each in stale]
            raise Problem(503, f"{found.id} is stale: {'; '.join(old)}", headers=RETRY_AFTER)
        held, ids = read_held(self.folder.path), [found.id, *(each.id for each in groups)]
        findings = findings_of(read_health(self.folder.path), ids)
        return {
            "service": found.id,
            "groups": {each.id: each.raw.get("made_at") for each in groups},
            "ages": {each.id: each.ages(now) for each in groups},
            "held": {id_: held[id_] for id_ in ids if id_ in held},
            "findings": [{name: each.get(name) for name in FINDING_WITHOUT_VALUES} for each in findings],
        }

    # -------------------- answers

    def ask(self, environ: Environ, asked: str, arguments: dict[str, list[str]] | None = None) -> bytes:
        """The JSON that answers a request to `/v1/services/<asked>`: a POST, or a GET with these query arguments.
        Raises Problem.
        """
        token, publication = self.authorise(environ), self.publication()
        service = self.service(environ, publication, asked)
        self.check_scope(environ, token, service)
        with self.admission.of(environ) as body:
            if arguments is None:
                entities = check_body(service, parse_object(body), self.max_entities)
            else:
                entities = check_query(service, arguments)
            return self.answer(publication, service, entities)

    def rows(self, publication: Publication, service: Service, entities: list[Entity], now: datetime) -> list[Row]:
        """The rows that answer for checked entities, evaluated at `now` (UTC), counted and logged. Raises Problem."""
        plan = publication.plans[service.id]
        rows = self._evaluated(plan, entities, now)
        if self.request_log:
            self.request_log.put(plan, publication.head(service, now), entities, map(plan.row_json, rows))
        return rows

    def answer(self, publication: Publication, service: Service, entities: list[Entity]) -> bytes:
        """The JSON that answers for checked entities, from a publication as of now. Raises Problem."""
        plan, now = publication.plans[service.id], self.now(publication)
        head, rows = publication.head(service, now), self._rows_json(publication, plan, entities, now)
        if self.request_log:
            self.request_log.put(plan, head, entities, rows)
        return f'{head},"rows":[{",".join(rows)}]}}'.encode()

    def _rows_json(self, publication: Publication, plan: Plan, entities: list[Entity], now: datetime) -> list[str]:
        """The JSON of each row: as the build published it while that holds, else evaluated. Raises Problem."""
        published = publication.answers.get(plan.service.id)
        if published is None or now > published.valid_until:
            return [plan.row_json(row) for row in self._evaluated(plan, entities, now)]
        found = published.find(entities)
        known = [published.like(row) for row in found if row is not None]
        self.metrics.answered(plan.service, known, published=len(known))
        others = [entity for entity, row in zip(entities, found, strict=True) if row is None]
        evaluated = iter(self._evaluated(plan, others, now) if others else ())
        return [plan.row_json(next(evaluated)) if row is None else published.row_json(row) for row in found]

    def _evaluated(self, plan: Plan, entities: list[Entity], now: datetime) -> list[Row]:
        """The rows, counted. Problem 422 where the SQL cannot compute them, 503 if it takes too long."""
        service = plan.service
        try:
            rows = plan.rows(entities, now)
        except duckdb.InterruptException:
            log.error("service %s: its SQL was interrupted after %s s", service.id, SQL_SECONDS)
            why = f"with these values, or those of a request beside, {service.id} takes more than {SQL_SECONDS:g} s"
            raise Problem(503, why, headers=RETRY_AFTER) from None
        except CANNOT_COMPUTE as error:
            if len(service.inputs) == len(service.keys):
                raise
            # The SQL computes with what the caller sent, and cannot: a number too large to multiply, say
            wrong = FieldError("/entities", f"cannot be computed with: {error}", "other values in the request columns")
            raise Problem(422, "the service cannot compute with these values", errors=[wrong._asdict()]) from error
        self.metrics.answered(service, rows)
        return rows
