"""Answers that the build published: byte for byte what evaluating gives, until a group is stale, and for the entities
that are among them.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import duckdb
import pytest
from asof.serve.app import create_app
from asof.serve.request_log import RequestLog
from hypothesis import given, settings
from hypothesis import strategies as st
from publisher import AS_OF, GROUPS, NOW, Publisher, ok, service, services

from asof.prune import prune

COLOR = """select * from (values ('a', 'red'), ('b', null), ('c', 'blue')) as t (thing_id, color)"""
SIZE = """
select * from (values ('a', 1.5::double, [1, 2]), ('b', 'nan', null), ('d', -0.0, [])) as t (thing_id, size, steps)
"""
KEY = {"thing_id": "varchar"}
# Two groups of one entity, each of which does not know somebody whom the other knows
THINGS = {
    "color": (COLOR, KEY, {"color": "varchar"}, 600, AS_OF),
    "size": (SIZE, KEY, {"size": "double", "steps": "bigint[]"}, 500, AS_OF - timedelta(seconds=50)),
}
STORED = service(
    "stored",
    KEY,
    {},
    {"color": ["thing_id"], "size": ["thing_id"]},
    {"color": "varchar", "twice": "double", "steps": "bigint[]", "known": "boolean"},
    {
        "color": ok("color", "color"),
        "twice": f"case when isfinite({ok('size', 'size')}) then 2 * {ok('size', 'size')} end",
        "steps": ok("size", "steps"),
        "known": "size_status = 'OK'",
    },
    reject=["color"],
    known=THINGS,
)
STORED["features"][0]["categories"] = ["red"]
VALID = AS_OF + timedelta(seconds=450)  # until the first of the two is stale


PUBLISHED = ("stored@1", "kinds@1", "pairs@1")


def publisher_of(folder) -> Publisher:
    return Publisher(folder, GROUPS | THINGS, services() | {"stored@1": STORED})


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A clock, and two shims that have it over the same tables: with published answers, and without."""
    now, apps = [NOW], []
    for answers in (PUBLISHED, ()):
        publisher = publisher_of(tmp_path_factory.mktemp("published"))
        publisher.publish(answers=answers)
        apps.append(create_app(publisher.folder, now=lambda: now[0]))
    yield now, apps
    for app in apps:
        app.extensions["asof"].folder.stop()


@pytest.fixture
def publisher(tmp_path):
    return publisher_of(tmp_path / "published")


@pytest.fixture
def served(publisher, make_app):
    """A client of the shim over a folder with published answers."""
    publisher.publish(answers=PUBLISHED)
    return make_app(publisher.folder).test_client()


def metrics(client, *names) -> dict[str, float]:
    """The metrics of these names, by their lines."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith(names))


def published_rows(client, id_="stored@1") -> float:
    """How many rows of a service were answered as published."""
    return float(metrics(client, "asof_rows_published").get(f'asof_rows_published_total{{service="{id_}"}}', 0))


ASKED = st.one_of(
    st.tuples(st.just("stored"), st.lists(st.fixed_dictionaries({"thing_id": st.sampled_from("abcdx")}))),
    st.tuples(st.just("kinds"), st.lists(st.fixed_dictionaries({"id": st.integers(0, 4)}))),
    st.tuples(
        st.just("pairs"),
        st.lists(st.fixed_dictionaries({name: st.sampled_from(["1", "11"]) for name in ("left_id", "right_id")})),
    ),
)
TIMES = [NOW, VALID, VALID + timedelta(microseconds=1), AS_OF + timedelta(days=9)]


@settings(max_examples=60, deadline=None)
@given(ASKED, st.sampled_from(TIMES))
def test_published_and_evaluated_answers_are_the_same_bytes(both, asked, moment):
    now, apps = both
    now[0] = moment
    name, entities = asked
    columns = {key: [each[key] for each in entities] for key in (entities[0] if entities else {"thing_id": 0})}
    for path, body in (
        (f"/v1/services/{name}", {"entities": entities}),
        ("/get-online-features", {"feature_service": name, "entities": columns}),
    ):
        published, evaluated = (app.test_client().post(path, json=body) for app in apps)
        assert published.get_data() == evaluated.get_data()
        assert (published.status_code, evaluated.status_code) in ((200, 200), (422, 422))


def test_nulls_and_unseen_categories_are_counted_as_of_evaluated_answers(both):
    now, apps = both
    now[0] = NOW
    told = []
    for app in apps:
        client = app.test_client()
        before = metrics(client, "asof_rows_total", "asof_feature")
        for thing in "abbcccddddxxxxx":
            assert client.get(f"/v1/services/stored?thing_id={thing}").status_code == 200
        after = metrics(client, "asof_rows_total", "asof_feature")
        told.append({line: float(count) - float(before.get(line, 0)) for line, count in after.items()})
    assert told[0] == told[1]
    assert told[0]['asof_feature_unseen_total{feature="color",service="stored@1"}'] == 3  # c is blue


def test_answers_are_of_the_build_until_the_first_group_is_stale_and_for_its_entities(both):
    now, apps = both
    client = apps[0].test_client()
    before = published_rows(client)
    body = {"entities": [{"thing_id": each} for each in "axdc"]}  # the first group knows neither x nor d
    for moment, expected in ((VALID, 2), (VALID + timedelta(microseconds=1), 0)):
        now[0] = moment
        rows = client.post("/v1/services/stored", json=body).json["rows"]
        assert published_rows(client) - before == expected
        before = published_rows(client)
        statuses = [row["groups"] for row in rows]
        size = "OK" if expected else "STALE"
        assert statuses[0] == {"color": "OK", "size": size}
        assert statuses[1] == {"color": "NOT_FOUND", "size": "NOT_FOUND"}
        assert statuses[2] == {"color": "NOT_FOUND", "size": size}
        assert statuses[3] == {"color": "OK", "size": "NOT_FOUND"}
    assert published_rows(apps[1].test_client()) == 0


def test_a_published_answer_is_logged_as_it_was_sent(publisher, make_app, tmp_path):
    publisher.publish(answers=PUBLISHED)
    log = RequestLog(tmp_path / "log", share=1)
    client = make_app(publisher.folder, request_log=log).test_client()
    answer = client.post("/v1/services/stored", json={"entities": [{"thing_id": "x"}, {"thing_id": "a"}]})
    log.stop()
    (file,) = (tmp_path / "log").iterdir()
    logged = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["request"]["thing_id"] for each in logged] == ["x", "a"]
    assert [{name: each[name] for name in ("status", "groups", "features")} for each in logged][1] == answer.json[
        "rows"
    ][1]


def rewritten(publisher, select):
    """Lets the file of answers hold other rows, with the right hash."""

    def spoil(manifest):
        entry = manifest["services"]["stored@1"]["answers"]
        path = publisher.folder / entry["file"]
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"create table a as from '{path}'; copy ({select}) to '{path}' (format parquet)")
        data = path.read_bytes()
        entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    return spoil


BAD = {
    "another value": lambda data: data.replace(b"red", b"rad"),
    "truncated": lambda data: data[:-10],
}
ROWS = {
    "another key": "select * replace (case thing_id when 'a' then 'z' else thing_id end as thing_id) from a",
    "another order": "from a order by thing_id desc",
    "another type": "select * replace (twice::float as twice) from a",
    "a column less": "select * exclude (steps) from a",
}


@pytest.mark.parametrize("change", [*BAD.values(), None], ids=[*BAD, "gone"])
def test_a_file_of_answers_that_is_not_the_one_published_is_refused(served, publisher, change):
    entry = publisher.publish(mark=8, answers=PUBLISHED)["services"]["stored@1"]["answers"]
    path = publisher.folder / entry["file"]
    if change:
        assert change(path.read_bytes()) != path.read_bytes()
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    assert_refused(served, entry["file"] if change is None else "stored@1")


@pytest.mark.parametrize("select", ROWS.values(), ids=ROWS)
def test_answers_that_do_not_fit_the_tables_are_refused(served, publisher, select):
    publisher.publish(mark=8, answers=PUBLISHED, spoil=rewritten(publisher, select))
    assert_refused(served, "the answers of stored@1")


def assert_refused(client, reason):
    client.application.extensions["asof"].folder.poll()
    state = client.get("/health").json
    assert reason in state["refused"]["reason"]
    assert state["sequence_number"] == 1
    assert client.get("/v1/services/stored?thing_id=a").json["rows"][0]["features"]["color"] == "red"


def test_a_rollback_serves_the_answers_of_the_older_snapshot(served, publisher):
    older = publisher.pointer
    publisher.groups = publisher.groups | {"color": (COLOR.replace("red", "green"), *THINGS["color"][1:])}
    publisher.publish(answers=PUBLISHED)
    folder = served.application.extensions["asof"].folder
    for pointer, color in ((publisher.pointer, "green"), (older | {"sequence_number": 3, "kind": "rollback"}, "red")):
        publisher.point(pointer)
        folder.poll()
        before = published_rows(served)
        assert served.get("/v1/services/stored?thing_id=a").json["rows"][0]["features"]["color"] == color
        assert published_rows(served) == before + 1


def test_pruning_takes_the_answers_of_a_snapshot_with_it(publisher):
    for _ in range(2):
        entry = publisher.publish(answers=PUBLISHED)["services"]["stored@1"]["answers"]
    prune(publisher.folder, keep=1)
    assert [path.name for path in publisher.folder.glob("stored_v1_answers-*")] == [entry["file"]]


def test_what_was_written_from_the_same_file_is_used_again_and_holds_longer(served, publisher):
    folder = served.application.extensions["asof"].folder
    before = folder.current.answers
    later = {name: (*each[:4], AS_OF + timedelta(seconds=1)) for name, each in publisher.groups.items()}
    publisher.groups = later | {"color": (COLOR.replace("red", "green"), *later["color"][1:])}
    publisher.publish(answers=PUBLISHED)
    folder.poll()
    now = folder.current.answers
    assert now["pairs@1"]._written is before["pairs@1"]._written
    assert now["pairs@1"].valid_until == before["pairs@1"].valid_until + timedelta(seconds=1)
    assert now["stored@1"]._written is not before["stored@1"]._written
