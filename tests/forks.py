"""dbt commands, each forked from one process that has imported dbt and compiled its macros (preloaded.py).

Importing and compiling takes longer than most commands do. All processes of a test run share that process: the first
starts it, and those that it starts find it by the environment. It ends with the one that started it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "TESTS_FORKS"
SIZE = 4  # of a number that the process sends: of the command's process, then its exit code

COMMAND = """#!{python} -IS
import json, os, socket, sys, tempfile
with tempfile.NamedTemporaryFile("r") as log, socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), log.name]).encode() + b"\\n")
    server.recv({size})
    code = int.from_bytes(server.recv({size}), "little", signed=True)
    print(log.read(), end="")
sys.exit(code)
"""


def address() -> str:
    """The Unix socket of the process, which is started if there is none yet."""
    if ADDRESS not in os.environ:
        folder = tempfile.mkdtemp(prefix="asof-forks-")
        os.environ[ADDRESS] = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.environ[ADDRESS])
            listener.listen(64)
            # dbt makes locks, which a process that ends at once leaves to the system
            quiet = ["-W", "ignore::UserWarning:multiprocessing.resource_tracker"]
            command = [sys.executable, *quiet, "-m", "tests.forks", str(listener.fileno())]
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])

        @atexit.register
        def end() -> None:
            process.communicate()
            shutil.rmtree(folder)

    return os.environ[ADDRESS]


class Forked:
    """A dbt command that has begun, in a process group of its own; what it prints goes to a file.

    exitcode: None while it runs, negative after a signal. It dies with this process, however that ends: one that
    stands at a fault point would wait for ever.
    """

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address())
        self._socket.sendall(json.dumps([arguments, str(folder), environment, str(log)]).encode() + b"\n")
        self.pid = self._received()
        self.exitcode: int | None = None

    def _received(self) -> int:
        number = self._socket.recv(SIZE)
        assert number, "the process that dbt commands are forked from has ended"
        return int.from_bytes(number, "little", signed=True)

    def join(self, timeout: float | None = None) -> None:
        """Waits for its end, or some seconds."""
        if self.exitcode is None and select.select([self._socket], [], [], timeout)[0]:
            self.exitcode = self._received()
            self._socket.close()

    def is_alive(self) -> bool:
        self.join(timeout=0)
        return self.exitcode is None


def warm_environment(folder: Path) -> Path:
    """The `bin` of a virtual environment that is this one in all but its `dbt`, which is such a command.

    For tests that run commands from a shell or a script.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").symlink_to(Path(sys.prefix) / "lib")
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", folder)
    (folder / "bin" / "python").symlink_to(sys.executable)
    command = folder / "bin" / "dbt"
    command.write_text(COMMAND.format(python=sys.executable, address=address(), size=SIZE))
    command.chmod(0o755)
    return folder / "bin"


# ---- the process


def serve(listener: socket.socket) -> None:
    """Forks a command for each connection, until standard input ends."""
    running: dict[int, socket.socket] = {}

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with running.pop(ended[0]) as connection, suppress(OSError):  # those who asked may have gone
                    connection.sendall(os.waitstatus_to_exitcode(ended[1]).to_bytes(SIZE, "little", signed=True))

    signal.signal(signal.SIGCHLD, reap)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        request = connection.makefile().readline()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        if not (pid := os.fork()):
            run(connection, *json.loads(request))
        running[pid] = connection
        with suppress(OSError):
            connection.sendall(pid.to_bytes(SIZE, "little", signed=True))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def run(connection: socket.socket, arguments: list[str], folder: str, environment: dict[str, str], log: str) -> None:
    """What the console script `dbt` does. Does not return."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        os.setsid()
        threading.Thread(target=die_with, args=[connection], daemon=True).start()
        with open(log, "w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        gc.disable()  # it ends in seconds, and collections are a seventh of its work
        from dbt.cli.main import cli

        cli(["--no-use-colors", *arguments], prog_name="dbt")
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def die_with(connection: socket.socket) -> None:
    """Waits in a thread until those who asked are gone, then ends this process group."""
    connection.recv(1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    import tests.preloaded  # noqa: F401

    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)
