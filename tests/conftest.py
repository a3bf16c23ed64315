"""Fixtures that every test may use."""

from pathlib import Path

import pytest

from tests import forks
from tests.world import World

# Each file is run by one worker: those that take a minute or more come first, or one of them would end long after all.
LONG = [
    *("test_publication", "test_faults", "test_example", "test_docs", "test_history", "test_refusals"),
    *("test_as_served", "test_time_machine", "test_components", "test_proof", "test_upgrade", "test_carried"),
    *("test_parity", "test_oracle", "test_loop", "test_names", "test_types", "test_honest", "test_messages"),
]


def pytest_configure(config: pytest.Config) -> None:
    """Several test processes share one that dbt commands are forked from, if it is there before they begin."""
    if config.getoption("numprocesses", None):
        forks.address()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, the others as they were."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def parsed_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project, parsed once, so that not every test's first command parses it all again."""
    world = World(tmp_path_factory.mktemp("parsed") / "world")
    world.dbt("parse", now="2026-05-01 10:00")
    return world.folder


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `bin` with a `python` and a `dbt` that starts fast (see forks.py)."""
    return forks.warm_environment(tmp_path_factory.mktemp("warm") / "venv")


@pytest.fixture
def world(tmp_path: Path, parsed_world: Path) -> World:
    """A fresh small project with empty raw tables (see world.py)."""
    return World(tmp_path / "world", template=parsed_world)
