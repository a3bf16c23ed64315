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

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
        written = json.loads(run_dbt(*command, project=project, options=dbt))
    except DbtError as error:
        raise ExportError(str(error)) from None
    manifest, files = written["manifest"], written["files"]
    check_names(manifest)
    # in one order, whatever was published with which other
    groups = {group_id: {**group, "data": files[group_id]} for group_id, group in sorted(manifest["groups"].items())}
    services = dict(sorted(manifest["services"].items()))
    return Export(written["project"].lstrip("_") or "asof", written["pointer"], groups, services)


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
        f"services/{_name(each)}.sql": write(
            "feast_service.sql", service=each, looked_up=_looked_up(each, exported.groups)
        )
        for each in exported.services.values()
    }
    return {
        "feature_store.yaml": write("feast_store.yml"),
        "definitions.py": write("feast_definitions.txt"),
        "README.md": write("feast_readme.txt"),
        "data/.gitignore": "*\n",  # of persons, perhaps
        **services,
    }


def _write(template: str, **known: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
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
    return environment.get_template(template).render(**known)


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
