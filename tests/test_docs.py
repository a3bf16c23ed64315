"""The walk-throughs and the README are followed to the letter: commands are run, code is put where they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.world import inherited

ROOT = Path(__file__).resolve().parent.parent


class Reader:
    """Someone who follows a page in a fresh copy of the project, block by block."""

    def __init__(self, folder: Path, warm: Path) -> None:
        self.folder = folder
        self.warm = warm
        tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in tracked.decode().split("\0"):
            if name and (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        path = f"{warm}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = inherited() | {"PATH": path, "DBT_LOG_LEVEL_FILE": "none"}

    def open(self, page: str) -> None:
        text = (ROOT / page).read_text()
        self.blocks = re.findall(r"^ *```(\w+)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)

    def next(self, language: str) -> str:
        """The text of the next block, which must be of this language."""
        found, text = self.blocks.pop(0)
        assert found == language, f"the next block is {found}, not {language}:\n{text}"
        return text

    def run(self) -> str:
        """Runs the commands of the next block, in one shell, and returns what they printed."""
        commands = re.findall(r"^ *\$ (.*(?:\\\n.*)*)", self.next("console"), re.MULTILINE)
        for command in commands:
            if match := re.match(r"export (\w+)=(\S+)", command):
                self.environment[match[1]] = match[2]
        shell = subprocess.run(
            ["bash", "-euc", "\n".join(commands)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert shell.returncode == 0, f"{commands}\n{shell.stdout}\n{shell.stderr}"
        return shell.stdout

    def write(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)

    def replace_from(self, file: str, start: str, text: str) -> None:
        """Replaces everything from the last line that is `start` on."""
        before, found, _ = (self.folder / file).read_text().rpartition(start)
        assert found, f"{start!r} is not in {file}"
        self.write(file, before + text)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> Reader:
    return Reader(tmp_path_factory.mktemp("docs") / "asof", warm)


@pytest.mark.xdist_group("docs")
def test_add_a_feature_and_add_a_service_work_as_written(reader: Reader) -> None:
    reader.open("docs/add-a-feature.md")
    reader.run()  # the now, seeds
    assert "wrote models/online/shipment_activity_v1_latest.sql" in reader.run()
    reader.write("models/features/shipment_activity_v1.sql", reader.next("sql"))
    reader.replace_from("models/features/shipment_activity.yml", "    columns:\n", reader.next("yaml"))
    assert "scans_6h" in reader.run()
    assert "starts over" in reader.run()
    assert "the backfill is complete and counts" in reader.run()
    assert "added version 2 to models/features/shipment_activity.yml" in reader.run()
    assert "calendar" in reader.next("sql")  # built in test_honest.py
    assert not reader.blocks

    reader.open("docs/add-a-service.md")
    assert "wrote models/training/reroute_v1_training.sql" in reader.run()
    yaml = reader.folder / "models/services/reroute.yml"
    reader.write("models/services/reroute_examples.sql", reader.next("sql"))
    assert reader.next("yaml") in yaml.read_text().replace("    description: One row per prediction to train on.\n", "")
    reader.write("models/services/reroute_v1.sql", reader.next("sql"))
    request, contract = reader.next("yaml"), reader.next("yaml")
    examples, _, service = yaml.read_text().partition("      - name: outcome\n")
    service = re.sub(r"(      - name: row_id\n.*\n.*\n)(?:.*\n)*?(    versions:)", rf"\1{contract}\2", service)
    yaml.write_text(f"{examples}{request}      - name: outcome\n{service}")
    assert " as origin'" in reader.next("sql")  # built in test_lookups.py
    assert "lookups:" in reader.next("yaml")
    printed = reader.run()
    assert re.search(r"published \S+ as number 1", printed)
    assert '"status":"OK"' in printed
    reader.write("models/services/reroute_examples.sql", reader.next("sql"))
    yaml.write_text(
        yaml.read_text().replace("      - name: outcome\n", reader.next("yaml") + "      - name: outcome\n")
    )
    assert "OK created sql table model main.reroute_examples" in reader.run()
    assert "added version 2 to models/services/reroute.yml" in reader.run()
    assert not reader.blocks
    training = duckdb.read_parquet(str(reader.folder / "training/reroute_v1.parquet"))
    assert "hours_since_last_scan" in training.columns


@pytest.mark.xdist_group("docs")
def test_the_daily_commands_work_and_the_readme_reads_training_data(reader: Reader) -> None:
    fresh = Reader(reader.folder.parent / "daily", reader.warm)
    fresh.open("docs/operations.md")
    explain = next(block for block in fresh.blocks if "asof explain" in block[1])
    assert re.search(r"published \S+ as number 1", fresh.run())
    assert (fresh.folder / "target/catalog.json").exists()
    fresh.blocks = [explain]
    assert "late_delivery@1 for order_id=O-204 at 2026-05-01T09:00:00.000000Z: OK" in fresh.run()

    fresh.open("README.md")
    snippet = next(text for language, text in fresh.blocks if language == "python")
    shown = subprocess.run(
        [sys.executable, "-c", f"{snippet}\nprint(len(train), list(train.columns))"],
        cwd=fresh.folder,
        env=fresh.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'is_late'" in shown.stdout


@pytest.mark.parametrize("number", [0, 1])
def test_the_sql_in_the_readme_is_that_of_the_example(number: int) -> None:
    """Leaving lines out, of the file that the text before it names."""
    parts = re.split(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    before, shown = parts[2 * number], parts[2 * number + 1]
    file = ROOT / re.findall(r"`(models/\S+)`", before)[-1]
    lines = [line.strip().rstrip(",") for line in file.read_text().splitlines()]
    assert [line for line in shown.splitlines() if line.strip().rstrip(",") not in lines] == []


def test_the_readme_is_short_and_lines_of_docs_wrap_at_100_characters() -> None:
    """Tables, code and a picture's text cannot wrap."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    assert len(pages[0].read_text().splitlines()) < 150
    long = {}
    for page in pages:
        prose = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        long[page.name] = [
            line for line in prose.splitlines() if len(line) > 100 and line.lstrip()[:1] not in ("|", "!")
        ]
    assert {name: lines for name, lines in long.items() if lines} == {}


def test_links_between_pages_name_a_file_and_a_heading_that_are_there() -> None:
    """As GitHub makes anchors of headings."""

    def text_of(page: Path) -> str:
        return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)

    def anchors_of(page: Path) -> set[str]:
        headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    broken = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "macros/README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
            file, _, anchor = link.partition("#")
            target = page.parent / file if file else page
            if not link.startswith("http") and not (target.exists() and (not anchor or anchor in anchors_of(target))):
                broken.append((page.name, link))
    assert broken == []


def test_no_page_leaves_a_placeholder_to_the_reader_and_no_comment_names_a_page_that_is_not_here() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    files = [ROOT / name for name in tracked.split("\0") if name and (ROOT / name).exists()]
    pages = {path: path.read_text() for path in files if path.suffix == ".md"}
    assert [path.name for path, text in pages.items() if re.search(r"<(this|path to) ", text)] == []
    code = {path: path.read_text() for path in files if path.suffix in (".py", ".sql", ".toml", ".yml")}
    capitals = re.compile(r"\b([A-Z]{4,}\.md|" + "DES" + r"IGN)\b")
    named = {(path.name, name) for path, text in code.items() for name in capitals.findall(text)}
    assert {name for _, name in named} <= {"README.md", "CHANGELOG.md"}, named
