"""The thin Flask shim of asof: it serves published snapshots over HTTP.

It knows snapshots and services, never a feature's meaning: rows are looked up in memory, and the SQL text of
the manifest is run over them. Start reading at `app.py`; a request goes validation -> evaluate -> app.
"""
