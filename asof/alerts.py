"""What the builds found of the data's health: a line of JSON on standard output, and one for the user's command."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from .serve.reports import read_health

COMMAND_SECONDS = 60.0  # for one finding; then it is ended, and tried again after the next round


class Alerts:
    """Tells of each standing finding once: on standard output once per process, to the command once at all."""

    def __init__(self, folder: Path, told: Path, command: str | None, seconds: float = COMMAND_SECONDS) -> None:
        """folder: the published one. told: the file in which the ids are kept that the command took, one a line.
        command: as a shell takes it, run with the finding on its standard input; none: standard output only.
        """
        self._folder = folder
        self._told = told
        self._command = command
        self._seconds = seconds
        self._printed: set[str] = set()

    def tell(self) -> None:
        """Looks at the findings that stand, and tells of those that are new and no part of another. What fails is said
        on standard error.
        """
        findings = [each for each in read_health(self._folder)["findings"] if not each.get("part_of")]
        lines = {each["id"]: json.dumps(each, ensure_ascii=False) for each in findings}
        for id_, line in lines.items():
            if id_ not in self._printed:
                print(line, flush=True)
        self._printed |= lines.keys()
        if self._command and lines:
            self._hand_over(lines, self._command)

    def _hand_over(self, lines: dict[str, str], command: str) -> None:
        """Runs the command for each that it did not take yet, up to the first that fails."""
        with self._told.open("a+") as told:
            try:
                fcntl.flock(told, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another loop of the project is at it
            told.seek(0)
            taken = set(told.read().split())
            for id_ in (each for each in lines if each not in taken):
                if why := self._failure(command, lines[id_]):
                    print(
                        f"loop: --on-alert {why} for the finding {id_}; next try after the next round", file=sys.stderr
                    )
                    return
                told.write(f"{id_}\n")
                told.flush()

    def _failure(self, command: str, line: str) -> str | None:
        """Runs the command with the line on its standard input; why it failed, if it did."""
        # A process group of its own: Ctrl-C in a terminal is for the loop, and all of it is ended if it hangs
        process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, text=True, start_new_session=True)
        try:
            process.communicate(f"{line}\n", timeout=self._seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"took longer than {self._seconds:.0f} s"
        except BrokenPipeError:  # it ended without reading
            process.wait()
        return f"exited with {process.returncode}" if process.returncode else None
