"""What every sandbox has, however it was made: a first process, a core, and what it uses."""

import contextlib
import multiprocessing
import os
import select
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from autograder.sandbox import program

SCRATCH = "/tmp"
MEMORY_FOLDERS = (SCRATCH, "/dev/shm")
"""Folders that are file systems in memory."""
_CORE_LOCK = "\0autograder-core-"  # an abstract name, which is no file
_GROUP = Path("/sys/fs/cgroup")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
# What the kernel needs for one of these (bytes). docs/design.md says where the numbers are from.
_FILE_BYTES = 1_300
_SOCKET_BYTES = 2 * 212_992
_MAPPING_BYTES = 400
_MAPPINGS_READ, _MAPPINGS_MOST = 3_000, 65_530  # vm.max_map_count


class CannotStart(RuntimeError):
    """There is no sandbox; the message is what bubblewrap or the kernel said."""


class SandboxLost(RuntimeError):
    """Something outside has ended a sandbox: no fault of the submission."""


class Usage(NamedTuple):
    """What the processes of a sandbox use together."""

    memory: int  # bytes, files in memory and sockets included
    threads: int
    seconds: float  # of processor time, that of ended children included


class Sandbox:
    """A sandbox with a first process (`pid`), which ends after all others."""

    user: int | None = None  # that the program has to become first, if it starts as root
    stderr = ""  # of the program that makes the sandbox, known after `kill`

    def __init__(self) -> None:
        self._resources = contextlib.ExitStack()
        self._first: int | None = None

    def _found(self, pid: int) -> None:
        """Keep hold of the first process."""
        self.pid = pid
        self._first = os.pidfd_open(pid)
        self._resources.callback(os.close, self._first)
        self._memory_of_first = _usage_of(pid).memory  # it waits for the others

    def pin(self) -> None:
        """Keep all processes on one core, of its own if one is free; before student code runs."""
        core = _take_core(self._resources)
        for process in _descent(self.pid):
            with contextlib.suppress(OSError):  # some containers forbid it
                os.sched_setaffinity(process, {core})

    def usage(self) -> Usage:
        """Return what is in use now."""
        found = [_usage_of(process) for process in _descent(self.pid)]
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
        for process in _descent(parent.pid if parent else os.getpid()):
            with contextlib.suppress(OSError):
                if (
                    Path(f"/proc/{process}/oom_score_adj").read_text()
                    == f"{program.STUDENT_SCORE}\n"
                ):
                    sizes[os.readlink(f"/proc/{process}/ns/pid")] += _usage_of(process).memory
        own = {os.readlink(f"/proc/{process}/ns/pid") for process in _descent(self.pid)}
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


def free_memory() -> tuple[int, int]:
    """Return the free memory of this machine, or of this container, and what must stay free."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    free, total = fields["MemAvailable"], fields["MemTotal"]
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit
        limit = int((_GROUP / "memory.max").read_text())
        cached = dict(map(str.split, (_GROUP / "memory.stat").read_text().splitlines()))
        used = int((_GROUP / "memory.current").read_text()) - int(cached["inactive_file"])
        free, total = min(free, limit - used), min(total, limit)
    return free, total // 8


def _take_core(resources: contextlib.ExitStack) -> int:
    """Return a core that no other sandbox has, or one of all if there is none.

    The name of a Unix socket is the lock: it goes with its process.
    """
    cores = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(cores)
    for core in cores[first:] + cores[:first]:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"{_CORE_LOCK}{core}")
        except OSError:
            lock.close()
        else:
            resources.callback(lock.close)
            return core
    return cores[first]


def _usage_of(process: int) -> Usage:
    """What one process uses; nothing if it has ended meanwhile."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path(f"/proc/{process}/status").read_text(errors="replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        memory = sum(
            int(fields[name].split()[0]) * 1024
            for name in ("VmRSS", "VmSwap", "VmPTE")
            if name in fields  # a process that is ending has none
        )
        with contextlib.suppress(OSError):
            memory += _mappings(process) * _MAPPING_BYTES
        times = Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2].split()[11:15]
        return Usage(memory, int(fields["Threads"]), sum(map(int, times)) / _TICKS)
    return Usage(0, 0, 0.0)


def _mappings(process: int) -> int:
    """Number of mappings; where there are very many, the largest possible number."""
    count = 0
    with open(f"/proc/{process}/maps", "rb") as file:
        while part := file.read(2**16):
            count += part.count(b"\n")
            if count > _MAPPINGS_READ:
                return _MAPPINGS_MOST
    return count


def _descent(pid: int) -> Iterator[int]:
    """Numbers of a process and its descendants."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting += map(int, children.split())
