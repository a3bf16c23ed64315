"""The limit: a Flask application that answers constant bytes, on the shim's own server. `python bare.py`."""

import multiprocessing
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asof.serve.limits import THREADS
from asof.serve.server import announce, free_port
from flask import Flask, Response, request

CONSTANT = b"x" * 2**20

app = Flask("bare", static_folder=None)


@app.get("/health")
def health() -> str:
    return "up"


@app.post("/<int:size>")
def answer(size: int) -> Response:
    request.get_data(cache=False)
    return Response(CONSTANT[:size], content_type="application/json")


if __name__ == "__main__":
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    multiprocessing.set_start_method("spawn")
    port = free_port("127.0.0.1", 0)
    line = f"bare on http://127.0.0.1:{port}"
    threading.Thread(target=announce, args=["127.0.0.1", port, line], daemon=True).start()
    Granian(
        "benchmarks.bare:app",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        blocking_threads=THREADS,
        log_level=LogLevels.error,  # it warns of any number of threads above that of cores
    ).serve()
