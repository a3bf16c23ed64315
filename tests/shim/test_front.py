"""How requests come in: what stands before Flask answers as Flask's own route does, in order, and within limits."""

from __future__ import annotations

import http.client
import json
import signal
import time

import pytest
from test_limits import NINE, answer, connect, highest_memory, post

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


def ask(server, path, body, **headers):
    """Status, body, and those headers that say what it is."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    connection.request("POST", path, body, {"Content-Type": "application/json"} | headers)
    response = connection.getresponse()
    told = response.status, response.read(), response.headers["Content-Type"], response.headers["Content-Length"]
    connection.close()
    return told


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("pairs", PAIR),  # computed ahead
        ("late_delivery", DELIVERY),  # by DuckDB
        ("late_delivery@1", json.dumps({"entities": json.loads(DELIVERY)["entities"] * 200}).encode()),
        ("pairs", b'{"entities": []}'),
        ("pairs", b'{"entities": [{}]}'),
        ("pairs", b"[1]"),
        ("pairs", b"{"),
        ("pairs", b""),
        ("nobody", PAIR),
    ],
)
def test_it_answers_as_the_route_does(server, service, body):
    """A path that is not plain goes to Flask's route."""
    plain, quoted = (
        ask(server, f"/v1/services/{name}", body) for name in (service, f"%{ord(service[0]):x}{service[1:]}")
    )
    assert plain == quoted
    assert int(plain[3]) == len(plain[1])


def test_a_wrong_type_of_content(server):
    assert ask(server, "/v1/services/pairs", PAIR, **{"Content-Type": "text/plain"})[0] == 415


def test_what_is_sent_in_one_go_is_answered_in_order(server):
    """By DuckDB, at once, by Flask in a thread, and too large to be answered at once."""
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
        found, told = connection.makefile("rb"), []
        for _ in requests:
            length = 0
            while (line := found.readline()) != b"\r\n":
                if line.startswith(b"content-length: "):
                    length = int(line.split()[1])
            body = json.loads(found.read(length))
            told.append((body.get("service"), len(body["rows"]) if "rows" in body else None))
    assert told == wanted


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
    assert b"connection: close" in received


def test_a_caller_may_wait_to_be_asked_for_the_body(server):
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


def test_more_connections_than_allowed_are_turned_away(start, publisher):
    server = start("--folder", publisher.folder, "--connections", "3", **NINE)
    kept = []
    deadline = time.monotonic() + 20
    while len(kept) < 3:  # the start itself has just used one
        assert time.monotonic() < deadline
        connection = connect(server)
        connection.sendall(post("/v1/services/pairs", PAIR))
        if answer(connection)[0] == 200:
            kept.append(connection)
        else:
            connection.close()
    with connect(server) as another:
        another.sendall(post("/v1/services/pairs", PAIR))
        assert answer(another)[0] == 503
    kept.pop().close()
    while True:
        assert time.monotonic() < deadline
        with connect(server) as another:
            another.sendall(post("/v1/services/pairs", PAIR))
            if answer(another)[0] == 200:
                break
    for each in kept:
        each.close()


@pytest.mark.parametrize(("service", "body"), [("pairs", PAIR), ("late_delivery", DELIVERY)])
def test_a_small_request_that_has_begun_when_the_signal_comes_is_answered(start, publisher, service, body):
    server = start("--folder", publisher.folder, **NINE)
    request = post(f"/v1/services/{service}", body)
    with connect(server) as begun, connect(server) as idle:
        begun.sendall(request[:-1])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""  # it stops
        begun.sendall(request[-1:])
        received = b"".join(iter(lambda: begun.recv(65536), b""))
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
    server = start("--folder", publisher.folder, "--idle-seconds", "1", "--request-seconds", "1", **NINE)
    before = highest_memory(server)
    with connect(server) as connection:
        connection.settimeout(3)
        with pytest.raises(OSError, match=r"timed out|reset|pipe"):
            connection.sendall(request_ * (50_000_000 // len(request_)))
    assert highest_memory(server) - before < 64 * 1024 * 1024
    assert server.get("/health")["status"] == "up"
