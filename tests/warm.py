"""The command `dbt` for tests that run it from a shell or a script: forked from what world.py forks its commands from.

It takes half of the processor time, since dbt is imported and its macros are parsed once.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

from tests.world import PROCESSES, run_dbt

COMMAND = """#!{python} -IS
import json, os, socket, sys, tempfile
with tempfile.NamedTemporaryFile("r") as log, socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), log.name]).encode() + b"\\n")
    code = server.makefile().readline()
    print(log.read(), end="")
sys.exit(int(code))
"""


class Runner(StreamRequestHandler):
    def handle(self) -> None:
        arguments, folder, environment, log = json.loads(self.rfile.readline())
        process = PROCESSES.Process(target=run_dbt, args=(arguments, Path(folder), environment, Path(log)), daemon=True)
        process.start()
        process.join()
        self.wfile.write(f"{process.exitcode}\n".encode())


@contextmanager
def warm_dbt(folder: Path) -> Iterator[Path]:
    """The path of the command, in a new folder. It works as long as the block."""
    folder.mkdir()
    command, address = folder / "dbt", folder / "socket"
    command.write_text(COMMAND.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    with ThreadingUnixStreamServer(str(address), Runner) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield command
        server.shutdown()
