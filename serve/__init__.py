"""The thin Flask shim of asof: it serves published snapshots over HTTP. Installed, it is `asof.serve`.

It knows snapshots and services, never a feature's meaning: rows are looked up in memory, and the SQL text of the
manifest is run over them.

A request:   server (granian) -> app (routes) -> shim.ask: token, limits, validation, then shim.answer: what the build
             published (published_answers), else evaluate, which batches (batching), looks rows up (lookup) and runs
             the SQL -> shim (the JSON, request_log, metrics)
A snapshot:  folder (watches current.json) -> loader (files against hashes) -> columns (tables in memory)
             -> snapshot (groups and services) -> evaluate (plans) -> folder (the swap: a Publication)

For people: metrics, from the snapshot and from what builds leave beside it (reports).
Extensions: the OpenAPI document, the catalog and Feast's protocol are modules of asof/extensions, whose __init__ says
            what an extension is.

To add a route: an extension; or `app._register`, a method of `shim.Shim`, asof/extensions/templates/openapi.json.
To add a type: the docstring of sqltypes says where.
To add an option: `OPTIONS` in settings.
The shim evaluates with DuckDB, whatever engine built: what engines do differently is in macros/engine, never here.
Imports point one way: snapshot, then evaluation, then HTTP (tests/test_imports.py has the list of modules).
"""
