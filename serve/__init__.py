"""The thin Flask shim of asof: it serves published snapshots over HTTP. Installed, it is `asof.serve`.

It knows snapshots and services, never a feature's meaning: rows are looked up in memory, and the SQL text of
the manifest is run over them. A request goes server -> app -> shim -> validation ->
evaluate (lookup, batching, DuckDB); a snapshot goes folder -> loader -> manifest and columns -> evaluate (plans).
"""
