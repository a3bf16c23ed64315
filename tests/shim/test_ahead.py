"""Answers computed ahead are, byte for byte, those that the service's SQL gives per request; and where it may not be
computed ahead, it is not.
"""

from __future__ import annotations

import contextlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from publisher import AS_OF, GROUPS, NOW, PUBLISHED, Publisher, ok, service

from serve.dependence import Analyst, Dependence
from serve.folder import Folder

MICROSECOND = timedelta(microseconds=1)
KEYS = [("a", 1), ("a", 11), ("aa", 1), ("b", 2), ("ü", 3), ("", 0), ("new", 9), ("b", 3)]
LINKS = ["x", "y", "z", "nowhere", None]
FEATURES = {
    "amount": "double",
    "small": "float",
    "price": "decimal(12,4)",
    "count": "bigint",
    "is_new": "boolean",
    "word": "varchar",
    "link": "varchar",
    "seen_at": "timestamptz",
    "born_on": "date",
    "numbers": "double[]",
}
GROUPS_OF = {"base": FEATURES, "linked": {"backlog": "integer", "level": "double"}, "twin": {"score": "double"}}

numbers = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1e16, 9999999999999998.0, 1e-4, 9.999e-5, 0.1, 100.0]))
times = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))
VALUES = {
    "double": numbers,
    "float": st.floats(width=32),
    "decimal(12,4)": st.decimals(-(10**7), 10**7, places=4),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "boolean": st.booleans(),
    "varchar": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    "timestamptz": times,
    "date": st.dates(),
    "double[]": st.lists(st.none() | numbers, max_size=3),
}


def sql(value, kind):
    """A value as SQL."""
    if value is None:
        text = "null"
    elif kind.endswith("[]"):
        text = f"[{', '.join(sql(each, kind[:-2]) for each in value)}]"
    else:
        text = "'" + str(value).replace("'", "''") + "'"
    return f"{text}::{kind}"


@st.composite
def tables(draw, keys, key_types, features, links):
    """The SQL of a group's rows; may be empty."""
    chosen = draw(st.lists(st.sampled_from(keys), unique=True, max_size=len(keys)))
    constant = draw(st.booleans())  # all rows alike: kept as one value
    rows, row = [], None
    types = {**key_types, **features}
    for key in chosen:
        if row is None or not constant:
            row = [
                draw(st.sampled_from(links) if name == "link" else st.none() | VALUES[kind])
                for name, kind in features.items()
            ]
        rows.append([sql(value, kind) for value, kind in zip([*key, *row], types.values(), strict=True)])
    if not rows:
        nothing = ", ".join(f"null::{kind} as {name}" for name, kind in types.items())
        return f"select {nothing} where false"
    lines = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"select * from (values {lines}) as t ({', '.join(types)})".replace("{", "{{").replace("}", "}}")


def make_services(known):
    """Services over base, linked and twin: plain ones, and ones that compute."""
    keys = {"name": "varchar", "number": "integer"}
    groups = {"base": list(keys), "linked": {"group": "base", "column": "link"}, "twin": list(keys)}
    features = {name: kind for each in GROUPS_OF.values() for name, kind in each.items()}
    owners = {name: group for group, each in GROUPS_OF.items() for name in each}
    plain = {name: ok(owners[name], name) for name in features}
    computed = {
        "total": f"coalesce({plain['amount']}, 0) + cast({plain['price']} as double)",
        "negative": f"-{plain['level']}",
        "word_or_link": f"coalesce({plain['word']}, {plain['link']}, 'none')",
        "is_large": f"cast({plain['count']} > 10 as integer)",
        "since": f"date_diff('second', {plain['seen_at']}, {plain['born_on']}::timestamptz)",
    }
    types = dict(zip(computed, ["double", "double", "varchar", "integer", "bigint"], strict=True))
    found = [
        service("plain", keys, {}, groups, features, plain, reject=["price"], known=known),
        service("computed", keys, {}, groups, types, computed, known=known),
        service("by_key", keys, {}, groups, {"key": "varchar"}, {"key": "name || number"}, known=known),
        service("unread", keys, {"more": ("double", False)}, groups, features, plain, known=known),
    ]
    return {f"{each['name']}@1": each for each in found}


@st.composite
def publishers(draw):
    """Groups of random rows, ages and freshness."""
    key_types = {"base": {"name": "varchar", "number": "integer"}, "linked": {"id": "varchar"}}
    key_types["twin"] = key_types["base"]
    found = {}
    for name, features in GROUPS_OF.items():
        keys = [(link,) for link in LINKS if link] if name == "linked" else KEYS
        table = draw(tables(keys, key_types[name], features, LINKS))
        as_of = AS_OF - timedelta(microseconds=draw(st.sampled_from([0, 1, 10**6, 3_600_000_000])))
        found[name] = (table, key_types[name], features, draw(st.sampled_from([0, 60, 3600, 5400])), as_of)
    return found


def load(folder):
    """The plans of what is published in a folder."""
    watched = Folder(folder, allow_injected_now=True, clock=lambda: PUBLISHED)
    watched.poll()
    assert watched.refused is None
    return watched.current.plans


def per_request(plan, entities, now):
    """The rows as JSON, by the service's SQL and nothing else."""
    rows = plan.evaluate(entities, now)
    return f"[{','.join(map(plan.row_json, rows))}]"


def rows_of(plan, entities, now):
    """The rows as a request gets them."""
    begun = plan.begin(entities, now)
    return begun if isinstance(begun, list) else begun.result()


def answered(plan, entities, now):
    """The same as JSON."""
    return orjson.dumps([row.ready for row in rows_of(plan, entities, now)]).decode()


def edges(groups):
    """Each group's last microsecond of freshness, and those beside it."""
    at = [as_of + timedelta(seconds=max_age) for _, _, _, max_age, as_of in groups.values()]
    return [time + step * MICROSECOND for time in at for step in (-1, 0, 1, 2)]


@settings(
    max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(groups=publishers(), data=st.data())
def test_computed_ahead_equals_per_request(groups, data):
    with tempfile.TemporaryDirectory() as scratch:
        publisher = Publisher(Path(scratch), groups, make_services(groups))
        publisher.publish()
        plans = load(publisher.folder)
        moments = [PUBLISHED, *(time for time in edges(groups) if time >= PUBLISHED), NOW + timedelta(days=9)]
        for plan in plans.values():
            assert plan.ahead, plan.service.id
            for now in moments:
                asked = data.draw(st.lists(st.sampled_from(KEYS), max_size=12))
                entities = [{"name": name, "number": number} for name, number in asked]
                if plan.service.name == "unread":
                    entities = [{**each, "more": 1.5} for each in entities]
                told = answered(plan, entities, now)
                assert told == per_request(plan, entities, now), (plan.service.id, now)


# -------------------- what must not be computed ahead

SEEN = ok("shipment", "last_scan_at")
# feature -> (SQL over judged, what stands for "from judged")
ALIKE = "from (select *, prediction_time as since, request_distance_km as sent from judged) as judged"
NEVER = {
    "reads_now": (f"date_diff('second', {SEEN}, prediction_time)::varchar", None),
    "reads_now_by_another_name": (f"date_diff('second', {SEEN}, since)::varchar", ALIKE),
    "reads_now_two_below": ("since::varchar", f"from (select * {ALIKE}) as judged"),
    "reads_now_in_a_subquery": ("(select prediction_time)::varchar", None),
    "compares_now_with_a_feature": ("(prediction_time > last_scan_at)::varchar", None),
    "compares_now_for_equality": ("(prediction_time = shipment__as_of)::varchar", None),
    "compares_a_computed_now": ("(prediction_time + interval 1 hour > shipment__as_of)::varchar", None),
    "reads_the_request": ("request_distance_km::varchar", None),
    "reads_the_request_by_another_name": ("sent::varchar", ALIKE),
    "reads_the_whole_row": ("judged::varchar", None),
    "reads_its_number": ("row_id || ''", None),
    "reads_the_clock": ("current_timestamp::varchar", None),
    "reads_the_clock_unseen": ("age(last_scan_at)::varchar", None),
    "reads_the_clock_of_the_machine": ("current_localtime()::varchar", None),
    "reads_the_hour": ("localtime::varchar", None),
    "draws_lots": ("random()::varchar", None),
    "counts_rows": ("(count(*) over ())::varchar", None),
    "reads_another_row": (
        "carrier",
        "from (select * replace (first(carrier) over () as carrier) from judged) as judged",
    ),
    "sorts": ("carrier", "from (select * from judged order by carrier limit 1000) as judged"),
    "unites": ("carrier", "from (select * from judged union all select * from judged where false) as judged"),
    "joins": (
        "judged.carrier",
        "from judged left join looked_up as other on judged.row_id = other.row_id and judged.mark = other.mark",
    ),
    "renumbers": ("carrier", "from (select * replace (row_id as row_id) from judged) as judged"),
    "shadows_now": (
        "other",
        "from (select *, prediction_time > shipment__as_of as other from "
        "(select * replace (last_scan_at as prediction_time) from judged)) as judged",
    ),
}


def never(name):
    expression, instead = NEVER[name]
    made = service(
        name,
        {"order_id": "varchar"},
        {"request_distance_km": ("double", False)},
        {"shipment": ["order_id"]},
        {"told": "varchar"},
        {"told": f"cast({expression} as varchar)"},
    )
    if instead:
        start, _, end = made["sql"].rpartition("from judged)")
        made["sql"] = f"{start}{instead}){end}".replace("select row_id, ship", "select judged.row_id, judged.ship", 1)
    return made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """The plans of a service for each of NEVER, and of one that may be computed ahead."""
    groups = {"shipment": GROUPS["shipment"]}
    made = {f"{name}@1": never(name) for name in NEVER}
    fine = service(
        "fine",
        {"order_id": "varchar"},
        {},
        {"shipment": ["order_id"]},
        {"carrier": "varchar"},
        {"carrier": ok("shipment", "carrier")},
    )
    publisher = Publisher(tmp_path_factory.mktemp("guarded"), groups, made | {"fine@1": fine})
    publisher.publish()
    return publisher


def test_what_may_change_is_never_computed_ahead(guarded):
    plans = load(guarded.folder)
    assert [plan.service.name for plan in plans.values() if plan.ahead] == ["fine"]


def test_no_function_that_may_be_computed_ahead_reads_the_clock():
    """DuckDB's word is not taken for it: what needs no argument, or a time alone, is asked twice."""
    analyst, told = Analyst(), []
    calls = [f"{name}({each})" for name in analyst.functions if name.isidentifier() for each in ("", "now_of_the_row")]
    for _ in range(2):
        found = {}
        for call in calls:
            with contextlib.suppress(duckdb.Error):
                query = f"select {call}::varchar from (select timestamptz '2026-05-01 09:00:00+00' as now_of_the_row)"
                found[call] = analyst.connection.execute(query).fetchone()
        told.append(found)
    assert len(told[0]) > 20
    assert told[0] == told[1]


def test_computing_it_ahead_all_the_same_would_answer_wrongly(guarded, monkeypatch):
    """The check above guards something: without it, answers are those of another time or of no request."""
    read = Dependence._read_columns
    forgotten = {"prediction_time", "request_distance_km"}
    monkeypatch.setattr(Dependence, "_read_columns", lambda self: read(self) - forgotten)
    plans = load(guarded.folder)
    later, entities = NOW + timedelta(minutes=5), [{"order_id": "O-204", "request_distance_km": 3.5}]
    for name in ("reads_now", "reads_now_two_below", "reads_the_request_by_another_name"):
        plan = plans[f"{name}@1"]
        assert plan.ahead.rows(entities, PUBLISHED)
        assert answered(plan, entities, PUBLISHED) != per_request(plan, entities, later), name


def test_staleness_over_http_flips_on_its_microsecond(make_app, publisher):
    """The same bytes before, on and after the microsecond, whether the answer is computed ahead or not."""
    now = [NOW]
    app = make_app(publisher.folder, now=lambda: now[0])
    client, folder = app.test_client(), app.extensions["asof"].folder
    plan = folder.current.plans["kinds@1"]
    statuses = []
    for step in (-1, 0, 1):
        now[0] = AS_OF + timedelta(seconds=5400, microseconds=step)
        entities = [{"id": each} for each in (1, 2, 3, 4, 5)]
        for asked in (entities, entities[:1], entities[4:]):
            assert plan.ahead.rows(asked, now[0]) is not None
            told = client.post("/v1/services/kinds", json={"entities": asked})
            rows = told.get_data(as_text=True).partition(',"rows":')[2][:-1]
            assert rows == per_request(plan, asked, now[0])
        statuses.append(client.get("/v1/services/kinds?id=1").json["rows"][0]["status"])
    assert statuses == ["OK", "OK", "STALE"]
