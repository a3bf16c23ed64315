"""Extensions: which routes the shim has with those that it is given, one as the docs have it, and one that is none."""

from __future__ import annotations

import argparse
import re

import pytest
from asof.serve.settings import EXTENSIONS, add_options
from server import ROOT, run
from test_folder import tokens_file

ROUTES = {
    "/v1/services/<service>",
    "/health",
    "/ready",
    "/ready/<service>",
    "/metrics",
}
OF_EXTENSIONS = {"/", "/v1/catalog", "/get-online-features", "/openapi.json"}


def routes_of(app):
    return {rule.rule for rule in app.url_map.iter_rules()}


def test_the_shim_alone_and_with_its_extensions(make_app, publisher):
    alone, whole = make_app(publisher.folder, extensions=()), make_app(publisher.folder)
    assert routes_of(alone) == ROUTES
    assert routes_of(whole) == ROUTES | OF_EXTENSIONS
    for app, has in ((alone, False), (whole, True)):
        client = app.test_client()
        assert client.get("/v1/services/pairs?left_id=1&right_id=11").status_code == 200
        for path in OF_EXTENSIONS:
            assert (client.get(path).status_code != 404) == has
    assert whole.test_client().get("/openapi.json").json["paths"].keys() >= OF_EXTENSIONS
    without = make_app(publisher.folder, extensions=["asof.extensions.openapi"]).test_client()
    assert without.get("/openapi.json").json["paths"].keys() & OF_EXTENSIONS == {"/openapi.json"}


def test_which_extensions_are_loaded_is_said_at_the_start(monkeypatch):
    def extensions(*arguments):
        parser = argparse.ArgumentParser()
        add_options(parser)
        return parser.parse_args(arguments).extensions

    monkeypatch.delenv("ASOF_EXTENSIONS", raising=False)
    assert extensions() == list(EXTENSIONS)
    monkeypatch.setenv("ASOF_EXTENSIONS", "one.of other")
    assert extensions() == ["one.of", "other"]
    assert extensions("--extensions", "") == []


def test_every_route_but_the_probes_needs_a_token(make_app, publisher, tmp_path):
    app = make_app(publisher.folder, tokens=tokens_file(tmp_path / "tokens.json", all=["*"]))
    asked = {(method, rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"OPTIONS"}}
    client, opened = app.test_client(), set()
    for method, rule in asked:
        answer = client.open(rule.replace("<service>", "pairs"), method=method)
        if answer.status_code != 401:
            assert answer.status_code == 200
            opened.add(rule)
    assert opened == {"/health", "/ready", "/ready/<service>"}


def test_an_extension_as_the_docs_have_it(make_app, publisher, tmp_path, monkeypatch):
    page = (ROOT / "docs/http-api.md").read_text().partition("## Extensions")[2]
    (tmp_path / "an_extension.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1])
    monkeypatch.syspath_prepend(tmp_path)
    tokens = tokens_file(tmp_path / "tokens.json", all=["*"])
    twice = ["an_extension", *EXTENSIONS, "an_extension"]  # which is no error
    client = make_app(publisher.folder, tokens=tokens, extensions=twice).test_client()
    assert client.get("/v1/groups").status_code == 401
    found = client.get("/v1/groups", headers={"Authorization": "Bearer secret-all"})
    assert found.json == ["shipment@1", "warehouse@1", "pair@1", "kinds@1", "old@1"]


def test_an_extension_with_a_middleware_that_answers_itself(make_app, publisher, tmp_path, monkeypatch):
    (tmp_path / "a_middleware.py").write_text(
        "def init_app(app):\n    app.wsgi_app = lambda environ, start: [start('204 NO CONTENT', [])][1:]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    client = make_app(publisher.folder, extensions=["a_middleware"]).test_client()
    assert client.get("/").status_code == 204


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "No module named 'nowhere'"), ("json", "no attribute")])
def test_what_is_no_extension_is_refused_before_the_start(publisher, name, reason):
    ended = run("--folder", publisher.folder, "--extensions", name)
    assert ended.returncode == 2
    assert f"asof serve: --extensions {name}: " in ended.stderr
    assert reason in ended.stderr
