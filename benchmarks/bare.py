"""The limit: a Flask application that answers constant bytes, on the shim's own server. `python bare.py`.

It runs on the thread that reads from the connections, as what the shim answers at once does: to hand requests to
threads, as the shim does for other routes of Flask, would make it slower.
"""

import io
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvicorn
from flask import Flask, Response, request

from serve.front import call_wsgi, make_environ, rest_of_environ

CONSTANT = b"x" * 2**20

app = Flask("bare", static_folder=None)


@app.post("/<int:size>")
def answer(size: int) -> Response:
    request.get_data(cache=False)
    return Response(CONSTANT[:size], content_type="application/json")


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    environ = make_environ(scope["method"], scope["raw_path"], scope["headers"], scope["client"])
    environ |= rest_of_environ(scope)
    environ["wsgi.input"] = io.BytesIO((await receive())["body"])
    told = call_wsgi(app, environ)
    await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
    await send({"type": "http.response.body", "body": told.body})


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"bare on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        options: dict[str, Any] = {"http": "httptools", "loop": "uvloop", "ws": "none", "lifespan": "off"}
        options |= {"proxy_headers": False, "server_header": False, "access_log": False, "log_level": "warning"}
        uvicorn.Server(uvicorn.Config(bare, **options)).run([listener])
