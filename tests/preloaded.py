"""What every dbt command does first: importing dbt, and compiling the macros of dbt and of the package.

The test commands are forked from a process that has imported this and done nothing else (see world.py); it halves the
time that they take. Nothing is faked: the templates are keyed by their text, as in dbt's own cache.
"""

from pathlib import Path
from types import SimpleNamespace

import dbt.adapters.duckdb
import dbt.cli.main
import dbt.include.duckdb
import dbt.include.global_project
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


compile_macros()
