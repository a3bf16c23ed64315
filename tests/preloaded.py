"""What every dbt command does first: it imports dbt, parses and compiles the macros of dbt and of the package, makes
JSON schemas and the code that reads and writes its manifest, and loads the locale by which it guesses types.

The test commands are forked from a process that has imported this and done nothing else (see forks.py); it halves the
time that they take. Nothing is faked: all is kept in dbt's own caches, by text or by class. The trees of macros are
in those that dbt has for its own tests.
"""

import gc
import inspect
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import dbt.cli.main
import dbt.include.duckdb
import dbt.include.global_project
import dbt.task.build
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.artifacts.resources.v1.components import Contract
from dbt.artifacts.resources.v1.config import NodeConfig, TestConfig
from dbt.artifacts.resources.v1.model import ModelConfig
from dbt.artifacts.resources.v1.source_definition import SourceConfig
from dbt.clients.jinja_static import statically_extract_macro_calls
from dbt.contracts.graph import nodes, unparsed
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt.plugins.manager import PluginManager
from dbt_common.clients.agate_helper import build_type_tester
from dbt_common.clients.jinja import extract_toplevel_blocks, parse, template_cache
from dbt_common.dataclass_schema import dbtClassMixin
from dbt_common.tests import enable_test_caching

FOLDERS = [
    Path(dbt.include.global_project.__path__[0]) / "macros",
    Path(dbt.include.duckdb.__path__[0]) / "macros",
    Path(__file__).resolve().parent.parent / "macros",
]


def compile_macros() -> None:
    kinds = {"macro", "materialization", "test", "data_test"}
    for folder in FOLDERS:
        for path in folder.rglob("*.sql"):
            for block in extract_toplevel_blocks(path.read_text(), allowed_blocks=kinds, collect_raw_data=False):
                parse(block.full_block)
                statically_extract_macro_calls(block.full_block, {})
                template_cache.get_node_template(SimpleNamespace(macro_sql=block.full_block))


def subclasses(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


# What dbt validates against its JSON schema in every command; it makes each schema as it is first needed.
VALIDATED = [
    *(ProjectFlags, ProfileConfig, Project, PackageConfig, SelectorFile, Configuration),
    *(ModelConfig, NodeConfig, TestConfig, SourceConfig, Contract, DuckDBCredentials),
    *(nodes.ModelNode, nodes.HookNode, nodes.GenericTestNode),
    *(unparsed.UnparsedSourceDefinition, unparsed.UnparsedModelUpdate),
]

enable_test_caching()
compile_macros()
for kind in VALIDATED:
    kind.json_schema()
for kind in {*subclasses(dbtClassMixin)}:
    # the code that reads and writes an object of a class is made for the first one; of these there are none here
    with suppress(Exception):
        kind.from_dict({})
    with suppress(Exception):
        object.__new__(kind).to_dict()
Manifest.from_msgpack(Manifest().to_msgpack())
PluginManager.get_prefixed_modules()
build_type_tester([])
inspect.stack()  # dbt asks for it as it starts, and the first time all sources are searched
gc.collect()
gc.freeze()  # a collection in a command would look at all of this again, and copy the memory that it shares
