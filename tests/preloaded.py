"""What every dbt command does first: it imports dbt, compiles the macros of dbt and of the package, makes JSON schemas.

The test commands are forked from a process that has imported this and done nothing else (see world.py); it halves the
time that they take. Nothing is faked: the templates are keyed by their text, as in dbt's own cache.
"""

import inspect
from pathlib import Path
from types import SimpleNamespace

import dbt.adapters.duckdb.credentials
import dbt.cli.main
import dbt.include.duckdb
import dbt.include.global_project
import dbt.task.build
from dbt.artifacts.resources.v1.components import Contract
from dbt.artifacts.resources.v1.config import NodeConfig, TestConfig
from dbt.artifacts.resources.v1.model import ModelConfig
from dbt.artifacts.resources.v1.source_definition import SourceConfig
from dbt.contracts.graph import nodes, unparsed
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt_common.clients.jinja import extract_toplevel_blocks, template_cache

FOLDERS = [
    Path(dbt.include.global_project.__path__[0]) / "macros",
    Path(dbt.include.duckdb.__path__[0]) / "macros",
    Path(__file__).resolve().parent.parent / "macros",
]


def compile_macros() -> None:
    for folder in FOLDERS:
        for path in folder.rglob("*.sql"):
            kinds = {"macro", "materialization", "test", "data_test"}
            for block in extract_toplevel_blocks(path.read_text(), allowed_blocks=kinds, collect_raw_data=False):
                template_cache.get_node_template(SimpleNamespace(macro_sql=block.full_block))


# What dbt validates against its JSON schema in every command; it makes each schema as it is first needed.
VALIDATED = [
    *(ProjectFlags, ProfileConfig, Project, PackageConfig, SelectorFile, Configuration),
    *(ModelConfig, NodeConfig, TestConfig, SourceConfig, Contract, dbt.adapters.duckdb.credentials.DuckDBCredentials),
    *(nodes.ModelNode, nodes.HookNode, nodes.GenericTestNode),
    *(unparsed.UnparsedSourceDefinition, unparsed.UnparsedModelUpdate),
]

compile_macros()
for kind in VALIDATED:
    kind.json_schema()
Manifest.from_msgpack(Manifest().to_msgpack())
inspect.stack()  # dbt asks for it as it starts, and the first time all sources are searched
