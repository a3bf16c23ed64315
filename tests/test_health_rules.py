"""The rules of data health: each finds what is planted, and says nothing of honest lives (all of them: make lives)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests import lives
from tests.world import ROOT, World


class Rules:
    """The SQL of the rules, by what dbt was given for options."""

    def __init__(self, folder: Path) -> None:
        self.profiles, self.events = lives.render(folder)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    return Rules(tmp_path_factory.mktemp("rules") / "world")


def test_what_is_planted_in_a_group_is_found(rules: Rules) -> None:
    expected = {
        "a column null": ("null_rate", "hold"),
        "half of the entities gone": ("rows", "hold"),
        "a tenth null": ("null_rate", "warn"),
        "km to m": ("mean", "warn"),
        "shifted by a standard deviation": ("mean", "warn"),
        "one of five categories renamed": ("category_gone", "warn"),
    }
    for name, (rule, level) in expected.items():
        found = lives.planted_group(rules.profiles, name, "weekly", "daily", seed=0)
        assert (found.builds, found.rule, found.level) == (1, rule, level), name
    # in this life the first build draws only 5 %, which is not to be the past of the next
    assert lives.planted_group(rules.profiles, "a tenth null", "stationary", "daily", seed=270).builds == 2


def test_what_is_planted_in_new_rows_is_found(rules: Rules) -> None:
    expected = {
        "nulls": ("null_rate", "hold"),
        "a tenth null": ("null_rate", "warn"),
        "km to m": ("distribution", "warn"),
        "a tenth copied": ("copies", "warn"),
        "one shard of ten missing": ("category_gone", "warn"),
    }
    for name, (rule, level) in expected.items():
        found = lives.planted_feed(rules.events, name, "weekly", "daily", seed=0, builds=1)
        assert (found.builds, found.rule, found.level) == (1, rule, level), name
    found = lives.planted_feed(rules.events, "stopped", "stationary", "daily", seed=0, builds=2)
    assert (found.builds, found.rule, found.level) == (2, "gap", "hold")


def test_honest_lives_are_silent(rules: Rules) -> None:
    assert lives.quiet_groups(rules.profiles, "growth", "daily", range(1)) == []


class Steady:
    """A group whose columns stay as they are, hour by hour, until a test changes them."""

    def __init__(self, sql: str, hours: int = 300, columns: tuple[str, ...] = ("x",)) -> None:
        self.hours = hours
        rows = []
        for hour in range(hours):
            at = f"{lives.moment(hour)}Z"
            mean = 10 + 0.01 * (hour * 7919 % 13)
            for column in ("", *columns):
                number = (mean, 1.0, [10.0], [100, 100]) if column else (None,) * 4
                rows.append(("g@1", f"r{hour}", at, column, "double", 200, 0, *number, None, hour if column else None))
        self.judge = lives.Judge(sql, rows)

    def change(self, sql: str) -> None:
        self.judge.connection.execute(sql.replace("hour", "cast(run_id[2:] as integer)"))

    def findings(self, start: int, end: int | None = None) -> list[tuple[str, ...]]:
        """The new ones of these hours: (run, rule, level, column)."""
        runs = [f"r{hour}" for hour in range(start, end or self.hours)]
        return [(each[8], each[0], each[1], each[4]) for each in self.judge.life(runs)]


def test_a_new_level_is_one_finding_and_then_the_past(rules: Rules) -> None:
    """Its first two builds are no past; the third and those after it are, once they are no longer the newest ten."""
    group = Steady(rules.profiles)
    group.change("update profiles set mean = mean + 3 where hour >= 220 and column_name = 'x'")
    assert group.findings(219, 236) == [("r220", "mean", "warn", "x")]
    assert group.judge.found(["r235"]) == []


def test_further_columns_within_a_day_are_no_new_finding(rules: Rules) -> None:
    group = Steady(rules.profiles, columns=("w", "x", "y", "z"))
    group.change("update profiles set mean = mean + 3 where hour between 220 and 221 and column_name = 'x'")
    group.change("update profiles set mean = mean + 3 where hour between 224 and 226 and column_name in ('y', 'z')")
    group.change("update profiles set mean = mean + 3 where hour >= 245 and column_name = 'w'")
    assert group.findings(219, 262) == [("r220", "mean", "warn", "x"), ("r245", "mean", "warn", "w")]
    kept = group.judge.connection.execute("select rule, column_name, times from findings order by all").fetchall()
    assert kept == [("mean", "w", 3), ("mean", "x", 2), ("mean", "y", 3), ("mean", "z", 3)]


def test_a_column_that_is_wrong_a_day_after_the_first_is_right_again_is_a_finding(rules: Rules) -> None:
    group = Steady(rules.profiles, columns=("x", "y"))
    group.change("update profiles set mean = mean + 3 where hour between 220 and 221 and column_name = 'x'")
    group.change("update profiles set mean = mean + 2 ** (hour - 220) where hour >= 221 and column_name = 'y'")
    assert group.findings(219, 262) == [("r220", "mean", "warn", "x"), ("r247", "mean", "warn", "y")]


def test_what_is_held_is_no_past(rules: Rules) -> None:
    group = Steady(rules.profiles)
    group.change("update profiles set nulls = 200 where hour >= 220 and column_name = 'x'")
    assert ("r220", "null_rate", "hold", "x") in group.findings(219, 226)
    assert next(each[:2] for each in group.judge.found(["r226"])) == ("null_rate", "hold")


def test_what_is_accepted_begins_anew(rules: Rules) -> None:
    group = Steady(rules.profiles)
    group.change("update profiles set nulls = 200, mean = 99 where hour >= 220 and column_name = 'x'")
    group.judge.connection.execute(f"insert into accepted values ('g@1.x', '{lives.moment(230.5)}Z')")
    assert group.findings(231, 234) == []


def test_without_a_past_only_holds_judge(rules: Rules) -> None:
    group = Steady(rules.profiles, hours=100)
    group.change("update profiles set mean = 99, nulls = 20 where hour >= 50 and column_name = 'x'")
    assert group.findings(48, 54) == []
    group.change("update profiles set rows = 100 where hour >= 95")
    assert group.findings(94, 97) == [("r95", "rows", "hold", "")]


@pytest.fixture(scope="module")
def loosened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The rules over profiles with options, as dbt renders them."""
    folder = tmp_path_factory.mktemp("options") / "world"
    world = World(folder)

    def render(options: str) -> str:
        text = f"asof.profile_findings_sql('profiles', '{{run}}', 'findings', 'accepted', {options})"
        (folder / "macros" / "rules.sql").write_text(
            f"{{% macro rules() %}}{{%- do asof.write_text('rules.sql', {text}) -%}}{{% endmacro %}}"
        )
        world.dbt("run-operation", "rules", now=None)
        return (folder / "rules.sql").read_text()

    return render


def test_a_rule_is_loosened_tightened_and_switched_off(loosened: Callable[[str], str]) -> None:
    """The line of a column goes before that of its group, and that before one for all."""
    options = """[
        {'subject': 'g@1', 'column_name': 'x', 'rule': 'mean', 'level': 'warn', 'threshold': 5},
        {'subject': 'g@1', 'column_name': '', 'rule': 'mean', 'level': 'warn', 'threshold': 0.1},
        {'subject': 'g@1', 'column_name': 'x', 'rule': 'null_rate', 'level': 'hold', 'threshold': none},
        {'subject': '', 'column_name': '', 'rule': 'null_rate', 'level': 'warn', 'threshold': none},
        {'subject': 'other@1', 'column_name': '', 'rule': 'rows', 'level': 'hold', 'threshold': none},
        {'subject': 'g@1', 'column_name': '', 'rule': 'rows', 'level': 'hold', 'threshold': 0.95},
    ]"""
    sql = loosened(re.sub(r"\s+", " ", options))
    group = Steady(sql)
    group.change("update profiles set mean = mean + 3, nulls = 150 where hour >= 220 and column_name = 'x'")
    assert group.findings(219, 222) == []
    group.change("update profiles set mean = mean + 6, rows = 188 where hour >= 223")
    assert group.findings(222, 224) == [("r223", "rows", "hold", ""), ("r223", "mean", "warn", "x")]


def test_the_docs_have_every_rule() -> None:
    text = (ROOT / "macros" / "graph" / "health_rules.sql").read_text()
    rules = yaml.safe_load(text.split("{%- set rules %}")[1].split("{%- endset -%}")[0])
    rows = [
        f"| `{rule['key']}` | {', '.join(rule['of'])} | {rule.get('hold', '')} | {rule.get('warn', '')} "
        f"| {rule['means']} |"
        for rule in rules
    ]
    page = (ROOT / "docs" / "health.md").read_text()
    assert [row for row in rows if row not in page] == []


def test_a_service_is_compared_with_the_set_its_model_was_trained_on(world: World) -> None:
    """Of the examples the amounts drift, which are five times as large; of what callers sent the colors, all green."""
    at = "2026-05-01 09:00+00"
    things = [f"t{number}" for number in range(90)]
    world.add("things", *((thing, None, ["red", "blue"][len(thing) % 2], at, at) for thing in things))
    world.build("2026-05-01 10:00")

    def asked(hour: int, times: int) -> None:
        time = f"2026-05-01 {hour}:30+00"
        rows = [(f"{thing}/{hour}", thing, time, times * n, None, True, time) for n, thing in enumerate(things, 1)]
        world.add("examples", *rows)

    asked(10, times=1)
    world.build("2026-05-01 11:00")
    run = world.dbt("run-operation", "training_set", "--args", "{service: score}", now="2026-05-01 11:10")
    name = Path(run.output.strip().splitlines()[-1].strip()).stem
    lookups = "lookups: {place: thing.place_id}"
    world.replace("models/services/score.yml", lookups, f"{lookups}, trained_on: {name}")
    asked(11, times=5)
    sent = [{"thing_id": thing, "request_amount": n, "request_color": "green"} for n, thing in enumerate(things, 1)]
    world.ask("score", sent, "2026-05-01 11:30", is_logged=True)
    world.build("2026-05-01 12:00")
    found = world.query("select column_name, source, training_rows, rows, state from asof_drift order by 1")
    assert ("request_amount", "examples", 90, 180, "drifted") in found
    assert ("color", "examples", 90, 180, "alike") in found
    assert ("request_amount", "requests", 90, 90, "alike") in found
    assert ("color", "requests", 90, 90, "drifted") in found
    drift = json.loads((world.folder / "published" / "health.json").read_text())["drift"]["score@1"]
    assert drift["trained_on"] == name
    assert {source: each["state"] for source, each in drift["columns"]["request_amount"].items()} == {
        "examples": "drifted",
        "requests": "alike",
    }
