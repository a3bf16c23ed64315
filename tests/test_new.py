"""`asof new`: what it writes builds as it is, beside what was there, and a new version changes no other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from asof.__main__ import main
from asof.project_yaml import columns_of, with_version
from tests.world import ROOT, World


def new(world: World, *arguments: str) -> None:
    assert main(["new", *arguments, "--project", str(world.folder)]) == 0


def files(world: World) -> set[str]:
    return {str(path.relative_to(world.folder)) for path in (world.folder / "models").rglob("*") if path.is_file()}


def test_each_kind_is_one_command_and_builds_as_it_is(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them into one project, which is built once and published; then the lines that mean something are added."""
    world.execute(
        "create table raw.visits (visit_id varchar, visitor_id bigint, thing_id varchar, minutes integer, "
        "visited_at timestamptz, loaded_at timestamptz)"
    )
    world.execute("create table raw.goodbyes (visitor_id bigint, left_at timestamptz)")
    world.execute("create schema crm")
    world.execute("create table crm.plans (visitor_id bigint, plan varchar)")
    world.execute("insert into crm.plans values (1, 'gold')")
    when = "timestamptz '2026-05-01 08:00+00'"
    world.execute(f"insert into raw.visits values ('v1', 1, 'a', 5, {when}, {when}), ('v2', 2, 'a', 5, {when}, {when})")
    world.execute(f"insert into raw.goodbyes values (2, {when})")
    world.thing("a", "2026-05-01 08:00")
    world.event("e1", "a", "2026-05-01 09:00")
    world.example("x", "a", "2026-05-01 09:30")

    visits = ("--id", "visit_id", "--occurred", "visited_at", "--known", "loaded_at")
    new(world, "staging", "stg_visits", "--from", "raw.visits", *visits, "--columns", "visitor_id", "minutes")
    assert "Next: add `- name: visits` to the tables of the source raw in" in capsys.readouterr().out
    world.replace("models/sources.yml", "tables:\n", "tables:\n      - {name: visits}\n      - {name: goodbyes}\n")
    goodbyes = ("--id", "visitor_id", "--occurred", "left_at", "--safety-lag", "1 minute")
    new(world, "staging", "stg_goodbyes", "--from", "raw.goodbyes", *goodbyes, "--columns", "visitor_id")
    new(world, "staging", "stg_plans", "--from", "crm.plans", "--observed", "visitor_id", "--columns", "plan")
    new(world, "entity", "visitors", "--key", "visitor_id:bigint", "--events", "stg_visits", "--gone", "stg_goodbyes")
    new(world, "entity", "hosts", "--key", "thing_id", "--events", "stg_events")
    new(world, "feature", "visitor", "--entity", "visitors", "--events", "stg_visits", "--owner", "tests")
    before = files(world)
    new(world, "feature", "thing", "--version", "2", "--from", "1")
    assert files(world) - before == {
        "models/features/thing_v2.sql",
        "models/history/thing_v2_history.sql",
        "models/online/thing_v2_latest.sql",
    }
    new(world, "service", "visit", "--groups", "visitor@1", "--owner", "tests")
    new(world, "service", "score", "--version", "2", "--groups", "thing@2", "place@1")
    new(
        world,
        "service",
        "located",
        "--groups",
        "thing@2",
        "place@1",
        "--owner",
        "tests",
        "--lookup",
        "place=thing.place_id",
    )
    assert "added version 2 to models/services/score.yml" in capsys.readouterr().out

    # what is left to write: a line of SQL and its column, in the group and in the service
    column = "{name: amount_max, data_type: 'decimal(12,2)', description: Largest amount.}"
    line = "max(event.occurred_at) as last_event_at"
    world.replace("models/features/thing_v2.sql", line, f"{line},\n    max(event.amount) as amount_max")
    world.replace("models/services/score_v2.sql", "    request_amount,\n", "    request_amount,\n    amount_max,\n")
    for file in ("features/thing.yml", "services/score.yml"):
        world.replace(
            f"models/{file}", "{v: 2, columns: [{include: all}", f"{{v: 2, columns: [{{include: all}}, {column}"
        )
    run = world.build("2026-05-01 10:00")
    assert run.says("as number 1")
    assert run.says("4 groups, 4 services")
    services = world.manifest["services"]
    assert set(services) == {"score@1", "score@2", "visit@1", "located@1"}
    assert [each["is_latest"] for id_, each in services.items() if id_.startswith("score")] == [True, False]
    assert [group["group"] for group in services["score@2"]["groups"]] == ["thing@2", "place@1"]
    assert [column["name"] for column in services["located@1"]["features"]].count(
        "amount_max"
    ) == 0  # written before it was
    assert world.manifest["groups"]["visitor@1"]["keys"][0]["type"] == "bigint"
    requested = {"thing_id": "a", "request_amount": 1, "request_color": "green"}
    old, latest, other = (world.ask(name, [requested], "2026-05-01 10:01") for name in ("score@1", "score", "score@2"))
    assert old == latest
    assert other["rows"][0]["features"] == old["rows"][0]["features"] | {"amount_max": 1}
    assert world.ask("visit", [{"visitor_id": 1}], "2026-05-01 10:01")["rows"][0]["features"]["visitor_events_30d"] == 1
    assert world.ask("visit", [{"visitor_id": 2}], "2026-05-01 10:01")["rows"][0]["status"] == "NOT_FOUND"
    run = world.build("2026-05-01 10:02", "--selector", "visit")  # what it is published with, and nothing else
    assert re.search(r"published \S+ as number 2 at \S+: visit@1, visitor@1\.", run.output)
    assert world.query("select visitor_id, plan from stg_plans") == [(1, "gold")]


def test_what_cannot_be_written_is_said_and_leaves_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: (world.folder / name).read_bytes() for name in files(world)}
    version = "has the versions [1] of thing: --from is one of them, --version another"
    for said, *arguments in (
        (version, "feature", "thing", "--version", "1"),
        (version, "feature", "thing", "--version", "3", "--from", "2"),
        ("no YAML under models/features describes nothing", "feature", "nothing", "--version", "2"),
        ("--entity, --events, --owner is missing; another version of a group is written by", "feature", "another"),
        ("'thing' names no version; a service pins it", "service", "score", "--version", "2", "--groups", "thing"),
        ("--groups, --owner is missing", "service", "another"),
        ("no models/features/thing_v7.sql", "service", "another", "--owner", "o", "--groups", "thing@7"),
        ("--id, --occurred is missing; of a table that is overwritten, name the", "staging", "x", "--from", "raw.x"),
        ("--known is missing", "staging", "x", "--from", "x", "--id", "i", "--occurred", "o"),
        ("models/entities/things.sql, models/ent", "entity", "things", "--key", "k", "--events", "stg_things"),
        ("'Things' is no name for a model", "entity", "Things", "--key", "k", "--events", "stg_things"),
    ):
        assert main(["new", *arguments, "--project", str(world.folder)]) == 1
        assert said in capsys.readouterr().out, arguments
    assert {name: (world.folder / name).read_bytes() for name in files(world)} == before


@pytest.mark.parametrize("name", ["late_delivery", "churn", "fraud", "upsell"])
def test_another_version_repeats_what_the_yaml_says_of_the_one_it_is_from(name: str) -> None:
    """In the worked example's own YAML: nothing else in the text changes."""
    text = (ROOT / f"models/services/{name}.yml").read_text()
    (model,) = [each for each in yaml.safe_load(text)["models"] if each["name"] == name]
    last = model["versions"][-1]["v"]
    changed = with_version(text, model, last + 1, last)
    (after,) = [each for each in yaml.safe_load(changed)["models"] if each["name"] == name]
    assert after["versions"][:-1] == model["versions"]
    assert after["versions"][-1] == {"columns": [{"include": "all"}]} | model["versions"][-1] | {"v": last + 1}
    assert {**after, "versions": 0} == {**model, "versions": 0}
    assert columns_of(after, last + 1) == columns_of(model, last)
    added = [line for line in changed.splitlines() if line.strip()]
    for line in text.splitlines():
        if line.strip():
            added.remove(line)
    assert len(added) == len(yaml.safe_dump(after["versions"][-1], width=1000).splitlines()) or len(added) <= 6


def test_a_bare_name_goes_on_meaning_the_version_that_it_meant() -> None:
    text = "models:\n  - description: d\n    name: score  # a comment\n    versions: [{v: 1}]\n\nexposures: []\n"
    (model,) = yaml.safe_load(text)["models"]
    assert with_version(text, model, 2, 1) == (
        "models:\n  - description: d\n    name: score\n    latest_version: 1  # a comment\n"
        "    versions: [{v: 1}, {v: 2, columns: [{include: all}]}]\n\nexposures: []\n"
    )


def test_what_a_new_project_needs_is_what_the_small_project_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: 'world'\nprofile: world\n")
    assert main(["new", "project", "--project", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    advice = yaml.safe_load(printed[printed.index("vars:") : printed.index("and to your profile")])
    small = yaml.safe_load((ROOT / "tests/world/dbt_project.yml").read_text())
    assert advice["models"]["world"] == {
        key: value for key, value in small["models"]["world"].items() if key != "staging"
    }
    assert advice["vars"].keys() == small["vars"].keys()
    for name in ("models/clock/clock.sql", "macros/materialized_view.sql"):
        assert (tmp_path / name).read_text().splitlines()[-3:] == (
            ROOT / "tests/world" / name
        ).read_text().splitlines()[-3:]


def test_the_wheel_holds_the_templates() -> None:
    held = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    found = {path for name in held for each in held[name] for path in (ROOT / name.replace(".", "/")).glob(each)}
    files = [path for folder in ("asof", "serve") for path in (ROOT / folder).rglob("templates/*") if path.is_file()]
    assert found == set(files)
    assert len(found) > 10
