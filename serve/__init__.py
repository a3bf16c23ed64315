"""The thin Flask shim of asof: it serves published snapshots over HTTP. Installed, it is `asof.serve`.

It knows snapshots and services, never a feature's meaning: rows are looked up in memory, and the SQL text of the
manifest is run over them.

A request:   server (granian) -> app (routes) -> shim (token, limits, answer) -> validation -> evaluate, which batches
             (batching), looks rows up (lookup) and runs the SQL; or answers, those that the build published
             -> shim (the JSON, request_log, metrics)
A snapshot:  folder (watches current.json) -> loader (files against hashes) -> columns (tables in memory)
             -> snapshot (groups and services) -> evaluate (plans) -> folder (the swap)

For people: catalog, openapi and metrics, from the snapshot and from what builds leave beside it (reports).

To add a route: `app._register_routes` or `_register_pages`, a method of `shim.Shim`, and templates/openapi.json.
To add a type: `_ALL` in sqltypes, and macros/base/column_types.sql for the build.
To add an option: `OPTIONS` in settings.
The shim evaluates with DuckDB, whatever engine built: what engines do differently is in macros/engine, never here.
Imports point one way: snapshot, then engine, then HTTP (tests/test_imports.py has the list of modules).
"""
