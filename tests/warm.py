"""An environment for tests that run commands from a shell or a script: its `dbt` is forked from what world.py forks its
commands from, so that dbt is imported and its macros are parsed once.
"""

from __future__ import annotations

import json
import shutil
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
def warm_environment(folder: Path) -> Iterator[Path]:
    """The `bin` of a virtual environment that is this one in all but its `dbt`. It works as long as the block."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").symlink_to(Path(sys.prefix) / "lib")
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", folder)
    (folder / "bin" / "python").symlink_to(sys.executable)
    command, address = folder / "bin" / "dbt", folder / "socket"
    command.write_text(COMMAND.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    with ThreadingUnixStreamServer(str(address), Runner) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder / "bin"
        server.shutdown()
