"""Configuration: what would do nothing, or not what it says, is refused; the docs say what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from asof.serve.settings import ENVIRONMENT, SettingsError, check_environment

from tests.world import ROOT, World

GROUP, SERVICE, SOURCES = "models/features/thing.yml", "models/services/score.yml", "models/sources.yml"
PROJECT = "dbt_project.yml"

# (file, text, what is put in its place, what is said of it)
FAULTS = [
    (GROUP, "owner: tests", "owner: [tests]", f"{GROUP}: thing says `owner: ['tests']` in its meta. owner is text"),
    (
        GROUP,
        "max_age: 2 hours",
        "max_age: 2 months",
        "`max_age: 2 months` in its meta. max_age is a fixed length such as",
    ),
    (
        "models/features/place.yml",
        "max_age: 2 hours",
        "target: 3 hours, max_age: 2 hours",
        "place says `target: 3 hours`, which is beyond its max_age. The target is how fresh it should be",
    ),
    (
        GROUP,
        "range: [-1000, 100000]",
        "range: 0-200",
        "amount_total of thing says `range: 0-200` in its meta. range is two",
    ),
    (
        "models/features/place.yml",
        "target: 3 hours, max_age: 2 hours",
        "target: 3 hours, max_age: 2 hours, health: {null_rat: false}",
        "place says `health: {null_rat: False}` in its meta. There is no such rule of feature groups. There are:",
    ),
    (
        "models/staging/stg_things.yml",
        "{name: known_at}",
        "{name: known_at, config: {meta: {health: {gap: {warn: 3}}}}}",
        "known_at of stg_things says `health: {gap: {'warn': 3}}` in its meta. A limit of gap is `hold`, and a number",
    ),
    (
        GROUP,
        "description: Its color.}",
        "description: Its color., config: {meta: {rnage: [0, 1]}}}",
        "color of thing has `rnage` in its meta, which asof does not know. Write `range`",
    ),
    (
        GROUP,
        "description: All events.}",
        "description: All events., config: {meta: {missing: reject}}}",
        "`missing` in its meta, where it does nothing. It stands in the meta of columns of services. Move it there",
    ),
    (
        SERVICE,
        "meta: {missing: reject}",
        "meta: {missing: drop}",
        "`missing: drop` in its meta. missing is reject or allow",
    ),
    (
        SERVICE,
        "description: Sum.}",
        "description: Sum., config: {meta: {mising: reject}}}",
        "amount_total of score has `mising` in its meta, which asof does not know. Write `missing`",
    ),
    (SERVICE, "meta: {optional: true}", "meta: {optionel: true}", "request_color of score_examples has `optionel`"),
    (SERVICE, "meta: {label: true}", "meta: {lable: true}", "outcome of score_examples has `lable` in its meta"),
    (
        SERVICE,
        "meta: {owner: tests,",
        "meta: {publish: 'false', owner: tests,",
        "`publish: false` in its meta. publish is true or",
    ),
    (
        SOURCES,
        "meta: {known_at: prediction_time}",
        "meta: {knownAt: known_at}",
        "`knownAt` in its meta, which asof does not know. Write",
    ),
    (
        PROJECT,
        "asof_training_to: {test:",
        "asof_training_to: {tset:",
        "names the target tset, which the profile world does not have. Write test.",
    ),
    (
        PROJECT,
        "  asof_publish_lag:",
        "  asof_reply: false\n  asof_publish_lag:",
        "the var asof_reply is none of ours. Write asof_replay.",
    ),
    (
        PROJECT,
        "  asof_publish_lag:",
        "  asof_replay: 'no'\n  asof_publish_lag:",
        "the var asof_replay is no. Expected true or false.",
    ),
    (
        PROJECT,
        "  asof_publish_lag:",
        "  asof: {asof_nonsense: 1}\n  asof_publish_lag:",
        "the var asof_nonsense is none of ours. The vars",
    ),
    (
        PROJECT,
        "  asof_publish_lag:",
        "  asof_request_log: {test: request_log}\n  asof_publish_lag:",
        "the var asof_request_log is gone. Set the environment variable ASOF_REQUEST_LOG instead, for dbt as",
    ),
    (
        PROJECT,
        "{+materialized: entity}",
        "{+materialized: table}",
        "things is materialized as table. Add to dbt_project.yml, under `models: world",
    ),
]


def test_what_would_do_nothing_is_refused_before_anything_is_built(world: World) -> None:
    arguments = ("build", "--vars", "{backfil: {from: 2026-01-01}}")
    run = world.refused(FAULTS, *arguments, now="2026-05-01 10:00", ASOF_REQUEST_LOG_KEY="somewhere")
    assert run.says("the var backfil is none of ours. Write backfill.")
    assert run.says("ASOF_REQUEST_LOG_KEY is set, and ASOF_REQUEST_LOG is not, so no logged answer would be compared")
    # the entity places is a table too
    assert len(run.said) == len(FAULTS) + 3, run.said
    assert world.query("select count(*) from information_schema.tables where table_schema = 'main'") == [(0,)]


def test_what_says_what_it_does_is_built_and_keys_of_others_are_left_alone(world: World) -> None:
    """And a build whose target publishes nowhere says so at its end."""
    for file, old, new in (
        (GROUP, "{owner: tests,", "{owner: tests, publish: true, contains_pii: false, labels_of: x,"),
        (GROUP, "range: [-1000, 100000]", "range: [null, 100000], max_null_rate: 1, dagster: {a: 1}"),
        (SERVICE, "description: Sum.}", "description: Sum., config: {meta: {range: [0, null], out_of_range: null}}}"),
        (SERVICE, "known_within: 0 seconds", "known_within: 1 day"),
        (
            "models/staging/stg_things.yml",
            "description: One row per version.",
            "meta: {safety_lag: 1 hour, retention: 900 days}",
        ),
        (
            SOURCES,
            "meta: {known_at: prediction_time}",
            "meta: {known_at: prediction_time, overwritten: true, range: sheet}",
        ),
        (PROJECT, "asof_training_to: {test:", "asof_training_to: {production: elsewhere, test:"),
        (
            PROJECT,
            "  asof_publish_lag:",
            "  my_var: 1\n  other_package: {as_off: 1}\n  asof_pickup: 10 seconds\n  asof_publish_lag:",
        ),
    ):
        world.replace(file, old, new)
    run = world.dbt("build", "--select", "clock", "--target", "dev", now="2026-05-01 10:00")
    assert run.says("nothing published: the target dev publishes nowhere. The var asof_publish_to lists test.")
    assert run.says("add to dbt_project.yml: `vars: {asof_publish_to: {dev: published}}`")


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "configuration.md").read_text()


def test_the_page_shows_the_schema(world: World, page: str) -> None:
    printed = world.dbt("--quiet", "run-operation", "asof.configuration_tables", now="2026-05-01 10:00").output
    tables = re.findall(r"^\| .*(?:\n\|.*)*", printed, re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        assert table in page, f"docs/configuration.md does not hold:\n{table}"


def test_every_key_and_var_that_the_package_reads_is_in_the_schema(page: str) -> None:
    declared = set(re.findall(r"^\| `(\w+)` ", page, re.MULTILINE))
    text = "".join(path.read_text() for path in (ROOT / "macros").rglob("*.sql"))
    read = set(re.findall(r"\bmeta\.get\('(\w+)'", text)) | set(re.findall(r"\bvar\('(\w+)'", text))
    read |= set(re.findall(r"\.meta\.(\w+)", text)) - {"get", "asof_examples", "asof_groups"}
    assert read <= declared


def test_every_environment_variable_that_is_read_is_declared_and_documented(page: str) -> None:
    files = [path for folder in ("asof", "serve", "macros") for path in (ROOT / folder).rglob("*.*")]
    read = {
        name
        for path in [*files, ROOT / "profiles.yml"]
        if path.suffix in (".py", ".sql", ".yml") and path.name != "settings.py"
        for name in re.findall(r"\bASOF_[A-Z_]*[A-Z]\b", path.read_text())
    }
    parsed = subprocess.run([sys.executable, "-m", "asof", "serve", "--help"], cwd=ROOT, capture_output=True, text=True)
    options = {f"ASOF_{name.upper().replace('-', '_')}" for name in re.findall(r"--([a-z-]+)", parsed.stdout)}
    assert read | options - {"ASOF_HELP"} == set(ENVIRONMENT)
    for name, meaning in ENVIRONMENT.items():
        assert f"| `{name}` | {meaning} |" in page


@pytest.mark.parametrize("command", [["serve", "--help"], ["prune", "--keep", "1"]])
def test_commands_refuse_an_environment_variable_that_nothing_reads(command: list[str]) -> None:
    environment = os.environ | {"ASOF_REQEST_LOG": "requests"}
    run = subprocess.run(
        [sys.executable, "-m", "asof", *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "ASOF_REQEST_LOG is set, which asof does not know: did you mean ASOF_REQUEST_LOG?" in run.stderr


def test_what_kubernetes_sets_for_a_service_is_left_alone() -> None:
    links = ("SHIM_SERVICE_HOST", "SHIM_SERVICE_PORT", "SHIM_SERVICE_PORT_HTTP", "SHIM_PORT", "PORT_8000_TCP_ADDR")
    check_environment([f"ASOF_{link}" for link in links] + ["ASOF_NOW", "PATH", "ASOFT"])
    with pytest.raises(
        SettingsError, match="ASOF_REQUEST_SECONDS is no option any more: slow senders are for the balancer"
    ):
        check_environment(["ASOF_REQUEST_SECONDS"])
    with pytest.raises(SettingsError, match=r"ASOF_NO is set.*ASOF_XYZ is set, which asof does not know\. Unset it"):
        check_environment(["ASOF_XYZ", "ASOF_NO"])
