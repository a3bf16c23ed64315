"""Fixtures that every test may use."""

from pathlib import Path

import pytest

from tests.world import World


@pytest.fixture(scope="session")
def parsed_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, parsed once, so that not every test's first command parses it all again."""
    world = World(tmp_path_factory.mktemp("parsed") / "world")
    world.dbt("parse", now="2026-05-01 10:00")
    return world.folder


@pytest.fixture
def world(tmp_path: Path, parsed_world: Path) -> World:
    """A fresh small project with empty raw tables (see world.py)."""
    return World(tmp_path / "world", template=parsed_world)
