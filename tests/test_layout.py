"""The folders of macros stand along the data flow: macros call those of their folder and of the folders before it."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import yaml

MACROS = Path(__file__).parent.parent / "macros"
# The order of the folders: one list, which dbt reads too.
FOLDERS = yaml.safe_load((MACROS / "dbt_project.yml").read_text())["macro-paths"]

Macros = dict[str, tuple[Path, set[str]]]


def read_macros() -> Macros:
    """By macro: its file, and the names that it calls or hands on (not those in comments, strings and plain SQL)."""
    macros: Macros = {}
    for path in sorted(MACROS.rglob("*.sql")):
        calls: set[str] = set()
        skipped = ("whitespace", "comment", "comment_begin", "comment_end", "data")
        tokens = [(kind, text) for _, kind, text in jinja2.Environment().lex(path.read_text()) if kind not in skipped]
        for at, (kind, text) in enumerate(tokens):
            if kind == "name" and text in ("macro", "test", "materialization") and tokens[at - 1][0] == "block_begin":
                name = tokens[at + 1][1] if text == "macro" else f"{text}_{tokens[at + 1][1]}"
                calls = set()
                assert name not in macros, f"{name} stands in {macros[name][0]} and in {path}"
                macros[name] = (path.relative_to(MACROS), calls)
            elif kind == "name" and tokens[at - 1][1] == ".":
                if tokens[at - 2][1] == "asof":
                    calls.add(text)
                elif text == "dispatch":
                    calls.add(tokens[at + 2][1].strip("'"))
            elif kind == "name" and tokens[at + 1][1] == "(":
                calls.add(text)
    # a dispatched macro calls that of each engine; those of dbt's own macros are called by dbt
    for name in list(macros):
        if match := re.fullmatch(r"[a-z]+__(\w+)", name):
            macros.setdefault(match.group(1), (Path("engine", f"{match.group(1)}.sql"), set()))[1].add(name)
    return macros


def read_signatures() -> dict[str, list[str]]:
    """The public macros as headings of macros/README.md, with the names of their arguments. Tests take their model."""
    private = {"base", "engine", "graph", "records", "guards", "parity", "health", "publish", "private"}
    public = {}
    for path in MACROS.rglob("*.sql"):
        if private & set(path.relative_to(MACROS).parts):
            continue
        kind, name = "test" if path.parent.name == "generic_tests" else "macro", path.stem
        if name.startswith("materialization_"):
            kind, name = "materialization", name.removeprefix("materialization_")
        match = re.search(rf"\{{% {kind} {name}\b(?:\((.*?)\))?", path.read_text())
        assert match, f"{path} holds no {kind} {name}"
        arguments = [each.split("=")[0].strip() for each in (match[1] or "").split(",")] if kind == "macro" else []
        public[name if kind == "macro" else f"{kind} {name}"] = [each for each in arguments if each]
    return public


def calls_upwards(macros: Macros, folders: list[str]) -> list[str]:
    """The calls from a folder to one that stands after it in `folders`."""
    order = {folder: place for place, folder in enumerate(folders)}
    return [
        f"{path}: {name} calls {called} of {macros[called][0]}"
        for name, (path, calls) in macros.items()
        for called in sorted(calls & macros.keys())
        if order[macros[called][0].parts[0]] > order[path.parts[0]]
    ]


def test_every_folder_has_a_place() -> None:
    assert sorted(FOLDERS) == sorted(path.name for path in MACROS.iterdir() if path.is_dir())


def test_calls_go_one_way() -> None:
    assert calls_upwards(read_macros(), FOLDERS) == []


def test_a_call_upwards_is_found() -> None:
    """Turned round, the order finds what calls a folder below it: by name, through asof, and by dispatch."""
    found = calls_upwards(read_macros(), FOLDERS[::-1])
    assert "operations/rollback.sql: rollback calls move_pointer of publish/move_pointer.sql" in found
    assert "features/within.sql: within calls seconds of base/seconds.sql" in found


def test_every_macro_is_called() -> None:
    """What nothing calls is for people: not private, and named as its file (STYLE: one macro, one file)."""
    macros = read_macros()
    called = {name for _, calls in macros.values() for name in calls}
    for name, (path, _) in macros.items():
        if name not in called:
            assert path.stem == name.removeprefix("test_"), f"{path}: nothing calls {name}"
            assert "private" not in path.parts, f"{path}: nothing calls {name}"


def test_operations_are_in_one_folder() -> None:
    """Each `dbt run-operation X` of the docs and of messages is a file of macros/operations."""
    root = MACROS.parent
    texts = [root / "README.md", *root.glob("docs/**/*.md"), *MACROS.rglob("*.sql"), *root.glob("asof/**/*.py")]
    named = {name for text in texts for name in re.findall(r"dbt run-operation (?:asof\.)?(\w+)", text.read_text())}
    operations = {path.stem for path in (MACROS / "operations").glob("*.sql")}
    assert named
    assert named <= operations


def test_the_reference_has_every_public_macro_with_its_arguments() -> None:
    sections = re.split(r"^### ", (MACROS / "README.md").read_text(), flags=re.M)[1:]
    described = {
        heading: re.findall(r"^- `(\w+)`: ", text.split("\n## ")[0], flags=re.M)
        for heading, text in (section.split("\n", 1) for section in sections)
    }
    assert len(described) == len(sections)
    assert described == read_signatures()


def test_no_line_of_a_macro_is_over_120_characters() -> None:
    long = [
        f"{path.relative_to(MACROS)}:{number}"
        for path in MACROS.rglob("*.sql")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > 120
    ]
    assert long == []


def test_what_differs_by_engine_stands_in_one_folder() -> None:
    outside = [
        f"{path}: {name}" for name, (path, _) in read_macros().items() if "__" in name and path.parts[0] != "engine"
    ]
    assert outside == []


def test_what_an_engine_lacks_refuses_by_its_name() -> None:
    """Each dispatched macro has a default, if only one that refuses: so dbt parses on every target."""
    dispatched = {name for path in MACROS.rglob("*.sql") for name in re.findall(r"dispatch\('(\w+)'", path.read_text())}
    macros = read_macros()
    assert {name for name in dispatched if f"default__{name}" not in macros} == set()
