"""Parses the project with every check dbt has: warnings are errors, and so is each deprecation.

dbt 1.11 skips most deprecation checks for adapters it does not list; DuckDB is added to the list here.
"""

import sys

import dbt.jsonschemas.jsonschemas as jsonschemas
from dbt.cli.main import dbtRunner

supported = jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS
jsonschemas._JSONSCHEMA_SUPPORTED_ADAPTERS = type(supported)([*supported, "duckdb"])

found = []


def watch(event) -> None:
    name = event.info.name
    if event.info.level == "warn" or "Deprecat" in name:
        found.append(f"{name}: {event.info.msg}")


result = dbtRunner(callbacks=[watch]).invoke(
    ["--quiet", "parse", "--no-partial-parse", "--show-all-deprecations", *sys.argv[1:]]
)
if found or not result.success:
    print("\n".join(found) or result.exception)
    sys.exit(f"strict parse: {len(found)} warnings and deprecations")
print("strict parse: 0 warnings, 0 deprecations")
