"""`asof new ...`: writes the skeleton of a staging model, an entity, a feature group, a service, the next
version of a group or service, or what a new project needs.

What it writes builds as it is. Nothing that exists is overwritten; a new version adds an entry to the YAML. The texts
stand in `templates/`, as Jinja with `<< >>` and `<% %>`, so that dbt's own braces stay in them.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .project_yaml import ScaffoldError, columns_of, declared, entity_keys, source_tables, with_version

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    block_start_string="<%",
    block_end_string="%>",
    variable_start_string="<<",
    variable_end_string=">>",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
    autoescape=False,  # SQL and YAML, no HTML
)
GROUP_MODELS = {  # the one-line models beside a group; {} is its name with the version
    "models/history/{}_history.sql": "{{ asof.history() }}\n",
    "models/online/{}_latest.sql": "{{ asof.latest() }}\n",
}
TRAINING_FILE, TRAINING_LINE = "models/training/{}_training.sql", "{{ asof.training() }}\n"


def _render(template: str, **values: Any) -> str:
    return TEMPLATES.get_template(template).render(**values)


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


def _text_of(project: Path, folder: str, name: str) -> str:
    """The SQL of a model in models/<folder>."""
    found = next((project / "models" / folder).rglob(f"{name}.sql"), None)
    if found is None:
        raise ScaffoldError(f"there is no models/{folder}/{name}.sql")
    return found.read_text()


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or re.search(r"_v\d+$", name):
        raise ScaffoldError(f"{name!r} is no name for a model: lower-case letters, digits and _, without the version")


def _parse_group(text: str) -> tuple[str, int, str | None]:
    """The name, version and alias of `shipment@1`, or `shipment@1 as other`."""
    match = re.fullmatch(r"(\w+)(?:@(\d+))?(?: +as +([a-z_][a-z0-9_]*))?", text.strip())
    if match is None or match[2] is None:
        raise ScaffoldError(f"{text!r} names no version; a service pins it: {match[1] if match else 'group'}@1")
    return match[1], int(match[2]), match[3]


def _names(names: list[str]) -> str:
    """As macros take them: one as a text, several as a list."""
    return repr(names[0] if len(names) == 1 else names)


def _require(options: argparse.Namespace, *names: str, instead: str) -> None:
    missing = [f"--{name}" for name in names if not getattr(options, name)]
    if missing:
        raise ScaffoldError(f"{', '.join(missing)} is missing; {instead}")


def new_staging(options: argparse.Namespace) -> None:
    """An event model of a source's table, a model or a seed; or the capture of a table that is overwritten."""
    if not options.observed:
        _require(options, "id", "occurred", instead="of a table that is overwritten, name the key(s) by --observed")
        if not options.known and not options.safety_lag:
            raise ScaffoldError("--known is missing; where no column says when a row was known: --safety-lag '1 hour'")
    source, is_source, table = options.origin.rpartition(".")
    tables = source_tables(options.project, source)
    values = {
        **vars(options),
        "relation": f"source('{source}', '{table}')" if is_source else f"ref('{table}')",
        "columns": [*options.observed, *options.columns],
        "unique_key": _names(options.observed) if options.observed else None,
        "source": source if is_source and not tables else None,
        "table": table,
    }
    names = [f"models/staging/{options.name}.{kind}" for kind in ("sql", "yml")]
    _write(options.project, {name: _render(f"staging.{name[-3:]}", **values) for name in names})
    if tables and table not in tables:
        print(f"Next: add `- name: {table}` to the tables of the source {source} in {next(iter(tables.values()))}")


def new_entity(options: argparse.Namespace) -> None:
    """An entity, known since its first event, and gone with its first row in the event model --gone."""
    pairs = [key.partition(":") for key in options.key]
    values = {**vars(options), "keys": [{"name": key, "type": kind or "varchar"} for key, _, kind in pairs]}
    names = [f"models/entities/{options.name}.{kind}" for kind in ("sql", "yml")]
    _write(options.project, {name: _render(f"entity.{name[-3:]}", **values) for name in names})


def new_feature(options: argparse.Namespace) -> None:
    """A feature group, or with --version another version of one: SQL, YAML and the two one-line models."""
    if options.version is not None:
        new_version(options, "features")
        return
    _require(options, "entity", "events", "owner", instead="another version of a group is written by --version")
    name, keys = options.name, entity_keys(options.project, options.entity)
    values = {**vars(options), "keys": keys, "on": _names([key["name"] for key in keys])}
    _write(
        options.project,
        {
            f"models/features/{name}_v1.sql": _render("feature.sql", **values),
            f"models/features/{name}.yml": _render("feature.yml", **values),
            **{file.format(f"{name}_v1"): line for file, line in GROUP_MODELS.items()},
        },
    )
    print(f"Next: write the feature in models/features/{name}_v1.sql, then\n  dbt build --select +{name}_v1_latest")


def new_service(options: argparse.Namespace) -> None:
    """A service, or with --version another version of one: examples, SQL, YAML and the two one-line models."""
    if options.version is not None:
        new_version(options, "services")
        return
    _require(options, "groups", "owner", instead="another version of a service is written by --version")
    project, name, sources = options.project, options.name, _sources(options.lookup)
    keys: dict[str, dict[str, str]] = {}  # by what the caller sends; `own` is what their entity calls them
    features: list[dict[str, str]] = []
    lookups: dict[str, str] = {}
    aliases, entity = [], None
    for text in options.groups:
        group, version, alias = _parse_group(text)
        reads, own, stored = _group_columns(project, group, version)
        features += [{**each, "name": f"{alias}_{each['name']}" if alias else each["name"]} for each in stored]
        alias = alias or group
        aliases.append(alias)
        source = sources.get(alias)
        if source:
            lookups[alias] = source
        if source and "." in source:
            continue
        names = [key["name"] for key in own]
        sent = source.split(",") if source else names
        if len(sent) != len(own):
            raise ScaffoldError(f"--lookup {alias}={source}: the keys of {group}@{version} are {', '.join(names)}")
        if len(sent) > 1 and source:
            lookups[alias] = f"{{{', '.join(f'{key}: {each}' for key, each in zip(names, sent, strict=True))}}}"
        entity = entity or reads
        for key, each in zip(own, sent, strict=True):
            keys.setdefault(each, {**key, "name": each, "own": key["name"]})
    if unknown := sorted(sources.keys() - set(aliases)):
        raise ScaffoldError(f"--lookup {', '.join(unknown)}: none of the groups, which are {', '.join(aliases)}")
    if entity is None:
        raise ScaffoldError("at least one group must be found by the keys that the caller sends")
    values = {"name": name, "owner": options.owner, "lookups": lookups, "entity": entity, "features": features}
    values["keys"] = list(keys.values())
    _write(
        project,
        {
            f"models/services/{name}_examples.sql": _render("examples.sql", **values),
            f"models/services/{name}_v1_rows.sql": f"{{{{ asof.rows({options.groups!r}) }}}}\n",
            f"models/services/{name}_v1.sql": _render("service.sql", **values),
            f"models/services/{name}.yml": _render("service.yml", **values),
            TRAINING_FILE.format(f"{name}_v1"): TRAINING_LINE,
        },
    )
    _add_selector(project, name, [_parse_group(text)[:2] for text in options.groups])
    print(
        f"Next: write the examples in models/services/{name}_examples.sql and the service in\n"
        f"models/services/{name}_v1.sql, then\n  dbt build --selector {name}"
    )


def _add_selector(project: Path, name: str, groups: list[tuple[str, int]]) -> None:
    """Names the models that a service is published with, so that `dbt build --selector <service>` builds them whole."""
    path = project / "selectors.yml"
    lines = "".join(f'        - "@{group}.v{version}"\n' for group, version in dict.fromkeys(groups))
    entry = f"  - name: {name}\n    description: What {name} is published with.\n    definition:\n      union:\n{lines}"
    path.write_text((path.read_text().rstrip("\n") + "\n" if path.exists() else "selectors:\n") + entry)
    print("wrote selectors.yml")


def _sources(texts: list[str]) -> dict[str, str]:
    """Where the keys of a group come from, by its alias: a stored column of another, or what the caller sends."""
    pairs = dict(text.partition("=")[::2] for text in texts)
    for alias, source in pairs.items():
        if not re.fullmatch(r"\w+\.\w+|\w+(,\w+)*", source):
            raise ScaffoldError(f"--lookup {alias}={source}: expected ALIAS=ALIAS.COLUMN, or ALIAS=KEY that is sent")
    return pairs


def _group_columns(project: Path, group: str, version: int) -> tuple[str, list[dict[str, str]], list[dict[str, str]]]:
    """The entity that a group reads, and its keys and features."""
    reads = re.search(r"asof\.points\(ref\(['\"](\w+)", _text_of(project, "features", f"{group}_v{version}"))
    if reads is None:
        raise ScaffoldError(f"{group}_v{version}.sql does not read an entity by asof.points(ref(...))")
    names = {key["name"] for key in entity_keys(project, reads[1])}
    columns = columns_of(declared(project, group, "features")[1], version)
    keys = [each for each in columns if each["name"] in names]
    return reads[1], keys, [each for each in columns if each["name"] not in {*names, "as_of"}]


def new_version(options: argparse.Namespace, folder: str) -> None:
    """Another version of a group or service, as a copy of one that is there (--from, else the newest before it): SQL,
    one-line models and an entry in the YAML. folder: features or services.
    """
    project, name, version = options.project, options.name, options.version
    path, model = declared(project, name, folder)
    there = sorted(each["v"] for each in model.get("versions") or [])
    start = options.start or max((each for each in there if each < version), default=None)
    shown = path.relative_to(project)
    if start is None or start not in there or version in there:
        raise ScaffoldError(f"{shown} has the versions {there} of {name}: --from is one of them, --version another")
    old, new = f"{name}_v{start}", f"{name}_v{version}"
    files = {f"models/{folder}/{new}.sql": re.sub(rf"\b{old}_rows\b", f"{new}_rows", _text_of(project, folder, old))}
    if folder == "features":
        files |= {file.format(new): line for file, line in GROUP_MODELS.items()}
    else:
        rows = _text_of(project, folder, f"{old}_rows")
        if options.groups and all(map(_parse_group, options.groups)):
            rows = re.sub(r"(asof\.rows\(\s*)\[[^\]]*\]", lambda match: f"{match[1]}{options.groups!r}", rows)
        files |= {f"models/{folder}/{new}_rows.sql": rows, TRAINING_FILE.format(new): TRAINING_LINE}
    text = with_version(path.read_text(), model, version, start)
    _write(project, files)
    path.write_text(text)
    print(f"added version {version} to {shown}")
    print(_render("next_version.txt", folder=folder, name=name, version=version, start=start, file=shown), end="")


def new_project(options: argparse.Namespace) -> None:
    """What a dbt project needs to install the package: clock and one wrapper."""
    config = options.project / "dbt_project.yml"
    if not config.exists():
        raise ScaffoldError(f"there is no dbt_project.yml in {options.project.resolve()}; run this in a dbt project")
    _write(
        options.project,
        {
            "models/clock/clock.sql": "{{ asof.clock() }}\n",
            "models/clock/clock.yml": _render("clock.yml"),
            "macros/materialized_view.sql": _render("materialized_view.sql"),
        },
    )
    named = re.search(r"^name:\s*['\"]?(\w+)", config.read_text(), re.MULTILINE)
    print(_render("project.txt", project=named[1] if named else "your_project"), end="")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `new` and what it can write to the command line."""
    parser = commands.add_parser("new", help="write the skeleton of a model, of another version of it, or of a project")
    kinds = parser.add_subparsers(title="what", required=True, metavar="")

    staging = kinds.add_parser("staging", help="an event model: SQL and YAML")
    staging.add_argument("name", help="such as stg_orders")
    staging.add_argument("--from", dest="origin", required=True, help="a source's table, crm.orders, or a seed")
    staging.add_argument("--columns", nargs="+", default=[], help="the key(s) of its entity, and the measures")
    staging.add_argument("--id", help="the column with the event's id")
    staging.add_argument("--occurred", help="the column that says when it happened")
    staging.add_argument("--known", help="the column that says when the warehouse first saw the row")
    staging.add_argument("--safety-lag", help="in place of --known: so long after, it is known ('1 hour')")
    staging.add_argument(
        "--observed", nargs="+", default=[], help="the table is overwritten: capture it, by its key(s)"
    )
    staging.set_defaults(make=new_staging)

    entity = kinds.add_parser("entity", help="an entity: SQL and YAML")
    entity.add_argument("name", help="such as customers")
    entity.add_argument("--key", required=True, nargs="+", help="customer_id, or with its type order_id:bigint")
    entity.add_argument("--events", required=True, help="the event model that it is first seen in, such as stg_signups")
    entity.add_argument("--gone", help="the event model that says that it is gone, such as stg_account_closures")
    entity.set_defaults(make=new_entity)

    feature = kinds.add_parser("feature", help="a feature group: SQL, YAML and two one-line models")
    feature.add_argument("name", help="such as customer")
    feature.add_argument("--entity", help="the entity model it describes, such as customers")
    feature.add_argument("--events", help="the event model it counts, such as stg_purchases")
    feature.add_argument("--max-age", default="1 day", help="how old its moment may grow before it is STALE")
    feature.set_defaults(make=new_feature)

    service = kinds.add_parser("service", help="a service: examples, SQL, YAML and two one-line models")
    service.add_argument("name", help="such as churn")
    service.add_argument("--groups", nargs="+", help="what it reads, first its own: shipment@1 'warehouse@1 as origin'")
    service.add_argument(
        "--lookup",
        action="append",
        default=[],
        metavar="ALIAS=SOURCE",
        help="where a group's key comes from: origin=shipment.origin_warehouse_id, or sender=sender_id of the caller",
    )
    service.set_defaults(make=new_service)
    for kind in (feature, service):
        kind.add_argument("--owner", help="who answers for it")
        kind.add_argument("--version", type=int, help="write this version of one that is there")
        kind.add_argument("--from", dest="start", type=int, metavar="VERSION", help="the version that it begins as")

    whole = kinds.add_parser("project", help="what a dbt project needs to install the package")
    whole.set_defaults(make=new_project, name=None)
    for kind in (staging, entity, feature, service, whole):
        kind.add_argument("--project", type=Path, default=Path("."), help="the dbt project's folder")
        kind.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        if options.name is not None:
            _check_name(options.name)
        options.make(options)
    except ScaffoldError as error:
        print(f"asof: {error}")
        return 1
    return 0
