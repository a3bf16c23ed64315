"""Answers that were logged against what history gives: equal where all is well, named where anything is not."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.test_as_served import as_json
from tests.world import ROOT, World

DIFFERS = "an answer of the API differs from what history gives (parity)"


def log_of(world: World) -> dict[Path, list[dict[str, Any]]]:
    files = sorted((world.folder / "request_log").glob("*.jsonl"))
    return {path: [json.loads(line) for line in path.read_text().splitlines()] for path in files}


def found(world: World) -> dict[str, str]:
    """What parity found of each logged row that is not the same, by what was planted in it."""
    rows = world.query(
        "select request_id, parity || ': ' || coalesce(differences, '') from asof_requests where parity <> 'same'"
    )
    return dict(rows)


def published_parity(world: World) -> dict[str, Any]:
    """What the builds published of score@1 beside the pointer."""
    return json.loads((world.folder / "published" / "parity.json").read_text())["services"]["score@1"]


# What may go wrong between history and an answer, planted in the line of one that was right: what stands there, and
# what is written in its place.
FAULTS = {
    "another value": ('"events_30d":2', '"events_30d":7'),
    "a float in its last bit": ('"amount_total":2.6', '"amount_total":2.6000000000000005'),
    "an integer as a float": ('"events_30d":2', '"events_30d":2.0'),
    "a number as text": ('"amount_total":2.6', '"amount_total":"2.6"'),
    "a null filled": ('"place_size":7', '"place_size":null'),
    "an integer beyond 2^53": ('"serial":9007199254740993', '"serial":9007199254740992'),
    "a decimal in its last digit": ('"worth":1234567890123456.78', '"worth":1234567890123456.79'),
    "a decimal of another scale": ('"request_amount":12.50,"serial"', '"request_amount":12.504,"serial"'),
    "another microsecond": ("08:59:59.123456Z", "08:59:59.123457Z"),
    "a date as a time": ('"2020-02-29"', '"2020-02-29T00:00:00Z"'),
    "a boolean as a number": ('"is_open":true', '"is_open":1'),
    "a float of another list": ("[0.10000000149011612,null,-3.0]", "[0.1,null,-3.0]"),
    "an integer in a list of floats": ("[0.10000000149011612,null,-3.0]", "[0.10000000149011612,null,-3]"),
    "a feature lost": ('"is_known":true', '"is_know":true'),
    "a lost status": ('"status":"OK"', '"status":"PARTIAL"'),
    "a group's status": ('"place":"OK"', '"place":"STALE"'),
    "off by one at max_age": ('"2026-05-01T13:30:00Z","request', '"2026-05-01T13:30:00.000001Z","request'),
    "an old publication": ('"sequence_number":2', '"sequence_number":1'),
    "a publication that is not on record": ('"sequence_number":2', '"sequence_number":99'),
    "another definition": ('"definition":"sha256:', '"definition":"sha256:0'),
}

# One feature of each type that an answer may have, stored and passed on.
TYPES = {
    "serial": ("bigint", "9007199254740993"),
    "worth": ("decimal(18,2)", "1234567890123456.78"),
    "opened_on": ("date", "date '2020-02-29'"),
    "seen_at": ("timestamptz", "timestamptz '2026-05-01 08:59:59.123456Z'"),
    "is_open": ("boolean", "true"),
    "embedding": ("float[]", "[cast(case when attribute.size = 13 then 'nan' else '0.1' end as float), null, -3.0]"),
}


def add_types(world: World) -> None:
    stored = ", ".join(f"cast({value} as {kind}) as {name}" for name, (kind, value) in TYPES.items())
    world.replace("models/features/place_v1.sql", "attribute.size", f"attribute.size, {stored}")
    world.replace("models/services/score_v1.sql", "request_amount,", f"request_amount, {', '.join(TYPES)},")
    for file, last in (("features/place.yml", "How large.}"), ("services/score.yml", "As sent.}")):
        columns = "".join(
            f'\n      - {{name: {name}, data_type: "{kind}", description: Of a type.}}'
            for name, (kind, _) in TYPES.items()
        )
        world.replace(f"models/{file}", last, last + columns)


def test_logged_answers_equal_history_and_what_does_not_is_named_once(world: World) -> None:
    world.replace("models/features/place.yml", "max_age: 2 hours", "max_age: 1 hour")
    add_types(world)
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.thing("b", "2026-05-01 08:00", place=None, color=None)
    world.thing("lost", "2026-05-01 08:00", place="nowhere")
    world.event("e1", "a", "2026-05-01 09:00", amount=0.1)
    world.build("2026-05-01 10:00")
    # at the publication, and at max_age, to the microsecond
    everybody = [
        {"thing_id": name, "request_amount": 12.5, "request_color": color}
        for name in ("a", "b", "nobody", "lost")
        for color in ("green", None)
    ]
    for now in ("10:00:00.000001", "11:00:00.000000", "11:00:00.000001", "12:00:00.000001"):
        world.ask("score", everybody, f"2026-05-01 {now}", is_logged=True)
    statuses = {row["status"] for rows in log_of(world).values() for row in rows}
    assert statuses == {"OK", "PARTIAL", "STALE", "NOT_FOUND", "REJECTED"}
    world.event("e2", "a", "2026-05-01 12:10", amount=2.5)
    published, replica = world.folder / "published", world.folder / "replica"
    shutil.copytree(published, replica)
    run = world.build("2026-05-01 12:30")
    assert run.says("parity of score@1, logged answers against history: 32 same.")
    assert world.pointer["sequence_number"] == 2
    nothing = {"different": 0, "not_compared": 0, "not_comparable": 0, "open": 0}
    assert published_parity(world) == nothing | {"compared_at": "2026-05-01T12:30:00.000000Z", "same": 32}
    # a slow replica, excused within the pickup time
    published.rename(world.folder / "newest")
    replica.rename(published)
    assert world.ask("score", everybody, "2026-05-01 12:30:02", is_logged=True)["sequence_number"] == 1
    published.rename(replica)
    (world.folder / "newest").rename(published)

    # one right answer at the very end of max_age, logged once for each fault
    answered = world.ask("score", everybody[:1], "2026-05-01 13:30:00.000000", is_logged=True)
    assert answered["rows"][0]["status"] == "OK"
    path, [_] = list(log_of(world).items())[-1]
    line = path.read_text().strip()
    planted = [line]
    for name, (right, wrong) in FAULTS.items():
        assert right in line, name
        planted.append(re.sub('"request_id":"[^"]*"', f'"request_id":"{name}"', line.replace(right, wrong, 1)))
    path.write_text("\n".join([*planted, line[:100]]))  # and a line torn by a kill
    # meanwhile the service's text changes; answers are held against the one that they name
    world.replace("models/services/score_v1.sql", "coalesce(events_30d, 0)", "coalesce(events_30d, 0, 0)")
    run = world.build("2026-05-01 13:40", fails=True)
    assert run.says(DIFFERS)
    assert run.says("fewer than 0.95 of the logged answers can be compared with history")
    assert world.pointer["sequence_number"] == 2
    # the publication is held, and what was found is seen by who serves
    reported = {"compared_at": "2026-05-01T13:40:00.000000Z", "same": 9, "different": 18, "not_compared": 2}
    assert published_parity(world) == nothing | reported | {"open": 18}
    with world.shim("2026-05-01 13:41") as client:
        (service,) = client.get("/v1/catalog").get_json()["services"]
        assert (service["parity"]["open"], service["parity"]["age_seconds"]) == (18, 60)
    said = found(world)
    path.write_text("\n".join(planted))
    old = said.pop("an old publication")
    assert "; publication: answered 1, history gives 2; " in old
    assert "; status: answered OK, history gives STALE; " in old
    off_by_one = said.pop("off by one at max_age")
    for each in (
        "hours_since_last_event: answered 1.3333333333333333, history gives 1.3333333336111113",
        "place_size: answered 7, history gives null",
        "; status: answered OK, history gives STALE; status of place: answered OK, history gives STALE",
    ):
        assert each in off_by_one
    assert said == {
        "another value": "different: events_30d: answered 7, history gives 2",
        "a float in its last bit": "different: amount_total: answered 2.6000000000000005, history gives 2.6",
        "an integer as a float": "different: events_30d: answered 2.0, history gives 2",
        "a number as text": 'different: amount_total: answered "2.6", history gives 2.6',
        "a null filled": "different: place_size: answered null, history gives 7",
        "an integer beyond 2^53": "different: serial: answered 9007199254740992, history gives 9007199254740993",
        "a decimal in its last digit": "different: worth: answered 1234567890123456.79, "
        "history gives 1234567890123456.78",
        "a decimal of another scale": "different: request_amount: answered 12.504, history gives 12.50",
        "another microsecond": 'different: seen_at: answered "2026-05-01T08:59:59.123457Z", '
        "history gives 2026-05-01 08:59:59.123456+00",
        "a date as a time": 'different: opened_on: answered "2020-02-29T00:00:00Z", history gives 2020-02-29',
        "a boolean as a number": "different: is_open: answered 1, history gives true",
        "a float of another list": "different: embedding: answered [0.1,null,-3.0], history gives [0.1, NULL, -3.0]",
        "an integer in a list of floats": "different: embedding: answered [0.10000000149011612,null,-3], "
        "history gives [0.1, NULL, -3.0]",
        "a feature lost": "different: is_known: answered null, history gives true",
        "a lost status": "different: status: answered PARTIAL, history gives OK",
        "a group's status": "different: status of place: answered STALE, history gives OK",
        "a publication that is not on record": "not compared: its publication is not on record: ",
        "another definition": "not compared: its definition was never published here: ",
    }

    # each is reported by the run that met it, and stays on record; it may be accepted, with a reason
    accepting = ("run-operation", "accept_difference", "--args")
    reason = '{service: score@1, reason: "planted by a test"}'
    assert world.dbt(*accepting, reason, now="2026-05-01 13:41").says("accepted 18 logged answers that differ")
    assert published_parity(world) == nothing | reported
    assert world.dbt(*accepting, reason, now="2026-05-01 13:42", fails=True).says(
        "there is no open difference of score@1"
    )
    world.dbt(
        "run-operation", "accept_definition", "--args", '{id: score@1, reason: "the same"}', now="2026-05-01 13:43"
    )
    # a float that no answer can hold, also within a list, is refused before it is recorded
    world.add("places", ("nan", 13, "2026-05-01 13:44+00", "2026-05-01 13:44+00"))
    run = world.dbt("run", "--select", "+place_v1_history", now="2026-05-01 13:44:30", fails=True)
    assert run.says("embedding is NaN or infinite")
    world.execute("delete from raw.places where place_id = 'nan'")
    world.ask("score", everybody, "2026-05-01 13:45", is_logged=True)  # still by the text before
    # from now on the log is what is trained on
    (world.folder / "models/services/score_examples.sql").write_text(
        "select logged.*, true as outcome, logged.prediction_time as label_known_at "
        "from {{ asof.logged('score') }} as logged"
    )
    sequence_number = "      - {name: sequence_number, data_type: bigint, description: Who answered.}\n"
    world.replace("models/services/score.yml", "      - {name: outcome,", sequence_number + "      - {name: outcome,")
    run = world.build("2026-05-01 13:50")
    assert run.says("parity of score@1, logged answers against history: 8 same.")
    assert published_parity(world) == nothing | {"compared_at": "2026-05-01T13:50:00.000000Z", "same": 8}
    assert world.pointer["sequence_number"] == 3
    assert len(found(world)) == len(FAULTS)
    training = world.training()
    answers = {f"{row['request_id']}/{row['row']}": row for rows in log_of(world).values() for row in rows}
    right = {row_id: row for row_id, row in answers.items() if row["request_id"] not in FAULTS}
    assert len(right) == 32 + 8 + 1 + 8
    for row_id, answer in right.items():
        if answer["status"] == "REJECTED":
            assert row_id not in training
        else:
            assert training[row_id]["status"] == answer["status"]
            assert training[row_id]["sequence_number"] == answer["sequence_number"]
            for name in answer["features"].keys() - TYPES.keys():
                assert as_json(training[row_id][name]) == answer["features"][name], (row_id, name)
    accepted = "select count(*) from asof_requests where parity = 'different' and accepted = 'planted by a test'"
    assert world.query(accepted) == [(18,)]


def test_hashed_values_are_compared_by_the_keys_that_history_knows(world: World) -> None:
    personal = ", config: {meta: {personal: true}}}"
    world.replace("models/features/thing.yml", "description: The thing.}", "description: The thing." + personal)
    world.replace("models/services/score.yml", "{meta: {optional: true}}", "{meta: {optional: true, personal: true}}")
    key = world.folder / "request_log.key"
    key.write_text("a secret that nobody knows\r\n")
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    world.thing("a", "2026-05-01 08:00")
    world.thing("ä'|\"b", "2026-05-01 08:00")
    world.build("2026-05-01 10:00")
    everybody = [{"thing_id": name, "request_amount": 1} for name in ("a", "ä'|\"b", "nobody")]
    world.ask("score", everybody, "2026-05-01 10:10", is_logged=True)
    assert "nobody" not in "".join(path.read_text() for path in log_of(world))
    run = world.build("2026-05-01 10:20")  # nothing fails: this log cannot be compared without the secret
    why = "not comparable: personal keys are hashed, and there is no file with the secret"
    assert run.says(f"parity of score@1, logged answers against history: 3 {why}.")

    requested = [*everybody, everybody[0] | {"request_color": "green"}]
    world.ask("score", requested, "2026-05-01 10:30", is_logged=True)
    path = list(log_of(world))[-1]
    lines = path.read_text().splitlines()
    lines.append(lines[1].replace('"events_30d":0', '"events_30d":1').replace('"row":1', '"row":9'))
    path.write_text("\n".join(lines) + "\n")
    run = world.dbt(
        "build", now="2026-05-01 10:40", fails=True, ASOF_REQUEST_LOG_KEY=str(key), DBT_LOG_LEVEL_FILE="debug"
    )
    assert run.says("3 same; 1 not comparable: the personal request column request_color is hashed; 1 different")
    files = [file for folder in ("logs", "target") for file in (world.folder / folder).rglob("*") if file.is_file()]
    written = [file.read_text(errors="replace") for file in files]
    assert any(str(key) in text for text in written)
    assert not any("a secret that" in text for text in written)

    # whom they are about is forgotten in the record of the log too, and stays so although the files are still there
    erase = ("run-operation", "erase", "--args", "{entity: things, key: {thing_id: a}, reason: request 117}")
    run = world.dbt(*erase, now="2026-05-01 10:50", ASOF_REQUEST_LOG_KEY=str(key))
    assert run.says("and 3 logged requests")
    kept = "select count(*), count(line), count(*) filter (where parity = 'erased') from asof_requests"
    assert world.query(kept) == [(8, 5, 3)]
    world.dbt("run", "--select", "clock", now="2026-05-01 10:51")
    assert world.query(kept) == [(8, 5, 3)]


# --------------------------------------------------------------------------------------------------- real mistakes


@dataclass
class Mistaken:
    """Requests to be answered by copies of the shim or of what is published, each with a mistake of its own."""

    world: World
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def shim(self, name: str, *patches: tuple[str, str, str]) -> Path:
        """A copy of the shim, with (file, what stands there, what is put in its place); returns the folder it is in."""
        folder = self.world.folder / "copies" / name.replace(" ", "_")
        shutil.copytree(ROOT / "serve", folder / "serve", ignore=shutil.ignore_patterns("__pycache__"))
        for file, right, wrong in patches:
            path = folder / "serve" / file
            text = path.read_text()
            assert text.count(right) == 1, (name, file, right)
            path.write_text(text.replace(right, wrong))
        return folder

    def published(self, name: str) -> Path:
        """A copy of what is published now."""
        return Path(
            shutil.copytree(self.world.folder / "published", self.world.folder / "copies" / (name + " published"))
        )

    def ask(self, name: str, thing: str, now: str, *, serve: Path = ROOT, published: Path | None = None) -> None:
        """A request to be logged as `name`; with a color, so that it is not rejected."""
        self.jobs.append(
            {
                "serve": str(serve),
                "published": str(published or self.world.folder / "published"),
                "now": self.world.environment(now)["ASOF_NOW"],
                "log": str(self.world.folder / "copies" / (name + " log")),
                "service": "score",
                "entities": [{"thing_id": thing, "request_amount": 12.5, "request_color": "green"}],
            }
        )

    def answer(self) -> None:
        """Lets them be answered."""
        jobs, self.jobs = json.dumps(self.jobs), []
        command = [sys.executable, str(ROOT / "tests" / "requests_to_copies.py")]
        run = subprocess.run(command, input=jobs, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr

    def log(self, *names: str) -> None:
        """Puts what was logged of these into the log that the warehouse reads, each under its name."""
        folder = self.world.folder / "request_log"
        folder.mkdir(exist_ok=True)
        for name in names:
            (path,) = (self.world.folder / "copies" / (name + " log")).glob("*.jsonl")
            line = re.sub('"request_id":"[^"]*"', f'"request_id":"{name}"', path.read_text())
            (folder / f"{name}.jsonl").write_text(line)

    def found(self) -> dict[str, str]:
        """What parity found, by name."""
        return dict(
            self.world.query("select request_id, parity || ': ' || coalesce(differences, '') from asof_requests")
        )


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes a changed manifest over the current one, with the hashes of its files and its own in the pointer."""
    pointer = json.loads((folder / "current.json").read_text())
    for group in manifest["groups"].values():
        content = (folder / group["file"]).read_bytes()
        group.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    text = json.dumps(manifest)
    (folder / pointer["manifest"]).write_text(text)
    pointer["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "current.json").write_text(json.dumps(pointer))


# Loads a group's file of the oldest snapshot that is there.
LOADED = "def _load_group(folder: Path, id: str, raw: Raw, known: list[Group]) -> Group:"
OLD = """def _load_group(folder: Path, id: str, raw: dict[str, Any], known: list[Group]) -> Group:
    import json
    oldest = json.loads(min(folder.glob("snapshot-*.json")).read_bytes())["groups"][f"{raw['name']}@{raw['version']}"]
    raw = raw | {name: oldest[name] for name in ("file", "rows", "bytes", "sha256")}"""


def test_mistakes_in_serving_and_in_training_are_found(world: World) -> None:
    mistaken = Mistaken(world)
    world.add("places", ("p", 7, "2026-05-01 07:00+00", "2026-05-01 07:00+00"))
    for thing in ("a", "late"):
        world.thing(thing, "2026-05-01 08:00")
    world.thing("homeless", "2026-05-01 08:00", place=None)
    world.event("long ago", "a", "2026-04-20 09:00", amount=0.5)
    world.event("e1", "a", "2026-05-01 09:00", amount=0.1)
    world.event("late", "late", "2026-05-01 09:30", "2026-05-01 11:00")
    world.build("2026-05-01 10:00")
    first = mistaken.published("first")
    mistaken.ask("history rewritten", "late", "2026-05-01 10:05")
    mistaken.ask("training joined by time", "a", "2026-05-01 11:35")  # after the moment, before its publication
    mistaken.ask("right, of the first publication", "a", "2026-05-01 10:05")
    mistaken.answer()
    world.event("e2", "a", "2026-05-01 11:10", amount=2.5)
    world.build("2026-05-01 11:45", "--vars", "as_of: 2026-05-01T11:30:00Z")

    # the classical four: another window, another fill for nulls, stale values, the future in training
    window = mistaken.published("another window")
    manifest = json.loads((window / world.pointer["manifest"]).read_text())
    file = window / manifest["groups"]["thing@1"]["file"]
    events = "select count(*) from raw.events as e where e.thing_id = t.thing_id and e.occurred_at >"
    with world.warehouse() as warehouse:
        warehouse.execute(
            f"copy (select * replace (({events} timestamptz '2026-05-01 11:30Z' - interval 7 days) as events_30d) "
            f"from read_parquet('{file}') as t) to '{file}'"
        )
    seal(window, manifest)
    mistaken.ask("another window", "a", "2026-05-01 11:50", published=window)
    fill = mistaken.shim(
        "another null fill", ("sqltypes.py", '"null" if value is None else write', '"0" if value is None else write')
    )
    mistaken.ask("another null fill", "homeless", "2026-05-01 11:50", serve=fill)
    # the values of the first snapshot under the name of the current one; and a shim that never saw another than that
    stale = mistaken.shim("stale values", ("loader.py", LOADED, OLD))
    mistaken.ask("stale values", "a", "2026-05-01 11:50", serve=stale)
    mistaken.ask("an old snapshot", "a", "2026-05-01 11:50", published=first)

    # and lesser ones
    border = mistaken.published("off by one at max_age")
    manifest = json.loads((border / world.pointer["manifest"]).read_text())
    service = manifest["services"]["score@1"]
    assert "prediction_time > asof_as_of_thing" in service["sql"]
    service["sql"] = service["sql"].replace("prediction_time > asof_as_of_thing", "prediction_time >= asof_as_of_thing")
    seal(border, manifest)
    mistaken.ask("off by one at max_age", "a", "2026-05-01 13:30", published=border)
    floats = mistaken.shim("a wrong type", ("sqltypes.py", "int.__repr__", "lambda value: repr(float(value))"))
    mistaken.ask("a wrong type", "a", "2026-05-01 11:50", serve=floats)
    rounded = mistaken.shim(
        "a rounded float", ("sqltypes.py", "float.__repr__(value)", "float.__repr__(round(value, 6))")
    )
    mistaken.ask("a rounded float", "a", "2026-05-01 11:50:00.123456", serve=rounded)
    lost = mistaken.shim(
        "a lost status", ("evaluate.py", "return Row(status,", "return Row(status.replace('PARTIAL', 'OK'),")
    )
    mistaken.ask("a lost status", "homeless", "2026-05-01 11:50", serve=lost)
    for name, thing, now in (
        ("right", "a", "11:50"),
        ("right, partial", "homeless", "11:50"),
        ("right, at max_age", "a", "13:30"),
    ):
        mistaken.ask(name, thing, f"2026-05-01 {now}")
    names = [Path(job["log"]).name.removesuffix(" log") for job in mistaken.jobs]
    mistaken.answer()
    # history rewritten by what had happened, whenever it became known
    world.execute(
        "update thing_v1_history as t set events_30d = (select count(*) from raw.events as e "
        "where e.thing_id = t.thing_id and e.occurred_at <= t.as_of) where thing_id = 'late'"
    )
    mistaken.log(*names, "history rewritten")
    test = ("test", "--select", "score")
    assert world.dbt(*test, now="2026-05-01 14:40", fails=True).says(DIFFERS)
    said = mistaken.found()
    assert {name for name, what in said.items() if what.startswith("same")} == {
        "right",
        "right, partial",
        "right, at max_age",
    }
    expected = {
        "another window": "different: events_30d: answered 2, history gives 3",
        "another null fill": "place_size: answered 0, history gives null",
        "stale values": "events_30d: answered 2, history gives 3",
        "an old snapshot": "different: publication: answered 1, history gives 2",
        "history rewritten": "different: events_30d: answered 0, history gives 1",
        "off by one at max_age": "; status: answered STALE, history gives OK; "
        "status of thing: answered STALE, history gives OK",
        "a wrong type": "events_30d: answered 3.0, history gives 3",
        "a rounded float": "hours_since_last_event: answered 0.666701, history gives 0.666700959",
        "a lost status": "different: status: answered OK, history gives PARTIAL",
    }
    assert {*said} == {*names, *expected}
    for name, what in expected.items():
        assert what in said[name], (name, said[name])

    # the future in training once more: its SQL takes what was newest by the clock, not what was published by then
    package = world.folder / "dbt_packages" / "asof"
    package.unlink()
    shutil.copytree(ROOT / "macros", package)
    macro = package / "services" / "private" / "looked_up_sql.sql"
    right = "placed ~ '.asof_as_of_' ~ alias"
    assert macro.read_text().count(right) == 1
    macro.write_text(macro.read_text().replace(right, "'prediction_time'"))
    mistaken.log("training joined by time")
    # a record that lacks the newest publication is mended from the pointer first
    world.execute("delete from asof_publications where sequence_number = 2")
    run = world.dbt(*test, now="2026-05-01 14:41", fails=True)
    assert run.says(DIFFERS)
    assert run.says("publication 2 was made but not recorded")
    assert "events_30d: answered 2, history gives 3" in mistaken.found()["training joined by time"]
    shutil.rmtree(package)
    package.symlink_to(ROOT / "macros")

    # a record that lacks an older publication cannot be
    world.execute("delete from asof_publications where sequence_number = 1")
    mistaken.log("right, of the first publication")
    run = world.dbt(*test, now="2026-05-01 14:42", fails=True)
    assert run.says("fewer than 0.95 of the logged answers can be compared with history")
    assert mistaken.found()["right, of the first publication"] == "not compared: its publication is not on record: "
