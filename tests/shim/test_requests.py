"""How requests come in: the middleware answers as Flask's own route does, in order, and a signal ends cleanly."""

from __future__ import annotations

import json
import signal
import time

import pytest
from asof.serve.app import ServicesFirst
from flask import Flask
from test_limits import NINE, answer, connect, highest_memory, post
from werkzeug.test import Client
from werkzeug.wrappers import Response

PAIR = json.dumps({"entities": [{"left_id": "1", "right_id": "11"}]}).encode()
DELIVERY = json.dumps({"entities": [{"order_id": "O-204", "request_distance_km": 3.5}]}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from publisher import Publisher
    from server import Server

    publisher = Publisher(tmp_path_factory.mktemp("front") / "published")
    publisher.publish()
    one = Server("--folder", publisher.folder, **NINE)
    yield one
    one.end()


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("pairs", PAIR),
        ("late_delivery", DELIVERY),
        ("late_delivery@1", json.dumps({"entities": json.loads(DELIVERY)["entities"] * 200}).encode()),
        ("pairs", b'{"entities": []}'),
        ("pairs", b'{"entities": [{}]}'),
        ("pairs", b"[1]"),
        ("pairs", b"{"),
        ("pairs", b""),
        ("nobody", PAIR),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_the_middleware_answers_as_the_route_does(shared_app, service, body, content_type):
    """The middleware without Flask behind it, and Flask without the middleware before it."""
    flask = Flask.wsgi_app.__get__(shared_app)

    def answered(app):
        reported = Client(app, Response).post(f"/v1/services/{service}", data=body, content_type=content_type)
        return reported.status, dict(reported.headers), reported.get_data()

    assert answered(ServicesFirst(None, shared_app.extensions["asof"])) == answered(flask)


def test_what_is_sent_in_one_go_is_answered_in_order(server):
    """In a batch, by Flask, large, and refused."""
    large = json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 900}).encode()
    requests = [
        post("/v1/services/late_delivery", DELIVERY),
        post("/v1/services/pairs", PAIR),
        b"GET /v1/services/pairs?left_id=1&right_id=11 HTTP/1.1\r\nHost: x\r\n\r\n",
        post("/v1/services/pairs", large),
        post("/v1/services/nobody", PAIR),
        post("/v1/services/pairs", PAIR),
    ] * 20
    wanted = [("late_delivery", 1), ("pairs", 1), ("pairs", 1), ("pairs", 900), (None, None), ("pairs", 1)] * 20
    with connect(server) as connection:
        connection.sendall(b"".join(requests))
        found, reported = connection.makefile("rb"), []
        for _ in requests:
            length = 0
            while (line := found.readline()) != b"\r\n":
                if line.startswith(b"content-length: "):
                    length = int(line.split()[1])
            body = json.loads(found.read(length))
            reported.append((body.get("service"), len(body["rows"]) if "rows" in body else None))
    assert reported == wanted


def test_a_request_may_come_in_pieces(server):
    request = post("/v1/services/pairs", PAIR)
    with connect(server) as connection:
        for at in range(len(request)):
            connection.sendall(request[at : at + 1])
        assert answer(connection)[0] == 200


@pytest.mark.parametrize("ending", ["HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"])
@pytest.mark.parametrize(("service", "body"), [("pairs", PAIR), ("late_delivery", DELIVERY)])
def test_who_asks_for_it_has_the_connection_ended(server, ending, service, body):
    head = (
        f"POST /v1/services/{service} {ending}Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    with connect(server) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 OK\r\n" in received
    assert b"HTTP/1.0" in received or b"connection: close" in received


def test_a_caller_may_wait_to_be_requested_for_the_body(server):
    head, _, body = post("/v1/services/pairs", PAIR).partition(b"\r\n\r\n")
    with connect(server) as connection:
        connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert answer(connection)[0] == 200


def test_what_is_no_http_is_refused(server):
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
        assert answer(connection)[0] == 400


def test_more_connections_than_allowed_wait(start, publisher):
    server = start("--folder", publisher.folder, "--connections", "3", **NINE)
    kept = [connect(server) for _ in range(3)]
    for each in kept:
        each.sendall(post("/v1/services/pairs", PAIR))
        assert answer(each)[0] == 200
    with connect(server) as another:
        another.sendall(post("/v1/services/pairs", PAIR))
        another.settimeout(1)
        with pytest.raises(TimeoutError):
            another.recv(1)
        kept.pop().close()
        another.settimeout(20)
        assert answer(another)[0] == 200
    for each in kept:
        each.close()


@pytest.mark.parametrize(("service", "body"), [("pairs", PAIR), ("late_delivery", DELIVERY)])
def test_a_small_request_that_has_started_when_the_signal_comes_is_answered(start, publisher, service, body):
    server = start("--folder", publisher.folder, **NINE)
    request = post(f"/v1/services/{service}", body)
    with connect(server) as started, connect(server) as idle:
        started.sendall(request[:-1])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # it stops
        started.sendall(request[-1:])
        received = b"".join(iter(lambda: started.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in received
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.process.stderr.read()


@pytest.mark.parametrize(
    "request_",
    [
        post("/v1/services/pairs", json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 300}).encode()),
        post("/v1/services/pairs", json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 900}).encode()),
        b"GET /v1/services/pairs?left_id=1&right_id=11 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["answered at once", "large", "by Flask"],
)
def test_pipelined_answers_that_nobody_reads_take_no_memory(start, publisher, request_):
    server = start("--folder", publisher.folder, "--idle-seconds", "1", **NINE)
    before = highest_memory(server)
    with connect(server) as connection:
        connection.settimeout(3)
        with pytest.raises(OSError, match=r"timed out|reset|pipe"):
            connection.sendall(request_ * (50_000_000 // len(request_)))
    assert highest_memory(server) - before < 64 * 1024 * 1024
    assert server.get("/health")["status"] == "up"
