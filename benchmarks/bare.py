"""The limit: a Flask application that answers constant bytes, on the shim's own server. `python bare.py BYTES`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flask import Flask, Response, request
from granian import Granian
from granian.constants import Interfaces

from serve.__main__ import CONNECTIONS, _free_port

app = Flask("bare", static_folder=None)


@app.post("/<int:size>")
def answer(size: int) -> Response:
    request.get_data(cache=False)
    return Response(CONSTANT[:size], content_type="application/json")


CONSTANT = b"x" * 2**20

if __name__ == "__main__":
    port = _free_port("127.0.0.1", 0)
    print(f"bare on http://127.0.0.1:{port}", flush=True)
    options = {"address": "127.0.0.1", "port": port, "interface": Interfaces.WSGI, "log_level": "warning"}
    Granian("benchmarks.bare:app", blocking_threads=CONNECTIONS, **options).serve()
