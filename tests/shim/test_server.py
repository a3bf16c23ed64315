"""The real process: `asof serve` on a free loopback port."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from server import run

AGAIN_SECONDS = 6  # granian takes one that ends sooner for one that will end again


def test_swaps_drop_no_request_and_mix_no_snapshots(start, publisher):
    server = start("--folder", publisher.folder, ASOF_NOW="2026-05-01T09:00:00Z")
    stop, answers, failures = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            try:
                answers.append(server.get("/v1/services/late_delivery?order_id=O-204"))
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for mark in range(8, 13):
        publisher.publish(mark=mark)
        published = time.monotonic()
        # how soon is a matter of the machine; that it comes is the shim's
        while not answers or answers[-1]["sequence_number"] != publisher.sequence:
            assert time.monotonic() - published < 60
            time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {answer["sequence_number"] for answer in answers} == set(range(1, 7))
    for answer in answers:
        features = answer["rows"][0]["features"]
        assert features["mark"] == features["warehouse_mark"] == answer["sequence_number"] + 6
        assert answer["snapshot_id"].endswith(f"{answer['sequence_number']:08x}")
    assert server.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_finish(start, publisher, how):
    server = start("--folder", publisher.folder, ASOF_NOW="2026-05-01T09:00:00Z")
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 1000}).encode()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "POST /v1/services/pairs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
        head = f"{head}\r\nContent-Length: {len(body)}"
        # in flight when the signal comes: the head is sent, the last byte of the body is not
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + body[:-1])
        time.sleep(0.3)
        server.process.send_signal(how)
        time.sleep(0.3)
        connection.sendall(body[-1:])
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b'"status":"OK"') == 1000
    assert server.process.wait(20) == 0


def test_it_starts_without_dbt_or_pandas_and_before_the_folder_is_there(start, tmp_path, publisher):
    blocked = tmp_path / "blocked"
    for name in ("dbt", "pandas", "pyarrow", "pytz"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ImportError('{name} is not installed here')")
    later = tmp_path / "later"
    server = start("--folder", later, ASOF_NOW="2026-05-01T09:00:00Z", PYTHONPATH=str(blocked))
    with pytest.raises(urllib.error.HTTPError) as error:
        server.get("/ready")
    assert error.value.code == 503
    assert error.value.headers["Retry-After"]
    error.value.close()
    publisher.folder.rename(later)
    deadline = time.monotonic() + 60
    while server.get("/health")["sequence_number"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answer = server.get("/v1/services/kinds?id=1")
    assert answer["rows"][0]["features"]["moments"] == ["2026-05-01T00:00:00.000007Z"]
    assert server.stop() == 0


def test_a_body_without_a_length_is_read_and_limited(start, publisher):
    server = start("--folder", publisher.folder, "--max-body", "2000", ASOF_NOW="2026-05-01T09:00:00Z")

    def post(*chunks):
        request = urllib.request.Request(
            f"{server.url}/v1/services/pairs",
            iter(chunks),
            {"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    assert post(b'{"entities": ', b'[{"left_id": "1", "right_id": "11"}]}') == 200
    assert post(b'{"entities": []}', b" " * 3000) == 413


def test_mistakes_are_named_at_the_start(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run("--port", port)
        assert ended.returncode == 1
        assert f"cannot listen on 127.0.0.1 port {port}" in ended.stderr
    ended = run("--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "tokens" in ended.stderr
    ended = run("--tokens", tmp_path / "none.json")
    assert ended.returncode == 2
    assert "none.json" in ended.stderr
    ended = run(ASOF_NOW="yesterday")
    assert ended.returncode == 2
    assert "ASOF_NOW" in ended.stderr
    assert run("--port", "x").returncode == 2
    for ended in (run("--request-seconds", "5"), run(ASOF_REQUEST_SECONDS="5")):  # an option that went
        assert ended.returncode == 2
        assert "nginx" in ended.stderr


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes its certificate with openssl")
def test_tls(start, publisher, tmp_path):
    def make(name):
        key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        new = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
        ]
        names = ["-subj", "/CN=shim", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run([*new, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return certificate, key

    certificate, key = make("shim")
    options = ["--tls-certificate", certificate, "--tls-key", key]
    server = start("--folder", publisher.folder, "--workers", "2", *options, ASOF_NOW="2026-05-01T09:00:00Z")
    assert server.url.startswith("https://127.0.0.1:")
    trusted = ssl.create_default_context(cafile=certificate)
    with urllib.request.urlopen(f"{server.url}/health", context=trusted, timeout=10) as response:
        assert json.load(response)["sequence_number"] == 1
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        server.get("/health")  # by nobody whom this machine trusts
    with pytest.raises((OSError, http.client.HTTPException)):
        urllib.request.urlopen(f"http{server.url.removeprefix('https')}/health", timeout=10)
    assert server.stop() == 0

    for wrong in (options[:2], options[2:], [*options[:3], make("other")[1]], [*options[:3], tmp_path / "none.key"]):
        ended = run("--folder", publisher.folder, *wrong)
        assert ended.returncode == 2
        assert "--tls-certificate" in ended.stderr


def test_a_worker_that_is_killed_is_replaced_and_again_at_once_ends_the_shim(start, publisher):
    server = start("--folder", publisher.folder, "--workers", "2", ASOF_NOW="2026-05-01T09:00:00Z")
    before = server.workers()
    assert len(before) == 2
    time.sleep(AGAIN_SECONDS)
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    publisher.publish(mark=8)
    deadline, answer = time.monotonic() + 60, {}
    while answer.get("sequence_number") != 2 or len(server.workers()) != 2:
        assert time.monotonic() < deadline
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = server.get("/v1/services/late_delivery?order_id=O-204")
        time.sleep(0.05)
    assert answer["rows"][0]["features"]["mark"] == 8
    assert not set(before) & set(server.workers())

    while server.process.poll() is None:
        assert time.monotonic() < deadline + 30
        for worker in server.workers():
            with contextlib.suppress(OSError):  # it has just ended
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.05)
    assert server.process.returncode == 1


def test_workers_end_with_a_main_process_that_is_killed(start, publisher):
    server = start("--folder", publisher.folder, "--workers", "2", ASOF_NOW="2026-05-01T09:00:00Z")
    server.process.kill()
    server.process.wait()
    host, port = server.url.removeprefix("http://").split(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as free:
            if free.connect_ex((host, int(port))):
                return
        time.sleep(0.05)
    pytest.fail("a worker still holds the port")
