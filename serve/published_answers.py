"""Answers that the build published: what a service answers for each entity of its first group until one of its groups
is stale. They are kept as the JSON that is sent.

Who is not among these entities, and whoever asks later, is answered by the service's SQL, as are all other services.
"""

from __future__ import annotations

import time
from array import array
from pathlib import Path

import duckdb

from .clock import parse_rfc3339
from .columns import CHUNK, count
from .evaluate import Plan, Row, answer_columns, fetchable, row_of
from .loader import check_file, opened, refusing
from .lookup import row_finder
from .snapshot import Raw, plain_name
from .sql import parquet, quote

# The JSON of all rows, where each begins and the last one ends, and which of the rows at the end each is like
_Written = tuple[memoryview, "array[int]", "array[int]", list[Row]]

Answers = dict[str, "PublishedAnswers"]  # by service id

_AT_ONCE = 64  # rows that are written without letting a request run


class PublishedAnswers:
    """The answers of a service up to `valid_until` (UTC). A row has its number in the table of the first group."""

    def __init__(self, folder: Path, plan: Plan, raw: Raw, before: PublishedAnswers | None) -> None:
        """Loads what the manifest's entry `raw` names; what `before`, served until now, made of the same is used again.

        Raises ValueError, OSError, duckdb.Error.
        """
        service, first = plan.service, plan.service.lookups[0]
        self.valid_until = parse_rfc3339(raw["valid_until"])
        self.find = row_finder(first)  # the row of each entity; None where there is none
        self._source = (raw["sha256"], service.definition, service.raw["features"])
        path = folder / plain_name(raw["file"])
        check_file(path, raw)
        if raw["rows"] != first.group.table.rows:
            raise ValueError(f"there are {raw['rows']} for {first.group.table.rows} rows of {first.group.id}")
        keys = {name: service.inputs[name].type for name in first.keys}
        with opened(path, "answers", keys | answer_columns(service)) as connection:
            own = ", ".join([f"{quote(key)} as key_{at}" for at, key in enumerate(first.group.keys)])
            table = f"(select {own} from {parquet(folder / first.group.raw['file'])})"
            differs = " or ".join([f"{quote(name)} is distinct from key_{at}" for at, name in enumerate(first.keys)])
            if others := count(connection, f"answers positional join {table} where {differs}"):
                raise ValueError(f"{others} of their keys are not those of {first.group.id}")
            same = before if before and before._source == self._source else None
            self._written: _Written = same._written if same else _write(connection, plan, raw["rows"])

    def row_json(self, row: int) -> str:
        """A row as the JSON of the answer, as `Plan.row_json` writes it."""
        texts, ends, *_ = self._written
        return str(texts[ends[row] : ends[row + 1]], "ascii")

    def like(self, row: int) -> Row:
        """A row that is counted as this one: of its status, with nulls and unseen categories in the same columns."""
        *_, kinds, examples = self._written
        return examples[kinds[row]]


def load_answers(folder: Path, plans: dict[str, Plan], before: Answers) -> Answers:
    """The published answers; `before` are those that are served until now. Raises SnapshotError."""
    loaded = {}
    for id_, plan in plans.items():
        raw = plan.service.raw.get("answers")
        if raw:  # else it is evaluated, or the manifest is of before
            with refusing(f"the answers of {id_}: {raw.get('file')}"):
                loaded[id_] = PublishedAnswers(folder, plan, raw, before.get(id_))
    return loaded


def _write(connection: duckdb.DuckDBPyConnection, plan: Plan, rows: int) -> _Written:
    known = [None if each.type.item else each.categories for each in plan.service.features]
    columns = ", ".join([fetchable(name, kind) for name, kind in answer_columns(plan.service).items()])
    texts, ends, kinds = bytearray(), array("q", [0]), array("I")
    examples: dict[tuple[object, ...], tuple[int, Row]] = {}
    for first in range(0, rows, CHUNK):
        connection.execute(f"select {columns} from answers where rowid between {first} and {first + CHUNK - 1}")
        while values := connection.fetchmany(_AT_ONCE):
            for row in [row_of(plan.service, each) for each in values]:
                features = zip(row.features or (), known, strict=False)
                nulls = [None if value is None else not some or value in some for value, some in features]
                kinds.append(examples.setdefault((row.status, *nulls), (len(examples), row))[0])
                texts += plan.row_json(row).encode()
                ends.append(len(texts))
            time.sleep(0)  # lets a request run
    return memoryview(texts), ends, kinds, [row for _, row in examples.values()]
