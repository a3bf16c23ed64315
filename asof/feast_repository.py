"""`asof feast --to <folder>`: the way out, a Feast repository of all that was served.

dbt writes what was served of each group, and since when (the macro asof.export_history); here the definitions are
written beside it, from the manifest of the current publication. Feast is not needed for it, nor asof afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from .dbt import DbtError, add_project_options, run_dbt
from .serve.sqltypes import parse_type

# What Feast calls a type in a schema, and the same as an entity's
_TYPES = {
    "varchar": ("String", "STRING"),
    "uuid": ("String", "STRING"),
    "boolean": ("Bool", "BOOL"),
    "tinyint": ("Int32", "INT32"),
    "smallint": ("Int32", "INT32"),
    "integer": ("Int32", "INT32"),
    "bigint": ("Int64", "INT64"),
    "float": ("Float32", "FLOAT"),
    "double": ("Float64", "DOUBLE"),
    "decimal": ("Decimal", "DECIMAL"),
    "date": ("UnixTimestamp", "UNIX_TIMESTAMP"),
    "timestamptz": ("UnixTimestamp", "UNIX_TIMESTAMP"),
}


class ExportError(Exception):
    """No repository was written; the message says why and what to do."""


@dataclass(frozen=True)
class Export:
    """What dbt wrote: the pointer, and the manifest's groups and services.

    A group's `data` are its file, how many `rows` it has, and since when (`served_since`) anything was served.
    """

    project: str
    pointer: dict[str, Any]
    groups: dict[str, dict[str, Any]]
    services: dict[str, dict[str, Any]]


def export(to: Path, *, project: str | Path = ".", dbt: Sequence[str] = ()) -> Export:
    """Writes a Feast repository into a folder that is not there yet, or is empty; whole or not at all.

    dbt: options for it, such as `["--target", "prod"]`. Raises ExportError.
    """
    to = to.absolute()
    try:
        if to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise ExportError(f"{to} is there already, and not empty: name another folder")
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as scratch:
            made = Path(scratch) / "made"
            for each in ("data", "services"):
                (made / each).mkdir(parents=True)
            exported = _export_data(made / "data", project, dbt)
            for name, text in _texts(exported).items():
                (made / name).write_text(text, encoding="utf-8")
            os.replace(made, to)  # fails on a folder that was filled meanwhile
    except OSError as error:
        raise ExportError(f"{to} cannot be written: {error.strerror or error}") from None
    return exported


def _export_data(data: Path, project: str | Path, dbt: Sequence[str]) -> Export:
    command = ["run-operation", "asof.export_history", "--args", json.dumps({"to": str(data)})]
    try:
        told = json.loads(run_dbt(*command, project=project, options=dbt))
    except DbtError as error:
        raise ExportError(str(error)) from None
    manifest, files = told["manifest"], told["files"]
    check_names(manifest)
    groups = {group_id: {**group, "data": files[group_id]} for group_id, group in manifest["groups"].items()}
    return Export(told["project"].lstrip("_") or "asof", told["pointer"], groups, manifest["services"])


def check_names(manifest: dict[str, Any]) -> None:
    """Raises ExportError where a column has the name that Feast gives to the time of an entity row."""
    columns = [(name, each) for name, group in manifest["groups"].items() for each in group["keys"] + group["features"]]
    columns += [(name, each) for name, service in manifest["services"].items() for each in service["request"]]
    for name, column in columns:
        if column["name"] == "event_timestamp":
            raise ExportError(
                f"{name} has a column event_timestamp, which Feast takes for the time of a request. Export a version "
                "of it that calls the column something else"
            )


# -------------------- what is written


def _texts(exported: Export) -> dict[str, str]:
    """The files beside the data, by their names."""
    columns = [column for group in exported.groups.values() for column in [*group["keys"], *group["features"]]]
    used = {name for each in columns for name in _feast_type(each["type"]).rstrip(")").split("(")}
    write = partial(
        _write,
        project=exported.project,
        pointer=exported.pointer,
        groups=exported.groups,
        services=exported.services.values(),
        entities=_entities(exported),
        types=sorted({"String", *used}, key=str.lower),
    )
    services = {
        f"services/{_name(each)}.sql": write(_SERVICE, service=each, looked_up=_looked_up(each, exported.groups))
        for each in exported.services.values()
    }
    return {
        "feature_store.yaml": write(_FEATURE_STORE),
        "definitions.py": write(_DEFINITIONS),
        "README.md": write(_README),
        "data/.gitignore": "*\n",  # of persons, perhaps
        **services,
    }


def _write(template: str, **known: Any) -> str:
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        python=_python,
        feast_type=_feast_type,
        name=_name,
        entity=_entity,
        lookups=_list_lookups,
        full_names=_full_names,
    )
    return environment.from_string(template).render(**known)


def _name(raw: dict[str, Any]) -> str:
    """As dbt calls the model: `shipment_v1`."""
    return f"{raw['name']}_v{raw['version']}"


def _python(text: str | None) -> str:
    """A text as Python. (JSON's escapes are Python's too, but for those of what is not ASCII.)"""
    return json.dumps(text or "", ensure_ascii=False)


def _feast_type(text: str) -> str:
    kind = parse_type(text)
    if kind.item:
        return f"Array({_feast_type(kind.item.name)})"
    return _TYPES[kind.name.partition("(")[0]][0]


def _value_type(text: str) -> str:
    return _TYPES[parse_type(text).name.partition("(")[0]][1]


def _entity(key: dict[str, Any], groups: dict[str, dict[str, Any]]) -> str:
    """The name of the entity of a key column: the column's, with its type where another group's is of another."""
    kinds = {
        _value_type(each["type"]) for group in groups.values() for each in group["keys"] if each["name"] == key["name"]
    }
    return key["name"] if len(kinds) == 1 else f"{key['name']}_{_value_type(key['type']).lower()}"


def _entities(exported: Export) -> dict[str, dict[str, Any]]:
    """By name, one for each key column: an entity of Feast's has one join key."""
    return {
        _entity(key, exported.groups): {**key, "value_type": _value_type(key["type"])}
        for group in exported.groups.values()
        for key in group["keys"]
    }


@dataclass(frozen=True)
class _Lookup:
    """A lookup of a service, as Feast has it. `view` is the Python of its feature view, `status` the SQL of its status,
    `keys` what the entity rows hold for each of the group's keys, `link` where a looked-up key is from.
    """

    group: dict[str, Any]
    view: str
    status: str
    keys: dict[str, str]
    link: str | None


def _full_names(service: dict[str, Any]) -> bool:
    """Whether what Feast returns for a service is called `view__feature`: where a lookup has an alias, the same feature
    may come twice.
    """
    return any(_is_aliased(service, each["name"]) for each in service["groups"])


def _is_aliased(service: dict[str, Any], lookup: str) -> bool:
    """Whether a lookup's columns stand under its alias."""
    return any(
        each["name"] != each["column"]
        for each in service["looked_up"]
        if each.get("lookup") == lookup and each["source"] == "feature"
    )


def _lookups(service: dict[str, Any], groups: dict[str, dict[str, Any]]) -> dict[str, _Lookup]:
    """The lookups of a service by alias."""
    found = {}
    for each in service["groups"]:
        group, alias = groups[each["group"]], each["name"]
        own = [key["name"] for key in group["keys"]]
        is_aliased, via = _is_aliased(service, alias), each.get("via")
        sent = each["keys"] if not via else [f"{alias}_{own[0]}" if is_aliased else own[0]]
        keys = dict(zip(own, sent, strict=True))
        view = _name(group) + (f".with_name({_python(alias)})" if is_aliased else "")
        mapped = {key: name for key, name in keys.items() if key != name}
        view += f".with_join_key_map({json.dumps(mapped)})" if mapped else ""
        status = _returned(service, alias if is_aliased else _name(group), f"{group['name']}_status")
        found[alias] = _Lookup(group, view, status, keys, f"{via['column']} of {via['group']}" if via else None)
    return found


def _list_lookups(service: dict[str, Any], groups: dict[str, dict[str, Any]]) -> list[_Lookup]:
    return list(_lookups(service, groups).values())


def _returned(service: dict[str, Any], view: str, feature: str) -> str:
    """What Feast calls a feature that it returns for a service."""
    return f"{view}__{feature}" if _full_names(service) else feature


def _looked_up(service: dict[str, Any], groups: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What a service's SQL reads, by name, as SQL over what Feast returns."""
    columns, lookups = {}, _lookups(service, groups)
    for each in service["looked_up"]:
        alias, returned, status = each.get("lookup"), each["name"], ""
        if alias:
            status, group = lookups[alias].status, lookups[alias].group
            view = alias if _is_aliased(service, alias) else _name(group)
            returned = _returned(service, view, each["column"]) if each["source"] == "feature" else ""
        # It compares ages: what was stale is older than nothing, all else is not
        age = f"case when {status} = 'STALE' then 1 else 0 end"
        columns[each["name"]] = {
            "prediction_time": "event_timestamp",
            "found": f"coalesce({status} in ('OK', 'STALE'), false)",
            "as_of": f"event_timestamp - {age} * interval '1 second'",
            "max_age_seconds": "0",
        }.get(each["source"], f"cast({returned} as {each['type']})")
    return columns


_FEATURE_STORE = """\
project: {{ project }}
provider: local
registry: data/registry.db
offline_store:
  type: file
online_store:
  type: sqlite
  path: data/online_store.db
entity_key_serialization_version: 3
"""

_DEFINITIONS = '''\
"""The features of {{ project }}: publication {{ pointer.sequence_number }} of {{ pointer.published_at }}.

Written by `asof feast`. README.md says what the tables hold, and what Feast cannot say.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import {{ types | join(", ") }}

# A row holds until the next one of its entity, however old it is: rows are written when something changes
UNTIL_THE_NEXT_ROW = timedelta(0)
{% for name, key in entities.items() %}

{{ name }}_entity = Entity(
    name={{ name | python }},
    join_keys=[{{ key.name | python }}],
    value_type=ValueType.{{ key.value_type }},
    description={{ key.description | python }},
)
{% endfor %}
{% for group in groups.values() %}

{{ group | name }} = FeatureView(
    name={{ group | name | python }},
    description={{ group.description | python }},
    owner={{ group.owner | python }},
    entities=[{% for key in group["keys"] %}{{ key | entity(groups) }}_entity{{ ", " if not loop.last }}{% endfor %}],
    ttl=UNTIL_THE_NEXT_ROW,
    source=FileSource(
        name="{{ group | name }}_served",
        path="data/{{ group.data.file }}",
        timestamp_field="asof_served_from",
        created_timestamp_column="asof_recorded_at",
    ),
    schema=[
    {% for column in group["keys"] + group.features %}
        Field(
            name={{ column.name | python }},
            dtype={{ column.type | feast_type }},
            description={{ column.description | python }},
        ),
    {% endfor %}
        Field(
            name="{{ group.name }}_status",
            dtype=String,
            description="OK, STALE, NOT_FOUND or NO_SNAPSHOT, see README.md.",
        ),
    ],
    tags={
        "asof_version": "{{ group.version }}",
        "asof_definition": {{ group.definition | python }},
        "asof_max_age_seconds": "{{ group.max_age_seconds }}",
        "asof_served_since": "{{ group.data.served_since }}",
    },
)
{% endfor %}
{% for service in services %}

{{ service | name }} = FeatureService(
    name={{ service | name | python }},
    description={{ service.description | python }},
    owner={{ service.owner | python }},
    features=[{{ service | lookups(groups) | map(attribute="view") | join(", ") }}],
    tags={
        "asof_version": "{{ service.version }}",
        "asof_definition": {{ service.definition | python }},
        "asof_sql": "services/{{ service | name }}.sql",
    },
)
{% endfor %}
'''

_SERVICE = """\
-- {{ service.name }}@{{ service.version }}, as it was served ({{ service.definition }}),
-- over what get_historical_features returns for the feature service {{ service | name }}: a relation `feast`, with
-- row_id, event_timestamp (when it was asked), the keys and the request columns from the entity rows.
with asof_looked_up as (
    select
    {% for name, sql in looked_up.items() %}
        {{ sql }} as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
    from feast
    where
        -- where there was nothing to answer from, there is no row
        true
    {% for each in service | lookups(groups) %}
        and event_timestamp >= timestamptz '{{ each.group.data.served_since }}'
        and coalesce({{ each.status }}, '') <> 'NO_SNAPSHOT'
    {% endfor %}
),
answer as (
{{ service.sql }}
)
select * from answer
"""

_README = """\
# {{ project }} in Feast

The features of {{ project }} and all that was ever served of them, up to publication {{ pointer.sequence_number }}
({{ pointer.published_at }}). Written once, by `asof feast`; it does not follow the dbt project.

```console
$ pip install feast
$ feast apply
$ feast materialize 1970-01-01T00:00:00 "$(date -u +%Y-%m-%dT%H:%M:%S)"   # an online store, if you need one
```

| feature view | keys | rows | served since | max age |
|---|---|---|---|---|
{% for group in groups.values() %}
| `{{ group | name }}` | {{ group["keys"] | map(attribute="name") | join(", ") }} | {{ group.data.rows }} | \
{{ group.data.served_since }} | {{ group.max_age_seconds }} s |
{% endfor %}

| feature service | feature views | the caller sends | a key that is looked up | full names |
|---|---|---|---|---|
{% for service in services %}
| `{{ service | name }}` | \
{% for each in service | lookups(groups) %}`{{ each.group | name }}` {% endfor %}| \
{% for each in service.request %}{{ each.name }} ({{ each.type }}) {% endfor %}| \
{% for each in service | lookups(groups) if each.link %}{{ each.keys.values() | first }}: \
{{ each.link }} {% endfor %}|{{ " yes" if service | full_names }} |
{% endfor %}

## What a row is

A row of `data/*.parquet` is what was served of an entity from `asof_served_from` on, until its next row. That is when
it was published, not the moment up to which it knew events: what Feast finds for a time is what the API held at that
time, through late data, corrections and rollbacks. `asof_recorded_at` is when a run recorded it by the wall clock, so
Feast's `filter_by_created_timestamp` leaves out what was backfilled.

`<group>_status` tells why a feature is null:

| | |
|---|---|
| `OK` | it was stored so |
| `STALE` | the publication was older than the group's max age. (A column that leads to another group is kept.) |
| `NOT_FOUND`, or null | the entity was not known, or gone; or it was before "served since" |
| `NO_SNAPSHOT` | nothing was served of the group |

## Training and serving

```python
asked = pandas.DataFrame(...)  # row_id, event_timestamp (when asked), the keys, what the caller sends
once = asked[["event_timestamp", *keys]].drop_duplicates()
found = store.get_historical_features(once, features=store.get_feature_service("<service>")).to_arrow()
feast = duckdb.sql(f"select * from asked join found using (event_timestamp, {', '.join(keys)})")
answers = duckdb.sql(open("services/<service>.sql").read()).df()
```

gives status and features as they were answered. A key that is looked up is yours to bring: get the column that holds it
first, for the same keys and times, and add it to `once` under the key's name. A service that looks one feature view up
more than once needs `full_feature_names=True` (the last column of the table).

## What Feast does not say

- **Staleness from now on.** A `ttl` counts the age of a row, and what did not change has an old one: with a `ttl`,
  Feast would drop it. Set one once your own jobs write every entity each time. The past is marked (`STALE`), the future
  is not.
- **Services.** A feature service is a list of stored features. Formulas, request columns, missing rules and row
  statuses stand in `services/*.sql`, for you to apply in training and in serving; `REJECTED` rows are no training rows.
- **Which publication answered.** Only the time decides: what a slow replica answered from an older one is not found.
- **How a feature is made.** Its SQL, tests and history of definitions stay in the dbt project.
- **Erasure.** What is erased in the warehouse is not erased here.

Feast's file store (0.67) drops all but one entity row of the same keys and time, makes floats of integers where some
are null (not exact beyond 2^53), and drops entity rows whose entity has later rows only (here none has: each begins in
1970, `NOT_FOUND`). Its online stores keep whole seconds of a time. Feast has no dates: they are times, at midnight UTC.
"""


# -------------------- the command


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `feast` to the command line."""
    parser = commands.add_parser("feast", help="write a Feast repository of all that was served: the way out")
    parser.add_argument("--to", type=Path, required=True, help="the folder to make")
    add_project_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        exported = export(options.to, project=options.project, dbt=options.dbt)
    except ExportError as error:
        print(f"no Feast repository: {error}", file=sys.stderr)
        return 2
    pointer, groups = exported.pointer, exported.groups.values()
    print(f"publication {pointer['sequence_number']} ({pointer['snapshot_id']}), and all that was served before:")
    rows = sum(each["data"]["rows"] for each in groups)
    print(f"{len(groups)} feature views with {rows} rows, {len(exported.services)} services")
    print(f"{options.to}: run `feast apply` there; README.md says what Feast cannot say")
    return 0
