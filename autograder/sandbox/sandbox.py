"""What every sandbox has, however it was made: a first process, a core, and what it uses."""

import contextlib
import multiprocessing
import os
import select
import signal
from collections import Counter
from pathlib import Path

from autograder.machine import Usage, descent, take_core, usage_of
from autograder.sandbox import program

SCRATCH = "/tmp"
MEMORY_FOLDERS = (SCRATCH, "/dev/shm")
"""Folders that are file systems in memory."""
# What the kernel needs for one of these (bytes). docs/design.md says where the numbers are from.
_FILE_BYTES = 1_300
_SOCKET_BYTES = 2 * 212_992


class CannotStart(RuntimeError):
    """There is no sandbox; the message is what bubblewrap or the kernel said."""


class SandboxLost(RuntimeError):
    """Something outside has ended a sandbox: no fault of the submission."""


class Sandbox:
    """A sandbox with a first process (`pid`), which ends after all others."""

    user: int | None = None  # that the program has to become first, if it starts as root
    stderr = ""  # of the program that makes the sandbox, known after `kill`

    def __init__(self) -> None:
        self._resources = contextlib.ExitStack()
        self._first: int | None = None
        self._core: int | None = None

    def _found(self, pid: int) -> None:
        self.pid = pid
        self._first = os.pidfd_open(pid)
        self._resources.callback(os.close, self._first)
        self._memory_of_first = usage_of(pid).memory  # it waits for the others

    def pin(self) -> None:
        """Keep all threads on one core, which is their own if one is free."""
        if self._core is None:
            self._core = take_core(self._resources)
        for process in descent(self.pid):
            with contextlib.suppress(OSError):  # threads come and go
                for thread in os.listdir(f"/proc/{process}/task"):
                    os.sched_setaffinity(int(thread), {self._core})

    def usage(self) -> Usage:
        """Return what is in use now."""
        found = [usage_of(process) for process in descent(self.pid)]
        memory, threads, seconds = map(sum, zip(*found, strict=True))
        memory -= self._memory_of_first
        for folder in MEMORY_FOLDERS:
            with contextlib.suppress(OSError):
                space = os.statvfs(f"/proc/{self.pid}/root{folder}")
                memory += (space.f_blocks - space.f_bfree) * space.f_frsize
                memory += (space.f_files - space.f_ffree) * _FILE_BYTES
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/net/unix", "rb") as sockets:
            memory += (sum(1 for _ in sockets) - 1) * _SOCKET_BYTES  # below a headline
        return Usage(memory, threads, seconds)

    def is_largest(self) -> bool:
        """Whether no other sandbox of these workers uses more memory."""
        parent = multiprocessing.parent_process()
        sizes: Counter[str] = Counter()
        for process in descent(parent.pid if parent else os.getpid()):
            with contextlib.suppress(OSError):
                if (
                    Path(f"/proc/{process}/oom_score_adj").read_text()
                    == f"{program.STUDENT_SCORE}\n"
                ):
                    sizes[os.readlink(f"/proc/{process}/ns/pid")] += usage_of(process).memory
        own = {os.readlink(f"/proc/{process}/ns/pid") for process in descent(self.pid)}
        return not sizes or max(sizes, key=sizes.get) in own

    def kill(self) -> None:
        """End every process; the first one ends only after the kernel has ended all others."""
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            poll = select.poll()
            poll.register(self._first, select.POLLIN)
            poll.poll()
            self._first = None
        self._resources.close()
