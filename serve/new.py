"""`python -m serve new ...`: writes the skeleton of a feature group or a service, or what a new project needs.

What it writes builds as it is; nothing that exists is overwritten.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any


class ScaffoldError(Exception):
    """The skeleton cannot be written; the message says why and what to do."""


FEATURE_SQL = """\
select
{keys}
    point.as_of,
    count(event.event_id) filter (where {{{{ asof.within('event', '30 days') }}}}) as events_30d,
    max(event.occurred_at) as last_event_at
from {{{{ asof.points(ref('{entity}')) }}}} as point
{{{{ asof.left_join_known(ref('{events}'), as='event', on={on}) }}}}
group by {group_by}
"""

FEATURE_YAML = """\
models:
  - name: {name}
    latest_version: 1
    description: One row per {entity} and moment, with what happened to it lately.
    config:
      meta:
        owner: {owner}
        max_age: {max_age}
    data_tests: [asof.feature_group]
    columns:
{keys}
      - name: as_of
        data_type: timestamptz
        description: The moment (UTC).
      - name: events_30d
        data_type: bigint
        description: Events in the last 30 days.
      - name: last_event_at
        data_type: timestamptz
        description: Time of the last event (UTC), null before the first.
    versions:
      - v: 1
"""

EXAMPLES_SQL = """\
-- What was asked, and what came of it. Put your own requests and labels here: prediction_time is when it was asked,
-- label_known_at when the label was known (null until then; such rows wait outside training). Read event models by
-- asof.known(ref(...)): what the warehouse knew at the moment of the run.
with asked as (
    select
        {row_id} as row_id,
{keys}
        first_seen_at + interval '24 hours' as prediction_time,
        cast(null as boolean) as outcome,
        cast(null as timestamptz) as label_known_at
    from {{{{ ref('{entity}') }}}}
)

select *
from asked
where prediction_time < {{{{ asof.cutoff() }}}}
"""

SERVICE_SQL = """\
select
    row_id,
{features}
from {{{{ ref('{name}_v1_rows') }}}}
"""

SERVICE_YAML = """\
models:
  - name: {name}_examples
    description: One row per prediction asked for.
    config:
      materialized: table
    data_tests: [asof.examples]
    columns:
      - name: row_id
        data_type: varchar
        description: The request.
{keys}
      - name: prediction_time
        data_type: timestamptz
        description: When it was asked (UTC).
      - name: outcome
        data_type: boolean
        description: What came of it.
        config: {{meta: {{label: true}}}}
      - name: label_known_at
        data_type: timestamptz
        description: When that was known (UTC), null until then.

  - name: {name}
    latest_version: 1
    description: One row per prediction, with what the model is given.
    config:
      meta:
        owner: {owner}{lookups}
    data_tests: [asof.service]
    columns:
      - name: row_id
        data_type: varchar
        description: The request.
{features}
    versions:
      - v: 1
"""

MATERIALIZED_VIEW = """\
{# dbt takes a built-in name from a package only where the project says so. #}
{% materialization materialized_view, adapter='duckdb' %}
    {{ return(asof.materialization_materialized_view_duckdb()) }}
{% endmaterialization %}
"""

CLOCK_YAML = """\
models:
  - name: clock
    description: The moments this run evaluates, one row each. A normal run has one, its own now.
    columns:
      - name: as_of
        description: The moment (UTC).
        data_tests: [not_null, unique]
"""

IGNORE = "# Made by builds; the folder must be there.\n*\n!.gitignore\n"

PROJECT_ADVICE = """\
Add to dbt_project.yml (with your project's name and target):

vars:
  asof_publish_lag: 1 minute            # how long after its moment a build is usually published
  asof_publish_to: {{dev: published}}     # targets that are not named here never publish
  asof_training_to: {{dev: training}}

models:
  {project}:
    entities: {{+materialized: entity}}
    features:
      +materialized: feature_group
      +contract: {{enforced: true}}
    services:
      +materialized: service
      +contract: {{enforced: true}}

and to your profile, under the DuckDB output:  settings: {{TimeZone: UTC}}
Then: python -m serve new feature <name> --entity <entity> --events <stg_model> --owner <team>"""


def _write(project: Path, files: dict[str, str]) -> None:
    """Writes all files, or none if one of them is there already."""
    there = [name for name in files if (project / name).exists()]
    if there:
        raise ScaffoldError(f"{', '.join(there)} exists already; nothing was written")
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {name}")


def _declared(project: Path, name: str, folder: str) -> dict[str, Any]:
    """The YAML entry of a model in models/<folder>. Raises ScaffoldError naming where it was looked for."""
    try:
        import yaml  # comes with dbt; the shim itself does without
    except ImportError:
        raise ScaffoldError("this command needs PyYAML, which dbt brings: run it where dbt is installed") from None
    for path in sorted((project / "models" / folder).rglob("*.y*ml")):
        for model in (yaml.safe_load(path.read_text()) or {}).get("models") or []:
            if model.get("name") == name:
                return model
    raise ScaffoldError(f"no YAML under models/{folder} describes {name}; describe it there first, with its columns")


def _columns(model: dict[str, Any], *without: str) -> list[dict[str, Any]]:
    return [column for column in model.get("columns") or [] if column["name"] not in without]


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or re.search(r"_v\d+$", name):
        raise ScaffoldError(f"{name!r} is no name for a model: lower-case letters, digits and _, without the version")


def _yaml_column(column: dict[str, Any], kind: str) -> str:
    description = column.get("description") or column["name"]
    return f"      - name: {column['name']}\n        data_type: {kind}\n        description: {description}"


def new_feature(project: Path, name: str, entity: str, events: str, owner: str, max_age: str) -> None:
    """A feature group: its SQL, its YAML and the two one-line models. Raises ScaffoldError."""
    _check_name(name)
    keys = [column["name"] for column in _columns(_declared(project, entity, "entities"), "first_seen_at", "gone_at")]
    described = {column["name"]: column for column in _columns(_declared(project, entity, "entities"))}
    sql = FEATURE_SQL.format(
        keys="\n".join(f"    point.{key}," for key in keys),
        entity=entity,
        events=events,
        on=repr(keys[0]) if len(keys) == 1 else repr(keys),
        group_by=", ".join(str(at + 1) for at in range(len(keys) + 1)),
    )
    yaml_keys = "\n".join(_yaml_column(described[key], described[key].get("data_type", "varchar")) for key in keys)
    yaml_text = FEATURE_YAML.format(name=name, entity=entity, owner=owner, max_age=max_age, keys=yaml_keys)
    _write(
        project,
        {
            f"models/features/{name}_v1.sql": sql,
            f"models/features/{name}.yml": yaml_text,
            f"models/history/{name}_v1_history.sql": "{{ asof.history() }}\n",
            f"models/online/{name}_v1_latest.sql": "{{ asof.latest() }}\n",
        },
    )
    print(f"Next: write the feature in models/features/{name}_v1.sql, then\n  dbt build --select +{name}_v1_latest")


def new_service(project: Path, name: str, groups: list[str], owner: str, lookups: dict[str, str]) -> None:
    """A service: its examples, SQL, YAML and the two one-line models. Raises ScaffoldError."""
    _check_name(name)
    keys: dict[str, tuple[dict[str, Any], str]] = {}
    features: list[tuple[dict[str, Any], str]] = []
    entity = None
    for group in groups:
        group_name, at, version = group.partition("@")
        if not at or not version.isdigit():
            raise ScaffoldError(f"{group!r} names no version; a service pins it: {group_name}@1")
        sql_path = next((project / "models" / "features").rglob(f"{group_name}_v{version}.sql"), None)
        if sql_path is None:
            raise ScaffoldError(f"there is no models/features/{group_name}_v{version}.sql")
        reads = re.search(r"asof\.points\(ref\(['\"](\w+)", sql_path.read_text())
        if reads is None:
            raise ScaffoldError(f"{sql_path.name} does not read an entity by asof.points(ref(...))")
        entity_keys = {
            column["name"] for column in _columns(_declared(project, reads[1], "entities"), "first_seen_at", "gone_at")
        }
        for column in _columns(_declared(project, group_name, "features"), "as_of"):
            if column["name"] not in entity_keys:
                features.append((column, column["data_type"]))
            elif group_name not in lookups:
                keys.setdefault(column["name"], (column, column["data_type"]))
        if group_name not in lookups:
            entity = entity or reads[1]
    if entity is None:
        raise ScaffoldError("at least one group must be found by the keys that the caller sends")
    lookup_yaml = "".join(f"\n          {group}: {through}" for group, through in lookups.items())
    _write(
        project,
        {
            f"models/services/{name}_examples.sql": EXAMPLES_SQL.format(
                row_id=" || '/' || ".join(f"cast({key} as varchar)" for key in keys)
                + " || '/' || cast(first_seen_at as varchar)",
                keys="\n".join(f"        {key}," for key in keys),
                entity=entity,
            ),
            f"models/services/{name}_v1_rows.sql": f"{{{{ asof.rows({groups!r}) }}}}\n",
            f"models/services/{name}_v1.sql": SERVICE_SQL.format(
                name=name, features=",\n".join(f"    {column['name']}" for column, _ in features)
            ),
            f"models/services/{name}.yml": SERVICE_YAML.format(
                name=name,
                owner=owner,
                lookups=f"\n        lookups:{lookup_yaml}" if lookups else "",
                keys="\n".join(_yaml_column(column, kind) for column, kind in keys.values()),
                features="\n".join(_yaml_column(column, kind) for column, kind in features),
            ),
            f"models/training/{name}_v1_training.sql": "{{ asof.training() }}\n",
        },
    )
    print(
        f"Next: write what was asked in models/services/{name}_examples.sql and the contract in\n"
        f"models/services/{name}_v1.sql, then\n  dbt build"
    )


def new_project(project: Path) -> None:
    """What a dbt project needs to install the package: clock, folders, one wrapper. Raises ScaffoldError."""
    config = project / "dbt_project.yml"
    if not config.exists():
        raise ScaffoldError(f"there is no dbt_project.yml in {project.resolve()}; run this in a dbt project")
    _write(
        project,
        {
            "models/clock/clock.sql": "{{ asof.clock() }}\n",
            "models/clock/clock.yml": CLOCK_YAML,
            "macros/materialized_view.sql": MATERIALIZED_VIEW,
            "published/.gitignore": IGNORE,
            "training/.gitignore": IGNORE,
        },
    )
    named = re.search(r"^name:\s*['\"]?(\w+)", config.read_text(), re.MULTILINE)
    print(PROJECT_ADVICE.format(project=named[1] if named else "your_project"))


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `new feature`, `new service` and `new project` to the command line."""
    parser = commands.add_parser("new", help="write the skeleton of a feature group, a service or a project")
    kinds = parser.add_subparsers(title="what", required=True, metavar="")
    feature = kinds.add_parser("feature", help="a feature group: SQL, YAML and two one-line models")
    feature.add_argument("name")
    feature.add_argument("--entity", required=True, help="the entity model it describes, such as customers")
    feature.add_argument("--events", required=True, help="the event model it counts, such as stg_purchases")
    feature.add_argument("--owner", required=True, help="who answers for it")
    feature.add_argument("--max-age", default="1 day", help="how old its moment may grow before it is STALE")
    feature.set_defaults(
        run=_run, make=lambda o: new_feature(o.project, o.name, o.entity, o.events, o.owner, o.max_age)
    )
    service = kinds.add_parser("service", help="a service: examples, SQL, YAML and two one-line models")
    service.add_argument("name")
    service.add_argument(
        "--groups", required=True, nargs="+", help="what it reads, first its own: shipment@1 warehouse@1"
    )
    service.add_argument("--owner", required=True, help="who answers for it")
    service.add_argument(
        "--lookup",
        action="append",
        default=[],
        metavar="GROUP=GROUP.COLUMN",
        help="warehouse=shipment.origin_warehouse_id",
    )
    service.set_defaults(run=_run, make=lambda o: new_service(o.project, o.name, o.groups, o.owner, _lookups(o.lookup)))
    whole = kinds.add_parser("project", help="what a dbt project needs to install the package")
    whole.set_defaults(run=_run, make=lambda o: new_project(o.project))
    for kind in (feature, service, whole):
        kind.add_argument("--project", type=Path, default=Path("."), help="the dbt project's folder")


def _lookups(texts: list[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in texts)
    for group, through in pairs.items():
        if not re.fullmatch(r"\w+\.\w+", through):
            raise ScaffoldError(f"--lookup {group}={through}: expected GROUP=GROUP.COLUMN")
    return pairs


def _run(options: argparse.Namespace) -> int:
    try:
        options.make(options)
    except ScaffoldError as error:
        print(f"asof: {error}")
        return 1
    return 0
