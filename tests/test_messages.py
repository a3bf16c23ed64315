"""What a new user is told: what happened, where, what to write. A command that a message gives works as it stands."""

from __future__ import annotations

import re
import shlex

from tests.world import World


def test_what_a_project_lacks_is_said_before_anything_runs(world: World) -> None:
    """Each is left out and put back again."""
    now = "2026-05-01 10:00"

    def said_without(file: str, line: str | None, *expected: str) -> None:
        path = world.folder / file
        text = path.read_text()
        if line is None:
            path.unlink()
        else:
            world.replace(file, line, "")
        # a model that dbt's saved manifest knows and that is gone is an error of dbt's own
        run = world.build(now, *(["--no-partial-parse"] if line is None else []), fails=True)
        for each in expected:
            assert run.says(each), run.output
        assert not run.says("PASS="), run.output
        path.write_text(text)

    said_without(
        "models/training/score_v1_training.sql",
        None,
        "asof: models/services/score_v1.sql: score@1 has no model score_v1_training. "
        "Add models/training/score_v1_training.sql with the one line {{ asof.training() }}.",
    )
    said_without(
        "models/online/thing_v1_latest.sql",
        None,
        "thing@1 has no model thing_v1_latest. "
        "Add models/online/thing_v1_latest.sql with the one line {{ asof.latest() }}.",
    )
    said_without(
        "macros/materialized_view.sql",
        None,
        "asof: the project has no materialization materialized_view, by which latest tables are built.",
        "{% materialization materialized_view, adapter='duckdb' %} "
        "{{ return(asof.materialization_materialized_view_duckdb()) }} {% endmaterialization %}",
    )
    for folder, needed, line in (
        ("entities", "entity", "    entities: {+materialized: entity}\n"),
        ("features", "feature_group", "      +materialized: feature_group\n"),
        ("services", "service", "      +materialized: service\n"),
    ):
        said_without(
            "dbt_project.yml",
            line,
            f"is materialized as view. Add to dbt_project.yml, under `models: world:`, the line "
            f"`{folder}: {{+materialized: {needed}}}`.",
        )


def test_lookups_that_a_version_does_not_read_are_said_to_belong_under_the_others(world: World) -> None:
    world.replace(
        "models/services/score.yml",
        "versions: [{v: 1}]",
        "versions: [{v: 1}, {v: 2, config: {meta: {lookups: {}}}, columns: [{include: all, exclude: [place_size]}]}]",
    )
    service = (world.folder / "models/services/score_v1.sql").read_text()
    second = service.replace("    size as place_size,\n", "").replace("score_v1_rows", "score_v2_rows")
    (world.folder / "models/services/score_v2.sql").write_text(second)
    (world.folder / "models/services/score_v2_rows.sql").write_text("{{ asof.rows(['thing@1']) }}\n")
    (world.folder / "models/training/score_v2_training.sql").write_text("{{ asof.training() }}\n")
    line = "config: {meta: {lookups: {place: thing.place_id}}}"
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("score@2 declares a lookup for place, which its rows do not read")
    assert run.says(f"declare it under the versions that read place, as in `versions: [{{v: 1, {line}}}]`.")
    # so written, it is green
    world.replace("models/services/score.yml", ", lookups: {place: thing.place_id}", "")
    world.replace("models/services/score.yml", "{v: 1}", f"{{v: 1, {line}}}")
    world.replace("models/services/score.yml", "config: {meta: {lookups: {}}}, ", "")
    assert world.build("2026-05-01 10:00").says("2 groups, 2 services")
    assert [group["name"] for group in world.manifest["services"]["score@2"]["groups"]] == ["thing"]


def test_from_a_red_first_build_to_training_rows_by_what_is_said(world: World) -> None:
    """Without the folders that are written to: the first build makes them."""
    for folder in ("published", "training"):
        (world.folder / folder).rmdir()
    world.add("places", ("p", 7, "2026-04-29 07:00+00", "2026-04-29 07:00+00"))
    world.thing("a", "2026-04-29 08:00")
    world.example("x", "a", "2026-04-30 09:30")
    world.example("y", "a", "2026-05-01 09:30")
    world.event("bad", "a", "2026-05-01 09:00", "2026-05-01 08:30")
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("nothing published: failed tests: asof_events_stg_events_.")
    assert not run.says("not built whole")
    # and where the test that fails is on a source, before all models
    world.execute("delete from raw.events")
    world.replace(
        "models/sources.yml", "{name: events, ", "{name: events, data_tests: [{not_null: {column_name: amount}}], "
    )
    when = "timestamptz '2026-05-01 09:00+00'"
    world.execute(f"insert into raw.events values ('no amount', 'a', null, {when}, {when}, false)")
    run = world.build("2026-05-01 10:00", fails=True)
    assert run.says("nothing published: not built: score.v1, score_v1_rows, score_v1_training, stg_events, thing.v1")
    assert run.says("since something before them failed: source_not_null_raw_events_amount.")

    world.execute("delete from raw.events")
    run = world.build("2026-05-01 10:00")
    assert run.says("score@1: 0 training rows of 2 examples; left out: 2 without a snapshot")
    assert run.says("score@1 has no training rows yet: 2 examples are of times at which nothing was published.")
    assert run.says("published")
    assert (world.folder / "published" / ".gitignore").read_text().strip() == "*"
    assert (world.folder / "training" / "score_v1.parquet").exists()
    command = re.search(r"Give its groups a past and build again: (dbt .*)", run.output)[1]
    assert "{from: 2026-04-30, to: 2026-05-01T09:59:59Z, every: 1 hours}" in command
    world.dbt(*shlex.split(command)[1:], now="2026-05-01 10:05")
    run = world.build("2026-05-01 10:05")
    assert run.says("score@1: 2 training rows of 2 examples")
    assert not run.says("has no training rows yet")
    assert {row["status"] for row in world.training().values()} == {"OK"}

    # a publication that is held fails the command, by its own words
    world.replace("models/features/thing_v1.sql", "'30 days'", "'31 days'")
    run = world.build("2026-05-01 10:10", fails=True)
    assert run.code == 1
    assert not run.says("keyboard interrupt")
    assert run.says("asof: publication held: the compiled text of thing@1 changed")
    assert run.says("asof new feature thing --version 2")
    # and so does an examples model that reads a clock, which is found after it was built
    world.replace("models/features/thing_v1.sql", "'31 days'", "'30 days'")
    world.replace(
        "models/services/score_examples.sql", "outcome,", "current_date > date '2020-01-01' and outcome as outcome,"
    )
    run = world.build("2026-05-01 10:15", fails=True)
    assert (run.code, run.says("keyboard interrupt")) == (1, False)
    assert run.says("score_examples.sql uses current_date: the examples would be others at another hour.")
    assert run.says("nothing published: failed: score_examples (dbt says why)")
