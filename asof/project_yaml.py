"""What the YAML of a dbt project says of its models, and one more version written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TIMES = ("first_seen_at", "gone_at")  # an entity's columns that are no keys


class ScaffoldError(Exception):
    """The skeleton cannot be written; the message says why and what to do."""


def _yaml() -> Any:
    """PyYAML, which comes with dbt; the shim itself does without."""
    try:
        import yaml
    except ImportError:
        raise ScaffoldError("this command needs PyYAML, which dbt brings: run it where dbt is installed") from None
    return yaml


def _read(project: Path, folder: str, kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """The entries of a kind (models, sources) in the YAML under models/<folder>, each with its file."""
    return [
        (path, entry)
        for path in sorted((project / "models" / folder).rglob("*.y*ml"))
        for entry in (_yaml().safe_load(path.read_text()) or {}).get(kind) or []
    ]


def declared(project: Path, name: str, folder: str) -> tuple[Path, dict[str, Any]]:
    """The YAML file and entry of a model in models/<folder>. Raises ScaffoldError naming where it was looked for."""
    for path, entry in _read(project, folder, "models"):
        if entry.get("name") == name:
            return path, entry
    raise ScaffoldError(f"no YAML under models/{folder} describes {name}; describe it there first, with its columns")


def source_tables(project: Path, source: str) -> dict[str, Path]:
    """The tables that the project declares of a source, each with its YAML file."""
    found = [(path, entry) for path, entry in _read(project, "", "sources") if entry.get("name") == source]
    return {table["name"]: path for path, entry in found for table in entry.get("tables") or []}


def columns_of(model: dict[str, Any], version: int | None = None) -> list[dict[str, str]]:
    """The columns of a model's YAML, or of one of its versions, as {name, type, description}."""
    versions = [each for each in model.get("versions") or [] if each.get("v") == version]
    own: list[dict[str, Any]] = (versions[0].get("columns") or []) if versions else []
    chosen = next((each for each in own if "include" in each or "exclude" in each), dict[str, Any]())
    include, exclude = chosen.get("include", "all"), chosen.get("exclude", [])
    named = [each for each in own if "name" in each]
    hidden = {*exclude, *(each["name"] for each in named)}
    base = [each for each in model.get("columns") or [] if include in ("all", "*") or each["name"] in include]
    return [
        {
            "name": each["name"],
            "type": each.get("data_type", "varchar"),
            "description": each.get("description") or each["name"],
        }
        for each in [*(each for each in base if each["name"] not in hidden), *named]
    ]


def entity_keys(project: Path, entity: str) -> list[dict[str, str]]:
    """The key columns of an entity. Raises ScaffoldError."""
    return [column for column in columns_of(declared(project, entity, "entities")[1]) if column["name"] not in TIMES]


def with_version(text: str, model: dict[str, Any], version: int, start: int) -> str:
    """A YAML text with one more entry at the end of a model's `versions`: that of `start`, under the new number, so
    that what it says (columns, lookups) holds for the new one too. All else in the text stays as it is, comments too.
    """
    models = _child(_yaml().compose(text), "models").value
    entry = next(each for each in models if _child(each, "name").value == model["name"])
    versions = _child(entry, "versions")
    item = next(each for each in versions.value if _child(each, "v").value == str(start))
    number, end = _child(item, "v"), len(text[: versions.end_mark.index].rstrip())
    copied = text[item.start_mark.index : number.start_mark.index] + str(version)
    copied += text[number.end_mark.index : item.end_mark.index].rstrip()
    has_columns = _child(item, "columns") is not None
    if versions.flow_style:
        copied = copied if has_columns else copied.removesuffix("}") + ", columns: [{include: all}]}"
        text = f"{text[: end - 1]}, {copied}{text[end - 1 :]}"
    else:
        indent = " " * versions.start_mark.column
        columns = "" if has_columns else f"\n{indent}  columns:\n{indent}    - include: all"
        text = f"{text[:end]}\n{indent}- {copied}{columns}{text[end:]}"
    if "latest_version" not in model:  # else the bare name would mean the new version
        name = _child(entry, "name")
        indent = " " * (name.start_mark.column - len("name: "))
        text = f"{text[: name.end_mark.index]}\n{indent}latest_version: {start}{text[name.end_mark.index :]}"
    return text


def _child(node: Any, key: str) -> Any:
    """The value of a mapping in a YAML tree; None if there is none."""
    return next((value for name, value in node.value if name.value == key), None)
