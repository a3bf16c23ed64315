"""What `asof build --engine` needs of an engine (docs/engines.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

RECENT_ROWS = 200_000


class EngineError(Exception):
    """The engine cannot do what is wanted of it; the message says why and what to do."""


@dataclass(frozen=True)
class Relation:
    """A relation of the engine."""

    schema: str
    name: str

    def beside(self, name: str) -> Relation:
        """Another one in the same schema."""
        return Relation(self.schema, name)

    def __str__(self) -> str:
        return f'"{self.schema}"."{self.name}"'


def no_same_type(relation: Relation, column: str, type_: str, wanted: str) -> EngineError:
    """The error of a column whose type has none of the same values in DuckDB. wanted: what to cast it to."""
    return EngineError(
        f"{relation.name}: its column {column} is {type_}, of which DuckDB has no type of the same values. Write a "
        f"cast in the model, as in `cast({column} as {wanted}) as {column}`"
    )


@dataclass(frozen=True)
class EntityInput:
    """What an entity's run starts from. lives: a CSV of its lives that count; is_counted: its moment counts already."""

    relation: Relation
    keys: dict[str, str]  # with their types
    lives: Path
    is_counted: bool


@dataclass(frozen=True)
class Start:
    """What a run on the engine starts from.

    folder: the hand-over. as_of: the moment of the run. known_at: by event model, when its known rows are counted.
    recent: the moment up to which rows of late of event models are handed over, or None.
    """

    folder: Path
    clock: Relation
    moments: list[str]
    inputs: list[EntityInput]
    as_of: str
    known_at: dict[Relation, list[str]]
    recent: str | None


class Engine(Protocol):
    """A session with an engine. Moments are texts such as `2026-05-01 08:58:00.000000+00:00`; all times are UTC."""

    name: str
    has_materialized_views: bool
    is_read_by_duckdb: bool  # whether DuckDB's parser reads its SQL

    def prepare(self, start: Start) -> dict[str, str]:
        """Fills the clock and what each entity starts from; returns what is set in the environment of dbt."""

    def begin_reading(self) -> None:
        """From here on all reads see one state of the data."""

    def columns(self, relation: Relation) -> dict[str, str]:
        """The columns in their order, with DuckDB's type of each. Raises EngineError where DuckDB has none."""

    def known(self, relation: Relation, moments: list[str]) -> dict[str, dict[str, Any]]:
        """By moment: `rows`, how many rows were known, and `newest`, when the last of them became so, or None."""

    def write(self, relation: Relation, columns: dict[str, str], as_of: str | None, path: Path) -> int:
        """Writes a relation, or its rows of a moment, as one Parquet file of these columns; returns how many rows."""

    def show_published(self, schema: str, folder: Path) -> None:
        """Keeps the latest rows of the current publication of a folder in materialized views, if it has such."""

    def write_recent(self, relation: Relation, columns: dict[str, str], as_of: str, path: Path) -> int:
        """The same of an event model's rows of the 56 days up to a moment. Of many rows a part: RECENT_ROWS or so."""

    def close(self) -> None:
        """Ends the session."""
