"""What every dbt command does first: it imports dbt, compiles the macros of dbt and of the package, makes JSON schemas
and what reads its manifest, and loads the locale by which it guesses types.

The test commands are forked from a process that has imported this and done nothing else (see world.py); it halves the
time that they take. Nothing is faked: the templates are keyed by their text, as in dbt's own cache.
"""

import gc
import inspect
from contextlib import suppress
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
from dbt_common.clients.agate_helper import build_type_tester
from dbt_common.clients.jinja import extract_toplevel_blocks, template_cache
from mashumaro.exceptions import MissingField

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

# What a manifest holds: the code that reads each kind is made as the first one is read.
IN_MANIFEST = [nodes.ModelNode, nodes.HookNode, nodes.GenericTestNode, nodes.SourceDefinition, nodes.Macro]

compile_macros()
for kind in VALIDATED:
    kind.json_schema()
for kind in IN_MANIFEST:
    with suppress(MissingField):  # of which there are none here
        kind.from_dict({})
Manifest.from_msgpack(Manifest().to_msgpack())
build_type_tester([])
inspect.stack()  # dbt asks for it as it starts, and the first time all sources are searched
gc.collect()
gc.freeze()  # a collection in a command would look at all of this again, and copy the memory that it shares
