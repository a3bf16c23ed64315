"""A small published folder, built with DuckDB alone, and the shim over it. No dbt, no network but
loopback.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from asof.serve.app import create_app  # noqa: E402
from publisher import NOW, Publisher  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture
def publisher(tmp_path):
    """A folder with one publication."""
    folder = Publisher(tmp_path / "published")
    folder.publish()
    return folder


@pytest.fixture
def make_app():
    """Makes apps, and stops their watchers afterwards."""
    made = []

    def make(folder, **options):
        app = create_app(folder, **{"now": lambda: NOW, **options})
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["asof"].folder.stop()


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory):
    """One app for all tests that only ask."""
    folder = Publisher(tmp_path_factory.mktemp("shared") / "published")
    folder.publish()
    app = create_app(folder.folder, now=lambda: NOW)
    yield app
    app.extensions["asof"].folder.stop()


@pytest.fixture
def app(publisher, make_app):
    return make_app(publisher.folder)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def ask(client):
    """Posts entities to a service; returns the response."""

    def ask(service, *entities):
        return client.post(f"/v1/services/{service}", json={"entities": list(entities)})

    return ask


@pytest.fixture
def start():
    """Starts real shims, and leaves none running."""
    servers = []

    def start(*options, **environment):
        servers.append(Server(*options, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end()
