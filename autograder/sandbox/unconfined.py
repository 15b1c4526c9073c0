"""Start a Python program without a sandbox: for people who trust their class."""

import contextlib
import os
import signal
from pathlib import Path

from autograder.sandbox import bubblewrap


class Unconfined:
    """A program that has all rights of this process; the interface is that of `Bubblewrap`."""

    user = None
    said = ""

    def __init__(self, program: Path, channel: int) -> None:
        command = bubblewrap.python_command(str(program), channel)
        self._process = bubblewrap.start_process(command, [channel], None)

    def usage(self) -> tuple[int, int]:
        """Return memory (bytes) and number of threads."""
        return bubblewrap.usage_of(self._process.pid)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code if the program ends within some seconds."""
        return bubblewrap.exit_code(self._process, seconds)

    def kill(self) -> None:
        """End the program and the processes that it has not sent elsewhere."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
