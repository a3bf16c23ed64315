"""The request log: it holds what was answered, stays within its bounds, and never gets in an answer's way."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import re
import resource
import signal
import socket
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from asof.serve import request_log as request_log_module
from asof.serve.request_log import RequestLog
from publisher import NOW
from server import run
from test_answers import SENT

from asof.__main__ import main

FROZEN = {"ASOF_NOW": "2026-05-01T09:00:00Z"}
PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text()
DOCUMENTED = re.search(r"## Request log\n.*?```sql\n(.*?)```", PAGE, re.DOTALL)
SECRET = "a secret of some length"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "request_log"


@pytest.fixture
def open_log():
    """Makes logs for apps of this process, and ends them."""
    made = []

    def open_log(*arguments, **options):
        made.append(RequestLog(*arguments, **{"share": 1, **options}))
        return made[-1]

    yield open_log
    for log in made:
        log.stop()


@pytest.mark.parametrize("option", ["share=0.5", "bytes=100000", "key=secret"])
def test_half_a_configuration_is_refused(option, publisher, monkeypatch, capsys):
    name, _, value = option.partition("=")
    for variable in ("ASOF_REQUEST_LOG", "ASOF_REQUEST_LOG_SHARE", "ASOF_REQUEST_LOG_BYTES", "ASOF_REQUEST_LOG_KEY"):
        monkeypatch.delenv(variable, raising=False)
    said = f"--request-log-{name} (ASOF_REQUEST_LOG_{name.upper()}) is set, but nothing is logged: name the folder"
    assert main(["serve", "--folder", str(publisher.folder), f"--request-log-{name}", value]) == 2
    assert said in capsys.readouterr().err
    monkeypatch.setenv(f"ASOF_REQUEST_LOG_{name.upper()}", value)
    assert main(["serve", "--folder", str(publisher.folder)]) == 2
    assert said in capsys.readouterr().err


def ask(server, path, *entities):
    """The body of the answer, as text; POST where there are entities."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    body = json.dumps({"entities": entities}) if entities else None
    connection.request("POST" if entities else "GET", path, body, {"Content-Type": "application/json"})
    with connection.getresponse() as response:
        text = response.read().decode()
    connection.close()
    return text if response.status == 200 else None


def lines_of(folder):
    """All lines, file by file. Torn ones are not whole lines."""
    texts = [path.read_text() for path in sorted(folder.glob("*.jsonl"))]
    return [line for text in texts for line in text.split("\n")[:-1]]


def answers_of(lines):
    """The answers put together again from their lines, as text, by request id; with the requests, parsed."""
    answers, requests = {}, {}
    for line in lines:
        parsed = json.loads(line)
        start, head, requested, row = re.fullmatch(
            r'(\{"logged_at":"[^"]+","request_id":"\w+","row":\d+,)(.*?),"request":(\{.*?\}),("status":.*\})', line
        ).groups()
        before = answers.setdefault(parsed["request_id"], [f"{{{head}"])
        assert before[0] == f"{{{head}"
        assert parsed["row"] == len(before) - 1
        before.append(f"{{{row}")
        assert re.search(r'"logged_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', start)
        requests.setdefault(parsed["request_id"], []).append(requested)
    texts = {key: f'{head},"rows":[{",".join(rows)}]}}' for key, (head, *rows) in answers.items()}
    return texts, requests


def read_as_documented(folder, what="count(*)"):
    statement = DOCUMENTED[1].replace("request_log/", f"{folder}/")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(f"select {what} from ({statement})").fetchall()


def wait_for(what):
    """What `what` says, as soon as it says something."""
    deadline = time.monotonic() + 20
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def is_closed(path):
    """Whether no worker holds the file's lock."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def reported_as_dropped(text):
    return sum(map(int, re.findall(r"the request log dropped (\d+) rows", text)))


def test_a_line_holds_the_row_as_it_was_answered(start, publisher, folder):
    server = start("--folder", publisher.folder, "--request-log", folder, "--request-log-share", 1, **FROZEN)
    answered = [
        ask(server, "/v1/services/kinds", {"id": 1}, {"id": 2}, {"id": 3}),
        ask(server, "/v1/services/kinds?id=1"),
        ask(server, "/v1/services/echo", SENT, {"id": 1, "request_tiny": 0}),
        ask(server, "/v1/services/late_delivery@1", *({"order_id": each} for each in ("O-204", "O-160", "O-150"))),
        ask(server, "/v1/services/late_delivery", {"order_id": "nobody", "request_distance_km": 480}),
        ask(server, "/v1/services/olds?left_id=1&right_id=11"),
    ]
    assert None not in answered
    for path in ("services/kinds", "services/none?id=1", "services/kinds?id=x", "catalog"):
        ask(server, f"/v1/{path}")
    assert not ask(server, "/v1/services/kinds", {"id": 1}, {"id": "1"})

    # A request that is in flight when the signal comes is logged too
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"entities": [{"left_id": "1", "right_id": "11"}] * 1000}).encode()
    head = "POST /v1/services/pairs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[-1:])
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert server.process.wait(20) == 0
    answered.append(received.partition(b"\r\n\r\n")[2].decode())

    lines = lines_of(folder)
    texts, requests = answers_of(lines)
    assert list(texts.values()) == answered
    by_answer = dict(zip(texts.values(), requests.values(), strict=True))
    echoed = ",".join(by_answer[answered[2]])
    assert '"request_money":0.07,"request_fine":12345.6789012345,' in echoed
    assert '"request_vast":1000000000000000000000000000.0000000000,"request_day":"2024-02-29"' in echoed
    assert '"request_moment":"2026-05-01T09:00:00.000001Z","request_numbers":[1.0,2.5],' in echoed
    assert (
        '"request_text":"x\\u0000y","request_tag":"6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11","request_flag":false,'
        in echoed
    )
    assert '"request_big":9223372036854775807,"request_single":0.5,"request_twice":1e-320,' in echoed
    assert '"request_prices":[1.00,2.25]}' in echoed
    assert '{"id":1,"request_text":null,"request_tag":null,"request_flag":null,"request_tiny":0,' in echoed
    assert by_answer[answered[4]] == ['{"order_id":"nobody","request_distance_km":480.0}']
    assert by_answer[answered[1]] == ['{"id":1}']

    # DuckDB reads it by the statement in the docs, a torn line in the end included
    (path,) = folder.glob("*.jsonl")
    assert re.fullmatch(r"requests-\d{8}T\d{12}Z-\d+-1\.jsonl", path.name)
    with path.open("a") as file:
        file.write(lines[0][: len(lines[0]) // 2])
    assert read_as_documented(folder) == [(1011,)]
    found = read_as_documented(
        folder,
        "count(distinct request_id), min(prediction_time)::timestamp, max(abs(epoch(now() - logged_at))) < 60, "
        "any_value(features ->> '$.big') filter (service = 'kinds' and request ->> '$.id' = '1'), "
        "count(*) filter (groups ->> '$.warehouse' = 'NOT_FOUND'), "
        "count(*) filter (status = 'REJECTED' and rejected = ['distance_km'] and features is null)",
    )
    assert found == [(7, NOW.replace(tzinfo=None), True, "9223372036854775807", 3, 1)]


def test_a_share_is_drawn_per_request(start, publisher, folder):
    options = ("--folder", publisher.folder, "--workers", 2, "--request-log", folder)
    server = start(*options, **FROZEN, ASOF_REQUEST_LOG_SHARE="0.5")
    three = [{"left_id": str(at), "right_id": "11"} for at in range(3)]
    for _ in range(250):
        assert ask(server, "/v1/services/pairs", *three)
    assert server.stop() == 0
    rows = Counter(json.loads(line)["request_id"] for line in lines_of(folder))
    assert 70 < len(rows) < 180  # 7 standard deviations
    assert set(rows.values()) == {3}


def test_it_is_off_by_default_and_with_a_share_of_nothing(make_app, publisher, folder, open_log):
    def is_listening():
        return any("_monitor" in thread.name for thread in threading.enumerate())  # of logging's QueueListener

    before = sorted(publisher.folder.parent.rglob("*"))
    off = make_app(publisher.folder)
    assert off.test_client().get("/v1/services/kinds?id=1").status_code == 200
    assert not is_listening()
    log = open_log(folder, share=0)
    nothing = make_app(publisher.folder, request_log=log)
    assert is_listening()
    assert nothing.test_client().get("/v1/services/kinds?id=1").status_code == 200
    log.stop()
    assert sorted(publisher.folder.parent.rglob("*")) == before


def test_files_rotate_and_the_folder_stays_within_its_bound(start, publisher, folder):
    bound = 200_000
    options = ("--folder", publisher.folder, "--workers", 2, "--request-log", folder)
    server = start(*options, "--request-log-share", 1, "--request-log-bytes", bound, **FROZEN)
    stop, sizes, contents, changed = threading.Event(), [], {}, []

    def watch():
        while not stop.is_set():
            found = {}
            for path in folder.glob("*.jsonl"):
                with contextlib.suppress(FileNotFoundError):
                    found[path.name] = path.read_bytes()
            # What is still there lay there all at once, when the last was read
            sizes.append(sum(len(text) for name, text in found.items() if (folder / name).exists()))
            newest = {name.split("-")[2]: name for name in sorted(found)}  # by process: perhaps still open
            changed.extend(name for name in contents if name in found and found[name] != contents[name])
            contents.update((name, text) for name, text in found.items() if name not in newest.values())
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    many = [{"left_id": str(at), "right_id": "11"} for at in range(100)]
    for _ in range(60):
        assert ask(server, "/v1/services/pairs", *many)
        time.sleep(0.02)
    time.sleep(1.5)  # all of that is written, so that it can't push out what comes last
    last = ask(server, "/v1/services/pairs?left_id=last&right_id=one")
    assert server.stop() == 0
    stop.set()
    watcher.join()
    assert bound / 2 < max(sizes) <= bound
    assert sum(path.stat().st_size for path in folder.iterdir()) <= bound
    assert {path.stat().st_size > 50_000 for path in folder.iterdir()} == {False}
    assert max(int(path.stem.split("-")[3]) for path in folder.iterdir()) > 20
    assert len(contents) > 3
    assert changed == []  # closed ones
    lines = lines_of(folder)
    assert sum(line.endswith("}") for line in lines) == len(lines) == read_as_documented(folder)[0][0]
    assert last in answers_of(line for line in lines if '"left_id":"last"' in line)[0].values()
    assert "dropped" not in server.process.stderr.read()


def test_a_new_file_begins_with_the_hour_also_when_nothing_is_requested(make_app, publisher, folder, open_log):
    now = [datetime(2026, 5, 1, 9, 59, 59, 999999, tzinfo=UTC)]
    log = open_log(folder, clock=lambda: now[0])
    client = make_app(publisher.folder, request_log=log).test_client()
    client.get("/v1/services/kinds?id=1")
    (first,) = wait_for(lambda: list(folder.glob("*.jsonl")))
    wait_for(lambda: lines_of(folder))
    assert not is_closed(first)
    now[0] += timedelta(microseconds=1)
    wait_for(lambda: is_closed(first))
    client.get("/v1/services/kinds?id=1")
    log.stop()
    names = [path.name.split("-")[1] for path in sorted(folder.iterdir())]
    assert names == ["20260501T095959999999Z", "20260501T100000000000Z"]
    assert [json.loads(line)["logged_at"][11:] for line in lines_of(folder)] == ["09:59:59.999999Z", "10:00:00.000000Z"]


def test_a_full_disk_and_a_folder_taken_away_harm_no_answer(start, publisher, folder):
    server = start("--folder", publisher.folder, "--request-log", folder, "--request-log-share", 1, **FROZEN)
    path, requested = "/v1/services/kinds?id=1", 0

    def ask_times(times):
        nonlocal requested
        for _ in range(times):
            assert ask(server, path)
            requested += 1
        return requested

    ask_times(20)
    first = wait_for(lambda: list(folder.glob("*.jsonl")))[0]
    wait_for(lambda: len(lines_of(folder)) == 20)
    # Full in the midst of a line: the worker may write no larger file
    size, worker = first.stat().st_size, int(first.name.split("-")[2])
    _, most = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (size + size // 30, most))
    ask_times(20)
    wait_for(lambda: is_closed(first))
    assert first.stat().st_size == size  # nothing torn, and no more is written to it
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, most))
    wait_for(lambda: ask_times(1) and len(list(folder.glob("*.jsonl"))) == 2)
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("a file where the folder was")
    ask_times(20)
    assert server.stop() == 0
    reported = server.process.stderr.read()
    assert "File too large" in reported
    assert "File exists" in reported
    assert reported.count(" dropped ") == 2  # one a minute, and what is left at the end
    assert folder.is_file()
    assert len(lines_of(folder.with_name("elsewhere"))) + reported_as_dropped(reported) == requested


def test_what_was_dropped_is_reported_and_it_goes_on(make_app, publisher, folder, open_log, monkeypatch, caplog):
    monkeypatch.setattr(request_log_module, "WARN_SECONDS", 0.0)
    folder.write_text("a file where the folder should be")
    log = open_log(folder)
    client = make_app(publisher.folder, request_log=log).test_client()
    for _ in range(7):
        assert client.get("/v1/services/kinds?id=1").status_code == 200
    wait_for(lambda: reported_as_dropped(caplog.text) == 7)
    folder.unlink()
    wait_for(lambda: client.get("/v1/services/kinds?id=1") and folder.is_dir() and lines_of(folder))
    first = wait_for(lambda: list(folder.glob("*.jsonl")))[0]
    first.rename(folder.with_name("archived.jsonl"))  # whoever takes the open file away gets no more of it
    wait_for(lambda: is_closed(folder.with_name("archived.jsonl")))
    client.get("/v1/services/kinds?id=2")
    log.stop()
    assert [json.loads(line)["request"] for line in lines_of(folder)][-1] == {"id": 2}
    assert "not foreseen" not in caplog.text


def test_a_full_queue_drops_rows_and_answers_do_not_wait(make_app, publisher, folder, open_log, caplog):
    released = threading.Event()

    def clock():
        if threading.current_thread() is not threading.main_thread():
            released.wait(30)  # the disk hangs
        return NOW

    log = open_log(folder, clock=clock)
    client = make_app(publisher.folder, request_log=log).test_client()
    many = {"entities": [{"left_id": "1", "right_id": str(at)} for at in range(1000)]}
    started = time.monotonic()
    for _ in range(25):
        assert client.post("/v1/services/pairs", json=many).status_code == 200
    assert time.monotonic() - started < 25
    released.set()
    log.stop()
    rows = Counter(json.loads(line)["request_id"] for line in lines_of(folder))
    assert set(rows.values()) == {1000}  # all rows of a request, or none
    assert 10 <= len(rows) <= 20  # what the writer held, and a full queue
    assert reported_as_dropped(caplog.text) == 25_000 - 1000 * len(rows)
    assert "the queue was full" in caplog.text


def test_a_killed_worker_leaves_whole_lines_but_for_the_last(start, publisher, folder):
    server = start("--folder", publisher.folder, "--request-log", folder, "--request-log-share", 1, **FROZEN)
    first = ask(server, "/v1/services/kinds?id=1")
    wait_for(lambda: lines_of(folder))  # written without being asked to, while the shim is running
    stop, answered = threading.Event(), []
    many = [{"left_id": str(at), "right_id": "11"} for at in range(300)]

    def load():
        try:
            while not stop.is_set():
                answered.append(ask(server, "/v1/services/pairs", *many))
        except (OSError, http.client.HTTPException):
            pass  # killed

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(lines_of(folder)) > 2000)
    server.end()
    stop.set()
    for thread in threads:
        thread.join()
    lines = lines_of(folder)
    texts = [json.loads(line) for line in lines]
    assert len(texts) > 2000
    assert read_as_documented(folder) == [(len(lines),)]
    logged, *others = answers_of(lines)[0].values()
    assert logged == first
    assert set(others[:-1]) == set(answered) - {None}  # of the last, some rows may not be there


def test_personal_values_are_hashed_as_the_warehouse_hashes(make_app, publisher, folder, open_log, tmp_path, caplog):
    hidden = ("text", "tag", "flag", "small", "big", "money", "day", "moment", "single")

    def mark(manifest):
        manifest["services"]["pairs@1"]["keys"][0]["personal"] = True
        for column in manifest["services"]["echo@1"]["request"]:
            column["personal"] = column["name"].removeprefix("request_") in hidden

    publisher.publish(spoil=mark)
    key = tmp_path / "secret"
    key.write_text(SECRET + "\n")
    log = open_log(folder, key=key)
    client = make_app(publisher.folder, request_log=log).test_client()
    entities = [SENT | {"request_text": 'Zoë "Z"'}, {"id": 1, "request_tiny": 0}]
    assert client.post("/v1/services/echo", json={"entities": entities}).status_code == 200
    client.get("/v1/services/pairs?left_id=Jane Doe&right_id=11")
    log.stop()
    *echoed, pair = [json.loads(line)["request"] for line in lines_of(folder)]
    warehouse = duckdb.connect()
    texts = [
        '$$Zoë "Z"$$',
        "uuid '6f2c1e0a-53a4-4bd1-9d0e-2b7f6f6a8c11'",
        "false",
        "32767::smallint",
        "9223372036854775807",
        "0.07::decimal(12, 2)",
    ]
    texts += ["date '2024-02-29'", "'2026-05-01T09:00:00.000001Z'", "0.5::float"]
    for name, text in zip(hidden, texts, strict=True):
        (hashed,) = warehouse.execute(
            f"select 'sha256:' || sha256('{SECRET}' || '|' || cast({text} as varchar))"
        ).fetchone()
        assert echoed[0][f"request_{name}"] == hashed, name
        assert echoed[1][f"request_{name}"] is None
    assert echoed[0]["request_tiny"] == -128
    assert pair["right_id"] == "11"
    assert re.fullmatch("sha256:[0-9a-f]{64}", pair["left_id"])
    assert "Jane" not in "".join(lines_of(folder))
    assert "NOT LOGGING" not in caplog.text

    # Without the secret those services are not logged, and the shim says so, once, and serves on
    keyless = open_log(folder)
    client = make_app(publisher.folder, request_log=keyless).test_client()
    assert re.findall("NOT LOGGING requests of (.*): personal.*: (.*)", caplog.text)[0] == ("pairs@1", "left_id")
    assert client.get("/v1/services/pairs?left_id=Jane Doe&right_id=11").status_code == 200
    assert client.get("/v1/services/kinds?id=3").status_code == 200
    publisher.publish(spoil=mark, mark=9)
    client.application.extensions["asof"].folder.poll()
    keyless.stop()
    assert caplog.text.count("NOT LOGGING") == 2
    assert "Jane" not in "".join(lines_of(folder))
    assert [json.loads(line)["request"] for line in lines_of(folder)][-1] == {"id": 3}


def test_mistakes_are_named_at_the_start(tmp_path, folder):
    short = tmp_path / "short"
    short.write_text("secret\n")
    for options, reported in (
        (("--request-log-share", "1.5"), "--request-log-share is 1.5, expected 0 to 1"),
        (("--request-log-bytes", "10", "--workers", "3"), "expected 24576 at least"),
        (("--request-log-key", short), "fewer than 16 characters"),
        (("--request-log", short), "short: File exists"),
    ):
        ended = run("--request-log", folder, *options)
        assert (ended.returncode, reported in ended.stderr) == (2, True), ended.stderr
