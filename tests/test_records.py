"""The records: tables that asof makes beside the models, described as dbt sources in macros/records/records.yml."""

from __future__ import annotations

import json

from tests.world import World


def test_the_records_are_documented_sources_and_no_models(world: World) -> None:
    """In a project that installed the package: the catalog of the docs has each, with the columns that the YAML has."""
    world.dbt("run", "--select", "clock", now="2026-05-01 10:00")
    world.dbt("docs", "generate", now="2026-05-01 10:00")
    manifest = json.loads((world.folder / "target" / "manifest.json").read_text())
    catalog = json.loads((world.folder / "target" / "catalog.json").read_text())
    records = {key: source for key, source in manifest["sources"].items() if source["package_name"] == "asof"}

    tables = {name for (name,) in world.query("select table_name from duckdb_tables() where table_name like 'asof_%'")}
    assert {source["name"] for source in records.values()} == tables | {"asof_counted_moments"}
    for key, source in records.items():
        columns = {name: column["type"].lower() for name, column in catalog["sources"][key]["columns"].items()}
        declared = {name: column["data_type"] for name, column in source["columns"].items()}
        spelled = {"timestamp with time zone": "timestamptz"}
        assert {name: spelled.get(type_, type_) for name, type_ in columns.items()} == declared, key
        assert source["description"], key
        assert all(column["description"] for column in source["columns"].values()), key
    assert not any(
        node["name"].startswith("asof_") for node in manifest["nodes"].values() if node["resource_type"] == "model"
    )


def test_disabled_sources_are_refused_with_the_line_to_write(world: World) -> None:
    world.replace("dbt_project.yml", "models:", "sources: {asof: {+enabled: false}}\nmodels:")
    assert world.dbt("run", "--select", "clock", now="2026-05-01 10:00", fails=True).says(
        "Add to dbt_project.yml `sources: {asof: {+enabled: true}}`"
    )
