"""What one sender may take of a real shim: of its memory, its time and its threads. Others are answered meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from asof.serve.limits import LARGE_AT_ONCE, LARGE_BODY, LARGE_COMPUTED, SMALL_AT_ONCE, Admission
from asof.serve.problem import Problem
from publisher import Publisher, service, services

NINE = {"ASOF_NOW": "2026-05-01T09:00:00Z"}
MiB = 1024 * 1024
LARGE = json.dumps({"entities": [{"id": at, "request_tiny": 1, "request_text": "x" * 900} for at in range(1000)]})


def post(path, body=b"", *, length=None):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def connect(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer(connection):
    """The status and body of one answer, as far as it came; (None, b"") if the connection was ended instead."""
    try:
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read()
    except http.client.IncompleteRead as error:
        return response.status, error.partial
    except (http.client.HTTPException, OSError):
        return None, b""


def highest_memory(server):
    """Bytes that its one worker has ever had."""
    (worker,) = server.workers()
    status = Path(f"/proc/{worker}/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])


@pytest.fixture
def opened():
    """Connections are put here, and closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(connect(server))


def test_who_sends_no_head_is_ended(start, publisher, opened):
    server = start("--folder", publisher.folder, "--idle-seconds", "1", **NINE)
    half_a_head, silent, used = opened(server), opened(server), opened(server)
    half_a_head.sendall(b"GET /health HTTP/1.1\r\nHost")
    used.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(used)[0] == 200
    began = time.monotonic()
    for connection in (half_a_head, silent, used):
        with contextlib.suppress(ConnectionError):
            while connection.recv(1000):  # a 408, or nothing
                pass
    assert time.monotonic() - began < 10


def test_probes_are_answered_at_once_while_large_requests_wait(start, publisher):
    """And who is beyond the bound is told so at once."""
    server = start("--folder", publisher.folder, **NINE)
    reported, slowest = Counter(), 0.0

    def ask():
        with connect(server) as connection:
            connection.settimeout(60)
            with contextlib.suppress(OSError):  # turned away before all of it was sent
                connection.sendall(post("/v1/services/echo", LARGE.encode()))
            reported[answer(connection)[0]] += 1

    threads = [threading.Thread(target=ask) for _ in range(200)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        assert server.get("/health")["status"] == "up"
        assert server.get("/ready")["status"] == "ready"
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    assert reported[200] >= LARGE_AT_ONCE
    assert reported[200] + reported[503] + reported[None] == 200
    assert reported[503] > 0
    assert slowest < 2


def test_slow_senders_without_a_balancer_take_places_and_no_probes(start, publisher, opened):
    """As docs/deploy.md says: large ones hold up large ones only, and then small ones small ones."""
    server = start("--folder", publisher.folder, **NINE)
    pair = post("/v1/services/pairs", json.dumps({"entities": [{"left_id": "1", "right_id": "11"}]}).encode())
    large = post("/v1/services/echo", LARGE.encode())

    def status(request):
        connection = opened(server)
        with contextlib.suppress(OSError):  # turned away before all of it was sent
            connection.sendall(request)
        return answer(connection)[0]

    def hold(request, count):
        held = [opened(server) for _ in range(count)]
        for connection in held:
            connection.sendall(request[:-10])
        return held

    hold(large, LARGE_COMPUTED)
    assert status(large) == 200
    # Some more each time: who comes before a place is free again is turned away, and holds none
    assert wait_for(lambda: hold(large, LARGE_COMPUTED) and status(large) in (503, None))
    assert status(pair) == 200
    small = hold(pair, SMALL_AT_ONCE)
    assert wait_for(lambda: small.extend(hold(pair, 1)) or status(pair) == 503)
    began = time.monotonic()
    assert server.get("/health")["status"] == "up"
    assert server.get("/ready")["status"] == "ready"
    assert time.monotonic() - began < 2
    for connection in small:
        connection.close()
    assert wait_for(lambda: status(pair) == 200)


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def test_large_requests_take_no_place_of_small_ones(monkeypatch):
    monkeypatch.setattr("asof.serve.limits.SMALL_AT_ONCE", 2)
    monkeypatch.setattr("asof.serve.limits.LARGE_AT_ONCE", 1)
    admission = Admission(max_body=LARGE_BODY)

    def of(**size):
        return admission.of({"REQUEST_METHOD": "GET", **size})

    for _ in range(2):  # a place is free again after its request
        with of(), of(CONTENT_LENGTH=str(LARGE_BODY)):
            with pytest.raises(Problem, match="2 small requests"), of():
                pass
            with (
                of(CONTENT_LENGTH=str(LARGE_BODY + 1)),
                pytest.raises(Problem, match="1 large"),
                of(HTTP_TRANSFER_ENCODING="chunked"),
            ):
                pass


@pytest.mark.parametrize("how", ["get", "post", "feast"])
def test_who_is_turned_away_is_reported_when_to_try_again(make_app, publisher, monkeypatch, how):
    monkeypatch.setattr("asof.serve.limits.SMALL_AT_ONCE", 0)
    client = make_app(publisher.folder).test_client()
    pair = {"left_id": "1", "right_id": "11"}
    if how == "get":
        response = client.get("/v1/services/pairs", query_string=pair)
    elif how == "post":
        response = client.post("/v1/services/pairs", json={"entities": [pair]})
    else:
        response = client.post("/get-online-features", json={"feature_service": "pairs", "entities": {}})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert "requests are under way" in response.get_data(as_text=True)
    assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_a_body_without_an_end_takes_no_memory(start, publisher, opened):
    server = start("--folder", publisher.folder, **NINE)
    before = highest_memory(server)
    for head in ("Transfer-Encoding: chunked\r\n\r\n", "Content-Length: 9000000000\r\n\r\n"):
        connection = opened(server)
        connection.sendall(post("/v1/services/echo").split(b"Content-Length")[0] + head.encode())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall((b"100000\r\n" + b" " * MiB + b"\r\n") * 100)
    assert highest_memory(server) - before < 32 * MiB


def test_many_large_bodies_at_once_take_bounded_memory(start, publisher):
    """A MiB of "{}," is 350,000 objects, some 30 MiB: of those that come at once, only few are computed at a time."""
    server = start("--folder", publisher.folder, **NINE)
    dense = b'{"entities":[' + b"{}," * 349_000 + b"{}]}"
    before, reported = highest_memory(server), []

    def ask():
        with connect(server) as connection:
            connection.settimeout(60)
            connection.sendall(post("/v1/services/echo", dense))
            reported.append(answer(connection)[0])

    threads = [threading.Thread(target=ask) for _ in range(LARGE_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reported == [413] * LARGE_AT_ONCE
    assert highest_memory(server) - before < 280 * MiB


def test_a_head_is_limited(start, publisher, opened):
    server = start("--folder", publisher.folder, **NINE)
    for size, status in ((60_000, 200), (70_000, 414)):
        connection = opened(server)
        connection.sendall(f"GET /v1/services/late_delivery?order_id={'x' * size} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer(connection)[0] == status
    connection = opened(server)
    connection.sendall(f"GET /health HTTP/1.1\r\nHost: x\r\nX: {'x' * 200_000}\r\n\r\n".encode())
    assert answer(connection)[0] == 431


@pytest.mark.parametrize(
    "rest",
    [b"1;" + b"x" * 400_000, b"1\r\n{\r\n0\r\nX: " + b"x" * 400_000, b"1\r\n{\r\n0\r\n" + b"X: y\r\n" * 60_000],
    ids=["extension", "long trailer", "many trailers"],
)
def test_what_stands_around_a_body_is_limited(start, publisher, opened, rest):
    server = start("--folder", publisher.folder, **NINE)
    connection = opened(server)
    head = b"POST /v1/services/pairs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(rest), 50_000):
        with contextlib.suppress(OSError):
            connection.sendall(rest[at : at + 50_000])
            time.sleep(0.05)
    received = b""
    with contextlib.suppress(ConnectionResetError):  # it may be ended while more is being sent
        while part := connection.recv(65536):
            received += part
    assert received[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert server.get("/health")["status"] == "up"


def test_sql_that_takes_too_long_is_interrupted(start, tmp_path, opened):
    pairs_of_n = "(select count(*) from range(n) as a (x), range(n) as b (y) where (x * y) % 7 = 1)::bigint"
    slow = service(
        "slow", {"id": "bigint"}, {"n": ("bigint", False)}, {"kinds": ["id"]}, {"n": "bigint"}, {"n": pairs_of_n}
    )
    publisher = Publisher(tmp_path / "published", services=services() | {"slow@1": slow})
    publisher.publish()
    server = start("--folder", publisher.folder, **NINE)

    def ask(n, rows):
        connection = opened(server)
        connection.sendall(post("/v1/services/slow", json.dumps({"entities": [{"id": 1, "n": n}] * rows}).encode()))
        return connection

    began = time.monotonic()
    alone, many = ask(10**6, 1), ask(10**6, 40)  # evaluated with others, and not
    other = opened(server)
    other.sendall(b"GET /v1/services/pairs?left_id=1&right_id=11 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(other)[0] == 200
    for connection in (alone, many):
        status, body = answer(connection)
        assert status == 503
        assert "slow@1 takes more than 5 s" in json.loads(body)["detail"]
    assert time.monotonic() - began > 5
    for rows in (1, 40):
        assert answer(ask(3, rows))[0] == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_under_load_loses_no_request(start, publisher, workers):
    """Whatever was sent whole before the signal is answered whole; then connections are ended, and nothing is left.

    Of a connection that is new, nobody can tell whether a worker had accepted it. One that waits in the system's queue
    is reset, so only what begins to be answered on it must be whole.
    """
    server = start("--folder", publisher.folder, "--workers", workers, **NINE)
    request = post("/v1/services/pairs", json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 100}).encode())
    signalled, lost, answered = threading.Event(), [], []

    def work(keep):
        while True:
            try:
                connection, is_new = connect(server), True
                while True:
                    connection.sendall(request)
                    before = not signalled.is_set()
                    status, body = answer(connection)
                    if status == 200 and body.count(b'"status":"OK"') == 100:
                        answered.append(before)
                    elif before and not (is_new and status is None and not body):
                        lost.append((status, len(body)))
                    is_new = False
                    if status is None or not keep:
                        break
            except OSError:
                return
            finally:
                connection.close()
            if signalled.is_set():
                return

    threads = [threading.Thread(target=work, args=[at % 2]) for at in range(12)]
    for thread in threads:
        thread.start()
    while len(answered) < 60:
        time.sleep(0.01)
    signalled.set()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    for thread in threads:
        thread.join()
    assert lost == []
    with pytest.raises(OSError, match="refused"):
        connect(server)
